#include <bsd/string.h>
#include <dirent.h>
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

/*
 * Puts a name where it belongs.  Whatever isn't a regular file is left to
 * path_open_file(), which refuses it: a file that root dropped in must not be
 * overlooked.
 */
static enum err
add_name(const char *name, size_t *n, const char *dir, struct why *w)
{
	size_t i, len = strlen(name);

	if (name[0] == '.' || len < 5 || strcmp(name + len - 5, ".conf") != 0)
		return ERR_OK;
	if (!lex_name(name, "._-@+") || len >= sizeof(names[0]))
		return why_set(w, ERR_SYNTAX,
		    "%s: a file has a name that is "
		    "too long or not of A-Z a-z 0-9 . _ - @ +",
		    dir);
	if (*n == POLICY_FILES)
		return why_set(w, ERR_LIMIT, "%s: more than %d files", dir,
		    POLICY_FILES);
	for (i = *n; i > 0 && strcmp(names[i - 1], name) > 0; i--)
		memcpy(names[i], names[i - 1], sizeof(names[i]));
	(void)strlcpy(names[i], name, sizeof(names[i]));
	++*n;
	return ERR_OK;
}

/* opendir(3) allocates. */
static enum err
list_dir(int fd, const char *dir, size_t *n, struct why *w)
{
	_Alignas(struct dirent64) char buf[4096];
	const struct dirent64 *d;
	enum err err;
	ssize_t got, off;

	while ((got = getdents64(fd, buf, sizeof(buf))) > 0)
		for (off = 0; off < got; off += d->d_reclen) {
			d = (const void *)(buf + off);
			if ((err = add_name(d->d_name, n, dir, w)) != ERR_OK)
				return err;
		}
	return got < 0 ? why_errno(w, "%s", dir) : ERR_OK;
}

static enum err
load_dir(struct policy *p, int fd, const char *dir, struct policy_error *e)
{
	struct why w = {""};
	struct stat st;
	enum err err;
	size_t i, n = 0;

	if (fstat(fd, &st) == -1)
		err = why_errno(&w, "%s", dir);
	else if ((err = path_check_owner(&st, dir, &w)) == ERR_OK)
		err = list_dir(fd, dir, &n, &w);
	if (err != ERR_OK)
		return whole(e, err, &w);
	for (i = 0; i < n; i++)
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
