#include <sys/stat.h>
#include <sys/syscall.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include "path.h"

int
path_open_resolve(int dirfd, const char *name, int flags, mode_t mode,
    uint64_t how)
{
	struct open_how h = {
	    .flags = (uint64_t)(flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK),
	    .mode = mode,
	    .resolve = how,
	};

	if ((flags & O_PATH) != 0)
		h.flags &= ~(uint64_t)(O_NOCTTY | O_NONBLOCK);
	return (int)syscall(SYS_openat2, dirfd, name, &h, sizeof(h));
}

int
path_open_at(int dirfd, const char *name, int flags, mode_t mode)
{
	return path_open_resolve(dirfd, name, flags, mode,
	    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS);
}

int
path_open_within(int dirfd, const char *name)
{
	return path_open_resolve(dirfd, name, O_RDONLY | O_DIRECTORY, 0,
	    RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV);
}

bool
path_is_clean(const char *path)
{
	const char *p;
	size_t n;

	if (path[0] != '/' || path[1] == '\0' ||
	    strnlen(path, PATH_SIZE) == PATH_SIZE)
		return false;
	for (p = path; *p != '\0'; p++) {
		if (*p <= ' ' || *p > '~' || strchr(",$#\"'\\{}", *p) != NULL)
			return false;
		if (*p != '/')
			continue;
		n = strcspn(p + 1, "/");
		if (n == 0 || (n <= 2 && strncmp(p + 1, "..", n) == 0))
			return false;
	}
	return true;
}

const char *
path_split(const char *path, char *parent)
{
	const char *slash = strrchr(path, '/');
	size_t n = slash == path ? 1 : (size_t)(slash - path);

	memcpy(parent, path, n);
	parent[n] = '\0';
	return slash + 1;
}

enum err
path_check_owner(const struct stat *st, const char *label, struct why *why)
{
	if (st->st_uid != 0)
		return why_set(why, ERR_UNTRUSTED,
		    "%s: owned by uid %lu, must be root's", label,
		    (unsigned long)st->st_uid);
	if ((st->st_mode & (S_IWGRP | S_IWOTH)) != 0)
		return why_set(why, ERR_UNTRUSTED,
		    "%s: mode %04o is writable by group or others, "
		    "run chmod go-w",
		    label, (unsigned)st->st_mode & 07777);
	return ERR_OK;
}

#define LINKS_MAX 8 /* of root's, on one way */

static int walk(int fd, const char *path, bool trusted, unsigned links,
    enum err *, struct why *);

/*
 * Where a link of root's leads: walked as any path, so that a link of anybody
 * else's on that way isn't followed.  The link is read through a descriptor:
 * by its name it might be another one by now.  -1 with errno ELOOP.
 */
static int
follow(int dirfd, const char *name, unsigned links, enum err *e,
    struct why *why)
{
	char target[PATH_SIZE];
	struct stat st;
	ssize_t n = -1;
	int fd = path_open_at(dirfd, name, O_PATH | O_NOFOLLOW, 0);

	if (fd != -1 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode) &&
	    st.st_uid == 0 && links > 0)
		n = readlinkat(fd, "", target, sizeof(target));
	if (fd != -1)
		(void)close(fd);
	if (n <= 0 || n == sizeof(target)) {
		errno = ELOOP;
		return -1;
	}
	target[n] = '\0';
	fd = path_open_at(dirfd, target[0] == '/' ? "/" : ".",
	    O_PATH | O_DIRECTORY, 0);
	return fd == -1 ? -1 : walk(fd, target, false, links - 1, e, why);
}

