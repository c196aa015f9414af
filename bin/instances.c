#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "instances.h"
#include "msg.h"
#include "reader.h"
#include "request.h"

/* Under steady change one may look damaged each time, never the same one
 * twice. */
#define LOOKS_MAX 6

static struct defaults defaults;
static bool keep, asked;

/* Where records of reader_all go.  The array has room for all secondaries
 * as soon as the host's record has told their number. */
static void
take(void *ctx, const struct record *r)
{
	struct instances *list = ctx;

	switch ((enum record_kind)r->kind) {
	case RECORD_HOST:
		list->host = r->u.host;
		list->n = 0;
		break;
	case RECORD_ENTRY:
		if (list->n % 256 == 0)
			list->v = msg_realloc(list->v, list->n + 256,
			    sizeof(*list->v));
		list->v[list->n++] = r->u.entry;
		break;
	case RECORD_DEFAULTS: defaults = r->u.defaults; break;
	default: break;
	}
}

/* Where the one record of reader_one and reader_ask goes. */
static void
take_entry(void *ctx, const struct record *r)
{
	if (r->kind == RECORD_ENTRY)
		*(struct entry *)ctx = r->u.entry;
}

/* Asks postconf for the defaults; root's answer is kept for everybody. */
static enum err
refresh_defaults(struct instances *list, struct why *why)
{
	struct why stored;
	enum err e;

	asked = true;
	e = reader_run(reader_defaults, NULL, false, take, list, why);
	if (e == ERR_OK && keep && getuid() == 0 &&
	    defaults_store(&defaults, &stored) != ERR_OK)
		msg_warn("%s", stored.text);
	return e;
}

static enum err
read_all(struct instances *list, struct why *why)
{
	struct reader_target t = {0};
	enum err e;

	e = reader_run(reader_all, &t, true, take, list, why);
	if (e == ERR_STATE) {
		if ((e = refresh_defaults(list, why)) != ERR_OK)
			return e;
		t.defaults = &defaults;
		e = reader_run(reader_all, &t, true, take, list, why);
	}
	if (e == ERR_UNKNOWN) {
		msg_detail(1, "asking postconf: %s", why->text);
		t.ask = true;
		e = reader_run(reader_all, &t, false, take, list, why);
	}
	return e;
}

void
instances_damage(struct entry *e, const char *why)
{
	e->state = ENTRY_DAMAGED;
	(void)strlcpy(e->why, why, sizeof(e->why));
}

/* Fills an entry from what config.read told. */
static bool
take_facts(struct entry *e, const struct facts *f)
{
	if (!path_is_clean(f->dir) || !path_is_clean(f->queue) ||
	    !path_is_clean(f->data) ||
	    (f->name[0] != '\0' && !site_name_ok(f->name)) ||
	    (f->group[0] != '\0' && !site_group_ok(f->group)))
		return false;
	if (e->i.dir[0] != '\0' && strcmp(e->i.dir, f->dir) != 0)
		return false; /* the list has changed meanwhile */
	memcpy(e->i.dir, f->dir, sizeof(e->i.dir));
	memcpy(e->i.queue, f->queue, sizeof(e->i.queue));
	memcpy(e->i.data, f->data, sizeof(e->i.data));
	memcpy(e->i.name, f->name, sizeof(e->i.name));
	memcpy(e->i.group, f->group, sizeof(e->i.group));
	e->i.enabled = f->enabled != 0;
	e->state = ENTRY_GOOD;
	return true;
}

/*
 * Asks the config helper about an instance this caller can't read.  What the
 * reader said about its file stays the reason when the helper refuses, too.
 */
static enum err
ask_helper(struct entry *e, uint32_t *count)
{
	struct frame f = {.version = PROTO_VERSION, .op = OP_READ};
	struct reply r;
	struct why why;
	enum err err;

	f.index = e->index;
	err = request_run(&f, NULL, &r, &why);
	if (err == ERR_OK && take_facts(e, &r.facts)) {
		*count = r.facts.count;
		return ERR_OK;
	}
	msg_detail(1, "%s: %s", e->i.dir,
	    err == ERR_OK ? "the list has changed" : why.text);
	e->state = ENTRY_DAMAGED;
	if (err != ERR_OK && getuid() == 0)
		instances_damage(e, why.text);
	return err == ERR_OK ? ERR_STATE : err;
}

static void
ask_postconf(struct entry *e)
{
	struct reader_target t = {.dir = e->i.dir, .index = e->index};
	struct entry answer = *e;
	struct why why;
	enum err err;

	msg_detail(1, "asking postconf: %s", e->why);
	err = reader_run(reader_ask, &t, false, take_entry, &answer, &why);
	if (err != ERR_OK)
		instances_damage(e, why.text);
	else if (answer.state != ENTRY_GOOD)
		instances_damage(e, answer.why);
	else if (strcmp(answer.i.dir, e->i.dir) == 0)
		*e = answer;
}

/* A primary that the caller can't read: the list comes from config.read,
 * entry by entry. */
static enum err
fetch_all(struct instances *list, struct why *why)
{
	struct entry e = {.state = ENTRY_NOACCESS};
	uint32_t count = 0;

	if (ask_helper(&list->v[0], &count) != ERR_OK)
		return why_set(why, ERR_DENIED, "%s", list->v[0].why);
	list->v[0].i.primary = true;
	list->host.site.primary = list->v[0].i;
	for (e.index = 1; e.index <= count; e.index++) {
		struct entry one = e;

		if (ask_helper(&one, &count) == ERR_OK)
			take(list,
			    &(struct record){
				.kind = RECORD_ENTRY, .u.entry = one});
		else
			msg_warn("instance %u on the list: not permitted to "
				 "know",
			    e.index);
	}
	list->host.count = count;
	return ERR_OK;
}

