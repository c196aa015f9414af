#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "judge.h"

/* config.c's operations that write the primary's lists, and what may come
 * only after or before one: installing the files, removing them. */

/* --- the lists ----------------------------------------------------------- */

/*
 * Both lists as they shall be, e saying how making the first one went.  Like
 * Postfix, alternate_config_directories is written only when it changes.
 */
static enum err
set_lists(struct judge *j, enum err e, const char *dir, bool to_alt,
    struct verdict *v, struct why *why)
{
	if (e == ERR_OK)
		e = to_alt ? site_list_with(j->alt, dir, NULL, j->new_alt,
				 sizeof(j->new_alt)) :
			     site_list_without(j->alt, dir, j->new_alt,
				 sizeof(j->new_alt));
	if (e != ERR_OK)
		return why_set(why, e, "the list of instances is too long");
	v->set_list = true;
	v->set_alt = site_list_has(j->alt, dir) != to_alt;
	v->listlen = (uint32_t)strlen(j->new_list);
	v->altlen = (uint32_t)strlen(j->new_alt);
	return ERR_OK;
}

static enum err
lists_without(struct judge *j, const char *dir, bool to_alt, struct verdict *v,
    struct why *why)
{
	return set_lists(j,
	    site_list_without(j->list, dir, j->new_list, sizeof(j->new_list)),
	    dir, to_alt, v, why);
}

/* --- leaving ------------------------------------------------------------- */

/* On a queue that others have, too, it may be theirs that runs: root is not
 * kept from taking this one away.  Without the global lock it may be a destroy
 * that holds master(8)'s. */
static enum err
stopped(struct judge *j, const struct instance *in, struct why *why)
{
	static struct record r;
	bool running = false;
	enum err e = ERR_OK;

	if (j->locked)
		e = trust_running(in->queue, &running, why);
	if (e != ERR_OK || !running)
		return e;
	memset(&r, 0, sizeof(r));
	r.action = ACTION_DEPORT;
	if (j->caller->root &&
	    (e = target_where(in->queue, false, &r.queue, why)) == ERR_OK)
		e = fresh_unique(j, in->dir, "", &r, why);
	if (e == ERR_CONFLICT)
		return ERR_OK;
	return e != ERR_OK ?
	    e :
	    why_set(why, ERR_STATE, "Instance '%s' is not stopped", in->dir);
}

enum err
list_deregister(struct judge *j, struct verdict *v, struct why *why)
{
	struct object o;
	struct seen s;
	enum err e;

	if ((e = target_find(j, &j->frame.sel, &s, v, why)) != ERR_OK)
		return e;
	o = target_object(&s.in);
	if ((e = permit_allow(j, ACTION_DEPORT, &o, v, why)) != ERR_OK)
		return e;
	if (s.in.primary)
		return why_set(why, ERR_STATE,
		    "Cannot remove the primary instance");
	if ((e = target_ready(j, why)) != ERR_OK ||
	    (e = target_idle(s.in.dir, why)) != ERR_OK ||
	    (e = target_editable(s.in.dir, why)) != ERR_OK)
		return e;
	/* A damaged instance can be taken off the list by its directory, by
	 * root: who else may, its name would have to say. */
	if ((e = trust_check(j, &s, why)) != ERR_OK ||
	    (s.err == ERR_OK && (e = stopped(j, &s.in, why)) != ERR_OK) ||
	    (s.err != ERR_OK && j->locked &&
		(e = destroy_stopped(j, s.in.dir, why)) != ERR_OK))
		return e;
	return lists_without(j, s.in.dir, s.err != ERR_NOTFOUND, v, why);
}

/* As it is now, if it still is on the list: it may have been renamed, enabled
 * or started since its destroy was begun. */
static enum err
still_to_go(struct judge *j, const struct seen *s, struct verdict *v,
    struct why *why)
{
	struct object o = target_object(&s->in);
	enum err e;

	if ((e = permit_allow(j, ACTION_DESTROY, &o, v, why)) != ERR_OK ||
	    (e = trust_check(j, s, why)) != ERR_OK || s->err != ERR_OK)
		return e;
	if (s->in.enabled)
		return why_set(why, ERR_STATE,
		    "Cannot remove enabled instances");
	return stopped(j, &s->in, why);
}

