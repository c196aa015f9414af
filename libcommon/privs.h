#ifndef POSTMULTI_PRIVS_H
#define POSTMULTI_PRIVS_H

/*
 * Users, groups and capabilities of the calling process.  The only file that
 * calls libcap.  Every drop is checked and read back.
 */

#include <sys/capability.h>
#include <sys/types.h>
#include <stddef.h>

#include "err.h"

/* Real, effective and saved group ids, and no supplementary groups. */
enum err privs_group(gid_t gid, struct why *);

/* Real, effective and saved user ids; once they are all 0 the caller can't
 * signal us. */
enum err privs_user(uid_t uid, struct why *);

/* Becomes an account, never uid 0, for good: both of the above, no capability,
 * and that it is final is tried. */
enum err privs_become(uid_t uid, gid_t gid, struct why *);

/* Keeps just these n capabilities, permitted and effective, and empties the
 * inheritable and ambient sets. */
enum err privs_keep(const cap_value_t *caps, size_t n, struct why *);

/* Bounds what we and programs we exec can ever get to these capabilities. */
enum err privs_bound(const cap_value_t *caps, size_t n, struct why *);

/* ERR_PRIVILEGE, naming it, when one of these isn't permitted to us. */
enum err privs_have(const cap_value_t *caps, size_t n, struct why *);

#endif
