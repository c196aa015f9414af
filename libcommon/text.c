#include <string.h>

#include "text.h"

bool
text_is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

bool
text_is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* A newline inside a value, and comments after it, are not part of it. */
void
text_settle(struct text *t)
{
	const char *q;

	while (t->p < t->end && *t->p == '\n') {
		for (q = t->p + 1;
		     q < t->lim && text_is_space(*q) && *q != '\n';)
			q++;
		if (q < t->lim && *q != '#' && *q != '\n') {
			t->p++;
			return;
		}
		q = memchr(q, '\n', (size_t)(t->lim - q));
		t->p = q != NULL && q < t->end ? q : t->end;
	}
}

void
text_advance(struct text *t)
{
	t->p++;
	text_settle(t);
}

bool
text_at(const struct text *t, char c)
{
	return t->p < t->end && *t->p == c;
}

void
text_skip(struct text *t, bool (*is)(char))
{
	while (t->p < t->end && is(*t->p))
		text_advance(t);
}

struct text
text_of(const char *s)
{
	return (struct text){s, s + strlen(s), s + strlen(s)};
}
