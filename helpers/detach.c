#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "detach.h"

static void
put(const char *path, long magic, long value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
	struct statfs fs;

	if (fd != -1 && fstatfs(fd, &fs) == 0 && fs.f_type == magic)
		(void)dprintf(fd, "%ld", value);
	(void)close(fd);
}

void
detach_priority(pid_t pid)
{
	static const struct sched_param other;
	cpu_set_t all;
	char path[64];

	(void)setpriority(PRIO_PROCESS, (id_t)pid, 0);
	(void)sched_setscheduler(pid, SCHED_OTHER, &other);
	memset(&all, 0xff, sizeof(all));
	(void)sched_setaffinity(pid, sizeof(all), &all);
	(void)syscall(SYS_ioprio_set, 1, pid, 0);
	(void)snprintf(path, sizeof(path), "/proc/%ld/oom_score_adj",
	    (long)pid);
	put(path, PROC_SUPER_MAGIC, 0);
}

void
detach_cgroup(pid_t pid)
{
	put("/sys/fs/cgroup/cgroup.procs", CGROUP2_SUPER_MAGIC, pid);
	put("/sys/fs/cgroup/unified/cgroup.procs", CGROUP2_SUPER_MAGIC, pid);
	put("/sys/fs/cgroup/freezer/cgroup.procs", CGROUP_SUPER_MAGIC, pid);
}

void
detach_signals(void)
{
	static const int quiet[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGTSTP,
	    SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
	size_t i;

	for (i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
		(void)signal(quiet[i], SIG_IGN);
}
