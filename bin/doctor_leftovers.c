#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "doctor.h"

/*
 * Directories beside the primary's that look like an instance's and belong to
 * none: not on the list, nor deported and known as an alternate directory.
 */

enum kind { CONFIG, QUEUE, DATA, KINDS };

static void
take(void *ctx, const struct entry *e)
{
	doctor_known(ctx, &e->i);
}

static const char *
dir_of(const struct instance *in, enum kind kind)
{
	return kind == CONFIG ? in->dir : kind == QUEUE ? in->queue : in->data;
}

/* What isn't known of an instance, or isn't sure, may be what is named like
 * it. */
static bool
belongs(const struct instance *in, bool sure, enum kind kind, const char *path)
{
	const char *dir = dir_of(in, kind), *base = strrchr(in->dir, '/');

	if (dir[0] != '\0' && (sure || strcmp(dir, path) == 0))
		return strcmp(dir, path) == 0;
	return base != NULL && strcmp(base, strrchr(path, '/')) == 0;
}

/* Of two in conflict the one that is damaged may be in the right: as long as
 * there is one, no main.cf is taken at its word. */
static bool
is_known(const struct doctor *d, enum kind kind, const char *path)
{
	const struct instances *list = d->list;
	bool sure = true;
	size_t i;

	for (i = 0; i < list->n; i++)
		sure = sure && list->v[i].state == ENTRY_GOOD;
	for (i = 0; i < list->n; i++)
		if (belongs(&list->v[i].i, sure, kind, path))
			return true;
	for (i = 0; i < d->nknown; i++)
		if (belongs(&d->known[i], true, kind, path))
			return true;
	return false;
}

static bool
has(const char *dir, const char *name)
{
	char path[PATH_SIZE * 2 + 16];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return lstat(path, &st) == 0;
}

/* Others have directories called postfix-something, too. */
static bool
looks_like(const struct doctor *d, enum kind kind, const char *path)
{
	const struct passwd *pw = getpwnam(d->list->host.site.mail_owner);
	struct stat st;

	if (lstat(path, &st) == -1 || !S_ISDIR(st.st_mode))
		return false;
	switch (kind) {
	case CONFIG: return has(path, "main.cf") || has(path, ".tmp");
	case QUEUE: return has(path, "pid") && has(path, "maildrop");
	default: return pw != NULL && st.st_uid == pw->pw_uid;
	}
}

/* --- mail ---------------------------------------------------------------- */

#define DEPTH_MAX 8 /* of hash directories */

struct mail {
	unsigned long n;
	int depth;
};

/* ERR_OK when all below it was seen. */
static enum err
count(void *ctx, int dirfd, const char *name)
{
	struct mail *m = ctx;
	struct stat st;
	enum err e;
	int fd;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return errno == ENOENT ? ERR_OK : ERR_SYSTEM;
	m->n += S_ISREG(st.st_mode);
	if (!S_ISDIR(st.st_mode))
		return ERR_OK;
	if (m->depth == DEPTH_MAX)
		return ERR_LIMIT;
	if ((fd = path_open_at(dirfd, name, O_RDONLY | O_DIRECTORY, 0)) == -1)
		return ERR_SYSTEM;
	m->depth++;
	e = path_each(fd, name, count, m, NULL);
	m->depth--;
	(void)close(fd);
	return e;
}

/* Those of its directories that hold mail, or may: as words behind find's.
 * Returns whether all could be looked into. */
static bool
find_mail(const char *queue, struct mail *m, char *words, size_t size)
{
	static const char *const names[] = {"maildrop", "incoming", "active",
	    "deferred", "hold", "corrupt", "saved"};
	bool all = true;
	unsigned long n;
	enum err e;
	size_t i;
	int fd;

	words[0] = '\0';
	if (path_open_dir(queue, false, &fd, NULL) != ERR_OK)
		return false;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		n = m->n;
		e = count(m, fd, names[i]);
		all = all && e == ERR_OK;
		if (e == ERR_OK && m->n == n)
			continue;
		(void)snprintf(words + strlen(words), size - strlen(words),
		    " %s/%s", queue, names[i]);
	}
	(void)close(fd);
	return all;
}

/* Nobody is told to remove a queue in which mail was seen, or wasn't looked
 * for. */
static void
tell_queue(struct doctor *d, const char *path)
{
	char words[(PATH_SIZE + 16) * 7], repair[sizeof(words) + 32];
	struct mail m = {0};
	bool all = find_mail(path, &m, words, sizeof(words));

	if (!doctor_safe(path))
		(void)snprintf(repair, sizeof(repair),
		    "look at it by hand: its name is not safe to paste");
	else if (m.n == 0 && all)
		(void)snprintf(repair, sizeof(repair), "rm -r %s", path);
	else
		(void)snprintf(repair, sizeof(repair), "find%s -type f",
		    words[0] != '\0' ? words : path);
	doctor_found(d, "leftover", repair,
	    "%s: a queue directory that no instance has, with %lu message%s "
	    "in it%s",
	    path, m.n, m.n == 1 ? "" : "s",
	    all ? "" : ", as far as could be seen: look as root");
}

static void
tell(struct doctor *d, enum kind kind, const char *path)
{
	static const char *const what[KINDS] = {
	    [CONFIG] = "a configuration directory that no list names",
	    [DATA] = "a data directory that no instance has"};
	char repair[PATH_SIZE * 6 + 128];
	const char *name = strrchr(path, '/') + 1;
	struct instance in = {0};

	if (kind == QUEUE) {
		tell_queue(d, path);
		return;
	}
	if (!doctor_safe(path))
		(void)snprintf(repair, sizeof(repair),
		    "look at it by hand: its name is not safe to paste");
	else if (kind == CONFIG && has(path, "main.cf") &&
	    has(path, "master.cf"))
		(void)snprintf(repair, sizeof(repair),
		    "postmulti -I %s -e import config_directory=%s # or: rm -r "
		    "%s",
		    name, path, path);
	else
		(void)snprintf(repair, sizeof(repair), "rm -r %s", path);
	doctor_found(d, "leftover", repair, "%s: %s", path, what[kind]);
	if (kind != CONFIG)
		return;
	/* Its queue and data are for import first. */
	(void)strlcpy(in.dir, path, sizeof(in.dir));
	doctor_known(d, &in);
}

static void
scan(struct doctor *d, enum kind kind)
{
	const struct instance *primary = &d->list->v[0].i;
	char parent[PATH_SIZE], path[PATH_SIZE];
	struct dirent *de;
	DIR *dir;

	if (dir_of(primary, kind)[0] != '/')
		return;
	(void)path_split(dir_of(primary, kind), parent);
	if ((dir = opendir(parent)) == NULL)
		return;
	while ((de = readdir(dir)) != NULL) {
		if (strncmp(de->d_name, "postfix-", 8) != 0)
			continue;
		if (site_sibling(dir_of(primary, kind), de->d_name, path) &&
		    looks_like(d, kind, path) && !is_known(d, kind, path))
			tell(d, kind, path);
	}
	(void)closedir(dir);
}

void
doctor_leftovers(struct doctor *d)
{
	struct why why;
	enum err e;

	/* What isn't finished would look like one. */
	if (d->unsure)
		return;
	e = instances_alternates(d->list, take, d, &why);
	/* Without that list every deported instance would look like one. */
	if (e != ERR_OK) {
		(void)printf("not looked for: leftovers: %s\n", why.text);
		return;
	}
	scan(d, CONFIG);
	scan(d, QUEUE);
	scan(d, DATA);
}
