#ifndef POSTMULTI_DETACH_H
#define POSTMULTI_DETACH_H

/*
 * Takes a process out of its caller's hands, who could slow it down or stop it
 * while others wait.  What can't be done, for want of a capability, is left.
 */

#include <sys/types.h>

/* An ordinary place on the CPU and the disk, and not the first to be killed
 * when memory runs out. */
void detach_priority(pid_t);

/* Not to be ended or stopped from a terminal, for this process and what it
 * executes; others' signals don't reach uid 0. */
void detach_signals(void);

/* Out of a cgroup that was delegated to the caller, who can freeze it: to the
 * root of the hierarchy, where that may be written. */
void detach_cgroup(pid_t);

#endif
