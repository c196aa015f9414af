#ifndef POSTMULTI_POLICYTOOL_H
#define POSTMULTI_POLICYTOOL_H

/*
 * postmulti-policy(1): check, explain, list.  A command first prepares, with
 * the power it was started with: it opens files and runs postmulti(1), and
 * looks into nothing.  Then root's process forks a child without any power,
 * and that child interprets what was read.
 */

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

#define TOOL_GIDS 65536 /* NGROUPS_MAX */

struct tool {
	uid_t uid; /* the caller, before any drop */
	gid_t kernel[TOOL_GIDS];
	size_t nkernel;
	int argc; /* what follows the command's options */
	char **argv;
	const char *group; /* explain -G; NULL: not given */
	const char *name;  /* explain -I; the same */
	bool json;         /* list --json */
};

extern struct tool tool;
extern struct policy tool_policy;

/* Each returns the exit status, 0 to go on. */
int check_prepare(void);
int check_run(void);
int explain_prepare(void);
int explain_run(void);
int list_prepare(void);
int list_run(void);

/* Opens PATH_POLICY, trusted, if it exists.  Exits on errors. */
void tool_open_policy(void);
/* Loads what was opened into tool_policy; false after the error was printed. */
bool tool_load(void);
/* Gives every group of tool_policy its number, if it has one. */
void tool_bind_groups(void);
/* "FILE:LINE:COLUMN: sentence", the line, and a caret, on stderr. */
void tool_print_error(const struct policy_error *);
/* One line on stderr, after "postmulti-policy: "; returns 1. */
int tool_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

#endif
