#ifndef POSTMULTI_SELECT_H
#define POSTMULTI_SELECT_H

/*
 * Which instances -a, -g and -i mean.
 */

#include "instances.h"
#include "options.h"
#include "proto.h"

/* What to do with each selected instance. */
typedef void select_visit(void *ctx, const struct entry *);

/*
 * Visits what is selected, the primary first, or in reverse.  A damaged
 * instance that would have been included is reported and skipped, unless
 * damaged is set; the exit status will be 1.  Returns the number visited.
 */
size_t select_each(const struct instances *, const struct options *,
    bool reverse, bool damaged, select_visit *, void *ctx);

/* When no instance has the name that -i was given: warns of those whose name
 * can't be known, and tells whether there are any. */
bool select_unnamed(const struct instances *, const struct options *);

/* The instance that -i names for -e, damaged or not; NULL when there is
 * none of that name. */
const struct entry *select_one(const struct instances *,
    const struct options *);

/* Where create and import put a new instance: the first secondary selected.
 * NULL for the end.  Fatal when nothing matches. */
const struct entry *select_place(const struct instances *,
    const struct options *);

/* The form of a name that -i was given, with "postfix-" in front. */
void select_full_name(const char *given, char *out, size_t size);

/* How a frame names an existing instance. */
void select_frame(const struct entry *, struct selector *);

#endif
