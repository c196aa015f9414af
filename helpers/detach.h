#ifndef POSTMULTI_DETACH_H
#define POSTMULTI_DETACH_H

/*
 * Before a lock is taken: what a caller can slow down or stop.
 */

#include <sys/types.h>

/* An ordinary place on the CPU, whatever the caller's; 0: this process. */
void detach_schedule(pid_t);

/* Not the first to be killed when memory runs out. */
void detach_memory(pid_t);

/* Not to be ended or stopped from a terminal, for this process and what it
 * executes; others' signals don't reach uid 0. */
void detach_signals(void);

/* Out of a cgroup that was delegated to the caller, who can freeze it: to the
 * root of the hierarchy, where that may be written. */
void detach_cgroup(pid_t);

#endif
