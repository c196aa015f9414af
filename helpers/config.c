/*
 * postmulti-config: edits main.cf and master.cf of the primary and of one
 * instance, and tells what is in them.
 * Privilege: uid 0 with CAP_CHOWN alone (to keep a main.cf's group), writing
 * below the primary's, one instance's and the records' directories only.
 * Refuses: parameters other than those named here, values it can't check.
 */

#include <sys/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "edit.h"
#include "helper.h"
#include "lock.h"

static const cap_value_t caps[] = {CAP_CHOWN};

/* A .cf file under edit: its directory, and the lock that is also the new
 * file until it is renamed. */
struct target {
	const struct where *where;
	int dir, lock;
	struct stat st; /* main.cf before, for owner and mode */
	char label[PATH_SIZE + 16];
};

static struct target primary = {.dir = -1, .lock = -1};
static struct target instance = {.dir = -1, .lock = -1};
static int meta = -1;
static char old[MAINCF_MAX], new[MAINCF_MAX + 65536];

/* --- before the locks ---------------------------------------------------- */

static enum err
open_target(struct actor *a, struct target *t, const struct where *w,
    struct why *why)
{
	enum err e;

	t->where = w;
	(void)snprintf(t->label, sizeof(t->label), "%s/main.cf", w->path);
	if ((e = helper_open(a, w, &t->dir, why)) != ERR_OK)
		return e;
	if (fstatat(t->dir, "main.cf", &t->st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno != ENOENT)
			return why_errno(why, "stat %s", t->label);
		t->st = (struct stat){.st_mode = S_IFREG | 0644};
	}
	return ERR_OK;
}

static bool
same_place(const struct where *x, const struct where *y)
{
	return x->dev == y->dev && x->ino == y->ino;
}

static enum err
load_filter(struct why *why)
{
	/* Besides root:root only the owner and group the file has now. */
#define OWNER(t)                                                               \
	{                                                                      \
		.nr = SYS_fchown,                                              \
		.when = {SANDBOX_ARG(1, (t).st.st_uid),                        \
		    SANDBOX_ARG(2, (t).st.st_gid)},                            \
		.reason = "main.cf keeps owner and group"                      \
	}
	const struct sandbox_call calls[] = {
	    {.nr = SYS_read, .reason = "main.cf, prototypes, verdict"},
	    {.nr = SYS_write, .reason = "main.cf.tmp, records, judge, reply"},
	    {.nr = SYS_openat2, .reason = "files, by directory and name"},
	    {.nr = SYS_close, .reason = "files"},
	    {.nr = SYS_newfstatat, .reason = "identity"},
	    {.nr = SYS_fstat, .reason = "identity"},
	    {.nr = SYS_lseek, .reason = "start over in a locked file"},
	    {.nr = SYS_flock, .reason = "postconf's locking protocol"},
	    {.nr = SYS_fsync, .reason = "durability"},
	    {.nr = SYS_ftruncate, .reason = "a left-over main.cf.tmp"},
	    OWNER(primary),
	    OWNER(instance),
	    {.nr = SYS_fchmod,
		.when = {SANDBOX_BITS(1, ~0777u)},
		.reason = "main.cf keeps its mode, never set-id"},
	    {.nr = SYS_renameat, .reason = "the new file lands whole"},
	    {.nr = SYS_unlinkat,
		.when = {SANDBOX_ARG(2, 0)},
		.reason = "main.cf.tmp, a destroyed instance's files"},
	    {.nr = SYS_fgetxattr, .reason = "ACL and label are kept"},
	    {.nr = SYS_fsetxattr, .reason = "ACL and label are kept"},
	    {.nr = SYS_poll, .reason = "bounded waits"},
	    {.nr = SYS_clock_gettime, .reason = "where the vDSO has none"},
	    {.nr = SYS_sendto, .reason = "audit"},
	    {.nr = SYS_getpid, .reason = "audit"},
	    {.nr = SYS_restart_syscall, .reason = "poll after a stop"},
	    {.nr = SYS_exit_group, .reason = "the end"},
	};
#undef OWNER
	return sandbox_calls(calls, sizeof(calls) / sizeof(calls[0]), why);
}

