#include <sys/prctl.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "channel.h"
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

#define JUDGE_SECONDS                                                          \
	30 /* for a verdict; the judge's own waits are shorter                 \
	    */
#define REPLY_MS 1000

static struct actor actor; /* several MiB: not on the stack */

void
helper_note(struct actor *a, const char *fmt, ...)
{
	char text[512], *notes = a->reply.notes;
	size_t used = strlen(notes), room = sizeof(a->reply.notes) - used;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (room < 8 ||
	    snprintf(notes + used, room, "%s%s", used > 0 ? "\n" : "", text) >=
		(int)room)
		(void)strlcpy(notes + sizeof(a->reply.notes) - 5, "\n...", 5);
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

/* --- talking to the judge ------------------------------------------------ */

static enum err
lost(struct why *why, enum err e)
{
	return why_set(why, e == ERR_OK ? ERR_PROTOCOL : e,
	    "%s/postmulti-judge ended without a verdict: is it installed, and "
	    "does this kernel have seccomp?",
	    PATH_HELPERS);
}

static enum err
answer_groups(struct actor *a, const struct timespec *deadline)
{
	static struct policy_group groups[POLICY_GROUPS];
	uint32_t n, i, msg = MSG_BOUND;

	if (channel_read(a->judge.in, &n, sizeof(n), deadline) != ERR_OK ||
	    n > POLICY_GROUPS ||
	    channel_read(a->judge.in, groups, sizeof(groups), deadline) !=
		ERR_OK)
		return ERR_PROTOCOL;
	for (i = 0; i < n; i++) {
		groups[i].name[sizeof(groups[i].name) - 1] = '\0';
		caller_bind_group(&groups[i]);
	}
	if (channel_write(a->judge.out, &msg, sizeof(msg)) != ERR_OK)
		return ERR_PROTOCOL;
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
	char *const ends[] = {
	    &v->error[sizeof(v->error) - 1],
	    &v->rule[sizeof(v->rule) - 1],
	    &v->name[NAME_SIZE - 1],
	    &v->group[NAME_SIZE - 1],
	    &v->new_name[NAME_SIZE - 1],
	    &v->new_group[NAME_SIZE - 1],
	    &v->primary.path[PATH_SIZE - 1],
	    &v->config.path[PATH_SIZE - 1],
	    &v->queue.path[PATH_SIZE - 1],
	    &v->data.path[PATH_SIZE - 1],
	    &v->meta[PATH_SIZE - 1],
	    &v->command_directory[PATH_SIZE - 1],
	    &v->mail_owner[NAME_SIZE - 1],
	    &v->setgid_group[NAME_SIZE - 1],
	    &v->record.name[NAME_SIZE - 1],
	    &v->record.group[NAME_SIZE - 1],
	    &v->record.config.path[PATH_SIZE - 1],
	    &v->record.queue.path[PATH_SIZE - 1],
	    &v->record.data.path[PATH_SIZE - 1],
	};
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
get_verdict(struct actor *a, struct why *why)
{
	struct timespec deadline = lock_deadline(JUDGE_SECONDS);
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
	if (!clean_list(a->list, v->listlen) || !clean_list(a->alt, v->altlen))
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

/* In the child: without any capability from its first instruction on, since
 * with an empty bounding set exec gives uid 0 nothing back. */
static _Noreturn void
exec_judge(const struct service *h, int in, int out)
{
	static char path[] = PATH_HELPERS "/postmulti-judge";
	char name[32], *argv[] = {path, name, NULL}, *env[] = {NULL};

	(void)strlcpy(name, h->name, sizeof(name));
	/* The pipes lie above 4, where nothing else is open. */
	if (privs_keep(NULL, 0, true, NULL) == ERR_OK &&
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
	switch (fork()) {
	case -1: return why_errno(why, "fork");
	case 0: exec_judge(h, down[0], up[1]);
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

/* --- audit and reply ----------------------------------------------------- */

static bool
audit(const struct actor *a, const char *event, enum err e, const char *text)
{
	const struct verdict *v = &a->v;
	const struct op_info *op = op_info(v->op);
	char user[NAME_SIZE * 2], name[NAME_SIZE * 2], dir[PATH_SIZE],
	    detail[1024];

	return log_line(e == ERR_OK ? LOG_INFO : LOG_NOTICE,
	    "event=%s id=%ld-%ld uid=%lu user=%s step=%s action=%s "
	    "instance=%s directory=%s rule=%s result=%s%s%s%s",
	    event, (long)getpid(), (long)a->deadline.tv_nsec,
	    (unsigned long)a->caller->uid,
	    log_vis(a->caller->name, user, sizeof(user)),
	    op != NULL ? op->name : "none",
	    v->action < ACTION_COUNT ? action_name((enum action)v->action) :
				       "none",
	    log_vis(v->name, name, sizeof(name)),
	    log_vis(v->config.path, dir, sizeof(dir)),
	    v->rule[0] != '\0' ? v->rule : "none",
	    e == ERR_OK         ? "permitted" :
		e == ERR_DENIED ? "denied" :
				  "failed",
	    text[0] != '\0' ? " detail=\"" : "",
	    log_vis(text, detail, sizeof(detail)), text[0] != '\0' ? "\"" : "");
}

static void
send_reply(struct actor *a, enum err e, const struct why *why)
{
	struct pollfd pfd = {.fd = PROTO_FD_REPLY, .events = POLLOUT};
	struct reply *r = &a->reply;

	r->version = PROTO_VERSION;
	r->op = a->v.op;
	r->err = (uint32_t)e;
	r->unchanged = a->v.unchanged != 0;
	(void)strlcpy(r->rule, a->v.rule, sizeof(r->rule));
	if (e != ERR_OK)
		(void)strlcpy(r->error, why->text, sizeof(r->error));
	/* Nobody reads?  Then nobody wants to know. */
	if (poll(&pfd, 1, REPLY_MS) == 1 &&
	    write(PROTO_FD_REPLY, r, sizeof(*r)) == -1)
		return;
}

/* --- the actor ----------------------------------------------------------- */

/* From here on nobody's terminal or signal ends a step half-way; and nobody
 * but root can send one. */
static enum err
become_root(struct actor *a, struct why *why)
{
	static const int quiet[] = {SIGINT, SIGQUIT, SIGHUP, SIGTERM, SIGTSTP,
	    SIGTTIN, SIGTTOU, SIGALRM, SIGUSR1, SIGUSR2};
	enum err e;
	size_t i;

	if ((e = privs_root_user(why)) != ERR_OK ||
	    (e = tell_judge(a, MSG_ROOT, why)) != ERR_OK)
		return e;
	for (i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
		(void)signal(quiet[i], SIG_IGN);
	return ERR_OK;
}

static enum err
lookup_ids(struct actor *a, struct why *why)
{
	enum err e;

	if (a->v.mail_owner[0] == '\0')
		return ERR_OK;
	if ((e = caller_user_id(a->v.mail_owner, &a->mail_uid, &a->mail_gid,
		 why)) != ERR_OK)
		return e;
	return caller_group_id(a->v.setgid_group, &a->setgid_gid, why);
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
	    (e = get_verdict(a, why)) != ERR_OK)
		return e;
	if (v->op == first.op &&
	    strcmp(v->config.path, first.config.path) == 0 &&
	    strcmp(v->queue.path, first.queue.path) == 0 &&
	    strcmp(v->data.path, first.data.path) == 0 &&
	    strcmp(v->meta, first.meta) == 0 &&
	    strcmp(v->mail_owner, first.mail_owner) == 0 &&
	    strcmp(v->setgid_group, first.setgid_group) == 0)
		return ERR_OK;
	return why_set(why, ERR_BUSY,
	    "the instance was changed by somebody else meanwhile, run the "
	    "command again");
}

static enum err
locked(const struct service *h, struct actor *a, int state, struct why *why)
{
	enum err e;
	int lock;

	e = lock_take(state, "lock", PATH_STATE "/lock", &a->deadline, &lock,
	    why);
	if (e != ERR_OK)
		return e;
	if ((e = h->lock(a, why)) == ERR_OK &&
	    (e = decide_again(a, why)) == ERR_OK && !a->v.unchanged)
		e = h->act(a, why);
	(void)h->release(a, why);
	(void)close(lock);
	return e;
}

static enum err
serve(const struct service *h, struct actor *a, struct why *why)
{
	enum err e;
	int state = -1;

	if ((e = start_judge(h, a, why)) != ERR_OK ||
	    (e = get_verdict(a, why)) != ERR_OK)
		return e;
	a->deadline =
	    lock_deadline(a->v.lock_timeout == 0 ? LOCK_SECONDS_DEFAULT :
		    a->v.lock_timeout < LOCK_SECONDS_MAX ? a->v.lock_timeout :
							   LOCK_SECONDS_MAX);
	if ((e = lookup_ids(a, why)) != ERR_OK ||
	    (e = become_root(a, why)) != ERR_OK)
		return e;
	if (!audit(a, "decided", ERR_OK, "") && a->v.audit_required)
		return why_set(why, ERR_STATE,
		    "the audit log cannot be written and the policy says "
		    "\"audit required\"");
	if ((e = record_open(&a->records, why)) != ERR_OK ||
	    (e = path_open_dir(PATH_STATE, true, &state, why)) != ERR_OK ||
	    (e = h->prepare(a, why)) != ERR_OK)
		return e;
	return h->lock != NULL && a->v.op != OP_READ ?
	    locked(h, a, state, why) :
	    h->act(a, why);
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
	a->v.action = ACTION_COUNT;
	if (startup_clean(&startup, &why) != ERR_OK ||
	    startup_check(&startup, argc, argv, h->caps, h->ncaps, &why) !=
		ERR_OK) {
		dprintf(STDERR_FILENO, "%s: fatal: %s\n", h->name, why.text);
		return 1;
	}
	log_open(h->name);
	if ((e = caller_lookup(&caller, &why)) == ERR_OK &&
	    (e = privs_root_group(&why)) == ERR_OK)
		e = serve(h, a, &why);
	(void)audit(a, "done", e, why.text);
	send_reply(a, e, &why);
	return e == ERR_OK ? 0 : 1;
}
