#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <fcntl.h>
#include <linux/keyctl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "detach.h"
#include "exec.h"
#include "path.h"

#ifndef PR_SET_MEMORY_MERGE
#define PR_SET_MEMORY_MERGE 67 /* Linux 6.4 */
#endif

#define ANY RLIM_INFINITY

/*
 * What master(8) and its daemons should have, and what they can't do without:
 * the hard limit must be at least that.
 */
static const struct {
	int resource;
	rlim_t soft, hard, need;
	const char *name;
} limits[] = {
    {RLIMIT_AS, ANY, ANY, ANY, "address space (RLIMIT_AS)"},
    {RLIMIT_CPU, ANY, ANY, ANY, "CPU time (RLIMIT_CPU)"},
    {RLIMIT_DATA, ANY, ANY, ANY, "data size (RLIMIT_DATA)"},
    {RLIMIT_FSIZE, ANY, ANY, ANY, "file size (RLIMIT_FSIZE)"},
    {RLIMIT_STACK, 8u << 20, ANY, 8u << 20, "stack size (RLIMIT_STACK)"},
    {RLIMIT_NOFILE, 4096, 524288, 1024, "open files (RLIMIT_NOFILE)"},
    {RLIMIT_NPROC, ANY, ANY, 512, "processes (RLIMIT_NPROC)"},
    {RLIMIT_CORE, 0, ANY, 0, "core size (RLIMIT_CORE)"},
    {RLIMIT_LOCKS, ANY, ANY, 512, "file locks (RLIMIT_LOCKS)"},
    {RLIMIT_MEMLOCK, 64u << 10, 8u << 20, 0, "RLIMIT_MEMLOCK"},
    {RLIMIT_MSGQUEUE, 819200, 819200, 0, "RLIMIT_MSGQUEUE"},
    {RLIMIT_RSS, ANY, ANY, 0, "RLIMIT_RSS"},
    {RLIMIT_SIGPENDING, ANY, ANY, 512, "RLIMIT_SIGPENDING"},
};

enum err
exec_raise_limits(struct why *why)
{
	struct rlimit want, has;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		want = (struct rlimit){limits[i].soft, limits[i].hard};
		if (setrlimit(limits[i].resource, &want) == 0)
			continue;
		if (getrlimit(limits[i].resource, &has) == -1)
			return why_errno(why, "%s", limits[i].name);
		if (has.rlim_max < limits[i].need)
			return why_set(why, ERR_LIMIT,
			    "the limit on %s was lowered for your session and "
			    "cannot be raised: log in without it",
			    limits[i].name);
		has.rlim_cur =
		    want.rlim_cur < has.rlim_max ? want.rlim_cur : has.rlim_max;
		(void)setrlimit(limits[i].resource, &has);
	}
	return ERR_OK;
}

void
exec_reset_state(void)
{
	int fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);

	detach_priority(getpid());
	(void)personality(PER_LINUX);
	(void)prctl(PR_SET_TIMERSLACK, 50000, 0, 0, 0);
	(void)prctl(PR_SET_THP_DISABLE, 0, 0, 0, 0);
	(void)prctl(PR_SET_MEMORY_MERGE, 0, 0, 0, 0);
	(void)prctl(PR_SET_SECUREBITS, 0, 0, 0, 0); /* Linux 6.14: anybody's */
	(void)syscall(SYS_set_mempolicy, 0, NULL, 0); /* default */
	/* Not the caller's: root's processes would find its keys there. */
	(void)syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL, 0, 0, 0);
	(void)dprintf(fd, "0x33"); /* the kernel's default, core(5) */
	(void)close(fd);
}

int
exec_cgroup(void)
{
	char text[4096], path[sizeof(text) + 64], *pos = text, *line = NULL;
	int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
	struct statfs fs;
	size_t len;

	if (fd != -1 &&
	    path_slurp(fd, "", text, sizeof(text), &len, NULL) == ERR_OK)
		do
			line = strsep(&pos, "\n");
		while (line != NULL && strncmp(line, "0::/", 4) != 0);
	(void)close(fd);
	if (line == NULL)
		return -1;
	(void)snprintf(path, sizeof(path), "/sys/fs/cgroup%s/cgroup.procs",
	    line + 3);
	fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd != -1 && fstatfs(fd, &fs) == 0 &&
	    fs.f_type == CGROUP2_SUPER_MAGIC)
		return fd;
	(void)close(fd);
	return -1;
}
