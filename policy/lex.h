#ifndef POSTMULTI_LEX_H
#define POSTMULTI_LEX_H

/*
 * Lines and words of a policy file, and where an error stands.  A line is
 * printable ASCII and tabs, at most LEX_LINE bytes, and ends in a newline.
 * Words are separated by blanks and tabs; a word that begins with '#' begins
 * a comment, except the second one of a line, where "#1000" is a uid.
 */

#include <stdbool.h>
#include <stddef.h>

#include "policy.h"

#define LEX_LINE  1000 /* longest line, newline not counted */
#define LEX_WORDS 8    /* one more than any correct line has */

struct lex_word {
	unsigned column; /* 1-based */
	char text[POLICY_WORD];
};

/* Set to zero before the first lex_line(). */
struct lex_line {
	unsigned number;  /* 1-based */
	const char *text; /* not terminated */
	size_t len;
	size_t nwords; /* 0: blank or comment; words past LEX_WORDS are cut */
	struct lex_word words[LEX_WORDS];
};

/* Takes the line at *pos apart and moves *pos behind it; *pos < end. */
enum err lex_line(const char **pos, const char *end, struct lex_line *,
    struct policy_error *);

/* Fills in place and sentence and returns the error. */
enum err lex_fail(const struct lex_line *, unsigned column,
    struct policy_error *, enum err, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));

/* Not empty, and of ASCII letters, digits and extra only. */
bool lex_name(const char *word, const char *extra);

/* Decimal digits without a leading zero, min to max. */
bool lex_number(const char *word, unsigned min, unsigned max, unsigned *out);

#endif