/* Asks elsewhere what the reader couldn't tell. */
static void
resolve(struct instances *list)
{
	uint32_t count;
	bool helper = true;
	size_t i;

	for (i = 0; i < list->n; i++) {
		struct entry *e = &list->v[i];

		if (e->state == ENTRY_UNKNOWN)
			ask_postconf(e);
		if (e->state != ENTRY_NOACCESS)
			continue;
		/* Who may not run the helper needn't try a thousand times. */
		if (helper)
			helper = ask_helper(e, &count) != ERR_PRIVILEGE;
		else
			e->state = ENTRY_DAMAGED;
	}
}

/* What -v -v -v tells of every instance. */
static void
tell_all(const struct instances *list)
{
	const struct entry *e;

	for (e = list->v; e < list->v + list->n; e++)
		if (e->state == ENTRY_GOOD)
			msg_detail(3,
			    "%s: name \"%s\", group \"%s\", enabled %s, "
			    "queue_directory %s, data_directory %s",
			    e->i.dir, e->i.name, e->i.group,
			    e->i.enabled ? "yes" : "no", e->i.queue, e->i.data);
		else
			msg_detail(3, "%s: %s", e->i.dir, e->why);
}

static bool
is_damaged(const struct instances *list, const char *dir)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (list->v[i].state == ENTRY_DAMAGED &&
		    (dir == NULL || strcmp(list->v[i].i.dir, dir) == 0))
			return true;
	return false;
}

/* Whether what is damaged in the one was so in the other before. */
static bool
still_damaged(const struct instances *now, const struct instances *before)
{
	size_t i;

	for (i = 0; i < now->n; i++)
		if (now->v[i].state == ENTRY_DAMAGED &&
		    !is_damaged(before, now->v[i].i.dir))
			return false;
	return true;
}

/*
 * The list and the main.cf files are not read in one instant: one may have
 * been destroyed, or have left its name to another, in between.  What looks
 * damaged is looked at again.
 */
static enum err
read_settled(struct instances *list, struct why *why)
{
	struct instances before;
	bool settled = false;
	unsigned looks;
	enum err e;

	if ((e = read_all(list, why)) != ERR_OK)
		return e;
	instances_conflicts(list);
	for (looks = 1; looks < LOOKS_MAX && !settled; looks++) {
		if (!is_damaged(list, NULL))
			break;
		before = *list;
		memset(list, 0, sizeof(*list));
		if ((e = read_all(list, why)) == ERR_OK) {
			instances_conflicts(list);
			settled = still_damaged(list, &before);
		}
		free(before.v);
		if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

enum err
instances_load(struct instances *list, bool store, struct why *why)
{
	enum err e;

	keep = store;
	memset(list, 0, sizeof(*list));
	if ((e = read_settled(list, why)) != ERR_OK)
		return e;
	if (list->n != (size_t)list->host.count + 1 || !list->v[0].i.primary)
		return why_set(why, ERR_PROTOCOL,
		    "the reader told of %zu instances, not %u", list->n,
		    list->host.count + 1);
	if (list->host.partial && (e = fetch_all(list, why)) != ERR_OK)
		return e;
	resolve(list);
	/* A host without secondaries is one where the primary is on. */
	if (list->n == 1)
		list->v[0].i.enabled = true;
	instances_conflicts(list);
	tell_all(list);
	return ERR_OK;
}

bool
instances_asked(void)
{
	return asked;
}

enum err
instances_probe(const struct instances *list, const char *dir, struct entry *e,
    struct why *why)
{
	struct reader_target t = {.dir = dir, .index = (uint32_t)list->n};
	enum err err;

	memset(e, 0, sizeof(*e));
	if (defaults.len > 0)
		t.defaults = &defaults;
	err = reader_run(reader_one, &t, true, take_entry, e, why);
	if (err == ERR_OK && e->state == ENTRY_UNKNOWN)
		ask_postconf(e);
	if (err == ERR_OK && e->state != ENTRY_GOOD)
		err = why_set(why, ERR_SYNTAX, "%s", e->why);
	return err;
}

struct alternates {
	void (*fn)(void *, const struct entry *);
	void *ctx;
};

static void
take_alternate(void *ctx, const struct record *r)
{
	struct alternates *a = ctx;

	if (r->kind == RECORD_ENTRY)
		a->fn(a->ctx, &r->u.entry);
}

enum err
instances_alternates(const struct instances *list,
    void (*fn)(void *, const struct entry *), void *ctx, struct why *why)
{
	struct reader_target t = {.dir = list->host.site.primary.dir};
	struct alternates a = {fn, ctx};

	if (defaults.len > 0)
		t.defaults = &defaults;
	return reader_run(reader_alternates, &t, true, take_alternate, &a, why);
}

const char *
instances_label(const struct instance *i)
{
	return i->name[0] != '\0' ? i->name : i->dir;
}

bool
instances_listed(const char *list, const char *word)
{
	const char *entry;
	size_t n;

	while ((n = site_next(&list, &entry)) > 0)
		if (strlen(word) == n && memcmp(word, entry, n) == 0)
			return true;
	return false;
}
