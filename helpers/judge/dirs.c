#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "judge.h"

void
dirs_describe(struct judge *j, struct verdict *v)
{
	const struct record *r = &v->record;

	v->primary = j->primary;
	v->config = r->config;
	v->queue = r->queue;
	v->data = r->data;
	(void)strlcpy(v->name, r->name, sizeof(v->name));
	(void)strlcpy(v->group, r->group, sizeof(v->group));
	(void)strlcpy(v->mail_owner, j->site.mail_owner, sizeof(v->mail_owner));
	(void)strlcpy(v->setgid_group, j->site.setgid_group,
	    sizeof(v->setgid_group));
}

/*
 * An open record for these directories: ours to go on with (its directories'
 * identities are taken over), somebody else's, or none.
 */
static enum err
resume(struct judge *j, struct record *asked, struct why *why)
{
	struct record r;
	enum err e = target_record(asked->config.path, &r, why);

	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	if (r.action != asked->action || strcmp(r.name, asked->name) != 0 ||
	    strcmp(r.group, asked->group) != 0 ||
	    strcmp(r.queue.path, asked->queue.path) != 0 ||
	    strcmp(r.data.path, asked->data.path) != 0 ||
	    (!j->caller->root && r.uid != asked->uid))
		return target_busy(&r, why);
	*asked = r;
	return ERR_OK;
}

/* --- create -------------------------------------------------------------- */

static enum err
any_entry(void *ctx, int dirfd, const char *name)
{
	(void)ctx;
	(void)dirfd;
	(void)name;
	return ERR_EXISTS;
}

/* A directory that the record promised and a crash left without identity:
 * then nothing can be in it yet. */
static bool
is_empty(const struct where *w)
{
	struct stat st;
	enum err e;
	int fd;

	if (stat(w->path, &st) == -1 || st.st_ino != w->ino)
		return false;
	if (st.st_uid != 0) /* mail_owner's, not ours to list */
		return st.st_nlink <= 2;
	if (path_open_dir(w->path, true, &fd, NULL) != ERR_OK)
		return false;
	e = path_each(fd, w->path, any_entry, NULL, NULL);
	(void)close(fd);
	return e == ERR_OK;
}

/* What is there already, against what the record says. */
static enum err
check_existing(struct judge *j, struct where *then, bool recorded,
    struct why *why)
{
	char parent[PATH_SIZE];
	struct where now;
	struct stat st;
	enum err e;

