#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "audit.h"
#include "channel.h"
#include "detach.h"
#include "helper.h"
#include "lock.h"
#include "log.h"

/*
 * The order of things in every helper:
 *
 *   clean what was inherited, prove that we are set-uid
 *   who is calling; connect to the log
 *   start the judge, which confines itself and reads the one frame
 *   its verdict: refused -> audit, reply, exit
 *   become 0,0,0, both; audit "decided"
 *   prepare: open what the step needs, drop the rest, load the filter
 *   the global lock; the judge decides again on what the disk says now
 *   act; unlock; audit "done"; one reply
 */

#define DECIDE_SECONDS 20 /* from the start to the first verdict */
#define AGAIN_SECONDS                                                          \
	20              /* under the locks, where nobody can stop the judge    \
			 */
#define ROOT_SECONDS  2 /* for the judge to become 0,0,0 */
#define REPLY_SECONDS 2
#define MORE_SIZE     32 /* of the notes: to say that there are more */

static struct actor actor; /* several MiB: not on the stack */

bool
helper_reads(const struct actor *a)
{
	return (op_info(a->v.op)->fields & FIELD_READS) != 0;
}

enum err
helper_open(struct actor *a, const struct where *w, int *fd, struct why *why)
{
	struct stat st;
	enum err e;

	e = path_open_dir(w->path, !a->caller->root, fd, why);
	if (e != ERR_OK)
		return e;
	if (fstat(*fd, &st) == 0 && st.st_dev == w->dev && st.st_ino == w->ino)
		return ERR_OK;
	(void)close(*fd);
	*fd = -1;
	return why_set(why, ERR_BUSY,
	    "%s: was replaced meanwhile, run the command again", w->path);
}

enum err
helper_confine(struct actor *a, const struct confinement *c, struct why *why)
{
	enum err e = privs_keep(c->caps, c->ncaps, true, why);

	if (e == ERR_OK)
		e = sandbox_dirs(c->dirs, c->ndirs, why);
	if (e == ERR_STATE && (a->v.no_landlock || a->caller->root))
		e = ERR_OK;
	return e != ERR_OK ? e : sandbox_calls(c->calls, c->ncalls, why);
}

/* --- talking to the judge ------------------------------------------------ */

static enum err
lost(struct why *why, enum err e)
{
	return why_set(why, e == ERR_OK ? ERR_PROTOCOL : e,
	    "%s/postmulti-judge %s", PATH_HELPERS,
	    e == ERR_TIMEOUT ? "took too long, run the command again" :
			       "ended without a verdict: is it installed, and "
			       "does this kernel "
			       "have seccomp?");
}

static enum err
answer_groups(struct actor *a, const struct timespec *deadline)
{
	static struct policy_group groups[POLICY_GROUPS];
	uint32_t i, msg = MSG_BOUND;
	enum err e;

	e = channel_read(a->judge.in, groups, sizeof(groups), deadline);
	for (i = 0; e == ERR_OK && i < POLICY_GROUPS; i++) {
		groups[i].name[sizeof(groups[i].name) - 1] = '\0';
		if (groups[i].name[0] != '\0')
			caller_bind_group(&groups[i]);
	}
	if (e == ERR_OK)
		e = channel_write(a->judge.out, &msg, sizeof(msg));
	return e != ERR_OK ?
	    e :
	    channel_write(a->judge.out, groups, sizeof(groups));
}

/*
 * Nothing the judge says is believed to be well-formed: strings are ended,
 * enumerations and lengths checked; what they may mean is each step's to
 * check.
 */
