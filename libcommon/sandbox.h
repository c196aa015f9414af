#ifndef POSTMULTI_SANDBOX_H
#define POSTMULTI_SANDBOX_H

/*
 * seccomp filters from tables and Landlock rule sets from descriptors.  The
 * only file that calls libseccomp.  A call that isn't on the table kills the
 * whole process; 32-bit and x32 entries are closed.
 */

#include <stddef.h>
#include <stdint.h>

#include "err.h"

/*
 * One permitted system call.  Rows with the same number are alternatives.  An
 * argument rule says: (argument arg & mask) == value, for up to two
 * arguments; mask 0 means no rule.
 */
struct sandbox_call {
	int nr; /* SYS_... */
	struct {
		unsigned arg;
		uint64_t mask, value;
	} when[2];
	const char *reason;
};

#define SANDBOX_ARG(n, v)                                                      \
	{                                                                      \
		.arg = (n), .mask = UINT32_MAX, .value = (v)                   \
	}
#define SANDBOX_BITS(n, m)                                                     \
	{                                                                      \
		.arg = (n), .mask = (m), .value = 0                            \
	}

/* Loads the filter; sets no_new_privs.  Final. */
enum err sandbox_calls(const struct sandbox_call *, size_t n, struct why *);

/* What may be done with everything beneath a directory: bits of
 * linux/landlock.h, which sandbox.c holds against these. */
#define SANDBOX_READ   0xcu    /* read files, list directories */
#define SANDBOX_WRITE  0x4122u /* write, truncate, make, unlink files */
#define SANDBOX_MKDIR  0x80u
#define SANDBOX_RMDIR  0x10u
#define SANDBOX_UNLINK 0x20u /* any file but a directory */

struct sandbox_dir {
	int fd;
	unsigned may;
};

/* Landlock's version in this kernel; 0 for none. */
int sandbox_landlock(void);

/*
 * Restricts this process to these directories, by Landlock; entries with fd -1
 * don't count.  ERR_STATE when the kernel has none (before Linux 5.13 or not
 * enabled): whether to go on without is the caller's decision.
 */
enum err sandbox_dirs(const struct sandbox_dir *, size_t n, struct why *);

/* The front-end's reader for root: reads any file its user can, writes to
 * descriptors it has, nothing else. */
enum err sandbox_reader(struct why *);

#endif
