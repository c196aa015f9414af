#include <sys/stat.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "ask.h"
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

/* Nobody waits for the lock longer because of the CPU's share or the cgroup
 * that its holder's caller gave it.  What exec starts stays in that cgroup. */
static enum err
detach(const struct actor *a, struct why *why)
{
	const pid_t both[] = {getpid(), a->judge_pid};
	size_t i;

	for (i = 0; i < 2; i++) {
		detach_priority(both[i]);
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
	enum err e = privs_user(0, why);

	if (e != ERR_OK)
		return e;
	detach_signals();
	if ((e = ask_root(a, why)) != ERR_OK)
		return e;
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
	if ((e = ask_again(a, why)) != ERR_OK)
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
		h->release();
	/* Nobody's now; the next holder writes over what a killed one left. */
	(void)!ftruncate(lock, 0);
	(void)close(lock);
	return e;
}

static enum err
serve(const struct service *h, struct actor *a, struct why *why)
{
	enum err e;

	if (h->begin != NULL)
		h->begin(a);
	if ((e = ask_start(h, a, why)) != ERR_OK ||
	    (e = ask_verdict(a, why)) != ERR_OK)
		return e;
	a->deadline =
	    lock_deadline(a->v.lock_timeout == 0 ? LOCK_SECONDS_DEFAULT :
		    a->v.lock_timeout < LOCK_SECONDS_MAX ? a->v.lock_timeout :
							   LOCK_SECONDS_MAX);
	if ((e = lookup_ids(a, why)) != ERR_OK ||
	    (e = become_root(a, why)) != ERR_OK)
		return e;
	if (h->locks && !a->caller->root && (e = detach(a, why)) != ERR_OK)
		return e;
	if (h->acts[a->v.op] == NULL)
		return why_set(why, ERR_BUG, "a verdict on another's step");
	a->acting = true;
	if (!audit_decided(a) && a->v.audit_required)
		return why_set(why, ERR_STATE,
		    "the audit log cannot be written and the policy says "
		    "\"audit required\"");
	if ((e = h->prepare(a, why)) != ERR_OK)
		return e;
	if (h->locks && !helper_reads(a))
		return locked(h, a, why);
	/* Now that nobody can stop us: is it still so? */
	e = decide_again(a, why);
	return e != ERR_OK ? e : h->acts[a->v.op](a, why);
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
	a->records = a->state = -1;
	a->notes = (struct page){
	    .text = a->reply.notes, .size = sizeof(a->reply.notes) - MORE_SIZE};
	a->v.action = ACTION_COUNT;
	a->v.syslog_facility = LOG_MAIL;
	if (startup_clean(&startup, &why) != ERR_OK ||
	    startup_check(&startup, argc, argv, h->caps, h->ncaps, &why) !=
		ERR_OK) {
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
		(e = privs_group(0, &why)) == ERR_OK))
		e = serve(h, a, &why);
	audit_done(a, e, &why);
	send_reply(a, e, &why);
	return e == ERR_OK ? 0 : 1;
}
