#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "compare.h"

/* An operator is true for the results that its index is the sum of. */
static const char *const relops[] = {
    [LT] = "<",
    [EQ] = "==",
    [GT] = ">",
    [LT | EQ] = "<=",
    [GT | EQ] = ">=",
    [LT | GT] = "!=",
};

unsigned
compare_operator(struct text *t)
{
	const char *p = t->p;
	unsigned i = sizeof(relops) / sizeof(relops[0]);
	size_t n;

	while (t->p < t->end && memchr("<>!=?+-*/~&|%", *t->p, 13) != NULL)
		t->p++;
	n = (size_t)(t->p - p);
	text_settle(t);
	while (--i > 0)
		if (strlen(relops[i]) == n && memcmp(relops[i], p, n) == 0)
			break;
	return i;
}

unsigned
compare_values(const char *a, const char *b)
{
	static const char digits[] = "0123456789";
	long na, nb;
	int c = strcmp(a, b);

	if (*a != '\0' && *b != '\0' && a[strspn(a, digits)] == '\0' &&
	    b[strspn(b, digits)] == '\0') {
		errno = 0;
		na = strtol(a, NULL, 10);
		nb = strtol(b, NULL, 10);
		if (errno != 0)
			return 0;
		c = (na > nb) - (na < nb);
	}
	return c < 0 ? LT : c > 0 ? GT : EQ;
}

/* major[.minor[.patch]]; three digits are more than any release has. */
static bool
level(const char *s, unsigned long *v)
{
	static const char digits[] = "0123456789";
	unsigned i, n;

	for (*v = 0, i = 0; i < 3; i++) {
		n = (unsigned)strspn(s, digits);
		if (n > 3 || (n == 0 && (i == 0 || *s != '\0')))
			return false;
		*v = *v * 1000 + (n > 0 ? strtoul(s, NULL, 10) : 0);
		s += n;
		if (*s == '.' && i < 2 && s[1] != '\0')
			s++;
	}
	return *s == '\0';
}

unsigned
compare_levels(const char *a, const char *b)
{
	unsigned long na, nb;

	if (!level(a, &na) || !level(b, &nb))
		return 0;
	return na < nb ? LT : na > nb ? GT : EQ;
}
