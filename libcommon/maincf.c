#include <stdbool.h>
#include <string.h>

#include <bsd/string.h>

#include "maincf.h"
#include "text.h"

/* Indexes the logical line [p, end), which ends in no white space. */
static enum err
add(struct maincf *m, const char *p, const char *end, uint32_t line,
    struct why *why)
{
	struct text t = {p, end, m->buf + m->len};
	struct maincf_setting *s = &m->set[m->n];

	if (m->n == MAINCF_SETTINGS)
		return why_set(why, ERR_UNKNOWN,
		    "%s:%u: more than %d settings in one file", m->label, line,
		    MAINCF_SETTINGS);
	while (t.p < end && !text_is_space(*t.p) && *t.p != '=')
		t.p++;
	s->name = (uint32_t)(p - m->buf);
	s->namelen = (uint32_t)(t.p - p);
	s->line = line;
	text_settle(&t);
	text_skip(&t, text_is_space);
	if (s->namelen == 0 || !text_at(&t, '='))
		return why_set(why, ERR_SYNTAX,
		    "%s:%u: not of the form \"name = value\"", m->label, line);
	text_advance(&t);
	text_skip(&t, text_is_space);
	s->value = (uint32_t)(t.p - m->buf);
	s->valuelen = (uint32_t)(end - t.p);
	m->n++;
	return ERR_OK;
}

enum err
maincf_parse(struct maincf *m, const char *label, const char *buf, size_t len,
    struct why *why)
{
	const char *end = buf + len, *next, *start = NULL, *stop = NULL, *q, *z;
	uint32_t line = 0, first = 0;
	bool cut = false;
	enum err e;

	(void)strlcpy(m->label, label, sizeof(m->label));
	m->buf = buf;
	m->len = len;
	m->n = 0;
	if (len > MAINCF_MAX)
		return why_set(why, ERR_LIMIT, "%s: larger than %u bytes",
		    label, MAINCF_MAX);
	for (const char *p = buf; p < end; p = next + 1) {
		line++;
		if ((next = memchr(p, '\n', (size_t)(end - p))) == NULL)
			next = end;
		for (q = p; q < next && text_is_space(*q); q++)
			;
		if (q == next || *q == '#')
			continue;
		if (q == p) {
			if (start != NULL &&
			    (e = add(m, start, stop, first, why)) != ERR_OK)
				return e;
			start = stop = p;
			first = line;
			cut = false;
		}
		/* To postconf(1) a NUL ends the setting; the rest is lost. */
		if (start == NULL || cut)
			continue;
		z = memchr(p, '\0', (size_t)(next - p));
		cut = z != NULL;
		for (q = cut ? z : next; q > p && text_is_space(q[-1]); q--)
			;
		if (q > p)
			stop = q;
	}
	return start != NULL ? add(m, start, stop, first, why) : ERR_OK;
}

bool
maincf_find(const struct maincf *m, const char *name, size_t len,
    struct text *t)
{
	const struct maincf_setting *s;

	for (size_t i = m->n; i-- > 0;) {
		s = &m->set[i];
		if (s->namelen == len &&
		    memcmp(m->buf + s->name, name, len) == 0) {
			t->p = m->buf + s->value;
			t->end = t->p + s->valuelen;
			t->lim = m->buf + m->len;
			return true;
		}
	}
	return false;
}
