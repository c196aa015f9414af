#ifndef POSTMULTI_PLAN_H
#define POSTMULTI_PLAN_H

/*
 * What each action consists of: its steps, each one request to one helper.
 */

#include "options.h"
#include "policy.h"
#include "proto.h"

#define PLAN_STEPS 3

struct plan {
	enum action action; /* what policy calls it; ACTION_COUNT: root's */
	enum op steps[PLAN_STEPS + 1]; /* OP_NONE ends them */
};

/* The plan of an -e action or of -p; NULL for the other modes. */
const struct plan *plan_of(enum mode);

/* --dry-run: one numbered line, "N. HELPER STEP TEXT: detail". */
void plan_print(unsigned n, enum op, const char *detail);

#endif
