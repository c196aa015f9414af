#include "proto.h"

static const struct op_info ops[OP_COUNT] = {
#define X(op, nm, h, f, t)                                                     \
	[OP_##op] = {                                                          \
	    .name = nm, .helper = HELPER_##h, .fields = (f), .text = t},
    PROTO_OPS(X)
#undef X
};

static const char *const helpers[HELPER_COUNT] = {
    [HELPER_CONFIG] = "postmulti-config",
    [HELPER_DIRS] = "postmulti-dirs",
    [HELPER_EXEC] = "postmulti-exec",
};

const char *
helper_name(enum helper h)
{
	return helpers[h];
}

const struct op_info *
op_info(unsigned op)
{
	return op > OP_NONE && op < OP_COUNT ? &ops[op] : NULL;
}
