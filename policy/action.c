#include <string.h>

#include "policy.h"

static const struct {
	const char *name;
	bool command;
} actions[ACTION_COUNT] = {
#define X(e, name, cmd) [ACTION_##e] = {name, cmd},
    ACTION_LIST(X)
#undef X
};

const char *
action_name(enum action a)
{
	return (unsigned)a < ACTION_COUNT ? actions[a].name : NULL;
}

int
action_find(const char *name)
{
	int i;

	for (i = 0; i < ACTION_COUNT; i++)
		if (strcmp(actions[i].name, name) == 0)
			return i;
	return -1;
}

bool
action_is_command(enum action a)
{
	return (unsigned)a < ACTION_COUNT && actions[a].command;
}
