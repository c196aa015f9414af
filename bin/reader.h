#ifndef POSTMULTI_READER_H
#define POSTMULTI_READER_H

/*
 * Reads main.cf files.  An unprivileged caller's own process does it; for
 * real uid 0 a child does it that has become the system user and, when it
 * needn't run postconf(1), is confined to reading.  That child sends records
 * of fixed size through a pipe, and each is checked before it is believed.
 */

#include "instances.h"

enum record_kind {
	RECORD_END, /* the job is done: err and why say how it went */
	RECORD_HOST,
	RECORD_ENTRY,
	RECORD_DEFAULTS, /* what postconf -d printed */
	RECORD_KINDS
};

/* On the pipe only the header and the kind's own member travel. */
struct record {
	uint32_t kind, err;
	union {
		struct host host;
		struct entry entry;
		struct defaults defaults;
		struct why why;
	} u;
};

/* Takes a record; not called for RECORD_END. */
typedef void reader_sink(void *ctx, const struct record *);

/* A job gives its records to out and says how it went. */
struct reader_out;
void reader_put(struct reader_out *, const struct record *);
typedef enum err reader_job(struct reader_out *, const void *arg, struct why *);

/* confined: the job only reads.  Returns what the job returned. */
enum err reader_run(reader_job *job, const void *arg, bool confined,
    reader_sink *sink, void *ctx, struct why *why);

/* What a job is told. */
struct reader_target {
	const struct defaults *defaults; /* NULL: the cached ones */
	const char *dir;                 /* reader_one, reader_ask */
	uint32_t index;                  /* the same: of its entry */
	bool ask;                        /* reader_all: postconf -x, primary */
};

/*
 * The jobs, arg a struct reader_target; ERR_STATE when there are no defaults.
 * reader_all gives the host and all entries, ERR_UNKNOWN when the primary needs
 * ask (not confined, then).  reader_one reads one directory natively,
 * reader_ask by postconf -xc; both give one entry.  reader_defaults asks
 * postconf -d, no arg.  reader_alternates gives an entry for each directory
 * of alternate_config_directories that has a main.cf.
 */
reader_job reader_all, reader_one, reader_ask, reader_defaults,
    reader_alternates;

#endif
