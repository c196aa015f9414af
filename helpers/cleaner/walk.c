#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "../ours.h"
#include "log.h"
#include "path.h"
#include "walk.h"

#define DEPTH_MAX 12 /* hash_queue_depth is at most 10 */

uid_t walk_owner;

void
walk_tell(const struct job *job, const char *verb, const char *name)
{
	char enc[PATH_SIZE * 4];

	if (job->t->err != ERR_OK)
		return;
	page_add(job->page, "%s %s/%s%s", verb, job->label,
	    log_plain(name, enc, sizeof(enc)),
	    job->what == CLEANER_LIST && job->closed ? "/" : "");
}

static void
failed(struct tally *t, const char *what, const char *label, const char *name)
{
	struct why why;

	if (t->err != ERR_OK)
		return;
	t->err = why_errno(&why, "%s %s/%s", what, label, name);
	(void)strlcpy(t->text, why.text, sizeof(t->text));
}

void
walk_unreadable(const struct job *job, const char *label)
{
	struct tally *t = job->t;

	if (errno != EACCES && errno != ENOTDIR && errno != ELOOP) {
		failed(t, "open", label, ".");
		return;
	}
	if (t->err != ERR_OK)
		return;
	t->err = ERR_UNTRUSTED;
	if (errno != EACCES) {
		(void)snprintf(t->text, sizeof(t->text),
		    "%s: not of the kind that Postfix makes there: "
		    "\"postmulti doctor\" says how to repair it",
		    label);
		return;
	}
	(void)snprintf(t->text, sizeof(t->text),
	    "%s: is not mail_owner's to read: as root run \"postfix -c %s "
	    "set-permissions\"",
	    label, job->paths[2]);
}

static bool
is_hash_dir(const struct job *job, const char *name)
{
	/* Named after one character of a queue id. */
	return !job->sockets && !job->foreign && name[1] == '\0';
}

bool
walk_dir(struct job *job, int dirfd, const char *name)
{
	char label[PATH_SIZE * 4], enc[PATH_SIZE];
	struct job below = *job;
	int fd = path_open_within(dirfd, name);

	(void)snprintf(label, sizeof(label), "%.*s/%s", PATH_SIZE * 3,
	    job->label, log_plain(name, enc, sizeof(enc)));
	below.label = label;
	below.foreign |= job->depth > 0 && !is_hash_dir(job, name);
	below.depth++;
	below.stays = false;
	job->closed = fd == -1 && errno == EXDEV;
	if (job->closed) {
		/* Messages count wherever they lie. */
		if (job->messages == NULL || job->what == CLEANER_REMOVE)
			return false;
		below.what = CLEANER_COUNT;
		fd = path_open_at(dirfd, name, O_RDONLY | O_DIRECTORY, 0);
	}
	if (fd == -1 ?
		errno != ENOENT :
		path_each(fd, label, walk_entry, &below, NULL) == ERR_SYSTEM)
		walk_unreadable(job, label);
	if (fd != -1)
		(void)close(fd);
	return !below.stays && !job->closed;
}

/* Whoever asked has given up: by now another master(8) may run here. */
static void
go_on(void)
{
	struct pollfd pfd = {.fd = CLEANER_FD_IN};

	if (poll(&pfd, 1, 0) != 0)
		_exit(1);
}

/*
 * As master(8) makes a service's socket or FIFO, whatever the umask is. Others
 * put theirs into private, too: Dovecot, for one.
 */
static bool
is_service(const struct stat *st)
{
	return st->st_uid == walk_owner &&
	    (st->st_mode == (S_IFSOCK | 0666) ||
		st->st_mode == (S_IFIFO | 0622));
}

enum err
walk_entry(void *ctx, int dirfd, const char *name)
{
	struct job *job = ctx;
	bool dir, ours;
	struct stat st;

	go_on();
	if (job->messages != NULL && *job->messages == job->enough)
		return ERR_LIMIT;
	if (fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == -1) {
		if (errno != ENOENT)
			failed(job->t, "stat", job->label, name);
		return ERR_OK;
	}
	dir = S_ISDIR(st.st_mode);
	job->closed = dir;
	if (job->data)
		ours = S_ISREG(st.st_mode) && ours_data_file(name);
	else if (dir) /* look into it in any case: for messages */
		ours = job->depth < DEPTH_MAX && walk_dir(job, dirfd, name) &&
		    is_hash_dir(job, name);
	else
		ours = job->sockets && job->depth == 1 && is_service(&st);
	if (S_ISREG(st.st_mode) && job->messages != NULL) {
		/* Counted, not named: there may be a great many. */
		++*job->messages;
		if (job->what != CLEANER_REMOVE) {
			job->stays = true;
			return ERR_OK;
		}
	}
	if (ours && job->what == CLEANER_REMOVE &&
	    unlinkat(dirfd, name, dir ? AT_REMOVEDIR : 0) == -1 &&
	    errno != ENOENT) {
		ours = false;
		if (!ours_stays(errno))
			failed(job->t, "remove", job->label, name);
	}
	job->stays |= !ours;
	if (job->what == CLEANER_LIST || (job->what == CLEANER_REMOVE && !ours))
		walk_tell(job, ours ? "go" : "stay", name);
	return ERR_OK;
}
