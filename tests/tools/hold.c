/*
 * hold: what somebody without privilege tries, to hold up others.  Run as
 * that user; what it started stays as it is until hold itself is ended.
 *
 *   signal "SIG..." ROUNDS INODE COMMAND...
 *                 ROUNDS times: starts COMMAND and sends one of SIG to every
 *                 process of it: every other time once it has the lock, else
 *                 at any moment
 *   tty KEYS ROUNDS INODE COMMAND...
 *                 the same, COMMAND on a terminal of its own; KEYS: what is
 *                 typed, or hup: the other end is closed, or background: not
 *                 in the foreground of a terminal with TOSTOP
 *   flood SIG     sends SIG to all processes there are, without end
 *   send PID...   sends each signal there is to each of PID
 *   unread HOW HELPER OP NAME
 *                 runs HELPER by hand; HOW: full: the reply finds no room;
 *                 half: half a frame; open: the frame never ends; leader: it
 *                 leads its own group of processes.  Nobody reads or writes
 *                 what its descriptors 0, 1 and 2 are
 *   full COMMAND...
 *                 such descriptors alone
 *   locks PATH... opens everything below, and takes each kind of lock on it
 *   odd COMMAND...
 *                 all signals blocked and ignored, all timers running, worst
 *                 place on the CPU and in memory
 *   burn COMMAND...
 *                 uses up two seconds of CPU time first
 *
 * INODE: of a file whose lock others wait for.  signal and tty say "held N of
 * ROUNDS": how often a process of COMMAND had that lock both before and after
 * it was attacked.  All but send, odd and burn say "ready" once all is done.
 */

#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <ftw.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "policy.h"
#include "proto.h"

#define TREE_MAX 64

static void
pause_us(long us)
{
	struct timespec t = {us / 1000000, us % 1000000 * 1000};

	(void)nanosleep(&t, NULL);
}

/* Until we are ended, and with us what we started. */
static int
stay(void)
{
	printf("ready\n");
	(void)fflush(stdout);
	while (pause() == -1)
		;
	return 0;
}

/* --- processes ---------------------------------------------------------------
 */

struct tree {
	pid_t pids[TREE_MAX];
	size_t n;
};

static void
collect(struct tree *t, pid_t pid)
{
	char path[64], text[1024], *p = text, *end;
	ssize_t n;
	int fd;

	if (t->n == TREE_MAX)
		return;
	t->pids[t->n++] = pid;
	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children", pid,
	    pid);
	if ((fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	text[n > 0 ? n : 0] = '\0';
	for (;;) {
		pid = (pid_t)strtol(p, &end, 10);
		if (end == p)
			break;
		p = end;
		collect(t, pid);
	}
}

/* Who has it: one of these?  Anybody may ask. */
static pid_t
holder(const struct tree *t, unsigned long inode)
{
	unsigned long ino;
	char line[256];
	pid_t pid, found = 0;
	size_t i;
	FILE *f = fopen("/proc/locks", "re");

	while (f != NULL && found == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*u: FLOCK %*s WRITE %d %*x:%*x:%lu", &pid,
			&ino) == 2 &&
		    ino == inode)
			for (i = 0; i < t->n; i++)
				if (t->pids[i] == pid)
					found = pid;
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static long
now_us(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000 + t.tv_nsec / 1000;
}

/* Returns when to attack what began as pid, and who of it has the lock then.
 * us: as long as all takes; 0: as long as it likes. */
static pid_t
moment(struct tree *t, pid_t pid, int round, unsigned long inode, long us)
{
	long end = now_us() + (us == 0 ? 20000000 : 2 * us);
	pid_t had;

	if (round % 2 == 1)
		pause_us(random() % us);
	do {
		t->n = 0;
		collect(t, pid);
		had = holder(t, inode);
	} while (round % 2 == 0 && had == 0 && now_us() < end);
	return had;
}

static void
nothing_said(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), i;

	for (i = 0; i < 3; i++)
		(void)dup2(null, i);
}

