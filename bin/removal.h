#ifndef POSTMULTI_REMOVAL_H
#define POSTMULTI_REMOVAL_H

#include "instances.h"
#include "proto.h"

/*
 * destroy --dry-run: prints what would go and what would stay, a path a line.
 * Fatal, in the helper's own terms, when it would be refused.
 */
void removal_show(const struct instance *, const struct selector *);

/*
 * After dirs.clear or dirs.finish: names what stays, where the step's notes had
 * no room for all of it.
 */
void removal_rest(enum op, const struct instance *, const struct selector *);

/*
 * After a damaged instance was destroyed: names what may have been its queue
 * and data directories where they couldn't be known, and those that it had
 * together with another.
 */
void removal_left(const struct instances *, const struct instance *);

#endif
