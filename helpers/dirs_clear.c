#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dirs.h"
#include "log.h"
#include "ours.h"
#include "page.h"

/* --- destroy ------------------------------------------------------------- */

/* The lock that master(8) holds while it runs, until the queue is gone. */
static enum err
hold_master(struct actor *a, struct why *why)
{
	const char *queue = a->v.queue.path;

	dirs.pid = path_open_within(dirs.queue, "pid");
	if (dirs.pid == -1)
		return errno == ENOENT ? ERR_OK :
					 why_errno(why, "open %s/pid", queue);
	dirs.master_lock =
	    path_open_at(dirs.pid, OURS_MASTER_PID, O_RDWR | O_CREAT, 0600);
	if (dirs.master_lock == -1)
		return why_errno(why, "open %s/pid/master.pid", queue);
	if (flock(dirs.master_lock, LOCK_EX | LOCK_NB) == 0)
		return ERR_OK;
	if (errno != EWOULDBLOCK)
		return why_errno(why, "lock %s/pid/master.pid", queue);
	return why_set(why, ERR_STATE, "Instance '%s' is not stopped",
	    a->v.config.path);
}

/* A directory that may stay; what is left in one of root's is named. */
struct left {
	struct actor *a;
	const char *label;
	int dir;     /* root's, or -1 */
	size_t base; /* its entries in the verdict were told of already */
};

static void
left_alone(struct actor *a, const char *label, const char *slash,
    const char *name)
{
	char enc[NAME_MAX * 4];

	page_add(&a->notes, "%s%s%s: not Postfix's, left alone", label, slash,
	    log_plain(name, enc, sizeof(enc)));
}

static enum err
note_entry(void *ctx, int dirfd, const char *name)
{
	const struct left *left = ctx;
	const struct verdict *v = &left->a->v;
	uint32_t i;

	(void)dirfd;
	for (i = 0; i < v->nentries; i++)
		if (v->entries[i].base == left->base &&
		    strcmp(v->entries[i].name, name) == 0)
			return ERR_OK;
	left_alone(left->a, left->label, "/", name);
	return ERR_OK;
}

/* One of Postfix's own in a directory of root's, unless it is no file. */
static enum err
remove_file(int dirfd, const char *name, const char *label, struct why *why)
{
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISREG(st.st_mode) && unlinkat(dirfd, name, 0) == -1 &&
	    errno != ENOENT && !ours_stays(errno))
		return why_errno(why, "remove %s/%s", label, name);
	return ERR_OK;
}

static enum err
remove_pid_file(void *why, int dirfd, const char *name)
{
	char label[PATH_SIZE + 8];

	(void)snprintf(label, sizeof(label), "%s/pid",
	    dirs.spots[BASE_QUEUE].w->path);
	return ours_pid_file(name) ? remove_file(dirfd, name, label, why) :
				     ERR_OK;
}

/* parent: -1 for none.  That it stays is noted and no failure. */
static enum err
remove_dir(const struct left *left, int parent, const char *name,
    struct why *why)
{
	if (parent == -1 || unlinkat(parent, name, AT_REMOVEDIR) == 0 ||
	    errno == ENOENT)
		return ERR_OK;
	if (!ours_stays(errno))
		return why_errno(why, "remove %s", left->label);
	page_add(&left->a->notes,
	    "%s: please verify contents and remove by hand", left->label);
	return left->dir == -1 ? ERR_OK :
				 path_each(left->dir, left->label, note_entry,
				     (void *)(size_t)left, why);
}

/* That a directory is gone outlasts a crash. */
static enum err
settle(const struct spot *p, struct why *why)
{
	if (p->anchor != -1 && fsync(p->anchor) == -1)
		return why_errno(why, "fsync above %s", p->w->path);
	return ERR_OK;
}

/* All but pid, where the lock is. */
static enum err
remove_queue_dirs(struct actor *a, struct why *why)
{
	char label[PATH_SIZE * 2];
	const struct left left = {a, label, -1, BASE_COUNT};
	enum err e = ERR_OK;
	const struct entry *en;
	uint32_t i;

	for (i = 0; i < a->v.nentries && e == ERR_OK; i++) {
		en = &a->v.entries[i];
		if (en->base != BASE_QUEUE || en->name[0] == '\0' ||
		    !en->is_dir || strcmp(en->name, "pid") == 0)
			continue;
		(void)snprintf(label, sizeof(label), "%s/%s", a->v.queue.path,
		    en->name);
		e = remove_dir(&left, dirs.queue, en->name, why);
	}
	return e;
}

/*
 * maildrop first and by rmdir alone: a submission meanwhile either lands in a
 * queue that is kept or fails.
 */
