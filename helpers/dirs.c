/*
 * postmulti-dirs: makes, mends and removes an instance's configuration, queue
 * and data directories, with the queue's sub-directories.
 * Privilege: uid 0 with CAP_CHOWN (root's import and mend also
 * CAP_DAC_READ_SEARCH, steps that only read none); owners and modes through
 * descriptors only, never a set-id bit.
 * Refuses: directories without a record of ours, another instance's, and to
 * remove anything that Postfix didn't make.
 */

#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "dirs.h"
#include "privs.h"

static const cap_value_t caps[] = {CAP_CHOWN, CAP_SETUID, CAP_SETGID};

struct dirs dirs = {.queue = -1, .pid = -1, .master_lock = -1};

/* Which of the three directories a step is about, and what it may do in the
 * directories above them. */
#define CONFIG (1u << BASE_CONFIG)
#define OTHERS (1u << BASE_QUEUE | 1u << BASE_DATA)
static const struct {
	unsigned bases, may;
} steps[OP_COUNT] = {
    [OP_MAKE] = {CONFIG | OTHERS, SANDBOX_READ | SANDBOX_MKDIR},
    [OP_REPAIR] = {CONFIG | OTHERS, SANDBOX_READ | SANDBOX_MKDIR},
    [OP_MEND] = {CONFIG | OTHERS, SANDBOX_READ | SANDBOX_MKDIR},
    [OP_CLEAR] = {OTHERS, SANDBOX_READ | SANDBOX_RMDIR},
    [OP_FINISH] = {CONFIG, SANDBOX_READ | SANDBOX_RMDIR},
    [OP_INSPECT] = {OTHERS, SANDBOX_READ},
};

/* --- before the locks ---------------------------------------------------- */

static enum err
find_anchor(struct actor *a, struct spot *p, struct why *why)
{
	const struct where *w = p->w;
	char dir[PATH_SIZE], up[PATH_SIZE];
	bool trusted = !a->caller->root;
	enum err e;

	if (w->path[0] == '\0')
		return ERR_OK;
	if (!path_is_clean(w->path))
		return why_set(why, ERR_BUG, "bad directory in a verdict");
	(void)strlcpy(dir, w->path, sizeof(dir));
	do {
		(void)path_split(dir, up);
		(void)strlcpy(dir, up, sizeof(dir));
		e = path_open_dir(dir, trusted, &p->anchor, why);
	} while (e == ERR_NOTFOUND && !trusted && dir[1] != '\0');
	(void)strlcpy(p->rest, w->path + (dir[1] == '\0' ? 0 : strlen(dir)) + 1,
	    sizeof(p->rest));
	return e;
}

static enum err
confine(struct actor *a, struct why *why)
{
	static const cap_value_t keep[] = {CAP_CHOWN, CAP_DAC_READ_SEARCH};
	const unsigned may = steps[a->v.op].may;
	const struct sandbox_dir reach[] = {
	    {a->state, SANDBOX_READ | SANDBOX_WRITE},
	    {dirs.spots[BASE_CONFIG].anchor, may},
	    {dirs.spots[BASE_QUEUE].anchor, may},
	    {dirs.spots[BASE_DATA].anchor, may},
	    {a->v.op == OP_CLEAR ? dirs.queue : -1,
		SANDBOX_READ | SANDBOX_WRITE | SANDBOX_RMDIR},
	};
	const uint64_t mail = a->mail_uid, setgid = a->setgid_gid;
	const uint64_t leave = (gid_t)-1;
	const struct sandbox_call calls[] = {
	    {.nr = SYS_read, .reason = "verdict, tally"},
	    {.nr = SYS_write, .reason = "records, judge, child, reply"},
	    {.nr = SYS_openat2, .reason = "directories, by name"},
	    {.nr = SYS_close, .reason = "directories"},
	    {.nr = SYS_newfstatat, .reason = "owner, mode, identity"},
	    {.nr = SYS_fstat, .reason = "owner, mode, identity"},
	    {.nr = SYS_getdents64, .reason = "pid files; recursive repair"},
	    {.nr = SYS_lseek, .reason = "a directory from its start"},
	    {.nr = SYS_mkdirat,
		.when = {SANDBOX_BITS(2, ~0755u)},
		.reason = "directories, mail_owner's private at first"},
	    {.nr = SYS_fchmod,
		.when = {SANDBOX_BITS(1, ~0777u)},
		.reason = "modes, never set-id"},
	    {.nr = SYS_fchown,
		.when = {SANDBOX_ARG(1, 0), SANDBOX_ARG(2, leave)},
		.reason = "root's"},
	    {.nr = SYS_fchown,
		.when = {SANDBOX_ARG(1, mail), SANDBOX_ARG(2, leave)},
		.reason = "mail_owner's"},
	    {.nr = SYS_fchown,
		.when = {SANDBOX_ARG(1, mail), SANDBOX_ARG(2, setgid)},
		.reason = "public and maildrop"},
	    {.nr = SYS_unlinkat, .reason = "records, pid files, rmdir"},
	    {.nr = SYS_renameat, .reason = "records"},
	    {.nr = SYS_flock, .reason = "the lock, master.pid"},
	    {.nr = SYS_ftruncate, .reason = "who holds the lock"},
	    {.nr = SYS_fsync, .reason = "durability"},
	    {.nr = SYS_poll, .reason = "bounded waits"},
	    {.nr = SYS_alarm, .reason = "a reply nobody reads"},
	    {.nr = SYS_clock_gettime, .reason = "where the vDSO has none"},
	    {.nr = SYS_sendto, .reason = "audit"},
	    {.nr = SYS_getpid, .reason = "audit"},
	    {.nr = SYS_restart_syscall, .reason = "poll after a stop"},
	    {.nr = SYS_exit_group, .reason = "the end"},
	};

	/* What is mended may be for mail_owner alone to read. */
	const struct confinement c = {keep, reach, calls,
	    helper_reads(a)     ? 0 :
		dirs_repairs(a) ? 2 :
				  1,
	    COUNT_OF(reach), COUNT_OF(calls)};

	return helper_confine(a, &c, why);
}

