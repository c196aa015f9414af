/*
 * hostile: a helper's caller that means no good.  `frame` starts it, by a
 * script, in a helper's place: the frame is on descriptor 3, the reply belongs
 * on descriptor 4, and HELPER is the real one.
 *
 *   late FILE HELPER      says "actor PID judge PID", and lets the frame end
 *                         only once FILE exists
 *   stop WHO COUNT US FILE HELPER
 *                         starts COUNT helpers and stops WHO (judge, both, or
 *                         by ^Z on a terminal: pty) of the i-th i * US
 *                         microseconds after its frame; says "held N"; lets
 *                         all go on once FILE exists and says for each "held"
 *                         or "free", then "none" or its error's number
 *   unread HELPER         a reply that is never read, on a socket without room
 *   fd N KIND [PATH] HELPER
 *                         descriptor N is one of: opath, read, inet, dir
 *   state HELPER          everything that exec inherits is odd
 *   mdwe HELPER           memory-deny-write-execute
 *   show                  not started by frame: says what it has inherited
 */

#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/mempolicy.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proto.h"

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65 /* Linux 6.3 */
#define PR_GET_MDWE 66
#endif
#define MDWE_REFUSE_GAIN   1UL
#define EXEC_RESTRICT_FILE 0x100 /* Linux 6.14 */

#define COUNT_MAX 100
#define WAIT_MS   90000 /* for FILE, and for a helper to end */
#define ODD_RING  "a-delegates-keys"

static char frame[PROTO_SIZE];

/* --- helpers as children -------------------------------------------------- */

struct child {
	pid_t actor, judge;
	int frame, reply;
	int held;
};

static void
pause_us(long us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000};

	while (nanosleep(&t, &t) == -1 && errno == EINTR)
		;
}

static void
read_frame(void)
{
	size_t got = 0;
	ssize_t n;

	while (got < sizeof(frame) &&
	    (n = read(PROTO_FD_FRAME, frame + got, sizeof(frame) - got)) > 0)
		got += (size_t)n;
	if (got != sizeof(frame))
		error(2, 0, "not run by frame");
}

static _Noreturn void
become(char *helper, int in, int out)
{
	char *const argv[] = {helper, NULL};

	in = fcntl(in, F_DUPFD, 10);
	out = fcntl(out, F_DUPFD, 10);
	if (dup2(in, PROTO_FD_FRAME) == -1 || dup2(out, PROTO_FD_REPLY) == -1)
		error(126, errno, "dup2");
	close_range(PROTO_FD_REPLY + 1, ~0u, 0);
	execv(helper, argv);
	error(126, errno, "%s", helper);
	abort();
}

/* The only child of a process; 0 while there is none. */
static pid_t
only_child(pid_t pid)
{
	char path[64], text[64];
	ssize_t n = 0;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid, pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return (pid_t)strtol(text, NULL, 10);
}

/* Anybody may read that: R, S, T, Z ... */
static char
state_of(pid_t pid)
{
	char path[64], text[128], state = '?';
	const char *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return '?';
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	if ((p = strrchr(text, ')')) != NULL && p[1] == ' ')
		state = p[2];
	return state;
}

/* reply: where it goes, or -1 for a pipe of ours. */
static struct child
start(char *helper, int reply)
{
	struct child c = {.reply = -1};
	int in[2], out[2] = {-1, reply}, tries;

	if (pipe2(in, O_CLOEXEC) == -1 ||
	    (reply == -1 && pipe2(out, O_CLOEXEC) == -1) ||
	    (c.actor = fork()) == -1)
		error(2, errno, "pipe or fork");
	if (c.actor == 0)
		become(helper, in[0], out[1]);
	close(in[0]);
	if (reply == -1)
		close(out[1]);
	c.frame = in[1];
	c.reply = out[0];
	for (tries = 0; tries < 20000 && c.judge == 0; tries++) {
		c.judge = only_child(c.actor);
		if (state_of(c.actor) == 'Z')
			break;
		if (c.judge == 0)
			pause_us(500);
	}
	if (write(c.frame, frame, sizeof(frame)) != sizeof(frame))
		error(0, errno, "frame");
	return c;
}

static void
wait_for_file(const char *path)
{
	int ms;

	for (ms = 0; ms < WAIT_MS && access(path, F_OK) == -1; ms += 10)
		pause_us(10000);
}

