#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "postconf.h"
#include "reader.h"

/* One main.cf at a time, in static memory: a thousand cost no allocation.  All
 * of it is of the job that this process does now. */
static char file[MAINCF_MAX];
static char label[PATH_SIZE + sizeof("/main.cf")];
static struct maincf main_cf;
static struct record record;
static char list[1024 * 1024]; /* of directories */

/* Names of the primary's parameters that only the front-end needs. */
static const struct extra {
	const char *name;
	size_t offset, size;
} extras[] = {
#define X(param, member)                                                       \
	{                                                                      \
		param, offsetof(struct host, member),                          \
		    sizeof(((struct host *)0)->member)                         \
	}
    X("postmulti_start_commands", start),
    X("postmulti_stop_commands", stop),
    X("postmulti_control_commands", control),
    X("syslog_name", syslog_name),
    X("syslog_facility", syslog_facility),
    X("maillog_file", maillog_file),
    X("shlib_directory", shlib_directory),
#undef X
};

/* What comes from a file may hold anything; what is shown may not. */
static void
printable(char *s)
{
	for (; *s != '\0'; s++)
		if (*s < ' ' || *s > '~')
			*s = '?';
}

/* Those a job was told, or the cached ones; NULL where there are none. */
static const struct defaults *
defaults_of(const struct reader_target *t, struct why *why)
{
	static struct defaults cached;

	if (t->defaults != NULL)
		return t->defaults;
	return defaults_load(&cached, why) == ERR_OK ? &cached : NULL;
}

/* Reads DIR/main.cf; *noaccess when only permission is missing. */
static enum err
load(const char *dir, bool *noaccess, struct why *why)
{
	size_t len;
	enum err e;
	int fd;

	*noaccess = false;
	(void)snprintf(label, sizeof(label), "%s/main.cf", dir);
	errno = 0;
	e = path_open_file(AT_FDCWD, label, label, false, &fd, why);
	if (e != ERR_OK) {
		*noaccess = e == ERR_SYSTEM && errno == EACCES;
		return e;
	}
	e = path_slurp(fd, label, file, sizeof(file), &len, why);
	(void)close(fd);
	return e != ERR_OK ? e : maincf_parse(&main_cf, label, file, len, why);
}

static enum err
ask(const char *dir, struct why *why)
{
	size_t len;
	enum err e;

	(void)snprintf(label, sizeof(label), "%s/main.cf", dir);
	e = postconf_expanded(dir, file, sizeof(file), &len, why);
	return e != ERR_OK ? e : maincf_parse(&main_cf, label, file, len, why);
}

/* Copies n bytes of a listed directory, without trailing slashes, which
 * postmulti(1) itself never writes. */
static bool
copy_dir(const char *from, size_t n, char *dir)
{
	while (n > 1 && from[n - 1] == '/')
		n--;
	if (n >= PATH_SIZE) {
		/* Cut short it may be the name of another one: never clean. */
		memcpy(dir, from, PATH_SIZE - 2);
		memcpy(dir + PATH_SIZE - 2, "/", 2);
		return false;
	}
	memcpy(dir, from, n);
	dir[n] = '\0';
	return path_is_clean(dir);
}

static void
put_entry(struct reader_out *out, enum entry_state state, const char *why)
{
	struct entry *e = &record.u.entry;

	e->state = state;
	if (state != ENTRY_GOOD) {
		/* Half-read values say nothing. */
		memset(e->i.queue, 0, sizeof(e->i.queue));
		memset(e->i.data, 0, sizeof(e->i.data));
		memset(e->i.name, 0, sizeof(e->i.name));
		memset(e->i.group, 0, sizeof(e->i.group));
		e->i.enabled = false;
		(void)strlcpy(e->why, why, sizeof(e->why));
		printable(e->why);
	}
	printable(e->i.dir);
	record.kind = RECORD_ENTRY;
	reader_put(out, &record);
}

/* An entry's values and its state, from what load() or ask() left. */
static void
finish(struct reader_out *out, enum err e, const struct defaults *d,
    bool noaccess, struct why *why)
{
	enum entry_state state = ENTRY_GOOD;

	if (e == ERR_OK)
		e = site_instance(&main_cf, d, &record.u.entry.i, why);
	if (noaccess)
		state = ENTRY_NOACCESS;
	else if (e == ERR_UNKNOWN)
		state = ENTRY_UNKNOWN;
	else if (e != ERR_OK)
		state = ENTRY_DAMAGED;
	put_entry(out, state, why->text);
}

static void
begin(uint32_t index)
{
	/* Not the whole union: there are thousands. */
	memset(&record.u.entry, 0, sizeof(record.u.entry));
	record.u.entry.index = index;
}

static void
secondary(struct reader_out *out, const struct defaults *d, uint32_t index,
    const char *dir, size_t n)
{
	struct why why = {""};
	bool noaccess;
	enum err e;

	begin(index);
	if (!copy_dir(dir, n, record.u.entry.i.dir)) {
		put_entry(out, ENTRY_DAMAGED,
		    "multi_instance_directories: not a usable absolute path");
		return;
	}
	e = load(record.u.entry.i.dir, &noaccess, &why);
	finish(out, e, d, noaccess, &why);
}

