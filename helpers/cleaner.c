#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "channel.h"
#include "dirs.h"
#include "lock.h"
#include "privs.h"

#define DEPTH_MAX      12 /* hash_queue_depth is at most 10 */
#define ANSWER_SECONDS 30

const char *const cleaner_queues[CLEANER_QUEUES] = {
    "maildrop", "incoming", "active", "deferred", "hold", "corrupt", "saved"};

/* Where nothing but Postfix's own sockets, FIFOs and directories is expected;
 * their directories are mail_owner's. */
static const char *const other_dirs[] = {
    "bounce", "defer", "flush", "trace", "private", "public"};
static const char *const data_files[] = {"master.lock", "prng_exch"};

struct job {
	bool remove;
	struct tally *t;
	uint32_t *messages; /* where regular files are counted, or NULL */
};

static void
left(struct tally *t, const char *label, const char *name)
{
	size_t used = strlen(t->left), room = sizeof(t->left) - used;

	if (snprintf(t->left + used, room, "%s/%s\n", label, name) >= (int)room)
		t->left[used] = '\0';
}

static void walk(struct job *, int dirfd, const char *label, int depth);

static void
visit(struct job *job, int dirfd, const char *name, const char *label,
    int depth)
{
	char path[PATH_SIZE * 2];
	struct stat st;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return;
	if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX) {
		fd = path_open_at(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
		if (fd == -1) {
			job->t->err = ERR_SYSTEM;
			return;
		}
		(void)snprintf(path, sizeof(path), "%s/%s", label, name);
		walk(job, fd, path, depth + 1);
		(void)close(fd);
		if (job->remove && unlinkat(dirfd, name, AT_REMOVEDIR) == -1 &&
		    errno != ENOTEMPTY)
			left(job->t, label, name);
		return;
	}
	if (S_ISREG(st.st_mode) && job->messages != NULL)
		++*job->messages;
	if (!job->remove)
		return;
	if (!(S_ISSOCK(st.st_mode) || S_ISFIFO(st.st_mode)) ||
	    unlinkat(dirfd, name, 0) == -1)
		left(job->t, label, name);
}

static void
walk(struct job *job, int dirfd, const char *label, int depth)
{
	union {
		struct dirent64 align;
		char bytes[2048];
	} buf;
	struct dirent64 *d;
	ssize_t n, at;

	while ((n = getdents64(dirfd, buf.bytes, sizeof(buf.bytes))) > 0)
		for (at = 0; at < n; at += d->d_reclen) {
			d = (struct dirent64 *)(void *)(buf.bytes + at);
			if (strcmp(d->d_name, ".") != 0 &&
			    strcmp(d->d_name, "..") != 0)
				visit(job, dirfd, d->d_name, label, depth);
		}
	if (n == -1)
		job->t->err = ERR_SYSTEM;
}

static void
walk_named(struct job *job, int queue, const char *name)
{
	int fd = path_open_at(queue, name, O_RDONLY | O_DIRECTORY, 0);

	if (fd == -1) {
		/* Gone already is fine, unreadable isn't: it would look empty.
		 */
		if (errno != ENOENT)
			job->t->err = ERR_UNTRUSTED;
		return;
	}
	walk(job, fd, name, 0);
	(void)close(fd);
}

static void
work(struct tally *t, bool remove, int queue, int data)
{
	struct job job = {.remove = remove, .t = t};
	size_t i;

	memset(t, 0, sizeof(*t));
	for (i = 0; queue != -1 && i < CLEANER_QUEUES; i++) {
		job.messages = &t->messages[i];
		walk_named(&job, queue, cleaner_queues[i]);
	}
	job.messages = NULL;
	for (i = 0; queue != -1 && remove &&
	     i < sizeof(other_dirs) / sizeof(other_dirs[0]);
	     i++)
		walk_named(&job, queue, other_dirs[i]);
	for (i = 0; data != -1 && remove &&
	     i < sizeof(data_files) / sizeof(data_files[0]);
	     i++)
		(void)unlinkat(data, data_files[i], 0);
}

