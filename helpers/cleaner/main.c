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
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../channel.h"
#include "lock.h"
#include "path.h"
#include "sandbox.h"
#include "walk.h"

/* Messages in one queue that a destroy counts: others wait for its lock. */
#define ENOUGH 1000

/* The others that are mail_owner's.  The services' sockets and FIFOs are in
 * the last two, hash directories in the other ones. */
static const char *const other_dirs[] = {
    "bounce", "defer", "flush", "trace", "private", "public"};
#define SOCKET_DIRS 2
/* Whose regular files are messages; the last two postsuper(1) never touches. */
static const char *const queues[] = {
    "maildrop", "incoming", "active", "deferred", "hold", "corrupt", "saved"};
#define NQUEUES (sizeof(queues) / sizeof(queues[0]))
#define HOLD    4

/* A directory of the queue's, which postmulti-dirs removes. */
static void
top(struct job *job, const char *name)
{
	struct stat st;
	bool empty = walk_dir(job, CLEANER_FD_QUEUE, name);

	if (job->what == CLEANER_LIST &&
	    fstatat(CLEANER_FD_QUEUE, name, &st, AT_SYMLINK_NOFOLLOW) == 0)
		walk_tell(job, empty ? "go" : "stay", name);
}

static void add(struct tally *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static void
add(struct tally *t, const char *fmt, ...)
{
	size_t used = strlen(t->text);
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(t->text + used, sizeof(t->text) - used, fmt, ap);
	va_end(ap);
}

/* How many are where, and what clears those queues: postsuper(1) never
 * touches corrupt and saved, a flush doesn't deliver what is on hold. */
static void
refuse_mail(const struct job *job, const uint32_t messages[NQUEUES])
{
	const char *queue = job->paths[0], *config = job->paths[2];
	uint32_t total = 0, kept = messages[HOLD + 1] + messages[HOLD + 2];
	struct tally *t = job->t;
	const char *comma = "", *least = "";
	size_t i;

	for (i = 0; i < NQUEUES; i++) {
		total += messages[i];
		if (messages[i] == ENOUGH)
			least = "at least ";
	}
	if (total == 0 || t->err != ERR_OK)
		return;
	t->err = ERR_STATE;
	add(t, "%s: %s%u message%s in the queue (", queue, least, total,
	    total == 1 ? "" : "s");
	for (i = 0; i < NQUEUES; i++)
		if (messages[i] > 0) {
			add(t, "%s%s%u in %s", comma,
			    messages[i] == ENOUGH ? "at least " : "",
			    messages[i], queues[i]);
			comma = ", ";
		}
	add(t, "): ");
	if (kept < total)
		add(t,
		    "deliver them (enable, start, flush) or delete them with "
		    "\"postsuper -c %s -d ALL\" first",
		    config);
	if (messages[HOLD] > 0)
		add(t, "; \"postsuper -c %s -H ALL\" releases those in hold",
		    config);
	if (kept > 0)
		add(t,
		    "%slook at those in corrupt and saved, then \"find "
		    "%s/corrupt %s/saved -type f -delete\"",
		    kept < total ? "; " : "", queue, queue);
}

static void
work_queue(struct job *job)
{
	const bool whole = job->what != CLEANER_COUNT;
	uint32_t messages[NQUEUES] = {0};
	size_t i;

	job->enough = whole ? UINT32_MAX : ENOUGH;
	for (i = 0; i < NQUEUES; i++) {
		job->messages = &messages[i];
		top(job, queues[i]);
	}
	job->messages = NULL;
	if (job->what == CLEANER_COUNT)
		refuse_mail(job, messages);
	for (i = 0; job->what == CLEANER_LIST && i < NQUEUES; i++)
		if (messages[i] > 0)
			page_add(job->page, "mail %u %s", messages[i],
			    queues[i]);
	for (i = 0; whole && i < sizeof(other_dirs) / sizeof(other_dirs[0]);
	     i++) {
		job->sockets = i >=
		    sizeof(other_dirs) / sizeof(other_dirs[0]) - SOCKET_DIRS;
		top(job, other_dirs[i]);
	}
	job->sockets = false;
}

static void
work(struct tally *t, const struct order *order, bool queue, bool data,
    char **paths)
{
	struct page page = {
	    .text = t->text, .size = sizeof(t->text), .skip = order->skip};
	struct job job = {
	    .what = order->what, .t = t, .page = &page, .paths = paths};

	memset(t, 0, sizeof(*t));
	job.label = paths[0];
	if (queue)
		work_queue(&job);
	job.label = paths[1];
	job.data = true;
	if (data && job.what != CLEANER_COUNT &&
	    path_each(CLEANER_FD_DATA, paths[1], walk_entry, &job, NULL) ==
		ERR_SYSTEM)
		walk_unreadable(&job, paths[1]);
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

	if (argc != 4 || prctl(PR_SET_DUMPABLE, 0) == -1) {
		(void)dprintf(STDERR_FILENO,
		    "postmulti-cleaner: fatal: run by postmulti-dirs only\n");
		return 1;
	}
	queue = fcntl(CLEANER_FD_QUEUE, F_GETFD) != -1;
	data = fcntl(CLEANER_FD_DATA, F_GETFD) != -1;
	walk_owner = geteuid();
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
