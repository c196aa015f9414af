#ifndef POSTMULTI_EXECUTE_H
#define POSTMULTI_EXECUTE_H

#include "instances.h"
#include "options.h"

/* -x: runs the user's own command for each selected instance, as the caller
 * and in the caller's environment with the instance's added. */
void execute_run(const struct instances *, const struct options *);

/* -p (postfix.c): runs postfix(1) for each selected instance, through
 * postmulti-exec. */
void execute_postfix(const struct instances *, const struct options *);

#endif
