#ifndef POSTMULTI_COMPARE_H
#define POSTMULTI_COMPARE_H

/*
 * The comparisons of ${{a} op {b} ? ... }, as postconf(5) has them.
 */

#include "text.h"

/* Results, and bits of an operator: it is true for those it has. */
enum { LT = 1, EQ = 2, GT = 4 };

/* Takes an operator off the front of a text; 0: there is none. */
unsigned compare_operator(struct text *);

/* Two whole numbers compare as such, all else as strings; 0 where a number is
 * too large. */
unsigned compare_values(const char *, const char *);

/* What the operators ending in "level" compare: releases of Postfix.  0 for
 * what isn't surely one. */
unsigned compare_levels(const char *, const char *);

#endif
