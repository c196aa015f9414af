#include <sys/file.h>
#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "judge.h"

/*
 * The trust walk: what must hold of an instance before a delegate's request
 * makes root touch it.  Whoever could write there would otherwise be root.
 */

#define DEPTH_MAX 8

struct walk {
	const char *label; /* of the directory */
	int depth;
	struct why *why;
};

static enum err
check_entry(void *ctx, int dirfd, const char *name)
{
	const struct walk *w = ctx;
	char label[512];
	struct walk below = {label, w->depth + 1, w->why};
	struct stat st;
	enum err e;
	int fd;

	(void)snprintf(label, sizeof(label), "%s/%s", w->label, name);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? ERR_OK :
					 why_errno(w->why, "stat %s", label);
	/* Sourced by root's shell in post-install. */
	if (w->depth == 0 && strcmp(name, "install.cf") == 0)
		return why_set(w->why, ERR_UNTRUSTED,
		    "%s: an obsolete install.cf is run by root's shell, "
		    "remove it",
		    label);
	/* The one link that Debian's package puts there. */
	if (S_ISLNK(st.st_mode) && w->depth == 0 && st.st_uid == 0 &&
	    strcmp(name, "makedefs.out") == 0)
		return ERR_OK;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return why_set(w->why, ERR_UNTRUSTED,
		    "%s: neither a regular file nor a directory", label);
	if (S_ISREG(st.st_mode) && st.st_nlink > 1)
		return why_set(w->why, ERR_UNTRUSTED,
		    "%s: has more than one name (hard links)", label);
	if ((e = path_check_owner(&st, label, w->why)) != ERR_OK ||
	    S_ISREG(st.st_mode))
		return e;
	if (w->depth == DEPTH_MAX)
		return why_set(w->why, ERR_LIMIT, "%s: too deep", label);
	fd = path_open_at(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return why_errno(w->why, "open %s", label);
	e = path_each(fd, label, check_entry, &below, w->why);
	(void)close(fd);
	return e;
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
	struct where meta;
	enum err e = target_maincf(j, j->site.meta_directory, "main.cf.proto",
	    &meta, text, &proto, why);

	return e != ERR_OK ? e : shared(j, &proto, why);
}

/* Queue or data directory, as far as it exists: below directories that are
 * root's alone, and itself what it is called, not a link to it. */
static enum err
check_dir(const char *path, bool roots, struct where *w, struct why *why)
{
	char parent[PATH_SIZE];
	const char *name = path_split(path, parent);
	struct stat st;
	enum err e;
	int fd;

	(void)strlcpy(w->path, path, sizeof(w->path));
	if ((e = path_open_dir(parent, true, &fd, why)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		e = errno == ENOENT ? ERR_OK : why_errno(why, "stat %s", path);
	else if (!S_ISDIR(st.st_mode))
		e = why_set(why, ERR_UNTRUSTED,
		    "%s: is a symbolic link or not a directory", path);
	else {
		w->dev = st.st_dev;
		w->ino = st.st_ino;
		/* Whose data is, the actor knows. */
		if (!roots)
			st.st_uid = 0;
		e = path_check_owner(&st, path, why);
	}
	(void)close(fd);
	return e;
}

/* The same, and that they are no other instance's under another name. */
static enum err
check_dirs(struct judge *j, const struct seen *s, struct why *why)
{
	static struct record r;
	enum err e;

	memset(&r, 0, sizeof(r));
	r.action = ACTION_IMPORT; /* they exist: not to be made */
	r.config = s->config;
	if ((e = check_dir(s->in.queue, true, &r.queue, why)) != ERR_OK ||
	    (e = check_dir(s->in.data, false, &r.data, why)) != ERR_OK)
		return e;
	return fresh_unique(j, s->in.dir, "", &r, why);
}

enum err
trust_check(struct judge *j, const struct seen *s, struct why *why)
{
	struct walk w = {s->in.dir, 0, why};
	struct seen again;
	enum err e;
	int fd;

	if (j->caller->root)
		return ERR_OK;
	if (s->err != ERR_OK)
		return why_set(why, s->err, "%s", s->why.text);
	if ((e = path_open_dir(s->in.dir, true, &fd, why)) != ERR_OK)
		return e;
	e = path_each(fd, s->in.dir, check_entry, &w, why);
	(void)close(fd);
	if (e != ERR_OK || (e = check_dirs(j, s, why)) != ERR_OK ||
	    s->in.primary)
		return e;
	/* j->cf is whatever was read last. */
	target_read(j, s->in.dir, &again);
	if (again.err != ERR_OK)
		return why_set(why, again.err, "%s", again.why.text);
	return check_shared(j, why);
}

enum err
trust_prototypes(struct judge *j, struct why *why)
{
	static const char *const names[] = {"main.cf.proto", "master.cf.proto"};
	char label[PATH_SIZE + 32];
	enum err e;
	size_t i;
	int dir, fd;

	if (j->caller->root)
		return ERR_OK;
	e = path_open_dir(j->site.meta_directory, true, &dir, why);
	if (e != ERR_OK)
		return e;
	for (i = 0; i < 2 && e == ERR_OK; i++) {
		(void)snprintf(label, sizeof(label), "%s/%s",
		    j->site.meta_directory, names[i]);
		e = path_open_file(dir, names[i], label, true, &fd, why);
		if (e == ERR_OK)
			(void)close(fd);
	}
	(void)close(dir);
	return e;
}

static enum err
check_program(void *ctx, int dirfd, const char *name)
{
	const struct walk *w = ctx;
	char label[PATH_SIZE * 2];
	struct stat st;

	(void)snprintf(label, sizeof(label), "%s/%s", w->label, name);
	if (fstatat(dirfd, name, &st, 0) == -1)
		return errno == ENOENT ? ERR_OK :
					 why_errno(w->why, "stat %s", label);
	return path_check_owner(&st, label, w->why);
}

enum err
trust_programs(struct judge *j, struct why *why)
{
	const char *path = j->site.daemon_directory;
	struct walk w = {path, 0, why};
	enum err e;
	int dir;

	if ((e = path_open_dir(path, true, &dir, why)) != ERR_OK)
		return e;
	e = path_each(dir, path, check_program, &w, why);
	(void)close(dir);
	return e;
}

enum err
trust_running(const char *queue, bool *running, struct why *why)
{
	struct stat st;
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
	if (fd == -1 ? errno == ELOOP || errno == ENOTDIR :
		       fstat(fd, &st) == 0 && !S_ISREG(st.st_mode))
		e = why_set(why, ERR_UNTRUSTED,
		    "%s/pid/master.pid: not of the kind that Postfix makes "
		    "there: \"postmulti doctor\" says how to repair it",
		    queue);
	else if (fd == -1 && errno != ENOENT)
		e = why_errno(why, "open %s/pid/master.pid", queue);
	/* master(8) holds this lock for as long as it runs. */
	if (fd != -1 && e == ERR_OK && flock(fd, LOCK_SH | LOCK_NB) == -1) {
		*running = errno == EWOULDBLOCK;
		if (!*running)
			e = why_errno(why, "lock %s/pid/master.pid", queue);
	}
	if (fd != -1)
		(void)close(fd);
	if (pid != -1)
		(void)close(pid);
	(void)close(dir);
	return e;
}
