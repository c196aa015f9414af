#include <stdio.h>
#include <string.h>

#include "policy_host.h"

static void
put_json(const char *s)
{
	(void)putchar('"');
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == '"' || *s == '\\')
			(void)printf("\\u%04x", (unsigned char)*s);
		else
			(void)putchar(*s);
	(void)putchar('"');
}

static void
put_actions(unsigned set)
{
	bool first = true;
	int a;

	for (a = 0; a < ACTION_COUNT; a++) {
		if ((set & 1u << a) == 0)
			continue;
		if (!first)
			(void)putchar(',');
		first = false;
		if (tool.json)
			put_json(action_name((enum action)a));
		else
			(void)fputs(action_name((enum action)a), stdout);
	}
}

static unsigned
permitted_to(const struct object *o)
{
	unsigned set = 0;
	int a;

	for (a = 0; a < ACTION_COUNT; a++)
		if (host_who.uid == 0 ||
		    policy_permits(&tool_policy, &host_who, (enum action)a, o,
			NULL))
			set |= 1u << a;
	return set;
}

static void
put_row(const struct row *row)
{
	const char *name = row->o.name[0] != '\0' ? row->o.name : "-";
	const char *group = row->o.group[0] != '\0' ? row->o.group : "-";
	unsigned set = permitted_to(&row->o);

	if (set == 0)
		return;
	if (!tool.json) {
		(void)printf("%-15s %-15s ", name, group);
		put_actions(set);
		(void)putchar('\n');
		return;
	}
	(void)fputs("{\"name\": ", stdout);
	put_json(name);
	(void)fputs(",\"group\": ", stdout);
	put_json(group);
	(void)fputs(",\"config_directory\": ", stdout);
	put_json(row->dir);
	(void)fputs(",\"actions\": [", stdout);
	put_actions(set);
	(void)puts("]}");
}

static bool
is_listed(const char *name)
{
	const char *pos = NULL;
	struct row row;

	while (host_next(&pos, &row))
		if (strcmp(row.o.name, name) == 0)
			return true;
	return false;
}

/* Names that needn't exist yet: what a rule calls them, and what it lets
 * create. */
static void
put_new(const struct rule *r)
{
	const struct rule *q = tool_policy.rules;
	bool prefix = r->which == WHICH_PREFIX;
	struct object o = {r->arg, "", false};
	unsigned set = permitted_to(&o);

	set &= 1u << ACTION_CREATE | 1u << ACTION_IMPORT;
	while (q < r &&
	    (q->which != r->which || q->deny || strcmp(q->arg, r->arg) != 0))
		q++;
	if (set == 0 || q != r || r->deny ||
	    (!prefix && (r->which != WHICH_INSTANCE || is_listed(r->arg))))
		return;
	if (!tool.json) {
		(void)printf("%s%-*s %-15s ", r->arg,
		    strlen(r->arg) < 15 ? 15 - (int)strlen(r->arg) :
			prefix          ? 3 :
					  0,
		    prefix ? "..." : "", "-");
		put_actions(set);
		(void)putchar('\n');
		return;
	}
	(void)printf("{\"%s\": ", prefix ? "prefix" : "instance");
	put_json(r->arg);
	(void)fputs(",\"actions\": [", stdout);
	put_actions(set);
	(void)puts("]}");
}

int
list_prepare(void)
{
	tool_open_policy();
	return host_listing();
}

int
list_run(void)
{
	const char *pos = NULL;
	struct why w = {""};
	struct row row;
	size_t i;

	if (host_account(tool.uid) != 0 || !tool_load())
		return 1;
	tool_bind_groups();
	if (host_who.uid != 0 && policy_usable(&tool_policy, &w) != ERR_OK)
		return tool_error("%s", w.text);
	if (!host_member())
		(void)tool_error("warning: %s isn't in group %s and can't run "
				 "the helpers",
		    host_who.name, SYSTEM_USER);
	while (host_next(&pos, &row))
		put_row(&row);
	for (i = 0; i < tool_policy.nrules && host_who.uid != 0; i++)
		put_new(&tool_policy.rules[i]);
	return 0;
}
