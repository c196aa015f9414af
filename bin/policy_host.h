#ifndef POSTMULTI_POLICY_HOST_H
#define POSTMULTI_POLICY_HOST_H

/*
 * What explain and list ask the host: its instances, from postmulti(1), and
 * its accounts, seen as the helpers see them.
 */

#include "path.h"
#include "policytool.h"
#include "site.h"

/* One line of `postmulti -l`; o and dir point into line. */
struct row {
	struct object o;
	const char *dir;
	char line[PATH_SIZE + 2 * NAME_SIZE + 16];
};

/* Reads what `postmulti -l` prints; looking into it comes later.  Returns the
 * exit status, 0 to go on. */
int host_listing(void);

/* The row after *pos, NULL for the first; false at the end.  Exits when a
 * line isn't postmulti(1)'s. */
bool host_next(const char **pos, struct row *);

/* The subject of all questions, once one of these has returned 0: by uid, or
 * a name or #uid as on a command line. */
extern struct subject host_who;
int host_account(uid_t uid);
int host_user(const char *user);

/* Whether it is in the group that reaches the helpers: in the group database,
 * and of the caller itself also by the kernel.  Without a name nobody can
 * tell, and it counts as if it were. */
bool host_member(void);

#endif
