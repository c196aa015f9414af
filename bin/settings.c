#include <string.h>

#include <bsd/string.h>

#include "settings.h"

/* The param=value words of create and import. */
static const struct setting {
	const char *name;
	size_t offset;
	unsigned legal;
} settings[] = {
    {"config_directory", offsetof(struct options, config),
	MODE_BIT(MODE_CREATE) | MODE_BIT(MODE_IMPORT)},
    {"queue_directory", offsetof(struct options, queue), MODE_BIT(MODE_CREATE)},
    {"data_directory", offsetof(struct options, data), MODE_BIT(MODE_CREATE)},
};

#define END (settings + sizeof(settings) / sizeof(settings[0]))

#define BLANKS " \t\r\n"

/* Splits "name = value" as main.cf does; false when there is no name or no
 * equals sign. */
static bool
split(const char *word, char *name, size_t namesize, char *value, size_t size)
{
	const char *eq = strchr(word, '=');
	size_t n, len;

	if (eq == NULL)
		return false;
	word += strspn(word, BLANKS);
	n = strcspn(word, BLANKS "=");
	if (n == 0 || n >= namesize ||
	    word + n + strspn(word + n, BLANKS) != eq)
		return false;
	memcpy(name, word, n);
	name[n] = '\0';
	eq++;
	eq += strspn(eq, BLANKS);
	len = strlen(eq);
	while (len > 0 && strchr(BLANKS, eq[len - 1]) != NULL)
		len--;
	if (len >= size)
		len = size - 1;
	memcpy(value, eq, len);
	value[len] = '\0';
	return true;
}

static enum err
one(struct options *o, const char *word, struct why *why)
{
	char name[64], value[PATH_SIZE + 1];
	const struct setting *s;
	size_t n;

	if (!split(word, name, sizeof(name), value, sizeof(value)))
		return why_set(why, ERR_SYNTAX,
		    "Malformed parameter setting '%s'", word);
	for (s = settings; s < END && strcmp(s->name, name) != 0; s++)
		;
	if (s == END || (s->legal & MODE_BIT(o->mode)) == 0)
		return why_set(why, ERR_SYNTAX,
		    "Parameter '%s' not valid with action %s", name,
		    mode_name(o->mode));
	if (value[0] != '/')
		return why_set(why, ERR_SYNTAX,
		    "Parameter setting '%s' is not an absolute path", name);
	for (n = strlen(value); n > 1 && value[n - 1] == '/'; n--)
		value[n - 1] = '\0';
	if (n == 1)
		return why_set(why, ERR_SYNTAX,
		    "Parameter setting '%s' is the root directory", name);
	if (!path_is_clean(value))
		return why_set(why, ERR_SYNTAX,
		    "Parameter setting '%s' is not a path that main.cf can "
		    "hold: shorter than %d bytes, no blanks, commas, '$', '#', "
		    "quotes, braces, \"//\", \".\" or \"..\"",
		    name, PATH_SIZE);
	(void)strlcpy((char *)o + s->offset, value, PATH_SIZE);
	return ERR_OK;
}

enum err
settings_parse(struct options *o, struct why *why)
{
	enum err e = ERR_OK;
	size_t i;

	for (i = 0; i < o->nargs && e == ERR_OK; i++)
		e = one(o, o->args[i], why);
	return e;
}

static enum err
check_name(const char *name, struct why *why)
{
	if (name[0] == '\0' || strcmp(name, "-") == 0)
		return ERR_OK;
	if (strncmp(name, "postfix-", strlen("postfix-")) != 0)
		return why_set(why, ERR_SYNTAX,
		    "New instance name must start with 'postfix-'");
	if (strchr(name, '/') != NULL)
		return why_set(why, ERR_SYNTAX,
		    "Illegal '/' character in new instance name: '%s'", name);
	if (strlen(name) >= NAME_SIZE)
		return why_set(why, ERR_LIMIT,
		    "New instance name is longer than %d characters",
		    NAME_SIZE - 1);
	if (!site_new_name_ok(name))
		return why_set(why, ERR_SYNTAX,
		    "Unsafe characters in new instance name: '%s'", name);
	return ERR_OK;
}

static enum err
check_group(const char *group, struct why *why)
{
	if (group[0] == '\0' || strcmp(group, "-") == 0)
		return ERR_OK;
	if (strlen(group) >= NAME_SIZE)
		return why_set(why, ERR_LIMIT,
		    "Group is longer than %d characters", NAME_SIZE - 1);
	if (!site_group_ok(group))
		return why_set(why, ERR_SYNTAX, "Unsafe characters in '-G %s'",
		    group);
	return ERR_OK;
}

enum err
settings_names(const struct options *o, struct why *why)
{
	enum err e = ERR_OK;

	if (o->name != NULL)
		e = check_name(o->name, why);
	if (e == ERR_OK && o->group != NULL)
		e = check_group(o->group, why);
	return e;
}
