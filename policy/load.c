#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lex.h"
#include "path.h"

#define FILE_SIZE 262144 /* one policy file, with path_slurp's NUL */

static char names[POLICY_FILES][64]; /* in policy.d, sorted */
static char text[FILE_SIZE];

/* An error of the file as a whole; the sentence names it. */
static enum err
whole(struct policy_error *e, enum err err, const struct why *w)
{
	memset(e, 0, sizeof(*e));
	(void)strlcpy(e->text, w->text, sizeof(e->text));
	return err;
}

static enum err
load_file(struct policy *p, int dirfd, const char *dir, const char *name,
    struct policy_error *e)
{
	char label[POLICY_WORD];
	struct why w = {""};
	enum err err;
	size_t len;
	int fd;

	(void)snprintf(label, sizeof(label), "%s/%s", dir, name);
	err = path_open_file(dirfd, name, label, true, &fd, &w);
	if (err != ERR_OK)
		return whole(e, err, &w);
	err = path_slurp(fd, label, text, sizeof(text), &len, &w);
	(void)close(fd);
	if (err != ERR_OK)
		return whole(e, err, &w);
	return policy_parse(p, label, text, len, e);
}

struct listing {
	const char *dir;
	size_t n; /* of names */
	struct why *w;
};

/*
 * Puts a name where it belongs.  Whatever isn't a regular file is left to
 * path_open_file(), which refuses it: a file that root dropped in must not be
 * overlooked.
 */
static enum err
add_name(void *ctx, int dirfd, const char *name)
{
	struct listing *l = ctx;
	size_t i, len = strlen(name);

	(void)dirfd;
	if (name[0] == '.' || len < 5 || strcmp(name + len - 5, ".conf") != 0)
		return ERR_OK;
	if (!lex_name(name, "._-@+") || len >= sizeof(names[0]))
		return why_set(l->w, ERR_SYNTAX,
		    "%s: a file has a name that is "
		    "too long or not of A-Z a-z 0-9 . _ - @ +",
		    l->dir);
	if (l->n == POLICY_FILES)
		return why_set(l->w, ERR_LIMIT, "%s: more than %d files",
		    l->dir, POLICY_FILES);
	for (i = l->n++; i > 0 && strcmp(names[i - 1], name) > 0; i--)
		memcpy(names[i], names[i - 1], sizeof(names[i]));
	(void)strlcpy(names[i], name, sizeof(names[i]));
	return ERR_OK;
}

static enum err
load_dir(struct policy *p, int fd, const char *dir, struct policy_error *e)
{
	struct why w = {""};
	struct listing l = {.dir = dir, .w = &w};
	struct stat st;
	enum err err;
	size_t i;

	if (fstat(fd, &st) == -1)
		err = why_errno(&w, "%s", dir);
	else if ((err = path_check_owner(&st, dir, &w)) == ERR_OK)
		err = path_each(fd, dir, add_name, &l, &w);
	if (err != ERR_OK)
		return whole(e, err, &w);
	for (i = 0; i < l.n; i++)
		if ((err = load_file(p, fd, dir, names[i], e)) != ERR_OK)
			return err;
	return ERR_OK;
}

enum err
policy_load(struct policy *p, int dirfd, const char *dir,
    struct policy_error *e)
{
	char sub[POLICY_WORD];
	struct why w = {""};
	enum err err;
	int fd;

	memset(e, 0, sizeof(*e));
	err = load_file(p, dirfd, dir, "policy.conf", e);
	if (err != ERR_OK && err != ERR_NOTFOUND)
		return err;
	(void)snprintf(sub, sizeof(sub), "%s/policy.d", dir);
	fd = path_open_at(dirfd, "policy.d", O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1) {
		if (errno == ENOENT)
			return ERR_OK;
		(void)why_errno(&w, "%s: can't be opened as a directory", sub);
		return whole(e, ERR_UNTRUSTED, &w);
	}
	err = load_dir(p, fd, sub, e);
	(void)close(fd);
	return err;
}
