#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "record.h"

#define FORMAT                                                                 \
	"postmulti record 1\naction %s\ndirectories %s\nuid %lu\ntime "        \
	"%" PRIu64 "\nname %s\ngroup %s\nconfig %" PRIu64 " %" PRIu64          \
	" %s\nqueue %" PRIu64 " %" PRIu64 " %s\ndata %" PRIu64 " %" PRIu64     \
	" %s\n"

/* None, or not known, is written "-". */
static const char *
dash(const char *s)
{
	return s[0] != '\0' ? s : "-";
}

enum err
record_write(int dirfd, const struct record *r, struct why *why)
{
	char text[2048], name[PATH_SIZE];
	enum err e = ERR_OK;
	int fd, n;

	n = snprintf(text, sizeof(text), FORMAT, action_name(r->action),
	    r->done ? "done" : "begun", (unsigned long)r->uid, r->time,
	    dash(r->name), dash(r->group), r->config.dev, r->config.ino,
	    r->config.path, r->queue.dev, r->queue.ino, dash(r->queue.path),
	    r->data.dev, r->data.ino, dash(r->data.path));
	if (n < 0 || (size_t)n >= sizeof(text))
		return why_set(why, ERR_BUG, "record too long");
	record_file_name(r->config.path, name);
	(void)unlinkat(dirfd, "tmp", 0);
	fd = path_open_at(dirfd, "tmp", O_WRONLY | O_CREAT | O_EXCL, 0600);
	if (fd == -1 || write(fd, text, (size_t)n) != n || fsync(fd) == -1 ||
	    renameat(dirfd, "tmp", dirfd, name) == -1 || fsync(dirfd) == -1)
		e = why_errno(why, "write %s/%s", RECORD_DIR, name);
	if (e != ERR_OK)
		(void)unlinkat(dirfd, "tmp", 0);
	if (fd != -1)
		(void)close(fd);
	return e;
}
