#ifndef POSTMULTI_RECORD_H
#define POSTMULTI_RECORD_H

/*
 * What a create, import or destroy knows between its steps: one small text
 * file below PATH_STATE/records (0700, root's), named after the instance's
 * configuration directory with "/" written ",".  Written aside and renamed,
 * under the global lock.
 */

#include <sys/types.h>
#include <stdint.h>

#include "err.h"
#include "path.h"
#include "policy.h"
#include "site.h"

/* A directory and which one it is: ino 0 while it doesn't exist. */
struct where {
	uint64_t dev, ino;
	char path[PATH_SIZE];
};

struct record {
	enum action action; /* create, import, destroy */
	uint32_t done;      /* 1: its first step, on directories, is done */
	uid_t uid;          /* who began it */
	uint64_t time;      /* when, seconds since the epoch */
	char name[NAME_SIZE], group[NAME_SIZE];
	struct where config, queue, data;
};

#define RECORD_DIR PATH_STATE "/records"

/* The name of a record's file, at most PATH_SIZE bytes. */
void record_file_name(const char *config, char *out);

/* Opens (making what is missing) PATH_STATE and the directory of records.  Run
 * as root. */
enum err record_open(int *state, int *dirfd, struct why *);
/* The latter without making anything; ERR_NOTFOUND when there is none. */
enum err record_open_existing(int *dirfd, struct why *);

/* Ends a record; that there is none is fine. */
enum err record_remove(int dirfd, const char *config, struct why *);

/* --- writing (record_write.c), only in postmulti-dirs -------------------- */

enum err record_write(int dirfd, const struct record *, struct why *);

/* --- reading (record_read.c), never linked into a set-uid program -------- */

/* ERR_NOTFOUND when there is no record for that configuration directory. */
enum err record_read(int dirfd, const char *config, struct record *,
    struct why *);

/*
 * Calls each(ctx, record) for every readable record; a positive return ends
 * it and is returned.  0 when all were seen, -1 when the directory could not
 * be read to its end.
 */
int record_each(int dirfd, int (*each)(void *, const struct record *),
    void *ctx);

/* Calls damaged(ctx, file's name) for every record that can't be read. */
void record_each_damaged(int dirfd, void (*damaged)(void *, const char *),
    void *ctx);

#endif