/* The queue by descriptor, the data directory by identity: it is
 * mail_owner's, whom the cleaner becomes. */
static enum err
prepare_cleaner(struct actor *a, struct why *why)
{
	const struct spot *data = &dirs.spots[BASE_DATA];
	struct verdict *v = &a->v;
	bool has_data = false;
	struct stat st;
	enum err e;

	if (v->queue.ino != 0) {
		e = helper_open(a, &v->queue, &dirs.queue, why);
		if (e != ERR_OK && e != ERR_NOTFOUND)
			return e;
	}
	if (v->data.ino != 0 && data->anchor != -1 &&
	    fstatat(data->anchor, data->rest, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (st.st_ino != v->data.ino || st.st_dev != v->data.dev)
			return why_set(why, ERR_CONFLICT,
			    "%s: is not the instance's data directory any more",
			    v->data.path);
		has_data = true;
	}
	return cleaner_start(a, has_data, why);
}

static enum err
prepare(struct actor *a, struct why *why)
{
	struct verdict *v = &a->v;
	struct where *const bases[] = {&v->config, &v->queue, &v->data};
	enum err e = ERR_OK;
	size_t i;

	(void)umask(022);     /* every mode is given in full */
	if (!helper_reads(a)) /* who only reads makes nothing */
		e = record_open(&a->state, &a->records, why);
	for (i = 0; i < BASE_COUNT && e == ERR_OK; i++) {
		dirs.spots[i] = (struct spot){.w = bases[i], .anchor = -1};
		if ((steps[v->op].bases & 1u << i) != 0)
			e = find_anchor(a, &dirs.spots[i], why);
	}
	if (e == ERR_OK && (v->op == OP_CLEAR || v->op == OP_INSPECT))
		e = prepare_cleaner(a, why);
	return e != ERR_OK ? e : confine(a, why);
}

/* --- steps ---------------------------------------------------------------- */

/* A step that begins with a record, unless it is resumed; refused before
 * anything was touched, it leaves none. */
static enum err
recorded(struct actor *a, struct why *why)
{
	actor_fn *step = a->v.op == OP_CLEAR ? dirs_clear : dirs_make;
	struct record *r = &a->v.record;
	bool fresh = r->time == 0;
	enum err e = ERR_OK;

	if (fresh) {
		r->time = (uint64_t)time(NULL);
		e = record_write(a->records, r, why);
	}
	if (e == ERR_OK)
		e = step(a, why);
	if (e != ERR_OK && fresh && !a->touched)
		(void)record_remove(a->records, r->config.path, NULL);
	return e;
}

static actor_fn *const acts[OP_COUNT] = {
    [OP_MAKE] = recorded,
    [OP_REPAIR] = recorded,
    [OP_CLEAR] = recorded,
    [OP_FINISH] = dirs_finish,
    [OP_MEND] = dirs_make,
    [OP_INSPECT] = dirs_tell,
    [OP_RECORDS] = dirs_tell,
};

int
main(int argc, char **argv)
{
	static const struct service service = {
	    .name = "postmulti-dirs",
	    .caps = caps,
	    .ncaps = sizeof(caps) / sizeof(caps[0]),
	    .prepare = prepare,
	    .acts = acts,
	    .locks = true,
	};

	return helper_main(&service, argc, argv);
}
