#include <sys/stat.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "courtesy.h"
#include "doctor.h"
#include "locks.h"
#include "select.h"
#include "tell.h"

/* The instances that are on the list, the primary included. */

struct checked {
	struct doctor *d;
	const struct entry *e;
	unsigned wrong; /* directories that dirs.mend would mend */
	bool no_queue;  /* there is none at all */
	bool others;    /* something else is in the place of one */
};

static void
frame_for(const struct entry *e, enum op op, struct frame *f)
{
	memset(f, 0, sizeof(*f));
	f->version = PROTO_VERSION;
	f->op = op;
	if (e->i.primary)
		(void)strlcpy(f->sel.name, "-", sizeof(f->sel.name));
	else
		(void)strlcpy(f->sel.dir, e->i.dir, sizeof(f->sel.dir));
}

/* With --fix, by root: others have no step that mends. */
static void
mend(struct doctor *d, const struct entry *e, enum op op, unsigned n)
{
	struct frame f;

	if (getuid() != 0 || !d->o->fix)
		return;
	frame_for(e, op, &f);
	if (!doctor_mend(d, &f))
		return;
	d->mended += n;
	(void)printf("    mended\n");
}

/* --- what editors left --------------------------------------------------- */

/* An editor holds a file of its own.  One that died in the moment before its
 * file became main.cf leaves one that anybody can open, and hold. */
static bool
held_by_another(const char *path, const struct stat *st, int holder)
{
	char proc[32];
	struct stat process;

	if (!S_ISREG(st->st_mode) || (st->st_mode & 0044) == 0)
		return false;
	(void)snprintf(proc, sizeof(proc), "/proc/%d", holder);
	/* Who locked it may be gone, and the lock a child's. */
	return (stat(proc, &process) == -1 || process.st_uid != st->st_uid) &&
	    locks_holder(path) == holder;
}

static void
check_edited(struct doctor *d, const struct entry *e, const char *file)
{
	char path[PATH_SIZE + 32], repair[PATH_SIZE + 64], word[DOCTOR_WORD];
	struct stat st;
	int holder;

	(void)snprintf(path, sizeof(path), "%s/%s.tmp", e->i.dir, file);
	if (lstat(path, &st) == -1)
		return;
	(void)snprintf(repair, sizeof(repair), "%s %s",
	    S_ISDIR(st.st_mode) ? "rm -r" : "rm", doctor_word(path, word));
	if (S_ISDIR(st.st_mode)) {
		doctor_found(d, "temporary", repair,
		    "%s: a directory: nobody can change %s", path, file);
		return;
	}
	holder = locks_holder(path);
	if (holder == 0) {
		doctor_found(d, "temporary", repair,
		    "%s: left by an editor of %s that died", path, file);
		/* Who edits master.cf is postconf(1), not a helper. */
		if (strcmp(file, "main.cf") == 0)
			mend(d, e, OP_TIDY, 1);
	} else if (held_by_another(path, &st, holder))
		doctor_found(d, "temporary", repair,
		    "%s: left by an editor of %s that died, and locked by pid "
		    "%d, which is none: nobody can change %s",
		    path, file, holder, file);
}

static void
check_temporary(struct doctor *d, const struct entry *e)
{
	char path[PATH_SIZE + 32], repair[PATH_SIZE + 64], word[DOCTOR_WORD];
	struct stat st;

	check_edited(d, e, "main.cf");
	check_edited(d, e, "master.cf");
	(void)snprintf(path, sizeof(path), "%s/.tmp", e->i.dir);
	(void)snprintf(repair, sizeof(repair), "rm -r %s",
	    doctor_word(path, word));
	if (lstat(path, &st) == 0)
		doctor_found(d, "temporary", repair,
		    "%s: left by an interrupted create of Postfix's own "
		    "postmulti",
		    path);
}

/* --- damaged, listed twice ----------------------------------------------- */

static bool
is_same(const struct entry *a, const struct entry *b)
{
	struct stat x, y;

	return strcmp(a->i.dir, b->i.dir) == 0 ||
	    (stat(a->i.dir, &x) == 0 && stat(b->i.dir, &y) == 0 &&
		x.st_dev == y.st_dev && x.st_ino == y.st_ino);
}

/* The entry before this one that is the same directory, by a usable path. */
static const struct entry *
same_as(const struct instances *list, const struct entry *e)
{
	const struct entry *o;

	for (o = list->v; o < e; o++)
		if (path_is_clean(o->i.dir) && is_same(o, e))
			return o;
	return NULL;
}

