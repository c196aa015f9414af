#ifndef POSTMULTI_LOCKS_H
#define POSTMULTI_LOCKS_H

/*
 * Who holds a write lock on a file, by /proc/locks, which everybody may read.
 * The device isn't compared: for overlayfs and btrfs it isn't the one stat(2)
 * tells.  Good for a message, for nothing that depends on it.
 */

/* The process that locks this file; 0 for none, or no such file. */
int locks_holder(const char *path);

#endif
