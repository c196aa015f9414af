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

bool
action_is_command(enum action a)
{
	return (unsigned)a < ACTION_COUNT && actions[a].command;
}
