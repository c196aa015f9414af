#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../ours.h"
#include "../page.h"
#include "judge.h"
#include "log.h"

/*
 * What dirs.inspect and dirs.records tell, a line each; names are encoded:
 *
 *   enabled | running                     a destroy would be refused
 *   refused TEXT                          so would it
 *   record ACTION STAGE UID TIME NAME GROUP CONFIG QUEUE DATA
 *   broken FILE                           a record that can't be read
 *   dir UID GID MODE OWNER GROUP MODE PATH   what it is, what it should be
 *   missing PATH
 *   other PATH                            not of the kind it should be
 *   go PATH | stay PATH                   a destroy removes it, or doesn't
 *   stay PATH/                            neither it nor what is in it
 *
 * Inside mail_owner's directories the actor's cleaner looks: "go", "stay" and
 * "mail NUMBER QUEUE" are its lines, too.
 */

/* Lines in j->new_list. */
static struct page
begin(struct judge *j)
{
	j->new_list[0] = '\0';
	return (struct page){.text = j->new_list, .size = LIST_MAX};
}

static enum err
end(struct judge *j, struct verdict *v)
{
	v->listlen = (uint32_t)strlen(j->new_list);
	return ERR_OK;
}

static const char *
dash(const char *s)
{
	return s[0] != '\0' ? s : "-";
}

/* --- records ------------------------------------------------------------- */

static void
tell_record(struct page *p, const struct record *r)
{
	page_add(p, "record %s %s %lu %" PRIu64 " %s %s %s %s %s",
	    action_name(r->action), r->done ? "done" : "begun",
	    (unsigned long)r->uid, r->time, dash(r->name), dash(r->group),
	    r->config.path, dash(r->queue.path), dash(r->data.path));
}

struct records {
	struct judge *j;
	struct page page;
};

/* To others than root only what they began or a rule of theirs is about. */
static int
each_record(void *ctx, const struct record *r)
{
	struct records *all = ctx;
	const struct judge *j = all->j;
	const struct object o = target_promised(r);

	if (j->caller->root || r->uid == j->caller->uid ||
	    policy_concerns(&j->policy, &j->subject, &o, NULL))
		tell_record(&all->page, r);
	return 0;
}

static void
each_broken(void *ctx, const char *name)
{
	struct records *all = ctx;
	char enc[NAME_MAX * 4];

	page_add(&all->page, "broken " RECORD_DIR "/%s",
	    log_vis(name, enc, sizeof(enc)));
}

enum err
inspect_records(struct judge *j, struct verdict *v, struct why *why)
{
	struct records all = {j, begin(j)};
	enum err e;
	int dir;

	e = record_open_existing(&dir, why);
	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	if (record_each(dir, each_record, &all) == -1)
		e = why_errno(why, "list %s", RECORD_DIR);
	if (j->caller->root)
		record_each_damaged(dir, each_broken, &all);
	(void)close(dir);
	if (e != ERR_OK)
		return e;
	return end(j, v);
}

/* --- an instance --------------------------------------------------------- */

/* A directory of root's: what is in it, and which of that a destroy takes. */
struct listing {
	struct page *page;
	const struct verdict *v;
	const char *label;
	bool (*ours)(const char *name, const struct stat *);
	bool stays; /* something in it does */
};

static bool
ours_config(const char *name, const struct stat *st)
{
	return !S_ISDIR(st->st_mode) &&
	    (strcmp(name, "main.cf") == 0 || strcmp(name, "master.cf") == 0 ||
		strcmp(name, "main.cf.tmp") == 0);
}

static bool
ours_pid(const char *name, const struct stat *st)
{
	return S_ISREG(st->st_mode) &&
	    (ours_pid_file(name) || strcmp(name, OURS_MASTER_PID) == 0);
}

static bool
ours_queue(const char *name, const struct stat *st)
{
	return S_ISREG(st->st_mode) && strcmp(name, OURS_QUICK_START) == 0;
}

static bool
ours_nothing(const char *name, const struct stat *st)
{
	(void)name;
	(void)st;
	return false;
}

