#ifndef CRASH_VERIFY_H
#define CRASH_VERIFY_H

/*
 * Whether what a disturbed command left is as it should be.  One command on
 * one instance, "-" for the primary.
 */

#include <stdint.h>

#include "trace.h"
#include "tree.h"

struct subject {
	const char *user;     /* NULL: root */
	const char *instance; /* the one that may be touched */
	char *const *argv, *const *list;
	bool always;
	bool leftover; /* a temporary file may stay even at the end */
	struct tree before, after;
	struct result first, again; /* undisturbed, and once more */
	char listed_before[8192], listed_after[8192];
};

/* Runs it undisturbed to learn what is right, and puts everything back. */
void verify_learn(struct subject *);

/*
 * After a disturbed run.  *why, on false: what is wrong.
 * On disk: every file is as it was or as it becomes, but for temporary files
 * and for directories of the instance that aren't finished; other instances
 * are as they were; postmulti -l says what it said; and the same command run
 * again ends where the undisturbed one did.  The last two are tried once for
 * each different tree, unless always is set: the same command on the same tree
 * does the same.
 */
bool verify_disk(struct subject *, char *why, size_t size);

/* The first half of that: what is on disk, and a number that is another for
 * each different tree. */
bool verify_glance(struct subject *, uint64_t *number, char *why, size_t size);

/* What it said itself: killed is whether the command itself was. */
bool verify_words(const struct subject *, const struct result *, bool killed,
    char *why, size_t size);

/* How many different trees were left so far. */
unsigned verify_trees(void);

#endif
