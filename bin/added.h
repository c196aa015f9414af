#ifndef POSTMULTI_ADDED_H
#define POSTMULTI_ADDED_H

/*
 * Where a new instance goes: create's and import's names, directories and
 * place in the list, with the original's checks in the original's order.
 */

#include "instances.h"
#include "options.h"
#include "proto.h"

/*
 * Fills *in with what the instance will be and the frame's place, before,
 * create's names and (root only) directories.  ERR_EXISTS when this very
 * instance is on the list already: a sentence for the user, unless it turns out
 * that an interrupted command left it.
 */
enum err added_plan(const struct instances *, struct options *,
    struct instance *in, struct frame *, struct why *);

/* Whether a directory holds both files of an instance already. */
bool added_complete(const char *dir);

#endif