static const struct entry *
find_entry(const struct verdict *v, const char *name)
{
	uint32_t i;

	for (i = 0; i < v->nentries; i++)
		if (v->entries[i].base == BASE_QUEUE && v->entries[i].is_dir &&
		    strcmp(v->entries[i].name, name) == 0)
			return &v->entries[i];
	return NULL;
}

static bool tell_dir(struct listing *, int fd);

/* A directory of the queue's that is root's, as pid is. */
static bool
tell_queue_dir(const struct listing *l, int dirfd, const char *name)
{
	char label[PATH_SIZE * 2];
	struct listing below = {l->page, l->v, label,
	    strcmp(name, "pid") == 0 ? ours_pid : ours_nothing, false};

	(void)snprintf(label, sizeof(label), "%s/%s", l->label, name);
	return tell_dir(&below, path_open_within(dirfd, name));
}

static enum err
tell_entry(void *ctx, int dirfd, const char *name)
{
	struct listing *l = ctx;
	const struct entry *en = NULL;
	char enc[NAME_MAX * 4];
	struct stat st;
	bool ours;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return ERR_OK;
	if (l->ours == ours_queue && S_ISDIR(st.st_mode))
		en = find_entry(l->v, name);
	/* What is mail_owner's the cleaner tells of. */
	if (en != NULL && en->mail_owned)
		return ERR_OK;
	ours = en != NULL ? tell_queue_dir(l, dirfd, name) : l->ours(name, &st);
	l->stays |= !ours;
	page_add(l->page, "%s %s/%s%s", ours ? "go" : "stay", l->label,
	    log_plain(name, enc, sizeof(enc)),
	    S_ISDIR(st.st_mode) && en == NULL ? "/" : "");
	return ERR_OK;
}

/* Whether all that is in it goes; not when it can't be opened. */
static bool
tell_dir(struct listing *l, int fd)
{
	bool read =
	    fd != -1 && path_each(fd, l->label, tell_entry, l, NULL) == ERR_OK;

	if (fd != -1)
		(void)close(fd);
	return read && !l->stays;
}

/* One of the three: it stays where something is mounted or a link leads to
 * it, else it goes unless something in it stays. */
static void
tell_base(struct page *p, const struct where *w, bool trusted)
{
	char up[PATH_SIZE];
	const char *name;
	int parent, fd;
	bool stays;

	if (w->ino == 0)
		return;
	name = path_split(w->path, up);
	if (path_open_dir(up, trusted, &parent, NULL) != ERR_OK)
		return;
	fd = path_open_within(parent, name);
	/* Said before whether it may be read. */
	stays =
	    fd == -1 && (errno == EXDEV || errno == ELOOP || errno == ENOTDIR);
	page_add(p, "%s %s", stays ? "stay" : "go", w->path);
	if (fd != -1)
		(void)close(fd);
	(void)close(parent);
}

/* What postfix-files says of the queue's directories, and what they are; and
 * whether there is a queue and a data directory at all. */
static void
tell_owners(struct page *p, const struct verdict *v, int queue)
{
	const struct entry *en;
	struct stat st;
	uint32_t i;

	if (v->queue.path[0] != '\0' && v->queue.ino == 0)
		page_add(p, "missing %s", v->queue.path);
	if (v->data.path[0] != '\0' && v->data.ino == 0)
		page_add(p, "missing %s", v->data.path);
	for (i = 0; queue != -1 && i < v->nentries; i++) {
		en = &v->entries[i];
		if (en->base != BASE_QUEUE || !en->is_dir)
			continue;
		if (fstatat(queue, en->name[0] != '\0' ? en->name : ".", &st,
			AT_SYMLINK_NOFOLLOW) == -1) {
			if (errno == ENOENT && en->create)
				page_add(p, "missing %s/%s", v->queue.path,
				    en->name);
		} else if (!S_ISDIR(st.st_mode) && strcmp(en->name, "pid") == 0)
			continue; /* told of before */
		else if (!S_ISDIR(st.st_mode))
			page_add(p, "other %s/%s", v->queue.path, en->name);
		else
			page_add(p, "dir %lu %lu %04o %s %s %04o %s%s%s",
			    (unsigned long)st.st_uid, (unsigned long)st.st_gid,
			    (unsigned)st.st_mode & 07777,
			    en->mail_owned ? v->mail_owner : "root",
			    en->setgid_group ? v->setgid_group : "-", en->mode,
			    v->queue.path, en->name[0] != '\0' ? "/" : "",
			    en->name);
	}
}

