#include <stdio.h>
#include <string.h>

#include "plan.h"

static const struct plan plans[MODE_COUNT] = {
    [MODE_INIT] = {ACTION_COUNT, {OP_INIT}},
    [MODE_CREATE] = {ACTION_CREATE, {OP_MAKE, OP_INSTALL, OP_REGISTER}},
    [MODE_IMPORT] = {ACTION_IMPORT, {OP_REPAIR, OP_REGISTER}},
    [MODE_ASSIGN] = {ACTION_ASSIGN, {OP_ASSIGN}},
    [MODE_ENABLE] = {ACTION_ENABLE, {OP_ENABLE}},
    [MODE_DISABLE] = {ACTION_DISABLE, {OP_DISABLE}},
    [MODE_DEPORT] = {ACTION_DEPORT, {OP_DEREGISTER}},
    [MODE_DESTROY] = {ACTION_DESTROY, {OP_CLEAR, OP_REMOVE, OP_FINISH}},
    [MODE_POSTFIX] = {ACTION_COUNT, {OP_POSTFIX}},
};

const struct plan *
plan_of(enum mode m)
{
	return plans[m].steps[0] != OP_NONE ? &plans[m] : NULL;
}

void
plan_print(unsigned n, enum op op, const char *detail)
{
	const struct op_info *info = op_info(op);
	const char *step = strchr(info->name, '.');

	(void)printf("%u. %-16s %-10s %s: %s\n", n, helper_name(info->helper),
	    step + 1, info->text, detail);
}
