#include <sys/stat.h>
#include <error.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "verify.h"

#define RECORDS "/var/lib/postmulti/records"

static const struct trace untraced = {.what = TRACE_NOT};

static bool
wrong(char *why, size_t size, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(why, size, fmt, ap);
	va_end(ap);
	return false;
}

/* --- what is right ------------------------------------------------------- */

static void
list(const struct subject *s, char *out, size_t size)
{
	struct result r;

	trace_run(s->user, s->list, &untraced, &r);
	if (r.status != 0 || r.out[0] == '\0')
		error(1, 0, "-l before anything: %s", r.err);
	(void)snprintf(out, size, "%s", r.out);
}

void
verify_learn(struct subject *s)
{
	tree_read(&s->before);
	list(s, s->listed_before, sizeof(s->listed_before));
	trace_run(s->user, s->argv, &untraced, &s->first);
	if (s->first.status != 0)
		error(1, 0, "undisturbed: %s", s->first.err);
	tree_read(&s->after);
	list(s, s->listed_after, sizeof(s->listed_after));
	if (s->before.n == 0 || s->after.n == 0 ||
	    tree_compare(&s->before, &s->after, NULL, NULL))
		error(1, 0, "undisturbed, it changes nothing");
	trace_run(s->user, s->argv, &untraced, &s->again);
	tree_restore(&s->before);
}

/* --- the disk ------------------------------------------------------------ */

/* Path is DIRECTORY/INSTANCE or below it; *rest is what follows. */
static bool
below(const char *path, const char *dir, const char *instance,
    const char **rest)
{
	size_t n = strlen(dir), m = strlen(instance);

	if (strncmp(path, dir, n) != 0 || path[n] != '/' ||
	    strncmp(path + n + 1, instance, m) != 0)
		return false;
	*rest = path + n + 1 + m;
	return **rest == '\0' || **rest == '/';
}

/* What is neither before nor after and may be there for a while. */
static bool
passing_file(const struct subject *s, const struct node *n)
{
	const char *rest;
	char record[512];

	if (!S_ISREG(n->mode) || n->uid != 0)
		return false;
	(void)snprintf(record, sizeof(record), RECORDS "/,etc,%s", s->instance);
	return strcmp(n->path, record) == 0 ||
	    strcmp(n->path, RECORDS "/tmp") == 0 ||
	    strcmp(n->path, "/etc/postfix/main.cf.tmp") == 0 ||
	    (below(n->path, "/etc", s->instance, &rest) &&
		strcmp(rest, "/main.cf.tmp") == 0) ||
	    (below(n->path, "/var/spool", s->instance, &rest) &&
		strcmp(rest, "/pid/master.pid") == 0);
}

/* A directory of the instance that has no more than its mode gives. */
static bool
half_made(const struct subject *s, const struct node *n,
    const struct node *right)
{
	const char *rest;

	return right != NULL && S_ISDIR(n->mode) && S_ISDIR(right->mode) &&
	    (below(n->path, "/etc", s->instance, &rest) ||
		below(n->path, "/var/spool", s->instance, &rest) ||
		below(n->path, "/var/lib", s->instance, &rest)) &&
	    (n->mode & ~(right->mode | 0700)) == 0 &&
	    (n->uid == 0 || n->uid == right->uid);
}

struct check {
	const struct subject *s;
	char *why;
	size_t size;
	bool ok;
};

/* Called where the disk isn't as before. */
static bool
check_node(void *ctx, const struct node *before, const struct node *now)
{
	struct check *c = ctx;
	const struct node *after =
	    tree_find(&c->s->after, now != NULL ? now->path : before->path);

	if (now == NULL)
		c->ok = after == NULL ||
		    wrong(c->why, c->size, "%s is gone", before->path);
	else if ((after == NULL || !tree_same_node(after, now)) &&
	    !passing_file(c->s, now) && !half_made(c->s, now, after) &&
	    !half_made(c->s, now, before))
		c->ok = wrong(c->why, c->size,
		    "%s is neither as before nor as after (%o %u:%u, %zu "
		    "bytes)",
		    now->path, (unsigned)now->mode, (unsigned)now->uid,
		    (unsigned)now->gid, now->len);
	return c->ok;
}

static bool
show_difference(void *ctx, const struct node *after, const struct node *now)
{
	struct check *c = ctx;

	if (after == NULL && c->s->leftover && passing_file(c->s, now))
		return true;
	c->ok = false;
	if (now == NULL)
		return wrong(c->why, c->size, "%s is missing", after->path);
	if (after == NULL)
		return wrong(c->why, c->size, "%s is left over", now->path);
	return wrong(c->why, c->size,
	    "%s is %o %u:%u, %zu bytes instead of %o %u:%u, %zu bytes",
	    now->path, (unsigned)now->mode, (unsigned)now->uid,
	    (unsigned)now->gid, now->len, (unsigned)after->mode,
	    (unsigned)after->uid, (unsigned)after->gid, after->len);
}

/* Nothing but temporary files is in the way. */
static bool
only_left_over(void *ctx, const struct node *after, const struct node *now)
{
	const struct check *c = ctx;

	return after == NULL && passing_file(c->s, now);
}

