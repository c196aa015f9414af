#include <stdbool.h>
#include <string.h>

#include "edit.h"

struct output {
	char *buf;
	size_t size, len;
	bool full;
};

static void
put(struct output *o, const char *p, size_t n)
{
	if (o->full || n > o->size - o->len) {
		o->full = true;
		return;
	}
	memcpy(o->buf + o->len, p, n);
	o->len += n;
}

static bool
is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

/* "name = value", the value trimmed, as postconf(1) writes it. */
static void
put_setting(struct output *o, const struct edit *e)
{
	const char *v = e->value;
	size_t n;

	while (is_space(*v))
		v++;
	for (n = strlen(v); n > 0 && is_space(v[n - 1]); n--)
		;
	put(o, e->name, strlen(e->name));
	put(o, " = ", 3);
	put(o, v, n);
	put(o, "\n", 1);
}

static enum err
check_edit(const struct edit *e, struct why *why)
{
	if (e->name[0] == '\0' || e->name[0] == '#' ||
	    strpbrk(e->name, " \t\r\n\v\f=") != NULL)
		return why_set(why, ERR_SYNTAX,
		    "\"%s\" is not a parameter name", e->name);
	if (e->value != NULL && strchr(e->value, '\n') != NULL)
		return why_set(why, ERR_SYNTAX,
		    "the new value of %s holds a newline: give it in one line",
		    e->name);
	return ERR_OK;
}

static const struct edit *
find_edit(const struct edit *edits, size_t nedits, const char *name, size_t len)
{
	for (size_t i = 0; i < nedits; i++)
		if (strncmp(edits[i].name, name, len) == 0 &&
		    edits[i].name[len] == '\0')
			return &edits[i];
	return NULL;
}

/* The name ends where postconf -e ends it: \v and \f count as name bytes. */
static size_t
name_length(const char *p, const char *end)
{
	const char *q = p;

	while (q < end && memchr(" \t\r\n=", *q, 5) == NULL)
		q++;
	return (size_t)(q - p);
}

/* A line of a setting: all lines of one setting share its edit. */
static void
put_line(struct output *o, const struct edit *e, bool first, const char *p,
    size_t n)
{
	if (e != NULL && e->value != NULL) {
		if (first)
			put_setting(o, e);
		return;
	}
	if (e != NULL)
		put(o, "#", 1);
	put(o, p, n);
}

enum err
edit_apply(const char *in, size_t inlen, const struct edit *edits,
    size_t nedits, char *out, size_t outsize, size_t *outlen, struct why *why)
{
	struct output o = {.buf = out, .size = outsize};
	const struct edit *e = NULL;
	const char *end = in + inlen, *next, *q;
	bool found[EDIT_MAX] = {false};
	enum err err;

	if (nedits > EDIT_MAX)
		return why_set(why, ERR_LIMIT,
		    "%zu parameters to edit at once, of at most %d", nedits,
		    EDIT_MAX);
	for (size_t i = 0; i < nedits; i++)
		if ((err = check_edit(&edits[i], why)) != ERR_OK)
			return err;
	if (inlen > 0 && memchr(in, '\0', inlen) != NULL)
		return why_set(why, ERR_SYNTAX,
		    "main.cf holds a NUL byte and can't be edited: remove it");

	for (const char *p = in; p < end; p = next) {
		q = memchr(p, '\n', (size_t)(end - p));
		next = q != NULL ? q + 1 : end;
		for (q = p; q < next && is_space(*q); q++)
			;
		if (q == next || *q == '#') {
			put(&o, p, (size_t)(next - p));
			continue;
		}
		if (q == p) {
			e = find_edit(edits, nedits, p, name_length(p, next));
			if (e != NULL)
				found[e - edits] = true;
		}
		put_line(&o, e, q == p, p, (size_t)(next - p));
	}

	/* Not glued to an unterminated last line, as Postfix 3.7 would. */
	for (size_t i = 0; i < nedits; i++) {
		if (found[i] || edits[i].value == NULL)
			continue;
		if (o.len > 0 && out[o.len - 1] != '\n')
			put(&o, "\n", 1);
		put_setting(&o, &edits[i]);
	}
	if (o.full)
		return why_set(why, ERR_LIMIT,
		    "the edited main.cf is longer than %zu bytes", outsize);
	*outlen = o.len;
	return ERR_OK;
}

/* Comments and blank lines inside a setting are no part of it; a line that
 * begins with white space goes on with the setting before. */
enum err
edit_value(const char *in, size_t inlen, const char *name, char *out,
    size_t size)
{
	const char *end = in + inlen, *next, *q;
	size_t len = 0, n = strlen(name);
	bool ours = false, found = false;

	for (const char *p = in; p < end; p = next) {
		q = memchr(p, '\n', (size_t)(end - p));
		next = q != NULL ? q + 1 : end;
		for (q = p; q < next && is_space(*q); q++)
			;
		if (q == next || *q == '#')
			continue;
		if (q == p) {
			ours = name_length(p, next) == n &&
			    memcmp(p, name, n) == 0;
			if (!ours)
				continue;
			found = true;
			len = 0;
			q = memchr(p, '=', (size_t)(next - p));
			q = q != NULL ? q + 1 : next;
		} else if (!ours)
			continue;
		else
			q = p;
		for (; q < next && *q != '\n'; q++) {
			if (len == 0 && is_space(*q))
				continue;
			if (len + 1 >= size)
				return ERR_LIMIT;
			out[len++] = *q;
		}
	}
	while (len > 0 && is_space(out[len - 1]))
		len--;
	out[len] = '\0';
	return found ? ERR_OK : ERR_NOTFOUND;
}
