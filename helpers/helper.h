#ifndef POSTMULTI_HELPER_H
#define POSTMULTI_HELPER_H

/*
 * What the three set-uid helpers share: the actor.  It does what the judge's
 * verdict says, within what its own filter and descriptors allow, and parses
 * nothing of anybody's but root's.  See helper.c for the order of things.
 */

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "caller.h"
#include "err.h"
#include "privs.h"
#include "sandbox.h"
#include "startup.h"
#include "verdict.h"

struct channel {
	int in, out;
};

struct actor {
	const struct startup *startup;
	const struct caller *caller;
	char **argv;
	struct channel judge;
	struct verdict v;
	char list[LIST_MAX], alt[LIST_MAX];
	struct reply reply;
	struct timespec deadline;
	uid_t mail_uid;
	gid_t mail_gid, setgid_gid;
	int records; /* descriptor of the directory of records, or -1 */
};

/*
 * A step in the actor.  prepare: opens and confines, before any lock.  lock:
 * what else to lock once the global lock is held; NULL: this helper takes no
 * lock at all and acts on the first verdict.  act: what the verdict made under
 * the locks says.  release: unlocks, whatever happened.
 */
typedef enum err actor_fn(struct actor *, struct why *);

struct service {
	enum helper which;
	const char *name;
	const cap_value_t *caps; /* must be there at the start */
	size_t ncaps;
	actor_fn *prepare, *lock, *act, *release;
};

int helper_main(const struct service *, int argc, char **argv);

/* Adds a warning to the reply: one line, encoded. */
void helper_note(struct actor *a, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Opens the directory of a verdict and compares device and inode. */
enum err helper_open(struct actor *a, const struct where *, int *fd,
    struct why *);

#endif
