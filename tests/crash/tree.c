#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tree.h"

static const char *const parents[] = {"/etc", "/var/lib", "/var/spool"};

/* --- reading ------------------------------------------------------------- */

static struct node *
add(struct tree *t, const char *path)
{
	if (t->n == t->room) {
		t->room = t->room == 0 ? 256 : t->room * 2;
		t->v = reallocarray(t->v, t->room, sizeof(*t->v));
		if (t->v == NULL)
			error(1, errno, "memory");
	}
	memset(&t->v[t->n], 0, sizeof(t->v[t->n]));
	if ((t->v[t->n].path = strdup(path)) == NULL)
		error(1, errno, "memory");
	return &t->v[t->n++];
}

static void
read_data(struct node *n, off_t size)
{
	ssize_t got;
	int fd;

	if ((n->data = calloc(1, (size_t)size + 1)) == NULL)
		error(1, errno, "memory");
	if (S_ISLNK(n->mode))
		got = readlink(n->path, n->data, (size_t)size);
	else {
		if ((fd = open(n->path, O_RDONLY | O_NOFOLLOW)) == -1)
			error(1, errno, "open %s", n->path);
		got = read(fd, n->data, (size_t)size);
		(void)close(fd);
	}
	if (got == -1)
		error(1, errno, "read %s", n->path);
	n->len = (size_t)got;
	/* It says who holds it, or held it last: of no consequence. */
	if (strcmp(n->path, "/var/lib/postmulti/lock") == 0)
		n->len = 0;
}

static bool
is_ours(const char *name)
{
	return strncmp(name, "postfix", 7) == 0 ||
	    strncmp(name, "postmulti", 9) == 0;
}

static void
read_dir(struct tree *t, const char *dir, bool all)
{
	struct dirent **names;
	char path[4096];
	struct node *n;
	struct stat st;
	int i, count = scandir(dir, &names, NULL, NULL);

	if (count == -1)
		error(1, errno, "read %s", dir);
	for (i = 0; i < count; free(names[i++])) {
		if (strcmp(names[i]->d_name, ".") == 0 ||
		    strcmp(names[i]->d_name, "..") == 0 ||
		    (!all && !is_ours(names[i]->d_name)))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", dir,
		    names[i]->d_name);
		if (lstat(path, &st) == -1)
			continue; /* somebody goes on meanwhile */
		n = add(t, path);
		n->mode = st.st_mode;
		n->uid = st.st_uid;
		n->gid = st.st_gid;
		if (S_ISREG(st.st_mode) || S_ISLNK(st.st_mode))
			read_data(n, st.st_size);
		if (S_ISDIR(st.st_mode))
			read_dir(t, path, true);
	}
	free(names);
}

static int
by_path(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return strcmp(x->path, y->path);
}

void
tree_read(struct tree *t)
{
	size_t i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < sizeof(parents) / sizeof(parents[0]); i++)
		read_dir(t, parents[i], false);
	qsort(t->v, t->n, sizeof(*t->v), by_path);
}

void
tree_free(struct tree *t)
{
	size_t i;

	for (i = 0; i < t->n; i++) {
		free(t->v[i].path);
		free(t->v[i].data);
	}
	free(t->v);
	memset(t, 0, sizeof(*t));
}

/* --- comparing ----------------------------------------------------------- */

const struct node *
tree_find(const struct tree *t, const char *path)
{
	struct node key = {.path = (char *)(size_t)path};

	return t->n == 0 ? NULL :
			   bsearch(&key, t->v, t->n, sizeof(*t->v), by_path);
}

bool
tree_same_node(const struct node *a, const struct node *b)
{
	return a->mode == b->mode && a->uid == b->uid && a->gid == b->gid &&
	    a->len == b->len &&
	    (a->len == 0 || memcmp(a->data, b->data, a->len) == 0);
}

bool
tree_compare(const struct tree *a, const struct tree *b, tree_fn *fn, void *ctx)
{
	const struct node *x, *y;
	size_t i = 0, k = 0;
	bool same = true;
	int order;

	while (i < a->n || k < b->n) {
		order = i == a->n ? 1 :
		    k == b->n     ? -1 :
				    strcmp(a->v[i].path, b->v[k].path);
		x = order <= 0 ? &a->v[i++] : NULL;
		y = order >= 0 ? &b->v[k++] : NULL;
		if (x != NULL && y != NULL && tree_same_node(x, y))
			continue;
		same = false;
		if (fn == NULL || !fn(ctx, x, y))
			break;
	}
	return same;
}

/* --- restoring ----------------------------------------------------------- */

static void
must(int r, const char *what, const struct node *n)
{
	if (r == -1)
		error(1, errno, "restore: %s %s", what, n->path);
}

static void
set_owner_and_mode(const struct node *n)
{
	must(lchown(n->path, n->uid, n->gid), "chown", n);
	if (!S_ISLNK(n->mode))
		must(chmod(n->path, n->mode & 07777), "chmod", n);
}

static void
write_file(const struct node *n)
{
	int fd = open(n->path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, 0600);

	must(fd, "open", n);
	if (write(fd, n->data, n->len) != (ssize_t)n->len)
		must(-1, "write", n);
	(void)close(fd);
}

/* Is: what is there, of the same type, or NULL. */
static void
make(const struct node *n, const struct node *is)
{
	if (S_ISREG(n->mode)) {
		if (is == NULL || is->len != n->len ||
		    memcmp(is->data, n->data, n->len) != 0)
			write_file(n);
	} else if (S_ISDIR(n->mode)) {
		if (is == NULL)
			must(mkdir(n->path, 0700), "mkdir", n);
	} else if (S_ISLNK(n->mode)) {
		if (is != NULL)
			must(unlink(n->path), "unlink", n);
		must(symlink(n->data, n->path), "link", n);
	} else if (is == NULL)
		must(mknod(n->path, n->mode, 0), "mknod", n);
	set_owner_and_mode(n);
}

static bool
same_type(const struct node *a, const struct node *b)
{
	return (a->mode & S_IFMT) == (b->mode & S_IFMT);
}

void
tree_restore(const struct tree *t)
{
	const struct node *n;
	struct tree is;
	size_t i;

	tree_read(&is);
	/* From the end, so that what is in a directory goes before it. */
	for (i = is.n; i-- > 0;) {
		n = tree_find(t, is.v[i].path);
		if (n != NULL && same_type(n, &is.v[i]))
			continue;
		must(S_ISDIR(is.v[i].mode) ? rmdir(is.v[i].path) :
					     unlink(is.v[i].path),
		    "remove", &is.v[i]);
	}
	for (i = 0; i < t->n; i++) {
		n = tree_find(&is, t->v[i].path);
		if (n != NULL && !same_type(n, &t->v[i]))
			n = NULL;
		if (n == NULL || !tree_same_node(n, &t->v[i]))
			make(&t->v[i], n);
	}
	tree_free(&is);
}
