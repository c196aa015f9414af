#include <errno.h>
#include <string.h>

#include "ours.h"

bool
ours_pid_file(const char *name)
{
	static const char *const transports[] = {
	    "inet.", "unix.", "unix-dgram.", "fifo.", "pass.", NULL};
	const char *const *t = transports;

	while (*t != NULL && strncmp(name, *t, strlen(*t)) != 0)
		t++;
	return *t != NULL;
}

bool
ours_data_file(const char *name)
{
	return strcmp(name, "master.lock") == 0 ||
	    strcmp(name, "prng_exch") == 0;
}

bool
ours_stays(int error)
{
	return error == ENOTEMPTY || error == EEXIST || error == EBUSY ||
	    error == EPERM || error == EACCES || error == ENOTDIR ||
	    error == ELOOP;
}
