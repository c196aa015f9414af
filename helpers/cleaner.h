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
/* Counts messages: nothing is touched, no text. */
#define CLEANER_COUNT 1u
/* The same, and tells what CLEANER_REMOVE would remove and what stays. */
#define CLEANER_LIST 2u
/* Removes empty hash directories, sockets, FIFOs and the data directory's
 * files; tells what stays. */
#define CLEANER_REMOVE 3u

/* The queues whose regular files are messages. */
#define CLEANER_QUEUES                                                         \
	{                                                                      \
		"maildrop", "incoming", "active", "deferred", "hold",          \
		    "corrupt", "saved"                                         \
	}
#define CLEANER_NQUEUES 7

struct tally {
	uint32_t err; /* enum err; then text says where */
	uint32_t messages[CLEANER_NQUEUES];
	uint32_t lines; /* of text, if there were room for all */
	/* vis(3)-encoded paths, "go PATH" or "stay PATH" a line. */
	char text[1600];
};

#endif
