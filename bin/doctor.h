#ifndef POSTMULTI_DOCTOR_H
#define POSTMULTI_DOCTOR_H

/*
 * postmulti doctor: looks for what is wrong and says the command that repairs
 * it; with --fix has the helpers mend what they can.  It writes nothing
 * itself.
 */

#include "instances.h"
#include "options.h"
#include "proto.h"

struct doctor {
	const struct instances *list;
	const struct options *o;
	unsigned found, mended;
	unsigned unseen; /* instances it may not look into */
	bool unserved;   /* no helper serves this caller, as was told */
	bool broken;     /* no helper can work, as was told */
	bool unsure;     /* what isn't finished is not known */
	/* Not on the list, but no leftovers: deported or unfinished. */
	struct instance *known;
	size_t nknown;
};

void doctor_run(const struct instances *, const struct options *);

/* For a host whose primary can't even be read. */
void doctor_primary(const struct options *, const char *why);

/* One finding: what kind, how it is repaired (NULL: as told), and a
 * sentence. */
void doctor_found(struct doctor *, const char *kind, const char *repair,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* With --fix: has one step done, and says how it went.  Returns whether it
 * worked. */
bool doctor_mend(struct doctor *, const struct frame *);

void doctor_known(struct doctor *, const struct instance *);

/* Whether a path can be pasted into a shell as it stands: a name is somebody
 * else's choice, and root pastes this. */
bool doctor_safe(const char *path);

/* A clean path as a word for a shell: they have no quotes in them. */
#define DOCTOR_WORD (PATH_SIZE + 48)
const char *doctor_word(const char *path, char out[DOCTOR_WORD]);

/* The command that writes the list of instances anew, of what can stand on
 * it; instead of the entry (NULL: none) another path, unless that is listed or
 * is "".  To be freed. */
char *doctor_list(const struct doctor *, const struct entry *, const char *);

/* The parts. */
void doctor_host(struct doctor *);      /* installation, kernel, policy */
void doctor_instances(struct doctor *); /* those on the list */
void doctor_trust(struct doctor *, const struct entry *); /* each of them */
void doctor_leftovers(struct doctor *); /* those that aren't */
void doctor_records(struct doctor *);   /* what isn't finished */

#endif
