#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "courtesy.h"
#include "execute.h"
#include "locks.h"
#include "msg.h"
#include "plan.h"
#include "request.h"
#include "select.h"

/* postfix(1) commands for many instances: the selected entries, in order. */
struct run {
	const struct instances *list;
	const struct options *o;
	bool start, skip; /* check, or nothing, where disabled */
	const struct entry **selected, *skipped;
	size_t n;
};

static void
collect(void *ctx, const struct entry *e)
{
	struct run *r = ctx;

	if (r->skip && !e->i.enabled)
		r->skipped = e;
	else
		r->selected[r->n++] = e;
}

static bool
is_master(int pid)
{
	char path[32], comm[32] = "";
	FILE *f;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if ((f = fopen(path, "re")) == NULL)
		return false;
	if (fgets(comm, sizeof(comm), f) == NULL)
		comm[0] = '\0';
	(void)fclose(f);
	return strcmp(comm, "master\n") == 0;
}

/* Whether the instance's master(8) runs: it holds a lock on its pid file. */
static bool
is_running(const struct instance *i)
{
	char path[PATH_SIZE + 32];
	int pid;

	(void)snprintf(path, sizeof(path), "%s/pid/master.pid", i->queue);
	return (pid = locks_holder(path)) > 0 && is_master(pid);
}

static void
nothing_to_do(const struct run *r, const char *command)
{
	const struct entry *e = r->skipped;

	if (msg_failed())
		return;
	if (e != NULL && r->o->select == SELECT_NAME && is_running(&e->i))
		msg_fatal("No matching instances: %s is disabled and still "
			  "running, and \"-p %s\" skips what is disabled; as "
			  "root run \"postfix -c %s %s\", or first "
			  "\"postmulti -i %s -e enable\"",
		    instances_label(&e->i), command, e->i.dir, command,
		    instances_label(&e->i));
	(void)select_unnamed(r->list, r->o);
	msg_fatal("No matching instances");
}

/* What others than root may say: one of postfix(1)'s own commands. */
static enum action
delegated_command(const struct options *o)
{
	int a = action_find(o->args[0]);
	char names[256] = "";
	unsigned i;

	if (o->nargs == 1 && a != -1 && action_is_command((enum action)a))
		return (enum action)a;
	for (i = 0; i < ACTION_COUNT; i++)
		if (action_is_command((enum action)i))
			(void)snprintf(names + strlen(names),
			    sizeof(names) - strlen(names), " %s",
			    action_name((enum action)i));
	msg_fatal("-p %s: only root may run this; others give exactly one "
		  "word of:%s",
	    o->args[0], names);
}

static void
report(const struct run *r, const struct entry *e, enum action a, enum err err,
    const struct why *why)
{
	char hint[512] = "";

	if (err == ERR_PRIVILEGE)
		msg_fatal("%s", why->text);
	if (err == ERR_DENIED && strstr(why->text, "explain") == NULL)
		courtesy_hint(a, &e->i, NULL, hint, sizeof(hint));
	msg_error("%s: %s%s%s", instances_label(&e->i), why->text, hint,
	    r->start && !e->i.enabled ?
		" (it is disabled, so \"check\" would run instead of "
		"\"start\")" :
		"");
}

/* One instance; its words are the user's, with start made check. */
static void
run_one(const struct run *r, const struct entry *e, size_t n)
{
	bool check = r->start && !e->i.enabled;
	struct frame f = {.version = PROTO_VERSION, .op = OP_POSTFIX};
	bool root = getuid() == 0;
	char *first = r->o->args[0], detail[PATH_SIZE + 256];
	enum action a = ACTION_COUNT;
	struct reply reply;
	struct why why;
	enum err err = ERR_OK;

	if (!root)
		a = check ? ACTION_CHECK : delegated_command(r->o);
	if (check)
		r->o->args[0] = (char *)(size_t) "check";
	f.command = root ? 0 : (uint32_t)a + 1;
	f.flags = msg_verbosity > 0 ? FRAME_VERBOSE : 0;
	f.lock_timeout = r->o->lock_timeout;
	select_frame(e, &f.sel);
	if (setenv("MAIL_CONFIG", e->i.dir, 1) == -1)
		msg_fatal("setenv: %s", strerror(errno));
	(void)snprintf(detail, sizeof(detail), "%.200s %s", r->o->args[0],
	    instances_label(&e->i));
	/* What is refused has to be in the log: that is the helper's. */
	if (!r->o->dry_run)
		err = request_run(&f, root ? r->o->args : NULL, &reply, &why);
	else if ((err = courtesy_check(a, &e->i, &why)) == ERR_OK)
		plan_print((unsigned)n + 1, OP_POSTFIX, detail);
	r->o->args[0] = first;
	if (err != ERR_OK)
		report(r, e, a, err, &why);
	else if (!r->o->dry_run && reply.status != 0)
		msg_fail();
}

void
execute_postfix(const struct instances *list, const struct options *o)
{
	const struct host *h = &list->host;
	const char *command = o->args[0];
	bool stop = instances_listed(h->stop, command);
	struct run r = {.list = list,
	    .o = o,
	    .start = instances_listed(h->start, command),
	    .skip = stop || instances_listed(h->control, command)};
	size_t i;

	if (getuid() != 0)
		(void)delegated_command(o);
	if (setenv("MAIL_LOGTAG", h->syslog_name, 1) == -1 ||
	    (msg_verbosity > 0 && setenv("MAIL_VERBOSE", "", 1) == -1))
		msg_fatal("setenv: %s", strerror(errno));
	r.selected = msg_realloc(NULL, list->n, sizeof(*r.selected));
	(void)select_each(list, o, stop, false, collect, &r);
	if (r.n == 0)
		nothing_to_do(&r, command);
	for (i = 0; i < r.n; i++) {
		run_one(&r, r.selected[i], i);
		if (request_interrupted() && i + 1 < r.n)
			msg_fatal("interrupted: \"%s\" was finished for %s, "
				  "and not begun for %s and what follows",
			    command, instances_label(&r.selected[i]->i),
			    instances_label(&r.selected[i + 1]->i));
	}
	free(r.selected);
}
