#include <sys/stat.h>
#include <stdio.h>

#include "locks.h"

int
locks_holder(const char *path)
{
	char line[256];
	unsigned long ino;
	struct stat st;
	int pid, found = 0;
	FILE *f;

	if (lstat(path, &st) == -1 || (f = fopen("/proc/locks", "re")) == NULL)
		return 0;
	while (found == 0 && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%*d: %*s %*s WRITE %d %*x:%*x:%lu", &pid,
			&ino) == 2 &&
		    ino == st.st_ino)
			found = pid;
	(void)fclose(f);
	return found;
}
