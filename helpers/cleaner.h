#ifndef POSTMULTI_CLEANER_H
#define POSTMULTI_CLEANER_H

/*
 * What postmulti-dirs and postmulti-cleaner say to each other, over two
 * pipes: structs of one build, whole.  Work inside directories that belong to
 * mail_owner is done by a program that has irrevocably become mail_owner: a
 * race there can gain only what that user has anyway.  postmulti-dirs doesn't
 * believe any of it to be well-formed.
 */

#include <stdint.h>

/* The cleaner's descriptors: orders, tallies, and what it works in; a
 * directory that doesn't exist is a closed descriptor. */
#define CLEANER_FD_IN    3
#define CLEANER_FD_OUT   4
#define CLEANER_FD_QUEUE 5
#define CLEANER_FD_DATA  6

struct order {
	uint32_t what;
	uint32_t skip; /* lines of text that were told before */
};
/* Counts messages and touches nothing; any is an ERR_STATE. */
#define CLEANER_COUNT 1u
/* Tells what CLEANER_REMOVE would remove and what stays, and the messages. */
#define CLEANER_LIST 2u
/* Removes empty hash directories, services' sockets and FIFOs, and the data
 * directory's files; tells what stays. */
#define CLEANER_REMOVE 3u

struct tally {
	uint32_t err;   /* enum err; then text is a sentence */
	uint32_t lines; /* of text, if there were room for all */
	/* vis(3)-encoded paths, "go PATH" or "stay PATH" a line, and "mail
	 * NUMBER QUEUE". */
	char text[1600];
};

#endif
