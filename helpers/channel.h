#ifndef POSTMULTI_CHANNEL_H
#define POSTMULTI_CHANNEL_H

/*
 * Whole reads and writes; a read from a pipe ends with the other end's death
 * or at a deadline.
 */

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

#endif
