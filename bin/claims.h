#ifndef POSTMULTI_CLAIMS_H
#define POSTMULTI_CLAIMS_H

/*
 * Who has which name and which directory: no two instances may share one.
 */

#include <stddef.h>

#include "err.h"
#include "site.h"

struct claims;

/* A table for up to n instances; claims_free(NULL) is fine. */
struct claims *claims_new(size_t n);
void claims_free(struct claims *);

/*
 * Enters an instance's name and directories ("" claims nothing).  The
 * instance must live as long as the table.  ERR_CONFLICT with the original's
 * sentence when another has one of them; a directory listed twice is one
 * instance.
 */
enum err claims_add(struct claims *, const struct instance *, struct why *);

/* Who has this value already, as which parameter; NULL when nobody. */
const struct instance *claims_owner(struct claims *, const char *value,
    const char **param);

/* Enters one of the directories that all instances share, as owner's. */
void claims_add_shared(struct claims *, const struct instance *owner,
    const char *param, const char *dir);

#endif
