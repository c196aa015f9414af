#ifndef POSTMULTI_LOG_H
#define POSTMULTI_LOG_H

/*
 * Lines to the log: natively to the journal where its socket is there, else
 * to /dev/log.  The socket is connected before a filter is loaded and never
 * again: syslog(3) would call socket(2) when the daemon was restarted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>

#include "err.h"

/* Connects; ident is the program's name.  Failure is remembered. */
void log_open(const char *ident);

struct log_pair {
	const char *key, *value;
};

/*
 * Sends one line of key=value to facility authpriv; for the journal each pair
 * is a field POSTMULTI_KEY too.  Values are vis(3)-encoded here; empty ones
 * are left out.  priority: LOG_INFO ...  Returns false when it could not be
 * sent.  A socket that others keep full is waited for, a second in a process's
 * life: not for use while others wait for a lock.
 */
bool log_pairs(int priority, const struct log_pair *, size_t n);

/* A line to the mail log, as Postfix's own programs appear there: facility
 * (LOG_MAIL ...) and name are main.cf's syslog_facility and syslog_name (""
 * for postfix).  It is encoded as a whole. */
bool log_mail(int facility, const char *name, int priority, const char *fmt,
    ...) __attribute__((format(printf, 4, 5)));

/* Makes text fit for one line: vis(3)-encoded, cut to size.  Returns out. */
const char *log_vis(const char *text, char *out, size_t size);

/* The same for messages that a person reads: quotes stay. */
const char *log_plain(const char *text, char *out, size_t size);

#endif
