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

#define SHOWN 20 /* failures */

static struct subject subject;
static unsigned points, failures;
static bool verbose;

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
	const struct trace t = {.what = TRACE_COUNT};
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

static void
kill_at(const struct trace *t, struct result *r)
{
	bool tree = t->what == TRACE_KILL_TREE;

	trace_run(subject.user, subject.argv, t, r);
	if (!r->reached) {
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
	struct trace t = {.what = what};
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

/* --- fail ---------------------------------------------------------------- */

#define ERRORS_MAX 6
static const int errors[CALL_CLASSES][ERRORS_MAX] = {
    [CALL_WRITE] = {ENOSPC, EIO, EDQUOT, EINTR},
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

static void
fail_at(const struct call *c, int number)
{
	struct trace t = {.what = TRACE_FAIL, .at = *c, .error = number};
	struct result r;
	char what[64];

	(void)snprintf(what, sizeof(what), "%s at", strerrorname_np(number));
	trace_run(subject.user, subject.argv, &t, &r);
	if (!r.reached)
		failed(what, c, "was not called this time");
	r.call = *c;
	look(what, &r, false);
}

static void
fail_walk(const struct result *all)
{
	size_t i, k;

	for (i = 0; i < all->ncalls; i++)
		for (k = 0; k < ERRORS_MAX; k++)
			if (errors[all->calls[i].class][k] != 0)
				fail_at(&all->calls[i],
				    errors[all->calls[i].class][k]);
}

int
main(int argc, char *argv[])
{
	char *list[] = {NULL, (char *)(size_t)"-l", NULL};
	struct result all;

	verbose = getenv("CRASHWALK_VERBOSE") != NULL;
	if (argc < 6)
		error(1, 0, "usage: crashwalk kill|fail USER INSTANCE LIST "
			    "COMMAND [ARGUMENT...]");
	list[0] = argv[4];
	subject.user = strcmp(argv[2], "root") == 0 ? NULL : argv[2];
	subject.instance = argv[3];
	subject.list = list;
	subject.argv = argv + 5;
	verify_learn(&subject);
	all = counted();
	if (strcmp(argv[1], "kill") == 0) {
		kill_walk(TRACE_KILL_ONE, &all);
		kill_walk(TRACE_KILL_TREE, &all);
	} else
		fail_walk(&all);
	if (failures > SHOWN)
		(void)printf("and %u more\n", failures - SHOWN);
	(void)printf("%zu calls, %u points, %u trees, %u failures\n",
	    all.ncalls, points, verify_trees(), failures);
	return failures != 0 || points == 0;
}
