#ifndef POSTMULTI_DIRS_H
#define POSTMULTI_DIRS_H

#include "helper.h"

/*
 * One of the instance's three directories: the deepest ancestor that exists,
 * opened, and what is below it on the way.  For a delegate that is always
 * the parent.  anchor is -1 where the step doesn't concern it.
 */
struct spot {
	struct where *w;
	int anchor;
	char rest[PATH_SIZE]; /* below anchor: "name", root's also "a/b/name" */
};

/* What prepare() opened for the step. */
struct dirs {
	struct spot spots[BASE_COUNT];
	struct cleaner {
		int in, out;
	} cleaner;
	int queue;       /* dirs.clear: the queue directory, or -1 */
	int master_lock; /* dirs.clear: pid/master.pid, while held */
};
extern struct dirs dirs;

/* The steps: dirs_make.c for make and repair, dirs_clear.c for the others. */
enum err dirs_make(struct actor *, struct why *);
enum err dirs_clear(struct actor *, struct why *);
enum err dirs_finish(struct actor *, struct why *);

/*
 * Work inside directories that belong to mail_owner is done by a child that
 * has irrevocably become mail_owner (cleaner.c): a race there can gain only
 * what that user has anyway.
 */

/* The queues whose regular files are messages. */
#define CLEANER_QUEUES 7
extern const char *const cleaner_queues[CLEANER_QUEUES];

struct tally {
	uint32_t err; /* enum err */
	uint32_t messages[CLEANER_QUEUES];
	uint32_t more;   /* not removed, beyond those in left */
	char left[1024]; /* what was not removed: vis(3)-encoded paths below
			    the queue, one a line; with err: where */
};

/* Forks it.  queue, data: descriptors, the latter of data's parent; -1 for
 * what is not there. */
enum err cleaner_start(struct actor *, struct cleaner *, int queue,
    int data_parent, const char *data_name, struct why *);

/* Counts messages: nothing is touched. */
#define CLEANER_COUNT 'C'
/* Removes empty hash directories, sockets and FIFOs, master.lock and
 * prng_exch; names what stays. */
#define CLEANER_REMOVE 'R'
enum err cleaner_ask(struct cleaner *, char order, struct tally *,
    struct why *why);

#endif
