#include <sys/prctl.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "channel.h"
#include "dirs.h"
#include "lock.h"
#include "log.h"
#include "ours.h"
#include "privs.h"

#define ANSWER_SECONDS 8  /* less than others wait for the lock */
#define FD_ABOVE       16 /* where no descriptor of the cleaner's is */

/* In the child, which is root's until its first line is done. */
static _Noreturn void
become_cleaner(struct actor *a, pid_t helper, int in, int out, int queue,
    const struct spot *data)
{
	static char path[] = PATH_HELPERS "/postmulti-cleaner";
	char name[] = "postmulti-cleaner";
	char *argv[] = {
	    name, a->v.queue.path, a->v.data.path, a->v.config.path, NULL};
	char *env[] = {NULL};
	int fds[] = {in, out, queue, -1}, i;
	int null = open("/dev/null", O_RDWR);

	/* Changing ids clears the parent-death signal: it comes after. */
	if (privs_become(a->mail_uid, a->mail_gid, NULL) != ERR_OK ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != helper)
		_exit(126);
	/* Only mail_owner may open it; what can't be opened is kept. */
	if (data->anchor != -1 &&
	    (fds[3] = path_open_at(data->anchor, data->rest,
		 O_RDONLY | O_DIRECTORY, 0)) == -1 &&
	    errno != ENOENT && !ours_stays(errno) && errno != EXDEV)
		_exit(126);
	for (i = 0; i < 4; i++)
		if (fds[i] != -1 &&
		    (fds[i] = fcntl(fds[i], F_DUPFD, FD_ABOVE)) == -1)
			_exit(126);
	for (i = 0; i < 4; i++)
		if (fds[i] == -1)
			(void)close(CLEANER_FD_IN + i);
		else if (dup2(fds[i], CLEANER_FD_IN + i) == -1)
			_exit(126);
	/* What mail_owner can stop must not hold the caller's pipes open. */
	for (i = 0; i < CLEANER_FD_IN; i++)
		if (dup2(null, i) == -1)
			_exit(126);
	if (close_range(CLEANER_FD_DATA + 1, ~0U, 0) == 0)
		(void)execve(path, argv, env);
	_exit(127);
}

enum err
cleaner_start(struct actor *a, int queue, const struct spot *data,
    struct channel *c, struct why *why)
{
	pid_t helper = getpid();
	int up[2], down[2];

	if (pipe2(up, O_CLOEXEC) == -1 || pipe2(down, O_CLOEXEC) == -1)
		return why_errno(why, "pipe");
	switch (fork()) {
	case -1: return why_errno(why, "fork");
	case 0: become_cleaner(a, helper, down[0], up[1], queue, data);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	c->in = up[0];
	c->out = down[1];
	return ERR_OK;
}

enum err
cleaner_ask(const struct channel *c, uint32_t what, uint32_t skip,
    struct tally *t, struct why *why)
{
	/* For all answers together: between two mail_owner can stop it. */
	static struct timespec deadline;
	const struct order order = {what, skip};
	enum err e;

	if (deadline.tv_sec == 0)
		deadline = lock_deadline(ANSWER_SECONDS);
	if ((e = channel_write(c->out, &order, sizeof(order))) == ERR_OK)
		e = channel_read(c->in, t, sizeof(*t), &deadline);
	if (e != ERR_OK)
		return why_set(why, e,
		    "%s/postmulti-cleaner, which works in the queue, %s",
		    PATH_HELPERS,
		    e == ERR_TIMEOUT ? "took too long, run the command again" :
				       "ended: is it installed?");
	t->text[sizeof(t->text) - 1] = '\0';
	if (t->err == ERR_OK)
		return ERR_OK;
	(void)log_plain(t->text, why->text, sizeof(why->text));
	return t->err <= ERR_BUG ? (enum err)t->err : ERR_PROTOCOL;
}
