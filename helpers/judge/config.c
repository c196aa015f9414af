#include <string.h>

#include <bsd/string.h>

#include "judge.h"

/* Whether an operation on an existing instance has nothing to do is decided
 * on main.cf as it stands; the actor then writes nothing. */

static enum err
judge_init(struct judge *j, struct verdict *v, struct why *why)
{
	char raw[1024];

	if (!j->caller->root)
		return why_set(why, ERR_DENIED, "init is root's");
	(void)strlcpy(v->rule, "root", sizeof(v->rule));
	v->primary = v->config = j->primary;
	(void)strlcpy(v->command_directory, j->site.command_directory,
	    sizeof(v->command_directory));
	v->unchanged = maincf_raw(&j->primary_cf, "multi_instance_wrapper", raw,
			   sizeof(raw), NULL) == ERR_OK &&
	    strcmp(raw, site_wrapper(v->command_directory)) == 0 &&
	    maincf_raw(&j->primary_cf, "multi_instance_enable", raw,
		sizeof(raw), NULL) == ERR_OK &&
	    strcmp(raw, "yes") == 0;
	return ERR_OK;
}

/* Section 9's parameters of one instance, to those who may know. */
static enum err
judge_read(struct judge *j, struct verdict *v, struct why *why)
{
	const char *pos = j->list, *entry;
	struct facts *f = &v->facts;
	struct seen s = {.in = j->site.primary, .config = j->primary};
	const struct rule *by = NULL;
	struct object o;
	uint32_t count = 0;
	char dir[PATH_SIZE];
	size_t n;

	while ((n = site_next(&pos, &entry)) > 0)
		if (++count == j->frame.index && n < sizeof(dir)) {
			(void)strlcpy(dir, entry, n + 1);
			target_read(j, dir, &s);
		}
	if (j->frame.index > count)
		return why_set(why, ERR_NOTFOUND, "no instance at that index");
	o = target_object(&s.in);
	(void)strlcpy(v->name, s.in.name, sizeof(v->name));
	v->config = s.config;
	if (j->caller->root)
		(void)strlcpy(v->rule, "root", sizeof(v->rule));
	else if (policy_concerns(&j->policy, &j->subject, &o, &by))
		policy_rule_place(&j->policy, by, v->rule, sizeof(v->rule));
	else
		return why_set(why, ERR_DENIED,
		    "no rule speaks about that instance");
	if (s.err != ERR_OK)
		return why_set(why, s.err, "%s", s.why.text);
	f->count = count;
	f->enabled = s.in.enabled;
	(void)strlcpy(f->dir, s.in.dir, sizeof(f->dir));
	(void)strlcpy(f->queue, s.in.queue, sizeof(f->queue));
	(void)strlcpy(f->data, s.in.data, sizeof(f->data));
	(void)strlcpy(f->name, s.in.name, sizeof(f->name));
	(void)strlcpy(f->group, s.in.group, sizeof(f->group));
	return ERR_OK;
}

/* --- on an instance that exists ------------------------------------------ */

static enum err
judge_toggle(struct judge *j, struct verdict *v, struct why *why, bool enable)
{
	struct seen s;
	struct object o;
	enum err e;

	if ((e = target_find(j, &j->frame.sel, &s, v, why)) != ERR_OK)
		return e;
	o = target_object(&s.in);
	if ((e = permit_allow(j, enable ? ACTION_ENABLE : ACTION_DISABLE, &o, v,
		 why)) != ERR_OK)
		return e;
	/* The way back after the primary itself was disabled. */
	if (!(enable && s.in.primary && j->site.wrapper[0] != '\0') &&
	    (e = target_ready(j, why)) != ERR_OK)
		return e;
	if ((e = trust_check(j, &s, why)) != ERR_OK)
		return e;
	if (s.err != ERR_OK)
		return why_set(why, s.err, "%s", s.why.text);
	v->unchanged = s.in.enabled == enable;
	e = target_idle(s.in.dir, why);
	return e != ERR_OK ? e : target_editable(s.in.dir, why);
}

