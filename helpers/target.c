#include <sys/stat.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "judge.h"

/* --- reading ------------------------------------------------------------- */

enum err
target_where(const char *path, bool trusted, struct where *w, struct why *why)
{
	struct stat st;
	enum err e;
	int fd;

	(void)strlcpy(w->path, path, sizeof(w->path));
	w->dev = w->ino = 0;
	if ((e = path_open_dir(path, trusted, &fd, why)) != ERR_OK)
		return e;
	if (fstat(fd, &st) == -1)
		e = why_errno(why, "stat %s", path);
	else {
		w->dev = st.st_dev;
		w->ino = st.st_ino;
	}
	(void)close(fd);
	return e;
}

/* Reads DIR/main.cf; w gets the directory's identity. */
static enum err
read_maincf(struct judge *j, const char *dir, struct where *w, char *text,
    struct maincf *cf, struct why *why)
{
	char label[PATH_SIZE + 16];
	bool trusted = !j->caller->root;
	struct stat st;
	enum err e;
	size_t len;
	int dirfd, fd;

	(void)snprintf(label, sizeof(label), "%s/main.cf", dir);
	if ((e = path_open_dir(dir, trusted, &dirfd, why)) != ERR_OK)
		return e;
	if (fstat(dirfd, &st) == 0) {
		w->dev = st.st_dev;
		w->ino = st.st_ino;
	}
	e = path_open_file(dirfd, "main.cf", label, trusted, &fd, why);
	(void)close(dirfd);
	if (e != ERR_OK)
		return e;
	e = path_slurp(fd, label, text, MAINCF_MAX, &len, why);
	(void)close(fd);
	return e != ERR_OK ? e : maincf_parse(cf, label, text, len, why);
}

enum err
target_site(struct judge *j, struct why *why)
{
	static char label[PATH_SIZE + 16];
	const char *dir;
	enum err e;

	if ((e = defaults_load(&j->defaults, why)) != ERR_OK)
		return why_set(why, e == ERR_NOTFOUND ? ERR_STATE : e,
		    "Postfix's defaults are not known: run \"postmulti -l\" as "
		    "root once");
	dir = defaults_get(&j->defaults, "config_directory",
	    strlen("config_directory"));
	if (dir == NULL || !path_is_clean(dir))
		return why_set(why, ERR_STATE, "no usable config_directory");
	(void)strlcpy(j->primary.path, dir, sizeof(j->primary.path));
	(void)strlcpy(j->site.primary.dir, dir, sizeof(j->site.primary.dir));
	e = read_maincf(j, dir, &j->primary, j->primary_text, &j->primary_cf,
	    why);
	if (e != ERR_OK)
		return e;
	(void)snprintf(label, sizeof(label), "%s/main.cf", dir);
	j->primary_cf.label = label;
	if ((e = site_primary(&j->primary_cf, &j->defaults, &j->site, why)) !=
		ERR_OK ||
	    (e = site_list(&j->primary_cf, &j->defaults,
		 "multi_instance_directories", j->list, sizeof(j->list),
		 why)) != ERR_OK)
		return e;
	return site_list(&j->primary_cf, &j->defaults,
	    "alternate_config_directories", j->alt, sizeof(j->alt), why);
}

void
target_read(struct judge *j, const char *dir, struct seen *s)
{
	memset(s, 0, sizeof(*s));
	(void)strlcpy(s->in.dir, dir, sizeof(s->in.dir));
	(void)strlcpy(s->config.path, dir, sizeof(s->config.path));
	s->err = read_maincf(j, dir, &s->config, j->text, &j->cf, &s->why);
	if (s->err == ERR_OK)
		s->err = site_instance(&j->cf, &j->defaults, &s->in, &s->why);
}

int
target_each(struct judge *j, int (*fn)(void *, const struct seen *), void *ctx)
{
	const char *pos = j->list, *entry;
	struct seen s;
	char dir[PATH_SIZE];
	size_t n;
	int stop = 0;

	while (stop == 0 && (n = site_next(&pos, &entry)) > 0) {
		(void)snprintf(dir, sizeof(dir), "%.*s",
		    n < sizeof(dir) ? (int)n : (int)sizeof(dir) - 1, entry);
		if (strcmp(dir, j->primary.path) == 0)
			continue;
		target_read(j, dir, &s);
		stop = fn(ctx, &s);
	}
	return stop;
}

/* --- finding ------------------------------------------------------------- */

