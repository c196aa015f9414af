#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "path.h"
#include "privs.h"
#include "proto.h"
#include "startup.h"

#ifndef PR_GET_MDWE
#define PR_GET_MDWE 66 /* Linux 6.3 */
#endif

extern char **environ;

/* Below these a call of the caller's choosing would fail half-way. */
static const struct {
	int resource;
	rlim_t floor;
	const char *name;
} floors[] = {
    {RLIMIT_FSIZE, 16 * 1024 * 1024, "file size (RLIMIT_FSIZE)"},
    {RLIMIT_AS, 128 * 1024 * 1024, "address space (RLIMIT_AS)"},
    {RLIMIT_DATA, 64 * 1024 * 1024, "data size (RLIMIT_DATA)"},
    {RLIMIT_STACK, 512 * 1024, "stack size (RLIMIT_STACK)"},
    {RLIMIT_NOFILE, 64, "open files (RLIMIT_NOFILE)"},
    {RLIMIT_CPU, 10, "CPU time left (RLIMIT_CPU)"},
};

static void
clean_signals(struct startup *s)
{
	struct sigaction dfl = {.sa_handler = SIG_DFL}, old;
	int sig;

	(void)sigemptyset(&s->ignored);
	for (sig = 1; sig < NSIG; sig++) {
		if (sigaction(sig, NULL, &old) == -1)
			continue;
		if (old.sa_handler == SIG_IGN)
			(void)sigaddset(&s->ignored, sig);
		(void)sigaction(sig, &dfl, NULL);
	}
	dfl.sa_handler = SIG_IGN;
	(void)sigaction(SIGXFSZ, &dfl, NULL);
	(void)sigaction(SIGPIPE, &dfl, NULL);
	(void)sigemptyset(&dfl.sa_mask);
	(void)sigprocmask(SIG_SETMASK, &dfl.sa_mask, &s->blocked);
}

enum err
startup_clean(struct startup *s, struct why *why)
{
	static const struct itimerval off;
	static const struct rlimit no_core;
	static char *empty[] = {NULL};

	clean_signals(s);
	(void)setitimer(ITIMER_REAL, &off, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &off, NULL);
	(void)setitimer(ITIMER_PROF, &off, NULL);
	s->umask = umask(077);
	s->root = getuid() == 0;
	s->environ = s->root ? environ : empty;
	environ = empty;
	if (close_range(PROTO_FD_REPLY + 1, ~0U, 0) == -1)
		return why_errno(why, "close_range");
	if (chdir("/") == -1)
		return why_errno(why, "chdir /");
	/* With its slack waits, ours and the judge's, could be hours longer. */
	if (!s->root &&
	    (setrlimit(RLIMIT_CORE, &no_core) == -1 ||
		prctl(PR_SET_TIMERSLACK, 50000, 0, 0, 0) == -1))
		return why_errno(why, "core size or timer slack");
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1)
		return why_errno(why, "PR_SET_DUMPABLE");
	return ERR_OK;
}

/* A frame or a reply goes through a pipe or a local socket and nothing else,
 * in the direction it should. */
static enum err
check_channel(int fd, int direction, const char *what, struct why *why)
{
	int flags = fcntl(fd, F_GETFL), type = 0;
	socklen_t len = sizeof(type);
	struct stat st;

	if (flags == -1 || fstat(fd, &st) == -1)
		return why_set(why, ERR_PROTOCOL,
		    "descriptor %d (%s) is closed: this program is run by "
		    "postmulti(1), not by hand",
		    fd, what);
	if (S_ISSOCK(st.st_mode) &&
	    getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &type, &len) == 0 &&
	    type == AF_UNIX &&
	    getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 &&
	    type == SOCK_STREAM)
		return ERR_OK;
	if (S_ISFIFO(st.st_mode) && (flags & O_PATH) == 0 &&
	    ((flags & O_ACCMODE) == direction || (flags & O_ACCMODE) == O_RDWR))
		return ERR_OK;
	return why_set(why, ERR_PROTOCOL,
	    "descriptor %d (%s) must be a pipe or a local socket", fd, what);
}

/* In a user namespace of one's own uid 0 is a fiction: the whole range must
 * map to itself. */
static bool
initial_userns(void)
{
	unsigned long in, out, count;
	char map[128];

	path_proc("/proc/self/uid_map", map, sizeof(map));
	return sscanf(map, "%lu %lu %lu", &in, &out, &count) == 3 && in == 0 &&
	    out == 0 && count == 4294967295UL;
}

static enum err
check_setuid(const struct startup *s, const char *self, struct why *why)
{
	if (geteuid() != 0)
		return why_set(why, ERR_PRIVILEGE,
		    "%s: set-uid is not in effect: is the file root's with "
		    "mode 4754, its file system mounted without nosuid, and "
		    "the caller without no_new_privs, tracer or user "
		    "namespace?",
		    self);
	if (s->root)
		return ERR_OK;
	if (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 0)
		return why_set(why, ERR_PRIVILEGE,
		    "no_new_privs is set for the calling process");
	/* Irrevocable, and inherited by all that Postfix would run. */
	if (prctl(PR_GET_MDWE, 0, 0, 0, 0) > 0)
		return why_set(why, ERR_PRIVILEGE,
		    "memory-deny-write-execute is set for the calling process");
	if (!initial_userns())
		return why_set(why, ERR_PRIVILEGE,
		    "called in a user namespace, or /proc is not mounted");
	return ERR_OK;
}

enum err
startup_check(const struct startup *s, int argc, char **argv,
    const cap_value_t *caps, size_t ncaps, struct why *why)
{
	struct timespec used;
	struct rlimit lim;
	rlim_t floor;
	enum err e;
	size_t i;

	if (argc < 1 || argv[0] == NULL || argv[0][0] == '\0')
		return why_set(why, ERR_PROTOCOL, "no argv[0]");
	if (argc > 1 && !s->root)
		return why_set(why, ERR_PROTOCOL,
		    "helpers take no arguments: postmulti(1) runs them");
	if ((e = check_channel(PROTO_FD_FRAME, O_RDONLY, "frame", why)) !=
		ERR_OK ||
	    (e = check_channel(PROTO_FD_REPLY, O_WRONLY, "reply", why)) !=
		ERR_OK ||
	    (e = check_setuid(s, argv[0], why)) != ERR_OK ||
	    (e = privs_have(caps, ncaps, why)) != ERR_OK)
		return e;
	(void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	for (i = 0; !s->root && i < sizeof(floors) / sizeof(floors[0]); i++) {
		floor = floors[i].floor;
		/* Counts from before the exec: else the caller could leave us
		 * no more than what takes us to the lock. */
		if (floors[i].resource == RLIMIT_CPU)
			floor += (rlim_t)used.tv_sec;
		if (getrlimit(floors[i].resource, &lim) == -1 ||
		    lim.rlim_cur < floor)
			return why_set(why, ERR_LIMIT,
			    "resource limit too low: %s is under %llu",
			    floors[i].name,
			    (unsigned long long)floors[i].floor);
	}
	return ERR_OK;
}

bool
startup_can_reply(void)
{
	return check_channel(PROTO_FD_REPLY, O_WRONLY, "reply", NULL) == ERR_OK;
}
