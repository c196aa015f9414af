#ifndef POSTMULTI_LOCK_H
#define POSTMULTI_LOCK_H

/*
 * Locks on files only root can open, so that nobody unprivileged can hold
 * them; bounded waits.  For main.cf it is the protocol of postconf(1) -e
 * (edit_file(3) of Postfix) on the same name, main.cf.tmp: no update is lost
 * between it and us.
 */

#include <stdbool.h>
#include <time.h>

#include "err.h"

#define LOCK_SECONDS_DEFAULT 10
#define LOCK_SECONDS_MAX     60

/* A point on CLOCK_MONOTONIC, seconds from now. */
struct timespec lock_deadline(unsigned seconds);
/* Milliseconds left, at least 0. */
int lock_left(const struct timespec *deadline);

/*
 * Opens (creating it, 0600) name below dirfd and takes an exclusive flock(2)
 * on it: regular, root's, mode 0600, one link, and still under that name when
 * the lock is held; otherwise it is unlinked and made anew.  ERR_BUSY at the
 * deadline, with the file's first line where it tells who holds the lock: up
 * to LOCK_HOLDER bytes, for the holder to write.  Closing *fd unlocks.
 */
#define LOCK_HOLDER 512
enum err lock_take(int dirfd, const char *name, const char *label, bool tells,
    const struct timespec *deadline, int *fd, struct why *);

#endif
