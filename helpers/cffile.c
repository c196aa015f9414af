#include <sys/stat.h>
#include <sys/xattr.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cffile.h"
#include "lock.h"

static char old[CFFILE_MAX], new[CFFILE_MAX];
static int locks = -1; /* /proc/locks: open before the filter */

enum err
cffile_open(struct actor *a, struct cffile *t, const struct where *w,
    struct why *why)
{
	enum err e;

	t->where = w;
	t->trusted = !a->caller->root;
	(void)snprintf(t->label, sizeof(t->label), "%s/main.cf", w->path);
	if ((e = helper_open(a, w, &t->dir, why)) != ERR_OK)
		return e;
	if (fstatat(t->dir, "main.cf", &t->st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno != ENOENT)
			return why_errno(why, "stat %s", t->label);
		t->st = (struct stat){.st_mode = S_IFREG | 0644};
	}
	if (locks == -1)
		locks = open("/proc/locks", O_RDONLY | O_CLOEXEC);
	return ERR_OK;
}

/* Not one of us, for we hold the global lock: the kernel knows its pid.  Two
 * files of this number, on two file systems, tell nothing. */
static enum err
name_editor(const struct cffile *t, const char *label, struct why *why)
{
	char *line, *pos = old, who[32] = "";
	unsigned long ino;
	struct stat st;
	unsigned n = 0;
	size_t len;
	long pid;

	if (locks == -1 ||
	    fstatat(t->dir, "main.cf.tmp", &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    path_slurp(locks, label, old, sizeof(old), &len, NULL) != ERR_OK)
		return ERR_BUSY;
	while ((line = strsep(&pos, "\n")) != NULL)
		if (sscanf(line, "%*u: FLOCK %*s WRITE %ld %*x:%*x:%lu", &pid,
			&ino) == 2 &&
		    ino == st.st_ino && n++ == 0)
			(void)snprintf(who, sizeof(who), "pid %ld", pid);
	return why_set(why, ERR_BUSY,
	    "%s: locked by %s, postconf -e or another editor of main.cf, try "
	    "again later",
	    label, n == 1 ? who : "another process");
}

enum err
cffile_lock(struct actor *a, struct cffile *t, struct why *why)
{
	char label[sizeof(t->label) + 8];
	struct stat st;
	enum err e;

	if (t->dir == -1)
		return ERR_OK;
	(void)snprintf(label, sizeof(label), "%s.tmp", t->label);
	e = lock_take(t->dir, "main.cf.tmp", label, false, &a->deadline,
	    &t->lock, why);
	if (e == ERR_BUSY)
		return name_editor(t, label, why);
	/* No file can be made in a directory that is gone. */
	if (e == ERR_SYSTEM && errno == ENOENT)
		return why_set(why, ERR_BUSY,
		    "%s: was removed meanwhile, run the command again",
		    t->where->path);
	if (e != ERR_OK ||
	    fstatat(t->dir, "main.cf", &st, AT_SYMLINK_NOFOLLOW) == -1)
		return e;
	/* The filter permits the owner and group it had before. */
	if (st.st_uid != t->st.st_uid || st.st_gid != t->st.st_gid)
		return why_set(why, ERR_BUSY,
		    "%s: its owner was changed meanwhile, run the command "
		    "again",
		    t->label);
	t->st = st;
	return ERR_OK;
}

void
cffile_unlock(struct cffile *t)
{
	/* Not renamed: nothing was to be changed, or it failed. */
	if (t->lock != -1) {
		(void)unlinkat(t->dir, "main.cf.tmp", 0);
		(void)close(t->lock);
	}
	t->lock = -1;
}

enum err
cffile_read(const struct cffile *t, char *buf, size_t *len, struct why *why)
{
	enum err e;
	int fd;

	e = path_open_file(t->dir, "main.cf", t->label, t->trusted, &fd, why);
	if (e != ERR_OK)
		return e;
	e = path_slurp(fd, t->label, buf, CFFILE_MAX, len, why);
	(void)close(fd);
	return e;
}

/* What postconf(1) loses and we keep: ACL and security label. */
static enum err
keep_attributes(const struct cffile *t, struct why *why)
{
	static const char *const names[] = {
	    "system.posix_acl_access", "security.selinux"};
	char value[4096];
	enum err e = ERR_OK;
	ssize_t n;
	size_t i;
	int fd = path_open_at(t->dir, "main.cf", O_RDONLY, 0);

	if (fd == -1 && errno != ENOENT)
		return why_errno(why, "open %s", t->label);
	for (i = 0; fd != -1 && i < 2 && e == ERR_OK; i++) {
		n = fgetxattr(fd, names[i], value, sizeof(value));
		if (n > 0 &&
		    fsetxattr(t->lock, names[i], value, (size_t)n, 0) == -1)
			e = why_errno(why, "%s: keep %s", t->label, names[i]);
	}
	if (fd != -1)
		(void)close(fd);
	return e;
}

/* The locked main.cf.tmp becomes the file called name. */
enum err
cffile_land(struct cffile *t, const char *name, const char *buf, size_t len,
    struct why *why)
{
	enum err e;

	if (ftruncate(t->lock, 0) == -1 || lseek(t->lock, 0, SEEK_SET) == -1 ||
	    channel_write(t->lock, buf, len) != ERR_OK)
		return why_errno(why, "write %s.tmp", t->label);
	/* The owner last: without CAP_FOWNER nothing else could be set. */
	if (fchmod(t->lock, t->st.st_mode & 0777) == -1)
		return why_errno(why, "%s: keep mode", t->label);
	if ((e = keep_attributes(t, why)) != ERR_OK)
		return e;
	if (fchown(t->lock, t->st.st_uid, t->st.st_gid) == -1)
		return why_errno(why, "%s: keep owner", t->label);
	if (fsync(t->lock) == -1 ||
	    renameat(t->dir, "main.cf.tmp", t->dir, name) == -1 ||
	    fsync(t->dir) == -1)
		return why_errno(why, "%s: replace", t->label);
	(void)close(t->lock);
	t->lock = -1;
	return ERR_OK;
}

enum err
cffile_edit(struct cffile *t, const struct edit *edits, size_t n,
    struct why *why)
{
	size_t len, newlen;
	enum err e;

	if (n == 0)
		return ERR_OK;
	/* The new file would take the link's place, with the link's mode. */
	if (!S_ISREG(t->st.st_mode))
		return why_set(why, ERR_UNTRUSTED,
		    "%s: not a regular file, only such a one is edited",
		    t->label);
	e = cffile_read(t, old, &len, why);
	if (e == ERR_OK)
		e = edit_apply(old, len, edits, n, new, sizeof(new), &newlen,
		    why);
	return e != ERR_OK ? e : cffile_land(t, "main.cf", new, newlen, why);
}
