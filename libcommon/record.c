#include <sys/stat.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "record.h"

enum err
record_open_existing(int *dirfd, struct why *why)
{
	return path_open_dir(RECORD_DIR, true, dirfd, why);
}

/* Its name is durable before anything in it is relied on. */
static enum err
make_dir(const char *path, struct why *why)
{
	char parent[PATH_SIZE];
	enum err e;
	int fd;

	if (mkdir(path, 0700) == -1)
		return errno == EEXIST ? ERR_OK :
					 why_errno(why, "mkdir %s", path);
	(void)path_split(path, parent);
	if ((e = path_open_dir(parent, true, &fd, why)) != ERR_OK)
		return e;
	if (fsync(fd) == -1)
		e = why_errno(why, "fsync %s", parent);
	(void)close(fd);
	return e;
}

enum err
record_open(int *state, int *dirfd, struct why *why)
{
	enum err e;

	if ((e = make_dir(PATH_STATE, why)) != ERR_OK ||
	    (e = make_dir(RECORD_DIR, why)) != ERR_OK ||
	    (e = path_open_dir(PATH_STATE, true, state, why)) != ERR_OK)
		return e;
	return record_open_existing(dirfd, why);
}

/* Paths hold no comma, so the file's name tells the directory. */
void
record_file_name(const char *config, char *out)
{
	char *p;

	(void)strlcpy(out, config, PATH_SIZE);
	for (p = out; *p != '\0'; p++)
		if (*p == '/')
			*p = ',';
}

enum err
record_remove(int dirfd, const char *config, struct why *why)
{
	char name[PATH_SIZE];

	record_file_name(config, name);
	if (unlinkat(dirfd, name, 0) == -1 && errno != ENOENT)
		return why_errno(why, "unlink %s/%s", RECORD_DIR, name);
	if (fsync(dirfd) == -1)
		return why_errno(why, "fsync %s", RECORD_DIR);
	return ERR_OK;
}
