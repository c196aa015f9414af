#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "ask.h"
#include "detach.h"
#include "lock.h"
#include "log.h"

#define ROOT_SECONDS 2 /* for the judge to become 0,0,0 */

static enum err
lost(struct why *why, enum err e)
{
	return why_set(why, e == ERR_OK ? ERR_PROTOCOL : e,
	    "%s/postmulti-judge %s", PATH_HELPERS,
	    e == ERR_TIMEOUT ? "took too long, run the command again" :
			       "ended without a verdict: is it installed, and "
			       "does this kernel have seccomp?");
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
	if (e != ERR_OK ||
	    (e = channel_write(a->judge.out, &msg, sizeof(msg))) != ERR_OK)
		return e;
	return channel_write(a->judge.out, groups, sizeof(groups));
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
	    &v->syslog_name[NAME_SIZE - 1], &v->setgid_group[NAME_SIZE - 1],
	    &v->record.name[NAME_SIZE - 1], &v->record.group[NAME_SIZE - 1],
	    &v->record.config.path[PATH_SIZE - 1],
	    &v->record.queue.path[PATH_SIZE - 1],
	    &v->record.data.path[PATH_SIZE - 1]};
	size_t i;

	for (i = 0; i < COUNT_OF(ends); i++)
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
	    v->unchanged <= 1 && (v->syslog_facility & ~LOG_FACMASK) == 0 &&
	    v->nentries <= ENTRIES && v->record.action < ACTION_COUNT &&
	    v->listlen < LIST_MAX && v->altlen < LIST_MAX;
}

enum err
ask_verdict(struct actor *a, struct why *why)
{
	struct timespec deadline = lock_deadline(DECIDE_SECONDS);
	struct verdict *v = &a->v;
	uint32_t msg;
	enum err e;

	do
		e = channel_read(a->judge.in, &msg, sizeof(msg), &deadline);
	while (e == ERR_OK && msg == MSG_GROUPS &&
	    (e = answer_groups(a, &deadline)) == ERR_OK);
	if (e != ERR_OK || msg != MSG_VERDICT)
		return lost(why, e);
	if (channel_read(a->judge.in, v, sizeof(*v), &deadline) != ERR_OK ||
	    !well_formed(v) ||
	    channel_read(a->judge.in, a->list, v->listlen, &deadline) !=
		ERR_OK ||
	    channel_read(a->judge.in, a->alt, v->altlen, &deadline) != ERR_OK)
		return lost(why, ERR_PROTOCOL);
	a->list[v->listlen] = a->alt[v->altlen] = '\0';
	return v->err == ERR_OK ?
	    ERR_OK :
	    why_set(why, (enum err)v->err, "%s", v->error);
}

static enum err
tell(struct actor *a, uint32_t msg, struct why *why)
{
	enum err e = channel_write(a->judge.out, &msg, sizeof(msg));

	return e == ERR_OK ? e : lost(why, ERR_PROTOCOL);
}

enum err
ask_again(struct actor *a, struct why *why)
{
	enum err e = tell(a, MSG_AGAIN, why);

	return e != ERR_OK ? e : ask_verdict(a, why);
}

enum err
ask_root(struct actor *a, struct why *why)
{
	struct timespec deadline = lock_deadline(ROOT_SECONDS);
	uint32_t msg = 0;
	enum err e;

	if ((e = tell(a, MSG_ROOT, why)) != ERR_OK)
		return e;
	e = channel_read(a->judge.in, &msg, sizeof(msg), &deadline);
	return e == ERR_OK && msg == MSG_READY ? ERR_OK : lost(why, e);
}

/* Root may manage files that it neither owns nor may read by their mode. */
static const cap_value_t judge_caps[] = {CAP_DAC_READ_SEARCH};

/* In the child: with no other capability, for callers but root with none at
 * all, from its first instruction on: the bounding set says so. */
static _Noreturn void
exec_judge(const struct service *h, const struct actor *a)
{
	static char path[] = PATH_HELPERS "/postmulti-judge";
	size_t n = a->caller->root ? COUNT_OF(judge_caps) : 0;
	int fds[] = {-1, a->judge.in, a->judge.out};
	char name[32], *argv[] = {path, name, NULL};

	_Static_assert(JUDGE_FD_IN == PROTO_FD_REPLY + 1 &&
		JUDGE_FD_OUT == JUDGE_FD_IN + 1,
	    "fds");
	(void)strlcpy(name, h->name, sizeof(name));
	/* Not to be stopped by ^Z while we hold locks; stays across exec. */
	detach_signals();
	(void)setsid();
	if (privs_bound(judge_caps, n, NULL) != ERR_OK ||
	    privs_keep(judge_caps, n, NULL) != ERR_OK)
		_exit(127);
	channel_exec(argv, fds, COUNT_OF(fds), PROTO_FD_REPLY);
}

enum err
ask_start(const struct service *h, struct actor *a, struct why *why)
{
	const struct caller *c = a->caller;
	enum err e;

	if ((e = channel_fork(&a->judge, &a->judge_pid, why)) != ERR_OK)
		return e;
	if (a->judge_pid == 0)
		exec_judge(h, a);
	(void)close(PROTO_FD_FRAME);
	if (channel_write(a->judge.out, c, CALLER_HEAD) != ERR_OK ||
	    channel_write(a->judge.out, c->fresh, c->nfresh * sizeof(gid_t)) !=
		ERR_OK ||
	    channel_write(a->judge.out, c->kernel,
		c->nkernel * sizeof(gid_t)) != ERR_OK)
		return lost(why, ERR_PROTOCOL);
	return ERR_OK;
}
