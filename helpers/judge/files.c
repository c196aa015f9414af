#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "judge.h"

/*
 * $meta_directory/postfix-files and postfix-files.d: what Postfix's own
 * post-install(1) goes by.  A record is name:type:owner:group:mode:flags; we
 * keep those whose name begins with an instance's own directory.
 */

#define PARTS_MAX 16 /* files in postfix-files.d */

static const char *const bases[BASE_COUNT] = {
    [BASE_CONFIG] = "$config_directory",
    [BASE_QUEUE] = "$queue_directory",
    [BASE_DATA] = "$data_directory",
};

/* false: the path isn't an instance's own, or lies deeper than one name. */
static bool
split_path(const char *path, struct entry *out)
{
	const char *rest;
	size_t b, n;

	for (b = 0; b < BASE_COUNT; b++) {
		n = strlen(bases[b]);
		if (strncmp(path, bases[b], n) != 0)
			continue;
		rest = path + n;
		if (*rest == '/')
			rest++;
		else if (*rest != '\0')
			return false;
		out->base = (uint8_t)b;
		return strchr(rest, '/') == NULL &&
		    strlcpy(out->name, rest, sizeof(out->name)) <
		    sizeof(out->name);
	}
	return false;
}

/* ERR_NOTFOUND: a record that doesn't concern instances. */
static enum err
parse_record(char *line, struct entry *out)
{
	char *path = strsep(&line, ":"), *type = strsep(&line, ":"),
	     *owner = strsep(&line, ":"), *group = strsep(&line, ":"),
	     *mode = strsep(&line, ":"), *flags = strsep(&line, ":"), *end;

	memset(out, 0, sizeof(*out));
	if (path == NULL || type == NULL || !split_path(path, out))
		return ERR_NOTFOUND;
	if (strcmp(type, "h") == 0 || strcmp(type, "l") == 0)
		return ERR_NOTFOUND;
	if (flags == NULL)
		flags = type + strlen(type); /* "" */
	/* o: no longer part of Postfix; 1: not for secondary instances. */
	if (strpbrk(flags, "o1i") != NULL)
		return ERR_NOTFOUND;
	if (owner == NULL || group == NULL || mode == NULL)
		return ERR_SYNTAX;
	out->is_dir = strcmp(type, "d") == 0;
	out->mail_owned = strcmp(owner, "$mail_owner") == 0;
	out->setgid_group = strcmp(group, "$setgid_group") == 0;
	out->create = strchr(flags, 'c') != NULL;
	out->recursive = strchr(flags, 'r') != NULL;
	out->mode = (uint16_t)strtoul(mode, &end, 8);
	if ((!out->is_dir && strcmp(type, "f") != 0) || *end != '\0' ||
	    (strtoul(mode, NULL, 8) & ~0777UL) != 0 ||
	    (!out->mail_owned && strcmp(owner, "root") != 0) ||
	    (!out->setgid_group && strcmp(group, "-") != 0))
		return ERR_SYNTAX;
	return ERR_OK;
}

static enum err
read_one(int dirfd, const char *name, bool trusted, struct verdict *v,
    struct why *why)
{
	static char text[64 * 1024];
	char *pos = text, *line;
	unsigned lineno = 0;
	enum err e;
	size_t len;
	int fd;

	e = path_open_file(dirfd, name, name, trusted, &fd, why);
	if (e != ERR_OK)
		return e;
	e = path_slurp(fd, name, text, sizeof(text), &len, why);
	(void)close(fd);
	while (e == ERR_OK && (line = strsep(&pos, "\n")) != NULL) {
		lineno++;
		if (v->nentries == ENTRIES)
			return why_set(why, ERR_LIMIT,
			    "%s:%u: more than %d entries for instances", name,
			    lineno, ENTRIES);
		switch (parse_record(line, &v->entries[v->nentries])) {
		case ERR_OK: v->nentries++; break;
		case ERR_NOTFOUND: break;
		default:
			return why_set(why, ERR_SYNTAX,
			    "%s:%u: an entry for instances that is not "
			    "understood",
			    name, lineno);
		}
	}
	return e;
}

/* The files of postfix-files.d, sorted in bytes as sort(1) does in C. */
struct parts {
	size_t n;
	char names[PARTS_MAX][64];
	struct why *why;
};

static enum err
add_part(void *ctx, int dirfd, const char *name)
{
	struct parts *p = ctx;
	struct stat st;
	size_t i;

	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISREG(st.st_mode))
		return ERR_OK;
	if (p->n == PARTS_MAX || strlen(name) >= sizeof(p->names[0]))
		return why_set(p->why, ERR_LIMIT,
		    "postfix-files.d: too many files, or too long a name");
	for (i = p->n++; i > 0 && strcmp(p->names[i - 1], name) > 0; i--)
		memcpy(p->names[i], p->names[i - 1], sizeof(p->names[0]));
	(void)strlcpy(p->names[i], name, sizeof(p->names[0]));
	return ERR_OK;
}

enum err
files_read(struct judge *j, struct verdict *v, struct why *why)
{
	struct parts parts = {.why = why};
	bool trusted = !j->caller->root;
	struct stat st;
	enum err e;
	size_t i;
	int meta, dir;

	v->nentries = 0;
	e = path_open_dir(j->site.meta_directory, trusted, &meta, why);
	if (e != ERR_OK)
		return e;
	e = read_one(meta, "postfix-files", trusted, v, why);
	dir = path_open_at(meta, "postfix-files.d", O_RDONLY | O_DIRECTORY, 0);
	(void)close(meta);
	if (dir == -1)
		return e != ERR_OK || errno == ENOENT ?
		    e :
		    why_errno(why, "open postfix-files.d");
	if (e == ERR_OK && trusted)
		e = fstat(dir, &st) == -1 ?
		    why_errno(why, "stat postfix-files.d") :
		    path_check_owner(&st, "postfix-files.d", why);
	if (e == ERR_OK)
		e = path_each(dir, "postfix-files.d", add_part, &parts, why);
	for (i = 0; e == ERR_OK && i < parts.n; i++)
		e = read_one(dir, parts.names[i], trusted, v, why);
	(void)close(dir);
	return e;
}
