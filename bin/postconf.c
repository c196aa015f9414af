#include <string.h>

#include "postconf.h"
#include "site.h"
#include "spawn.h"

#define MAX_PARAMS 64

/* More than it ever prints. */
static char raw[1024 * 1024];

/* Runs postconf with these options and the names of these parameters. */
static enum err
run(const char *const *options, const char *const *params, size_t *len,
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
	for (i = 0; i < MAX_PARAMS && params[i] != NULL; i++)
		argv[n + i] = params[i];
	e = spawn_capture(&s, raw, sizeof(raw), len, &status, why);
	if (e != ERR_OK || status == 0)
		return e;
	while (*len > 0 && raw[*len - 1] == '\n')
		raw[--*len] = '\0';
	last = memrchr(raw, '\n', *len);
	return why_set(why, ERR_SYNTAX, "%s",
	    last != NULL ? last + 1 :
		*len > 0 ? raw :
			   PATH_POSTCONF " failed");
}

static bool
names_one(const char *line, const char *const *params)
{
	size_t i, n = strcspn(line, " =\n");

	for (i = 0; params[i] != NULL; i++)
		if (strlen(params[i]) == n && strncmp(params[i], line, n) == 0)
			return true;
	return false;
}

/* What we look at comes first, the rest is there for who refers to it. */
enum err
postconf_defaults(char *buf, size_t size, size_t *len, struct why *why)
{
	static const char *const options[] = {"-d", NULL},
				 *const all[] = {NULL};
	/* Not fixed: computed from other settings and the host. */
	static const char *const computed[] = {
	    "mydomain", "myhostname", "mynetworks", NULL};
	const char *line, *end;
	size_t rawlen, n;
	unsigned pass;
	enum err e;

	if ((e = run(options, all, &rawlen, why)) != ERR_OK)
		return e;
	*len = 0;
	for (pass = 0; pass < 2; pass++)
		for (line = raw; (end = strchr(line, '\n')) != NULL;
		     line = end + 1) {
			if (names_one(line, defaults_params) != (pass == 0) ||
			    names_one(line, computed))
				continue;
			n = (size_t)(end + 1 - line);
			if (*len + n >= size)
				return why_set(why, ERR_LIMIT,
				    PATH_POSTCONF " -d printed too much");
			memcpy(buf + *len, line, n);
			*len += n;
		}
	buf[*len] = '\0';
	return ERR_OK;
}

enum err
postconf_expanded(const char *dir, char *buf, size_t size, size_t *len,
    struct why *why)
{
	const char *options[] = {"-x", "-c", dir, NULL};
	char *line, *end, *p;
	size_t rawlen;
	enum err e;

	if ((e = run(options, defaults_params, &rawlen, why)) != ERR_OK)
		return e;
	*len = 0;
	for (line = raw; line < raw + rawlen; line = end + 1) {
		if ((end = strchr(line, '\n')) == NULL)
			end = raw + rawlen;
		/* Its warnings stand between its lines. */
		if (!names_one(line, defaults_params))
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
