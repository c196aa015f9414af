#include <stdbool.h>
#include <string.h>

#include "compare.h"
#include "maincf.h"
#include "text.h"

/*
 * Levels of nesting postconf(1) accepts.  The operands of a comparison start
 * again at 0, so DEPTH bounds the recursion itself, where postconf overruns
 * its stack.  STEPS bounds the work for one value: about 0.1 seconds.
 */
#define LEVELS 100
#define DEPTH  300
#define STEPS  (2 * MAINCF_MAX)

struct expand {
	const struct maincf *m;
	maincf_default *get;
	const void *ctx;
	struct why *why;
	char *out;
	size_t size, len, steps;
	unsigned depth, operand;
};

static enum err scan(struct expand *, struct text, unsigned level);

static bool
is_name_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
	    (c >= 'a' && c <= 'z') || c == '_';
}

/* Names the place of p, unless it is in a built-in default. */
static enum err
fail(const struct expand *x, enum err e, const char *p, const char *what)
{
	const char *q = x->m->buf;
	unsigned line = 1, column = 1;

	if ((uintptr_t)p - (uintptr_t)q > x->m->len)
		return why_set(x->why, e, "%s: in a default value: %s",
		    x->m->label, what);
	for (; q < p; q++) {
		column = *q == '\n' ? 1 : column + 1;
		line += *q == '\n';
	}
	return why_set(x->why, e, "%s:%u:%u: %s", x->m->label, line, column,
	    what);
}

/*
 * postconf(1) prints words with one space between them, but compares the
 * operands of == and the like byte for byte.
 */
static enum err
put(struct expand *x, char c)
{
	if (x->operand == 0 && text_is_blank(c)) {
		c = ' ';
		if (x->len == 0 || x->out[x->len - 1] == ' ')
			return ERR_OK;
	}
	if (x->len + 1 >= x->size)
		return why_set(x->why, ERR_LIMIT,
		    "%s: a value is longer than %zu bytes", x->m->label,
		    x->size);
	x->out[x->len++] = c;
	return ERR_OK;
}

static enum err
finish(struct expand *x)
{
	if (x->len > 0 && x->out[x->len - 1] == ' ')
		x->len--;
	x->out[x->len] = '\0';
	return ERR_OK;
}

/* The raw value; ${} without a name is empty. */
static enum err
lookup(struct expand *x, const char *name, size_t len, struct text *v)
{
	static const char read_only[] = "process_id process_name service_name";
	const char *d = "";
	bool theirs = len > 9 &&
	    memmem(read_only, sizeof(read_only) - 1, name, len) != NULL;

	/* postconf(1) overrides what main.cf says about those. */
	if (!theirs && maincf_find(x->m, name, len, v))
		return ERR_OK;
	if (len > 0 && (d = x->get(x->ctx, name, len)) == NULL)
		return fail(x, ERR_UNKNOWN, name,
		    theirs ? "only postconf(1) knows what this parameter is" :
			     "this parameter is not set here, and only "
			     "postconf(1) knows whether it has a default: "
			     "set it in this file");
	*v = text_of(d);
	return ERR_OK;
}

/* Takes what is in balanced brackets off the front of t. */
static enum err
bracket(struct expand *x, struct text *t, struct text *in)
{
	const char *p = t->p, open = *p, close = open == '{' ? '}' : ')';
	unsigned nest = 1;

	text_advance(t);
	for (*in = *t; t->p < t->end; text_advance(t)) {
		if (*t->p == open) {
			nest++;
		} else if (*t->p == close && --nest == 0) {
			in->end = t->p;
			text_advance(t);
			return ERR_OK;
		}
	}
	return fail(x, ERR_SYNTAX, p, "this bracket is never closed");
}

/* Takes an operator and {text}, or else all that is left, off t. */
static enum err
branch(struct expand *x, struct text *t, struct text *in)
{
	struct text q;
	enum err e;

	text_advance(t);
	q = *t;
	text_skip(&q, text_is_blank);
	if (!text_at(&q, '{')) {
		*in = *t;
		t->p = t->end;
		return ERR_OK;
	}
	e = bracket(x, &q, in);
	text_skip(&q, text_is_blank);
	*t = q;
	return e;
}

/* ?text, :text, ?{text} or ?{text}:{text}; t is on the operator. */
static enum err
choose(struct expand *x, struct text t, bool set, unsigned level)
{
	struct text yes = {t.p, t.p, t.p}, no = yes;
	enum err e;

	if (text_at(&t, '?') && (e = branch(x, &t, &yes)) != ERR_OK)
		return e;
	if (text_at(&t, ':') && (e = branch(x, &t, &no)) != ERR_OK)
		return e;
	if (t.p < t.end)
		return fail(x, ERR_SYNTAX, t.p, "unexpected text here");
	return scan(x, set ? yes : no, level + 1);
}

/* Expands an operand at the end of out, as a string. */
static enum err
operand(struct expand *x, struct text t)
{
	enum err e;

	x->operand++;
	if ((e = scan(x, t, 0)) == ERR_OK)
		e = put(x, '\0');
	x->operand--;
	return e;
}

/* Takes the letters, digits and underscores of a name off t. */
static size_t
take_name(struct text *t)
{
	const char *p = t->p;
	size_t n;

	while (t->p < t->end && is_name_char(*t->p))
		t->p++;
	n = (size_t)(t->p - p);
	text_settle(t);
	return n;
}