static bool
is_complete(const struct subject *s, const struct tree *now)
{
	struct check c = {.s = s};
	const struct node *n;
	size_t i;

	/* tree_compare() stops at the first that isn't only left over. */
	for (i = 0; i < now->n; i++) {
		n = tree_find(&s->after, now->v[i].path);
		if (n == NULL ? !only_left_over(&c, NULL, &now->v[i]) :
				!tree_same_node(n, &now->v[i]))
			return false;
	}
	for (i = 0; i < s->after.n; i++)
		if (tree_find(now, s->after.v[i].path) == NULL)
			return false;
	return true;
}

static bool
check_list(const struct subject *s, char *why, size_t size)
{
	struct result r;

	trace_run(s->user, s->list, &untraced, &r);
	if (r.status != 0 || r.err[0] != '\0')
		return wrong(why, size, "-l: status %d, %s", r.status, r.err);
	if (strcmp(r.out, s->listed_before) != 0 &&
	    strcmp(r.out, s->listed_after) != 0)
		return wrong(why, size, "-l says: %s", r.out);
	return true;
}

static bool
check_again(const struct subject *s, bool complete, char *why, size_t size)
{
	struct check c = {s, why, size, true};
	struct tree now;
	struct result r;

	trace_run(s->user, s->argv, &untraced, &r);
	/* Done already, what may be said about it is what is always said. */
	if (r.status != 0 &&
	    (!complete || r.status != s->again.status ||
		strcmp(r.err, s->again.err) != 0))
		return wrong(why, size, "the same command again: %s", r.err);
	tree_read(&now);
	(void)tree_compare(&s->after, &now, show_difference, &c);
	tree_free(&now);
	return c.ok;
}

/* --- seen before? -------------------------------------------------------- */

#define SEEN 8192
static uint64_t seen[SEEN];
static unsigned trees;

unsigned
verify_trees(void)
{
	return trees;
}

static void
hash(uint64_t *h, const void *data, size_t len)
{
	const unsigned char *p = data;

	for (; len > 0; len--)
		*h = (*h ^ *p++) * 0x100000001b3; /* FNV-1a */
}

/* A record, but for when it was written and under which numbers directories
 * happened to be made: whether they are still those counts. */
static void
hash_record(uint64_t *h, const struct node *n)
{
	char text[2048], *rest = text, *line, where[512];
	unsigned long dev, ino;
	struct stat st;

	(void)snprintf(text, sizeof(text), "%s", n->data);
	while ((line = strsep(&rest, "\n")) != NULL) {
		if (strncmp(line, "time ", 5) == 0)
			continue;
		if (sscanf(line, "%*s %lu %lu %511s", &dev, &ino, where) == 3) {
			bool is = stat(where, &st) == 0 && st.st_ino == ino &&
			    st.st_dev == dev;

			hash(h, &is, sizeof(is));
			is = ino == 0;
			hash(h, &is, sizeof(is));
			hash(h, where, strlen(where));
		} else
			hash(h, line, strlen(line));
	}
}

static uint64_t
hash_tree(const struct tree *t)
{
	uint64_t h = 0xcbf29ce484222325;
	const struct node *n;

	for (n = t->v; n < t->v + t->n; n++) {
		hash(&h, n->path, strlen(n->path) + 1);
		hash(&h, &n->mode, sizeof(n->mode));
		hash(&h, &n->uid, sizeof(n->uid));
		hash(&h, &n->gid, sizeof(n->gid));
		if (strncmp(n->path, RECORDS "/", strlen(RECORDS) + 1) == 0)
			hash_record(&h, n);
		else
			hash(&h, n->data, n->len);
	}
	return h;
}

static bool
was_seen(uint64_t h)
{
	unsigned i;

	for (i = 0; i < trees; i++)
		if (seen[i] == h)
			return true;
	if (trees == SEEN)
		error(1, 0, "more than %d trees", SEEN);
	seen[trees++] = h;
	return false;
}

bool
verify_glance(struct subject *s, uint64_t *number, char *why, size_t size)
{
	struct check c = {s, why, size, true};
	struct tree now;

	tree_read(&now);
	(void)tree_compare(&s->before, &now, check_node, &c);
	*number = hash_tree(&now);
	tree_free(&now);
	return c.ok;
}

bool
verify_disk(struct subject *s, char *why, size_t size)
{
	struct check c = {s, why, size, true};
	struct tree now;
	bool complete, old;

	tree_read(&now);
	(void)tree_compare(&s->before, &now, check_node, &c);
	complete = is_complete(s, &now);
	old = was_seen(hash_tree(&now)) && !s->always;
	tree_free(&now);
	if (!c.ok)
		return false;
	return old ||
	    (check_list(s, why, size) && check_again(s, complete, why, size));
}

/* --- words --------------------------------------------------------------- */

static unsigned
count(const char *text, const char *word)
{
	unsigned n = 0;

	while ((text = strstr(text, word)) != NULL) {
		text += strlen(word);
		n++;
	}
	return n;
}

bool
verify_words(const struct subject *s, const struct result *r, bool killed,
    char *why, size_t size)
{
	struct check c = {s, why, size, true};
	struct tree now;

	if (r->hung)
		return wrong(why, size, "it hung: %s", r->err);
	if (killed)
		return r->status == 128 + 9 ||
		    wrong(why, size, "killed, and its status is %d", r->status);
	if (r->status == 1)
		return count(r->err, "fatal: ") == 1 ||
		    wrong(why, size, "not one fatal: line but: %s", r->err);
	if (r->status != 0)
		return wrong(why, size, "status %d: %s", r->status, r->err);
	tree_read(&now);
	(void)tree_compare(&s->after, &now, show_difference, &c);
	tree_free(&now);
	return c.ok;
}
