#include <string.h>

#include "dirs.h"

/* --- dirs.inspect, dirs.records: a page of lines -------------------------- */

static void
add_lines(struct page *p, char *text)
{
	char *line;

	while ((line = strsep(&text, "\n")) != NULL && line[0] != '\0')
		page_add(p, "%s", line);
}

/* What the judge says, and then what the cleaner says as mail_owner. */
enum err
dirs_tell(struct actor *a, struct why *why)
{
	static struct tally t;
	struct page *p = &a->notes;
	uint32_t skip, before;
	enum err e;

	p->skip = a->v.skip;
	add_lines(p, a->list);
	if (a->v.op == OP_INSPECT) {
		before = p->lines;
		skip = p->skip > before ? p->skip - before : 0;
		e = cleaner_ask(CLEANER_LIST, skip, &t, why);
		if (e != ERR_OK)
			return e;
		p->lines += skip;
		add_lines(p, t.text);
		p->lines = before + t.lines;
	}
	a->reply.facts.count = p->lines;
	return ERR_OK;
}
