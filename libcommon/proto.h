#ifndef POSTMULTI_PROTO_H
#define POSTMULTI_PROTO_H

/*
 * What the front-end and a helper say to each other: one frame on descriptor
 * 3, one reply on descriptor 4, each of fixed size and at most PIPE_BUF, so
 * that both are written and read whole.  Everything not used is zero, and
 * that is checked.  Change a struct, bump the version.
 *
 * A frame names things; it carries no uid, no policy and no permission.  For
 * callers other than root it carries names and enumerations only: what is
 * root's (see struct frame) must then be empty.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "path.h"
#include "site.h"

#define PROTO_VERSION  2
#define PROTO_SIZE     4096
#define PROTO_FD_FRAME 3
#define PROTO_FD_REPLY 4

enum helper { HELPER_CONFIG, HELPER_DIRS, HELPER_EXEC, HELPER_COUNT };

/* "postmulti-config" ... */
const char *helper_name(enum helper);

/* Groups of fields an operation may use. */
#define FIELD_SEL     0x01 /* which existing instance */
#define FIELD_NAMES   0x02 /* name and group to give */
#define FIELD_PLACE   0x04 /* where in the list */
#define FIELD_DIRS    0x08 /* config, queue, data: root only */
#define FIELD_COMMAND 0x10 /* a postfix(1) command */
#define FIELD_INDEX   0x20 /* position in a list, 0 the primary or first */
#define FIELD_READS   0x40 /* no field: it changes nothing, takes no lock */

/*
 * X(operation, name, helper, fields, what it does).  Adding a step is a row
 * here, a decision in the helper's judge and a handler in its actor.
 */
#define PROTO_OPS(X)                                                           \
	X(INIT, "config.init", CONFIG, 0,                                      \
	    "turn multi-instance support on in the primary")                   \
	X(READ, "config.read", CONFIG, FIELD_INDEX | FIELD_READS,              \
	    "tell name, group, state and directories of one instance")         \
	X(INSTALL, "config.install", CONFIG, FIELD_NAMES | FIELD_DIRS,         \
	    "write main.cf and then master.cf from the prototypes")            \
	X(REGISTER, "config.register", CONFIG,                                 \
	    FIELD_NAMES | FIELD_PLACE | FIELD_DIRS,                            \
	    "put a made instance on the primary's list, end its record")       \
	X(DEREGISTER, "config.deregister", CONFIG, FIELD_SEL,                  \
	    "take a stopped instance off the list")                            \
	X(ASSIGN, "config.assign", CONFIG, FIELD_SEL | FIELD_NAMES,            \
	    "give an instance a name or a group")                              \
	X(ENABLE, "config.enable", CONFIG, FIELD_SEL,                          \
	    "set multi_instance_enable = yes")                                 \
	X(DISABLE, "config.disable", CONFIG, FIELD_SEL,                        \
	    "set multi_instance_enable = no")                                  \
	X(REMOVE, "config.remove", CONFIG, FIELD_SEL,                          \
	    "take a destroyed instance off the list, unlink its .cf files")    \
	X(TIDY, "config.tidy", CONFIG, FIELD_SEL,                              \
	    "list each instance once, remove a stale main.cf.tmp")             \
	X(MAKE, "dirs.make", DIRS, FIELD_NAMES | FIELD_DIRS,                   \
	    "begin a record, make the instance's directories")                 \
	X(REPAIR, "dirs.repair", DIRS, FIELD_NAMES | FIELD_DIRS,               \
	    "begin a record, mend the directories of what is imported")        \
	X(CLEAR, "dirs.clear", DIRS, FIELD_SEL,                                \
	    "begin a record, remove empty queue and data directories")         \
	X(FINISH, "dirs.finish", DIRS, FIELD_SEL,                              \
	    "remove the configuration directory, end the record")              \
	X(MEND, "dirs.mend", DIRS, FIELD_SEL,                                  \
	    "give an instance's directories their owners and modes")           \
	X(INSPECT, "dirs.inspect", DIRS,                                       \
	    FIELD_SEL | FIELD_INDEX | FIELD_READS,                             \
	    "tell what a destroy would remove and what would stay")            \
	X(RECORDS, "dirs.records", DIRS, FIELD_INDEX | FIELD_READS,            \
	    "tell which create, import and destroy is not finished")           \
	X(POSTFIX, "exec.postfix", EXEC, FIELD_SEL | FIELD_COMMAND,            \
	    "run postfix(1) for one instance")

