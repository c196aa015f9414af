#include <stdio.h>
#include <string.h>

#define SYSLOG_NAMES
#include <syslog.h>

#include "site.h"

/* What a delegate chooses: nothing that a shell or a log could take amiss. */
static bool
plain(const char *s)
{
	return strspn(s,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789._-") == strlen(s);
}

bool
site_delegate_name_ok(const char *name)
{
	return site_new_name_ok(name) && plain(name) &&
	    strcmp(name, "postfix-") != 0;
}

bool
site_delegate_group_ok(const char *group)
{
	return site_group_ok(group) && plain(group) && group[0] != '-' &&
	    group[0] != '.';
}

struct source {
	const struct maincf *m;
	const struct defaults *d;
	const char *dir; /* of m */
};

/* Where a main.cf doesn't say, config_directory is where it was found. */
static const char *
get(const void *ctx, const char *name, size_t namelen)
{
	static const char own[] = "config_directory";
	const struct source *s = ctx;

	if (s->dir[0] != '\0' && namelen == strlen(own) &&
	    memcmp(name, own, namelen) == 0)
		return s->dir;
	return defaults_get(s->d, name, namelen);
}

static enum err
value(const struct source *s, const char *param, char *out, size_t size,
    struct why *why)
{
	enum err e = maincf_expand(s->m, param, get, s, out, size, why);

	return e == ERR_LIMIT ?
	    why_set(why, e, "%s: %s: too long, or too much to expand",
		s->m->label, param) :
	    e;
}

static enum err
directory(const struct source *s, const char *param, char *out, struct why *why)
{
	enum err e = value(s, param, out, PATH_SIZE, why);
	size_t n;

	/* As in lists of them, slashes at the end don't count. */
	for (n = e == ERR_OK ? strlen(out) : 0; n > 1 && out[n - 1] == '/'; n--)
		out[n - 1] = '\0';
	if (e == ERR_OK && !path_is_clean(out))
		return why_set(why, ERR_SYNTAX,
		    "%s: %s = %.200s: not a usable absolute path", s->m->label,
		    param, out);
	return e;
}

/* Names are looked at by policy and printed by -l: only the contract's
 * characters, so that neither can be fooled. */
static enum err
label(const struct source *s, const char *param, bool (*ok)(const char *),
    char *out, struct why *why)
{
	enum err e = value(s, param, out, NAME_SIZE, why);

	if (e == ERR_OK && out[0] != '\0' && !ok(out))
		return why_set(why, ERR_SYNTAX,
		    "%s: %s = %.127s: not a valid instance name or group",
		    s->m->label, param, out);
	return e;
}

enum err
site_instance(const struct maincf *m, const struct defaults *d,
    struct instance *in, struct why *why)
{
	struct source s = {m, d, in->dir};
	char enable[16];
	enum err e;

	if ((e = label(&s, "multi_instance_name", site_name_ok, in->name,
		 why)) != ERR_OK ||
	    (e = label(&s, "multi_instance_group", site_group_ok, in->group,
		 why)) != ERR_OK ||
	    (e = directory(&s, "queue_directory", in->queue, why)) != ERR_OK ||
	    (e = directory(&s, "data_directory", in->data, why)) != ERR_OK ||
	    (e = value(&s, "multi_instance_enable", enable, sizeof(enable),
		 why)) != ERR_OK)
		return e;
	in->enabled = strcasecmp(enable, "yes") == 0;
	if (!in->enabled && strcasecmp(enable, "no") != 0)
		return why_set(why, ERR_SYNTAX,
		    "%s: bad boolean configuration: multi_instance_enable = %s",
		    m->label, enable);
	return ERR_OK;
}

enum err
site_primary(const struct maincf *m, const struct defaults *d,
    struct site *site, struct why *why)
{
	struct source s = {m, d, site->primary.dir};
	enum err e;

	site->primary.primary = true;
	if ((e = site_instance(m, d, &site->primary, why)) != ERR_OK ||
	    (e = directory(&s, "command_directory", site->command_directory,
		 why)) != ERR_OK ||
	    (e = directory(&s, "daemon_directory", site->daemon_directory,
		 why)) != ERR_OK ||
	    (e = directory(&s, "meta_directory", site->meta_directory, why)) !=
		ERR_OK ||
	    (e = value(&s, "mail_owner", site->mail_owner, NAME_SIZE, why)) !=
		ERR_OK ||
	    (e = value(&s, "setgid_group", site->setgid_group, NAME_SIZE,
		 why)) != ERR_OK)
		return e;
	return value(&s, "multi_instance_wrapper", site->wrapper,
	    sizeof(site->wrapper), why);
}

enum err
site_list(const struct maincf *m, const struct defaults *d, const char *param,
    char *out, size_t size, struct why *why)
{
	/* Of the primary: its directory is the default. */
	struct source s = {m, d,
	    defaults_get(d, "config_directory", strlen("config_directory"))};

	return value(&s, param, out, size, why);
}

int
site_facility(const char *name)
{
	const CODE *c = facilitynames;

	while (c->c_name != NULL && strcmp(c->c_name, name) != 0)
		c++;
	return c->c_name != NULL ? c->c_val : LOG_MAIL;
}

#define SEPARATORS ", \t\r\n"

size_t
site_next(const char **pos, const char **entry)
{
	size_t n;

	*entry = *pos + strspn(*pos, SEPARATORS);
	n = strcspn(*entry, SEPARATORS);
	*pos = *entry + n;
	while (n > 1 && (*entry)[n - 1] == '/')
		n--;
	return n;
}

bool
site_next_dir(const char **pos, char *dir)
{
	const char *entry;
	size_t n;

	do
		n = site_next(pos, &entry);
	while (n >= PATH_SIZE);
	memcpy(dir, entry, n);
	dir[n] = '\0';
	return n > 0;
}

bool
site_sibling(const char *primary, const char *name, char *out)
{
	char parent[PATH_SIZE];

	(void)path_split(primary, parent);
	return snprintf(out, PATH_SIZE, "%s/%s",
		   strcmp(parent, "/") == 0 ? "" : parent, name) < PATH_SIZE &&
	    path_is_clean(out);
}

struct list {
	char *out;
	size_t size, len;
	enum err err;
};

static void
append(struct list *l, const char *entry, size_t n)
{
	if (l->len + n + 2 > l->size) {
		l->err = ERR_LIMIT;
		return;
	}
	if (l->len > 0)
		l->out[l->len++] = ' ';
	memcpy(l->out + l->len, entry, n);
	l->len += n;
	l->out[l->len] = '\0';
}

static bool
same(const char *entry, size_t n, const char *dir)
{
	return dir != NULL && strncmp(entry, dir, n) == 0 && dir[n] == '\0';
}

bool
site_list_has(const char *list, const char *dir)
{
	const char *entry;
	size_t n;

	while ((n = site_next(&list, &entry)) > 0)
		if (same(entry, n, dir))
			return true;
	return false;
}

/* One pass: leaves out drop, puts add in front of before (or at the end). */
static enum err
rewrite(const char *list, const char *drop, const char *add, const char *before,
    char *out, size_t size)
{
	struct list l = {out, size, 0, ERR_OK};
	const char *entry, *moved = add; /* not twice, wherever it stood */
	size_t n;

	out[0] = '\0';
	while ((n = site_next(&list, &entry)) > 0) {
		if (same(entry, n, drop) || same(entry, n, moved))
			continue;
		if (add != NULL && same(entry, n, before)) {
			append(&l, add, strlen(add));
			add = NULL;
		}
		append(&l, entry, n);
	}
	if (add != NULL)
		append(&l, add, strlen(add));
	return l.err;
}

enum err
site_list_without(const char *list, const char *dir, char *out, size_t size)
{
	return rewrite(list, dir, NULL, NULL, out, size);
}

enum err
site_list_with(const char *list, const char *dir, const char *before, char *out,
    size_t size)
{
	return rewrite(list, NULL, dir, before, out, size);
}