static enum err
confine(struct actor *a, struct why *why)
{
	struct sandbox_dir dirs[5];
	enum err e;
	size_t n = 0;
	int state;

	e = path_open_dir(PATH_STATE, true, &state, why);
	if (e != ERR_OK || (e = privs_keep(caps, 1, true, why)) != ERR_OK)
		return e;
	dirs[n++] = (struct sandbox_dir){state, SANDBOX_READ | SANDBOX_WRITE};
	if (primary.dir != -1)
		dirs[n++] = (struct sandbox_dir){
		    primary.dir, SANDBOX_READ | SANDBOX_WRITE};
	if (instance.dir != -1)
		dirs[n++] = (struct sandbox_dir){
		    instance.dir, SANDBOX_READ | SANDBOX_WRITE};
	if (meta != -1)
		dirs[n++] = (struct sandbox_dir){meta, SANDBOX_READ};
	e = sandbox_dirs(dirs, n, why);
	(void)close(state);
	if (e != ERR_OK &&
	    !(e == ERR_STATE && (a->v.no_landlock || a->caller->root)))
		return e;
	return load_filter(why);
}

static enum err
prepare(struct actor *a, struct why *why)
{
	enum err e;

	if (a->v.op == OP_READ) /* all was said in the verdict */
		return confine(a, why);
	if ((e = open_target(a, &primary, &a->v.primary, why)) != ERR_OK)
		return e;
	/* An instance whose directory is gone can still be deregistered. */
	if (a->v.config.ino != 0 && !same_place(&a->v.config, &a->v.primary) &&
	    (e = open_target(a, &instance, &a->v.config, why)) != ERR_OK)
		return e;
	if (a->v.op == OP_INSTALL &&
	    (e = path_open_dir(a->v.meta, !a->caller->root, &meta, why)) !=
		ERR_OK)
		return e;
	return confine(a, why);
}

/* --- locks --------------------------------------------------------------- */

static enum err
lock_target(struct actor *a, struct target *t, struct why *why)
{
	char label[sizeof(t->label) + 8];

	if (t->dir == -1)
		return ERR_OK;
	(void)snprintf(label, sizeof(label), "%s.tmp", t->label);
	return lock_take(t->dir, "main.cf.tmp", label, &a->deadline, &t->lock,
	    why);
}

static enum err
lock(struct actor *a, struct why *why)
{
	enum err e = lock_target(a, &primary, why);

	return e != ERR_OK ? e : lock_target(a, &instance, why);
}

static void
unlock_target(struct target *t)
{
	/* Not renamed: nothing was to be changed, or it failed. */
	if (t->lock != -1) {
		(void)unlinkat(t->dir, "main.cf.tmp", 0);
		(void)close(t->lock);
	}
	t->lock = -1;
}

static enum err
release(struct actor *a, struct why *why)
{
	(void)a;
	(void)why;
	unlock_target(&instance);
	unlock_target(&primary);
	return ERR_OK;
}

/* --- editing ------------------------------------------------------------- */

static enum err
read_file(int dir, const char *name, const char *label, char *buf, size_t size,
    size_t *len, struct why *why)
{
	enum err e;
	int fd;

	if ((e = path_open_file(dir, name, label, false, &fd, why)) != ERR_OK)
		return e;
	e = path_slurp(fd, label, buf, size, len, why);
	(void)close(fd);
	return e;
}

static bool
write_all(int fd, const char *buf, size_t len)
{
	ssize_t n;

	for (; len > 0; buf += n, len -= (size_t)n) {
		n = write(fd, buf, len);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return false;
	}
	return true;
}

/* What postconf(1) loses and we keep: ACL and security label. */
static enum err
keep_attributes(const struct target *t, struct why *why)
{
	static const char *const names[] = {
	    "system.posix_acl_access", "security.selinux"};
	char value[4096];
	enum err e = ERR_OK;
	ssize_t n;
	size_t i;
	int fd = path_open_at(t->dir, "main.cf", O_RDONLY, 0);

	for (i = 0; fd != -1 && i < 2 && e == ERR_OK; i++) {
		n = fgetxattr(fd, names[i], value, sizeof(value));
		if (n > 0 &&
		    fsetxattr(t->lock, names[i], value, (size_t)n, 0) == -1)
			e = why_errno(why, "%s: keep %s", t->label, names[i]);
	}
	if (fd != -1)
		(void)close(fd);
	return e;
}

/* The locked main.cf.tmp becomes the file called name. */
static enum err
land(struct target *t, const char *name, const char *buf, size_t len,
    struct why *why)
{
	enum err e;

