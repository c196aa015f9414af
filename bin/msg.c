#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <unistd.h>

#include "msg.h"
#include "spawn.h"

#define PROGRAM "postmulti"

int msg_verbosity;

static bool failed;
static int log_facility = LOG_MAIL;
static const char *log_postlog;
static char log_ident[256] = "postfix/" PROGRAM;

void
msg_log(const char *name, int facility, const char *postlog)
{
	(void)snprintf(log_ident, sizeof(log_ident), "%s/" PROGRAM, name);
	log_facility = facility;
	log_postlog = postlog;
}

/* postlog(1) knows how to reach postlogd(8); what it says itself would only
 * repeat ours. */
static bool
log_by_postlog(const char *severity, const char *text)
{
	const char *const argv[] = {
	    "postlog", "-t", log_ident, "-p", severity, "--", text, NULL};
	struct spawn s = {.path = log_postlog,
	    .argv = (char *const *)(size_t)argv,
	    .envp = environ,
	    .fds = {SPAWN_NULL, SPAWN_NULL, SPAWN_NULL}};
	int status;
	pid_t pid;

	return spawn_start(&s, &pid, NULL) == ERR_OK &&
	    spawn_wait(pid, &status, NULL) == ERR_OK && status == 0;
}

static void
report(const char *severity, int priority, const char *fmt, va_list ap)
{
	char text[2048], *p;

	(void)vsnprintf(text, sizeof(text), fmt, ap);
	for (p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	(void)fflush(stdout);
	(void)fprintf(stderr, PROGRAM ": %s: %s\n", severity, text);
	/* A maillog_file that can't be written keeps nothing out of the log. */
	if (log_postlog != NULL &&
	    log_by_postlog(priority == LOG_WARNING ? "warn" : "fatal", text))
		return;
	openlog(log_ident, LOG_PID | LOG_NDELAY, log_facility);
	syslog(priority, "%s: %s", severity, text);
}

void
msg_fatal(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report("fatal", LOG_CRIT, fmt, ap);
	va_end(ap);
	exit(1);
}

void
msg_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report("fatal", LOG_CRIT, fmt, ap);
	va_end(ap);
	failed = true;
}

bool
msg_failed(void)
{
	return failed;
}

void
msg_fail(void)
{
	failed = true;
}

void
msg_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	report("warning", LOG_WARNING, fmt, ap);
	va_end(ap);
}

void
msg_detail(int level, const char *fmt, ...)
{
	va_list ap;

	if (msg_verbosity < level)
		return;
	va_start(ap, fmt);
	(void)fputs(PROGRAM ": ", stderr);
	(void)vfprintf(stderr, fmt, ap);
	(void)fputc('\n', stderr);
	va_end(ap);
}

void *
msg_realloc(void *old, unsigned long n, unsigned long size)
{
	void *p = reallocarray(old, n, size);

	if (p == NULL && n != 0 && size != 0)
		msg_fatal("out of memory");
	return p;
}
