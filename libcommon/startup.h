#ifndef POSTMULTI_STARTUP_H
#define POSTMULTI_STARTUP_H

/*
 * What a set-uid program does before anything else: throws away what it
 * inherited, and proves that it is set-uid where that means something.
 */

#include <sys/capability.h>
#include <sys/types.h>
#include <signal.h>
#include <stdbool.h>

#include "err.h"

struct startup {
	bool root; /* real uid 0: nothing to gain, nothing scrubbed */
	/* What root's postfix(1) gets back: */
	char **environ;
	sigset_t ignored, blocked;
	mode_t umask;
};

/* Signals, mask, timers, umask, working directory, environment, descriptors
 * above 4, core dumps.  Before any other code. */
enum err startup_clean(struct startup *, struct why *);

/*
 * argc and argv[0], set-uid in effect, initial user namespace and no
 * no_new_privs (for callers other than root), the needed capabilities,
 * resource limits above the floors, frame and reply descriptors of the right
 * type and direction.
 */
enum err startup_check(const struct startup *, int argc, char **argv,
    const cap_value_t *caps, size_t ncaps, struct why *);

/* Whether descriptor 4 is one that a reply may be written to. */
bool startup_can_reply(void);

#endif