	if (ftruncate(t->lock, 0) == -1 || lseek(t->lock, 0, SEEK_SET) == -1 ||
	    !write_all(t->lock, buf, len))
		return why_errno(why, "write %s.tmp", t->label);
	if (fchown(t->lock, t->st.st_uid, t->st.st_gid) == -1 ||
	    fchmod(t->lock, t->st.st_mode & 0777) == -1)
		return why_errno(why, "%s: keep owner and mode", t->label);
	if ((e = keep_attributes(t, why)) != ERR_OK)
		return e;
	if (fsync(t->lock) == -1 ||
	    renameat(t->dir, "main.cf.tmp", t->dir, name) == -1 ||
	    fsync(t->dir) == -1)
		return why_errno(why, "%s: replace", t->label);
	(void)close(t->lock);
	t->lock = -1;
	return ERR_OK;
}

static enum err
edit_target(struct target *t, const struct edit *edits, size_t n,
    struct why *why)
{
	size_t len, newlen;
	enum err e;

	if (n == 0)
		return ERR_OK;
	e = read_file(t->dir, "main.cf", t->label, old, sizeof(old), &len, why);
	if (e == ERR_OK)
		e = edit_apply(old, len, edits, n, new, sizeof(new), &newlen,
		    why);
	return e != ERR_OK ? e : land(t, "main.cf", new, newlen, why);
}

/* --- steps --------------------------------------------------------------- */

static struct target *
the_instance(void)
{
	return instance.dir != -1 ? &instance : &primary;
}

static enum err
act_init(struct actor *a, struct why *why)
{
	const struct edit edits[] = {
	    {"multi_instance_wrapper", site_wrapper(a->v.command_directory)},
	    {"multi_instance_enable", "yes"},
	};

	return edit_target(&primary, edits, 2, why);
}

static enum err
act_read(struct actor *a, struct why *why)
{
	(void)why;
	a->reply.facts = a->v.facts;
	return ERR_OK;
}

static enum err
act_enable(struct actor *a, struct why *why)
{
	const struct edit edit = {
	    "multi_instance_enable", a->v.op == OP_ENABLE ? "yes" : "no"};

	return edit_target(the_instance(), &edit, 1, why);
}

/* New names, as far as the verdict has them and they may stand in main.cf. */
static enum err
name_edits(const struct verdict *v, struct edit *edits, size_t *n,
    struct why *why)
{
	const struct {
		const char *param, *value;
		bool (*ok)(const char *);
	} names[] = {
	    {"multi_instance_name", v->new_name, site_name_ok},
	    {"multi_instance_group", v->new_group, site_group_ok},
	};
	size_t i;

	for (i = 0; i < 2; i++) {
		if (names[i].value[0] == '\0')
			continue;
		if (strcmp(names[i].value, "-") != 0 &&
		    !names[i].ok(names[i].value))
			return why_set(why, ERR_BUG, "bad name in a verdict");
		edits[*n].name = names[i].param;
		edits[*n].value =
		    strcmp(names[i].value, "-") == 0 ? "" : names[i].value;
		++*n;
	}
	return ERR_OK;
}

static enum err
act_assign(struct actor *a, struct why *why)
{
	struct edit edits[2];
	size_t n = 0;
	enum err e;

	if ((e = name_edits(&a->v, edits, &n, why)) != ERR_OK)
		return e;
	return edit_target(the_instance(), edits, n, why);
}

static enum err
edit_lists(struct actor *a, struct why *why)
{
	struct edit edits[2];
	size_t n = 0;

	if (a->v.set_list)
		edits[n++] =
		    (struct edit){"multi_instance_directories", a->list};
	if (a->v.set_alt)
		edits[n++] =
		    (struct edit){"alternate_config_directories", a->alt};
	return edit_target(&primary, edits, n, why);
}

static enum err
act_register(struct actor *a, struct why *why)
{
	enum err e;

	if ((e = act_assign(a, why)) != ERR_OK ||
	    (e = edit_lists(a, why)) != ERR_OK)
		return e;
	return record_remove(a->records, a->v.config.path, why);
}

static enum err
act_remove(struct actor *a, struct why *why)
{
	static const char *const files[] = {"master.cf", "main.cf"};
	enum err e;
	size_t i;

	if ((e = edit_lists(a, why)) != ERR_OK || instance.dir == -1)
		return e;
	for (i = 0; i < 2; i++)
		if (unlinkat(instance.dir, files[i], 0) == -1 &&
		    errno != ENOENT)
			return why_errno(why, "unlink %s/%s", a->v.config.path,
			    files[i]);
	return fsync(instance.dir) == -1 ?
	    why_errno(why, "fsync %s", a->v.config.path) :
	    ERR_OK;
}