static enum err
clear_queue(struct actor *a, struct tally *t, struct why *why)
{
	enum err e;

	/* Refused for mail, it leaves no master.pid where none was. */
	if ((e = cleaner_ask(CLEANER_COUNT, 0, t, why)) != ERR_OK ||
	    (e = hold_master(a, why)) != ERR_OK)
		return e;
	if (unlinkat(dirs.queue, "maildrop", AT_REMOVEDIR) == -1 &&
	    errno != ENOENT)
		return why_errno(why,
		    "%s/maildrop: cannot be removed, mail may just have been "
		    "submitted",
		    a->v.queue.path);
	a->touched = true;
	if ((e = cleaner_ask(CLEANER_COUNT, 0, t, why)) != ERR_OK ||
	    (e = cleaner_ask(CLEANER_REMOVE, 0, t, why)) != ERR_OK)
		return e;
	if (dirs.pid != -1)
		e = path_each(dirs.pid, "pid", remove_pid_file, why, why);
	if (e == ERR_OK)
		e = remove_file(dirs.queue, OURS_QUICK_START, a->v.queue.path,
		    why);
	return e == ERR_OK ? remove_queue_dirs(a, why) : e;
}

/*
 * Once master.pid has no name a master(8) makes and locks its own: by then
 * there is nothing left for it to run with.
 */
static enum err
remove_pid(struct actor *a, struct why *why)
{
	char label[PATH_SIZE + 8];
	const struct left left = {a, label, dirs.pid, BASE_COUNT};
	enum err e;

	(void)snprintf(label, sizeof(label), "%s/pid", a->v.queue.path);
	e = remove_file(dirs.pid, OURS_MASTER_PID, label, why);
	return e == ERR_OK ? remove_dir(&left, dirs.queue, "pid", why) : e;
}

/* What the cleaner left, by its lines "stay PATH". */
static void
note_tally(struct actor *a, struct tally *t)
{
	char *pos = t->text, *line;

	/* How many before which: not all names may fit. */
	if (t->lines > 1)
		page_add(&a->notes,
		    "%s: %u files in its queue and data directories are not "
		    "Postfix's, left alone",
		    a->v.config.path, t->lines);

	for (; (line = strsep(&pos, "\n")) != NULL && line[0] != '\0';
	     t->lines--)
		left_alone(a, strchrnul(line, '/'), "", "");
	a->notes.lines += t->lines; /* those that had no room */
}

/* The queue directory goes last, and all that a master(8) needs before the
 * name of its lock. */
static enum err
clear_all(struct actor *a, struct tally *t, struct why *why)
{
	const struct spot *queue = &dirs.spots[BASE_QUEUE];
	const struct spot *data = &dirs.spots[BASE_DATA];
	const struct left queue_left = {a, a->v.queue.path, dirs.queue,
			      BASE_QUEUE},
			  data_left = {a, a->v.data.path, -1, BASE_DATA};
	enum err e = dirs.queue != -1 ? clear_queue(a, t, why) :
					cleaner_ask(CLEANER_REMOVE, 0, t, why);

	if (e != ERR_OK)
		return e;
	if (a->v.record.queue.path[0] == '\0' ||
	    a->v.record.data.path[0] == '\0')
		page_add(&a->notes,
		    "%s: of its queue and data directories those that are not "
		    "known, or are not its alone, are left alone: look for "
		    "them",
		    a->v.config.path);
	if ((e = remove_dir(&data_left, data->anchor, data->rest, why)) !=
		ERR_OK ||
	    (e = remove_pid(a, why)) != ERR_OK)
		return e;
	if (dirs.queue != -1 && fsync(dirs.queue) == -1)
		return why_errno(why, "fsync %s", a->v.queue.path);
	return remove_dir(&queue_left, queue->anchor, queue->rest, why);
}

enum err
dirs_clear(struct actor *a, struct why *why)
{
	static struct tally t;
	enum err e = clear_all(a, &t, why);

	if (dirs.master_lock != -1) /* the queue is gone, or it is kept */
		(void)close(dirs.master_lock);
	if (e != ERR_OK)
		return e;
	/* The directories were named first: files may be many. */
	note_tally(a, &t);
	/* What the record calls done stays done. */
	if ((e = settle(&dirs.spots[BASE_DATA], why)) != ERR_OK ||
	    (e = settle(&dirs.spots[BASE_QUEUE], why)) != ERR_OK)
		return e;
	a->v.record.done = true;
	return record_write(a->records, &a->v.record, why);
}

enum err
dirs_finish(struct actor *a, struct why *why)
{
	const struct spot *p = &dirs.spots[BASE_CONFIG];
	struct left left = {a, a->v.config.path, -1, BASE_COUNT};
	struct stat st;
	enum err e = ERR_OK;

	if (p->anchor != -1 && a->v.config.ino != 0) {
		left.dir =
		    path_open_at(p->anchor, p->rest, O_RDONLY | O_DIRECTORY, 0);
		/* A link of root's is no directory to remove, and stays. */
		e = left.dir == -1 && errno != ENOENT && !ours_stays(errno) ?
		    why_errno(why, "open %s", left.label) :
		    remove_dir(&left, p->anchor, p->rest, why);
	} else if (p->anchor != -1 &&
	    fstatat(p->anchor, p->rest, &st, AT_SYMLINK_NOFOLLOW) == 0)
		page_add(&a->notes, "%s: left alone", a->v.config.path);
	if (e != ERR_OK || (e = settle(p, why)) != ERR_OK)
		return e;
	return record_remove(a->records, a->v.record.config.path, why);
}
