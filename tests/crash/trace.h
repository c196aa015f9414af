#ifndef CRASH_TRACE_H
#define CRASH_TRACE_H

/*
 * Runs a command with all that it starts under ptrace(2), counts system calls
 * with one counter over the whole tree of processes, and does something at one
 * of them.  As root's tracing does, it leaves set-uid in effect.
 *
 * What counts is a call after start-up.  Start-up is over in postmulti(1)
 * after its umask(2), the last thing before options are parsed; in helpers,
 * judge and cleaner, and whatever else is named postmulti-*, once a seccomp
 * filter is loaded; what they fork begins where they are.  Calls that change
 * files count even before.  In other programs nothing counts.
 *
 * Of calls in a row by which a process only looks (opens for reading, reads a
 * file, asks for its status ...) the first counts, unless looks is set.
 */

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

enum call_class {
	CALL_OTHER,
	CALL_LOOK,
	CALL_WRITE,
	CALL_SEND,
	CALL_OPEN,   /* of what exists, for reading */
	CALL_CREATE, /* any other open */
	CALL_MKDIR,
	CALL_RENAME,
	CALL_UNLINK,
	CALL_CHANGE, /* owner, mode, length */
	CALL_SYNC,
	CALL_LOCK,
	CALL_READ, /* files and directories */
	CALL_CLASSES
};

/* A counted call.  who is the process, by order of birth: "0" is the command,
 * "0.2" its second child; nth its how manieth. */
struct call {
	char who[24];
	unsigned nth;
	enum call_class class;
	char text[256]; /* program, call, what about */
};

enum trace_what {
	TRACE_NOT, /* not traced at all */
	TRACE_COUNT,
	TRACE_KILL_ONE,  /* the process that makes the call */
	TRACE_KILL_TREE, /* all of them */
	TRACE_FAIL,      /* the call returns -error and does nothing */
};

/* At the k-th call, counted from 1; or, k being 0, at the call that at says,
 * of which who and nth are looked at. */
struct trace {
	enum trace_what what;
	unsigned k;
	struct call at;
	int error;
	bool looks; /* all of them count */
	/* TRACE_COUNT: called at each call, while nobody goes on, until it
	 * returns false. */
	bool (*watch)(const struct call *);
	unsigned seconds; /* then everything is killed: 0 for 20 */
};

struct result {
	int status; /* of the command: exit status, 128 + signal */
	bool hung;
	bool reached;     /* the call was made */
	struct call call; /* it */
	unsigned all;     /* calls after start-up, looks included */
	struct call *calls;
	size_t ncalls, room;
	char out[8192], err[8192]; /* what was printed, cut */
};

/* user: NULL for root.  calls is the caller's to free. */
void trace_run(const char *user, char *const argv[], const struct trace *,
    struct result *);

/*
 * From now on this process and what it starts stay on one processor: whoever
 * is traced and we take turns, without waking one up each time, and are twice
 * as quick.
 */
void trace_stay_here(void);

#endif
