#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "lock.h"
#include "path.h"

#define POLL_MS 10 /* between two tries */

struct timespec
lock_deadline(unsigned seconds)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += seconds;
	return t;
}

int
lock_left(const struct timespec *deadline)
{
	struct timespec now;
	long long ms;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	ms = (deadline->tv_sec - now.tv_sec) * 1000LL +
	    (deadline->tv_nsec - now.tv_nsec) / 1000000;
	return ms > 0 ? (int)ms : 0;
}

/* Whether the file still has its name. */
static bool
named(int dirfd, const char *name, int fd)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 &&
	    fstatat(dirfd, name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/* ERR_NOTFOUND: it was renamed or removed while we waited: not waited for any
 * more, for what is main.cf by now anybody can lock, and for ever. */
static enum err
wait_flock(int dirfd, const char *name, int fd, const char *label, bool tells,
    const struct timespec *deadline, struct why *why)
{
	char holder[LOCK_HOLDER] = "";
	char *line = holder;
	int left;

	while (named(dirfd, name, fd) && flock(fd, LOCK_EX | LOCK_NB) == -1) {
		if (errno != EWOULDBLOCK && errno != EINTR)
			return why_errno(why, "lock %s", label);
		if ((left = lock_left(deadline)) == 0)
			return why_set(why, ERR_BUSY,
			    "%s: locked by %s, try again later", label,
			    tells && read(fd, holder, sizeof(holder) - 1) > 0 ?
				strsep(&line, "\n") :
				"another program");
		(void)poll(NULL, 0, left < POLL_MS ? left : POLL_MS);
	}
	return named(dirfd, name, fd) ? ERR_OK : ERR_NOTFOUND;
}

/* Whether fd is a file that can be trusted as a lock. */
static bool
good(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    (st.st_mode & 07777) == 0600 && st.st_nlink == 1 && st.st_uid == 0;
}

enum err
lock_take(int dirfd, const char *name, const char *label, bool tells,
    const struct timespec *deadline, int *fdp, struct why *why)
{
	enum err e;
	int fd;

	for (;;) {
		fd = path_open_at(dirfd, name, O_RDWR | O_CREAT, 0600);
		if (fd == -1 && errno == ELOOP) {
			/* A planted symbolic link: never followed. */
			if (unlinkat(dirfd, name, 0) == -1 && errno != ENOENT)
				return why_errno(why, "unlink %s", label);
			continue;
		}
		if (fd == -1)
			return why_errno(why, "open %s", label);
		e = wait_flock(dirfd, name, fd, label, tells, deadline, why);
		if (e == ERR_OK && good(fd)) {
			*fdp = fd;
			return ERR_OK;
		}
		/* Still there but not to be trusted: make a new one. */
		if (e == ERR_OK)
			(void)unlinkat(dirfd, name, 0);
		(void)close(fd);
		if (e != ERR_OK && e != ERR_NOTFOUND)
			return e;
		if (lock_left(deadline) == 0)
			return why_set(why, ERR_BUSY, "%s: cannot be locked",
			    label);
	}
}
