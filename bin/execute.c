#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "execute.h"
#include "msg.h"
#include "select.h"
#include "spawn.h"

/* The installed postconf(1)'s directory, which for root stands for
 * command_directory: what main.cf says decides no PATH of root's. */
static const char postconf[] = PATH_POSTCONF;

struct job {
	const struct instances *list;
	const struct options *o;
	unsigned n;
};

static void
set(const char *name, const char *value)
{
	if (setenv(name, value, 1) == -1)
		msg_fatal("setenv: %s", strerror(errno));
}

static void
set_command_directory(const struct host *h)
{
	const char *old = getenv("PATH");
	char dir[sizeof(postconf) + PATH_SIZE], *path = NULL;

	if (getuid() == 0)
		(void)snprintf(dir, sizeof(dir), "%.*s",
		    (int)(strrchr(postconf, '/') - postconf), postconf);
	else
		(void)strlcpy(dir, h->site.command_directory, sizeof(dir));
	set("command_directory", dir);
	if (asprintf(&path, "%s:%s", dir,
		old != NULL && *old != '\0' ?
		    old :
		    "/bin:/usr/bin:/sbin:/usr/sbin") == -1)
		msg_fatal("out of memory");
	set("PATH", path);
	free(path);
}

/* What an instance's commands find in their environment. */
static void
set_instance(const struct instance *i)
{
	const struct {
		const char *name, *value;
	} vars[] = {
	    {"MAIL_CONFIG", i->dir},
	    {"config_directory", i->dir},
	    {"queue_directory", i->queue},
	    {"data_directory", i->data},
	    {"multi_instance_name", i->name},
	    {"multi_instance_group", i->group},
	    {"multi_instance_enable", i->enabled ? "yes" : "no"},
	};
	size_t n;

	for (n = 0; n < sizeof(vars) / sizeof(vars[0]); n++)
		set(vars[n].name, vars[n].value);
}

static void
run_one(void *ctx, const struct entry *e)
{
	struct job *j = ctx;
	struct spawn s = {.path = j->o->args[0],
	    .argv = j->o->args,
	    .envp = environ,
	    .fds = {SPAWN_KEEP, SPAWN_KEEP, SPAWN_KEEP}};
	struct why why;
	int status;
	pid_t pid;

	j->n++;
	if (j->o->dry_run) {
		(void)printf("%u. %s: %s\n", j->n, instances_label(&e->i),
		    j->o->args[0]);
		return;
	}
	set_instance(&e->i);
	s.envp = environ;
	msg_detail(2, "%s: running %s", instances_label(&e->i), s.path);
	if (spawn_start(&s, &pid, &why) != ERR_OK ||
	    spawn_wait(pid, &status, &why) != ERR_OK)
		msg_error("%s", why.text);
	else if (status != 0)
		msg_fail();
}

void
execute_run(const struct instances *list, const struct options *o)
{
	struct job j = {.list = list, .o = o};

	set("MAIL_LOGTAG", list->host.syslog_name);
	set("daemon_directory", list->host.site.daemon_directory);
	if (msg_verbosity > 0)
		set("MAIL_VERBOSE", "");
	set_command_directory(&list->host);
	if (select_each(list, o, o->reverse, false, run_one, &j) == 0 &&
	    !msg_failed()) {
		(void)select_unnamed(list, o);
		msg_fatal("No matching instances");
	}
}
