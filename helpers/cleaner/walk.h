#ifndef POSTMULTI_WALK_H
#define POSTMULTI_WALK_H

/* The cleaner's way through a directory that anybody who is mail_owner may
 * change meanwhile. */

#include <sys/types.h>
#include <stdbool.h>

#include "../cleaner.h"
#include "../page.h"
#include "err.h"

extern uid_t walk_owner; /* who we are */

struct job {
	uint32_t what; /* CLEANER_... */
	struct tally *t;
	struct page *page;
	uint32_t *messages; /* where regular files are counted, or NULL */
	uint32_t enough;    /* they aren't counted further */
	const char *label;  /* the directory's path */
	char **paths;       /* queue, data and configuration directory */
	int depth;
	bool data;    /* it is the data directory */
	bool sockets; /* it has the services' sockets */
	bool foreign; /* it is below a directory that isn't Postfix's */
	bool stays;   /* something in it does */
	bool closed;  /* the entry is a directory that isn't looked into */
};

/* One entry, a path_fn on a struct job: Postfix's to remove, or not. */
enum err walk_entry(void *job, int dirfd, const char *name);

/*
 * Whether a directory is empty afterwards, or would be.  Gone already is
 * fine, unreadable isn't: it would look empty.  What is mounted there is none
 * of ours.
 */
bool walk_dir(struct job *, int dirfd, const char *name);

/* A line "verb label/name". */
void walk_tell(const struct job *, const char *verb, const char *name);

/* The queue can't be told to be empty: say where, errno saying why. */
void walk_unreadable(const struct job *, const char *label);

#endif
