#include <sys/stat.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>

#include <bsd/string.h>

#include "msg.h"
#include "policy.h"
#include "removal.h"
#include "request.h"
#include "tell.h"

struct removal {
	const struct instance *in;
	char mail[256];
	char refused[512];
	char other[PATH_SIZE * 2]; /* what isn't of the kind it should be */
	bool mailed; /* there is mail that can be delivered or released */
	bool held;   /* in hold */
	bool kept;   /* in corrupt or saved: postsuper(1) never touches it */
	bool running;
	bool begun;    /* a destroy is, which has master(8)'s lock meanwhile */
	bool told[3];  /* which of the three directories below are its own */
	bool stays[3]; /* which have something in it that does */
	const char *dirs[3];
};

/* Which of the three directories a path is or lies in, 3 for none. */
static size_t
dir_of(const struct removal *r, const char *path)
{
	size_t i, n;

	for (i = 0; i < 3; i++) {
		n = strlen(r->dirs[i]);
		if (n > 0 && strncmp(path, r->dirs[i], n) == 0 &&
		    (path[n] == '/' || path[n] == '\0'))
			break;
	}
	return i;
}

static void
note_mail(struct removal *r, const char *queue)
{
	bool kept =
	    strcmp(queue, "corrupt") == 0 || strcmp(queue, "saved") == 0;

	r->held |= strcmp(queue, "hold") == 0;
	r->kept |= kept;
	r->mailed |= !kept;
}

static void
take(void *ctx, char *const words[TELL_WORDS], size_t n)
{
	struct removal *r = ctx;
	const char *kind = words[0], *path = words[n - 1];
	size_t dir, used = strlen(r->mail);
	bool stays = strcmp(kind, "stay") == 0;

	if (strcmp(kind, "refused") == 0)
		(void)strlcpy(r->refused, path, sizeof(r->refused));
	else if (strcmp(kind, "running") == 0)
		r->running = true;
	else if (strcmp(kind, "record") == 0)
		r->begun = strcmp(words[1], action_name(ACTION_DESTROY)) == 0;
	else if (strcmp(kind, "other") == 0)
		(void)strlcpy(r->other, path, sizeof(r->other));
	else if (strcmp(kind, "mail") == 0) {
		(void)snprintf(r->mail + used, sizeof(r->mail) - used,
		    "%s%s in %s", used > 0 ? ", " : "", words[1], words[2]);
		note_mail(r, words[2]);
	}
	if (!stays && strcmp(kind, "go") != 0)
		return;
	dir = dir_of(r, path);
	if (dir < 3 && stays)
		r->stays[dir] = true;
	/* The three themselves come last. */
	if (dir < 3 && strcmp(path, r->dirs[dir]) == 0)
		r->told[dir] = true;
	else
		(void)printf("would %s %s\n", stays ? "stay:" : "go:  ", path);
}

/* What clears those queues, in the words of postmulti-cleaner. */
static void
refuse_mail(const struct removal *r)
{
	const char *config = r->dirs[2], *queue = r->dirs[0];
	char advice[PATH_SIZE * 4 + 512] = "";
	size_t used = 0;

	if (r->mailed)
		used += (size_t)snprintf(advice, sizeof(advice),
		    "deliver them (enable, start, flush) or delete them with "
		    "\"postsuper -c %s -d ALL\" first",
		    config);
	if (r->held)
		used += (size_t)snprintf(advice + used, sizeof(advice) - used,
		    "; \"postsuper -c %s -H ALL\" releases those in hold",
		    config);
	if (r->kept)
		(void)snprintf(advice + used, sizeof(advice) - used,
		    "%slook at those in corrupt and saved, then \"find "
		    "%s/corrupt %s/saved -type f -delete\"",
		    r->mailed ? "; " : "", queue, queue);
	msg_fatal("destroy would be refused: messages in the queue (%s): %s",
	    r->mail, advice);
}

