#include <string.h>

#include <bsd/string.h>

#include "judge.h"

static enum err
judge_postfix(struct judge *j, struct verdict *v, struct why *why)
{
	const struct frame *f = &j->frame;
	enum action action;
	struct record open;
	struct object o;
	struct seen s;
	enum err e;

	if ((e = target_find(j, &f->sel, &s, v, why)) != ERR_OK)
		return e;
	v->command = f->command == 0 ? ACTION_COUNT : f->command - 1;
	if (j->caller->root) {
		(void)strlcpy(v->rule, "root", sizeof(v->rule));
		return ERR_OK;
	}
	action = (enum action)v->command;
	o = (struct object){s.in.name, s.in.group, s.in.primary};
	if ((e = permit_allow(j, action, &o, v, why)) != ERR_OK ||
	    (e = trust_check(j, &s, why)) != ERR_OK)
		return e;
	if (action == ACTION_START) {
		if (!s.in.enabled)
			return why_set(why, ERR_STATE,
			    "%s is disabled: enable it first", s.in.dir);
		if (target_record(s.in.dir, &open, NULL) == ERR_OK)
			return why_set(why, ERR_STATE,
			    "%s: a %s of it is not finished: run that again "
			    "first",
			    s.in.dir, action_name(open.action));
	}
	if ((e = target_where(s.in.queue, true, &v->queue, why)) != ERR_OK ||
	    (e = target_where(s.in.data, false, &v->data, why)) != ERR_OK)
		return e;
	return files_read(j, v, why);
}

judge_fn *const exec_judges[OP_COUNT] = {[OP_POSTFIX] = judge_postfix};