/* Whether that is known: what is in master.pid's place keeps a destroy from
 * knowing, too.  To ask is to hold master(8)'s lock for a moment: not one that
 * the caller, stopping us, can make as long as it likes. */
static bool
is_running(struct judge *j, struct verdict *v, struct page *p, bool *up)
{
	const char *queue = v->record.queue.path;
	char path[PATH_SIZE + 8];
	struct stat st;
	enum err e = ERR_OK;

	*up = false;
	if (!j->locked)
		return false;
	if (v->record.queue.ino != 0)
		e = trust_running(queue, up, NULL);
	else if (queue[0] == '\0')
		*up = destroy_stopped(j, v->config.path, NULL) != ERR_OK;
	(void)snprintf(path, sizeof(path), "%s/pid", queue);
	if (e == ERR_UNTRUSTED && lstat(path, &st) == 0)
		page_add(p, "other %s%s", path,
		    S_ISDIR(st.st_mode) ? "/master.pid" : "");
	return e == ERR_OK;
}

static void
tell_all(struct judge *j, struct verdict *v, bool enabled)
{
	struct page p = begin(j);
	struct listing config = {&p, v, v->config.path, ours_config, false};
	struct listing in_queue = {&p, v, v->queue.path, ours_queue, false};
	struct record *r = &v->record;
	bool up, trusted = !j->caller->root;
	int fd, queue = -1;
	struct why why;

	if (destroy_possible(j, v->config.path, &why) != ERR_OK)
		page_add(&p, "refused %s", why.text);
	if (enabled)
		page_add(&p, "enabled");
	if (is_running(j, v, &p, &up) && up)
		page_add(&p, "running");
	if (r->time != 0)
		tell_record(&p, r);
	tell_base(&p, &v->config, trusted);
	tell_base(&p, &v->queue, trusted);
	tell_base(&p, &v->data, trusted);
	if (path_open_dir(v->config.path, trusted, &fd, NULL) == ERR_OK)
		(void)tell_dir(&config, fd);
	if (r->queue.ino != 0 &&
	    path_open_dir(v->queue.path, trusted, &queue, NULL) != ERR_OK)
		queue = -1;
	tell_owners(&p, v, queue);
	if (queue != -1)
		(void)tell_dir(&in_queue, queue);
}

/* A listed instance, or one whose destroy was begun. */
enum err
inspect_instance(struct judge *j, struct verdict *v, struct why *why)
{
	struct record *r = &v->record;
	struct seen s = {0};
	struct object o;
	enum err e;

	e = target_find(j, &j->frame.sel, &s, v, why);
	if (e == ERR_OK) {
		o = target_object(&s.in);
		if ((e = permit_allow(j, ACTION_DESTROY, &o, v, why)) !=
			ERR_OK ||
		    (e = trust_check(j, &s, why)) != ERR_OK ||
		    (e = destroy_record(j, &s, r, why)) != ERR_OK)
			return e;
	} else if (e == ERR_NOTFOUND &&
	    target_record_of(&j->frame.sel, r, NULL) == ERR_OK) {
		o = target_promised(r);
		e = permit_allow(j, ACTION_DESTROY, &o, v, why);
		if (e != ERR_OK)
			return e;
	} else
		return permit_no_destroy(j, v, why);
	dirs_describe(j, v);
	if ((e = files_read(j, v, why)) != ERR_OK)
		return e;
	tell_all(j, v, s.in.enabled);
	return end(j, v);
}
