#include <string.h>

#include "record_check.h"

/* An end within size, and nothing that could fool a terminal. */
static bool
text(const char *s, size_t size)
{
	size_t i, n = strnlen(s, size);

	for (i = 0; i < n; i++)
		if (s[i] < ' ' || s[i] > '~')
			return false;
	return n < size;
}

#define TEXT(member) text(member, sizeof(member))

static bool
path(const char *s)
{
	return strnlen(s, PATH_SIZE) < PATH_SIZE && path_is_clean(s);
}

static bool
name(const char *s)
{
	return text(s, NAME_SIZE) && (s[0] == '\0' || site_name_ok(s));
}

static bool
group(const char *s)
{
	return text(s, NAME_SIZE) && (s[0] == '\0' || site_group_ok(s));
}

static bool
flag(const bool *b)
{
	unsigned char c;

	memcpy(&c, b, 1);
	return c <= 1;
}

/* Of a damaged instance only the directory need be there. */
static bool
instance(const struct instance *i, bool whole)
{
	return TEXT(i->dir) && name(i->name) && group(i->group) &&
	    flag(&i->primary) && flag(&i->enabled) &&
	    (whole || i->queue[0] == '\0' || path(i->queue)) &&
	    (whole || i->data[0] == '\0' || path(i->data)) &&
	    (!whole || (path(i->dir) && path(i->queue) && path(i->data)));
}

static bool
entry(const struct entry *e)
{
	return e->state < ENTRY_STATES && TEXT(e->why) &&
	    instance(&e->i, e->state == ENTRY_GOOD);
}

static bool
host(const struct host *h)
{
	const struct site *s = &h->site;

	return instance(&s->primary, !h->partial) && path(s->primary.dir) &&
	    path(s->command_directory) && path(s->daemon_directory) &&
	    path(s->meta_directory) && TEXT(s->mail_owner) &&
	    TEXT(s->setgid_group) && TEXT(s->wrapper) && TEXT(h->start) &&
	    TEXT(h->stop) && TEXT(h->control) && TEXT(h->syslog_name) &&
	    TEXT(h->syslog_facility) &&
	    (h->maillog_file[0] == '\0' || path(h->maillog_file)) &&
	    (h->shlib_directory[0] == '\0' || path(h->shlib_directory)) &&
	    h->partial <= 1;
}

bool
record_check(const struct record *r, uint32_t entries)
{
	switch ((enum record_kind)r->kind) {
	case RECORD_END:
		return r->err <= ERR_BUG &&
		    memchr(r->u.why.text, '\0', sizeof(r->u.why.text)) != NULL;
	case RECORD_HOST: return entries == 0 && host(&r->u.host);
	case RECORD_ENTRY:
		return entry(&r->u.entry) && r->u.entry.index >= entries;
	case RECORD_DEFAULTS:
		return r->u.defaults.len < sizeof(r->u.defaults.buf);
	case RECORD_KINDS: break;
	}
	return false;
}
