#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"
#include "courtesy.h"

static struct policy policy;
static struct caller caller;

/* What is used here is what the helpers will use; when any of it can't be
 * had, they will say why. */
static bool
load(void)
{
	static enum { UNTRIED, USABLE, UNUSABLE } state = UNTRIED;
	static struct policy_error error;
	struct why why;
	enum err e;
	size_t i;
	int dir;

	if (state != UNTRIED)
		return state == USABLE;
	state = UNUSABLE;
	if (caller_lookup(&caller, &why) != ERR_OK ||
	    path_open_dir(PATH_POLICY, true, &dir, &why) != ERR_OK)
		return false;
	policy_init(&policy);
	e = policy_load(&policy, dir, PATH_POLICY, &error);
	(void)close(dir);
	if (e != ERR_OK)
		return false;
	for (i = 0; i < policy.ngroups; i++)
		caller_bind_group(&policy.groups[i]);
	if (policy_usable(&policy, &why) == ERR_OK)
		state = USABLE;
	return state == USABLE;
}

static const char *
caller_name(void)
{
	static char number[16];

	if (caller.name[0] != '\0')
		return caller.name;
	(void)snprintf(number, sizeof(number), "#%lu", (unsigned long)getuid());
	return number;
}

void
courtesy_hint(enum action a, const struct instance *i,
    const struct instance *to, char *out, size_t size)
{
	bool new = a == ACTION_CREATE || a == ACTION_IMPORT;
	const char *name = "", *group = "";

	out[0] = '\0';
	if (!load() || action_name(a) == NULL)
		return;
	if (to != NULL && a == ACTION_ASSIGN && strcmp(to->name, i->name) != 0)
		name = to->name[0] != '\0' ? to->name : "-";
	if (to != NULL && (new || strcmp(to->group, i->group) != 0))
		group = to->group[0] != '\0' ? to->group : new ? "" : "-";
	(void)snprintf(out, size,
	    "; see: postmulti-policy explain %s%s%s%s%s%s%s %s %s",
	    name[0] != '\0' ? "-I " : "", name, name[0] != '\0' ? " " : "",
	    group[0] != '\0' ? "-G " : "", group, group[0] != '\0' ? " " : "",
	    caller_name(), action_name(a),
	    i->primary ? "-" : instances_label(i));
}

enum err
courtesy_check(enum action a, const struct instance *i, struct why *why)
{
	struct object o = {i->name, i->group, i->primary};
	const struct rule *by = NULL;
	struct subject s;
	struct why plain;
	char hint[512];

	if (getuid() == 0 || a == ACTION_COUNT || !load())
		return ERR_OK;
	s = caller_subject(&caller);
	if (policy_permits(&policy, &s, a, &o, &by))
		return ERR_OK;
	(void)policy_refuse(&policy, by, caller_name(), a, instances_label(i),
	    &plain);
	courtesy_hint(a, i, i, hint, sizeof(hint));
	return why_set(why, ERR_DENIED, "%s%s", plain.text, hint);
}
