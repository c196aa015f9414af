#include <bsd/string.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "lex.h"

#define DIGITS  "0123456789"
#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

static bool
is_plain(char c)
{
	return c == '\t' || (c >= 0x20 && c < 0x7f);
}

enum err
lex_fail(const struct lex_line *l, unsigned column, struct policy_error *e,
    enum err err, const char *fmt, ...)
{
	va_list ap;
	size_t i;

	e->line = l->number;
	e->column = column;
	va_start(ap, fmt);
	(void)vsnprintf(e->text, sizeof(e->text), fmt, ap);
	va_end(ap);
	/* The source goes to terminals and logs: nothing but text in it. */
	for (i = 0; i < l->len && i + 1 < sizeof(e->source); i++)
		e->source[i] = is_plain(l->text[i]) ? l->text[i] : '?';
	e->source[i] = '\0';
	return err;
}

static enum err
check_bytes(const struct lex_line *l, struct policy_error *e)
{
	size_t i;

	if (l->len > LEX_LINE)
		return lex_fail(l, LEX_LINE + 1, e, ERR_LIMIT,
		    "the line is longer than %d characters: split it in two",
		    LEX_LINE);
	for (i = 0; i < l->len; i++)
		if (!is_plain(l->text[i]))
			return lex_fail(l, (unsigned)i + 1, e, ERR_SYNTAX,
			    "byte 0x%02x: only printable ASCII, tabs and "
			    "Unix line ends, comments included",
			    (unsigned char)l->text[i]);
	return ERR_OK;
}

static size_t
skip(const struct lex_line *l, size_t i, bool blanks)
{
	while (i < l->len &&
	    (l->text[i] == ' ' || l->text[i] == '\t') == blanks)
		i++;
	return i;
}

static enum err
split(struct lex_line *l, struct policy_error *e)
{
	size_t i = 0, start;
	struct lex_word *w;

	for (l->nwords = 0; l->nwords < LEX_WORDS; l->nwords++) {
		start = skip(l, i, true);
		if (start == l->len ||
		    (l->text[start] == '#' && l->nwords != 1))
			break;
		i = skip(l, start, false);
		w = &l->words[l->nwords];
		w->column = (unsigned)start + 1;
		if (i - start >= sizeof(w->text))
			return lex_fail(l, w->column, e, ERR_LIMIT,
			    "the word is longer than %zu characters",
			    sizeof(w->text) - 1);
		memcpy(w->text, l->text + start, i - start);
		w->text[i - start] = '\0';
	}
	return ERR_OK;
}

enum err
lex_line(const char **pos, const char *end, struct lex_line *l,
    struct policy_error *e)
{
	const char *nl = memchr(*pos, '\n', (size_t)(end - *pos));
	enum err err;

	l->number++;
	l->text = *pos;
	l->len = (size_t)((nl != NULL ? nl : end) - *pos);
	*pos = nl != NULL ? nl + 1 : end;
	if ((err = check_bytes(l, e)) != ERR_OK)
		return err;
	/* A file cut short by a full disk must not pass for a shorter one. */
	if (nl == NULL)
		return lex_fail(l, (unsigned)l->len + 1, e, ERR_SYNTAX,
		    "the last line doesn't end in a newline: the file may be "
		    "cut short; complete the line");
	return split(l, e);
}

bool
lex_name(const char *word, const char *extra)
{
	size_t n = 0, k;

	do {
		k = strspn(word + n, LETTERS DIGITS);
		k += strspn(word + n + k, extra);
		n += k;
	} while (k != 0);
	return n != 0 && word[n] == '\0';
}

bool
lex_number(const char *word, unsigned min, unsigned max, unsigned *out)
{
	unsigned long long n = 0;
	size_t i, len = strspn(word, DIGITS);

	if (len == 0 || len > 10 || word[len] != '\0' ||
	    (word[0] == '0' && len > 1))
		return false;
	for (i = 0; i < len; i++)
		n = n * 10 + (unsigned)(word[i] - '0');
	*out = (unsigned)n;
	return n >= min && n <= max;
}

void
policy_error_text(const struct policy_error *e, char *out, size_t size)
{
	if (e->file[0] == '\0')
		(void)strlcpy(out, e->text, size);
	else if (e->line == 0)
		(void)snprintf(out, size, "%s: %s", e->file, e->text);
	else
		(void)snprintf(out, size, "%s:%u:%u: %s", e->file, e->line,
		    e->column, e->text);
}
