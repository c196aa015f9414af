#ifndef POSTMULTI_MSG_H
#define POSTMULTI_MSG_H

/*
 * What the user and the mail log are told, in the original's form:
 * "postmulti: fatal: ...", "postmulti: warning: ..." on standard error, and
 * "fatal: ..." in the log as NAME/postmulti.  Characters that aren't
 * printable ASCII come out as '?'.
 */

#include <stdbool.h>

/*
 * Where the log is, once the primary's main.cf is known: syslog_name,
 * syslog_facility, and postlog(1)'s path when maillog_file is set, else NULL;
 * it isn't copied.  Before that: "postfix", LOG_MAIL, NULL.
 */
void msg_log(const char *name, int facility, const char *postlog);

/* How many -v were given. */
extern int msg_verbosity;

/* Says so and exits with status 1. */
_Noreturn void msg_fatal(const char *fmt, ...)
    __attribute__((format(printf, 1, 2)));

/* The same message, but the other instances are still to be done: the
 * process exits with status 1 in the end (msg_failed). */
void msg_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Whether msg_error was called, or msg_fail for something already told. */
bool msg_failed(void);
void msg_fail(void);

void msg_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* Detail for -v (level 1), -v -v (2), -v -v -v (3): standard error only. */
void msg_detail(int level, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* malloc(3) and friends that end the program when there is no memory. */
void *msg_realloc(void *, unsigned long n, unsigned long size);

#endif
