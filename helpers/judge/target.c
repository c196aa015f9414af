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

enum err
target_maincf(struct judge *j, const char *dir, const char *name,
    struct where *w, char *text, struct maincf *cf, struct why *why)
{
	char label[PATH_SIZE + 16];
	bool trusted = !j->caller->root;
	struct stat st;
	enum err e;
	size_t len;
	int dirfd, fd;

	(void)snprintf(label, sizeof(label), "%s/%s", dir, name);
	if ((e = path_open_dir(dir, trusted, &dirfd, why)) != ERR_OK)
		return e;
	if (fstat(dirfd, &st) == 0) {
		w->dev = st.st_dev;
		w->ino = st.st_ino;
	}
	e = path_open_file(dirfd, name, label, trusted, &fd, why);
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
	const char *dir;
	enum err e;

	if ((e = defaults_load(&j->defaults, why)) == ERR_SYSTEM)
		return e;
	if (e != ERR_OK)
		return why_set(why, e == ERR_NOTFOUND ? ERR_STATE : e,
		    "Postfix's defaults are not known: run \"postmulti -l\" as "
		    "root once");
	dir = defaults_get(&j->defaults, "config_directory",
	    strlen("config_directory"));
	if (dir == NULL || !path_is_clean(dir))
		return why_set(why, ERR_STATE, "no usable config_directory");
	(void)strlcpy(j->primary.path, dir, sizeof(j->primary.path));
	(void)strlcpy(j->site.primary.dir, dir, sizeof(j->site.primary.dir));
	e = target_maincf(j, dir, "main.cf", &j->primary, j->primary_text,
	    &j->primary_cf, why);
	if (e != ERR_OK)
		return e;
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
	/* The front-end calls it damaged: so is it for who goes without. */
	if (!path_is_clean(dir)) {
		s->err = why_set(&s->why, ERR_SYNTAX,
		    "%.200s: not a usable absolute path", dir);
		return;
	}
	s->err = target_maincf(j, dir, "main.cf", &s->config, j->text, &j->cf,
	    &s->why);
	if (s->err == ERR_OK)
		s->err = site_instance(&j->cf, &j->defaults, &s->in, &s->why);
	if (s->err != ERR_OK) {
		/* What was found before the damage is worth nothing. */
		memset(&s->in, 0, sizeof(s->in));
		(void)strlcpy(s->in.dir, dir, sizeof(s->in.dir));
	}
}

/* Whether the one that is selected by its directory can stand there. */
static bool
may_be(const struct selector *sel, const char *dir)
{
	struct stat st;

	if (sel == NULL || sel->name[0] != '\0')
		return true;
	if (sel->dir[0] != '\0')
		return strcmp(sel->dir, dir) == 0;
	return stat(dir, &st) == -1 ||
	    (st.st_ino == sel->ino && st.st_dev == sel->dev);
}

int
target_each(struct judge *j, const struct selector *sel,
    int (*fn)(void *, const struct seen *), void *ctx)
{
	const char *pos = j->list;
	struct seen s;
	char dir[PATH_SIZE];
	int stop = 0;

	while (stop == 0 && site_next_dir(&pos, dir)) {
		if (strcmp(dir, j->primary.path) == 0 || !may_be(sel, dir))
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
	bool root;
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

struct object
target_object(const struct instance *in)
{
	return (struct object){in->name, in->group, in->primary};
}

struct object
target_promised(const struct record *r)
{
	return (struct object){r->name, r->group, false};
}

const char *
target_label(const struct selector *sel)
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
		(void)strlcpy(q->unread.text,
		    q->root || s->err == ERR_SYSTEM ? s->why.text : s->in.dir,
		    sizeof(q->unread.text));
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
	struct search q = {.sel = sel, .found = s, .root = j->caller->root};

	if (means_primary(j, sel)) {
		memset(s, 0, sizeof(*s));
		s->in = j->site.primary;
		s->config = j->primary;
		describe(j, s, v);
		return ERR_OK;
	}
	if (target_each(j, sel, match, &q) != 0) {
		describe(j, s, v);
		return ERR_OK;
	}
	if (q.unread.text[0] != '\0')
		return why_set(why, ERR_NOTFOUND,
		    "No instance named %s among those that can be read and "
		    "trusted; not: %s",
		    target_label(sel), q.unread.text);
	return why_set(why, ERR_NOTFOUND, "No instance named %s",
	    target_label(sel));
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
	if (found == -1)
		e = why_errno(why, "list %s", RECORD_DIR);
	else if (found == 0)
		e = why_set(why, ERR_NOTFOUND,
		    "nothing was begun on that instance");
	(void)close(dir);
	return e;
}

bool
target_renamed(struct judge *j, const struct record *r, struct seen *s,
    struct verdict *v)
{
	struct selector at = {0};

	(void)strlcpy(at.dir, r->config.path, sizeof(at.dir));
	return target_find(j, &at, s, v, NULL) == ERR_OK;
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

/* Editors open it for writing, and unlink what isn't theirs. */
enum err
target_editable(const char *dir, struct why *why)
{
	char path[PATH_SIZE + 16];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/main.cf.tmp", dir);
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ?
	    why_set(why, ERR_STATE,
		"%s: a directory, so nobody can change main.cf: remove it",
		path) :
	    ERR_OK;
}

static bool
list_usable(const char *list)
{
	const char *entry;
	char dir[PATH_SIZE];
	size_t n;

	while ((n = site_next(&list, &entry)) > 0) {
		if (n >= sizeof(dir))
			return false;
		(void)strlcpy(dir, entry, n + 1);
		if (!path_is_clean(dir))
			return false;
	}
	return true;
}

/* What the actor doesn't write again keeps an action's first step, too. */
enum err
target_lists(struct judge *j, struct why *why)
{
	return list_usable(j->list) && list_usable(j->alt) ?
	    ERR_OK :
	    why_set(why, ERR_STATE,
		"multi_instance_directories or alternate_config_directories "
		"holds what is no usable path, repair main.cf first: "
		"\"postmulti doctor\" says how");
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
	return target_editable(j->primary.path, why);
}

enum err
target_idle(const char *config, struct why *why)
{
	struct record open;
	enum err e = target_record(config, &open, why);

	if (e == ERR_OK)
		return why_set(why, ERR_STATE,
		    "%s: a %s of it is not finished, run that again first",
		    config, action_name(open.action));
	return e == ERR_NOTFOUND ? ERR_OK : e;
}

enum err
target_busy(const struct record *r, struct why *why)
{
	return why_set(why, ERR_CONFLICT,
	    "%s: a %s was begun by uid %lu: the same command by the same user "
	    "goes on with it",
	    r->config.path, action_name(r->action), (unsigned long)r->uid);
}
