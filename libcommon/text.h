#ifndef POSTMULTI_TEXT_H
#define POSTMULTI_TEXT_H

/*
 * Reading a value of main.cf character by character: what continues a line,
 * and comments in between, are not part of it.
 */

#include <stdbool.h>

/* A piece of a value.  p is never on the newline of a continued line, and
 * nothing at or behind lim may be looked at. */
struct text {
	const char *p, *end, *lim;
};

/* The whole of a string, which has no continued lines. */
struct text text_of(const char *);

/* After p was moved by hand: off the newline of a continued line. */
void text_settle(struct text *);
void text_advance(struct text *);
bool text_at(const struct text *, char);
void text_skip(struct text *, bool (*is)(char));

/* White space around names and values: isspace(3) in the C locale. */
bool text_is_space(char);
/* White space inside expressions, and what output is split at. */
bool text_is_blank(char);

#endif
