#include <sys/stat.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "msg.h"

/*
 * What somebody else than root could change and root would then act on: the
 * helpers refuse a delegate's request because of it (helpers/judge/trust.c).
 */

#define DEPTH_MAX 8 /* as deep as they look */

#define REFUSED "the helpers refuse everybody but root"

/* Instances have the directories above theirs in common. */
static bool
is_new(const char *path)
{
	static char **told;
	static size_t n;
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(told[i], path) == 0)
			return false;
	told = msg_realloc(told, n + 1, sizeof(*told));
	told[n] = msg_realloc(NULL, strlen(path) + 1, 1);
	memcpy(told[n++], path, strlen(path) + 1);
	return true;
}

static void
found(struct doctor *d, const char *kind, const char *path, const char *repair,
    const char *what)
{
	if (is_new(path))
		doctor_found(d, kind,
		    doctor_safe(path) ?
			repair :
			"look at it by hand: its name is not safe to paste",
		    "%s: %s", path, what);
}

static void
check_owner(struct doctor *d, const char *path, const struct stat *st)
{
	char repair[PATH_SIZE * 7], what[128];

	if (st->st_uid == 0 && (st->st_mode & (S_IWGRP | S_IWOTH)) == 0)
		return;
	(void)snprintf(repair, sizeof(repair),
	    "chown -h root %s && chmod go-w %s", path, path);
	(void)snprintf(what, sizeof(what),
	    "owner uid %lu, mode %04o: whoever can write there is root on "
	    "this host",
	    (unsigned long)st->st_uid, (unsigned)st->st_mode & 07777);
	found(d, "owner", path, repair, what);
}

/* --- a configuration directory ------------------------------------------- */

static void
check_link(struct doctor *d, const char *path, const struct stat *st)
{
	char repair[PATH_SIZE * 8];
	struct stat target;

	/* Where another's link leads is that one's choice. */
	if (st->st_uid == 0 && stat(path, &target) == 0)
		(void)snprintf(repair, sizeof(repair),
		    "t=$(realpath %s) && rm %s && cp -rT \"$t\" %s", path, path,
		    path);
	else
		(void)snprintf(repair, sizeof(repair), "rm %s", path);
	found(d, "untrusted", path, repair, "a symbolic link: " REFUSED);
}

struct walk {
	struct doctor *d;
	const char *dir;
	int depth;
};

static enum err
check_entry(void *ctx, int dirfd, const char *name)
{
	const struct walk *w = ctx;
	char path[PATH_SIZE * 2], repair[PATH_SIZE * 10];
	struct walk below = {w->d, path, w->depth + 1};
	struct stat st;
	int fd;

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", w->dir, name) >=
		sizeof(path) ||
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return ERR_OK;
	(void)snprintf(repair, sizeof(repair), "rm %s", path);
	if (w->depth == 0 && strcmp(name, "install.cf") == 0) {
		found(w->d, "untrusted", path, repair,
		    "obsolete, and run by root's shell: " REFUSED);
		return ERR_OK;
	}
	/* The one link that Debian's package puts there. */
	if (S_ISLNK(st.st_mode) && w->depth == 0 && st.st_uid == 0 &&
	    strcmp(name, "makedefs.out") == 0)
		return ERR_OK;
	if (S_ISLNK(st.st_mode)) {
		check_link(w->d, path, &st);
		return ERR_OK;
	}
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) {
		found(w->d, "untrusted", path, repair,
		    "neither a regular file nor a directory: " REFUSED);
		return ERR_OK;
	}
	if (S_ISREG(st.st_mode) && st.st_nlink > 1) {
		(void)snprintf(repair, sizeof(repair),
		    "cp -p %s %s.copy && mv %s.copy %s", path, path, path,
		    path);
		found(w->d, "untrusted", path, repair,
		    "has more than one name (hard links): " REFUSED);
	}
	check_owner(w->d, path, &st);
	if (S_ISREG(st.st_mode))
		return ERR_OK;
	if (w->depth == DEPTH_MAX)
		found(w->d, "untrusted", path, "move it to another place",
		    "too deep: " REFUSED);
	else if ((fd = path_open_at(dirfd, name, O_RDONLY | O_DIRECTORY, 0)) !=
	    -1) {
		(void)path_each(fd, path, check_entry, &below, NULL);
		(void)close(fd);
	}
	return ERR_OK;
}

/* --- the way to a directory ---------------------------------------------- */

/* What isn't a directory on the way to one of an instance's. */
static void
check_step(struct doctor *d, const struct entry *e, const char *part,
    const struct stat *st, const char *path, const char *param)
{
	char repair[DOCTOR_WORD * 5], real[PATH_MAX], *list = NULL;
	char first[DOCTOR_WORD], whole[DOCTOR_WORD], config[DOCTOR_WORD];
	bool is_link = S_ISLNK(st->st_mode);

	(void)doctor_word(part, first);
	(void)doctor_word(path, whole);
	(void)doctor_word(e->i.dir, config);
	if (!is_link || realpath(path, real) == NULL)
		(void)snprintf(repair, sizeof(repair),
		    "mv %s %s.old && mkdir -p %s && postfix -c %s "
		    "set-permissions",
		    first, first, whole, config);
	else if (param[0] == 'c')
		list = doctor_list(d, e, real);
	else
		(void)snprintf(repair, sizeof(repair),
		    "postconf -c %s -e %s=\"$(realpath %s)\"", config, param,
		    whole);
	found(d, "untrusted", part, list != NULL ? list : repair,
	    is_link ? "a symbolic link: " REFUSED :
		      "not a directory: " REFUSED);
	free(list);
}

/* Each directory of a path, its last when it is root's; none of them a link.
 * param: what would name it. */
static void
check_way(struct doctor *d, const struct entry *e, const char *path,
    const char *param)
{
	char part[PATH_SIZE];
	const char *p = path;
	struct stat st;

	while (*p != '\0') {
		p += strcspn(p + 1, "/") + 1;
		(void)snprintf(part, sizeof(part), "%.*s", (int)(p - path),
		    path);
		if (lstat(part, &st) == -1)
			return;
		if (!S_ISDIR(st.st_mode))
			check_step(d, e, part, &st, path, param);
		else if (*p != '\0' || param[0] == 'c')
			check_owner(d, part, &st);
	}
}

void
doctor_trust(struct doctor *d, const struct entry *e)
{
	struct walk w = {d, e->i.dir, 0};
	int fd;

	check_way(d, e, e->i.dir, "config_directory");
	check_way(d, e, e->i.queue, "queue_directory");
	check_way(d, e, e->i.data, "data_directory");
	fd = path_open_at(AT_FDCWD, e->i.dir, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return;
	(void)path_each(fd, e->i.dir, check_entry, &w, NULL);
	(void)close(fd);
}
