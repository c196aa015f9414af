#include <sys/stat.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "added.h"
#include "msg.h"
#include "select.h"
#include "settings.h"

static bool
named(const struct options *o)
{
	return o->name != NULL && o->name[0] != '\0' &&
	    strcmp(o->name, "-") != 0;
}

/* A directory that wasn't given is the primary's sibling of that name. */
static enum err
derive(const struct options *o, const char *param, const char *given,
    const char *primary, char *out, struct why *why)
{
	memset(out, 0, PATH_SIZE);
	if (given[0] != '\0') {
		(void)strlcpy(out, given, PATH_SIZE);
		return ERR_OK;
	}
	if (!named(o))
		return why_set(why, ERR_SYNTAX, "Missing %s parameter value",
		    param);
	if (!site_sibling(primary, o->name, out))
		return why_set(why, ERR_LIMIT, "%s: the path is too long",
		    param);
	return ERR_OK;
}

/* P9: who isn't root names instances, and the names make the directories. */
static enum err
check_delegate(const struct options *o, struct why *why)
{
	if (getuid() == 0)
		return ERR_OK;
	if (o->nargs > 0)
		return why_set(why, ERR_DENIED,
		    "%s: only root chooses directories; without param=value "
		    "they are named after the instance, beside the primary's",
		    o->args[0]);
	if (!named(o))
		return why_set(why, ERR_DENIED,
		    "Only root makes instances without a name: "
		    "specify one with -I");
	if (!site_delegate_name_ok(o->name))
		return why_set(why, ERR_DENIED,
		    "-I %s: names given by others than root have only "
		    "letters, digits, '.', '_' and '-' after 'postfix-'",
		    o->name);
	if (o->group != NULL && o->group[0] != '\0' &&
	    strcmp(o->group, "-") != 0 && !site_delegate_group_ok(o->group))
		return why_set(why, ERR_DENIED,
		    "-G %s: groups given by others than root have only "
		    "letters, digits, '.', '_' and '-'",
		    o->group);
	return ERR_OK;
}

static bool
has_file(const char *dir, const char *name)
{
	char path[PATH_SIZE + 16];
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == 0;
}

bool
added_complete(const char *dir)
{
	return has_file(dir, "main.cf") && has_file(dir, "master.cf");
}

/* Whether -I or -G leave what is there: create has nothing to clear. */
static bool
left(const struct options *o, const char *arg)
{
	return arg == NULL || arg[0] == '\0' ||
	    (o->mode == MODE_CREATE && strcmp(arg, "-") == 0);
}

/* Takes what the directory's own main.cf says.  Who may not read it leaves
 * that to the helpers. */
static enum err
adopt(const struct instances *list, const struct options *o,
    struct instance *in, struct why *why)
{
	struct entry e;

	if (instances_probe(list, in->dir, &e, why) != ERR_OK) {
		if (e.state == ENTRY_NOACCESS)
			return ERR_OK;
		msg_warn("%s", why->text);
		return why_set(why, ERR_SYNTAX,
		    "Failed to obtain all required %s/main.cf parameters",
		    in->dir);
	}
	memcpy(in->queue, e.i.queue, sizeof(in->queue));
	memcpy(in->data, e.i.data, sizeof(in->data));
	in->enabled = e.i.enabled;
	if (left(o, o->name))
		memcpy(in->name, e.i.name, sizeof(in->name));
	if (left(o, o->group))
		memcpy(in->group, e.i.group, sizeof(in->group));
	return ERR_OK;
}

/* The queue and data directories: import's are in its main.cf. */
static enum err
directories(const struct instances *list, const struct options *o,
    struct instance *in, struct why *why)
{
	const struct instance *primary = &list->v[0].i;
	enum err e;

	if (o->mode == MODE_IMPORT)
		return adopt(list, o, in, why);
	e = derive(o, "queue_directory", o->queue, primary->queue, in->queue,
	    why);
	if (e == ERR_OK)
		e = derive(o, "data_directory", o->data, primary->data,
		    in->data, why);
	return e;
}

/* A complete instance that create finds is taken as it is. */
static enum err
complete(const struct instances *list, const struct options *o,
    struct instance *in, struct why *why)
{
	enum err e;

	if (o->mode != MODE_CREATE || !added_complete(in->dir))
		return ERR_OK;
	e = adopt(list, o, in, why);
	return e != ERR_OK ? e : instances_claim(list, in, NULL, false, why);
}

/* Whether the instance on the list is the one to be made. */
static bool
is_listed(const struct instances *list, const struct instance *in)
{
	size_t i;

	for (i = 1; i < list->n; i++)
		if (list->v[i].state == ENTRY_GOOD &&
		    strcmp(list->v[i].i.dir, in->dir) == 0)
			return in->name[0] == '\0' ||
			    strcmp(list->v[i].i.name, in->name) == 0;
	return false;
}

static void
place(const struct instances *list, const struct options *o, struct frame *f)
{
	const struct entry *before = select_place(list, o);

	if (before == NULL)
		f->place = PLACE_LAST;
	else if (o->select == SELECT_ALL)
		f->place = PLACE_FIRST;
	else {
		f->place = PLACE_BEFORE;
		select_frame(before, &f->before);
	}
}

enum err
added_plan(const struct instances *list, struct options *o, struct instance *in,
    struct frame *f, struct why *why)
{
	struct instance only_dir = {0};
	enum err e;

	if ((e = settings_parse(o, why)) != ERR_OK ||
	    (e = check_delegate(o, why)) != ERR_OK)
		return e;
	if (named(o))
		(void)strlcpy(in->name, o->name, sizeof(in->name));
	if (o->group != NULL && strcmp(o->group, "-") != 0)
		(void)strlcpy(in->group, o->group, sizeof(in->group));
	e = derive(o, "config_directory", o->config, list->v[0].i.dir, in->dir,
	    why);
	if (e != ERR_OK)
		return e;
	/* Known before anything is refused: what goes on with a record, too,
	 * says which. */
	if (getuid() == 0)
		memcpy(f->config, in->dir, sizeof(f->config));
	memcpy(only_dir.dir, in->dir, sizeof(only_dir.dir));
	if (instances_claim(list, &only_dir, NULL, true, why) != ERR_OK)
		return is_listed(list, in) ? ERR_EXISTS : ERR_CONFLICT;
	if ((e = directories(list, o, in, why)) != ERR_OK ||
	    (e = instances_claim(list, in, NULL, false, why)) != ERR_OK ||
	    (e = complete(list, o, in, why)) != ERR_OK)
		return e;
	place(list, o, f);
	if (o->mode == MODE_CREATE) {
		memcpy(f->name, in->name, sizeof(f->name));
		memcpy(f->group, in->group, sizeof(f->group));
	}
	if (getuid() == 0) {
		memcpy(f->queue, in->queue, sizeof(f->queue));
		memcpy(f->data, in->data, sizeof(f->data));
	}
	return ERR_OK;
}