struct search {
	const struct selector *sel;
	struct seen *found;
	struct why unread; /* the first one that could not be read */
};

static bool
selects(const struct selector *sel, const char *name, const struct where *w)
{
	if (sel->dir[0] != '\0')
		return strcmp(w->path, sel->dir) == 0;
	if (sel->name[0] != '\0')
		return strcmp(name, sel->name) == 0;
	return sel->ino != 0 && w->ino == sel->ino && w->dev == sel->dev;
}

/* How messages call what a selector names. */
static const char *
selector_label(const struct selector *sel)
{
	if (sel->dir[0] != '\0')
		return sel->dir;
	return sel->name[0] != '\0' ? sel->name : "by that device and inode";
}

static int
match(void *ctx, const struct seen *s)
{
	struct search *q = ctx;

	if (s->err != ERR_OK && q->unread.text[0] == '\0')
		q->unread = s->why;
	if (!selects(q->sel, s->err == ERR_OK ? s->in.name : "", &s->config))
		return 0;
	*q->found = *s;
	return 1;
}

/* What the verdict says about an instance that exists. */
static void
describe(struct judge *j, const struct seen *s, struct verdict *v)
{
	v->primary = j->primary;
	v->config = s->config;
	(void)strlcpy(v->name, s->in.name, sizeof(v->name));
	(void)strlcpy(v->group, s->in.group, sizeof(v->group));
	(void)strlcpy(v->mail_owner, j->site.mail_owner, sizeof(v->mail_owner));
	(void)strlcpy(v->setgid_group, j->site.setgid_group,
	    sizeof(v->setgid_group));
	(void)strlcpy(v->meta, j->site.meta_directory, sizeof(v->meta));
	(void)strlcpy(v->command_directory, j->site.command_directory,
	    sizeof(v->command_directory));
}

static bool
means_primary(struct judge *j, const struct selector *sel)
{
	return strcmp(sel->name, "-") == 0 ||
	    (sel->name[0] != '\0' &&
		strcmp(sel->name, j->site.primary.name) == 0) ||
	    strcmp(sel->dir, j->primary.path) == 0 ||
	    (sel->ino != 0 && sel->ino == j->primary.ino &&
		sel->dev == j->primary.dev);
}

enum err
target_find(struct judge *j, const struct selector *sel, struct seen *s,
    struct verdict *v, struct why *why)
{
	struct search q = {.sel = sel, .found = s};

	if (means_primary(j, sel)) {
		memset(s, 0, sizeof(*s));
		s->in = j->site.primary;
		s->config = j->primary;
		describe(j, s, v);
		return ERR_OK;
	}
	if (target_each(j, match, &q) != 0) {
		describe(j, s, v);
		return ERR_OK;
	}
	return why_set(why, ERR_NOTFOUND, "No instance named %s%s%s",
	    selector_label(sel),
	    q.unread.text[0] != '\0' ? "; one could not be read: " : "",
	    q.unread.text);
}

struct record_search {
	const struct selector *sel;
	struct record *found;
};

static int
match_record(void *ctx, const struct record *r)
{
	struct record_search *q = ctx;

	if (!selects(q->sel, r->name, &r->config))
		return 0;
	*q->found = *r;
	return 1;
}

enum err
target_record_of(const struct selector *sel, struct record *r, struct why *why)
{
	struct record_search q = {.sel = sel, .found = r};
	enum err e;
	int dir, found;

	if ((e = record_open_existing(&dir, why)) != ERR_OK)
		return e;
	found = record_each(dir, match_record, &q);
	(void)close(dir);
	return found ?
	    ERR_OK :
	    why_set(why, ERR_NOTFOUND, "nothing was begun on that instance");
}

enum err
target_record(const char *config, struct record *r, struct why *why)
{
	enum err e;
	int dir;

	if ((e = record_open_existing(&dir, why)) != ERR_OK)
		return e;
	e = record_read(dir, config, r, why);
	(void)close(dir);
	return e;
}

/* --- policy -------------------------------------------------------------- */

static const char *
label(const struct object *o)
{
	return o->primary      ? "the primary instance" :
	    o->name[0] != '\0' ? o->name :
				 "an instance without a name";
}

enum err
target_allow(struct judge *j, enum action action, const struct object *o,
    struct verdict *v, struct why *why)
{
	const struct rule *by = NULL;