static _Noreturn void
command(char **argv)
{
	/* Not to outlive us: but nothing that is root's will obey. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	execv(argv[0], argv);
	error(126, errno, "%s", argv[0]);
	abort();
}

static long
duration(char **argv)
{
	long start = now_us();
	pid_t pid;

	if ((pid = fork()) == 0) {
		nothing_said();
		command(argv);
	}
	(void)waitpid(pid, NULL, 0);
	return now_us() - start + 1;
}

static int
attack_signal(char **arg)
{
	int rounds = atoi(arg[1]), held = 0, r, sig;
	char *list = arg[0];
	unsigned long inode = strtoul(arg[2], NULL, 10);
	long us = rounds > 1 ? duration(arg + 3) : 0;
	pid_t pid, had;
	size_t i;

	for (r = 0; r < rounds; r++) {
		struct tree t = {.n = 0};

		if ((pid = fork()) == -1)
			error(2, errno, "fork");
		if (pid == 0) {
			nothing_said();
			command(arg + 3);
		}
		sig = (int)strtol(list, &list, 10);
		if (*list == '\0')
			list = arg[0];
		had = moment(&t, pid, r, inode, us);
		for (i = 0; i < t.n; i++)
			(void)kill(t.pids[i], sig);
		held += had != 0 && had == holder(&t, inode);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	printf("held %d of %d\n", held, rounds);
	return stay();
}

static int
flood(char **arg)
{
	int sig = atoi(arg[0]);

	printf("ready\n");
	(void)fflush(stdout);
	while (kill(-1, sig) == 0 || errno == ESRCH || errno == EPERM)
		pause_us(50);
	return 2;
}

static int
send_all(char **arg)
{
	int sig;

	for (; *arg != NULL; arg++)
		for (sig = 0; sig < NSIG; sig++)
			if (sig != SIGCONT && kill(atoi(*arg), sig) == 0)
				printf("permitted %d to %s\n", sig, *arg);
	printf("sent\n");
	return 0;
}

/* --- a terminal
 * ------------------------------------------------------------------
 */

/* The session's leader waits, as a shell does. */
static _Noreturn void
session(const char *name, int background, char **argv)
{
	struct termios mode;
	pid_t pid;
	int tty = -1;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)signal(SIGTTOU, SIG_IGN);
	if (setsid() == -1 || (tty = open(name, O_RDWR)) == -1 ||
	    ioctl(tty, TIOCSCTTY, 0) == -1)
		error(2, errno, "terminal");
	if (tcgetattr(tty, &mode) == 0) {
		mode.c_lflag |= background ? TOSTOP : 0;
		(void)tcsetattr(tty, TCSANOW, &mode);
	}
	if ((pid = fork()) == 0) {
		if (setpgid(0, 0) == -1 ||
		    (!background && tcsetpgrp(tty, getpgrp()) == -1) ||
		    dup2(tty, 0) == -1 || dup2(tty, 1) == -1 ||
		    dup2(tty, 2) == -1)
			error(2, errno, "foreground");
		(void)signal(SIGTTOU, SIG_DFL);
		(void)close(tty);
		command(argv);
	}
	for (;;)
		(void)pause();
}

static int
attack_tty(char **arg)
{
	int rounds = atoi(arg[1]), held = 0, r, pty;
	unsigned long inode = strtoul(arg[2], NULL, 10);
	int hup = strcmp(arg[0], "hup") == 0;
	int background = strcmp(arg[0], "background") == 0;
	long us = rounds > 1 ? duration(arg + 3) : 0;
	pid_t pid, had;

	for (r = 0; r < rounds; r++) {
		struct tree t = {.n = 0};

		pty = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
		if (pty == -1 || grantpt(pty) == -1 || unlockpt(pty) == -1)
			error(2, errno, "posix_openpt");
		if ((pid = fork()) == 0)
			session(ptsname(pty), background, arg + 3);
		had = moment(&t, pid, r, inode, us);
		if (hup)
			(void)close(pty);
		else if (!background &&
		    write(pty, arg[0], strlen(arg[0])) == -1)
			error(2, errno, "write");
		pause_us(200); /* the line discipline's own time */
		held += had != 0 && had == holder(&t, inode);
		while (waitpid(-1, NULL, WNOHANG) > 0)
			;
	}
	printf("held %d of %d\n", held, rounds);
	return stay();
}