static bool
well_formed(struct verdict *v)
{
	char *const ends[] = {&v->error[sizeof(v->error) - 1],
	    &v->rule[sizeof(v->rule) - 1], &v->name[NAME_SIZE - 1],
	    &v->group[NAME_SIZE - 1], &v->new_name[NAME_SIZE - 1],
	    &v->new_group[NAME_SIZE - 1], &v->primary.path[PATH_SIZE - 1],
	    &v->config.path[PATH_SIZE - 1], &v->queue.path[PATH_SIZE - 1],
	    &v->data.path[PATH_SIZE - 1], &v->meta[PATH_SIZE - 1],
	    &v->command_directory[PATH_SIZE - 1], &v->mail_owner[NAME_SIZE - 1],
	    &v->syslog_facility[sizeof(v->syslog_facility) - 1],
	    &v->syslog_name[NAME_SIZE - 1], &v->setgid_group[NAME_SIZE - 1],
	    &v->record.name[NAME_SIZE - 1], &v->record.group[NAME_SIZE - 1],
	    &v->record.config.path[PATH_SIZE - 1],
	    &v->record.queue.path[PATH_SIZE - 1],
	    &v->record.data.path[PATH_SIZE - 1]};
	size_t i;

	for (i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		*ends[i] = '\0';
	for (i = 0; i < ENTRIES; i++) {
		v->entries[i].name[sizeof(v->entries[i].name) - 1] = '\0';
		if (strchr(v->entries[i].name, '/') != NULL ||
		    strcmp(v->entries[i].name, "..") == 0 ||
		    v->entries[i].base >= BASE_COUNT ||
		    (v->entries[i].mode & ~0777) != 0)
			return false;
		/* A configuration directory is root's and nobody else's. */
		if (v->entries[i].base == BASE_CONFIG &&
		    (v->entries[i].mail_owned || v->entries[i].setgid_group))
			return false;
	}
	return v->err <= ERR_BUG && v->op < OP_COUNT &&
	    v->action <= ACTION_COUNT && v->command <= ACTION_COUNT &&
	    v->unchanged <= 1 && v->nentries <= ENTRIES &&
	    v->record.action < ACTION_COUNT && v->listlen < LIST_MAX &&
	    v->altlen < LIST_MAX;
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
	while (len > 0 && *p != '\0') {
		blank = strchrnul(p, ' ');
		if ((n = (size_t)(blank - p)) >= sizeof(dir))
			return false;
		memcpy(dir, p, n);
		dir[n] = '\0';
		if (!path_is_clean(dir) || (*blank == ' ' && blank[1] == '\0'))
			return false;
		p = *blank == ' ' ? blank + 1 : blank;
	}
	return true;
}

static enum err
get_verdict(struct actor *a, unsigned seconds, struct why *why)
{
	struct timespec deadline = lock_deadline(seconds);
	struct verdict *v = &a->v;
	uint32_t msg;
	enum err e;

	for (;;) {
		e = channel_read(a->judge.in, &msg, sizeof(msg), &deadline);
		if (e == ERR_OK && msg == MSG_GROUPS &&
		    answer_groups(a, &deadline) == ERR_OK)
			continue;
		if (e != ERR_OK || msg != MSG_VERDICT)
			return lost(why, e);
		break;
	}
	if (channel_read(a->judge.in, v, sizeof(*v), &deadline) != ERR_OK ||
	    !well_formed(v) ||
	    channel_read(a->judge.in, a->list, v->listlen, &deadline) !=
		ERR_OK ||
	    channel_read(a->judge.in, a->alt, v->altlen, &deadline) != ERR_OK)
		return lost(why, ERR_PROTOCOL);
	a->list[v->listlen] = a->alt[v->altlen] = '\0';
	if ((v->set_list && !clean_list(a->list, v->listlen)) ||
	    (v->set_alt && !clean_list(a->alt, v->altlen)))
		return why_set(why, ERR_CONFLICT,
		    "multi_instance_directories or "
		    "alternate_config_directories would hold a path that "
		    "cannot stand there, repair main.cf first");
	return v->err == ERR_OK ?
	    ERR_OK :
	    why_set(why, (enum err)v->err, "%s", v->error);
}

static enum err
tell_judge(struct actor *a, uint32_t msg, struct why *why)
{
	if (channel_write(a->judge.out, &msg, sizeof(msg)) != ERR_OK)
		return lost(why, ERR_PROTOCOL);
	return ERR_OK;
}

static void
ignore_signals(void)
{
	static const int quiet[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGTSTP,
	    SIGTTIN, SIGTTOU, SIGUSR1, SIGUSR2};
	size_t i;

	for (i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
		(void)signal(quiet[i], SIG_IGN);
}

/* Root may manage files that it neither owns nor may read by their mode. */
static const cap_value_t judge_caps[] = {CAP_DAC_READ_SEARCH};

/* In the child: with no other capability, for callers but root with none at
 * all, from its first instruction on: the bounding set says so. */
static _Noreturn void
exec_judge(const struct service *h, size_t n, int in, int out)
{
	static char path[] = PATH_HELPERS "/postmulti-judge";
	char name[32], *argv[] = {path, name, NULL}, *env[] = {NULL};

	(void)strlcpy(name, h->name, sizeof(name));
	/* Not to be stopped by ^Z while we hold locks; stays across exec. */
	ignore_signals();
	(void)setsid();
	/* The pipes lie above 4, where nothing else is open. */
	if (privs_bound(judge_caps, n, NULL) == ERR_OK &&
	    privs_keep(judge_caps, n, false, NULL) == ERR_OK &&
	    (in = fcntl(in, F_DUPFD, JUDGE_FD_OUT + 1)) != -1 &&
	    (out = fcntl(out, F_DUPFD, JUDGE_FD_OUT + 1)) != -1 &&
	    dup2(in, JUDGE_FD_IN) != -1 && dup2(out, JUDGE_FD_OUT) != -1 &&
	    close_range(JUDGE_FD_OUT + 1, ~0U, 0) == 0) {
		(void)close(PROTO_FD_REPLY);
		(void)execve(path, argv, env);
	}
	_exit(127);
}

static enum err
start_judge(const struct service *h, struct actor *a, struct why *why)
{
	const struct caller *c = a->caller;
	int up[2], down[2];

	if (pipe2(up, O_CLOEXEC) == -1 || pipe2(down, O_CLOEXEC) == -1)
		return why_errno(why, "pipe");
	switch (a->judge_pid = fork()) {
	case -1: return why_errno(why, "fork");
	case 0: exec_judge(h, c->root ? 1 : 0, down[0], up[1]);
	}
	(void)close(up[1]);
	(void)close(down[0]);
	(void)close(PROTO_FD_FRAME);
	a->judge.in = up[0];
	a->judge.out = down[1];
	if (channel_write(a->judge.out, c, CALLER_HEAD) != ERR_OK ||
	    channel_write(a->judge.out, c->fresh, c->nfresh * sizeof(gid_t)) !=
		ERR_OK ||
	    channel_write(a->judge.out, c->kernel,
		c->nkernel * sizeof(gid_t)) != ERR_OK)
		return lost(why, ERR_PROTOCOL);
	return ERR_OK;
}

/* --- the reply ----------------------------------------------------- */

static void
send_reply(struct actor *a, enum err e, const struct why *why)
{
	struct reply *r = &a->reply;
	size_t n;

	r->version = PROTO_VERSION;
	r->op = a->v.op;
	r->err = (uint32_t)e;
	r->unchanged = a->v.unchanged != 0;
	(void)strlcpy(r->rule, a->v.rule, sizeof(r->rule));
	if (a->notes.lines > a->notes.shown && !helper_reads(a)) {
		n = strlen(r->notes);
		(void)snprintf(r->notes + n, sizeof(r->notes) - n,
		    "(and %u more)\n", a->notes.lines - a->notes.shown);
	}
	if (e != ERR_OK)
		(void)log_plain(why->text, r->error, sizeof(r->error));
	/* Nobody reads?  Then nobody wants to know: SIGALRM ends us. */
	(void)alarm(REPLY_SECONDS);
	(void)channel_write(PROTO_FD_REPLY, r, sizeof(*r));
}

/* --- the actor ----------------------------------------------------------- */

/* Nor by the CPU's share or the cgroup that the caller gave us.  What exec
 * starts stays in that cgroup. */
static enum err
detach(const struct actor *a, struct why *why)
{
	const pid_t both[] = {getpid(), a->judge_pid};
	size_t i;

	for (i = 0; i < 2; i++) {
		detach_schedule(both[i]);
		detach_memory(both[i]);
		detach_cgroup(both[i]);
	}
	/* Sessions compete for the CPU as wholes: the caller's has any number
	 * of processes, and the weight that it pleases. */
	if (setsid() == -1)
		return why_errno(why, "cannot leave the caller's session");
	return ERR_OK;
}

/*
 * From here on nobody's terminal or signal ends or stops a step half-way, and
 * nobody but root can send one: to us, and to the judge, which says so.
 */
static enum err
become_root(struct actor *a, struct why *why)
{
	struct timespec deadline = lock_deadline(ROOT_SECONDS);
	uint32_t msg = 0;
	enum err e;

	if ((e = privs_root_user(why)) != ERR_OK ||
	    (e = tell_judge(a, MSG_ROOT, why)) != ERR_OK)
		return e;
	ignore_signals();
	e = channel_read(a->judge.in, &msg, sizeof(msg), &deadline);
	if (e != ERR_OK || msg != MSG_READY)
		return lost(why, e);
	if (lock_left(&a->given_up) == 0)
		return why_set(why, ERR_TIMEOUT,
		    "took too long to be decided, run the command again");
	return ERR_OK;
}

static enum err
lookup_ids(struct actor *a, struct why *why)
{
	enum err e;

	if (a->v.mail_owner[0] == '\0')
		return ERR_OK;
	e = caller_mail_ids(a->v.mail_owner, a->v.setgid_group, &a->mail_uid,
	    &a->mail_gid, &a->setgid_gid, why);
	if (e != ERR_OK)
		return e;
	/* Directories are given to these: never to root's account or to the
	 * caller's own, whatever a verdict says. */
	if (a->mail_uid == 0 || a->setgid_gid == 0 ||
	    (!a->caller->root && a->mail_uid == a->caller->uid))
		return why_set(why, ERR_UNTRUSTED,
		    "mail_owner = %s, setgid_group = %s: must not be root's or "
		    "the caller's own",
		    a->v.mail_owner, a->v.setgid_group);
	return ERR_OK;
}

/* The same directory, or one that was still to be made. */
static bool
same_where(const struct where *was, const struct where *is)
{
	return strcmp(was->path, is->path) == 0 &&
	    (was->ino == 0 || (was->ino == is->ino && was->dev == is->dev));
}

/* The second verdict must be about what we prepared for. */
static enum err
decide_again(struct actor *a, struct why *why)
{
	static struct verdict first;
	const struct verdict *v = &a->v;
	enum err e;

	first = *v;
	if ((e = tell_judge(a, MSG_AGAIN, why)) != ERR_OK ||
	    (e = get_verdict(a, AGAIN_SECONDS, why)) != ERR_OK)
		return e;
	if (v->op == first.op && v->command == first.command &&
	    same_where(&first.primary, &v->primary) &&
	    same_where(&first.config, &v->config) &&
	    same_where(&first.queue, &v->queue) &&
	    same_where(&first.data, &v->data) &&
	    strcmp(v->meta, first.meta) == 0 &&
	    strcmp(v->command_directory, first.command_directory) == 0 &&
	    strcmp(v->mail_owner, first.mail_owner) == 0 &&
	    strcmp(v->setgid_group, first.setgid_group) == 0)
		return ERR_OK;
	return why_set(why, ERR_BUSY,
	    "the instance was changed by somebody else meanwhile, run the "
	    "command again");
}

/* For those who wait in vain. */
static void
say_holder(int lock, const struct actor *a)
{
	const struct verdict *v = &a->v;
	char line[LOCK_HOLDER];
	int n =
	    snprintf(line, sizeof(line), "pid %ld (%s of %s)\n", (long)getpid(),
		audit_action(a), v->name[0] != '\0' ? v->name : v->config.path);

	(void)!write(lock, line, (size_t)n);
}

static enum err
locked(const struct service *h, struct actor *a, struct why *why)
{
	enum err e;
	int lock;

	e = lock_take(a->state, "lock", PATH_STATE "/lock", true, &a->deadline,
	    &lock, why);
	if (e != ERR_OK)
		return e;
	say_holder(lock, a);
	if (h->lock != NULL)
		e = h->lock(a, why);
	if (e == ERR_OK && (e = decide_again(a, why)) == ERR_OK &&
	    !a->v.unchanged)
		e = h->acts[a->v.op](a, why);
	if (h->release != NULL)
		(void)h->release(a, why);
	/* Nobody's now; the next holder writes over what a killed one left. */
	(void)!ftruncate(lock, 0);
	(void)close(lock);
	return e;
}

static enum err
serve(const struct service *h, struct actor *a, struct why *why)
{
	enum err e;

	if ((e = start_judge(h, a, why)) != ERR_OK ||
	    (e = get_verdict(a, DECIDE_SECONDS, why)) != ERR_OK)
		return e;
	a->deadline =
	    lock_deadline(a->v.lock_timeout == 0 ? LOCK_SECONDS_DEFAULT :
		    a->v.lock_timeout < LOCK_SECONDS_MAX ? a->v.lock_timeout :
							   LOCK_SECONDS_MAX);
	if ((e = lookup_ids(a, why)) != ERR_OK ||
	    (e = become_root(a, why)) != ERR_OK)
		return e;
	if (h->locks && !helper_reads(a) && !a->caller->root &&
	    (e = detach(a, why)) != ERR_OK)
		return e;
	if (h->acts[a->v.op] == NULL)
		return why_set(why, ERR_BUG, "a verdict on another's step");
	a->acting = true;
	if (!audit_decided(a) && a->v.audit_required)
		return why_set(why, ERR_STATE,
		    "the audit log cannot be written and the policy says "
		    "\"audit required\"");
	if ((e = record_open(&a->records, why)) != ERR_OK ||
	    (e = path_open_dir(PATH_STATE, true, &a->state, why)) != ERR_OK ||
	    (e = h->prepare(a, why)) != ERR_OK)
		return e;
	if (helper_reads(a))
		return h->acts[a->v.op](a, why);
	if (h->locks)
		return locked(h, a, why);
	/* Now that nobody can stop us: is it still so? */
	if ((e = decide_again(a, why)) != ERR_OK)
		return e;
	return h->acts[a->v.op](a, why);
}

int
helper_main(const struct service *h, int argc, char **argv)
{
	static struct startup startup;
	static struct caller caller;
	struct actor *a = &actor;
	struct why why = {{0}};
	enum err e;

	a->startup = &startup;
	a->caller = &caller;
	a->argv = argv;
	a->records = -1;
	a->notes = (struct page){
	    .text = a->reply.notes, .size = sizeof(a->reply.notes) - MORE_SIZE};
	a->v.action = ACTION_COUNT;
	if (startup_clean(&startup, &why) != ERR_OK ||
	    startup_check(&startup, argc, argv, h->caps, h->ncaps, &why) !=
		ERR_OK) {
		a->v.op = OP_NONE;
		if (startup_can_reply())
			send_reply(a, ERR_PRIVILEGE, &why);
		else
			dprintf(STDERR_FILENO, "%s: fatal: %s\n", h->name,
			    why.text);
		return 1;
	}
	audit_begin(h);
	a->given_up = lock_deadline(DECIDE_SECONDS);
	/* Root's postfix(1) keeps root's own groups. */
	if ((e = caller_lookup(&caller, &why)) == ERR_OK &&
	    ((caller.root && !h->locks) ||
		(e = privs_root_group(&why)) == ERR_OK))
		e = serve(h, a, &why);
	audit_done(a, e, &why);
	send_reply(a, e, &why);
	return e == ERR_OK ? 0 : 1;
}