/* A start since then makes the queue anew, and mail may be in it. */
static bool
queue_is_back(const struct record *r)
{
	char path[PATH_SIZE + 16];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/maildrop", r->queue.path);
	return r->queue.path[0] != '\0' && lstat(path, &st) == 0;
}

enum err
list_remove(struct judge *j, struct verdict *v, struct why *why)
{
	struct record *r = &v->record;
	struct object o;
	struct seen s;
	bool listed;
	enum err e;

	e = target_find(j, &j->frame.sel, &s, v, why);
	listed = e == ERR_OK;
	if (listed)
		e = target_record(s.in.dir, r, why);
	else if (e == ERR_NOTFOUND &&
	    (e = target_record_of(&j->frame.sel, r, why)) == ERR_OK)
		listed = target_renamed(j, r, &s, v);
	if (e != ERR_OK && e != ERR_NOTFOUND)
		return e;
	if (e != ERR_OK || r->action != ACTION_DESTROY) {
		(void)why_set(why, ERR_NOTFOUND, "%s: no destroy was begun",
		    target_label(&j->frame.sel));
		return permit_no_destroy(j, v, why);
	}
	o = target_promised(r);
	if ((e = permit_allow(j, ACTION_DESTROY, &o, v, why)) != ERR_OK ||
	    (e = target_ready(j, why)) != ERR_OK ||
	    (listed && (e = still_to_go(j, &s, v, why)) != ERR_OK))
		return e;
	/* That something runs there says more, and needs the lock. */
	if (j->locked && (!r->done || queue_is_back(r)))
		return why_set(why, ERR_STATE,
		    "%s: its queue is not cleared, run the destroy again",
		    r->config.path);
	v->primary = j->primary;
	(void)strlcpy(v->name, r->name, sizeof(v->name));
	e = target_where(r->config.path, !j->caller->root, &v->config, why);
	/* For root: what is no directory any more is left alone. */
	if (e != ERR_OK && e != ERR_NOTFOUND &&
	    !(e == ERR_UNTRUSTED && j->caller->root))
		return e;
	if (v->config.ino != 0 &&
	    (v->config.ino != r->config.ino || v->config.dev != r->config.dev))
		return why_set(why, ERR_CONFLICT,
		    "%s: is not the directory whose destroy was begun",
		    v->config.path);
	return lists_without(j, r->config.path, false, v, why);
}

/* --- entering: create and import ----------------------------------------- */

/* The record this request goes on with, permission for it, and that the
 * directories are still those it names. */
static enum err
begun(struct judge *j, struct verdict *v, struct why *why)
{
	struct record *r = &v->record, asked;
	struct where *const now[] = {&v->config, &v->queue, &v->data};
	const struct where *then[] = {&r->config, &r->queue, &r->data};
	struct seen s;
	struct object from, to;
	enum err e;
	size_t i;

	if ((e = fresh_derive(j, &asked, why)) != ERR_OK)
		return e;
	/* What is open is nobody's business who may not go on with it. */
	to = target_promised(&asked);
	if (permit_allow(j, ACTION_IMPORT, &to, v, why) != ERR_OK &&
	    (e = permit_allow(j, ACTION_CREATE, &to, v, why)) != ERR_OK)
		return e;
	e = target_record(asked.config.path, r, why);
	if (e == ERR_NOTFOUND)
		return why_set(why, ERR_CONFLICT,
		    "%s: no create or import of it is under way (is it "
		    "registered already?)",
		    asked.config.path);
	if (e != ERR_OK)
		return e;
	if (r->action == ACTION_DESTROY ||
	    (!j->caller->root && r->uid != j->caller->uid))
		return target_busy(r, why);
	if (!r->done)
		return why_set(why, ERR_STATE,
		    "%s: its directories are not complete, run the %s again",
		    r->config.path, action_name(r->action));
	to = target_promised(r);
	from = (struct object){r->name, "", false};
	(void)strlcpy(v->config.path, r->config.path, PATH_SIZE);
	if (r->action == ACTION_IMPORT) {
		target_read(j, r->config.path, &s);
		e = s.err == ERR_SYSTEM ?
		    why_set(why, s.err, "%s", s.why.text) :
		    permit_import(j, &s, r, v, why);
	} else
		e = permit_change(j, r->action, &from, &to, v, why);
	if (e != ERR_OK || (e = target_ready(j, why)) != ERR_OK)
		return e;
	v->primary = j->primary;
	(void)strlcpy(v->name, r->name, sizeof(v->name));
	(void)strlcpy(v->group, r->group, sizeof(v->group));
	(void)strlcpy(v->meta, j->site.meta_directory, sizeof(v->meta));
	for (i = 0; i < 3; i++) {
		e = target_where(then[i]->path, false, now[i], why);
		if (e != ERR_OK)
			return e;
		if (now[i]->dev != then[i]->dev || now[i]->ino != then[i]->ino)
			return why_set(why, ERR_CONFLICT,
			    "%s: is not the directory that was made",
			    now[i]->path);
	}
	return fresh_unique(j, r->config.path, r->name, r, why);
}

