#include <string.h>

#include <bsd/string.h>

#include "judge.h"

/* dirs.c's operations on the directories of an instance that is there. */

/* --- destroy ------------------------------------------------------------- */

enum err
destroy_possible(struct judge *j, const char *config, struct why *why)
{
	enum err e = target_lists(j, why);

	if (e == ERR_OK)
		e = target_editable(config, why);
	return e == ERR_OK ? target_editable(j->primary.path, why) : e;
}

enum err
destroy_stopped(struct judge *j, const char *config, struct why *why)
{
	static struct record r;
	char parent[PATH_SIZE];
	bool up;

	memset(&r, 0, sizeof(r));
	r.action = ACTION_DESTROY;
	(void)strlcpy(r.config.path, config, sizeof(r.config.path));
	if (!path_is_clean(config) ||
	    !site_sibling(j->site.primary.queue, path_split(config, parent),
		r.queue.path) ||
	    target_where(r.queue.path, false, &r.queue, why) != ERR_OK ||
	    trust_running(r.queue.path, &up, why) != ERR_OK || !up ||
	    fresh_unique(j, config, "", &r, why) != ERR_OK)
		return ERR_OK;
	return why_set(why, ERR_STATE,
	    "Instance '%s' is not stopped: run \"kill $(cat "
	    "%s/pid/master.pid)\" first",
	    config, r.queue.path);
}

/* Another's destroy holds master(8)'s lock: only ours tells who runs. */
static enum err
running(struct judge *j, const struct record *r, struct why *why)
{
	bool up = false;
	enum err e = ERR_OK;

	if (j->locked && r->queue.path[0] == '\0')
		return destroy_stopped(j, r->config.path, why);
	if (j->locked)
		e = trust_running(r->queue.path, &up, why);
	if (e == ERR_OK && up)
		return why_set(why, ERR_STATE, "Instance '%s' is not stopped",
		    r->config.path);
	return e;
}

/* A directory that others have, too, is not to be removed. To delegates that
 * is a refusal; for root the rest can go, as if it weren't known. */
static enum err
keep_shared(struct judge *j, const char *self, struct record *r,
    struct why *why)
{
	const struct record whole = *r;
	enum err e = fresh_unique(j, self, "", r, why);
	int drop;

	for (drop = 1; e == ERR_CONFLICT && j->caller->root && drop <= 3;
	     drop++) {
		*r = whole;
		if (drop & 1)
			memset(&r->queue, 0, sizeof(r->queue));
		if (drop & 2)
			memset(&r->data, 0, sizeof(r->data));
		e = fresh_unique(j, self, "", r, why);
	}
	return e;
}

/* What an interrupted destroy removed, a start may have made again. */
static void
made_again(struct where *then, const struct where *now)
{
	if (now->ino != 0 && strcmp(then->path, now->path) == 0)
		*then = *now;
}

/* A listed instance: the record that destroying it begins with. */
static enum err
begin_destroy(struct judge *j, const struct seen *s, struct record *r,
    struct why *why)
{
	enum err e;

	if (s->in.primary)
		return why_set(why, ERR_STATE,
		    "Cannot remove the primary instance");
	if (s->err == ERR_OK && s->in.enabled)
		return why_set(why, ERR_STATE,
		    "Cannot remove enabled instances");
	if (!path_is_clean(s->in.dir))
		return why_set(why, ERR_STATE,
		    "%s: is not a usable path: repair "
		    "multi_instance_directories in %s/main.cf",
		    s->in.dir, j->primary.path);
	if ((e = trust_check(j, s, why)) != ERR_OK ||
	    (e = destroy_possible(j, s->in.dir, why)) != ERR_OK)
		return e;
	return destroy_record(j, s, r, why);
}

enum err
destroy_record(struct judge *j, const struct seen *s, struct record *r,
    struct why *why)
{
	struct record open;
	enum err e;

