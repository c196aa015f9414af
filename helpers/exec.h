#ifndef POSTMULTI_EXEC_H
#define POSTMULTI_EXEC_H

#include "err.h"

/*
 * What a process passes on through fork and exec is the caller's until it is
 * reset here; Postfix would hand it to every daemon.
 */

/* Resource limits, raised to what a master(8) needs; ERR_LIMIT, naming it,
 * for one that was lowered for good and can't be raised (CAP_SYS_RESOURCE). */
enum err exec_raise_limits(struct why *why);

/* Scheduling, affinity, out-of-memory score, personality, timer slack, huge
 * pages, memory policy, secure bits, core dump filter, session keyring.  In
 * the child, before exec. */
void exec_reset_state(void);

/* The cgroup.procs of our control group: write 0 to it to come back.  -1 where
 * there is no cgroup v2, or it can't be written to. */
int exec_cgroup(void);

#endif
