#ifndef POSTMULTI_DIRS_H
#define POSTMULTI_DIRS_H

#include "cleaner.h"
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
	struct channel cleaner; /* dirs.clear, dirs.inspect */
	int queue;              /* the same: the queue directory, or -1 */
	int pid;                /* dirs.clear: pid in it, or -1 */
	int master_lock;        /* dirs.clear: pid/master.pid, while held */
};
extern struct dirs dirs;

/* Whether the step mends what is there, too: root's only. */
bool dirs_repairs(const struct actor *);

/* The steps: dirs_make.c has make, repair and mend, dirs_clear.c clear and
 * finish, dirs_tell.c inspect and records. */
enum err dirs_make(struct actor *, struct why *);
enum err dirs_clear(struct actor *, struct why *);
enum err dirs_finish(struct actor *, struct why *);
enum err dirs_tell(struct actor *, struct why *);

/* Starts postmulti-cleaner on dirs.queue, if that is open, and with has_data on
 * the data directory, which the new process opens itself. */
enum err cleaner_start(struct actor *, bool has_data, struct why *);

/* what: CLEANER_...  Whatever it answers, *t ends up well-formed. */
enum err cleaner_ask(uint32_t what, uint32_t skip, struct tally *,
    struct why *);

#endif
