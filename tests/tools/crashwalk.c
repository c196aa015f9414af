/*
 * crashwalk kill|fail USER INSTANCE LIST COMMAND [ARGUMENT...]: runs COMMAND,
 * which changes INSTANCE, as USER once for every system call that it and what
 * it starts make after start-up (tests/crash/trace.h), each time on the same
 * tree, and looks what is left (tests/crash/verify.h).  kill: at the call the
 * process that makes it dies, and in a second walk all of them.  fail: the
 * call fails, with each error that such a call can have.  LIST is a command
 * that must work at any time.
 *
 * For tests only, as root, on a host of its own: everything named postfix* or
 * postmulti* in /etc, /var/lib and /var/spool is put back again and again.
 */

#include <errno.h>
#include <error.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../crash/verify.h"

#define SHOWN 60 /* failures */

static struct subject subject;
static unsigned points, failures, missed;
static bool verbose, thorough, looks;

static void
failed(const char *what, const struct call *c, const char *why)
{
	if (failures++ < SHOWN)
		(void)printf("%s %s.%u %s: %s\n", what, c->who, c->nth, c->text,
		    why);
}

/* Checks what a run left, and puts everything back. */
static void
look(const char *what, const struct result *r, bool killed)
{
	char why[9000];

	points++;
	if (verbose)
		(void)printf("%s %s.%u %s: %d %s", what, r->call.who,
		    r->call.nth, r->call.text, r->status, r->err);
	if (!verify_words(&subject, r, killed, why, sizeof(why)) ||
	    !verify_disk(&subject, why, sizeof(why)))
		failed(what, &r->call, why);
	tree_restore(&subject.before);
}

static struct result
counted(void)
{
	const struct trace t = {.what = TRACE_COUNT, .looks = looks};
	struct result r;
	char why[9000];

	trace_run(subject.user, subject.argv, &t, &r);
	if (r.status != 0 || r.ncalls == 0 ||
	    !verify_words(&subject, &r, false, why, sizeof(why)))
		error(1, 0, "only counted: status %d, %zu calls: %s", r.status,
		    r.ncalls, r.err);
	tree_restore(&subject.before);
	return r;
}

/* --- kill ---------------------------------------------------------------- */

/* How often a pipe is looked at depends on how quick its other end is, and so
 * does whether one who only reads comes to its end or is ended. */
static bool
may_miss(const struct call *c)
{
	return fnmatch("* poll *", c->text, 0) == 0 ||
	    fnmatch("* read pipe", c->text, 0) == 0 ||
	    fnmatch("* exit_group*", c->text, 0) == 0;
}

/* The one counter goes on until it isn't reached; a call that was seen is. */
static void
kill_at(const struct trace *t, struct result *r)
{
	bool tree = t->what == TRACE_KILL_TREE;

	trace_run(subject.user, subject.argv, t, r);
	if (!r->reached) {
		if (t->k == 0 && may_miss(&t->at))
			missed++;
		else if (t->k == 0)
			failed(tree ? "all killed at" : "killed at", &t->at,
			    "was not called this time");
		tree_restore(&subject.before);
		return;
	}
	look(tree ? "all killed at" : "killed at", r,
	    tree || strcmp(r->call.who, "0") == 0);
}

/*
 * By the one counter to the end; and then, since processes that run side by
 * side aren't counted in the same order each time, at those calls of theirs
 * that it passed by.
 */
static void
kill_walk(enum trace_what what, const struct result *all)
{
	struct trace t = {.what = what, .looks = looks};
	struct result r;
	size_t i;
	bool *hit = calloc(all->ncalls, sizeof(*hit));

	if (hit == NULL)
		error(1, errno, "memory");
	do {
		t.k++;
		kill_at(&t, &r);
		for (i = 0; r.reached && i < all->ncalls; i++)
			if (all->calls[i].nth == r.call.nth &&
			    strcmp(all->calls[i].who, r.call.who) == 0)
				hit[i] = true;
	} while (r.reached);
	t.k = 0;
	for (i = 0; i < all->ncalls; i++)
		if (!hit[i]) {
			t.at = all->calls[i];
			kill_at(&t, &r);
		}
	free(hit);
}

/*
 * To kill all of them at once leaves what is on disk at that moment: it is
 * looked at while they are stopped there, at every call of a single run.
 * Where it has changed they are killed indeed.
 */
