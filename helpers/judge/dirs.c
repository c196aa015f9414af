#include <sys/stat.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
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
	to = target_promised(r);
	dirs_describe(j, v);
	if ((e = permit_change(j, ACTION_CREATE, &from, &to, v, why)) !=
		ERR_OK ||
	    (e = target_ready(j, why)) != ERR_OK ||
	    (e = target_lists(j, why)) != ERR_OK ||
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
	    (e = target_lists(j, why)) != ERR_OK ||
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

judge_fn *const dirs_judges[OP_COUNT] = {
    [OP_MAKE] = judge_make,
    [OP_REPAIR] = judge_repair,
    [OP_CLEAR] = destroy_clear,
    [OP_FINISH] = destroy_finish,
    [OP_MEND] = destroy_mend,
    [OP_INSPECT] = inspect_instance,
    [OP_RECORDS] = inspect_records,
};
