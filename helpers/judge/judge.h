#ifndef POSTMULTI_JUDGE_H
#define POSTMULTI_JUDGE_H

/*
 * postmulti-judge: reads the frame, the policy and main.cf files, decides,
 * and can do nothing.  Each helper starts one for each request.
 */

#include "../verdict.h"
#include "caller.h"
#include "err.h"
#include "maincf.h"

/* One listed instance as found on disk.  err tells what is wrong with it:
 * then only in.dir and, when the directory exists, config are known. */
struct seen {
	enum err err;
	struct why why;
	struct instance in;
	struct where config;
};

struct judge {
	const struct caller *caller;
	struct subject subject;
	struct frame frame;
	struct policy policy;
	struct defaults defaults;
	struct site site;
	struct where primary; /* its configuration directory */
	struct maincf primary_cf, cf;
	char primary_text[MAINCF_MAX], text[MAINCF_MAX];
	char list[LIST_MAX], alt[LIST_MAX];         /* as they are */
	char new_list[LIST_MAX], new_alt[LIST_MAX]; /* as they shall be */
	bool no_landlock;                           /* this kernel has none */
	bool locked; /* what is decided now is acted on: our caller can't stop
		      * us, and nobody else's step is half-way, where a helper
		      * takes the global lock */
};

typedef enum err judge_fn(struct judge *, struct verdict *, struct why *);

/* By enum op; a helper's frames reach its own only. */
extern judge_fn *const config_judges[OP_COUNT];
extern judge_fn *const dirs_judges[OP_COUNT];
extern judge_fn *const exec_judges[OP_COUNT];

/* What stands in them and has a file of its own: list.c, destroy.c,
 * inspect.c. */
judge_fn list_install, list_register, list_deregister, list_remove;
judge_fn destroy_clear, destroy_finish, destroy_mend;
judge_fn inspect_instance, inspect_records;

/* --- main.c: the talk with the actor ------------------------------------- */

/* Writes it all; the actor having died, there is nobody left to tell. */
void judge_put(const void *, size_t);
_Noreturn void judge_gone(void);

/* --- rules.c: the policy ------------------------------------------------- */

/* Reads it and has its groups looked up; to root an error is none.  Then, once
 * the locks are held, as it is by now: ERR_BUSY when it has groups that
 * weren't looked up. */
enum err rules_read(struct judge *j, const struct timespec *deadline,
    struct why *);
enum err rules_reread(struct judge *j, struct why *);

/* --- target.c: the instance a request is about --------------------------- */

/* Reads defaults, the primary's main.cf and the lists into *j. */
enum err target_site(struct judge *j, struct why *why);

/* ERR_STATE where main.cf can't be changed by anybody. */
enum err target_editable(const char *dir, struct why *why);

/* ERR_STATE when the lists hold what can't stand there: nothing that will
 * have to change them is begun. */
enum err target_lists(struct judge *j, struct why *why);

/* The first of the primary's, and unless `postmulti -e init` was done. */
enum err target_ready(struct judge *j, struct why *why);

/* Finds the listed instance a selector names and fills the verdict's
 * instance part; seen->in.primary for the primary.  ERR_NOTFOUND. */
enum err target_find(struct judge *j, const struct selector *, struct seen *,
    struct verdict *, struct why *why);

/* What the policy is asked about: what is there, and what a record says is to
 * be, or was. */
struct object target_object(const struct instance *);
struct object target_promised(const struct record *);

/* How messages call what a selector names. */
const char *target_label(const struct selector *);

/* Calls fn for each listed secondary, in order, until it returns non-zero;
 * with a selector that names a directory only for what stands there. */
int target_each(struct judge *j, const struct selector *,
    int (*fn)(void *, const struct seen *), void *ctx);

/* Reads a file like main.cf from a directory into text (MAINCF_MAX), which *cf
 * then refers to; w gets the directory's identity. */
enum err target_maincf(struct judge *j, const char *dir, const char *name,
    struct where *w, char *text, struct maincf *cf, struct why *why);

/* Reads one instance by its directory; j->cf is its main.cf afterwards. */
void target_read(struct judge *j, const char *dir, struct seen *);

/* The directory at a path: device and inode, 0 when there is none. */
enum err target_where(const char *path, bool trusted, struct where *,
    struct why *why);

/* The record of an open create, import or destroy; ERR_NOTFOUND. */
enum err target_record(const char *config, struct record *, struct why *why);
enum err target_record_of(const struct selector *, struct record *,
    struct why *why);

/* Whether what a record was begun for is on the list, by another name now. */
bool target_renamed(struct judge *j, const struct record *, struct seen *,
    struct verdict *);

/* ERR_STATE while a create, import or destroy of it isn't finished. */
enum err target_idle(const char *config, struct why *why);

/* ERR_CONFLICT, saying who began what. */
enum err target_busy(const struct record *, struct why *why);

/* --- permit.c: what the policy says -------------------------------------- */

/* Permission for an action on an instance; root always.  Fills the verdict's
 * rule and action. */
enum err permit_allow(struct judge *j, enum action, const struct object *,
    struct verdict *, struct why *why);

/* Permission for a change: of what is and of what will be, P8, limits. */
enum err permit_change(struct judge *j, enum action, const struct object *from,
    const struct object *to, struct verdict *, struct why *why);

/* Permission to import what was found as what the record says. */
enum err permit_import(struct judge *j, const struct seen *,
    const struct record *, struct verdict *, struct why *why);

/* Nothing of that name is there, as *why says: to who may destroy.  Others
 * are denied, and *why says that. */
enum err permit_no_destroy(struct judge *j, struct verdict *, struct why *why);

/* --- fresh.c: instances that are to be ----------------------------------- */

/* The directories of an instance to be made: root's from the frame, a
 * delegate's derived from the name (P9). */
enum err fresh_derive(struct judge *j, struct record *, struct why *why);

/* ERR_CONFLICT when another instance (self: its directory, NULL for none) or
 * the primary has that name or one of these directories. */
enum err fresh_unique(struct judge *j, const char *self, const char *name,
    const struct record *, struct why *why);

/* --- trust.c, files.c ---------------------------------------------------- */

/* The trust walk over an instance's configuration; always ERR_OK for root. */
enum err trust_check(struct judge *j, const struct seen *, struct why *why);

/* The same of what a delegate's new instance is copied from, and of what runs
 * as root when a delegate runs postfix(1). */
enum err trust_prototypes(struct judge *j, struct why *why);
enum err trust_programs(struct judge *j, struct why *why);

/* Whether a master(8) runs on that queue directory. */
enum err trust_running(const char *queue, bool *running, struct why *why);

/* postfix-files of the meta directory, reduced to an instance's own tree. */
enum err files_read(struct judge *j, struct verdict *, struct why *why);

/* --- dirs.c, destroy.c --------------------------------------------------- */

/* The record that a destroy of a listed instance begins with, or that it
 * goes on with: its directories, no other instance's. */
enum err destroy_record(struct judge *j, const struct seen *, struct record *,
    struct why *why);

/* ERR_STATE when the last step would be refused: then the first one is. */
enum err destroy_possible(struct judge *j, const char *config, struct why *why);

/* ERR_STATE when a damaged instance, whose main.cf doesn't tell its queue,
 * runs in the one that create would have given it and that no other has. */
enum err destroy_stopped(struct judge *j, const char *config, struct why *why);

/* The verdict's part that comes from its record and the host. */
void dirs_describe(struct judge *j, struct verdict *v);

#endif