static struct call *changes;
static size_t nchanges;
static uint64_t last_tree;

static bool
watch(const struct call *c)
{
	char why[9000];
	uint64_t now;

	points++;
	if (!verify_glance(&subject, &now, why, sizeof(why)))
		failed("all stopped at", c, why);
	if (now != last_tree || nchanges == 0) {
		changes = reallocarray(changes, nchanges + 1, sizeof(*changes));
		if (changes == NULL)
			error(1, errno, "memory");
		changes[nchanges++] = *c;
	}
	last_tree = now;
	return true;
}

static void
watch_walk(void)
{
	struct trace t = {.what = TRACE_COUNT,
	    .looks = looks,
	    .watch = watch,
	    .seconds = 100};
	struct result r;

	trace_run(subject.user, subject.argv, &t, &r);
	if (r.status != 0)
		error(1, 0, "only watched: %s", r.err);
	tree_restore(&subject.before);
	t.what = TRACE_KILL_TREE;
	for (; nchanges > 0; nchanges--) {
		t.at = changes[nchanges - 1];
		kill_at(&t, &r);
	}
	free(changes);
	changes = NULL;
}

/* --- fail ---------------------------------------------------------------- */

#define ERRORS_MAX 6
static const int errors[CALL_CLASSES][ERRORS_MAX] = {
    [CALL_WRITE] = {ENOSPC, EDQUOT, EIO, EINTR},
    [CALL_SEND] = {ENOMEM, ECONNREFUSED},
    [CALL_OPEN] = {EMFILE, ENOMEM, EIO, EINTR},
    [CALL_CREATE] = {ENOSPC, EIO, EMFILE, ENOMEM, EROFS, EDQUOT},
    [CALL_MKDIR] = {ENOSPC, EIO, ENOMEM, EROFS, EDQUOT},
    [CALL_RENAME] = {ENOSPC, EIO, ENOMEM, EROFS, EDQUOT},
    [CALL_UNLINK] = {EIO, ENOMEM, EROFS},
    [CALL_CHANGE] = {ENOSPC, EIO, ENOMEM, EROFS, EDQUOT},
    [CALL_SYNC] = {ENOSPC, EIO, EDQUOT, EINTR},
    [CALL_LOCK] = {ENOLCK, EINTR},
};

/* The lock file that can't be removed once all is done. */
#define LEFT "postmulti-config unlinkat */main.cf.tmp"

/* Or the instance itself, when it is met among all of them. */
#define OTHERS "an instance that is damaged doesn't stop others"

/* What a command gets over, and why; the text is a call's, then the error. */
static struct {
	const char *text, *reason;
	unsigned n;
} survivable[] = {
    {"* EINTR", "interrupted: the call was made again", 0},
    {"* sendto socket *", "a line in the log, unless audit is required", 0},
    {"postmulti openat2 *", "a look before the request: helpers look again", 0},
    {"postmulti-judge openat2 /etc/postfix-in* EIO", OTHERS, 0},
    {"postmulti-judge openat2 /etc/postfix-out* EIO", OTHERS, 0},
    {"postmulti-judge openat2 /etc/postfix-one* EIO", OTHERS, 0},
    {"postmulti-judge openat2 / EIO", OTHERS, 0},
    {"postmulti-judge openat2 //etc EIO", OTHERS, 0},
    {"postmulti-judge openat2 /etc/postmulti* EIO", "root has no policy", 0},
    {"* /var/lib/postmulti/lock *", "the lock doesn't say who holds it", 0},
    {"postmulti-dirs unlinkat */records/tmp *", "nothing to remove there", 0},
    {LEFT " *", "main.cf.tmp stays, to be used by the next change", 0},
};

/* It succeeded all the same: may it? */
static void
survived(const struct call *c, int number)
{
	char text[sizeof(c->text) + 32];
	size_t i;

	(void)snprintf(text, sizeof(text), "%s %s", c->text,
	    strerrorname_np(number));
	for (i = 0; i < sizeof(survivable) / sizeof(survivable[0]); i++)
		if (fnmatch(survivable[i].text, text, 0) == 0) {
			survivable[i].n++;
			return;
		}
	failed(strerrorname_np(number), c, "is got over");
}