/* Ends as the helper did. */
static int
follow(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		error(2, errno, "waitpid");
	if (WIFSIGNALED(status)) {
		printf("ended by signal %d\n", WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	return WEXITSTATUS(status);
}

static int
late(char **arg)
{
	struct child c = start(arg[1], PROTO_FD_REPLY);

	printf("actor %d judge %d\n", c.actor, c.judge);
	fflush(stdout);
	wait_for_file(arg[0]);
	close(c.frame);
	close(PROTO_FD_REPLY);
	return follow(c.actor);
}

/* --- stopped ----------------------------------------------------------------
 */

/* A terminal of our own, our group in its foreground; returns its other end. */
static int
own_terminal(void)
{
	int pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC), tty;

	if (fork() != 0) { /* the leader only waits: ^Z isn't for it */
		close(pty);
		wait(NULL);
		_exit(0);
	}
	if (setsid() == -1 || pty == -1 || grantpt(pty) == -1 ||
	    unlockpt(pty) == -1 ||
	    (tty = open(ptsname(pty), O_RDWR | O_CLOEXEC)) == -1 ||
	    ioctl(tty, TIOCSCTTY, 0) == -1)
		error(2, errno, "terminal");
	/* In a group whose parent isn't in the session ^Z would be ignored. */
	if (fork() != 0) {
		(void)signal(SIGTTOU, SIG_IGN);
		wait(NULL);
		_exit(0);
	}
	(void)signal(SIGTTOU, SIG_IGN);
	if (setpgid(0, 0) == -1 || tcsetpgrp(tty, getpgrp()) == -1)
		error(2, errno, "foreground");
	return pty;
}

static void
halt(struct child *c, const char *who, int pty)
{
	int tries;

	if (pty != -1) {
		if (write(pty, "\032", 1) != 1)
			error(0, errno, "^Z");
	} else {
		/* Not permitted any more: it is root's, too late. */
		if (strcmp(who, "both") == 0)
			(void)kill(c->actor, SIGSTOP);
		if (c->judge > 0)
			(void)kill(c->judge, SIGSTOP);
	}
	for (tries = 0; tries < 20 && !c->held; tries++) {
		pause_us(1000);
		c->held = state_of(strcmp(who, "both") == 0 ? c->actor :
							      c->judge) == 'T';
	}
}

static void
result(const struct child *c)
{
	struct pollfd p = {.fd = c->reply, .events = POLLIN};
	struct reply r;

	printf("%s ", c->held ? "held" : "free");
	if (poll(&p, 1, WAIT_MS) == 1 &&
	    read(c->reply, &r, sizeof(r)) == (ssize_t)sizeof(r))
		printf("%u\n", r.err);
	else
		printf("none\n");
}

static int
stop(char **arg)
{
	static struct child c[COUNT_MAX];
	int n = atoi(arg[1]), i, held = 0, pty = -1;
	long us = atol(arg[2]);

	if (n > COUNT_MAX)
		error(2, 0, "too many");
	if (strcmp(arg[0], "pty") == 0)
		pty = own_terminal();
	if (pty != -1)
		(void)signal(SIGTSTP, SIG_IGN); /* until exec, ours only */
	for (i = 0; i < n; i++) {
		c[i] = start(arg[4], -1);
		close(c[i].frame);
		pause_us(us * i);
		halt(&c[i], arg[0], pty);
		held += c[i].held;
	}
	printf("held %d\n", held);
	fflush(stdout);
	wait_for_file(arg[3]);
	for (i = 0; i < n; i++) {
		(void)kill(c[i].actor, SIGCONT);
		if (c[i].judge > 0)
			(void)kill(c[i].judge, SIGCONT);
	}
	for (i = 0; i < n; i++)
		result(&c[i]);
	return 0;
}

/* --- descriptors ------------------------------------------------------------
 */

static int
unread(char **arg)
{
	int pair[2], least = 1;
	struct child c;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1 ||
	    setsockopt(pair[1], SOL_SOCKET, SO_SNDBUF, &least, sizeof(least)) ==
		-1)
		error(2, errno, "socketpair");
	while (send(pair[1], "x", 1, MSG_DONTWAIT) == 1)
		;
	c = start(arg[0], pair[1]);
	printf("actor %d judge %d\n", c.actor, c.judge);
	close(c.frame);
	return follow(c.actor);
}

