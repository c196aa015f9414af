#ifndef POSTMULTI_INSTANCES_H
#define POSTMULTI_INSTANCES_H

/*
 * All instances of this host, the primary first, and what the primary's
 * main.cf says about all of them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"
#include "site.h"

/* The primary's settings that concern the front-end. */
struct host {
	struct site site;
	char start[1024], stop[1024], control[1024]; /* postmulti_*_commands */
	char syslog_name[NAME_SIZE], syslog_facility[32];
	char maillog_file[PATH_SIZE];    /* "" for none */
	char shlib_directory[PATH_SIZE]; /* "" when it has none ("no") */
	uint32_t count;                  /* secondaries on the list */
	uint32_t partial; /* the caller can't read it: defaults stand above */
};

enum entry_state {
	ENTRY_GOOD,
	ENTRY_DAMAGED,  /* why says what is wrong */
	ENTRY_NOACCESS, /* the reader may not read it: config.read can */
	ENTRY_UNKNOWN,  /* only postconf(1) can tell */
	ENTRY_STATES
};

struct entry {
	struct instance i; /* damaged: dir, and what else is known */
	uint32_t index;    /* 0 the primary, then list order */
	uint32_t state;    /* enum entry_state */
	char why[512];
};

struct instances {
	struct host host;
	struct entry *v;
	size_t n;
};

/*
 * Reads them: in this process, or, for real uid 0, in one that has become the
 * system user.  Where the reader can't answer, config.read and postconf(1)
 * are asked.  Afterwards an entry is good or damaged; an instance that
 * conflicts with an earlier one is damaged.  An error is about the primary.
 * store: when the cache of Postfix's defaults is missing or stale, root's call
 * makes it anew; without, nothing is written.
 */
enum err instances_load(struct instances *, bool store, struct why *);

/* Whether that cache was missing or stale then. */
bool instances_asked(void);

/*
 * Reads one directory that need not be on the list (import).  ERR_NOTFOUND
 * and ERR_SYNTAX where its main.cf is missing or bad.
 */
enum err instances_probe(const struct instances *, const char *dir,
    struct entry *, struct why *);

/*
 * Whether an instance with these directories and name could be added:
 * ERR_CONFLICT with the original's sentence.  skip is an entry to leave out
 * of the comparison, or NULL.  With added set, a directory that is in use
 * already has its own sentence.
 */
enum err instances_claim(const struct instances *, const struct instance *in,
    const struct entry *skip, bool added, struct why *);

/* Marks what is in conflict with an earlier one as damaged. */
void instances_conflicts(struct instances *);
/* Marks one as damaged, for any reason. */
void instances_damage(struct entry *, const char *why);

/* Calls fn for each directory of alternate_config_directories: deported
 * instances, mostly. */
enum err instances_alternates(const struct instances *,
    void (*fn)(void *, const struct entry *), void *ctx, struct why *);

/* What messages call an instance: its name, or its directory. */
const char *instances_label(const struct instance *);

/* Whether word is one of a list's, as postmulti_start_commands holds them. */
bool instances_listed(const char *list, const char *word);

#endif
