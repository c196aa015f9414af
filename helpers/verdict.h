#ifndef POSTMULTI_VERDICT_H
#define POSTMULTI_VERDICT_H

/*
 * What a set-uid helper (the actor) and postmulti-judge say to each other,
 * over two pipes that the actor makes and the judge inherits: structs of one
 * build, whole.  The actor doesn't believe any of it to be well-formed.
 */

#include <stdint.h>

#include "policy.h"
#include "proto.h"
#include "record.h"
#include "site.h"

#define LIST_MAX (1024u * 1024) /* multi_instance_directories, NUL included */

/* The judge's descriptors: the frame on PROTO_FD_FRAME, and */
#define JUDGE_FD_IN  5 /* from the actor: the caller, then messages */
#define JUDGE_FD_OUT 6 /* to the actor */

/* Judge to actor. */
#define MSG_GROUPS  1u /* then struct policy_group[POLICY_GROUPS] */
#define MSG_VERDICT 2u /* then struct verdict, list, alt */
#define MSG_READY   6u /* I am 0,0,0 too */
/* Actor to judge. */
#define MSG_BOUND 3u /* then the groups, bound */
#define MSG_ROOT  4u /* permitted: become 0,0,0 as I did */
#define MSG_AGAIN 5u /* locked: decide again */

/* A line of postfix-files about an instance's own tree. */
enum base { BASE_CONFIG, BASE_QUEUE, BASE_DATA, BASE_COUNT };

struct entry {
	char name[32]; /* below the base; "" for the base itself */
	uint8_t base;
	uint8_t is_dir;
	uint8_t mail_owned;   /* else root's */
	uint8_t setgid_group; /* else the group is left alone */
	uint8_t create;       /* make it when it is missing */
	uint8_t recursive;
	uint16_t mode;
};
#define ENTRIES 48

struct verdict {
	uint32_t op;
	uint32_t err;       /* ERR_OK: permitted, possible, to be done */
	uint32_t unchanged; /* nothing to do: still a success */
	uint32_t action;    /* enum action, ACTION_COUNT for init and read */
	uint32_t lock_timeout;
	uint32_t verbose;
	uint32_t command; /* enum action; ACTION_COUNT: root's own words */
	uint32_t capabilities;
	uint32_t unfinished; /* a record is open: root may not start it */
	uint32_t audit_required;
	uint32_t no_landlock; /* policy accepts confinement without it */
	uint32_t skip;        /* of the lines of dirs.inspect, dirs.records */
	char error[768];
	char rule[192];
	/* The instance, as it is and (assign, create, import) as it will be;
	 * new_*: "" leaves, "-" clears. */
	char name[NAME_SIZE], group[NAME_SIZE];
	char new_name[NAME_SIZE], new_group[NAME_SIZE];
	struct where primary, config, queue, data;
	char meta[PATH_SIZE], command_directory[PATH_SIZE];
	char mail_owner[NAME_SIZE], setgid_group[NAME_SIZE];
	uint32_t syslog_facility; /* LOG_MAIL ... */
	char syslog_name[NAME_SIZE];
	struct record record; /* to be written, or as it was read */
	struct facts facts;
	uint32_t nentries;
	struct entry entries[ENTRIES];
	/* New multi_instance_directories and alternate_config_directories;
	 * the text follows the struct on the wire.  Of the steps that only
	 * read, list is lines to be told. */
	uint32_t set_list, set_alt;
	uint32_t listlen, altlen;
};

#endif
