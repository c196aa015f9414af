/*
 * postmulti-cleaner: counts, lists and removes inside the queue and data
 * directories of one instance, for postmulti-dirs.
 * Privilege: none; it runs as mail_owner, whose directories these are, with
 * nothing else in reach.
 * Refuses: to remove anything but directories that are empty, sockets, FIFOs
 * and master(8)'s own files in the data directory; to follow a link or to
 * cross a mount.
 *
 * It isn't set-uid: run by hand it has its user's rights and nobody to talk
 * to.  Its file can't be read by mail_owner, so that no other process of that
 * user can trace it.
 */

#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "../channel.h"
#include "../cleaner.h"
#include "../page.h"
#include "lock.h"
#include "log.h"
#include "path.h"
#include "sandbox.h"

#define DEPTH_MAX 12 /* hash_queue_depth is at most 10 */

/* Where nothing but Postfix's own sockets, FIFOs and directories is expected;
 * their directories are mail_owner's. */
static const char *const other_dirs[] = {
    "bounce", "defer", "flush", "trace", "private", "public"};
static const char *const queues[CLEANER_NQUEUES] = CLEANER_QUEUES;
static const char *const data_files[] = {"master.lock", "prng_exch"};

struct job {
	uint32_t what; /* CLEANER_... */
	struct tally *t;
	struct page *page;
	uint32_t *messages; /* where regular files are counted, or NULL */
	const char *label;  /* the directory's path */
	int depth;
	bool data;  /* it is the data directory */
	bool stays; /* something in it does */
};

static void
tell(const struct job *job, const char *verb, const char *name)
{
	char enc[PATH_SIZE * 4];

	if (job->t->err != ERR_OK)
		return;
	page_add(job->page, "%s %s/%s", verb, job->label,
	    log_plain(name, enc, sizeof(enc)));
}

/* The queue can't be told to be empty: say where. */
static void
unknown(struct tally *t, enum err e, const char *label)
{
	if (t->err == ERR_OK)
		(void)strlcpy(t->text, label, sizeof(t->text));
	t->err = e;
}

static enum err visit(void *ctx, int dirfd, const char *name);

/*
 * Whether a directory is empty afterwards, or would be.  Gone already is
 * fine, unreadable isn't: it would look empty.  So would what lies below a
 * mount, which is none of ours.
 */
static bool
descend(const struct job *job, int dirfd, const char *name)
{
	char label[PATH_SIZE * 4], enc[PATH_SIZE];
	struct job below = *job;
	int fd = path_open_within(dirfd, name);

	(void)snprintf(label, sizeof(label), "%.*s/%s", PATH_SIZE * 3,
	    job->label, log_plain(name, enc, sizeof(enc)));
	below.label = label;
	below.depth++;
	below.stays = false;
	if (fd == -1 && errno == EXDEV) {
		if (job->messages != NULL)
			unknown(job->t, ERR_STATE, label);
		return false;
	}
	if (fd == -1 ? errno != ENOENT :
		       path_each(fd, label, visit, &below, NULL) == ERR_SYSTEM)
		unknown(job->t, ERR_UNTRUSTED, label);
	if (fd != -1)
		(void)close(fd);
	return !below.stays;
}

static bool
is_data_file(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(data_files) / sizeof(data_files[0]); i++)
		if (strcmp(name, data_files[i]) == 0)
			return true;
	return false;
}

/* An entry: Postfix's to remove, or not. */
static enum err
visit(void *ctx, int dirfd, const char *name)
{
	struct job *job = ctx;
	bool dir, ours;
	struct stat st;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return ERR_OK;
	dir = S_ISDIR(st.st_mode);
	if (job->data)
		ours = S_ISREG(st.st_mode) && is_data_file(name);
	else if (dir)
		ours = job->depth < DEPTH_MAX && descend(job, dirfd, name);
	else
		ours = S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode);
	if (S_ISREG(st.st_mode) && job->messages != NULL)
		++*job->messages;
	if (ours && job->what == CLEANER_REMOVE)
		ours = unlinkat(dirfd, name, dir ? AT_REMOVEDIR : 0) == 0 ||
		    errno == ENOENT;
	job->stays |= !ours;
	if (job->what == CLEANER_LIST || !ours)
		tell(job, ours ? "go" : "stay", name);
	return ERR_OK;
}

