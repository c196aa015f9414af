#ifndef POSTMULTI_SPAWN_H
#define POSTMULTI_SPAWN_H

/*
 * The one place where the front-end starts programs.
 */

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

#define SPAWN_KEEP (-1) /* the caller's own descriptor */
#define SPAWN_NULL (-2) /* /dev/null */

struct spawn {
	const char *path; /* without a slash: searched in our PATH */
	char *const *argv, *const *envp;
	int fds[3];     /* what 0, 1, 2 become: SPAWN_..., or a descriptor */
	int request[2]; /* what 3 and 4 become, when has_request is set */
	bool has_request;
};

/*
 * Starts it, as execvp(3) does.  ERR_OK once the new program runs.  When it
 * could not be run errno is that of execve(2) and the sentence names the
 * program.  Signals and other descriptors are left alone: ours are all
 * close-on-exec.
 */
enum err spawn_start(const struct spawn *, pid_t *, struct why *);

/* The wait(2) status of a child, whatever interrupts the wait. */
enum err spawn_wait(pid_t, int *status, struct why *);

/*
 * Runs it with 1 and 2 going to buf, at most size - 1 bytes and a NUL; more
 * is ERR_LIMIT and ends it.
 */
enum err spawn_capture(const struct spawn *, char *buf, size_t size,
    size_t *len, int *status, struct why *);

#endif
