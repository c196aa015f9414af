#include <stdio.h>
#include <string.h>

#include "policy_host.h"

static bool
row_is(const struct row *row, const char *arg)
{
	const char *name = row->o.name;

	if (strcmp(arg, "-") == 0)
		return row->o.primary;
	if (arg[0] == '/')
		return strcmp(row->dir, arg) == 0;
	return strcmp(name, arg) == 0 ||
	    (strncmp(name, "postfix-", 8) == 0 && strcmp(name + 8, arg) == 0);
}

static bool
is_new(int a)
{
	return a == ACTION_CREATE || a == ACTION_IMPORT;
}

/* What -I or -G names. */
static const char *new (const char *given)
{
	return strcmp(given, "-") == 0 ? "" : given;
}

/* The instance that is asked about: from -G, the listing, or to be made, which
 * has no group of its own.  An assign's -G and -I are what becomes of it. */
static int
find_object(enum action a, const char *arg, struct object *o, struct object *to)
{
	static struct row row;
	const char *pos = NULL;

	*o = (struct object){.name = arg, .group = ""};
	if (tool.group != NULL && strcmp(arg, "-") == 0)
		*o = (struct object){"", "", true};
	if (tool.group != NULL)
		o->group = new (tool.group);
	*to = *o;
	while ((tool.group == NULL || a == ACTION_ASSIGN) &&
	    host_next(&pos, &row))
		if (row_is(&row, arg)) {
			*o = row.o;
			if (is_new(a))
				o->group = "";
			*to = *o;
			if (tool.name != NULL)
				to->name = new (tool.name);
			if (tool.group != NULL)
				to->group = new (tool.group);
			return 0;
		}
	if (tool.name != NULL)
		return tool_error("-I is for assign, and there is no instance "
				  "\"%s\"",
		    arg);
	if (tool.group == NULL && !is_new(a))
		return tool_error("there is no instance \"%s\": with -G "
				  "GROUP it needn't exist",
		    arg);
	if (!o->primary && strncmp(arg, "postfix-", 8) != 0)
		return tool_error("\"%s\" doesn't begin with \"postfix-\"",
		    arg);
	return 0;
}

static int
verdict(bool permitted, const char *text)
{
	(void)printf("%s: %s\n", permitted ? "permitted" : "denied", text);
	return permitted ? 0 : 1;
}

int
explain_prepare(void)
{
	int a = action_find(tool.argv[1]);

	if (tool.name != NULL && a != ACTION_ASSIGN)
		return tool_error("-I is for assign only");
	tool_open_policy();
	return tool.group == NULL || a == ACTION_ASSIGN || is_new(a) ?
	    host_listing() :
	    0;
}

/* As the helpers count, but for commands that weren't finished; ctx is what is
 * given another name or made. */
static size_t
count_prefix(void *ctx, const char *prefix)
{
	const struct object *from = ctx;
	const char *pos = NULL;
	struct row row;
	size_t n = 1; /* the new name has it: the rule matches */

	while (host_next(&pos, &row))
		n += strncmp(row.o.name, prefix, strlen(prefix)) == 0 &&
		    strcmp(row.o.name, from->name) != 0;
	return n;
}

/* What delegates may call an instance, and a group that they choose: one that
 * import finds is its main.cf's. */
static enum err
check_names(enum action a, const struct object *o, const struct object *to,
    struct why *why)
{
	if (to->name[0] != '\0' &&
	    (is_new(a) || strcmp(o->name, to->name) != 0) &&
	    !site_delegate_name_ok(to->name))
		return why_set(why, ERR_DENIED,
		    "others than root choose names of letters, digits, '.', "
		    "'_' and '-' after 'postfix-', not \"%s\"",
		    to->name);
	if (to->group[0] != '\0' && a != ACTION_IMPORT &&
	    (is_new(a) || strcmp(o->group, to->group) != 0) &&
	    !site_delegate_group_ok(to->group))
		return why_set(why, ERR_DENIED,
		    "others than root choose groups of letters, digits, '.', "
		    "'_' and '-', not \"%s\"",
		    to->group);
	return ERR_OK;
}

/* What is asked besides whether a rule permits it. */
static enum err
explain_change(enum action a, const struct object *o, const struct object *to,
    struct why *why)
{
	struct object from = {.name = o->name, .group = ""};
	enum err e;

	if (!is_new(a) && a != ACTION_ASSIGN)
		return ERR_OK;
	if ((e = check_names(a, o, to, why)) != ERR_OK)
		return e;
	if (!is_new(a))
		from = *o;
	e = policy_may_change(&tool_policy, &host_who, a, &from, to, why);
	if (e != ERR_OK || (!is_new(a) && strcmp(from.name, to->name) == 0))
		return e;
	return policy_limits(&tool_policy, &host_who, a, to, count_prefix,
	    &from, why);
}

/* What a rule permits is no use to whoever can't run the helpers. */
static int
permitted(const char *place)
{
	char text[512];

	if (host_member())
		return verdict(true, place);
	(void)snprintf(text, sizeof(text),
	    "%s permits it, but %s isn't in group %s and can't run the helpers",
	    place, host_who.name, SYSTEM_USER);
	return verdict(false, text);
}

int
explain_run(void)
{
	struct object o, to;
	const struct rule *by;
	struct why w = {""};
	char place[256];
	bool yes;
	int a;

	if ((a = action_find(tool.argv[1])) == -1)
		return tool_error("\"%s\" isn't an action: see "
				  "postmulti.policy(5)",
		    tool.argv[1]);
	if (host_user(tool.argv[0]) != 0)
		return 1;
	if (tool.uid != 0 && tool.uid != host_who.uid)
		return tool_error("only root may ask about others");
	if (find_object((enum action)a, tool.argv[2], &o, &to) != 0 ||
	    !tool_load())
		return 1;
	if (host_who.uid == 0)
		return verdict(true, "root is never asked");
	tool_bind_groups();
	if (policy_usable(&tool_policy, &w) != ERR_OK)
		return verdict(false, w.text);
	/* What is there as it is, and all else as it will be. */
	yes =
	    policy_permits(&tool_policy, &host_who, (enum action)a, &o, &by) &&
	    policy_permits(&tool_policy, &host_who, (enum action)a, &to, &by);
	if (yes && explain_change((enum action)a, &o, &to, &w) != ERR_OK)
		return verdict(false, w.text);
	policy_rule_place(&tool_policy, by, place, sizeof(place));
	return yes ? permitted(place) : verdict(false, place);
}
