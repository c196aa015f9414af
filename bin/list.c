#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "list.h"
#include "msg.h"
#include "select.h"

static const char *
or_dash(const char *s)
{
	return s[0] != '\0' ? s : "-";
}

static void
print_line(void *ctx, const struct entry *e)
{
	(void)ctx;
	(void)printf("%-15s %-15s %-9s %s\n", or_dash(e->i.name),
	    or_dash(e->i.group), e->i.enabled ? "y" : "n", e->i.dir);
}

/* Control characters never get here: the reader replaces them. */
static void
print_string(const char *s)
{
	(void)putchar('"');
	for (; *s != '\0'; s++) {
		if (*s == '"' || *s == '\\')
			(void)putchar('\\');
		(void)putchar(*s);
	}
	(void)putchar('"');
}

static void
print_json(void *ctx, const struct entry *e)
{
	const struct {
		const char *before, *value;
	} members[] = {
	    {"{\"name\": ", or_dash(e->i.name)},
	    {",\"group\": ", or_dash(e->i.group)},
	    {",\"enabled\": ", e->i.enabled ? "y" : "n"},
	    {",\"config_directory\": ", e->i.dir},
	    {",\"damaged\": ", e->state != ENTRY_GOOD ? e->why : NULL},
	};
	size_t i;

	(void)ctx;
	for (i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (members[i].value != NULL) {
			(void)fputs(members[i].before, stdout);
			print_string(members[i].value);
		}
	(void)puts("}");
}

void
list_run(const struct instances *list, const struct options *o)
{
	if (select_each(list, o, o->reverse, o->json,
		o->json ? print_json : print_line, NULL) == 0 &&
	    select_unnamed(list, o))
		msg_fail();
	if (fflush(stdout) == EOF)
		msg_fatal("error writing output: %s", strerror(errno));
}
