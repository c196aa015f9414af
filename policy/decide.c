#include <stdio.h>
#include <string.h>

#include "policy.h"

#define ADDING (1u << ACTION_CREATE | 1u << ACTION_IMPORT | 1u << ACTION_ASSIGN)

static bool
has_gid(const gid_t *list, size_t n, gid_t gid)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (list[i] == gid)
			return true;
	return false;
}

/*
 * A process can keep a group that it was removed from: that must not permit.
 * It can also be started without one it has: that must not get it past a
 * deny.
 */
static bool
in_group(const struct rule *r, const struct subject *s, gid_t gid)
{
	return has_gid(s->fresh, s->nfresh, gid) ||
	    (r->deny && has_gid(s->kernel, s->nkernel, gid));
}

static bool
who_matches(const struct policy *p, const struct rule *r,
    const struct subject *s)
{
	const struct policy_group *g;

	/* Without a name nobody's groups can be known either. */
	if (s->name[0] == '\0' && r->who != WHO_UID)
		return r->deny;
	switch (r->who) {
	case WHO_USER: return strcmp(s->name, r->user) == 0;
	case WHO_UID: return s->uid == r->id;
	case WHO_GROUP:
		g = &p->groups[r->group];
		return g->state == GROUP_BOUND && in_group(r, s, g->gid);
	case WHO_GID: return in_group(r, s, r->id);
	}
	return false;
}

static bool
which_matches(const struct rule *r, const struct object *o)
{
	switch (r->which) {
	case WHICH_INSTANCE: return strcmp(r->arg, o->name) == 0;
	case WHICH_PREFIX: return strncmp(r->arg, o->name, strlen(r->arg)) == 0;
	case WHICH_GROUP: return strcmp(r->arg, o->group) == 0;
	case WHICH_PRIMARY: return o->primary;
	case WHICH_ANY: return !o->primary;
	}
	return false;
}

/* Some deny rule's group that has no number: the first such rule. */
static const struct rule *
unbound_deny(const struct policy *p)
{
	size_t i;

	for (i = 0; i < p->nrules; i++)
		if (p->rules[i].deny && p->rules[i].who == WHO_GROUP &&
		    p->groups[p->rules[i].group].state != GROUP_BOUND)
			return &p->rules[i];
	return NULL;
}

enum err
policy_usable(const struct policy *p, struct why *w)
{
	const struct rule *r = unbound_deny(p);
	const struct policy_group *g;
	char place[POLICY_WORD + 16];

	if (r == NULL)
		return ERR_OK;
	g = &p->groups[r->group];
	policy_rule_place(p, r, place, sizeof(place));
	return why_set(w, ERR_DENIED,
	    "%s denies group %s, which %s: until that is mended nobody but "
	    "root may do anything",
	    place, g->name,
	    g->state == GROUP_MISSING ? "doesn't exist" :
					"could not be looked up");
}

void
policy_rule_place(const struct policy *p, const struct rule *r, char *out,
    size_t size)
{
	if (r == NULL)
		(void)snprintf(out, size, "no rule permits it");
	else
		(void)snprintf(out, size, "%s:%u", p->files[r->file], r->line);
}

enum err
policy_refuse(const struct policy *p, const struct rule *by, const char *who,
    enum action a, const char *instance, struct why *w)
{
	char place[POLICY_WORD + 16];

	if (by == NULL)
		return why_set(w, ERR_DENIED,
		    "refused: no rule permits %s to %s %s", who, action_name(a),
		    instance);
	policy_rule_place(p, by, place, sizeof(place));
	return why_set(w, ERR_DENIED, "refused by %s: %s may not %s %s", place,
	    who, action_name(a), instance);
}

bool
policy_permits(const struct policy *p, const struct subject *s, enum action a,
    const struct object *o, const struct rule **by)
{
	const struct rule *r, *found = NULL;
	size_t i;

	if (by != NULL)
		*by = NULL;
	if ((unsigned)a >= ACTION_COUNT || unbound_deny(p) != NULL)
		return false;
	for (i = 0; i < p->nrules; i++) {
		r = &p->rules[i];
		if ((r->actions & 1u << a) != 0 && who_matches(p, r, s) &&
		    which_matches(r, o) &&
		    (found == NULL || (r->deny && !found->deny)))
			found = r;
	}
	if (by != NULL)
		*by = found;
	return found != NULL && !found->deny;
}

bool
policy_concerns(const struct policy *p, const struct subject *s,
    const struct object *o, const struct rule **by)
{
	int a = 0;

	while (a < ACTION_COUNT && !policy_permits(p, s, (enum action)a, o, by))
		a++;
	return a < ACTION_COUNT;
}

/*
 * Whether this caller may put instances into the group that *o is in, or
 * take them out: nobody's selector names it, or a rule of the caller's does.
 */
static bool
controls_group(const struct policy *p, const struct subject *s, enum action a,
    const struct object *o)
{
	const struct rule *r;
	bool named = false;
	size_t i;

	for (i = 0; i < p->nrules; i++) {
		r = &p->rules[i];
		if (r->which != WHICH_GROUP || strcmp(r->arg, o->group) != 0)
			continue;
		named = true;
		if (!r->deny && (r->actions & 1u << a) != 0 &&
		    who_matches(p, r, s))
			return policy_permits(p, s, a, o, NULL);
	}
	return !named;
}

enum err
policy_may_change(const struct policy *p, const struct subject *s,
    enum action a, const struct object *before, const struct object *after,
    struct why *w)
{
	const struct object *const ends[] = {before, after};
	enum err err = policy_usable(p, w);
	int i;

	if (err != ERR_OK)
		return err;
	for (i = 0; i < ACTION_COUNT; i++)
		if (policy_permits(p, s, (enum action)i, after, NULL) &&
		    !policy_permits(p, s, (enum action)i, before, NULL))
			return why_set(w, ERR_DENIED,
			    "afterwards you might %s \"%s\", which you "
			    "may not now",
			    action_name((enum action)i), after->name);
	if (strcmp(before->name, after->name) != 0 &&
	    !policy_permits(p, s, a, after, NULL))
		return why_set(w, ERR_DENIED,
		    "you may not %s an instance called \"%s\"", action_name(a),
		    after->name);
	if (strcmp(before->group, after->group) == 0)
		return ERR_OK;
	for (i = 0; i < 2; i++)
		if (ends[i]->group[0] != '\0' &&
		    !controls_group(p, s, a, ends[i]))
			return why_set(w, ERR_DENIED,
			    "the policy speaks of group %s, and no rule lets "
			    "you %s \"group %s\"",
			    ends[i]->group, action_name(a), ends[i]->group);
	return ERR_OK;
}

enum err
policy_limits(const struct policy *p, const struct subject *s, enum action a,
    const struct object *o, size_t (*count)(void *ctx, const char *prefix),
    void *ctx, struct why *w)
{
	char place[POLICY_WORD + 16];
	const struct rule *r;
	size_t i, n;

	if ((unsigned)a >= ACTION_COUNT || (ADDING & 1u << a) == 0)
		return ERR_OK;
	for (i = 0; i < p->nrules; i++) {
		r = &p->rules[i];
		if (r->limit == 0 || !who_matches(p, r, s) ||
		    !which_matches(r, o))
			continue;
		if ((n = count(ctx, r->arg)) <= r->limit)
			continue;
		policy_rule_place(p, r, place, sizeof(place));
		return why_set(w, ERR_DENIED,
		    "%s allows %u instances whose names begin with %s, and "
		    "there would be %zu",
		    place, r->limit, r->arg, n);
	}
	return ERR_OK;
}