	r->action = ACTION_DESTROY;
	r->uid = j->caller->uid;
	r->config = s->config;
	(void)strlcpy(r->name, s->in.name, sizeof(r->name));
	(void)strlcpy(r->group, s->in.group, sizeof(r->group));
	if (s->err == ERR_OK) {
		e = target_where(s->in.queue, false, &r->queue, why);
		if (e == ERR_OK || e == ERR_NOTFOUND)
			e = target_where(s->in.data, false, &r->data, why);
		if (e != ERR_OK && e != ERR_NOTFOUND)
			return e;
	}
	e = target_record(s->in.dir, &open, why);
	if (e == ERR_OK && open.action != ACTION_DESTROY)
		return target_busy(&open, why);
	if (e == ERR_OK) {
		made_again(&open.queue, &r->queue);
		made_again(&open.data, &r->data);
		*r = open;
	} else if (e != ERR_NOTFOUND)
		return e;
	/* The primary is looked at and mended only. */
	return s->in.primary ? ERR_OK : keep_shared(j, s->in.dir, r, why);
}

/* The instance on the list, or what is left of one that was. */
static enum err
find_destroyed(struct judge *j, struct verdict *v, bool *listed,
    struct why *why)
{
	struct record *r = &v->record;
	struct seen s = {0};
	struct why unread; /* no record is no news */
	struct object o;
	enum err e;

	e = target_find(j, &j->frame.sel, &s, v, why);
	*listed = e == ERR_OK;
	if (*listed)
		o = target_object(&s.in);
	else if (e != ERR_NOTFOUND)
		return e;
	else if ((e = target_record_of(&j->frame.sel, r, &unread)) ==
	    ERR_SYSTEM)
		return why_set(why, e, "%s", unread.text);
	else if (e == ERR_OK && r->action == ACTION_DESTROY)
		o = (*listed = target_renamed(j, r, &s, v)) ?
		    target_object(&s.in) :
		    target_promised(r);
	else
		return permit_no_destroy(j, v, why);
	if ((e = permit_allow(j, ACTION_DESTROY, &o, v, why)) != ERR_OK ||
	    (e = target_ready(j, why)) != ERR_OK ||
	    (e = *listed ?
		    begin_destroy(j, &s, r, why) :
		    fresh_unique(j, r->config.path, "", r, why)) != ERR_OK)
		return e;
	dirs_describe(j, v);
	return ERR_OK;
}

enum err
destroy_clear(struct judge *j, struct verdict *v, struct why *why)
{
	bool listed;
	enum err e;

	if ((e = find_destroyed(j, v, &listed, why)) != ERR_OK ||
	    (e = running(j, &v->record, why)) != ERR_OK)
		return e;
	return files_read(j, v, why);
}

enum err
destroy_finish(struct judge *j, struct verdict *v, struct why *why)
{
	bool listed;
	enum err e = find_destroyed(j, v, &listed, why);

	if (e == ERR_OK && listed)
		return why_set(why, ERR_STATE,
		    "%s: is still on the list of instances", v->config.path);
	return e;
}

/* --- mend ---------------------------------------------------------------- */

enum err
destroy_mend(struct judge *j, struct verdict *v, struct why *why)
{
	struct record *r = &v->record;
	struct seen s;
	enum err e;

	if (!j->caller->root)
		return why_set(why, ERR_DENIED, "mending is root's");
	if ((e = target_find(j, &j->frame.sel, &s, v, why)) != ERR_OK)
		return e;
	(void)strlcpy(v->rule, "root", sizeof(v->rule));
	if (s.err != ERR_OK)
		return why_set(why, s.err, "%s", s.why.text);
	if ((e = target_idle(s.in.dir, why)) != ERR_OK ||
	    (e = destroy_record(j, &s, r, why)) != ERR_OK)
		return e;
	dirs_describe(j, v);
	return files_read(j, v, why);
}
