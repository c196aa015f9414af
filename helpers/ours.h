#ifndef POSTMULTI_OURS_H
#define POSTMULTI_OURS_H

/*
 * Which files below an instance's directories are the Postfix system's own,
 * by name: what a destroy removes, and what it leaves alone (postfix(1),
 * master(8)).
 */

#include <stdbool.h>

/* In pid/: those of master(8)'s services, TRANSPORT.NAME. */
bool ours_pid_file(const char *name);
/* In pid/: the file that master(8) has locked while it runs. */
#define OURS_MASTER_PID "master.pid"
/* In the queue directory: what "postfix quick-stop" leaves. */
#define OURS_QUICK_START "quick-start"
/* In the data directory. */
bool ours_data_file(const char *name);

/*
 * Whether unlinkat(2) failed with this because what is there isn't ours to
 * remove: not empty, mounted on, immutable.  Anything else is a failure.
 */
bool ours_stays(int error);

#endif