/* --- descriptors -------------------------------------------------------------
 */

/* Both ends stay open, here. */
static int
full_pipe(void)
{
	static char bytes[4096];
	int p[2], fd;

	if (pipe(p) == -1)
		error(2, errno, "pipe");
	(void)fcntl(p[1], F_SETFL, O_NONBLOCK);
	while (write(p[1], bytes, sizeof(bytes)) > 0)
		;
	(void)fcntl(p[1], F_SETFL, 0);
	if ((fd = fcntl(p[1], F_DUPFD, 10)) == -1)
		error(2, errno, "pipe");
	return fd;
}

static void
full_stdio(void)
{
	int in[2], out = full_pipe();

	if (pipe(in) == -1 || dup2(in[0], 0) == -1 || dup2(out, 1) == -1 ||
	    dup2(out, 2) == -1)
		error(2, errno, "pipe");
}

static int
full(char **arg)
{
	pid_t pid = fork();

	if (pid == 0) {
		full_stdio();
		command(arg);
	}
	printf("pid %d\n", pid);
	return stay();
}

static int
unread(char **arg)
{
	static struct frame f = {.version = PROTO_VERSION};
	char *argv[] = {arg[1], NULL};
	size_t len = sizeof(f);
	int request[2], reply[2], status;
	unsigned op = OP_COUNT - 1;
	pid_t pid;

	while (op > OP_NONE && strcmp(op_info(op)->name, arg[2]) != 0)
		op--;
	if ((f.op = op) == OP_NONE)
		error(2, 0, "%s: no such operation", arg[2]);
	if (op == OP_POSTFIX)
		f.command = ACTION_CHECK + 1;
	(void)strlcpy((op_info(op)->fields & FIELD_SEL) != 0 ? f.sel.name :
							       f.name,
	    arg[3], sizeof(f.name));
	if (pipe(request) == -1 || pipe(reply) == -1)
		error(2, errno, "pipe");
	if (strcmp(arg[0], "full") == 0)
		reply[1] = full_pipe();
	if (strcmp(arg[0], "half") == 0)
		len /= 2;
	if (write(request[1], &f, len) != (ssize_t)len)
		error(2, errno, "frame");
	if ((pid = fork()) == 0) {
		full_stdio();
		if (strcmp(arg[0], "leader") == 0)
			(void)setpgid(0, 0);
		if ((request[0] = fcntl(request[0], F_DUPFD, 20)) == -1 ||
		    (reply[1] = fcntl(reply[1], F_DUPFD, 20)) == -1 ||
		    dup2(request[0], PROTO_FD_FRAME) == -1 ||
		    dup2(reply[1], PROTO_FD_REPLY) == -1)
			error(2, errno, "dup2");
		(void)close_range(PROTO_FD_REPLY + 1, ~0u, 0);
		execv(argv[0], argv);
		_exit(126);
	}
	if (len == sizeof(f) && strcmp(arg[0], "open") != 0)
		(void)close(request[1]);
	printf("pid %d\nready\n", pid);
	(void)fflush(stdout);
	if (waitpid(pid, &status, 0) == pid)
		printf("ended %d\n", status);
	return stay();
}

/* --- locks
 * ---------------------------------------------------------------------
 */

static unsigned opened, flocked, leased, ranged, watched;
static int notify;

