#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "added.h"
#include "change.h"
#include "courtesy.h"
#include "msg.h"
#include "plan.h"
#include "removal.h"
#include "request.h"
#include "select.h"
#include "settings.h"

/* One -e action on one instance. */
struct change {
	const struct instances *list;
	struct options *o;
	const struct plan *plan;
	const struct entry *e;  /* as it is; NULL: new, or gone already */
	struct instance before; /* what policy is asked about */
	struct instance after;  /* what it becomes */
	struct frame f;         /* fields that all steps share */
};

/* The options' names as a frame has them: "" leaves, "-" clears. */
static void
set_names(struct change *c)
{
	if (c->o->name != NULL)
		(void)strlcpy(c->f.name, c->o->name, sizeof(c->f.name));
	if (c->o->group != NULL)
		(void)strlcpy(c->f.group, c->o->group, sizeof(c->f.group));
}

static void
assign(char *dest, const char *value)
{
	if (value == NULL || value[0] == '\0')
		return;
	memset(dest, 0, NAME_SIZE);
	if (strcmp(value, "-") != 0)
		(void)strlcpy(dest, value, NAME_SIZE);
}

/* The original's checks before anything but init, and their one exception:
 * switching the primary back on. */
static void
need_init(const struct change *c)
{
	const struct host *h = &c->list->host;

	if (h->partial)
		return; /* the helper can read it */
	if (h->site.wrapper[0] == '\0')
		msg_fatal("multi_instance_wrapper is empty, run 'postmulti -e "
			  "init' first.");
	if (!h->site.primary.enabled && c->o->mode == MODE_ENABLE &&
	    c->e->i.primary)
		return;
	if (!h->site.primary.enabled)
		msg_fatal("multi_instance_enable!=yes, run 'postmulti -e "
			  "init' first.");
}

/* For when no helper is asked.  Else a refusal is its to tell: what was
 * refused has to be in the log. */
static void
need_permission(const struct change *c)
{
	struct why why;

	if (courtesy_check(c->plan->action, &c->before, &why) != ERR_OK)
		msg_fatal("%s", why.text);
}

/* A step's frame: the shared fields that this operation has. */
static void
fill(const struct change *c, enum op op, struct frame *f)
{
	unsigned fields = op_info(op)->fields;

	*f = c->f;
	f->version = PROTO_VERSION;
	f->op = op;
	f->flags = msg_verbosity > 0 ? FRAME_VERBOSE : 0;
	f->lock_timeout = c->o->lock_timeout;
	if ((fields & FIELD_SEL) == 0)
		memset(&f->sel, 0, sizeof(f->sel));
	if ((fields & FIELD_PLACE) == 0) {
		f->place = PLACE_LAST;
		memset(&f->before, 0, sizeof(f->before));
	}
	if ((fields & FIELD_NAMES) == 0) {
		memset(f->name, 0, sizeof(f->name));
		memset(f->group, 0, sizeof(f->group));
	}
	if ((fields & FIELD_DIRS) == 0) {
		memset(f->config, 0, sizeof(f->config));
		memset(f->queue, 0, sizeof(f->queue));
		memset(f->data, 0, sizeof(f->data));
	}
}

static void
failed(const struct change *c, enum err e, const struct why *why)
{
	char hint[512] = "";

	if (e == ERR_DENIED && strstr(why->text, "explain") == NULL)
		courtesy_hint(c->plan->action, &c->before, &c->after, hint,
		    sizeof(hint));
	msg_fatal("%s%s", why->text, hint);
}

