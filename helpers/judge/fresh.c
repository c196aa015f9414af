#include <sys/stat.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "judge.h"

/* Instances that are to be: where they go, and that nobody has that. */

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
	/* Where import's other two are its main.cf says. */
	size_t i, n = f->op == OP_REPAIR || f->op == OP_REGISTER ? 1 : 3;

	memset(r, 0, sizeof(*r));
	r->uid = j->caller->uid;
	if (strcmp(f->name, "-") != 0)
		(void)strlcpy(r->name, f->name, sizeof(r->name));
	if (strcmp(f->group, "-") != 0)
		(void)strlcpy(r->group, f->group, sizeof(r->group));
	for (i = 0; i < n; i++) {
		if (dirs[i].given[0] != '\0')
			(void)strlcpy(dirs[i].out, dirs[i].given, PATH_SIZE);
		else if (r->name[0] == '\0' ||
		    !site_sibling(dirs[i].of, r->name, dirs[i].out))
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
	bool own_alternate; /* config may stand in alternate_config_... */
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

/* The three directories an instance has or will have. */
struct named_dir {
	const char *what;
	const struct where *w;
};
#define NAMED_DIRS(r)                                                          \
	{                                                                      \
		{"config_directory", &(r)->config},                            \
		    {"queue_directory", &(r)->queue},                          \
		{                                                              \
			"data_directory", &(r)->data                           \
		}                                                              \
	}

static enum err
in_use(struct why *why, const struct named_dir *d, const char *by)
{
	return why_set(why, ERR_CONFLICT, "new %s=%s is already in use by %s",
	    d->what, d->w->path, by);
}

static int
collide(void *ctx, const struct seen *s)
{
	struct unique *u = ctx;
	const struct instance *in = &s->in;
	const struct named_dir dirs[] = NAMED_DIRS(u->r);
	char by[PATH_SIZE + 32];
	size_t i;

	if (u->self != NULL && strcmp(in->dir, u->self) == 0)
		return 0;
	(void)snprintf(by, sizeof(by), "instance config_directory=%s", in->dir);
	if (s->err == ERR_OK && u->name[0] != '\0' &&
	    strcmp(in->name, u->name) == 0)
		u->err = why_set(u->why, ERR_CONFLICT,
		    "new multi_instance_name=%s is already in use by %s",
		    u->name, by);
	for (i = 0; i < 3 && u->err == ERR_OK; i++)
		if (dirs[i].w->path[0] != '\0' &&
		    (same_dir(dirs[i].w, in->dir) ||
			(s->err == ERR_OK &&
			    (same_dir(dirs[i].w, in->queue) ||
				same_dir(dirs[i].w, in->data)))))
			u->err = in_use(u->why, &dirs[i], by);
	return u->err != ERR_OK;
}

/* Somebody else's create, import or destroy that isn't finished. */
static int
collide_record(void *ctx, const struct record *other)
{
	struct unique *u = ctx;
	const struct named_dir dirs[] = NAMED_DIRS(u->r);
	const struct named_dir theirs[] = NAMED_DIRS(other);
	char by[PATH_SIZE + 32];
	size_t i, k;

	if (strcmp(other->config.path, u->r->config.path) == 0 ||
	    (u->self != NULL && strcmp(other->config.path, u->self) == 0))
		return 0;
	(void)snprintf(by, sizeof(by), "an unfinished %s of %s",
	    action_name(other->action), other->config.path);
	if (u->name[0] != '\0' && strcmp(other->name, u->name) == 0)
		u->err = why_set(u->why, ERR_CONFLICT,
		    "new multi_instance_name=%s is already in use by %s",
		    u->name, by);
	for (i = 0; i < 3; i++)
		for (k = 0; k < 3 && u->err == ERR_OK; k++)
			if (dirs[i].w->path[0] != '\0' &&
			    theirs[k].w->path[0] != '\0' &&
			    same_dir(dirs[i].w, theirs[k].w->path))
				u->err = in_use(u->why, &dirs[i], by);
	return u->err != ERR_OK;
}

/* A deported instance's directory is only its own import's. */
static void
collide_alternates(struct unique *u)
{
	const struct named_dir dirs[] = NAMED_DIRS(u->r);
	const char *pos = u->j->alt;
	char dir[PATH_SIZE];
	size_t i;

	while (u->err == ERR_OK && site_next_dir(&pos, dir))
		for (i = 0; i < 3 && u->err == ERR_OK; i++)
			if (dirs[i].w->path[0] != '\0' &&
			    same_dir(dirs[i].w, dir) &&
			    !(i == 0 && u->own_alternate))
				u->err = in_use(u->why, &dirs[i],
				    "alternate_config_directories");
}

/* An instance's own directories are three different ones. */
static void
collide_self(struct unique *u)
{
	const struct named_dir dirs[] = NAMED_DIRS(u->r);
	size_t i, k;

	for (i = 0; i < 3; i++)
		for (k = i + 1; k < 3 && u->err == ERR_OK; k++)
			if (dirs[i].w->path[0] != '\0' &&
			    same_dir(dirs[i].w, dirs[k].w->path))
				u->err = in_use(u->why, &dirs[k], dirs[i].what);
}

enum err
fresh_unique(struct judge *j, const char *self, const char *name,
    const struct record *r, struct why *why)
{
	struct unique u = {j, self, name, r, why, ERR_OK, false};
	struct seen primary = {.in = j->site.primary};
	enum err e;
	int dir;

	/* Root's create may name one, and so may an import or a destroy. */
	u.own_alternate = j->caller->root || r->action != ACTION_CREATE;
	collide_self(&u);
	if (u.err == ERR_OK && collide(&u, &primary) == 0)
		(void)target_each(j, NULL, collide, &u);
	if (u.err == ERR_OK)
		collide_alternates(&u);
	if (u.err != ERR_OK)
		return u.err;
	if ((e = record_open_existing(&dir, why)) != ERR_OK)
		return e == ERR_NOTFOUND ? ERR_OK : e;
	if (record_each(dir, collide_record, &u) == -1)
		u.err = why_errno(why, "list %s", RECORD_DIR);
	(void)close(dir);
	return u.err;
}
