#include <string.h>

#include "request.h"
#include "tell.h"

/* How many words a line of that kind has: the last is a path. */
static size_t
words_of(const char *line)
{
	static const struct {
		const char *kind;
		size_t n;
	} kinds[] = {{"enabled", 1}, {"running", 1}, {"record", 10},
	    {"broken", 2}, {"dir", 8}, {"missing", 2}, {"other", 2},
	    {"refused", 2}, {"go", 2}, {"stay", 2}, {"mail", 3}};
	size_t i, len = strcspn(line, " ");

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strlen(kinds[i].kind) == len &&
		    strncmp(kinds[i].kind, line, len) == 0)
			return kinds[i].n;
	return 0;
}

static bool
tell_line(char *line, tell_fn *fn, void *ctx)
{
	char *words[TELL_WORDS] = {NULL};
	size_t n = words_of(line), i;

	for (i = 0; i < n; i++)
		words[i] = i + 1 < n ? strsep(&line, " ") : line;
	if (n == 0 || words[n - 1] == NULL)
		return false;
	fn(ctx, words, n);
	return true;
}

static struct reply r;

/* Returns how many lines were told, fewer than there are when one of them
 * isn't known. */
static uint32_t
tell_page(tell_fn *fn, void *ctx, bool *known)
{
	char *pos = r.notes, *line;
	uint32_t got = 0;

	*known = true;
	while (*known && (line = strsep(&pos, "\n")) != NULL) {
		if (line[0] == '\0')
			continue;
		got++;
		*known = tell_line(line, fn, ctx);
	}
	return got;
}

void
tell_more(tell_fn *fn, void *ctx)
{
	bool known;

	(void)tell_page(fn, ctx, &known);
}

enum err
tell_each(enum op op, const struct selector *sel, tell_fn *fn, void *ctx,
    struct why *why)
{
	struct frame f = {.version = PROTO_VERSION, .op = op};
	bool known;
	uint32_t got;
	enum err e;

	if (sel != NULL)
		f.sel = *sel;
	do {
		if ((e = request_run(&f, NULL, &r, why)) != ERR_OK)
			return e;
		got = tell_page(fn, ctx, &known);
		if (!known)
			return why_set(why, ERR_PROTOCOL,
			    "%s: a line that this version doesn't know",
			    op_info(op)->name);
		f.index += got;
	} while (got > 0 && f.index < r.facts.count);
	return f.index >= r.facts.count ?
	    ERR_OK :
	    why_set(why, ERR_PROTOCOL, "%s: lines are missing",
		op_info(op)->name);
}