static enum err
judge_enable(struct judge *j, struct verdict *v, struct why *why)
{
	return judge_toggle(j, v, why, true);
}

static enum err
judge_disable(struct judge *j, struct verdict *v, struct why *why)
{
	return judge_toggle(j, v, why, false);
}

/* "" leaves, "-" clears. */
static const char *
changed(const char *now, const char *new)
{
	return new[0] == '\0' ? now : strcmp(new, "-") == 0 ? "" : new;
}

static enum err
judge_assign(struct judge *j, struct verdict *v, struct why *why)
{
	const struct frame *f = &j->frame;
	struct record none = {0};
	struct object from, to;
	struct seen s;
	enum err e;

	if ((e = target_find(j, &f->sel, &s, v, why)) != ERR_OK)
		return e;
	if (s.err != ERR_OK)
		return why_set(why, s.err, "%s", s.why.text);
	from = target_object(&s.in);
	to.name = changed(s.in.name, f->name);
	to.group = changed(s.in.group, f->group);
	to.primary = s.in.primary;
	(void)strlcpy(v->new_name, f->name, sizeof(v->new_name));
	(void)strlcpy(v->new_group, f->group, sizeof(v->new_group));
	if ((e = permit_change(j, ACTION_ASSIGN, &from, &to, v, why)) !=
		ERR_OK ||
	    (e = target_ready(j, why)) != ERR_OK ||
	    (e = target_idle(s.in.dir, why)) != ERR_OK ||
	    (e = target_editable(s.in.dir, why)) != ERR_OK)
		return e;
	v->unchanged = strcmp(to.name, s.in.name) == 0 &&
	    strcmp(to.group, s.in.group) == 0;
	if ((e = trust_check(j, &s, why)) != ERR_OK)
		return e;
	return fresh_unique(j, s.in.dir, to.name, &none, why);
}

/* --- tidy ---------------------------------------------------------------- */

/* The list with each directory once, and without the primary's; unlocking
 * removes what an editor that died left beside main.cf. */
static enum err
judge_tidy(struct judge *j, struct verdict *v, struct why *why)
{
	static char once[LIST_MAX];
	char dir[PATH_SIZE];
	const char *pos = j->list, *entry;
	struct seen s;
	enum err e;
	size_t n;

	if (!j->caller->root)
		return why_set(why, ERR_DENIED, "tidying is root's");
	if ((e = target_find(j, &j->frame.sel, &s, v, why)) != ERR_OK)
		return e;
	(void)strlcpy(v->rule, "root", sizeof(v->rule));
	j->new_list[0] = '\0';
	while ((n = site_next(&pos, &entry)) > 0) {
		if (n >= sizeof(dir))
			return why_set(why, ERR_LIMIT,
			    "multi_instance_directories holds a path that is "
			    "too long, repair main.cf by hand");
		(void)strlcpy(dir, entry, n + 1);
		if (strcmp(dir, j->primary.path) == 0 ||
		    site_list_has(j->new_list, dir)) {
			v->set_list = true;
			continue;
		}
		e = site_list_with(j->new_list, dir, NULL, once, sizeof(once));
		if (e != ERR_OK)
			return why_set(why, e, "the list is too long");
		(void)strlcpy(j->new_list, once, sizeof(j->new_list));
	}
	v->unchanged = !v->set_list;
	v->listlen = v->set_list ? (uint32_t)strlen(j->new_list) : 0;
	return ERR_OK;
}

judge_fn *const config_judges[OP_COUNT] = {
    [OP_INIT] = judge_init,
    [OP_READ] = judge_read,
    [OP_INSTALL] = list_install,
    [OP_REGISTER] = list_register,
    [OP_DEREGISTER] = list_deregister,
    [OP_ASSIGN] = judge_assign,
    [OP_ENABLE] = judge_enable,
    [OP_DISABLE] = judge_disable,
    [OP_REMOVE] = list_remove,
    [OP_TIDY] = judge_tidy,
};
