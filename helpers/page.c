#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "page.h"

void
page_add(struct page *p, const char *fmt, ...)
{
	size_t used = strlen(p->text), room = p->size - used;
	va_list ap;
	int n;

	if (p->lines++ < p->skip || p->full)
		return;
	va_start(ap, fmt);
	n = vsnprintf(p->text + used, room, fmt, ap);
	va_end(ap);
	/* A line that fits no page is cut. */
	if (used == 0 && n > 0 && (size_t)n + 1 >= room)
		n = (int)room - 2;
	/* Never a line without its newline, nor one after a gap; the rest
	 * stays zero. */
	p->full = n < 0 || (size_t)n + 1 >= room;
	if (p->full)
		memset(p->text + used, 0, room);
	else {
		memcpy(p->text + used + n, "\n", 2);
		p->shown++;
	}
}
