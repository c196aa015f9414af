#ifndef POSTMULTI_HELPER_H
#define POSTMULTI_HELPER_H

/*
 * What the three set-uid helpers share: the actor.  It does what the judge's
 * verdict says, within what its own filter and descriptors allow, and parses
 * nothing of anybody's but root's.  See helper.c for the order of things.
 */

#include <stdbool.h>
#include <time.h>

#include "caller.h"
#include "channel.h"
#include "err.h"
#include "page.h"
#include "privs.h"
#include "sandbox.h"
#include "startup.h"
#include "verdict.h"

struct actor {
	const struct startup *startup;
	const struct caller *caller;
	char **argv;
	struct channel judge;
	pid_t judge_pid;
	struct verdict v;
	char list[LIST_MAX], alt[LIST_MAX];
	struct reply reply;
	struct page notes;        /* the reply's: warnings, encoded */
	struct timespec deadline; /* for the locks */
	struct timespec given_up; /* for the decision */
	bool touched; /* something on disk was changed, besides records */
	bool acting;  /* permitted, and "decided" was written */
	uid_t mail_uid;
	gid_t mail_gid, setgid_gid;
	const char *command; /* root's own for postfix(1), else NULL */
	char words[256];     /* the same with what follows it, for the log */
	bool cut;            /* there was no room for all of them */
	int state, records;  /* PATH_STATE and its records, once a step that
				takes the global lock has opened them; or -1 */
};

/*
 * A step in the actor.  begin: notes what the log is to tell.  prepare: opens
 * and confines, before any lock.  lock: what else to lock once the global lock
 * is held.  acts, by enum op: does what the second verdict says, NULL for
 * another helper's steps.  release: unlocks, whatever happened.
 */
typedef enum err actor_fn(struct actor *, struct why *);

struct service {
	const char *name;
	const cap_value_t *caps; /* must be there at the start */
	size_t ncaps;
	bool locks; /* takes the global lock: prepare opens a->state */
	void (*begin)(struct actor *); /* the caller is known; may be NULL */
	actor_fn *prepare, *lock;      /* the latter may be NULL */
	void (*release)(void);         /* so may this */
	actor_fn *const *acts;
};

int helper_main(const struct service *, int argc, char **argv);

/* Whether the step changes nothing. */
bool helper_reads(const struct actor *a);

/* Opens the directory of a verdict and compares device and inode. */
enum err helper_open(struct actor *a, const struct where *, int *fd,
    struct why *);

/* What an actor keeps once it knows its step.  confine.c: not in
 * postmulti-exec, for what it starts would inherit that. */
struct confinement {
	const cap_value_t *caps;
	const struct sandbox_dir *dirs;
	const struct sandbox_call *calls;
	size_t ncaps, ndirs, ncalls;
};
enum err helper_confine(struct actor *a, const struct confinement *,
    struct why *why);

#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

#endif