/* From a step on. */
static void
run_steps(const struct change *c, const enum op *op)
{
	struct frame f;
	struct reply r;
	struct why why;
	enum err e;

	for (; *op != OP_NONE; op++) {
		if (c->o->dry_run) {
			plan_print((unsigned)(op - c->plan->steps) + 1, *op,
			    instances_label(&c->after));
			continue;
		}
		fill(c, *op, &f);
		e = request_run(&f, NULL, &r, &why);
		if (e != ERR_OK)
			failed(c, e, &why);
		if (*op == OP_CLEAR || *op == OP_FINISH)
			removal_rest(*op, &c->after, &f.sel);
		if (request_interrupted() && op[1] != OP_NONE)
			msg_fatal("interrupted: %s is done, %s and what "
				  "follows is not; the same command again "
				  "finishes it",
			    op_info(*op)->name, op_info(op[1])->name);
	}
}

/* --dry-run of a destroy tells what the steps would find. */
static void
show_removal(const struct change *c)
{
	if (c->o->dry_run && c->o->mode == MODE_DESTROY)
		removal_show(&c->after, &c->f.sel);
}

static void
warn_nameless(const struct change *c)
{
	/* Without a queue directory only the helpers can read it. */
	if (c->after.name[0] == '\0' && c->after.queue[0] != '\0' &&
	    !c->after.primary && !c->o->dry_run)
		msg_warn("instance %s has no name: set syslog_name in "
			 "%s/main.cf, or its log entries look like the "
			 "primary's",
		    c->after.dir, c->after.dir);
}

/*
 * What an interrupted command left may be off the list already; only the
 * helpers' records know it.  Quiet when they don't.
 */
static bool
resume(struct change *c, enum op first)
{
	struct frame f;
	struct reply r;
	struct why why;

	if (c->o->dry_run)
		return false;
	fill(c, first, &f);
	return request_run(&f, NULL, &r, &why) == ERR_OK;
}

/* What has that name may be one whose name can't be known. */
static void
not_found(const struct change *c)
{
	(void)select_unnamed(c->list, c->o);
	msg_fatal("No instance named %s", c->o->selected);
}

static void
resume_removal(struct change *c)
{
	const char *given = c->o->selected;

	if (given[0] != '/')
		select_full_name(given, c->f.sel.name, sizeof(c->f.sel.name));
	else if (getuid() == 0 && path_is_clean(given))
		(void)strlcpy(c->f.sel.dir, given, sizeof(c->f.sel.dir));
	else
		not_found(c);
	if ((c->f.sel.name[0] != '\0' && !site_new_name_ok(c->f.sel.name)) ||
	    (c->o->mode != MODE_DESTROY && c->o->mode != MODE_DEPORT) ||
	    !resume(c, c->plan->steps[0]))
		not_found(c);
	msg_warn("%s: finishing what was interrupted", given);
	(void)strlcpy(c->after.dir, given, sizeof(c->after.dir));
	c->before = c->after;
	run_steps(c, c->plan->steps + 1); /* the first is done */
}

/* destroy and deport */
static void
check_removal(const struct change *c)
{
	if (c->e->i.primary)
		msg_fatal("Cannot remove the primary instance");
	if (c->e->i.enabled)
		msg_fatal("Cannot remove enabled instances");
}

/* Returns false when there is nothing to change. */
static bool
check_assign(struct change *c)
{
	struct why why;

	if (settings_names(c->o, &why) != ERR_OK)
		msg_fatal("%s", why.text);
	set_names(c);
	assign(c->after.name, c->o->name);
	assign(c->after.group, c->o->group);
	/* What would be the same isn't written. */
	if (strcmp(c->after.name, c->before.name) == 0)
		memset(c->f.name, 0, sizeof(c->f.name));
	if (strcmp(c->after.group, c->before.group) == 0)
		memset(c->f.group, 0, sizeof(c->f.group));
	if (c->f.name[0] == '\0' && c->f.group[0] == '\0')
		return false;
	if (instances_claim(c->list, &c->after, c->e, false, &why) != ERR_OK)
		msg_fatal("%s", why.text);
	return true;
}

/*
 * What is damaged can be removed; by root when its name isn't known, since
 * nobody else can be permitted then.  One that is only in conflict with
 * another can be disabled, too, since what is enabled isn't removed.
 */