static void
fail_at(const struct call *c, int number)
{
	struct trace t = {
	    .what = TRACE_FAIL, .at = *c, .error = number, .looks = looks};
	struct result r;
	char what[64];

	(void)snprintf(what, sizeof(what), "%s at", strerrorname_np(number));
	trace_run(subject.user, subject.argv, &t, &r);
	if (!r.reached)
		failed(what, c, "was not called this time");
	r.call = *c;
	if (r.status == 0)
		survived(c, number);
	else if (strstr(r.err, strerrordesc_np(number)) == NULL &&
	    fnmatch("* write pipe", c->text, 0) != 0)
		failed(what, c, r.err);
	subject.leftover = fnmatch(LEFT, c->text, 0) == 0;
	look(what, &r, false);
	subject.leftover = false;
}

/* Neither the first nor the last time that a process opens a thing. */
static bool
in_between(const struct result *all, const struct call *c)
{
	bool before = false, after = false;
	const struct call *o;

	for (o = all->calls; o < all->calls + all->ncalls; o++)
		if (o->class == c->class && strcmp(o->who, c->who) == 0 &&
		    strcmp(o->text, c->text) == 0) {
			before |= o < c;
			after |= o > c;
		}
	return before && after;
}

/* No pipe is full for long or has a quota. */
static size_t
errors_of(const struct call *c, int out[ERRORS_MAX])
{
	bool pipe = fnmatch("* write pipe", c->text, 0) == 0;
	size_t k, n = 0;

	for (k = 0; k < ERRORS_MAX; k++)
		if (errors[c->class][k] != 0 && !(pipe && k < 2))
			out[n++] = errors[c->class][k];
	return n;
}

/*
 * Every call; when thorough, every error.  Else two of them in turn, for one
 * is like another to most callers; and opens for reading, which are many, get
 * one, and what one process opens again and again is tried at the first and
 * the last time.  What the C library opens to look up names is its own.
 */
static void
fail_walk(const struct result *all)
{
	const struct call *c;
	size_t turn = 0, n, tries;
	int with[ERRORS_MAX];

	for (c = all->calls; c < all->calls + all->ncalls; c++) {
		if (fnmatch("postmulti openat *", c->text, 0) == 0 ||
		    (n = errors_of(c, with)) == 0 ||
		    (c->class == CALL_OPEN && !thorough && in_between(all, c)))
			continue;
		tries = thorough ? n : c->class == CALL_OPEN ? 1 : 2;
		for (; tries > 0; tries--)
			fail_at(c, with[turn++ % n]);
	}
}

int
main(int argc, char *argv[])
{
	char *list[] = {NULL, (char *)(size_t) "-l", NULL};
	struct result all;
	size_t i;

	verbose = getenv("VERBOSE") != NULL;
	thorough = getenv("THOROUGH") != NULL;
	if (argc < 6)
		error(1, 0,
		    "usage: crashwalk kill|fail USER INSTANCE LIST "
		    "COMMAND [ARGUMENT...]");
	list[0] = argv[4];
	subject.user = strcmp(argv[2], "root") == 0 ? NULL : argv[2];
	subject.instance = argv[3];
	subject.list = list;
	subject.argv = argv + 5;
	subject.always = thorough;
	/* To fail every look is to be tried; to die there isn't news. */
	looks = thorough || strcmp(argv[1], "fail") == 0;
	trace_stay_here();
	verify_learn(&subject);
	all = counted();
	if (strcmp(argv[1], "kill") == 0) {
		kill_walk(TRACE_KILL_ONE, &all);
		if (thorough)
			kill_walk(TRACE_KILL_TREE, &all);
		else
			watch_walk();
	} else
		fail_walk(&all);
	for (i = 0; i < sizeof(survivable) / sizeof(survivable[0]); i++)
		if (survivable[i].n != 0)
			(void)printf("got over %u: %s\n", survivable[i].n,
			    survivable[i].reason);
	if (missed > 0)
		(void)printf("not reached %u: a poll or read of a pipe, or an "
			     "end\n",
		    missed);
	if (failures > SHOWN)
		(void)printf("and %u more\n", failures - SHOWN);
	(void)printf("%u calls, %u points, %u trees, %u failures\n", all.all,
	    points, verify_trees(), failures);
	return failures != 0 || points == 0;
}
