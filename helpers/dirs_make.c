#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "dirs.h"

#define DEPTH_MAX 12 /* hash_queue_depth is at most 10 */

/* --- create and import --------------------------------------------------- */

static bool
is_right(const struct actor *a, const struct stat *st, const struct entry *en)
{
	return st->st_uid == (en->mail_owned ? a->mail_uid : 0) &&
	    (!en->setgid_group || st->st_gid == a->setgid_gid) &&
	    (st->st_mode & 07777) == en->mode;
}

/* Owner and mode through the descriptor.  The mode is set while the file is
 * root's: uid 0 without CAP_FOWNER can't do it later. */
static enum err
set_right(const struct actor *a, int fd, const struct entry *en,
    const char *label, struct why *why)
{
	uid_t uid = en->mail_owned ? a->mail_uid : 0;
	gid_t gid = en->setgid_group ? a->setgid_gid : (gid_t)-1;

	if (fchown(fd, 0, (gid_t)-1) == -1 || fchmod(fd, en->mode) == -1 ||
	    (uid != 0 && fchown(fd, uid, gid) == -1) || fsync(fd) == -1)
		return why_errno(why, "%s: set owner and mode", label);
	return ERR_OK;
}

/* A directory below dirfd that exists afterwards and is right. */
static enum err
ensure_dir(struct actor *a, int dirfd, const char *name, const struct entry *en,
    const char *label, struct why *why)
{
	bool made;
	struct stat st;
	enum err e;
	int fd;

	/* What is root's is right at once: a directory on the way to one of the
	 * three is taken as it is by who comes after a crash. */
	made =
	    mkdirat(dirfd, name, en->mail_owned ? 0700 : en->mode & 0755) == 0;
	a->touched |= made;
	if (!made && errno != EEXIST)
		return why_errno(why, "mkdir %s", label);
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return why_errno(why, "stat %s", label);
	if (!S_ISDIR(st.st_mode))
		return why_set(why, ERR_UNTRUSTED,
		    "%s: exists and is not a directory", label);
	if (is_right(a, &st, en))
		return ERR_OK;
	/* A delegate's step mends only what it made itself, now or before a
	 * crash: root's still, and private or with its mode already. */
	if (!made && !a->caller->root &&
	    (st.st_uid != 0 ||
		((st.st_mode & 07777) != 0700 &&
		    (st.st_mode & 07777) != en->mode)))
		return why_set(why, ERR_UNTRUSTED,
		    "%s: exists with owner uid %lu and mode %04o, which only "
		    "root may mend: \"postfix set-permissions\"",
		    label, (unsigned long)st.st_uid,
		    (unsigned)st.st_mode & 07777);
	fd = path_open_at(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return why_errno(why, "open %s", label);
	e = set_right(a, fd, en, label, why);
	(void)close(fd);
	return e;
}

static const struct entry *
base_entry(const struct verdict *v, size_t base)
{
	uint32_t i;

	for (i = 0; i < v->nentries; i++)
		if (v->entries[i].base == base && v->entries[i].name[0] == '\0')
			return &v->entries[i];
	return NULL;
}

static enum err
identify(int parent, const char *name, struct where *w, struct why *why)
{
	struct stat st;

	if (fstatat(parent, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return why_errno(why, "stat %s", w->path);
	if (w->ino != 0 && (st.st_dev != w->dev || st.st_ino != w->ino))
		return why_set(why, ERR_BUSY,
		    "%s: was replaced meanwhile, run the command again",
		    w->path);
	w->dev = st.st_dev;
	w->ino = st.st_ino;
	return ERR_OK;
}

/* Makes one of the three, ancestors (root's create only) included, and leaves
 * its parent open. */
static enum err
make_base(struct actor *a, struct spot *p, const struct entry *en, int *parent,
    const char **name, struct why *why)
{
	static const struct entry ancestor = {.is_dir = 1, .mode = 0755};
	char *rest = p->rest;
	int dir = path_open_at(p->anchor, ".", O_RDONLY | O_DIRECTORY, 0);
	enum err e;

	while ((*parent = dir) != -1) {
		*name = strsep(&rest, "/");
		e = ensure_dir(a, dir, *name, rest != NULL ? &ancestor : en,
		    p->w->path, why);
		if (e != ERR_OK)
			return e;
		if (fsync(dir) == -1)
			return why_errno(why, "fsync above %s", p->w->path);
		if (rest == NULL)
			return identify(dir, *name, p->w, why);
		dir = path_open_at(*parent, *name, O_RDONLY | O_DIRECTORY, 0);
		(void)close(*parent);
	}
	return why_errno(why, "open above %s", p->w->path);
}

/* chown -R and chmod of directories, as post-install does, by descriptor. */
struct fix {
	const struct actor *a;
	const struct entry *en;
	const char *label; /* of the directory */
	int depth;
	struct why *why;
};

static enum err
fix_entry(void *ctx, int dirfd, const char *name)
{
	const struct fix *f = ctx;
	struct fix below = *f;
	struct entry file = *f->en;
	struct stat st;
	enum err e = ERR_OK;
	int fd = path_open_at(dirfd, name, O_RDONLY, 0);

	below.depth++;
	if (fd == -1 || fstat(fd, &st) == -1)
		e = why_errno(f->why, "open %s/%s", f->label, name);
	else if (S_ISDIR(st.st_mode)) {
		if (below.depth > DEPTH_MAX)
			e = why_set(f->why, ERR_LIMIT, "%s: too deep",
			    f->label);
		else
			e = path_each(fd, f->label, fix_entry, &below, f->why);
		if (e == ERR_OK && !is_right(f->a, &st, f->en))
			e = set_right(f->a, fd, f->en, f->label, f->why);
	} else if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
		e = why_set(f->why, ERR_UNTRUSTED,
		    "%s/%s: not a regular file with one name", f->label, name);
	else {
		file.mode = (uint16_t)(st.st_mode & 0777);
		if (!is_right(f->a, &st, &file))
			e = set_right(f->a, fd, &file, f->label, f->why);
	}
	if (fd != -1)
		(void)close(fd);
	return e;
}

/* An entry of postfix-files below one of the three. */
static enum err
apply_entry(struct actor *a, int base, const struct spot *p,
    const struct entry *en, bool repair, struct why *why)
{
	char label[PATH_SIZE * 2];
	struct fix fix = {a, en, label, 0, why};
	enum err e = ERR_OK;
	int fd;

	(void)snprintf(label, sizeof(label), "%s/%s", p->w->path, en->name);
	if (en->is_dir) {
		struct stat st;

		/* Only what exists is mended unless it is to be created. */
		if (!en->create &&
		    fstatat(base, en->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			return ERR_OK;
		e = ensure_dir(a, base, en->name, en, label, why);
	}
	if (e != ERR_OK || !repair || (en->is_dir && !en->recursive))
		return e;
	fd = path_open_at(base, en->name, O_RDONLY, 0);
	if (fd == -1)
		return errno == ENOENT ? ERR_OK :
					 why_errno(why, "open %s", label);
	if (en->is_dir)
		e = path_each(fd, label, fix_entry, &fix, why);
	else
		e = set_right(a, fd, en, label, why);
	(void)close(fd);
	return e;
}

static enum err
apply_entries(struct actor *a, size_t base, int parent, const char *name,
    bool repair, struct why *why)
{
	enum err e = ERR_OK;
	uint32_t i;
	int fd;

	if (base == BASE_DATA)
		return ERR_OK; /* nothing is listed below it */
	fd = path_open_at(parent, name, O_RDONLY | O_DIRECTORY, 0);
	if (fd == -1)
		return why_errno(why, "open %s", dirs.spots[base].w->path);
	for (i = 0; i < a->v.nentries && e == ERR_OK; i++)
		if (a->v.entries[i].base == base &&
		    a->v.entries[i].name[0] != '\0')
			e = apply_entry(a, fd, &dirs.spots[base],
			    &a->v.entries[i], repair, why);
	if (e == ERR_OK && fsync(fd) == -1)
		e = why_errno(why, "fsync %s", dirs.spots[base].w->path);
	(void)close(fd);
	return e;
}

bool
dirs_repairs(const struct actor *a)
{
	return a->caller->root && (a->v.op == OP_REPAIR || a->v.op == OP_MEND);
}

/* What is mended where it stands needs no record. */
static enum err
write_record(const struct actor *a, struct why *why)
{
	return a->v.op == OP_MEND ? ERR_OK :
				    record_write(a->records, &a->v.record, why);
}

enum err
dirs_make(struct actor *a, struct why *why)
{
	struct record *r = &a->v.record;
	struct where *const recorded[] = {&r->config, &r->queue, &r->data};
	const char *name[BASE_COUNT] = {NULL};
	int parent[BASE_COUNT] = {-1, -1, -1};
	const struct entry *en;
	enum err e;
	size_t i;

	for (i = 0; i < BASE_COUNT; i++) {
		if ((en = base_entry(&a->v, i)) == NULL)
			return why_set(why, ERR_STATE,
			    "postfix-files has no entry for an instance's "
			    "directories");
		e = make_base(a, &dirs.spots[i], en, &parent[i], &name[i], why);
		if (e != ERR_OK)
			return e;
		*recorded[i] = *dirs.spots[i].w;
	}
	/* From here a resumed create knows which directories are its own. */
	if ((e = write_record(a, why)) != ERR_OK)
		return e;
	for (i = 0; i < BASE_COUNT && e == ERR_OK; i++)
		e = apply_entries(a, i, parent[i], name[i], dirs_repairs(a),
		    why);
	if (e != ERR_OK)
		return e;
	r->done = true;
	return write_record(a, why);
}
