#ifndef POSTMULTI_LOG_H
#define POSTMULTI_LOG_H

/*
 * The audit trail: one datagram a line to /dev/log, authpriv facility,
 * key=value.  The socket is connected before a filter is loaded and never
 * again: syslog(3) would call socket(2) when the daemon was restarted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <syslog.h>

#include "err.h"

/* Connects; ident is the program's name.  Failure is remembered. */
void log_open(const char *ident);

/* The socket's descriptor, or -1. */
int log_fd(void);

/* Sends one line.  priority: LOG_INFO, LOG_NOTICE, LOG_WARNING.  Returns
 * false when it could not be sent, at once: it never blocks. */
bool log_line(int priority, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Makes text fit for one line: vis(3)-encoded, cut to size.  Returns out. */
const char *log_vis(const char *text, char *out, size_t size);

#endif