static int
descriptor(char **arg)
{
	const char *kind = arg[1];
	char *const *rest = arg + 2;
	int fd = -1;

	if (strcmp(kind, "inet") == 0)
		fd = socket(AF_INET, SOCK_STREAM, 0);
	else if (strcmp(kind, "opath") == 0)
		fd = open(*rest++, O_PATH);
	else if (strcmp(kind, "read") == 0)
		fd = open(*rest++, O_RDONLY);
	else if (strcmp(kind, "dir") == 0)
		fd = open(*rest++, O_RDONLY | O_DIRECTORY);
	if (fd == -1 || dup2(fd, atoi(arg[0])) == -1)
		error(2, errno, "%s", kind);
	become(*rest, PROTO_FD_FRAME, PROTO_FD_REPLY);
}

/* --- what exec inherits -----------------------------------------------------
 */

static void
put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1 || write(fd, value, strlen(value)) == -1)
		error(2, errno, "%s", path);
	close(fd);
}

static int
state(char **arg)
{
	const unsigned long first = 1; /* node */

	/* Where there are no keyrings there is none to inherit. */
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, ODD_RING);
	put("/proc/self/coredump_filter", "0x7f");
	/* Linux 6.14: what interpreters may run. */
	(void)prctl(PR_SET_SECUREBITS, EXEC_RESTRICT_FILE);
	/* Where there is but one kind of memory there is no policy. */
	(void)syscall(SYS_set_mempolicy, MPOL_BIND, &first, 64UL);
	if (prctl(PR_SET_TIMERSLACK, 3600000000000UL) == -1 ||
	    prctl(PR_SET_THP_DISABLE, 1, 0, 0, 0) == -1 ||
	    personality(PER_LINUX32 | UNAME26 | WHOLE_SECONDS) == -1)
		error(2, errno, "prctl or personality");
	become(arg[0], PROTO_FD_FRAME, PROTO_FD_REPLY);
}

static int
mdwe(char **arg)
{
	if (prctl(PR_SET_MDWE, MDWE_REFUSE_GAIN, 0, 0, 0) == -1)
		error(77, errno, "PR_SET_MDWE");
	become(arg[0], PROTO_FD_FRAME, PROTO_FD_REPLY);
}

static int
show(char **arg)
{
	char ring[128] = "", filter[32] = "";
	int policy = MPOL_DEFAULT;
	int fd = open("/proc/self/coredump_filter", O_RDONLY | O_CLOEXEC);

	(void)arg;
	if (fd == -1 || read(fd, filter, sizeof(filter) - 1) == -1)
		error(2, errno, "coredump_filter");
	(void)syscall(SYS_keyctl, KEYCTL_DESCRIBE, KEY_SPEC_SESSION_KEYRING,
	    ring, sizeof(ring) - 1);
	(void)syscall(SYS_get_mempolicy, &policy, NULL, 0, NULL, 0);
	printf("slack %d\npersonality %x\nthp %d\nmdwe %d\nfilter %lx\n"
	       "keyring %s\nmempolicy %d\nsecurebits %x\n",
	    prctl(PR_GET_TIMERSLACK), (unsigned)personality(0xffffffff),
	    prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0),
	    prctl(PR_GET_MDWE, 0, 0, 0, 0), strtoul(filter, NULL, 16),
	    strstr(ring, ODD_RING) != NULL ? "odd" : "other", policy,
	    (unsigned)prctl(PR_GET_SECUREBITS));
	return 0;
}

int
main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int (*fn)(char **);
		int nargs, reads;
	} commands[] = {{"late", late, 2, 1}, {"stop", stop, 5, 1},
	    {"unread", unread, 1, 1}, {"fd", descriptor, 3, 0},
	    {"state", state, 1, 0}, {"mdwe", mdwe, 1, 0}, {"show", show, 0, 0}};
	size_t i;

	(void)signal(SIGPIPE, SIG_IGN);
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (argc < 2 || strcmp(commands[i].name, argv[1]) != 0 ||
		    argc - 2 < commands[i].nargs)
			continue;
		if (commands[i].reads)
			read_frame();
		return commands[i].fn(argv + 2);
	}
	error(2, 0, "usage: hostile COMMAND ARGUMENT... HELPER");
	return 2;
}