/* Takes {text} op {text} off t; *v is not empty if it holds. */
static enum err
relation(struct expand *x, struct text *t, struct text *v)
{
	const size_t base = x->len;
	const char *p = t->p, *op;
	struct text left, right;
	unsigned true_if, result;
	bool levels;
	size_t middle, n;
	enum err e;

	if ((e = bracket(x, t, &left)) != ERR_OK)
		return e;
	text_skip(t, text_is_blank);
	if ((true_if = compare_operator(t)) == 0)
		return fail(x, ERR_SYNTAX, t->p,
		    "one of == != < <= >= > expected before this");
	op = t->p;
	n = take_name(t);
	levels = n == 5 && memcmp(op, "level", n) == 0;
	if (n > 0 && !levels)
		return fail(x, ERR_SYNTAX, op, "no such comparison");
	text_skip(t, text_is_blank);
	if (!text_at(t, '{'))
		return fail(x, ERR_SYNTAX, t->p, "{text} expected");
	if ((e = bracket(x, t, &right)) != ERR_OK ||
	    (e = operand(x, left)) != ERR_OK)
		return e;
	text_skip(t, text_is_blank);
	middle = x->len;
	if ((e = operand(x, right)) != ERR_OK)
		return e;
	x->len = base;
	result = (levels ? compare_levels : compare_values)(x->out + base,
	    x->out + middle);
	if (result == 0 && levels)
		return fail(x, ERR_UNKNOWN, p,
		    "only postconf(1) knows whether these are levels");
	if (result == 0)
		return fail(x, ERR_SYNTAX, p, "number too large to compare");
	*v = text_of((result & true_if) != 0 ? "true" : "");
	return ERR_OK;
}

/* A name, or what is inside ${...} or $(...). */
static enum err
expression(struct expand *x, struct text t, unsigned level)
{
	const char *name;
	struct text v = t;
	size_t len;
	enum err e;

	text_skip(&t, text_is_blank);
	if (text_at(&t, '{')) {
		e = relation(x, &t, &v);
	} else {
		name = t.p;
		len = take_name(&t);
		text_skip(&t, text_is_blank);
		if (t.p < t.end && *t.p != '?' && *t.p != ':')
			return fail(x, ERR_SYNTAX, t.p,
			    "unexpected character in a parameter name");
		e = lookup(x, name, len, &v);
	}
	if (e != ERR_OK)
		return e;
	return t.p == t.end ? scan(x, v, level + 1) :
			      choose(x, t, v.p < v.end, level);
}

/* $name, ${...} or $(...); t is on the $. */
static enum err
reference(struct expand *x, struct text *t, unsigned level)
{
	const char *p = t->p++;
	struct text in = *t;
	enum err e;

	if (!text_at(t, '{') && !text_at(t, '('))
		in.end = in.p + take_name(t);
	else if ((e = bracket(x, t, &in)) != ERR_OK)
		return e;
	if (in.p == in.end)
		return fail(x, ERR_SYNTAX, p,
		    "no parameter name after $: write $$ for a dollar sign");
	return expression(x, in, level);
}

/* Literal text: a $$, or anything, then all up to the next $. */
static enum err
literal(struct expand *x, struct text *t)
{
	enum err e;

	if (*t->p == '$')
		t->p++;
	do {
		e = put(x, *t->p);
		text_advance(t);
	} while (e == ERR_OK && t->p < t->end && *t->p != '$');
	return e;
}

/* Expands t; level counts how deep references are nested. */
static enum err
scan(struct expand *x, struct text t, unsigned level)
{
	size_t cost = (size_t)(t.end - t.p) + x->m->n + 1;
	enum err e = ERR_OK;

	if (cost > x->steps)
		return fail(x, ERR_LIMIT, t.p, "too much work to expand");
	x->steps -= cost;
	x->depth++;
	while (e == ERR_OK && t.p < t.end) {
		if (level > LEVELS || x->depth > DEPTH)
			return fail(x, ERR_SYNTAX, t.p,
			    "nested too deeply, or refers to itself");
		if (*t.p == '$' && (t.end - t.p < 2 || t.p[1] != '$'))
			e = reference(x, &t, level);
		else
			e = literal(x, &t);
	}
	x->depth--;
	return e;
}

enum err
maincf_raw(const struct maincf *m, const char *name, char *out, size_t size,
    struct why *why)
{
	struct expand x = {.m = m, .why = why, .out = out, .size = size};
	struct text t;
	enum err e;

	if (!maincf_find(m, name, strlen(name), &t))
		return why_set(why, ERR_NOTFOUND, "%s: %s is not set", m->label,
		    name);
	for (; t.p < t.end; text_advance(&t))
		if ((e = put(&x, *t.p)) != ERR_OK)
			return e;
	return finish(&x);
}

enum err
maincf_expand(const struct maincf *m, const char *name, maincf_default *get,
    const void *ctx, char *out, size_t size, struct why *why)
{
	struct expand x = {.m = m,
	    .get = get,
	    .ctx = ctx,
	    .why = why,
	    .out = out,
	    .size = size,
	    .steps = STEPS};
	const char *d;
	struct text t;
	enum err e;

	if (!maincf_find(m, name, strlen(name), &t)) {
		if ((d = get(ctx, name, strlen(name))) == NULL)
			return why_set(why, ERR_NOTFOUND,
			    "%s: %s is not set and has no known default",
			    m->label, name);
		t = text_of(d);
	}
	if ((e = scan(&x, t, 0)) != ERR_OK)
		return e;
	return finish(&x);
}
