/*
 * postmulti-config: edits main.cf and master.cf of the primary and of one
 * instance, and tells what is in them.
 * Privilege: uid 0 with CAP_CHOWN (to keep a main.cf's owner; for root's own
 * requests also CAP_DAC_READ_SEARCH), writing below the primary's, one
 * instance's and the records' directories only.
 * Refuses: parameters other than those named here, values it can't check.
 */

#include <sys/syscall.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "config.h"

/* The second for root's own requests only: it may manage files of others. */
static const cap_value_t caps[] = {CAP_CHOWN, CAP_DAC_READ_SEARCH};

struct cffile primary = {.dir = -1, .lock = -1};
struct cffile instance = {.dir = -1, .lock = -1};

/* --- before the locks ---------------------------------------------------- */

static bool
same_place(const struct where *x, const struct where *y)
{
	return x->dev == y->dev && x->ino == y->ino;
}

static enum err
confine(struct actor *a, struct why *why)
{
	const struct sandbox_dir reach[] = {
	    {a->state, SANDBOX_READ | SANDBOX_WRITE},
	    {primary.dir, SANDBOX_READ | SANDBOX_WRITE},
	    {instance.dir, SANDBOX_READ | SANDBOX_WRITE},
	};
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
	    {.nr = SYS_ftruncate, .reason = "main.cf.tmp, the lock"},
	    {.nr = SYS_fchown,
		.when = {SANDBOX_ARG(1, 0), SANDBOX_ARG(2, 0)},
		.reason = "a new instance's .cf files"},
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
	    {.nr = SYS_alarm, .reason = "a reply nobody reads"},
	    {.nr = SYS_clock_gettime, .reason = "where the vDSO has none"},
	    {.nr = SYS_sendto, .reason = "audit"},
	    {.nr = SYS_getpid, .reason = "audit"},
	    {.nr = SYS_restart_syscall, .reason = "poll after a stop"},
	    {.nr = SYS_exit_group, .reason = "the end"},
	};
#undef OWNER
	const struct confinement c = {caps, reach, calls,
	    a->caller->root ? 2 : 1, COUNT_OF(reach), COUNT_OF(calls)};

	return helper_confine(a, &c, why);
}

/* A list of directories as we write it: clean paths, single blanks. */
static bool
clean_list(const char *list, size_t len)
{
	char dir[PATH_SIZE];
	const char *p = list, *blank;
	size_t n;

	if (strlen(list) != len)
		return false;
	for (; *p != '\0'; p = *blank == ' ' ? blank + 1 : blank) {
		blank = strchrnul(p, ' ');
		if ((n = (size_t)(blank - p)) >= sizeof(dir))
			return false;
		memcpy(dir, p, n);
		dir[n] = '\0';
		if (!path_is_clean(dir) || (*blank == ' ' && blank[1] == '\0'))
			return false;
	}
	return true;
}

static enum err
check_lists(const struct actor *a, struct why *why)
{
	const struct verdict *v = &a->v;

	if ((!v->set_list || clean_list(a->list, v->listlen)) &&
	    (!v->set_alt || clean_list(a->alt, v->altlen)))
		return ERR_OK;
	return why_set(why, ERR_CONFLICT,
	    "multi_instance_directories or alternate_config_directories would "
	    "hold a path that cannot stand there, repair main.cf first");
}

static enum err
prepare(struct actor *a, struct why *why)
{
	enum err e;

	if (helper_reads(a)) /* all was said in the verdict */
		return confine(a, why);
	if ((e = check_lists(a, why)) != ERR_OK ||
	    (e = record_open(&a->state, &a->records, why)) != ERR_OK ||
	    (e = cffile_open(a, &primary, &a->v.primary, why)) != ERR_OK)
		return e;
	/* An instance whose directory is gone can still be deregistered. */
	if (a->v.config.ino != 0 && !same_place(&a->v.config, &a->v.primary) &&
	    (e = cffile_open(a, &instance, &a->v.config, why)) != ERR_OK)
		return e;
	if (a->v.op == OP_INSTALL && (e = config_open_protos(a, why)) != ERR_OK)
		return e;
	return confine(a, why);
}

/* --- locks --------------------------------------------------------------- */

