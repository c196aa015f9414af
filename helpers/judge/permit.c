#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "judge.h"

/* What the policy says about an action, a change and a number of instances. */

static const char *
label(const struct object *o)
{
	return o->primary      ? "the primary instance" :
	    o->name[0] != '\0' ? o->name :
				 "an instance without a name";
}

enum err
permit_allow(struct judge *j, enum action action, const struct object *o,
    struct verdict *v, struct why *why)
{
	const char *name =
	    j->caller->name[0] != '\0' ? j->caller->name : "this uid";
	const struct rule *by = NULL;
	bool permitted;

	v->action = action;
	v->rule[0] = '\0';
	if (j->caller->root) {
		(void)strlcpy(v->rule, "root", sizeof(v->rule));
		return ERR_OK;
	}
	permitted = policy_permits(&j->policy, &j->subject, action, o, &by);
	if (by != NULL)
		policy_rule_place(&j->policy, by, v->rule, sizeof(v->rule));
	return permitted ?
	    ERR_OK :
	    policy_refuse(&j->policy, by, name, action, label(o), why);
}

enum err
permit_no_destroy(struct judge *j, struct verdict *v, struct why *why)
{
	struct object o = {j->frame.sel.name, "", false};
	struct why denied;

	if (permit_allow(j, ACTION_DESTROY, &o, v, &denied) == ERR_OK)
		return ERR_NOTFOUND;
	*why = denied;
	return ERR_DENIED;
}

static bool
has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

struct count {
	struct judge *j;
	const char *prefix, *self;
	size_t n;
};

static int
count_instance(void *ctx, const struct seen *s)
{
	struct count *c = ctx;

	if (strcmp(s->in.dir, c->self) != 0)
		c->n += has_prefix(s->in.name, c->prefix);
	return 0;
}

/* A record that is also on the list was counted there. */
static int
count_record(void *ctx, const struct record *r)
{
	struct count *c = ctx;

	if (strcmp(r->config.path, c->self) != 0 &&
	    !site_list_has(c->j->list, r->config.path))
		c->n += has_prefix(r->name, c->prefix);
	return 0;
}

struct limit_ctx {
	struct judge *j;
	const char *self, *name;
};

static size_t
count_prefix(void *ctx, const char *prefix)
{
	struct limit_ctx *l = ctx;
	struct count c = {l->j, prefix, l->self, 0};
	enum err e;
	int dir, seen;

	(void)target_each(l->j, NULL, count_instance, &c);
	/* What can't be counted is too many. */
	e = record_open_existing(&dir, NULL);
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return SIZE_MAX;
	if (e == ERR_OK) {
		seen = record_each(dir, count_record, &c);
		(void)close(dir);
		if (seen == -1)
			return SIZE_MAX;
	}
	return c.n + has_prefix(l->name, prefix);
}

enum err
permit_change(struct judge *j, enum action action, const struct object *from,
    const struct object *to, struct verdict *v, struct why *why)
{
	struct limit_ctx l = {j, v->config.path, to->name};
	enum err e;

	/* What is made anew has to be permitted as it will be; what exists
	 * also as it is. */
	if ((action == ACTION_ASSIGN &&
		(e = permit_allow(j, action, from, v, why)) != ERR_OK) ||
	    (e = permit_allow(j, action, to, v, why)) != ERR_OK ||
	    j->caller->root)
		return e;
	e = policy_may_change(&j->policy, &j->subject, action, from, to, why);
	/* Who keeps the name makes no instance more. */
	if (e != ERR_OK ||
	    (action == ACTION_ASSIGN && strcmp(from->name, to->name) == 0))
		return e;
	return policy_limits(&j->policy, &j->subject, action, to, count_prefix,
	    &l, why);
}

enum err
permit_import(struct judge *j, const struct seen *s, const struct record *r,
    struct verdict *v, struct why *why)
{
	struct object is = {s->in.name, s->in.group, false};
	struct object from = {r->name, "", false};
	struct object to = {r->name, r->group, false};
	enum err e;

	if ((e = permit_change(j, ACTION_IMPORT, &from, &to, v, why)) !=
		ERR_OK ||
	    j->caller->root || s->err != ERR_OK)
		return e;
	/* Root may have renamed it, or locked it by a group, meanwhile. */
	if (s->in.name[0] != '\0' && strcmp(s->in.name, r->name) != 0)
		return why_set(why, ERR_DENIED,
		    "%s: its name is %s now: only root may import it as %s",
		    s->in.dir, s->in.name, r->name);
	if ((e = permit_allow(j, ACTION_IMPORT, &is, v, why)) != ERR_OK)
		return e;
	return policy_may_change(&j->policy, &j->subject, ACTION_IMPORT, &is,
	    &to, why);
}