/* A directory of the queue's, which postmulti-dirs removes. */
static void
top(struct job *job, const char *name)
{
	struct stat st;
	bool empty = descend(job, CLEANER_FD_QUEUE, name);

	if (job->what == CLEANER_LIST &&
	    fstatat(CLEANER_FD_QUEUE, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		tell(job, empty ? "go" : "stay", name);
}

static void
work_queue(struct job *job)
{
	const bool whole = job->what != CLEANER_COUNT;
	size_t i;

	for (i = 0; i < CLEANER_NQUEUES; i++) {
		job->messages = &job->t->messages[i];
		top(job, queues[i]);
	}
	job->messages = NULL;
	for (i = 0; whole && i < sizeof(other_dirs) / sizeof(other_dirs[0]);
	     i++)
		top(job, other_dirs[i]);
}

static void
work(struct tally *t, const struct order *order, bool queue, bool data,
    char **paths)
{
	struct page page = {
	    .text = t->text, .size = sizeof(t->text), .skip = order->skip};
	struct job job = {.what = order->what, .t = t, .page = &page};

	memset(t, 0, sizeof(*t));
	job.label = paths[0];
	if (queue)
		work_queue(&job);
	job.label = paths[1];
	job.data = true;
	if (data && job.what != CLEANER_COUNT &&
	    path_each(CLEANER_FD_DATA, paths[1], visit, &job, NULL) ==
		ERR_SYSTEM)
		unknown(t, ERR_UNTRUSTED, paths[1]);
	t->lines = page.lines;
}

static enum err
confine(bool queue, bool data, struct why *why)
{
	static const struct sandbox_call calls[] = {
	    {.nr = SYS_read, .reason = "orders"},
	    {.nr = SYS_write,
		.when = {SANDBOX_ARG(0, CLEANER_FD_OUT)},
		.reason = "the tally"},
	    {.nr = SYS_openat2, .reason = "directories"},
	    {.nr = SYS_close, .reason = "directories"},
	    {.nr = SYS_newfstatat, .reason = "kinds of file"},
	    {.nr = SYS_getdents64, .reason = "directories"},
	    {.nr = SYS_lseek, .reason = "a directory from its start"},
	    {.nr = SYS_unlinkat, .reason = "empty directories, sockets"},
	    {.nr = SYS_poll, .reason = "orders"},
	    {.nr = SYS_clock_gettime, .reason = "where the vDSO has none"},
	    {.nr = SYS_getpid, .reason = "harmless"},
	    {.nr = SYS_restart_syscall, .reason = "poll after SIGCONT"},
	    {.nr = SYS_exit_group, .reason = "the end"},
	};
	const struct sandbox_dir rules[] = {
	    {queue ? CLEANER_FD_QUEUE : -1,
		SANDBOX_READ | SANDBOX_RMDIR | SANDBOX_UNLINK},
	    {data ? CLEANER_FD_DATA : -1, SANDBOX_READ | SANDBOX_UNLINK},
	};
	enum err e = sandbox_dirs(rules, 2, why);

	if (e != ERR_OK && e != ERR_STATE)
		return e;
	return sandbox_calls(calls, sizeof(calls) / sizeof(calls[0]), why);
}

int
main(int argc, char **argv)
{
	static struct tally t;
	struct timespec deadline = lock_deadline(LOCK_SECONDS_MAX * 2);
	struct order order;
	bool queue, data;

	if (argc != 3 || prctl(PR_SET_DUMPABLE, 0) == -1) {
		(void)dprintf(STDERR_FILENO,
		    "postmulti-cleaner: fatal: run by postmulti-dirs only\n");
		return 1;
	}
	queue = fcntl(CLEANER_FD_QUEUE, F_GETFD) != -1;
	data = fcntl(CLEANER_FD_DATA, F_GETFD) != -1;
	if (confine(queue, data, NULL) != ERR_OK)
		return 1;
	while (channel_read(CLEANER_FD_IN, &order, sizeof(order), &deadline) ==
	    ERR_OK) {
		work(&t, &order, queue, data, argv + 1);
		if (channel_write(CLEANER_FD_OUT, &t, sizeof(t)) != ERR_OK)
			break;
	}
	return 0;
}
