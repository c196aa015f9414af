#include <sys/prctl.h>
#include <sys/syscall.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include <bsd/string.h>

#include "../channel.h"
#include "judge.h"
#include "lock.h"
#include "privs.h"
#include "sandbox.h"

/*
 * postmulti-judge: decides for one helper about one request.
 * Privilege: uid 0 without any capability (for root's own requests with
 * CAP_DAC_READ_SEARCH), so that it can read what is 0640 and root's; no write
 * but to its pipe, no exec, socket, signal or ptrace. Refuses: whatever the
 * policy doesn't permit to the real uid it was told.
 *
 * It isn't set-uid: run by hand it has its user's rights and nobody to talk to.
 */

#define FRAME_SECONDS 5   /* for the whole frame to arrive */
#define LIFE_SECONDS  120 /* frame, locks and the actor's work together */

static enum err
confine(bool *no_landlock, struct why *why)
{
	const struct sandbox_call calls[] = {
	    {.nr = SYS_read, .reason = "frame, policy, main.cf files"},
	    {.nr = SYS_write,
		.when = {SANDBOX_ARG(0, JUDGE_FD_OUT)},
		.reason = "the verdict, to the actor"},
	    {.nr = SYS_openat2, .reason = "files, by directory and name"},
	    {.nr = SYS_close, .reason = "files"},
	    {.nr = SYS_newfstatat, .reason = "owners, modes, identity"},
	    {.nr = SYS_readlinkat, .reason = "links of root's, for root"},
	    {.nr = SYS_fstat, .reason = "the same, of what is open"},
	    {.nr = SYS_getdents64, .reason = "policy.d, config directories"},
	    {.nr = SYS_lseek, .reason = "a directory from its start"},
	    {.nr = SYS_flock, .reason = "is a master(8) running?"},
	    {.nr = SYS_poll, .reason = "deadlines"},
	    {.nr = SYS_clock_gettime, .reason = "where the vDSO has none"},
	    {.nr = SYS_setresuid,
		.when = {SANDBOX_ARG(0, 0), SANDBOX_ARG(1, 0)},
		.reason = "0,0,0 when permitted"},
	    {.nr = SYS_getresuid, .reason = "and read back"},
	    {.nr = SYS_getpid, .reason = "harmless"},
	    {.nr = SYS_restart_syscall, .reason = "poll after SIGCONT"},
	    {.nr = SYS_exit_group, .reason = "the end"},
	};
	static const cap_value_t caps[] = {CAP_DAC_READ_SEARCH};
	struct sandbox_dir root = {.may = SANDBOX_READ};
	enum err e;

	if ((e = privs_keep(caps, getuid() == 0 ? 1 : 0, why)) != ERR_OK)
		return e;
	root.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root.fd == -1)
		return why_errno(why, "open /");
	e = sandbox_dirs(&root, 1, why);
	(void)close(root.fd);
	*no_landlock = e == ERR_STATE;
	if (e != ERR_OK && !*no_landlock)
		return e;
	return sandbox_calls(calls, sizeof(calls) / sizeof(calls[0]), why);
}

_Noreturn void
judge_gone(void)
{
	/* The actor has died or makes no sense: there is nobody to tell. */
	_exit(1);
}

void
judge_put(const void *buf, size_t len)
{
	if (channel_write(JUDGE_FD_OUT, buf, len) != ERR_OK)
		judge_gone();
}

/* A frame and nothing behind it, while the caller's own limits still apply. */
static enum err
read_frame(struct judge *j, enum helper which, struct why *why)
{
	struct timespec deadline = lock_deadline(FRAME_SECONDS);
	enum err e;
	char more;

	e = channel_read(PROTO_FD_FRAME, &j->frame, sizeof(j->frame),
	    &deadline);
	if (e == ERR_OK &&
	    channel_read(PROTO_FD_FRAME, &more, 1, &deadline) == ERR_OK)
		return why_set(why, ERR_PROTOCOL, "frame: bytes behind it");
	(void)close(PROTO_FD_FRAME);
	if (e != ERR_OK)
		return why_set(why, e, "frame: %s after %d seconds at most",
		    e == ERR_TIMEOUT ? "not complete" : "cut short",
		    FRAME_SECONDS);
	return frame_check(&j->frame, which, j->caller->root, why);
}

/* How Postfix's own programs log on this host. */
static void
mail_log(struct judge *j, struct verdict *v)
{
	char facility[32];

	if (site_list(&j->primary_cf, &j->defaults, "syslog_facility", facility,
		sizeof(facility), NULL) != ERR_OK ||
	    site_list(&j->primary_cf, &j->defaults, "syslog_name",
		v->syslog_name, sizeof(v->syslog_name), NULL) != ERR_OK)
		return;
	v->syslog_facility = (uint32_t)site_facility(facility);
}

/* On what stands on disk now. */
static enum err
judged(struct judge *j, judge_fn *const *judges, struct verdict *v,
    struct why *why)
{
	enum err e = target_site(j, why);

	if (e != ERR_OK)
		return e;
	mail_log(j, v);
	return judges[j->frame.op](j, v, why);
}