void
removal_show(const struct instance *in, const struct selector *sel)
{
	struct removal r = {.in = in, .dirs = {in->queue, in->data, in->dir}};
	struct stat st;
	struct why why;
	size_t i;

	(void)fflush(stdout);
	if (tell_each(OP_INSPECT, sel, take, &r, &why) != ERR_OK)
		msg_fatal("%s", why.text);
	for (i = 0; i < 3; i++)
		if (r.told[i] || lstat(r.dirs[i], &st) == 0)
			(void)printf("would %s %s\n",
			    r.told[i] && !r.stays[i] ? "go:  " : "stay:",
			    r.dirs[i]);
	if (r.dirs[0][0] == '\0')
		msg_warn("%s: its queue and data directories are not known",
		    in->dir);
	if (r.refused[0] != '\0')
		msg_fatal("destroy would be refused: %s", r.refused);
	if (r.other[0] != '\0')
		msg_fatal("destroy would be refused: %s: not of the kind that "
			  "Postfix makes there: \"postmulti doctor\" says how "
			  "to repair it",
		    r.other);
	if (r.running)
		msg_fatal("destroy would be refused: Instance '%s' is not "
			  "stopped%s",
		    in->dir,
		    r.begun ? ", or is being destroyed right now" : "");
	if (r.mail[0] != '\0')
		refuse_mail(&r);
}

/* Unless its note was shown. */
static void
note_left(const char *path)
{
	char note[PATH_SIZE * 5];

	(void)snprintf(note, sizeof(note), "%s: not Postfix's, left alone",
	    path);
	if (strstr(request_notes(), note) == NULL)
		msg_warn("%s", note);
}

static void
take_rest(void *ctx, char *const words[TELL_WORDS], size_t n)
{
	char *path = words[n - 1];
	size_t len = strlen(path);

	(void)ctx;
	if (strcmp(words[0], "stay") != 0)
		return;
	/* A directory with all that is in it. */
	if (len > 1 && path[len - 1] == '/')
		path[len - 1] = '\0';
	note_left(path);
}

static bool
list_dir(const char *path)
{
	char entry[PATH_SIZE * 5];
	struct dirent *d;
	DIR *dir = opendir(path);

	if (dir == NULL)
		return false;
	while ((d = readdir(dir)) != NULL)
		if (strcmp(d->d_name, ".") != 0 &&
		    strcmp(d->d_name, "..") != 0) {
			(void)snprintf(entry, sizeof(entry), "%s/%s", path,
			    d->d_name);
			note_left(entry);
		}
	(void)closedir(dir);
	return true;
}

void
removal_rest(enum op op, const struct instance *in, const struct selector *sel)
{
	const char *more = strstr(request_notes(), "\n(and ");
	struct why why;

	if (more == NULL ||
	    (op == OP_CLEAR &&
		tell_each(OP_INSPECT, sel, take_rest, NULL, &why) == ERR_OK) ||
	    (op == OP_FINISH && list_dir(in->dir)))
		return;
	msg_warn("%.*s", (int)strcspn(more + 1, "\n"), more + 1);
}

/* An instance's on the list, but for the one that was destroyed. */
static bool
is_claimed(const struct instances *list, const struct instance *in,
    const char *path)
{
	const struct instance *other;
	size_t i;

	for (i = 0; i < list->n; i++) {
		other = &list->v[i].i;
		if (strcmp(other->dir, in->dir) != 0 && path[0] != '\0' &&
		    (strcmp(other->queue, path) == 0 ||
			strcmp(other->data, path) == 0))
			return true;
	}
	return false;
}

static void
name_left(const struct instances *list, const struct instance *in,
    const char *primary, const char *own)
{
	char path[PATH_SIZE];
	struct stat st;

	if (is_claimed(list, in, own) && lstat(own, &st) == 0)
		msg_warn("%s: left alone, it is not %s's alone", own, in->dir);
	/* Where create would have made it. */
	if (site_sibling(primary, strrchr(in->dir, '/') + 1, path) &&
	    strcmp(path, own) != 0 && lstat(path, &st) == 0 &&
	    !is_claimed(list, in, path))
		msg_warn("%s: left alone, it may have been %s's: please verify "
			 "contents and remove by hand",
		    path, in->dir);
}

void
removal_left(const struct instances *list, const struct instance *in)
{
	const struct instance *primary = &list->host.site.primary;

	name_left(list, in, primary->queue, in->queue);
	name_left(list, in, primary->data, in->data);
}
