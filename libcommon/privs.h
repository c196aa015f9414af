#ifndef POSTMULTI_PRIVS_H
#define POSTMULTI_PRIVS_H

/*
 * Users, groups and capabilities of the calling process.  The only file that
 * includes libcap.  Every drop is checked, read back, and tried to undo.
 */

#include <sys/capability.h>
#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* Becomes uid and gid for good, without supplementary groups.  When uid isn't
 * 0 all capabilities go with it, and that it is final is tried. */
enum err privs_become(uid_t uid, gid_t gid, struct why *);

/*
 * Sets group ids to 0 and drops the supplementary groups: what a set-uid
 * helper does before it creates anything.
 */
enum err privs_root_group(struct why *);

/* Real, effective and saved uid 0: from here the caller can't signal us. */
enum err privs_root_user(struct why *);

/* Keeps just these n capabilities, permitted and effective, and empties the
 * inheritable and ambient sets; no_bounding also empties the bounding set. */
enum err privs_keep(const cap_value_t *caps, size_t n, bool no_bounding,
    struct why *);

/* Bounds what programs we exec can ever have to these n capabilities. */
enum err privs_bound(const cap_value_t *caps, size_t n, struct why *);

/* ERR_PRIVILEGE, naming it, when one of these isn't permitted to us. */
enum err privs_have(const cap_value_t *caps, size_t n, struct why *);

#endif