/* One component of a walk.  Returns the new descriptor or -1 with *e set. */
static int
step(int dirfd, const char *name, const char *path, bool trusted,
    unsigned links, enum err *e, struct why *why)
{
	struct stat st;
	int fd;

	fd = path_open_at(dirfd, name, O_PATH | O_DIRECTORY, 0);
	if (fd == -1 && (errno == ELOOP || errno == ENOTDIR) && !trusted) {
		fd = follow(dirfd, name, links, e, why);
		if (*e != ERR_OK)
			return -1;
	}
	if (fd == -1) {
		if (errno == ENOENT)
			*e = why_set(why, ERR_NOTFOUND, "%s: \"%s\" not found",
			    path, name);
		else if (errno == ELOOP || errno == ENOTDIR)
			*e = why_set(why, ERR_UNTRUSTED,
			    "%s: \"%s\" is a symbolic link or not a directory",
			    path, name);
		else
			*e = why_errno(why, "%s: open \"%s\"", path, name);
		return -1;
	}
	if (fstat(fd, &st) == -1)
		*e = why_errno(why, "%s: stat \"%s\"", path, name);
	else
		*e = trusted ? path_check_owner(&st, path, why) : ERR_OK;
	if (*e != ERR_OK) {
		(void)close(fd);
		return -1;
	}
	return fd;
}

/* Takes fd, a directory, and walks path, below it or absolute. */
static int
walk(int fd, const char *path, bool trusted, unsigned links, enum err *e,
    struct why *why)
{
	char done[PATH_SIZE], name[NAME_MAX + 1];
	const char *p = path;
	size_t n;
	int next;

	for (;;) {
		p += strspn(p, "/");
		if ((n = strcspn(p, "/")) == 0)
			return fd;
		if (n > NAME_MAX) {
			(void)close(fd);
			*e = why_set(why, ERR_LIMIT, "%s: name too long", path);
			return -1;
		}
		memcpy(name, p, n);
		name[n] = '\0';
		p += n;
		memcpy(done, path, (size_t)(p - path));
		done[p - path] = '\0';
		next = step(fd, name, done, trusted, links, e, why);
		(void)close(fd);
		if ((fd = next) == -1)
			return -1;
	}
}

enum err
path_open_dir(const char *path, bool trusted, int *fdp, struct why *why)
{
	enum err e = ERR_OK;
	int fd, next;

	if (path[0] != '/' || strlen(path) >= PATH_SIZE)
		return why_set(why, ERR_SYNTAX, "%.200s: not an absolute path",
		    path);
	fd = step(AT_FDCWD, "/", "/", trusted, 0, &e, why);
	if (fd == -1 ||
	    (fd = walk(fd, path, trusted, LINKS_MAX, &e, why)) == -1)
		return e;
	/* O_PATH was enough to walk; reading and fsync need more. */
	next = path_open_at(fd, ".", O_RDONLY | O_DIRECTORY, 0);
	if (next == -1 && errno == EACCES && !trusted)
		next = fd;
	else
		(void)close(fd);
	if (next == -1)
		return why_errno(why, "open %s", path);
	*fdp = next;
	return ERR_OK;
}

enum err
path_each(int dirfd, const char *label, path_fn *fn, void *ctx, struct why *why)
{
	union {
		struct dirent64 align;
		char bytes[2048];
	} buf;
	struct dirent64 *d;
	enum err e;
	ssize_t n, at;

	if (lseek(dirfd, 0, SEEK_SET) == -1)
		return why_errno(why, "list %s", label);
	while ((n = getdents64(dirfd, buf.bytes, sizeof(buf.bytes))) > 0)
		for (at = 0; at < n; at += d->d_reclen) {
			d = (struct dirent64 *)(void *)(buf.bytes + at);
			if (strcmp(d->d_name, ".") != 0 &&
			    strcmp(d->d_name, "..") != 0 &&
			    (e = fn(ctx, dirfd, d->d_name)) != ERR_OK)
				return e;
		}
	/* What was removed since it was opened has no entries any more. */
	return n == 0 || errno == ENOENT ? ERR_OK :
					   why_errno(why, "list %s", label);
}

void
path_proc(const char *path, char *line, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? 0 : read(fd, line, size - 1);

	(void)close(fd);
	line[n > 0 ? n : 0] = '\0';
	line[strcspn(line, "\n")] = '\0';
}
