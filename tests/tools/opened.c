/*
 * opened FILE...: says "watching", then names each FILE that anybody opens, a
 * line each time, until it is killed.
 */

#include <sys/inotify.h>
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <unistd.h>

int
main(int argc, char **argv)
{
	struct inotify_event ev; /* of a file: nothing follows it */
	int fd = inotify_init1(IN_CLOEXEC), i;

	if (fd == -1)
		error(1, errno, "inotify_init1");
	for (i = 1; i < argc; i++)
		/* Descriptors of watches count from 1. */
		if (inotify_add_watch(fd, argv[i], IN_OPEN) != i)
			error(1, errno, "%s", argv[i]);
	(void)puts("watching");
	(void)fflush(stdout);
	while (read(fd, &ev, sizeof(ev)) > 0) {
		if (ev.wd < 1 || ev.wd >= argc)
			error(1, 0, "event of an unknown file");
		(void)puts(argv[ev.wd]);
		(void)fflush(stdout);
	}
	return 1;
}