static enum err
confine(int queue, int data, struct why *why)
{
	static const struct sandbox_call calls[] = {
	    {.nr = SYS_read, .reason = "orders"},
	    {.nr = SYS_write, .reason = "the tally"},
	    {.nr = SYS_openat2, .reason = "directories"},
	    {.nr = SYS_close, .reason = "directories"},
	    {.nr = SYS_newfstatat, .reason = "kinds of file"},
	    {.nr = SYS_getdents64, .reason = "directories"},
	    {.nr = SYS_unlinkat, .reason = "empty directories, sockets"},
	    {.nr = SYS_poll, .reason = "orders"},
	    {.nr = SYS_clock_gettime, .reason = "where the vDSO has none"},
	    {.nr = SYS_exit_group, .reason = "the end"},
	};
	struct sandbox_dir rules[2];
	size_t n = 0;
	enum err e;

	if (queue != -1)
		rules[n++] = (struct sandbox_dir){
		    queue, SANDBOX_READ | SANDBOX_RMDIR | SANDBOX_SOCKET};
	if (data != -1)
		rules[n++] =
		    (struct sandbox_dir){data, SANDBOX_READ | SANDBOX_SOCKET};
	e = sandbox_dirs(rules, n, why);
	if (e != ERR_OK && e != ERR_STATE)
		return e;
	return sandbox_calls(calls, sizeof(calls) / sizeof(calls[0]), why);
}

static _Noreturn void
cleaner_main(const struct actor *a, struct channel parent, int queue,
    int data_parent, const char *data_name)
{
	static struct tally t;
	struct timespec deadline = lock_deadline(LOCK_SECONDS_MAX * 2);
	int data = -1;
	char order;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
	    privs_become(a->mail_uid, a->mail_gid, NULL) != ERR_OK)
		_exit(1);
	if (data_parent != -1)
		data = path_open_at(data_parent, data_name,
		    O_RDONLY | O_DIRECTORY, 0);
	if (confine(queue, data, NULL) != ERR_OK)
		_exit(1);
	while (channel_read(parent.in, &order, 1, &deadline) == ERR_OK) {
		work(&t, order == 'R', queue, data);
		if (channel_write(parent.out, &t, sizeof(t)) != ERR_OK)
			break;
	}
	_exit(0);
}

enum err
cleaner_start(struct actor *a, struct cleaner *c, int queue, int data_parent,
    const char *data_name, struct why *why)
{
	int up[2], down[2];

	if (a->mail_uid == 0)
		return why_set(why, ERR_UNTRUSTED, "mail_owner is root");
	if (pipe2(up, O_CLOEXEC) == -1 || pipe2(down, O_CLOEXEC) == -1)
		return why_errno(why, "pipe");
	switch (fork()) {
	case -1: return why_errno(why, "fork");
	case 0:
		(void)close(up[0]);
		(void)close(down[1]);
		(void)close(a->judge.in);
		(void)close(a->judge.out);
		(void)close(PROTO_FD_REPLY);
		cleaner_main(a, (struct channel){down[0], up[1]}, queue,
		    data_parent, data_name);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	c->in = up[0];
	c->out = down[1];
	return ERR_OK;
}

static enum err
ask(struct cleaner *c, char order, struct tally *t, struct why *why)
{
	struct timespec deadline = lock_deadline(ANSWER_SECONDS);
	enum err e;

	if ((e = channel_write(c->out, &order, 1)) == ERR_OK)
		e = channel_read(c->in, t, sizeof(*t), &deadline);
	if (e != ERR_OK)
		return why_set(why, e,
		    "the process that works in the queue "
		    "ended or took too long");
	t->left[sizeof(t->left) - 1] = '\0';
	if (t->err != ERR_OK)
		return why_set(why, ERR_UNTRUSTED,
		    "a queue directory is not mail_owner's to read: mend it "
		    "with \"postfix set-permissions\"");
	return ERR_OK;
}

enum err
cleaner_count(struct cleaner *c, struct tally *t, struct why *why)
{
	return ask(c, 'C', t, why);
}

enum err
cleaner_remove(struct cleaner *c, struct tally *t, struct why *why)
{
	return ask(c, 'R', t, why);
}
