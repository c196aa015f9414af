#ifndef POSTMULTI_CFFILE_H
#define POSTMULTI_CFFILE_H

/*
 * main.cf and master.cf on disk, changed as postconf(1) -e changes them:
 * under a lock on main.cf.tmp, which becomes the new file by rename.
 */

#include <sys/stat.h>
#include <stddef.h>

#include "edit.h"
#include "helper.h"

/* Largest .cf file we edit, its new form included. */
#define CFFILE_MAX (4u * 1024 * 1024 + 65536)

struct cffile {
	const struct where *where;
	int dir, lock;  /* descriptors, or -1; lock is main.cf.tmp */
	bool trusted;   /* must be root's alone: a delegate asks */
	struct stat st; /* main.cf before, for owner and mode */
	char label[PATH_SIZE + 16];
};

/* Opens the directory, which must be the one the verdict means. */
enum err cffile_open(struct actor *, struct cffile *, const struct where *,
    struct why *why);

/* Takes and gives back the lock.  What was not landed is unlinked. */
enum err cffile_lock(struct actor *, struct cffile *, struct why *why);
void cffile_unlock(struct cffile *);

/* Reads main.cf whole into buf (CFFILE_MAX); for others than root only one that
 * is root's alone. */
enum err cffile_read(const struct cffile *, char *buf, size_t *len,
    struct why *why);

/* The locked main.cf.tmp, with these bytes and main.cf's owner, mode, ACL and
 * label, becomes the file called name.  The lock is gone afterwards. */
enum err cffile_land(struct cffile *, const char *name, const char *buf,
    size_t len, struct why *why);

/* Edits main.cf and lands it; nothing happens for no edits. */
enum err cffile_edit(struct cffile *, const struct edit *, size_t n,
    struct why *why);

#endif
