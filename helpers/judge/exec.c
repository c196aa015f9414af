#include <string.h>

#include <bsd/string.h>

#include "judge.h"

static enum err
judge_postfix(struct judge *j, struct verdict *v, struct why *why)
{
	const struct frame *f = &j->frame;
	enum action action;
	char parent[PATH_SIZE];
	struct object o;
	struct seen s;
	enum err e;

	if ((e = target_find(j, &f->sel, &s, v, why)) != ERR_OK)
		return e;
	v->command = f->command == 0 ? ACTION_COUNT : f->command - 1;
	/* Whatever else is asked: what is half-made can't be started. */
	v->unfinished = target_idle(s.in.dir, why) != ERR_OK;
	if (j->caller->root) {
		(void)strlcpy(v->rule, "root", sizeof(v->rule));
		if (v->unfinished)
			(void)strlcpy(v->error, why->text, sizeof(v->error));
		return ERR_OK;
	}
	action = (enum action)v->command;
	o = target_object(&s.in);
	if ((e = permit_allow(j, action, &o, v, why)) != ERR_OK ||
	    (e = trust_check(j, &s, why)) != ERR_OK ||
	    (e = trust_programs(j, why)) != ERR_OK)
		return e;
	if (action == ACTION_START && !s.in.enabled)
		return why_set(why, ERR_STATE,
		    "%s is disabled: enable it first", s.in.dir);
	if (action == ACTION_START &&
	    (e = target_idle(s.in.dir, why)) != ERR_OK)
		return e;
	(void)path_split(s.in.data, parent);
	if ((e = target_where(s.in.queue, true, &v->queue, why)) != ERR_OK ||
	    (e = target_where(parent, true, &v->data, why)) != ERR_OK ||
	    (e = target_where(s.in.data, false, &v->data, why)) != ERR_OK)
		return e;
	return files_read(j, v, why);
}

judge_fn *const exec_judges[OP_COUNT] = {[OP_POSTFIX] = judge_postfix};