/* Those on the list, the first of them with that index. */
static void
secondaries(struct reader_out *out, const struct defaults *d, uint32_t index)
{
	const char *pos = list, *dir;
	size_t n;

	while ((n = site_next(&pos, &dir)) > 0)
		secondary(out, d, index++, dir, n);
}

enum err
reader_one(struct reader_out *out, const void *arg, struct why *why)
{
	const struct reader_target *t = arg;
	const struct defaults *d = defaults_of(t, why);

	if (d == NULL)
		return ERR_STATE;
	secondary(out, d, t->index, t->dir, strlen(t->dir));
	return ERR_OK;
}

enum err
reader_ask(struct reader_out *out, const void *arg, struct why *why)
{
	static const struct defaults none;
	const struct reader_target *t = arg;
	enum err e;

	begin(t->index);
	(void)copy_dir(t->dir, strlen(t->dir), record.u.entry.i.dir);
	e = ask(record.u.entry.i.dir, why);
	finish(out, e, &none, false, why);
	return ERR_OK;
}

/* The primary's values that only we need. */
static enum err
read_extras(const struct defaults *d, struct host *h, struct why *why)
{
	const struct extra *x;
	enum err e;

	for (x = extras; x < extras + sizeof(extras) / sizeof(extras[0]); x++) {
		char *value = (char *)h + x->offset;

		e = maincf_expand(&main_cf, x->name, defaults_get, d, value,
		    x->size, why);
		if (e != ERR_OK)
			return e;
		printable(value);
	}
	if (!path_is_clean(h->maillog_file))
		h->maillog_file[0] = '\0';
	if (!path_is_clean(h->shlib_directory))
		h->shlib_directory[0] = '\0';
	return ERR_OK;
}

static enum err
read_host(const struct defaults *d, struct why *why)
{
	struct host *h = &record.u.host;
	const char *pos = list, *dir;
	enum err e;

	record.kind = RECORD_HOST;
	if ((e = site_primary(&main_cf, d, &h->site, why)) != ERR_OK ||
	    (e = read_extras(d, h, why)) != ERR_OK)
		return e;
	printable(h->site.wrapper);
	printable(h->site.mail_owner);
	printable(h->site.setgid_group);
	e = site_list(&main_cf, d, "multi_instance_directories", list,
	    sizeof(list), why);
	if (e == ERR_OK)
		while (site_next(&pos, &dir) > 0)
			h->count++;
	return e;
}

/* The primary's own entry, and where its file can't be read an empty one
 * instead, so that at least the defaults are known. */
static enum err
primary(struct reader_out *out, const struct defaults *d, bool by_postconf,
    struct why *why)
{
	const char *dir =
	    defaults_get(d, "config_directory", strlen("config_directory"));
	struct why unread = {""};
	struct instance in;
	bool noaccess = false;
	enum err e;

	memset(&record, 0, sizeof(record));
	if (dir == NULL ||
	    !copy_dir(dir, strlen(dir), record.u.host.site.primary.dir))
		return why_set(why, ERR_SYNTAX,
		    "postconf -d: config_directory is not usable");
	dir = record.u.host.site.primary.dir;
	e = by_postconf ? ask(dir, why) : load(dir, &noaccess, why);
	if (noaccess) {
		unread = *why;
		record.u.host.partial = 1;
		e = maincf_parse(&main_cf, label, "", 0, why);
	}
	if (e != ERR_OK || (e = read_host(d, why)) != ERR_OK)
		return e;
	reader_put(out, &record);
	in = record.u.host.site.primary;
	begin(0);
	record.u.entry.i = in;
	put_entry(out, noaccess ? ENTRY_NOACCESS : ENTRY_GOOD, unread.text);
	return ERR_OK;
}

enum err
reader_all(struct reader_out *out, const void *arg, struct why *why)
{
	const struct reader_target *t = arg;
	const struct defaults *d = defaults_of(t, why);
	enum err e;

	if (d == NULL)
		return ERR_STATE;
	e = primary(out, d, t->ask, why);
	if (e == ERR_OK)
		secondaries(out, d, 1);
	return e;
}

/* Those that were deported are there; what the primary can't tell isn't. */
enum err
reader_alternates(struct reader_out *out, const void *arg, struct why *why)
{
	const struct reader_target *t = arg;
	const struct defaults *d = defaults_of(t, why);
	bool noaccess;
	enum err e;

	if (d == NULL)
		return ERR_STATE;
	if ((e = load(t->dir, &noaccess, why)) != ERR_OK ||
	    (e = site_list(&main_cf, d, "alternate_config_directories", list,
		 sizeof(list), why)) != ERR_OK)
		return e;
	secondaries(out, d, 0);
	return ERR_OK;
}

enum err
reader_defaults(struct reader_out *out, const void *arg, struct why *why)
{
	static char text[sizeof(record.u.defaults.buf)];
	size_t len;
	enum err e;

	(void)arg;
	memset(&record, 0, sizeof(record));
	record.kind = RECORD_DEFAULTS;
	if ((e = postconf_defaults(text, sizeof(text), &len, why)) != ERR_OK ||
	    (e = defaults_parse(&record.u.defaults, text, len, why)) != ERR_OK)
		return e;
	reader_put(out, &record);
	return ERR_OK;
}
