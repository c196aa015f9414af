#ifndef POSTMULTI_COURTESY_H
#define POSTMULTI_COURTESY_H

/*
 * A look at the policy where no helper is asked, and for the question to put
 * to postmulti-policy after a refusal.  The helpers decide.
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
