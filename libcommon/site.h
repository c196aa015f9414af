#ifndef POSTMULTI_SITE_H
#define POSTMULTI_SITE_H

/*
 * What there is to know about this host's Postfix and one instance of it,
 * read natively from main.cf and from the installed Postfix's own built-in
 * defaults.  Nothing here knows a default: the defaults come from
 * `postconf -d` through a cache that root writes.
 */

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"
#include "maincf.h"
#include "path.h"

#define NAME_SIZE 128 /* instance and group names, NUL included */

/*
 * Shared parameters: an instance has the primary's value or none.  create
 * copies the first SITE_CLONED of them where the primary sets them and
 * comments them out in the prototype elsewhere (postmulti-script's list).
 */
#define SITE_CLONED 13
extern const char *const site_shared[];
extern const size_t site_nshared;

/* The multi_instance_wrapper that `postmulti -e init` writes, given the
 * primary's command_directory. */
const char *site_wrapper(const char *command_directory);

/* Built-in defaults of the parameters we read, "name = value" a line. */
struct defaults {
	char buf[128 * 1024];
	size_t len;
};

/* The parameters that the suite itself looks at, NULL-terminated. */
extern const char *const defaults_params[];

/*
 * Reads the cache.  ERR_NOTFOUND when it is missing or was made from another
 * postconf binary than the one installed now, ERR_UNTRUSTED when others than
 * root could have written it.
 */
enum err defaults_load(struct defaults *, struct why *);

/* Takes what `postconf -d` printed, those of defaults_params first: they are
 * looked up often, and from the front. */
enum err defaults_parse(struct defaults *, const char *text, size_t len,
    struct why *);

/* Writes the cache (root only): aside, then rename. */
enum err defaults_store(const struct defaults *, struct why *);

/* A maincf_default; ctx is a struct defaults. */
const char *defaults_get(const void *ctx, const char *name, size_t namelen);

/* One instance as its main.cf describes it. */
struct instance {
	char dir[PATH_SIZE]; /* configuration directory, as listed */
	char queue[PATH_SIZE], data[PATH_SIZE];
	char name[NAME_SIZE], group[NAME_SIZE]; /* "" for none */
	bool primary;
	bool enabled;
};

/* The primary and what all instances share. */
struct site {
	struct instance primary;
	char command_directory[PATH_SIZE];
	char daemon_directory[PATH_SIZE];
	char meta_directory[PATH_SIZE];
	char mail_owner[NAME_SIZE], setgid_group[NAME_SIZE];
	char wrapper[1024]; /* multi_instance_wrapper, "" before init */
};

/* Whether a name may be an instance's or a group's ("/" only in groups):
 * alphanumeric and !@%-_=+:. , one that we give begins with "postfix-". */
bool site_name_ok(const char *name);
bool site_new_name_ok(const char *name);
bool site_group_ok(const char *group);
/* The same for what a delegate chooses: [A-Za-z0-9._-] only. */
bool site_delegate_name_ok(const char *name);
bool site_delegate_group_ok(const char *group);

/*
 * Fills *inst from a parsed main.cf.  inst->dir and inst->primary are the
 * caller's to set before.  ERR_UNKNOWN when only postconf(1) can tell,
 * ERR_SYNTAX for values Postfix refuses (multi_instance_enable = maybe).
 */
enum err site_instance(const struct maincf *, const struct defaults *,
    struct instance *inst, struct why *);

/*
 * Where an instance of that name has a directory when nobody says otherwise:
 * beside the primary's of that kind.  false when that is no path that can
 * be used or doesn't fit in out (PATH_SIZE).
 */
bool site_sibling(const char *primary, const char *name, char *out);

/* Fills *site from the primary's parsed main.cf. */
enum err site_primary(const struct maincf *, const struct defaults *,
    struct site *site, struct why *);

/* multi_instance_directories or alternate_config_directories of the primary,
 * expanded; then taken apart with site_next(). */
enum err site_list(const struct maincf *, const struct defaults *,
    const char *param, char *out, size_t size, struct why *);

/* The number of a syslog_facility: LOG_MAIL for one that there isn't. */
int site_facility(const char *name);

/*
 * Walks a list of directories as Postfix splits it: on blanks and commas;
 * trailing slashes don't count.
 * Returns the next entry's length and sets *entry, 0 at the end.  Start with
 * *pos = list.
 */
size_t site_next(const char **pos, const char **entry);

/* The same, copied to dir (PATH_SIZE), ready to be used; entries that are too
 * long to be a directory's path are left out: cut short they may be another's.
 * false at the end. */
bool site_next_dir(const char **pos, char *dir);

/* Whether a directory is on a list. */
bool site_list_has(const char *list, const char *dir);

/* A list without an entry, or with one put in; single blanks in between.
 * before: the entry to stand in front of, NULL to append.  ERR_LIMIT. */
enum err site_list_without(const char *list, const char *dir, char *out,
    size_t size);
enum err site_list_with(const char *list, const char *dir, const char *before,
    char *out, size_t size);

#endif