static bool
has_twin(const struct doctor *d, const struct entry *e)
{
	const struct entry *o;

	for (o = d->list->v; o < d->list->v + d->list->n; o++)
		if (o != e && is_same(o, e))
			return true;
	return false;
}

/* No step takes away what is no path: it is for an editor, or for the list
 * without all of those. */
static void
tell_unusable(struct doctor *d, const struct entry *e)
{
	char *repair = doctor_list(d, NULL, NULL);

	doctor_found(d, "damaged", repair,
	    "%s: %s; mend it in %s/main.cf, or take it off the list:", e->i.dir,
	    e->why, d->list->v[0].i.dir);
	free(repair);
}

/* Returns whether it is worth looking at further. */
static bool
check_listed(struct doctor *d, const struct entry *e)
{
	const struct entry *twin = same_as(d->list, e);
	char repair[PATH_SIZE * 2 + 128], word[DOCTOR_WORD], *list;

	if (!path_is_clean(e->i.dir)) {
		tell_unusable(d, e);
		return false;
	}
	if (twin != NULL && strcmp(twin->i.dir, e->i.dir) == 0) {
		doctor_found(d, "listed twice", "postmulti doctor --fix",
		    "%s: %s in multi_instance_directories of %s/main.cf",
		    e->i.dir,
		    twin->i.primary ? "the primary itself stands" :
				      "stands more than once",
		    d->list->v[0].i.dir);
		mend(d, &d->list->v[0], OP_TIDY, 1);
		return false;
	}
	check_temporary(d, e);
	(void)snprintf(repair, sizeof(repair), "postmulti -i %s -e deport",
	    doctor_word(e->i.dir, word));
	if (twin != NULL) {
		list = doctor_list(d, e, "");
		doctor_found(d, "listed twice", list,
		    "%s: is the same directory as %s", e->i.dir, twin->i.dir);
		free(list);
		return false;
	}
	/* The reader may have needed a helper. */
	if (e->state == ENTRY_GOOD || d->unserved)
		return e->state == ENTRY_GOOD;
	doctor_found(d, "damaged", e->i.primary ? "repair that file" : repair,
	    "%s: %s%s", e->i.dir, e->why,
	    e->i.primary ? "" :
			   "; repair it, or take it off the list, or, as root, "
			   "destroy it:");
	return false;
}

/* Without it the instance is listed, but can't be started. */
static void
check_master_cf(struct doctor *d, const struct entry *e)
{
	char path[PATH_SIZE + 16], repair[PATH_SIZE * 3], word[DOCTOR_WORD];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/master.cf", e->i.dir);
	if (lstat(path, &st) != -1 || errno != ENOENT)
		return;
	(void)snprintf(repair, sizeof(repair), "cp %s/master.cf.proto %s",
	    d->list->host.site.meta_directory, doctor_word(path, word));
	doctor_found(d, "missing", repair,
	    "%s: not there: the instance can't be started", path);
}

/* --- owners and modes ---------------------------------------------------- */

