#include <sys/stat.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "change.h"
#include "doctor.h"
#include "execute.h"
#include "instances.h"
#include "list.h"
#include "msg.h"
#include "options.h"

/*
 * postmulti(1): parses options, finds out about the instances, and has
 * everything that needs privilege done by the helpers.  Never set-uid.
 */

/* Descriptors 0-2 exist, children are waited for, files come out readable:
 * whatever the caller left. */
static void
clean_up(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		(void)close(fd);
	(void)signal(SIGCHLD, SIG_DFL);
	(void)umask(022);
}

/* The log is where the primary's main.cf says, once that is read. */
static void
set_log(const struct host *h)
{
	static char postlog[PATH_SIZE + sizeof("/postlog")];
	const char *slash = strrchr(PATH_POSTCONF, '/');

	/* Programs that root runs are beside postconf(1), not where main.cf
	 * says. */
	if (getuid() == 0)
		(void)snprintf(postlog, sizeof(postlog), "%.*s/postlog",
		    (int)(slash - PATH_POSTCONF), PATH_POSTCONF);
	else
		(void)snprintf(postlog, sizeof(postlog), "%s/postlog",
		    h->site.command_directory);
	msg_log(h->syslog_name, site_facility(h->syslog_facility),
	    h->maillog_file[0] != '\0' ? postlog : NULL);
}

static void
check_environment(const struct host *h)
{
	const char *dir = getenv("MAIL_CONFIG");

	if (dir != NULL && strcmp(dir, h->site.primary.dir) != 0)
		msg_fatal("Non-default configuration directory: "
			  "MAIL_CONFIG=%s",
		    dir);
}

static void
dispatch(const struct instances *list, struct options *o)
{
	switch (o->mode) {
	case MODE_LIST: list_run(list, o); break;
	case MODE_EXECUTE: execute_run(list, o); break;
	case MODE_POSTFIX: execute_postfix(list, o); break;
	case MODE_DOCTOR: doctor_run(list, o); break;
	default: change_run(list, o); break;
	}
}

int
main(int argc, char **argv)
{
	static char program[] = "postmulti";
	static struct instances list;
	struct why wrong, why;
	struct options o;
	enum err usage, e;

	clean_up();
	if (argc < 1)
		msg_fatal("no arguments at all");
	argv[0] = program;
	usage = options_parse(&o, argc, argv, &wrong);
	if (usage == ERR_OK && o.help) {
		options_help();
		return 0;
	}
	if (usage == ERR_OK && o.version) {
		(void)puts("postmulti " VERSION);
		return 0;
	}
	/* Who only looks for what is wrong leaves it as it is. */
	e = instances_load(&list, o.mode != MODE_DOCTOR || o.fix, &why);
	if (e == ERR_OK)
		set_log(&list.host);
	if (usage != ERR_OK)
		msg_fatal("%s", wrong.text);
	if (e != ERR_OK && o.mode == MODE_DOCTOR)
		doctor_primary(&o, why.text);
	if (e != ERR_OK)
		msg_fatal("%s", why.text);
	check_environment(&list.host);
	dispatch(&list, &o);
	free(list.v);
	return msg_failed() || fflush(stdout) == EOF;
}
