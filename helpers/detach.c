#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "detach.h"

void
detach_schedule(pid_t pid)
{
	static const struct sched_param other;
	cpu_set_t all;

	(void)setpriority(PRIO_PROCESS, (id_t)pid, 0);
	(void)sched_setscheduler(pid, SCHED_OTHER, &other);
	memset(&all, 0xff, sizeof(all));
	(void)sched_setaffinity(pid, sizeof(all), &all);
	(void)syscall(SYS_ioprio_set, 1, pid, 0);
}

void
detach_cgroup(pid_t pid)
{
	static const struct {
		const char *procs;
		long magic;
	} roots[] = {
	    {"/sys/fs/cgroup/cgroup.procs", CGROUP2_SUPER_MAGIC},
	    {"/sys/fs/cgroup/unified/cgroup.procs", CGROUP2_SUPER_MAGIC},
	    {"/sys/fs/cgroup/freezer/cgroup.procs", CGROUP_SUPER_MAGIC},
	};
	struct statfs fs;
	size_t i;
	int fd;

	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		fd = open(roots[i].procs, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
		if (fd == -1)
			continue;
		if (fstatfs(fd, &fs) == 0 && fs.f_type == roots[i].magic)
			(void)dprintf(fd, "%ld", (long)pid);
		(void)close(fd);
	}
}
