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

#define ANSWER_SECONDS 8 /* less than others wait for the lock */

/* In the child, which is root's until its first line is done. */
static _Noreturn void
become_cleaner(struct actor *a, pid_t helper, bool has_data)
{
	static char path[] = PATH_HELPERS "/postmulti-cleaner";
	const struct spot *data = &dirs.spots[BASE_DATA];
	char *argv[] = {
	    path, a->v.queue.path, a->v.data.path, a->v.config.path, NULL};
	/* What mail_owner can stop must not hold the caller's pipes open. */
	int null = open("/dev/null", O_RDWR);
	int fds[] = {null, null, null, [CLEANER_FD_IN] = dirs.cleaner.in,
	    [CLEANER_FD_OUT] = dirs.cleaner.out,
	    [CLEANER_FD_QUEUE] = dirs.queue, [CLEANER_FD_DATA] = -1};

	/* Changing ids clears the parent-death signal: it comes after. */
	if (null == -1 ||
	    privs_become(a->mail_uid, a->mail_gid, NULL) != ERR_OK ||
	    prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 || getppid() != helper)
		_exit(126);
	/* Only mail_owner may open it; what can't be opened is kept. */
	if (has_data &&
	    (fds[CLEANER_FD_DATA] = path_open_at(data->anchor, data->rest,
		 O_RDONLY | O_DIRECTORY, 0)) == -1 &&
	    errno != ENOENT && !ours_stays(errno) && errno != EXDEV)
		_exit(126);
	channel_exec(argv, fds, COUNT_OF(fds), 0);
}

enum err
cleaner_start(struct actor *a, bool has_data, struct why *why)
{
	pid_t helper = getpid(), pid;
	enum err e = channel_fork(&dirs.cleaner, &pid, why);

	if (e == ERR_OK && pid == 0)
		become_cleaner(a, helper, has_data);
	return e;
}

enum err
cleaner_ask(uint32_t what, uint32_t skip, struct tally *t, struct why *why)
{
	/* For all answers together: between two mail_owner can stop it. */
	static struct timespec deadline;
	const struct channel *c = &dirs.cleaner;
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
