#ifndef POSTMULTI_REQUEST_H
#define POSTMULTI_REQUEST_H

/*
 * Runs one helper with one frame and waits for its one reply.
 */

#include "proto.h"

/*
 * args: for exec.postfix by root with frame->command == 0, the NULL-terminated
 * words for postfix(1); NULL otherwise.  Returns the reply's error, or
 * ERR_PROTOCOL, ERR_PRIVILEGE ... when there was none; why then says what the
 * user should read.  While the helper runs, TERM, INT and HUP to us are passed
 * on to it when we are root.
 */
enum err request_run(const struct frame *, char *const args[], struct reply *,
    struct why *);

/*
 * The notes of the last reply, as lines.  They were shown as warnings, but for
 * a last line "(and N more)" of dirs.clear and dirs.finish: see removal_rest().
 */
const char *request_notes(void);

/* Whether the user interrupted us (^C, TERM, HUP) since we started: the step
 * under way is finished, no further one should be started. */
int request_interrupted(void);

#endif
