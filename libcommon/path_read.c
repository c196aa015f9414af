#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <unistd.h>

#include "path.h"

enum err
path_open_file(int dirfd, const char *name, const char *label, bool trusted,
    int *fdp, struct why *why)
{
	struct stat st;
	enum err e = ERR_OK;
	int fd;

	/* Opening a FIFO wakes its writer, and a device does what it likes. */
	if (fstatat(dirfd, name, &st, trusted ? AT_SYMLINK_NOFOLLOW : 0) == 0 &&
	    !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
		return why_set(why, ERR_UNTRUSTED, "%s: not a regular file",
		    label);
	fd = path_open_resolve(dirfd, name, O_RDONLY, 0,
	    trusted ? RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS :
		      RESOLVE_NO_MAGICLINKS);
	if (fd == -1) {
		if (errno == ENOENT)
			return why_set(why, ERR_NOTFOUND,
			    "open %s: No such file or directory", label);
		if (errno == ELOOP)
			return why_set(why, ERR_UNTRUSTED,
			    "%s: is a symbolic link", label);
		return why_errno(why, "open %s", label);
	}
	if (fstat(fd, &st) == -1)
		e = why_errno(why, "stat %s", label);
	else if (!S_ISREG(st.st_mode))
		e = why_set(why, ERR_UNTRUSTED, "%s: not a regular file",
		    label);
	else if (trusted && st.st_nlink > 1) /* 0: just replaced, still whole */
		e = why_set(why, ERR_UNTRUSTED,
		    "%s: has %lu names (hard links), must have one", label,
		    (unsigned long)st.st_nlink);
	else if (trusted)
		e = path_check_owner(&st, label, why);
	if (e != ERR_OK) {
		(void)close(fd);
		return e;
	}
	*fdp = fd;
	return ERR_OK;
}

enum err
path_slurp(int fd, const char *label, char *buf, size_t size, size_t *len,
    struct why *why)
{
	size_t n = 0;
	ssize_t r;

	for (;;) {
		if (n == size)
			return why_set(why, ERR_LIMIT,
			    "%s: larger than %zu bytes", label, size - 1);
		r = read(fd, buf + n, size - n);
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return why_errno(why, "read %s", label);
		if (r == 0)
			break;
		n += (size_t)r;
	}
	buf[n] = '\0';
	*len = n;
	return ERR_OK;
}