static void
check_damaged(const struct change *c)
{
	enum mode m = c->o->mode;

	if (!path_is_clean(c->e->i.dir))
		msg_fatal("instance %s is damaged: %s; mend "
			  "multi_instance_directories in %s/main.cf",
		    c->e->i.dir, c->e->why, c->list->host.site.primary.dir);
	if (m != MODE_DESTROY && m != MODE_DEPORT &&
	    (m != MODE_DISABLE || c->e->i.queue[0] == '\0'))
		msg_fatal("instance %s is damaged: %s; mend it, or deport or "
			  "destroy it by its directory",
		    c->e->i.dir, c->e->why);
	if (c->e->i.name[0] == '\0' && getuid() != 0)
		msg_fatal("instance %s is damaged: %s; only root may %s it",
		    c->e->i.dir, c->e->why, action_name(c->plan->action));
	msg_warn("instance %s is damaged: %s", c->e->i.dir, c->e->why);
}

/* Actions on an instance that is on the list. */
static void
change_existing(struct change *c)
{
	bool removal = c->o->mode == MODE_DESTROY || c->o->mode == MODE_DEPORT;

	c->e = select_one(c->list, c->o);
	if (c->e == NULL) {
		resume_removal(c);
		return;
	}
	c->before = c->after = c->e->i;
	if (c->e->state != ENTRY_GOOD)
		check_damaged(c);
	if (removal)
		check_removal(c);
	if (c->o->dry_run)
		need_permission(c);
	if (c->o->mode == MODE_ASSIGN && !check_assign(c)) {
		need_permission(c);
		return;
	}
	need_init(c);
	/* To root a helper may find damaged what we could read. */
	if (getuid() == 0 && c->o->selected[0] == '/' && !c->e->i.primary)
		(void)strlcpy(c->f.sel.dir, c->e->i.dir, sizeof(c->f.sel.dir));
	else
		select_frame(c->e, &c->f.sel);
	run_steps(c, c->plan->steps);
	show_removal(c);
	if (c->e->state != ENTRY_GOOD && c->o->mode == MODE_DESTROY &&
	    !c->o->dry_run)
		removal_left(c->list, &c->after);
	if (c->o->mode == MODE_ASSIGN && c->before.name[0] != '\0')
		warn_nameless(c);
}

/* Before any directory is made. */
static void
need_prototypes(const struct change *c)
{
	static const char *const files[] = {"main.cf", "master.cf"};
	const char *meta = c->list->host.site.meta_directory;
	char path[PATH_SIZE + 32];
	size_t i;

	for (i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s.proto", meta,
		    files[i]);
		if (access(path, F_OK) == -1 && errno == ENOENT)
			msg_fatal("Missing %s prototype: %s", files[i], path);
	}
}

/* create and import: the one thing that may be there already is what the
 * same command made before it was interrupted. */
static void
change_new(struct change *c)
{
	struct why why;
	enum err e;

	set_names(c);
	e = added_plan(c->list, c->o, &c->after, &c->f, &why);
	c->before = c->after;
	if (e == ERR_EXISTS) {
		if (!resume(c, OP_REGISTER))
			msg_fatal("%s", why.text);
		msg_warn("%s: finished what was interrupted",
		    instances_label(&c->after));
		return;
	}
	if (e != ERR_OK)
		msg_fatal("%s", why.text);
	if (c->o->dry_run)
		need_permission(c);
	need_init(c);
	if (c->o->mode == MODE_CREATE && !added_complete(c->after.dir))
		need_prototypes(c);
	run_steps(c, c->plan->steps);
	warn_nameless(c);
}

void
change_run(const struct instances *list, struct options *o)
{
	struct change c = {.list = list, .o = o, .plan = plan_of(o->mode)};

	switch (o->mode) {
	case MODE_INIT:
		c.before = c.after = list->v[0].i;
		run_steps(&c, c.plan->steps);
		break;
	case MODE_CREATE:
	case MODE_IMPORT: change_new(&c); break;
	default: change_existing(&c); break;
	}
}
