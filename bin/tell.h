#ifndef POSTMULTI_TELL_H
#define POSTMULTI_TELL_H

/*
 * What dirs.inspect and dirs.records tell, line by line.
 */

#include "proto.h"

/* A line, taken apart: n words, the last with whatever blanks it holds. */
#define TELL_WORDS 10
typedef void tell_fn(void *ctx, char *const words[TELL_WORDS], size_t n);

/*
 * Calls fn for every line; sel: NULL for dirs.records.  Lines that are there
 * when the first is told; what comes and goes meanwhile may be missed.
 */
enum err tell_each(enum op, const struct selector *sel, tell_fn *fn, void *ctx,
    struct why *);

/* When that failed: calls fn for the lines that came with the error.  Of what
 * is mail_owner's and can't be looked into, dirs.inspect still tells whose it
 * is. */
void tell_more(tell_fn *fn, void *ctx);

#endif
