#ifndef POSTMULTI_EDIT_H
#define POSTMULTI_EDIT_H

/*
 * Edits main.cf as text, the way postconf(1) -e and -# do: same bytes.  It
 * finds logical lines that begin with a parameter's name and replaces them;
 * it doesn't interpret values.  Parameters that aren't there are appended in
 * the order given (postconf's own order is random).  No allocation.
 */

#include <stddef.h>

#include "err.h"

struct edit {
	const char *name;
	const char *value; /* NULL: comment the setting out, as postconf -# */
};

/*
 * Writes the edited form of in[0..inlen) to out, of size outsize, and its
 * length to *outlen.  in and out must not overlap.  Up to EDIT_MAX edits, of
 * distinct names.  ERR_LIMIT when it doesn't fit or there are too many,
 * ERR_SYNTAX for a value with a newline, what is not a parameter name, or a
 * NUL in the input: postconf(1) would drop the rest of that line.  What is
 * appended never gets glued to a last line without a newline, as Postfix 3.7
 * does it.  White space around a value is dropped.
 */
#define EDIT_MAX 32
enum err edit_apply(const char *in, size_t inlen, const struct edit *edits,
    size_t nedits, char *out, size_t outsize, size_t *outlen, struct why *);

/*
 * The last setting of a parameter, as text: continuation lines joined, white
 * space around it trimmed, nothing expanded.  ERR_NOTFOUND, ERR_LIMIT.
 */
enum err edit_value(const char *in, size_t inlen, const char *name, char *out,
    size_t size);

#endif