static enum err
lock(struct actor *a, struct why *why)
{
	enum err e = cffile_lock(a, &primary, why);

	return e != ERR_OK ? e : cffile_lock(a, &instance, why);
}

static void
release(void)
{
	cffile_unlock(&instance);
	cffile_unlock(&primary);
}

/* --- steps --------------------------------------------------------------- */

static struct cffile *
the_instance(void)
{
	return instance.dir != -1 ? &instance : &primary;
}

/*
 * What is renamed last ends the step, and once it is done the same command
 * finds nothing to do: the other's lock file goes before.
 */
static void
unlock_other(const struct cffile *last)
{
	if (last == &instance)
		cffile_unlock(&primary);
	else
		cffile_unlock(&instance);
}

static enum err
act_init(struct actor *a, struct why *why)
{
	const struct edit edits[] = {
	    {"multi_instance_wrapper", site_wrapper(a->v.command_directory)},
	    {"multi_instance_enable", "yes"},
	};

	return cffile_edit(&primary, edits, 2, why);
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

	unlock_other(the_instance());
	return cffile_edit(the_instance(), &edit, 1, why);
}

/* A name and a group, where there is one ("-" clears) and if they may stand in
 * main.cf. */
enum err
config_names(const char *name, const char *group, struct edit *edits, size_t *n,
    struct why *why)
{
	const struct {
		const char *param, *value;
		bool (*ok)(const char *);
	} names[] = {
	    {"multi_instance_name", name, site_new_name_ok},
	    {"multi_instance_group", group, site_group_ok},
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

	e = config_names(a->v.new_name, a->v.new_group, edits, &n, why);
	if (e != ERR_OK)
		return e;
	if (a->v.op == OP_ASSIGN)
		unlock_other(the_instance());
	return cffile_edit(the_instance(), edits, n, why);
}

static enum err
edit_lists(struct actor *a, struct why *why)
{
	struct edit edits[2];
	size_t n = 0;
	enum err e;

	/* As the second verdict has them. */
	if ((e = check_lists(a, why)) != ERR_OK)
		return e;
	if (a->v.set_list)
		edits[n++] =
		    (struct edit){"multi_instance_directories", a->list};
	if (a->v.set_alt)
		edits[n++] =
		    (struct edit){"alternate_config_directories", a->alt};
	/* Whoever removes an instance keeps its lock to the end. */
	if (a->v.op != OP_REMOVE)
		unlock_other(&primary);
	return cffile_edit(&primary, edits, n, why);
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
	/* The lock as well, last: what unlocking can't remove isn't told. */
	static const char *const files[] = {
	    "master.cf", "main.cf", "main.cf.tmp"};
	enum err e;
	size_t i;

	if ((e = edit_lists(a, why)) != ERR_OK || instance.dir == -1)
		return e;
	for (i = 0; i < 3; i++)
		if (unlinkat(instance.dir, files[i], 0) == 0 || errno == ENOENT)
			continue;
		else if (errno == EISDIR)
			page_add(&a->notes, "%s/%s: a directory, left alone",
			    a->v.config.path, files[i]);
		else
			return why_errno(why, "unlink %s/%s", a->v.config.path,
			    files[i]);
	/* Another main.cf.tmp would be another's. */
	(void)close(instance.lock);
	instance.lock = -1;
	return fsync(instance.dir) == -1 ?
	    why_errno(why, "fsync %s", a->v.config.path) :
	    ERR_OK;
}

static actor_fn *const acts[OP_COUNT] = {
    [OP_INIT] = act_init,
    [OP_READ] = act_read,
    [OP_INSTALL] = config_install,
    [OP_REGISTER] = act_register,
    [OP_DEREGISTER] = edit_lists,
    [OP_ASSIGN] = act_assign,
    [OP_ENABLE] = act_enable,
    [OP_DISABLE] = act_enable,
    [OP_REMOVE] = act_remove,
    [OP_TIDY] = edit_lists, /* unlocking removes a main.cf.tmp */
};

int
main(int argc, char **argv)
{
	static const struct service service = {
	    .name = "postmulti-config",
	    .caps = caps,
	    .ncaps = 1,
	    .prepare = prepare,
	    .lock = lock,
	    .acts = acts,
	    .locks = true,
	    .release = release,
	};

	return helper_main(&service, argc, argv);
}
