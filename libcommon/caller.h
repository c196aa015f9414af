#ifndef POSTMULTI_CALLER_H
#define POSTMULTI_CALLER_H

/*
 * Who is calling: the one place that knows.  A real uid from the kernel, and
 * what the account and group databases say of it now; nothing of it comes
 * from a frame.
 */

#include <sys/types.h>
#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "policy.h"
#include "site.h"

struct caller {
	uid_t uid;
	bool root;
	char name[NAME_SIZE]; /* "" when no account maps to uid and back */
	gid_t helpers;        /* the group that may reach the helpers */
	size_t nfresh, nkernel;
	gid_t fresh[NGROUPS_MAX];      /* the group database, now */
	gid_t kernel[NGROUPS_MAX + 1]; /* real gid, supplementary groups */
};

/* What goes over a pipe: this much, then the groups there are. */
#define CALLER_HEAD offsetof(struct caller, fresh)

/* Fills *c for getuid().  Uses the name services: before any filter, and
 * before the process's own groups are changed. */
enum err caller_lookup(struct caller *c, struct why *);

/* The caller as policy decides about it. */
struct subject caller_subject(const struct caller *c);

/* Looks up a group named in a policy: fills state and gid. */
void caller_bind_group(struct policy_group *g);

/* mail_owner's user and primary group, setgid_group's group. */
enum err caller_mail_ids(const char *owner, const char *group, uid_t *uid,
    gid_t *gid, gid_t *setgid, struct why *why);

#endif
