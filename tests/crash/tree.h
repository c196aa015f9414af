#ifndef CRASH_TREE_H
#define CRASH_TREE_H

/*
 * Everything that a postmulti may change, read into memory: what is named
 * postfix* or postmulti* in /etc, /var/lib and /var/spool, with all that is
 * below.  To restore one is to mend only what differs, so it costs little.
 */

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

struct node {
	char *path;
	mode_t mode; /* with the type */
	uid_t uid;
	gid_t gid;
	char *data; /* of a file, or where a link leads; ends in '\0' */
	size_t len;
};

struct tree {
	struct node *v; /* by path, a directory before what is in it */
	size_t n, room;
};

void tree_read(struct tree *);
void tree_free(struct tree *);
const struct node *tree_find(const struct tree *, const char *path);
bool tree_same_node(const struct node *, const struct node *);

/* Calls fn for each path at which they differ (NULL: isn't there), until it
 * returns false.  True when they are the same. */
typedef bool tree_fn(void *ctx, const struct node *a, const struct node *b);
bool tree_compare(const struct tree *a, const struct tree *b, tree_fn *fn,
    void *ctx);

/* The disk becomes as the tree says. */
void tree_restore(const struct tree *);

#endif
