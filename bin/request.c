#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "msg.h"
#include "request.h"
#include "spawn.h"

/* What the user sent us, and the helper it goes on to. */
static volatile sig_atomic_t interrupted;
static volatile pid_t helper;

/* Only root may signal a helper: to others it has uid 0. */
static void
on_signal(int sig)
{
	int saved = errno;

	interrupted = 1;
	if (helper > 0 && getuid() == 0)
		(void)kill(helper, sig);
	errno = saved;
}

int
request_interrupted(void)
{
	return interrupted;
}

/* An ignored signal (nohup) stays ignored. */
static void
catch_signals(void)
{
	static const int signals[] = {SIGTERM, SIGINT, SIGHUP};
	static bool done;
	struct sigaction sa = {.sa_handler = on_signal}, old;
	size_t i;

	for (i = 0; !done && i < sizeof(signals) / sizeof(signals[0]); i++)
		if (sigaction(signals[i], NULL, &old) == 0 &&
		    old.sa_handler != SIG_IGN)
			(void)sigaction(signals[i], &sa, NULL);
	done = true;
}

/* The whole reply or nothing: it is written at once. */
static enum err
read_reply(int fd, struct reply *r)
{
	size_t n = 0;
	ssize_t got;

	while (n < sizeof(*r)) {
		got = read(fd, (char *)r + n, sizeof(*r) - n);
		if (got == -1 && errno == EINTR)
			continue;
		if (got <= 0)
			return ERR_PROTOCOL;
		n += (size_t)got;
	}
	return ERR_OK;
}

static enum err
not_started(const char *path, const struct op_info *op, int error,
    struct why *why)
{
	struct why plain = *why;

	if (error == EACCES)
		return why_set(why, ERR_PRIVILEGE,
		    "%s: only members of group %s may run %s; "
		    "if you were just added, log in again",
		    op->name, SYSTEM_USER, path);
	if (error == ENOENT)
		return why_set(why, ERR_PRIVILEGE, "%s: %s is not installed",
		    op->name, path);
	return why_set(why, ERR_PRIVILEGE, "%s: %s", op->name, plain.text);
}

/* What a helper that died without a reply left behind. */
static enum err
no_reply(const char *path, const struct op_info *op, int status,
    struct why *why)
{
	if (WIFSIGNALED(status))
		return why_set(why, ERR_PROTOCOL,
		    "%s: %s was ended by signal %d; the same command again "
		    "finishes what it began",
		    op->name, path, WTERMSIG(status));
	return why_set(why, ERR_PROTOCOL,
	    "%s: %s ended with status %d and without a reply", op->name, path,
	    WEXITSTATUS(status));
}

/* Starts the helper with the frame waiting in its pipe: a frame fits, so this
 * can't block, and there is a reader, so there is no SIGPIPE. */
static enum err
start(const char *path, char *const *argv, const struct frame *f, int *reply,
    pid_t *pid, struct why *why)
{
	struct spawn s = {.path = path,
	    .argv = argv,
	    .envp = environ,
	    .fds = {SPAWN_KEEP, SPAWN_KEEP, SPAWN_KEEP},
	    .has_request = true};
	int frame[2], back[2], saved;
	enum err e;

	if (pipe2(frame, O_CLOEXEC) == -1)
		return why_errno(why, "pipe");
	if (pipe2(back, O_CLOEXEC) == -1) {
		e = why_errno(why, "pipe");
		(void)close(frame[0]);
		(void)close(frame[1]);
		return e;
	}
	s.request[0] = frame[0];
	s.request[1] = back[1];
	if (write(frame[1], f, sizeof(*f)) != (ssize_t)sizeof(*f))
		e = why_errno(why, "write a frame");
	else
		e = spawn_start(&s, pid, why);
	saved = errno;
	(void)close(frame[0]);
	(void)close(frame[1]);
	(void)close(back[1]);
	*reply = back[0];
	if (e != ERR_OK)
		(void)close(back[0]);
	errno = saved;
	return e;
}

/* The helper's own words: "NAME [-- WORDS...]". */
static char **
arguments(const char *name, char *const *args)
{
	size_t n = 0, i;
	char **argv;

	while (args != NULL && args[n] != NULL)
		n++;
	argv = msg_realloc(NULL, n + 3, sizeof(*argv));
	argv[0] = (char *)(size_t)name;
	argv[1] = NULL;
	if (args == NULL)
		return argv;
	argv[1] = (char *)(size_t) "--";
	for (i = 0; i <= n; i++)
		argv[i + 2] = args[i];
	return argv;
}

static char last_notes[sizeof(((struct reply *)NULL)->notes)];

const char *
request_notes(void)
{
	return last_notes;
}

/* Notes become warnings, one a line; of what had no room the number is told
 * last. */
static void
show_notes(enum op op, char *notes)
{
	char *line, *rest = notes;

	(void)strlcpy(last_notes, notes, sizeof(last_notes));
	while ((line = strsep(&rest, "\n")) != NULL)
		if (*line != '\0' &&
		    !(line[0] == '(' && (op == OP_CLEAR || op == OP_FINISH)))
			msg_warn("%s", line);
}

static enum err
judge_reply(const struct frame *f, const struct op_info *op, struct reply *r,
    struct why *why)
{
	/* A helper that failed before it had read the frame knows no step. */
	unsigned told = r->err != ERR_OK && r->op == OP_NONE ? OP_NONE : f->op;
	enum err e = reply_check(r, told, why);

	if (e != ERR_OK)
		return e;
	msg_detail(1, "%s: %s%s%s", op->name,
	    r->err != ERR_OK ? r->error :
		r->unchanged ? "unchanged" :
			       "done",
	    r->rule[0] != '\0' ? ", by " : "", r->rule);
	if ((op->fields & FIELD_READS) == 0)
		show_notes(f->op, r->notes);
	if (r->err != ERR_OK)
		return why_set(why, (enum err)r->err, "%s",
		    r->error[0] != '\0' ? r->error :
					  err_text((enum err)r->err));
	return ERR_OK;
}

enum err
request_run(const struct frame *f, char *const args[], struct reply *r,
    struct why *why)
{
	const struct op_info *op = op_info(f->op);
	char path[sizeof(PATH_HELPERS) + 64], **argv;
	enum err e, got;
	int fd = -1, status, error;
	pid_t pid = -1;

	(void)snprintf(path, sizeof(path), "%s/%s", PATH_HELPERS,
	    helper_name(op->helper));
	memset(r, 0, sizeof(*r));
	catch_signals();
	argv = arguments(helper_name(op->helper), args);
	msg_detail(2, "%s: running %s, to %s", op->name, path, op->text);
	(void)fflush(NULL);
	e = start(path, argv, f, &fd, &pid, why);
	error = errno;
	free(argv);
	if (e != ERR_OK)
		return not_started(path, op, error, why);
	helper = pid;
	got = read_reply(fd, r);
	(void)close(fd);
	e = spawn_wait(pid, &status, why);
	helper = 0;
	if (e != ERR_OK)
		return e;
	return got == ERR_OK ? judge_reply(f, op, r, why) :
			       no_reply(path, op, status, why);
}