static void
check_data(struct checked *c, const char *mail_owner)
{
	const struct passwd *pw = getpwnam(mail_owner);
	const char *dir = c->e->i.data;
	struct stat st;

	if (pw == NULL || lstat(dir, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    (st.st_uid == pw->pw_uid &&
		(st.st_mode & (S_IWGRP | S_IWOTH)) == 0))
		return;
	c->wrong++;
	doctor_found(c->d, "owner", NULL,
	    "%s: owner uid %lu, mode %04o, should be %s, mode 0700", dir,
	    (unsigned long)st.st_uid, (unsigned)st.st_mode & 07777, mail_owner);
}

/* The words of a line "dir ...". */
enum { D_KIND, D_UID, D_GID, D_MODE, D_OWNER, D_GROUP, D_SHOULD, D_PATH };

/* Debian's package gives the primary's maildrop and public bits beyond what
 * postfix-files says, and they let nobody in. */
static bool
is_mode(const char *word, const char *should)
{
	return ((strtoul(word, NULL, 8) ^ strtoul(should, NULL, 8)) & 0777) ==
	    0;
}

static bool
is_id(const char *word, bool known, unsigned long id)
{
	return known && strtoul(word, NULL, 10) == id;
}

/* Postfix's set-permissions would follow a link, so that goes first. */
static void
tell_other(struct checked *c, const char *path)
{
	char repair[PATH_SIZE * 4], word[DOCTOR_WORD], dir[DOCTOR_WORD];

	c->others = true;
	(void)doctor_word(path, word);
	(void)snprintf(repair, sizeof(repair),
	    "mv %s %s.old && postfix -c %s set-permissions", word, word,
	    doctor_word(c->e->i.dir, dir));
	doctor_found(c->d, "untrusted", repair,
	    "%s: not of the kind that Postfix makes there", path);
}

static void
take(void *ctx, char *const w[TELL_WORDS], size_t n)
{
	struct checked *c = ctx;
	const struct passwd *pw;
	const struct group *gr;

	/* The primary's every start makes. */
	if (strcmp(w[0], "missing") == 0 && !c->e->i.primary) {
		c->wrong++;
		c->no_queue |= strcmp(w[n - 1], c->e->i.queue) == 0;
		doctor_found(c->d, "missing", NULL, "%s: not there", w[n - 1]);
	}
	if (strcmp(w[0], "other") == 0)
		tell_other(c, w[n - 1]);
	if (strcmp(w[0], "dir") != 0)
		return;
	pw = getpwnam(w[D_OWNER]);
	gr = strcmp(w[D_GROUP], "-") != 0 ? getgrnam(w[D_GROUP]) : NULL;
	if (is_id(w[D_UID], pw != NULL, pw != NULL ? pw->pw_uid : 0) &&
	    (strcmp(w[D_GROUP], "-") == 0 ||
		is_id(w[D_GID], gr != NULL, gr != NULL ? gr->gr_gid : 0)) &&
	    is_mode(w[D_MODE], w[D_SHOULD]))
		return;
	c->wrong++;
	doctor_found(c->d, "owner", NULL,
	    "%s: owner %s:%s, mode %s, should be %s%s%s, mode %s", w[D_PATH],
	    w[D_UID], w[D_GID], w[D_MODE], w[D_OWNER],
	    strcmp(w[D_GROUP], "-") != 0 ? ":" : "",
	    strcmp(w[D_GROUP], "-") != 0 ? w[D_GROUP] : "", w[D_SHOULD]);
}

/* Those below the queue only a helper can look at. */
static void
check_owners(struct doctor *d, const struct entry *e, unsigned before)
{
	struct checked c = {d, e, 0, false, false};
	struct selector sel = {0};
	char word[DOCTOR_WORD];
	struct stat st;
	struct why why;
	enum err err;

	if (d->unserved || d->broken)
		return;
	check_data(&c, d->list->host.site.mail_owner);
	/* Not by name: that has to be looked for in all of them. */
	if (!e->i.primary && stat(e->i.dir, &st) == 0) {
		sel.dev = st.st_dev;
		sel.ino = st.st_ino;
	} else
		select_frame(e, &sel);
	/* Who isn't permitted to know needn't be refused, and that logged. */
	err = courtesy_check(ACTION_DESTROY, &e->i, &why);
	if (err == ERR_OK)
		err = tell_each(OP_INSPECT, &sel, take, &c, &why);
	if (err == ERR_NOTFOUND)
		return; /* gone since, perhaps by --fix */
	if (err != ERR_OK && getuid() != 0)
		d->unseen++;
	else if (err != ERR_OK)
		tell_more(take, &c);
	/* Of what was told already that is no news. */
	if (err != ERR_OK && getuid() == 0 && d->found == before &&
	    !has_twin(d, e))
		doctor_found(d, "instance", NULL, "%s: %s",
		    instances_label(&e->i), why.text);
	if (c.wrong == 0 || c.others)
		return;
	/* postfix(1) goes there first. */
	if (c.no_queue)
		(void)printf("    mkdir -p %s\n",
		    doctor_word(e->i.queue, word));
	/* The primary's touches postconf(1), of which the cache was made. */
	(void)printf("    postfix -c %s set-permissions%s # or as root: "
		     "postmulti doctor --fix\n",
	    doctor_word(e->i.dir, word),
	    e->i.primary ? " && postmulti -l" : "");
	mend(d, e, OP_MEND, c.wrong);
}

/* What is half removed was told already. */
static bool
is_unfinished(const struct doctor *d, const struct entry *e)
{
	size_t i;

	for (i = 0; i < d->nknown; i++)
		if (strcmp(d->known[i].dir, e->i.dir) == 0)
			return true;
	return false;
}

void
doctor_instances(struct doctor *d)
{
	const struct entry *e;
	unsigned before;

	for (e = d->list->v; e < d->list->v + d->list->n; e++) {
		if (!check_listed(d, e))
			continue;
		before = d->found;
		if (!is_unfinished(d, e))
			check_master_cf(d, e);
		doctor_trust(d, e);
		/* No policy lets others look into the primary's. */
		if (!e->i.primary ? !is_unfinished(d, e) : getuid() == 0)
			check_owners(d, e, before);
	}
}
