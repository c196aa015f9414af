#include <sys/file.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "judge.h"

/*
 * The trust walk: what must hold of an instance before a delegate's request
 * makes root touch it.  Whoever could write there would otherwise be root.
 */

#define DEPTH_MAX 8

static enum err walk(int dirfd, const char *label, int depth, struct why *);

static enum err
entry(int dirfd, const char *name, const char *label, int depth,
    struct why *why)
{
	struct stat st;
	enum err e;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? ERR_OK :
					 why_errno(why, "stat %s", label);
	/* Sourced by root's shell in post-install. */
	if (depth == 0 && strcmp(name, "install.cf") == 0)
		return why_set(why, ERR_UNTRUSTED,
		    "%s: an obsolete install.cf is run by root's shell, "
		    "remove it",
		    label);
	/* The one link that Debian's package puts there. */
	if (S_ISLNK(st.st_mode) && depth == 0 && st.st_uid == 0 &&
	    strcmp(name, "makedefs.out") == 0)
		return ERR_OK;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return why_set(why, ERR_UNTRUSTED,
		    "%s: neither a regular file nor a directory", label);
	if (S_ISREG(st.st_mode) && st.st_nlink != 1)
		return why_set(why, ERR_UNTRUSTED,
		    "%s: has more than one name (hard links)", label);
	if ((e = path_check_owner(&st, label, why)) != ERR_OK ||
	    S_ISREG(st.st_mode))
		return e;
	if (depth == DEPTH_MAX)
		return why_set(why, ERR_LIMIT, "%s: too deep", label);
	fd = path_open_at(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return why_errno(why, "open %s", label);
	e = walk(fd, label, depth + 1, why);
	(void)close(fd);
	return e;
}

static enum err
walk(int dirfd, const char *label, int depth, struct why *why)
{
	union {
		struct dirent64 align;
		char bytes[2048];
	} buf;
	char path[512];
	struct dirent64 *d;
	enum err e;
	ssize_t n, at;

	while ((n = getdents64(dirfd, buf.bytes, sizeof(buf.bytes))) > 0)
		for (at = 0; at < n; at += d->d_reclen) {
			d = (struct dirent64 *)(void *)(buf.bytes + at);
			if (strcmp(d->d_name, ".") == 0 ||
			    strcmp(d->d_name, "..") == 0)
				continue;
			(void)snprintf(path, sizeof(path), "%s/%s", label,
			    d->d_name);
			e = entry(dirfd, d->d_name, path, depth, why);
			if (e != ERR_OK)
				return e;
		}
	return n == 0 ? ERR_OK : why_errno(why, "list %s", label);
}

/* Parameters all instances share: the primary's value, the prototype's (a
 * fresh instance has those), or none. */
static enum err
shared(struct judge *j, const struct maincf *proto, struct why *why)
{
	char own[2048], ref[2048];
	const struct maincf *m[] = {&j->primary_cf, proto};
	const char *p;
	enum err e;
	size_t i, k;

	for (i = 0; i < site_nshared; i++) {
		p = site_shared[i];
		e = maincf_raw(&j->cf, p, own, sizeof(own), why);
		if (e == ERR_NOTFOUND)
			continue;
		if (e != ERR_OK)
			return e;
		for (k = 0; k < 2; k++)
			if (maincf_raw(m[k], p, ref, sizeof(ref), NULL) ==
				ERR_OK &&
			    strcmp(own, ref) == 0)
				break;
		if (k == 2 &&
		    (p = defaults_get(&j->defaults, p, strlen(p))) != NULL &&
		    strcmp(own, p) == 0)
			k = 0;
		if (k == 2)
			return why_set(why, ERR_UNTRUSTED,
			    "%s: %s differs from the primary's: only root may "
			    "manage this instance",
			    j->cf.label, site_shared[i]);
	}
	return ERR_OK;
}

static enum err
check_shared(struct judge *j, struct why *why)
{
	static char text[MAINCF_MAX];
	static struct maincf proto;
	enum err e;
	size_t len = 0;
	int dir, fd;

	e = path_open_dir(j->site.meta_directory, true, &dir, why);
	if (e != ERR_OK)
		return e;
	e = path_open_file(dir, "main.cf.proto", "main.cf.proto", true, &fd,
	    why);
	(void)close(dir);
	if (e != ERR_OK)
		return e;
	e = path_slurp(fd, "main.cf.proto", text, sizeof(text), &len, why);
	(void)close(fd);
	if (e != ERR_OK ||
	    (e = maincf_parse(&proto, "main.cf.proto", text, len, why)) !=
		ERR_OK)
		return e;
	return shared(j, &proto, why);
}

enum err
trust_check(struct judge *j, const struct seen *s, struct why *why)
{
	struct seen again;
	enum err e;
	int fd;

	if (j->caller->root)
		return ERR_OK;
	if (s->err != ERR_OK)
		return why_set(why, s->err, "%s", s->why.text);
	if ((e = path_open_dir(s->in.dir, true, &fd, why)) != ERR_OK)
		return e;
	e = walk(fd, s->in.dir, 0, why);
	(void)close(fd);
	if (e != ERR_OK || s->in.primary)
		return e;
	/* j->cf is whatever was read last. */
	target_read(j, s->in.dir, &again);
	if (again.err != ERR_OK)
		return why_set(why, again.err, "%s", again.why.text);
	return check_shared(j, why);
}

enum err
trust_running(const char *queue, bool *running, struct why *why)
{
	enum err e;
	int dir, pid, fd;

	*running = false;
	e = path_open_dir(queue, false, &dir, why);
	if (e == ERR_NOTFOUND)
		return ERR_OK;
	if (e != ERR_OK)
		return e;
	pid = path_open_at(dir, "pid", O_PATH | O_DIRECTORY, 0);
	fd = pid == -1 ? -1 : path_open_at(pid, "master.pid", O_RDONLY, 0);
	if (fd == -1 && errno != ENOENT)
		e = why_errno(why, "open %s/pid/master.pid", queue);
	/* master(8) holds this lock for as long as it runs. */
	if (fd != -1 && flock(fd, LOCK_SH | LOCK_NB) == -1)
		*running = true;
	if (fd != -1)
		(void)close(fd);
	if (pid != -1)
		(void)close(pid);
	(void)close(dir);
	return e;
}