	if (!j->caller->root) {
		(void)path_split(then->path, parent);
		e = target_where(parent, true, &now, why);
		if (e != ERR_OK)
			return e;
	}
	e = target_where(then->path, false, &now, why);
	if (e == ERR_NOTFOUND && lstat(then->path, &st) == 0)
		return why_set(why, ERR_CONFLICT,
		    "%s: exists already and is no directory", then->path);
	if (e == ERR_NOTFOUND) {
		/* Not made yet, or somebody cleaned up by hand since. */
		then->dev = then->ino = 0;
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	if (then->ino != 0 ? now.dev == then->dev && now.ino == then->ino :
			     j->caller->root || (recorded && is_empty(&now)))
		return ERR_OK;
	return why_set(why, ERR_CONFLICT,
	    "%s: exists already: only root may take it over", then->path);
}

/* A complete directory is adopted as it is, with the queue and data
 * directories its main.cf names. */
static enum err
adopt(struct judge *j, struct record *r, struct why *why)
{
	char path[PATH_SIZE + 16];
	struct stat st;
	struct seen s;

	(void)snprintf(path, sizeof(path), "%s/master.cf", r->config.path);
	if (!j->caller->root)
		return ERR_OK;
	if (lstat(path, &st) == -1)
		return errno == ENOENT || errno == ENOTDIR ?
		    ERR_OK :
		    why_errno(why, "stat %s", path);
	target_read(j, r->config.path, &s);
	if (s.err == ERR_SYSTEM)
		return why_set(why, s.err, "%s", s.why.text);
	if (s.err != ERR_OK)
		return ERR_OK;
	(void)strlcpy(r->queue.path, s.in.queue, PATH_SIZE);
	(void)strlcpy(r->data.path, s.in.data, PATH_SIZE);
	return ERR_OK;
}

static enum err
judge_make(struct judge *j, struct verdict *v, struct why *why)
{
	struct record *r = &v->record;
	struct where *const all[] = {&r->config, &r->queue, &r->data};
	struct object from, to;
	enum err e;
	size_t i;

	if ((e = fresh_derive(j, r, why)) != ERR_OK)
		return e;
	r->action = ACTION_CREATE;
	if ((e = adopt(j, r, why)) != ERR_OK)
		return e;
	from = (struct object){r->name, "", false};
	to = (struct object){r->name, r->group, false};
	dirs_describe(j, v);
	if ((e = permit_change(j, ACTION_CREATE, &from, &to, v, why)) !=
		ERR_OK ||
	    (e = target_ready(j, why)) != ERR_OK ||
	    (e = trust_prototypes(j, why)) != ERR_OK ||
	    (e = fresh_unique(j, NULL, r->name, r, why)) != ERR_OK ||
	    (e = resume(j, r, why)) != ERR_OK)
		return e;
	for (i = 0; i < 3; i++)
		if ((e = check_existing(j, all[i], r->time != 0, why)) !=
		    ERR_OK)
			return e;
	dirs_describe(j, v);
	return files_read(j, v, why);
}

/* --- import -------------------------------------------------------------- */

static enum err
judge_repair(struct judge *j, struct verdict *v, struct why *why)
{
	struct record *r = &v->record;
	struct seen s;
	enum err e;

	/* The queue and data directories are what its main.cf says. */
	if ((e = fresh_derive(j, r, why)) != ERR_OK)
		return e;
	r->action = ACTION_IMPORT;
	(void)strlcpy(v->config.path, r->config.path, PATH_SIZE);
	target_read(j, r->config.path, &s);
	r->config = s.config;
	(void)strlcpy(r->queue.path, s.in.queue, PATH_SIZE);
	(void)strlcpy(r->data.path, s.in.data, PATH_SIZE);
	if (j->frame.name[0] == '\0')
		(void)strlcpy(r->name, s.in.name, sizeof(r->name));
	if (j->frame.group[0] == '\0')
		(void)strlcpy(r->group, s.in.group, sizeof(r->group));
	if ((e = permit_import(j, &s, r, v, why)) != ERR_OK)
		return e;
	if (s.err != ERR_OK)
		return why_set(why, s.err, "%s", s.why.text);
	if ((e = target_ready(j, why)) != ERR_OK ||
	    (e = trust_check(j, &s, why)) != ERR_OK ||
	    (e = fresh_unique(j, NULL, r->name, r, why)) != ERR_OK)
		return e;
	/* Missing ones are made; for a delegate they must be where they are
	 * expected, and are checked again by the actor. */
	if ((e = target_where(r->queue.path, !j->caller->root, &r->queue,
		 why)) != ERR_OK &&
	    e != ERR_NOTFOUND)
		return e;
	if ((e = target_where(r->data.path, false, &r->data, why)) != ERR_OK &&
	    e != ERR_NOTFOUND)
		return e;
	if ((e = resume(j, r, why)) != ERR_OK)
		return e;
	dirs_describe(j, v);
	return files_read(j, v, why);
}

/* --- destroy ------------------------------------------------------------- */

/* Another's destroy holds master(8)'s lock: only ours tells who runs. */
static enum err
running(struct judge *j, const struct record *r, struct why *why)
{
	bool up = false;
	enum err e = ERR_OK;

	if (j->locked && r->queue.path[0] != '\0')
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
	if ((e = trust_check(j, s, why)) != ERR_OK)
		return e;
	return dirs_of(j, s, r, why);
}

enum err
dirs_of(struct judge *j, const struct seen *s, struct record *r,
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
		o = (struct object){s.in.name, s.in.group, s.in.primary};
	else if (e != ERR_NOTFOUND)
		return e;
	else if ((e = target_record_of(&j->frame.sel, r, &unread)) ==
	    ERR_SYSTEM)
		return why_set(why, e, "%s", unread.text);
	else if (e == ERR_OK && r->action == ACTION_DESTROY)
		o = (*listed = target_renamed(j, r, &s, v)) ?
		    (struct object){s.in.name, s.in.group, false} :
		    (struct object){r->name, r->group, false};
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

static enum err
judge_clear(struct judge *j, struct verdict *v, struct why *why)
{
	bool listed;
	enum err e;

	if ((e = find_destroyed(j, v, &listed, why)) != ERR_OK ||
	    (e = running(j, &v->record, why)) != ERR_OK)
		return e;
	return files_read(j, v, why);
}

static enum err
judge_finish(struct judge *j, struct verdict *v, struct why *why)
{
	bool listed;
	enum err e = find_destroyed(j, v, &listed, why);

	if (e == ERR_OK && listed)
		return why_set(why, ERR_STATE,
		    "%s: is still on the list of instances", v->config.path);
	return e;
}

/* --- mend ---------------------------------------------------------------- */

static enum err
judge_mend(struct judge *j, struct verdict *v, struct why *why)
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
	    (e = dirs_of(j, &s, r, why)) != ERR_OK)
		return e;
	dirs_describe(j, v);
	return files_read(j, v, why);
}

judge_fn *const dirs_judges[OP_COUNT] = {
    [OP_MAKE] = judge_make,
    [OP_REPAIR] = judge_repair,
    [OP_CLEAR] = judge_clear,
    [OP_FINISH] = judge_finish,
    [OP_MEND] = judge_mend,
    [OP_INSPECT] = inspect_instance,
    [OP_RECORDS] = inspect_records,
};