enum op {
	OP_NONE, /* 0 is never an operation */
#define X(op, name, helper, fields, text) OP_##op,
	PROTO_OPS(X)
#undef X
	    OP_COUNT
};

struct op_info {
	const char *name;
	enum helper helper;
	unsigned fields;
	const char *text;
};

/* NULL for a number that isn't an operation. */
const struct op_info *op_info(unsigned op);

enum place { PLACE_LAST, PLACE_FIRST, PLACE_BEFORE, PLACE_COUNT };

/*
 * Names an existing instance: by its name; or, when it has none, by the
 * device and inode number of its configuration directory; or, by root, also
 * by that directory as it is listed.  Exactly one of the three.
 */
struct selector {
	uint64_t dev, ino;
	char name[NAME_SIZE];
	char dir[PATH_SIZE]; /* root only */
};

#define FRAME_VERBOSE 0x1u

struct frame {
	uint32_t version;
	uint32_t op;
	uint32_t flags;
	uint32_t place;
	uint32_t command; /* enum action + 1; 0: the words after "--" in
			     the helper's argv, root only */
	uint32_t index;
	uint32_t lock_timeout; /* seconds; 0: the default */
	uint32_t unused;
	struct selector sel;
	struct selector before;
	char name[NAME_SIZE];  /* new name; "-" clears, "" leaves */
	char group[NAME_SIZE]; /* new group; "-" clears, "" leaves */
	char config[PATH_SIZE], queue[PATH_SIZE], data[PATH_SIZE]; /* root */
	char pad[PROTO_SIZE - 32 - 2 * (16 + NAME_SIZE + PATH_SIZE) -
	    2 * NAME_SIZE - 3 * PATH_SIZE];
};

/* What config.read tells. */
struct facts {
	uint32_t count; /* instances on the list, the primary not counted;
			   dirs.inspect, dirs.records: lines there are, of
			   which notes has those from the frame's index on */
	uint32_t enabled;
	char dir[PATH_SIZE], queue[PATH_SIZE], data[PATH_SIZE];
	char name[NAME_SIZE], group[NAME_SIZE];
};

struct reply {
	uint32_t version;
	uint32_t op;
	uint32_t err;       /* enum err */
	uint32_t unchanged; /* 1: nothing had to be done */
	int32_t status;     /* exec.postfix: wait status */
	uint32_t unused;
	char rule[192];   /* FILE:LINE that permitted or denied */
	char error[768];  /* one sentence, vis(3)-encoded */
	char notes[1792]; /* warnings, one a line, vis(3)-encoded */
	struct facts facts;
	char pad[PROTO_SIZE - 24 - 192 - 768 - 1792 - 8 - 3 * PATH_SIZE -
	    2 * NAME_SIZE];
};

_Static_assert(sizeof(struct frame) == PROTO_SIZE, "frame size");
_Static_assert(sizeof(struct reply) == PROTO_SIZE, "reply size");

/*
 * Checks everything about a frame that can be checked without knowing the
 * host: version, operation, only the operation's fields used, strings ended
 * and zero-padded, enumerations in range, selectors with exactly one form,
 * characters of names and paths; root: whether the caller's real uid is 0.
 * ERR_PROTOCOL with the field's name otherwise.  helper: whose frame it is.
 */
enum err frame_check(const struct frame *, enum helper helper, bool root,
    struct why *);

/* The same for a reply to op. */
enum err reply_check(const struct reply *, unsigned op, struct why *);

#endif
