#ifndef POSTMULTI_CHANNEL_H
#define POSTMULTI_CHANNEL_H

/*
 * Whole reads and writes; a read from a pipe ends with the other end's death
 * or at a deadline.
 */

#include <sys/types.h>
#include <stddef.h>
#include <time.h>

#include "err.h"

struct channel {
	int in, out;
};

/* ERR_SYSTEM, errno saying why.  Files may be written with it, too. */
enum err channel_write(int fd, const void *buf, size_t len);
/* ERR_TIMEOUT at the deadline, ERR_PROTOCOL when the other end is gone. */
enum err channel_read(int fd, void *buf, size_t len,
    const struct timespec *deadline);

/* Forks: both get their end of a pair of pipes, and the child *pid 0. */
enum err channel_fork(struct channel *, pid_t *pid, struct why *);

/*
 * In that child: fds[0..n) become the descriptors from first on, a -1 a closed
 * one, and what is above them is closed.  Then executes argv[0] without an
 * environment.  Exits with status 127 when any of that fails.
 */
_Noreturn void channel_exec(char *const argv[], int *fds, int n, int first);

#endif