/* Whether it has both files: ERR_NOTFOUND when not. */
static enum err
complete(const char *dir, struct why *why)
{
	struct stat st;
	enum err e;
	int fd;

	if ((e = path_open_dir(dir, false, &fd, why)) != ERR_OK)
		return e;
	if (fstatat(fd, "main.cf", &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    fstatat(fd, "master.cf", &st, AT_SYMLINK_NOFOLLOW) == -1)
		e = errno == ENOENT ? ERR_NOTFOUND :
				      why_errno(why, "stat in %s", dir);
	(void)close(fd);
	return e;
}

enum err
list_install(struct judge *j, struct verdict *v, struct why *why)
{
	enum err e = begun(j, v, why);

	if (e == ERR_OK && v->record.action != ACTION_CREATE)
		return why_set(why, ERR_CONFLICT,
		    "%s: is being imported, not created", v->config.path);
	if (e != ERR_OK)
		return e;
	e = complete(v->config.path, why);
	v->unchanged = e == ERR_OK;
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

/* The directory to stand in front of; NULL to append. */
static enum err
placement(struct judge *j, char *before, bool *append, struct why *why)
{
	const char *pos = j->list, *entry;
	static struct verdict unused;
	struct seen s;
	enum err e;
	size_t n;

	*append = true;
	if (j->frame.place == PLACE_FIRST &&
	    (n = site_next(&pos, &entry)) > 0 && n < PATH_SIZE) {
		(void)strlcpy(before, entry, n + 1);
		*append = false;
	} else if (j->frame.place == PLACE_BEFORE) {
		e = target_find(j, &j->frame.before, &s, &unused, why);
		if (e != ERR_OK)
			return e;
		if (s.in.primary)
			return why_set(why, ERR_STATE,
			    "nothing can be placed before the primary "
			    "instance");
		(void)strlcpy(before, s.in.dir, PATH_SIZE);
		*append = false;
	}
	return ERR_OK;
}

enum err
list_register(struct judge *j, struct verdict *v, struct why *why)
{
	char before[PATH_SIZE];
	struct seen s;
	bool append;
	enum err e;

	if ((e = begun(j, v, why)) != ERR_OK ||
	    (e = placement(j, before, &append, why)) != ERR_OK)
		return e;
	target_read(j, v->config.path, &s);
	if (s.err != ERR_OK)
		return why_set(why, s.err, "%s", s.why.text);
	if ((e = complete(v->config.path, why)) == ERR_NOTFOUND)
		return why_set(why, ERR_STATE, "'%s' lacks a master.cf file",
		    v->config.path);
	if (e != ERR_OK || (e = trust_check(j, &s, why)) != ERR_OK)
		return e;
	/* What the record promises and main.cf doesn't say yet. */
	if (strcmp(s.in.name, v->record.name) != 0)
		(void)strlcpy(v->new_name,
		    v->record.name[0] != '\0' ? v->record.name : "-",
		    sizeof(v->new_name));
	if (strcmp(s.in.group, v->record.group) != 0)
		(void)strlcpy(v->new_group,
		    v->record.group[0] != '\0' ? v->record.group : "-",
		    sizeof(v->new_group));
	/* Resumed, it is on the list: where it was asked to be. */
	if (site_list_has(j->list, v->config.path))
		(void)strlcpy(j->new_list, j->list, sizeof(j->new_list));
	else
		e = site_list_with(j->list, v->config.path,
		    append ? NULL : before, j->new_list, sizeof(j->new_list));
	return set_lists(j, e, v->config.path, false, v, why);
}
