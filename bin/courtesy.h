#ifndef POSTMULTI_COURTESY_H
#define POSTMULTI_COURTESY_H

/*
 * An early look at the policy, so that a refusal is told before anything is
 * started.  The helpers decide; this only saves the user time.
 */

#include "err.h"
#include "instances.h"
#include "policy.h"

/*
 * ERR_DENIED, with a sentence, when the policy can be read and doesn't
 * permit this to the caller; ERR_OK otherwise, and always for root.
 */
enum err courtesy_check(enum action, const struct instance *, struct why *);

/* "; see: postmulti-policy explain USER ACTION INSTANCE" for a refusal; to is
 * what was to become of the instance, NULL when that isn't the question. */
void courtesy_hint(enum action, const struct instance *,
    const struct instance *to, char *out, size_t size);

#endif
