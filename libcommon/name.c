#include <string.h>

#include "site.h"

#define ALNUM      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define NAME_CHARS ALNUM "!@%-_=+:."
#define PREFIX     "postfix-"

static bool
made_of(const char *s, const char *chars)
{
	size_t n = strnlen(s, NAME_SIZE);

	return n > 0 && n < NAME_SIZE && strspn(s, chars) == n;
}

bool
site_name_ok(const char *name)
{
	return made_of(name, NAME_CHARS) && strcmp(name, "-") != 0;
}

bool
site_new_name_ok(const char *name)
{
	return made_of(name, NAME_CHARS) &&
	    strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

bool
site_group_ok(const char *group)
{
	return made_of(group, NAME_CHARS "/");
}