/* Everything that every operation's verdict has in common. */
static void
begin_verdict(const struct judge *j, struct verdict *v)
{
	memset(v, 0, sizeof(*v));
	v->op = j->frame.op;
	v->verbose = j->frame.flags & FRAME_VERBOSE;
	v->lock_timeout = j->frame.lock_timeout;
	v->skip = j->frame.index;
	v->action = v->command = ACTION_COUNT;
	v->capabilities = j->policy.capabilities;
	v->audit_required = j->policy.audit_required;
	v->no_landlock = j->no_landlock;
	v->syslog_facility = LOG_MAIL;
}

/* Before the lock is taken, and again when it is ours; what only reads takes
 * none. */
static void
decide(struct judge *j, judge_fn *const *judges, bool locked, struct verdict *v)
{
	struct why why = {{0}};
	enum err e = locked ? rules_reread(j, &why) : ERR_OK;
	const bool reads = (op_info(j->frame.op)->fields & FIELD_READS) != 0;
	const bool retry = e == ERR_OK && (!locked || reads);

	j->locked = locked;
	/* Without a policy it stays as it was, for the log: what was refused.
	 */
	if (e == ERR_OK) {
		begin_verdict(j, v);
		e = judged(j, judges, v, &why);
	}
	/* What was registered between our look at the list and the one at the
	 * records is in neither, and what was removed between that and one at
	 * its files seems damaged, without a name that a rule could have:
	 * another look tells. */
	if ((e == ERR_CONFLICT || e == ERR_NOTFOUND || e == ERR_DENIED) &&
	    retry) {
		begin_verdict(j, v);
		e = judged(j, judges, v, &why);
	}
	/* What was passed over as damaged or as not there may be neither. */
	if (e != ERR_DENIED && why_starved() != NULL)
		e = why_set(&why, ERR_SYSTEM, "%s", why_starved());
	v->err = e;
	if (e != ERR_OK)
		(void)strlcpy(v->error,
		    why.text[0] != '\0' ? why.text : err_text(e),
		    sizeof(v->error));
}

static void
put_verdict(const struct judge *j, const struct verdict *v)
{
	uint32_t msg = MSG_VERDICT;

	judge_put(&msg, sizeof(msg));
	judge_put(v, sizeof(*v));
	judge_put(j->new_list, v->listlen);
	judge_put(j->new_alt, v->altlen);
}

static struct judge judge; /* several MiB: not on the stack */
static struct verdict verdict;
static struct caller caller;

/* Who asks, as the helper found out from the kernel and the name services. */
static enum err
read_caller(struct judge *j, const struct timespec *deadline)
{
	j->caller = &caller;
	if (channel_read(JUDGE_FD_IN, &caller, CALLER_HEAD, deadline) !=
		ERR_OK ||
	    caller.nfresh > NGROUPS_MAX || caller.nkernel > NGROUPS_MAX + 1 ||
	    channel_read(JUDGE_FD_IN, caller.fresh,
		caller.nfresh * sizeof(gid_t), deadline) != ERR_OK ||
	    channel_read(JUDGE_FD_IN, caller.kernel,
		caller.nkernel * sizeof(gid_t), deadline) != ERR_OK)
		return ERR_PROTOCOL;
	caller.name[sizeof(caller.name) - 1] = '\0';
	j->subject = caller_subject(&caller);
	return ERR_OK;
}

static void
answer(struct judge *j, judge_fn *const *judges,
    const struct timespec *deadline)
{
	struct why why;
	uint32_t msg;

	decide(j, judges, false, &verdict);
	put_verdict(j, &verdict);
	while (channel_read(JUDGE_FD_IN, &msg, sizeof(msg), deadline) ==
	    ERR_OK) {
		if (msg == MSG_ROOT) {
			if (privs_user(0, &why) != ERR_OK)
				judge_gone();
			msg = MSG_READY;
			judge_put(&msg, sizeof(msg));
		} else if (msg == MSG_AGAIN) {
			decide(j, judges, true, &verdict);
			put_verdict(j, &verdict);
		} else
			judge_gone();
	}
}

int
main(int argc, char **argv)
{
	static judge_fn *const *const judges[HELPER_COUNT] = {
	    [HELPER_CONFIG] = config_judges,
	    [HELPER_DIRS] = dirs_judges,
	    [HELPER_EXEC] = exec_judges,
	};
	struct timespec deadline = lock_deadline(LIFE_SECONDS);
	struct judge *j = &judge;
	struct why why = {{0}};
	enum helper which = HELPER_CONFIG;
	enum err e;

	while (which < HELPER_COUNT &&
	    (argc != 2 || strcmp(argv[1], helper_name(which)) != 0))
		which++;
	if (which == HELPER_COUNT || prctl(PR_SET_PDEATHSIG, SIGKILL) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0) == -1 ||
	    confine(&j->no_landlock, &why) != ERR_OK ||
	    read_caller(j, &deadline) != ERR_OK)
		judge_gone();
	if ((e = read_frame(j, which, &why)) == ERR_OK &&
	    (e = rules_read(j, &deadline, &why)) == ERR_OK)
		answer(j, judges[which], &deadline);
	else {
		verdict.err = e;
		verdict.op = op_info(j->frame.op) != NULL ? j->frame.op : 0;
		verdict.action = verdict.command = ACTION_COUNT;
		verdict.syslog_facility = LOG_MAIL;
		(void)strlcpy(verdict.error, why.text, sizeof(verdict.error));
		put_verdict(j, &verdict);
	}
	return 0;
}
