#include <sys/stat.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

#include "judge.h"

/* Instances that are to be: where they go, and that nobody has that. */

/* The sibling of one of the primary's directories. */
static bool
sibling(const char *of, const char *name, char *out)
{
	char parent[PATH_SIZE];
	int n;

	(void)path_split(of, parent);
	n = snprintf(out, PATH_SIZE, "%s%s%s", parent,
	    parent[1] == '\0' ? "" : "/", name);
	return n < PATH_SIZE && path_is_clean(out);
}

enum err
fresh_derive(struct judge *j, struct record *r, struct why *why)
{
	const struct frame *f = &j->frame;
	const struct {
		const char *given, *of;
		char *out;
	} dirs[] = {
	    {f->config, j->primary.path, r->config.path},
	    {f->queue, j->site.primary.queue, r->queue.path},
	    {f->data, j->site.primary.data, r->data.path},
	};
	size_t i;

	memset(r, 0, sizeof(*r));
	r->uid = j->caller->uid;
	if (strcmp(f->name, "-") != 0)
		(void)strlcpy(r->name, f->name, sizeof(r->name));
	if (strcmp(f->group, "-") != 0)
		(void)strlcpy(r->group, f->group, sizeof(r->group));
	for (i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
		if (dirs[i].given[0] != '\0')
			(void)strlcpy(dirs[i].out, dirs[i].given, PATH_SIZE);
		else if (r->name[0] == '\0' ||
		    !sibling(dirs[i].of, r->name, dirs[i].out))
			return why_set(why, ERR_SYNTAX,
			    "a new instance needs a name%s",
			    j->caller->root ? " or its directories" : "");
	}
	return ERR_OK;
}

struct unique {
	struct judge *j;
	const char *self, *name;
	const struct record *r;
	struct why *why;
	enum err err;
};

static bool
same_dir(const struct where *w, const char *path)
{
	struct stat st;

	if (strcmp(w->path, path) == 0)
		return true;
	/* Two names for one directory: for identity links are followed. */
	return w->ino != 0 && stat(path, &st) == 0 && st.st_dev == w->dev &&
	    st.st_ino == w->ino;
}

static enum err
in_use(struct why *why, const char *what, const char *value,
    const struct instance *by)
{
	return why_set(why, ERR_CONFLICT,
	    "new %s=%s is already in use by instance %s=%s", what, value,
	    "config_directory", by->dir);
}

static int
collide(void *ctx, const struct seen *s)
{
	struct unique *u = ctx;
	const struct instance *in = &s->in;
	const struct {
		const char *what;
		const struct where *w;
	} dirs[] = {{"config_directory", &u->r->config},
	    {"queue_directory", &u->r->queue}, {"data_directory", &u->r->data}};
	size_t i;

	if (u->self != NULL && strcmp(in->dir, u->self) == 0)
		return 0;
	if (s->err == ERR_OK && u->name[0] != '\0' &&
	    strcmp(in->name, u->name) == 0)
		u->err = in_use(u->why, "multi_instance_name", u->name, in);
	for (i = 0; i < 3 && u->err == ERR_OK; i++)
		if (dirs[i].w->path[0] != '\0' &&
		    (same_dir(dirs[i].w, in->dir) ||
			(s->err == ERR_OK &&
			    (same_dir(dirs[i].w, in->queue) ||
				same_dir(dirs[i].w, in->data)))))
			u->err =
			    in_use(u->why, dirs[i].what, dirs[i].w->path, in);
	return u->err != ERR_OK;
}

enum err
fresh_unique(struct judge *j, const char *self, const char *name,
    const struct record *r, struct why *why)
{
	struct unique u = {j, self, name, r, why, ERR_OK};
	struct seen primary = {.in = j->site.primary};

	if (collide(&u, &primary) == 0)
		(void)target_each(j, collide, &u);
	return u.err;
}