static int
take(const char *path, const struct stat *st, int type, struct FTW *at)
{
	struct flock range = {.l_type = F_RDLCK, .l_whence = SEEK_SET};
	int fd;

	(void)at;
	if ((type != FTW_F && type != FTW_D) ||
	    (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode)))
		return 0;
	if ((fd = open(path, O_RDWR | O_NONBLOCK)) != -1)
		range.l_type = F_WRLCK;
	else if ((fd = open(path, O_RDONLY | O_NONBLOCK)) == -1)
		return 0;
	opened++;
	flocked += flock(fd, LOCK_EX | LOCK_NB) == 0;
	ranged += fcntl(fd, F_OFD_SETLK, &range) == 0;
	leased += fcntl(fd, F_SETLEASE, F_WRLCK) == 0 ||
	    fcntl(fd, F_SETLEASE, F_RDLCK) == 0;
	watched += inotify_add_watch(notify, path, IN_ALL_EVENTS) != -1;
	return 0;
}

static int
take_locks(char **arg)
{
	(void)signal(SIGIO, SIG_IGN);
	notify = inotify_init1(IN_CLOEXEC);
	for (; *arg != NULL; arg++)
		(void)nftw(*arg, take, 20, FTW_PHYS);
	printf("%u opened: %u flocks, %u ranges, %u leases, %u watches\n",
	    opened, flocked, ranged, leased, watched);
	return stay();
}

/* --- what exec inherits -----------------------------------------------------
 */

static void
put(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1 || write(fd, value, strlen(value)) == -1)
		error(0, errno, "%s", path);
	(void)close(fd);
}

static int
odd(char **arg)
{
	const struct itimerval soon = {{0, 2000}, {0, 2000}};
	const struct sched_param idle = {0};
	cpu_set_t one;
	sigset_t all;
	int sig;

	/* A session of its own, to be put behind all others. */
	if (setsid() == -1)
		error(2, errno, "setsid");
	if (access("/proc/self/autogroup", W_OK) == 0)
		put("/proc/self/autogroup", "19");
	put("/proc/self/oom_score_adj", "1000");
	CPU_ZERO(&one);
	CPU_SET(0, &one);
	if (setpriority(PRIO_PROCESS, 0, 19) == -1 ||
	    sched_setscheduler(0, SCHED_IDLE, &idle) == -1 ||
	    sched_setaffinity(0, sizeof(one), &one) == -1 ||
	    syscall(SYS_ioprio_set, 1, 0, 3 << 13 | 7) == -1 ||
	    prctl(PR_SET_TIMERSLACK, 3600000000000UL) == -1)
		error(2, errno, "place");
	for (sig = 1; sig < NSIG; sig++)
		(void)signal(sig, SIG_IGN);
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_BLOCK, &all, NULL);
	(void)setitimer(ITIMER_REAL, &soon, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &soon, NULL);
	(void)setitimer(ITIMER_PROF, &soon, NULL);
	execv(arg[0], arg);
	error(126, errno, "%s", arg[0]);
	return 126;
}

static int
burn(char **arg)
{
	struct timespec used = {0, 0};

	while (used.tv_sec < 2 || used.tv_nsec < 100000000)
		if (clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used) == -1)
			error(2, errno, "CPU time");
	execv(arg[0], arg);
	error(126, errno, "%s", arg[0]);
	return 126;
}

int
main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		int (*fn)(char **);
		int nargs;
	} commands[] = {{"signal", attack_signal, 4}, {"tty", attack_tty, 4},
	    {"flood", flood, 1}, {"send", send_all, 1}, {"unread", unread, 4},
	    {"full", full, 1}, {"locks", take_locks, 1}, {"odd", odd, 1},
	    {"burn", burn, 1}};
	size_t i;

	srandom((unsigned)(time(NULL) ^ getpid()));
	for (i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (argc > 1 && strcmp(commands[i].name, argv[1]) == 0 &&
		    argc - 2 >= commands[i].nargs)
			return commands[i].fn(argv + 2);
	error(2, 0, "usage: hold ATTACK ARGUMENT...");
	return 2;
}
