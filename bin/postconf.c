#include <sys/wait.h>
#include <string.h>

#include "postconf.h"
#include "site.h"
#include "spawn.h"

#define MAX_PARAMS 64

/* Runs postconf with these options and the names of all parameters. */
static enum err
run(const char *const *options, char *buf, size_t size, size_t *len,
    struct why *why)
{
	static const char *const env[] = {"LC_ALL=C", NULL};
	const char *argv[MAX_PARAMS + 4] = {"postconf"};
	struct spawn s = {.path = PATH_POSTCONF,
	    .argv = (char *const *)(size_t)argv,
	    .envp = (char *const *)(size_t)env};
	const char *last;
	size_t n = 1, i;
	int status;
	enum err e;

	while (*options != NULL)
		argv[n++] = *options++;
	for (i = 0; i < MAX_PARAMS && defaults_params[i] != NULL; i++)
		argv[n + i] = defaults_params[i];
	e = spawn_capture(&s, buf, size, len, &status, why);
	if (e != ERR_OK || status == 0)
		return e;
	while (*len > 0 && buf[*len - 1] == '\n')
		buf[--*len] = '\0';
	last = memrchr(buf, '\n', *len);
	return why_set(why, ERR_SYNTAX, "%s",
	    last != NULL ? last + 1 :
		*len > 0 ? buf :
			   PATH_POSTCONF " failed");
}

enum err
postconf_defaults(char *buf, size_t size, size_t *len, struct why *why)
{
	static const char *const options[] = {"-d", NULL};

	return run(options, buf, size, len, why);
}

/* postconf's warnings stand between its lines. */
static bool
wanted(const char *line)
{
	size_t i, n = strcspn(line, " =\n");

	for (i = 0; defaults_params[i] != NULL; i++)
		if (strlen(defaults_params[i]) == n &&
		    strncmp(defaults_params[i], line, n) == 0)
			return true;
	return false;
}

enum err
postconf_expanded(const char *dir, char *buf, size_t size, size_t *len,
    struct why *why)
{
	static char raw[1024 * 1024];
	const char *options[] = {"-x", "-c", dir, NULL};
	char *line, *end, *p;
	size_t rawlen;
	enum err e;

	if ((e = run(options, raw, sizeof(raw), &rawlen, why)) != ERR_OK)
		return e;
	*len = 0;
	for (line = raw; line < raw + rawlen; line = end + 1) {
		if ((end = strchr(line, '\n')) == NULL)
			end = raw + rawlen;
		if (!wanted(line))
			continue;
		for (p = line; p <= end; p++) {
			if (*len + 2 >= size)
				return why_set(why, ERR_LIMIT,
				    "%s/main.cf: values too long", dir);
			/* A dollar that is left is meant literally. */
			if (*p == '$')
				buf[(*len)++] = '$';
			buf[(*len)++] = p == end ? '\n' : *p;
		}
	}
	buf[*len] = '\0';
	return ERR_OK;
}
