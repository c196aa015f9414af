#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
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
#include "log.h"
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
	const char *label;  /* of the directory */
	int depth;
};

static void
left(const struct job *job, const char *name)
{
	struct tally *t = job->t;
	size_t used = strlen(t->left), room = sizeof(t->left) - used;
	char enc[PATH_SIZE * 4];

	(void)log_vis(name, enc, sizeof(enc));
	if (t->more == 0 &&
	    snprintf(t->left + used, room, "%s/%s\n", job->label, enc) <
		(int)room)
		return;
	t->left[used] = '\0';
	t->more++;
}

/* The queue can't be told to be empty: say where. */
static void
unreadable(struct tally *t, const char *label)
{
	t->err = ERR_UNTRUSTED;
	(void)strlcpy(t->left, label, sizeof(t->left));
}

static enum err visit(void *ctx, int dirfd, const char *name);

/* Gone already is fine, unreadable isn't: it would look empty. */
static void
descend(const struct job *job, int dirfd, const char *name)
{
	char label[PATH_SIZE * 4], enc[PATH_SIZE];
	struct job below = *job;
	int fd = path_open_at(dirfd, name, O_RDONLY | O_DIRECTORY, 0);

	(void)snprintf(label, sizeof(label), "%.*s%s%s", PATH_SIZE, job->label,
	    job->depth > 0 ? "/" : "", log_vis(name, enc, sizeof(enc)));
	below.label = label;
	below.depth++;
	if (fd == -1 ? errno != ENOENT :
		       path_each(fd, label, visit, &below, NULL) == ERR_SYSTEM)
		unreadable(job->t, label);
	if (fd != -1)
		(void)close(fd);
}

static enum err
visit(void *ctx, int dirfd, const char *name)
{
	const struct job *job = ctx;
	struct stat st;
	int flags = 0;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return ERR_OK;
	if (S_ISDIR(st.st_mode) && job->depth < DEPTH_MAX) {
		descend(job, dirfd, name);
		flags = AT_REMOVEDIR;
	}
	if (S_ISREG(st.st_mode) && job->messages != NULL)
		++*job->messages;
	if (job->remove &&
	    ((!S_ISSOCK(st.st_mode) && !S_ISFIFO(st.st_mode) && flags == 0) ||
		(unlinkat(dirfd, name, flags) == -1 && errno != ENOTEMPTY)))
		left(job, name);
	return ERR_OK;
}

static void
work(struct tally *t, bool remove, int queue, int data)
{
	struct job job = {.remove = remove, .t = t, .label = ""};
	size_t i;

	memset(t, 0, sizeof(*t));
	for (i = 0; queue != -1 && i < CLEANER_QUEUES; i++) {
		job.messages = &t->messages[i];
		descend(&job, queue, cleaner_queues[i]);
	}
	job.messages = NULL;
	for (i = 0; queue != -1 && remove &&
	     i < sizeof(other_dirs) / sizeof(other_dirs[0]);
	     i++)
		descend(&job, queue, other_dirs[i]);
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
	    {.nr = SYS_lseek, .reason = "a directory from its start"},
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
		    queue, SANDBOX_READ | SANDBOX_RMDIR | SANDBOX_UNLINK};
	if (data != -1)
		rules[n++] =
		    (struct sandbox_dir){data, SANDBOX_READ | SANDBOX_UNLINK};
	e = sandbox_dirs(rules, n, why);
	if (e != ERR_OK && e != ERR_STATE)
		return e;
	return sandbox_calls(calls, sizeof(calls) / sizeof(calls[0]), why);
}

static _Noreturn void
cleaner_main(const struct actor *a, pid_t helper, struct channel parent,
    int queue, int data_parent, const char *data_name)
{
	static struct tally t;
	struct timespec deadline = lock_deadline(LOCK_SECONDS_MAX * 2);
	int data = -1;
	char order;

	/* Changing ids clears the parent-death signal: it comes after. */
	if (privs_become(a->mail_uid, a->mail_gid, NULL) != ERR_OK ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != helper)
		_exit(1);
	if (data_parent != -1)
		data = path_open_at(data_parent, data_name,
		    O_RDONLY | O_DIRECTORY, 0);
	if (confine(queue, data, NULL) != ERR_OK)
		_exit(1);
	while (channel_read(parent.in, &order, 1, &deadline) == ERR_OK) {
		work(&t, order == CLEANER_REMOVE, queue, data);
		if (channel_write(parent.out, &t, sizeof(t)) != ERR_OK)
			break;
	}
	_exit(0);
}

enum err
cleaner_start(struct actor *a, struct cleaner *c, int queue, int data_parent,
    const char *data_name, struct why *why)
{
	pid_t helper = getpid();
	int up[2], down[2];

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
		cleaner_main(a, helper, (struct channel){down[0], up[1]}, queue,
		    data_parent, data_name);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	c->in = up[0];
	c->out = down[1];
	return ERR_OK;
}

enum err
cleaner_ask(struct cleaner *c, char order, struct tally *t, struct why *why)
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
		    "queue directory %s: is not mail_owner's to read: as root "
		    "run \"postfix -c DIR set-permissions\"",
		    t->left);
	return ERR_OK;
}