	v->action = action;
	v->rule[0] = '\0';
	if (j->caller->root) {
		(void)strlcpy(v->rule, "root", sizeof(v->rule));
		return ERR_OK;
	}
	if (policy_permits(&j->policy, &j->subject, action, o, &by)) {
		policy_rule_place(&j->policy, by, v->rule, sizeof(v->rule));
		return ERR_OK;
	}
	if (by != NULL)
		policy_rule_place(&j->policy, by, v->rule, sizeof(v->rule));
	return why_set(why, ERR_DENIED,
	    by != NULL ? "refused by %s: %s may not %s %s" :
			 "refused: no rule permits%s %s to %s %s",
	    v->rule, j->caller->name[0] != '\0' ? j->caller->name : "this uid",
	    action_name(action), label(o));
}

enum err
target_no_destroy(struct judge *j, struct verdict *v, struct why *why)
{
	struct object o = {j->frame.sel.name, "", false};
	enum err e = target_allow(j, ACTION_DESTROY, &o, v, why);

	return e != ERR_OK ?
	    e :
	    why_set(why, ERR_NOTFOUND,
		"No instance named %s, and no destroy of it was begun",
		selector_label(&j->frame.sel));
}

static size_t
has_prefix(const char *name, const char *prefix)
{
	return strncmp(name, prefix, strlen(prefix)) == 0;
}

struct count {
	struct judge *j;
	const char *prefix, *self;
	size_t n;
};

static int
count_instance(void *ctx, const struct seen *s)
{
	struct count *c = ctx;

	if (strcmp(s->in.dir, c->self) != 0)
		c->n += has_prefix(s->in.name, c->prefix);
	return 0;
}

/* A record that is also on the list was counted there. */
static int
count_record(void *ctx, const struct record *r)
{
	struct count *c = ctx;
	const char *pos = c->j->list, *entry;
	size_t n;

	if (strcmp(r->config.path, c->self) == 0)
		return 0;
	while ((n = site_next(&pos, &entry)) > 0)
		if (strncmp(entry, r->config.path, n) == 0 &&
		    r->config.path[n] == '\0')
			return 0;
	c->n += has_prefix(r->name, c->prefix);
	return 0;
}

struct limit_ctx {
	struct judge *j;
	const char *self, *name;
};

static size_t
count_prefix(void *ctx, const char *prefix)
{
	struct limit_ctx *l = ctx;
	struct count c = {l->j, prefix, l->self, 0};
	int dir;

	(void)target_each(l->j, count_instance, &c);
	if (record_open_existing(&dir, NULL) == ERR_OK) {
		(void)record_each(dir, count_record, &c);
		(void)close(dir);
	}
	return c.n + has_prefix(l->name, prefix);
}

enum err
target_change(struct judge *j, enum action action, const struct object *from,
    const struct object *to, struct verdict *v, struct why *why)
{
	struct limit_ctx l = {j, v->config.path, to->name};
	enum err e;

	/* What is made anew has to be permitted as it will be; what exists
	 * also as it is. */
	if ((action == ACTION_ASSIGN &&
		(e = target_allow(j, action, from, v, why)) != ERR_OK) ||
	    (e = target_allow(j, action, to, v, why)) != ERR_OK ||
	    j->caller->root)
		return e;
	e = policy_may_change(&j->policy, &j->subject, action, from, to, why);
	/* Who keeps the name makes no instance more. */
	if (e != ERR_OK ||
	    (action == ACTION_ASSIGN && strcmp(from->name, to->name) == 0))
		return e;
	return policy_limits(&j->policy, &j->subject, action, to, count_prefix,
	    &l, why);
}

enum err
target_ready(struct judge *j, struct why *why)
{
	if (j->site.wrapper[0] == '\0')
		return why_set(why, ERR_STATE,
		    "multi_instance_wrapper is empty, run 'postmulti -e init' "
		    "first.");
	if (!j->site.primary.enabled)
		return why_set(why, ERR_STATE,
		    "multi_instance_enable!=yes, run 'postmulti -e init' "
		    "first.");
	return ERR_OK;
}

/* --- new instances ------------------------------------------------------- */

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
target_derive(struct judge *j, struct record *r, struct why *why)
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
target_unique(struct judge *j, const char *self, const char *name,
    const struct record *r, struct why *why)
{
	struct unique u = {j, self, name, r, why, ERR_OK};
	struct seen primary = {.in = j->site.primary};

	if (collide(&u, &primary) == 0)
		(void)target_each(j, collide, &u);
	return u.err;
}
