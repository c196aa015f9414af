#ifndef POSTMULTI_PATH_H
#define POSTMULTI_PATH_H

/*
 * Files and directories are handled as a directory descriptor and a name.
 * Everything but the kernel's own is opened with openat2(2): no symbolic link,
 * no magic link, and always O_CLOEXEC, O_NOCTTY and O_NONBLOCK, so that a FIFO
 * or a terminal in an unexpected place can't hold anybody up.
 */

#include <sys/stat.h>
#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* Longest path, with its NUL, that any instance's directory may have. */
#define PATH_SIZE 256

/* openat2 of one name (no slash) below dirfd; mode is 0 without O_CREAT.  -1
 * and errno on failure. */
int path_open_at(int dirfd, const char *name, int flags, mode_t mode);

/* The same with another how.resolve than no links at all. */
int path_open_resolve(int dirfd, const char *name, int flags, mode_t mode,
    uint64_t how);

/* Opens a directory of that name for reading, unless something is mounted
 * there: EXDEV. */
int path_open_within(int dirfd, const char *name);

/*
 * An absolute path that may be an instance's directory: begins with one
 * slash, no empty, "." or ".." component, no trailing slash, shorter than
 * PATH_SIZE, and of printable ASCII without blanks, commas, '$', '#', quotes,
 * backslashes or braces: main.cf could not hold it (postconf(5)).
 */
bool path_is_clean(const char *path);

/*
 * Splits a clean path in its parent (copied to parent, of size PATH_SIZE)
 * and its last name (a pointer into path).
 */
const char *path_split(const char *path, char *parent);

/*
 * Opens the directory at an absolute path, component by component from "/".
 * With trusted set, every directory on the way, the last included, must be
 * owned by root and not writable by group or others (an ACL's write shows in
 * the group bits): else ERR_UNTRUSTED, naming the component.  Symbolic links
 * are refused on the way when trusted, otherwise followed if root owns them.
 * ERR_NOTFOUND when a component doesn't exist.  The caller closes *fd.
 */
enum err path_open_dir(const char *path, bool trusted, int *fd, struct why *);

/* ERR_UNTRUSTED unless it is owned by root and not writable by group or
 * others. */
enum err path_check_owner(const struct stat *, const char *label, struct why *);

/*
 * Calls fn for every entry of a directory but "." and "..", from its start,
 * until fn returns something else than ERR_OK, which is then returned.
 */
typedef enum err path_fn(void *ctx, int dirfd, const char *name);
enum err path_each(int dirfd, const char *label, path_fn *fn, void *ctx,
    struct why *why);

/* The first line of a file of the kernel's in /proc, where a link (self) leads
 * nobody astray; cut to size, "" when it can't be read. */
void path_proc(const char *path, char *line, size_t size);

/* --- reading (path_read.c), only in what has files to read ---------------- */

/*
 * Opens a regular file below dirfd for reading and checks the descriptor:
 * regular (anything else isn't even opened), and with trusted set also what
 * path_check_owner() does, and one link.  label is what messages call it.  The
 * caller closes *fd.
 */
enum err path_open_file(int dirfd, const char *name, const char *label,
    bool trusted, int *fd, struct why *);

/*
 * Reads the whole of fd into buf and puts a NUL behind it (not counted in
 * *len).  ERR_LIMIT when it doesn't fit.
 */
enum err path_slurp(int fd, const char *label, char *buf, size_t size,
    size_t *len, struct why *);

#endif
