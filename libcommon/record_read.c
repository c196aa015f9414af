#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "record.h"

/* The value of the next line, which must begin with key; NULL otherwise. */
static char *
line(char **pos, const char *key)
{
	char *s = strsep(pos, "\n");
	size_t n = strlen(key);

	if (s == NULL || strncmp(s, key, n) != 0 || s[n] != ' ')
		return NULL;
	return s + n + 1;
}

static bool
take_number(char *s, uint64_t *out)
{
	char *end;

	if (s == NULL || *s < '0' || *s > '9')
		return false;
	errno = 0;
	*out = strtoull(s, &end, 10);
	return errno == 0 && *end == '\0';
}

static bool
take_name(char *s, bool (*ok)(const char *), char *out)
{
	if (s == NULL || (strcmp(s, "-") != 0 && !ok(s)))
		return false;
	(void)strlcpy(out, strcmp(s, "-") == 0 ? "" : s, NAME_SIZE);
	return true;
}

static bool
take_where(char *s, struct where *w)
{
	char *dev = strsep(&s, " "), *ino = strsep(&s, " ");

	if (!take_number(dev, &w->dev) || !take_number(ino, &w->ino) ||
	    s == NULL || (!path_is_clean(s) && strcmp(s, "-") != 0))
		return false;
	(void)strlcpy(w->path, strcmp(s, "-") == 0 ? "" : s, sizeof(w->path));
	return true;
}

static bool
parse(char *text, struct record *r)
{
	uint64_t uid;
	char *s;
	int a;

	memset(r, 0, sizeof(*r));
	if ((s = line(&text, "postmulti")) == NULL ||
	    strcmp(s, "record 1") != 0 || (s = line(&text, "action")) == NULL)
		return false;
	a = action_find(s);
	if (a != ACTION_CREATE && a != ACTION_IMPORT && a != ACTION_DESTROY)
		return false;
	r->action = (enum action)a;
	if ((s = line(&text, "directories")) == NULL)
		return false;
	r->done = strcmp(s, "done") == 0;
	if (!r->done && strcmp(s, "begun") != 0)
		return false;
	if (!take_number(line(&text, "uid"), &uid) ||
	    !take_number(line(&text, "time"), &r->time) ||
	    !take_name(line(&text, "name"), site_name_ok, r->name) ||
	    !take_name(line(&text, "group"), site_group_ok, r->group) ||
	    !take_where(line(&text, "config"), &r->config) ||
	    !take_where(line(&text, "queue"), &r->queue) ||
	    !take_where(line(&text, "data"), &r->data))
		return false;
	r->uid = (uid_t)uid;
	return uid < UINT32_MAX;
}

static enum err
read_file(int dirfd, const char *name, struct record *r, struct why *why)
{
	char text[2048], label[PATH_SIZE + 64];
	enum err e;
	size_t len;
	int fd;

	(void)snprintf(label, sizeof(label), "%s/%s", RECORD_DIR, name);
	if ((e = path_open_file(dirfd, name, label, true, &fd, why)) != ERR_OK)
		return e;
	e = path_slurp(fd, label, text, sizeof(text), &len, why);
	(void)close(fd);
	if (e != ERR_OK)
		return e;
	if (strlen(text) != len || !parse(text, r))
		return why_set(why, ERR_SYNTAX,
		    "%s: damaged record: remove it if no create, import or "
		    "destroy is under way",
		    label);
	return ERR_OK;
}

enum err
record_read(int dirfd, const char *config, struct record *r, struct why *why)
{
	char name[PATH_SIZE];

	record_file_name(config, name);
	return read_file(dirfd, name, r, why);
}

struct each {
	int (*fn)(void *, const struct record *);
	void *ctx;
	int stop;
};

static enum err
each_file(void *ctx, int dirfd, const char *name)
{
	struct each *each = ctx;
	struct record r;
	enum err e =
	    name[0] == ',' ? read_file(dirfd, name, &r, NULL) : ERR_NOTFOUND;

	if (e == ERR_OK)
		each->stop = each->fn(each->ctx, &r);
	if (e == ERR_SYSTEM) /* a damaged one is the doctor's to tell */
		return e;
	return each->stop == 0 ? ERR_OK : ERR_EXISTS;
}

struct damaged {
	void (*fn)(void *, const char *);
	void *ctx;
};

static enum err
each_damaged(void *ctx, int dirfd, const char *name)
{
	const struct damaged *d = ctx;
	struct record r;

	if (name[0] == ',' && read_file(dirfd, name, &r, NULL) != ERR_OK)
		d->fn(d->ctx, name);
	return ERR_OK;
}

void
record_each_damaged(int dirfd, void (*fn)(void *, const char *), void *ctx)
{
	struct damaged d = {fn, ctx};

	(void)path_each(dirfd, RECORD_DIR, each_damaged, &d, NULL);
}

int
record_each(int dirfd, int (*fn)(void *, const struct record *), void *ctx)
{
	struct each each = {fn, ctx, 0};

	if (path_each(dirfd, RECORD_DIR, each_file, &each, NULL) == ERR_SYSTEM)
		return -1;
	return each.stop;
}
