#include <sys/stat.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "msg.h"
#include "select.h"

static bool
name_matches(const struct instance *i, const char *given)
{
	char full[NAME_SIZE];

	if (given[0] == '/')
		return strcmp(i->dir, given) == 0;
	if (strcmp(given, "-") == 0)
		return i->primary;
	if (i->name[0] == '\0')
		return false;
	select_full_name(given, full, sizeof(full));
	return strcmp(i->name, given) == 0 || strcmp(i->name, full) == 0;
}

static bool
matches(const struct entry *e, const struct options *o)
{
	switch (o->select) {
	case SELECT_NAME: return name_matches(&e->i, o->selected);
	case SELECT_GROUP:
		/* Whose group isn't known may be meant. */
		if (e->state != ENTRY_GOOD && e->i.name[0] == '\0')
			return strcmp(o->selected, "-") != 0;
		return e->i.group[0] != '\0' &&
		    strcmp(e->i.group, o->selected) == 0;
	case SELECT_NONE:
	case SELECT_ALL: break;
	}
	return true;
}

void
select_full_name(const char *given, char *out, size_t size)
{
	(void)snprintf(out, size, "%s%s",
	    strncmp(given, "postfix-", strlen("postfix-")) == 0 ? "" :
								  "postfix-",
	    given);
}

/* Says that an instance is damaged, why, and what to do about it. */
static void
warn_damaged(const struct instances *list, const struct entry *e)
{
	if (path_is_clean(e->i.dir))
		msg_warn("instance %s is damaged: %s; mend it, or as root run "
			 "\"postmulti -i %s -e deport\"",
		    e->i.dir, e->why, e->i.dir);
	else
		msg_warn("instance %s is damaged: %s; mend "
			 "multi_instance_directories in %s/main.cf",
		    e->i.dir, e->why, list->host.site.primary.dir);
}

bool
select_unnamed(const struct instances *list, const struct options *o)
{
	const struct entry *e;
	bool any = false;

	if (o->select != SELECT_NAME || o->selected[0] == '/' ||
	    strcmp(o->selected, "-") == 0)
		return false;
	for (e = list->v; e < list->v + list->n; e++)
		if (e->state != ENTRY_GOOD && e->i.name[0] == '\0') {
			warn_damaged(list, e);
			any = true;
		}
	return any;
}

size_t
select_each(const struct instances *list, const struct options *o, bool reverse,
    bool damaged, select_visit *visit, void *ctx)
{
	const struct entry *e;
	size_t i, n = 0;

	for (i = 0; i < list->n; i++) {
		e = &list->v[reverse ? list->n - 1 - i : i];
		if (!matches(e, o))
			continue;
		if (e->state != ENTRY_GOOD) {
			warn_damaged(list, e);
			msg_fail();
			if (!damaged)
				continue;
		}
		visit(ctx, e);
		n++;
	}
	return n;
}

const struct entry *
select_one(const struct instances *list, const struct options *o)
{
	const struct entry *e, *found = NULL;

	for (e = list->v; e < list->v + list->n; e++)
		if (matches(e, o) &&
		    (found == NULL ||
			(found->state != ENTRY_GOOD && e->state == ENTRY_GOOD)))
			found = e;
	return found;
}

const struct entry *
select_place(const struct instances *list, const struct options *o)
{
	const struct entry *e;

	if (o->select == SELECT_NONE)
		return NULL;
	for (e = list->v + 1; e < list->v + list->n; e++)
		if (matches(e, o))
			return e;
	if (o->select != SELECT_ALL)
		msg_fatal("No matching secondary instances");
	return NULL;
}

void
select_frame(const struct entry *e, struct selector *s)
{
	struct stat st;

	memset(s, 0, sizeof(*s));
	if (e->i.primary)
		(void)strlcpy(s->name, "-", sizeof(s->name));
	else if (e->state == ENTRY_GOOD && site_new_name_ok(e->i.name))
		(void)strlcpy(s->name, e->i.name, sizeof(s->name));
	else if (e->state != ENTRY_GOOD && getuid() == 0)
		(void)strlcpy(s->dir, e->i.dir, sizeof(s->dir));
	else if (stat(e->i.dir, &st) == 0) {
		s->dev = st.st_dev;
		s->ino = st.st_ino;
	} else
		msg_fatal("%s: an instance without a name and without its "
			  "directory is root's to mend",
		    e->i.dir);
}
