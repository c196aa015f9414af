#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"
#include "path.h"
#include "policytool.h"
#include "privs.h"
#include "sandbox.h"

struct tool tool;
struct policy tool_policy;

static int dirfd = -1; /* PATH_POLICY; -1: it doesn't exist */

static const char usage_text[] = "usage: postmulti-policy check [FILE ...]\n"
				 "       postmulti-policy explain [-I NAME] "
				 "[-G GROUP] USER ACTION INSTANCE\n"
				 "       postmulti-policy list [--json]\n"
				 "       postmulti-policy --help | --version\n";

static const struct option check_options[] = {{0}};
static const struct option list_options[] = {
    {"json", no_argument, NULL, 'j'},
    {0},
};

static const struct command {
	const char *name;
	const char *shorts; /* of its options, for getopt_long(3) */
	const struct option *longs;
	int min, max; /* arguments */
	int (*prepare)(void);
	int (*run)(void);
} commands[] = {
    {"check", "+", check_options, 0, POLICY_FILES, check_prepare, check_run},
    {"explain", "+G:I:", check_options, 3, 3, explain_prepare, explain_run},
    {"list", "+", list_options, 0, 0, list_prepare, list_run},
};
#define NCOMMANDS (sizeof(commands) / sizeof(commands[0]))

int
tool_error(const char *fmt, ...)
{
	va_list ap;

	(void)fputs("postmulti-policy: ", stderr);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
	return 1;
}

void
tool_print_error(const struct policy_error *e)
{
	char text[512];
	size_t i;

	policy_error_text(e, text, sizeof(text));
	(void)fprintf(stderr, "%s\n", text);
	if (e->source[0] == '\0')
		return;
	(void)fprintf(stderr, "%s\n", e->source);
	if (e->column > strlen(e->source) + 1)
		return; /* the line is longer than what is shown of it */
	for (i = 0; i + 1 < e->column; i++)
		(void)fputc(e->source[i] == '\t' ? '\t' : ' ', stderr);
	(void)fputs("^\n", stderr);
}

void
tool_open_policy(void)
{
	struct why w = {""};
	enum err err = path_open_dir(PATH_POLICY, true, &dirfd, &w);

	if (err != ERR_OK && err != ERR_NOTFOUND)
		exit(tool_error("%s", w.text));
}

bool
tool_load(void)
{
	struct policy_error e;

	policy_init(&tool_policy);
	if (dirfd == -1 ||
	    policy_load(&tool_policy, dirfd, PATH_POLICY, &e) == ERR_OK)
		return true;
	tool_print_error(&e);
	/* The helpers could: they need not know what they read as this user. */
	if (tool.uid == 0 && strstr(e.text, strerror(EACCES)) != NULL)
		(void)tool_error("the helpers can read it, but root's question "
				 "is answered as user %s: give the file mode "
				 "0644, or 0640 and the group %s",
		    SYSTEM_USER, SYSTEM_USER);
	return false;
}

void
tool_bind_groups(void)
{
	size_t i;

	for (i = 0; i < tool_policy.ngroups; i++)
		caller_bind_group(&tool_policy.groups[i]);
}

/*
 * What root's child becomes before it interprets anything: the system user,
 * without capabilities, and nothing it might exec could get any back.
 */
static void
drop_and_confine(const struct passwd *pw)
{
	const struct rlimit none = {0, 0};
	struct sandbox_dir root = {.may = SANDBOX_READ};
	struct why w = {""};
	enum err e;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
	    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) == -1 ||
	    setrlimit(RLIMIT_CORE, &none) == -1)
		exit(tool_error("can't give up privileges: %s",
		    strerror(errno)));
	/* Away from root's terminal: nothing can be typed into it. */
	(void)setsid();
	if (privs_become(pw->pw_uid, pw->pw_gid, &w) != ERR_OK)
		exit(tool_error("can't become %s: %s", SYSTEM_USER, w.text));
	/* No system call filter: checking names asks the name services. */
	root.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	e = sandbox_dirs(&root, 1, &w);
	if (e != ERR_OK && e != ERR_STATE)
		exit(tool_error("can't confine myself: %s", w.text));
	(void)close(root.fd);
}

/* What couldn't be printed is a failure too. */
static int
run_and_flush(int (*run)(void))
{
	int status = run();

	if (fflush(stdout) != 0)
		return tool_error("write: %s", strerror(errno));
	return status;
}

/* Runs the command without power, whoever we are. */
static int
run_confined(int (*run)(void))
{
	const struct passwd *pw;
	int status;
	pid_t pid;

	if (tool.uid != 0 && geteuid() != 0)
		return run_and_flush(run);
	if ((pw = getpwnam(SYSTEM_USER)) == NULL || pw->pw_uid == 0)
		return tool_error("there is no system user %s to read the "
				  "policy as: run make install, or call this "
				  "as an "
				  "ordinary user",
		    SYSTEM_USER);
	if ((pid = fork()) == -1)
		return tool_error("fork: %s", strerror(errno));
	if (pid == 0) {
		drop_and_confine(pw);
		exit(run_and_flush(run));
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return tool_error("waitpid: %s", strerror(errno));
	if (WIFSIGNALED(status))
		return tool_error("the reading process was killed by signal "
				  "%d",
		    WTERMSIG(status));
	return WEXITSTATUS(status);
}

static void
who_calls(void)
{
	int n = getgroups(TOOL_GIDS - 1, tool.kernel + 1);

	tool.uid = getuid();
	tool.kernel[0] = getgid();
	if (n == -1)
		exit(tool_error("getgroups: %s", strerror(errno)));
	tool.nkernel = (size_t)n + 1;
}

static int
usage(void)
{
	(void)fputs(usage_text, stderr);
	return 1;
}

static int
run_command(const struct command *c, int argc, char **argv)
{
	int ch;

	optind = 1;
	while ((ch = getopt_long(argc, argv, c->shorts, c->longs, NULL)) != -1)
		switch (ch) {
		case 'G': tool.group = optarg; break;
		case 'I': tool.name = optarg; break;
		case 'j': tool.json = true; break;
		default: return usage();
		}
	tool.argc = argc - optind;
	tool.argv = argv + optind;
	if (tool.argc < c->min || tool.argc > c->max)
		return usage();
	who_calls();
	if (c->prepare() != 0)
		return 1;
	return run_confined(c->run);
}

int
main(int argc, char **argv)
{
	size_t i;

	if (argc < 2)
		return usage();
	if (strcmp(argv[1], "--help") == 0) {
		(void)fputs(usage_text, stdout);
		return 0;
	}
	if (strcmp(argv[1], "--version") == 0) {
		(void)puts("postmulti-policy " VERSION);
		return 0;
	}
	for (i = 0; i < NCOMMANDS; i++)
		if (strcmp(argv[1], commands[i].name) == 0)
			return run_command(&commands[i], argc - 1, argv + 1);
	return usage();
}