/* --- the .cf files of a new instance ------------------------------------- */

struct cloned {
	char values[SITE_CLONED][1024];
	struct edit edits[SITE_CLONED + 6];
	size_t n;
};

/* Shared parameters: the primary's where it sets them, else commented out.
 * They are taken from the primary's main.cf as text, here: a judge that was
 * taken over must not name a daemon_directory. */
static enum err
clone_shared(struct cloned *c, struct why *why)
{
	size_t i, len;
	enum err e;

	e = read_file(primary.dir, "main.cf", primary.label, old, sizeof(old),
	    &len, why);
	if (e != ERR_OK)
		return e;
	for (i = 0; i < SITE_CLONED; i++) {
		e = edit_value(old, len, site_shared[i], c->values[i],
		    sizeof(c->values[i]));
		if (e != ERR_OK && e != ERR_NOTFOUND)
			return why_set(why, e, "%s: %s is too long",
			    primary.label, site_shared[i]);
		c->edits[c->n].name = site_shared[i];
		c->edits[c->n++].value =
		    e == ERR_OK && c->values[i][0] != '\0' ? c->values[i] :
							     NULL;
	}
	return ERR_OK;
}

static enum err
act_install(struct actor *a, struct why *why)
{
	static struct cloned c;
	const struct verdict *v = &a->v;
	size_t len, newlen;
	enum err e;

	if (!path_is_clean(v->queue.path) || !path_is_clean(v->data.path))
		return why_set(why, ERR_BUG, "bad directory in a verdict");
	if ((e = clone_shared(&c, why)) != ERR_OK)
		return e;
	c.edits[c.n++] = (struct edit){"queue_directory", v->queue.path};
	c.edits[c.n++] = (struct edit){"data_directory", v->data.path};
	c.edits[c.n++] = (struct edit){"authorized_submit_users", ""};
	c.edits[c.n++] = (struct edit){"master_service_disable", "inet"};
	if ((v->name[0] != '\0' && !site_name_ok(v->name)) ||
	    (v->group[0] != '\0' && !site_group_ok(v->group)))
		return why_set(why, ERR_BUG, "bad name in a verdict");
	if (v->name[0] != '\0')
		c.edits[c.n++] = (struct edit){"multi_instance_name", v->name};
	if (v->group[0] != '\0')
		c.edits[c.n++] =
		    (struct edit){"multi_instance_group", v->group};
	instance.st = (struct stat){.st_mode = S_IFREG | 0644};
	if ((e = read_file(meta, "main.cf.proto", "main.cf.proto", old,
		 sizeof(old), &len, why)) != ERR_OK ||
	    (e = edit_apply(old, len, c.edits, c.n, new, sizeof(new), &newlen,
		 why)) != ERR_OK ||
	    (e = land(&instance, "main.cf", new, newlen, why)) != ERR_OK ||
	    (e = lock_target(a, &instance, why)) != ERR_OK ||
	    (e = read_file(meta, "master.cf.proto", "master.cf.proto", old,
		 sizeof(old), &len, why)) != ERR_OK)
		return e;
	/* Last: once it is there the instance is complete. */
	return land(&instance, "master.cf", old, len, why);
}

static actor_fn *const acts[OP_COUNT] = {
    [OP_INIT] = act_init,
    [OP_READ] = act_read,
    [OP_INSTALL] = act_install,
    [OP_REGISTER] = act_register,
    [OP_DEREGISTER] = edit_lists,
    [OP_ASSIGN] = act_assign,
    [OP_ENABLE] = act_enable,
    [OP_DISABLE] = act_enable,
    [OP_REMOVE] = act_remove,
};

static enum err
act(struct actor *a, struct why *why)
{
	return acts[a->v.op](a, why);
}

int
main(int argc, char **argv)
{
	static const struct service service = {
	    .which = HELPER_CONFIG,
	    .name = "postmulti-config",
	    .caps = caps,
	    .ncaps = sizeof(caps) / sizeof(caps[0]),
	    .prepare = prepare,
	    .lock = lock,
	    .act = act,
	    .release = release,
	};

	return helper_main(&service, argc, argv);
}
