#ifndef POSTMULTI_OPTIONS_H
#define POSTMULTI_OPTIONS_H

/*
 * The command line of postmulti(1): one table says for each option what it
 * takes, where it is legal and where its value goes.
 */

#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "site.h"

/* X(enumerator, -e action's name or NULL).  In the order of the original's
 * message about an unknown action. */
#define MODE_LIST_ALL(X)                                                       \
	X(NONE, NULL)                                                          \
	X(LIST, NULL)                                                          \
	X(POSTFIX, NULL)                                                       \
	X(EXECUTE, NULL)                                                       \
	X(DOCTOR, NULL)                                                        \
	X(CREATE, "create")                                                    \
	X(DESTROY, "destroy")                                                  \
	X(IMPORT, "import")                                                    \
	X(DEPORT, "deport")                                                    \
	X(ENABLE, "enable")                                                    \
	X(DISABLE, "disable")                                                  \
	X(ASSIGN, "assign")                                                    \
	X(INIT, "init")

enum mode {
#define X(m, name) MODE_##m,
	MODE_LIST_ALL(X)
#undef X
	    MODE_COUNT
};

#define MODE_BIT(m) (1u << (m))
/* Every -e action. */
#define MODE_EDITS (MODE_BIT(MODE_COUNT) - MODE_BIT(MODE_CREATE))

/* "create" ...; NULL for a mode that isn't an -e action. */
const char *mode_name(enum mode);

enum select { SELECT_NONE, SELECT_ALL, SELECT_NAME, SELECT_GROUP };

struct options {
	enum mode mode;
	enum select select;
	const char *selected;     /* -i's or -g's argument */
	const char *name, *group; /* -I, -G; NULL when not given */
	bool reverse, json, dry_run, fix, help, version;
	unsigned lock_timeout; /* seconds, 0: the default */
	/* param=value, trailing slashes gone; "" when not given. */
	char config[PATH_SIZE], queue[PATH_SIZE], data[PATH_SIZE];
	char **args; /* what follows the options, NULL-ended */
	size_t nargs;
};

/*
 * Parses and checks everything that needs no look at the host, except
 * param=value.  On ERR_SYNTAX the sentence is the original's.  argv[0] is
 * what getopt_long(3) begins its own message with.
 */
enum err options_parse(struct options *, int argc, char **argv, struct why *);

/* --help's text: the options by table. */
void options_help(void);

#endif
