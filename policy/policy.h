#ifndef POSTMULTI_POLICY_H
#define POSTMULTI_POLICY_H

/*
 * The policy language of postmulti.policy(5): who may do what to which
 * instance.  Parsing and deciding allocate nothing and ask nobody: names of
 * groups that need a number are listed, and whoever calls binds them.
 * Default is deny; a matching deny wins; the order of rules never matters.
 */

#include <sys/types.h>
#include <stdbool.h>
#include <stddef.h>

#include "err.h"

/* X(enumerator, name in policy files and on the command line, is a postfix(1)
 * command).  Adding an action is a row here and a line in the manual page. */
#define ACTION_LIST(X)                                                         \
	X(CREATE, "create", false)                                             \
	X(IMPORT, "import", false)                                             \
	X(DESTROY, "destroy", false)                                           \
	X(DEPORT, "deport", false)                                             \
	X(ENABLE, "enable", false)                                             \
	X(DISABLE, "disable", false)                                           \
	X(ASSIGN, "assign", false)                                             \
	X(START, "start", true)                                                \
	X(STOP, "stop", true)                                                  \
	X(RELOAD, "reload", true)                                              \
	X(FLUSH, "flush", true)                                                \
	X(CHECK, "check", true)                                                \
	X(STATUS, "status", true)                                              \
	X(ABORT, "abort", true)                                                \
	X(DRAIN, "drain", true)                                                \
	X(QUICK_STOP, "quick-stop", true)

enum action {
#define X(e, name, cmd) ACTION_##e,
	ACTION_LIST(X)
#undef X
	    ACTION_COUNT
};

/* The name of an action; NULL for a bad number. */
const char *action_name(enum action);
/* The action of that exact name, or -1. */
int action_find(const char *name);
/* Whether it is a postfix(1) command (start ... quick-stop). */
bool action_is_command(enum action);

#define POLICY_RULES  1024 /* rules in all files together */
#define POLICY_GROUPS 64   /* distinct group names in them */
#define POLICY_FILES  64   /* policy.conf and policy.d/ *.conf */
#define POLICY_WORD   128  /* longest word, NUL included */

/* Who: exactly one of user name, uid, group (index in groups), gid. */
enum who { WHO_USER, WHO_UID, WHO_GROUP, WHO_GID };
/* Which instances. */
enum which {
	WHICH_INSTANCE,
	WHICH_PREFIX,
	WHICH_GROUP,
	WHICH_PRIMARY,
	WHICH_ANY
};

struct rule {
	bool deny;
	enum who who;
	uid_t id;               /* WHO_UID, WHO_GID */
	unsigned group;         /* WHO_GROUP: index in policy.groups */
	char user[POLICY_WORD]; /* WHO_USER */
	unsigned actions;       /* bit set of enum action */
	enum which which;
	char arg[POLICY_WORD]; /* WHICH_INSTANCE, _PREFIX, _GROUP */
	unsigned limit;        /* 0: none */
	unsigned file, line;   /* where it stands; file: in policy.files */
};

struct policy_group {
	char name[POLICY_WORD];
	enum { GROUP_UNBOUND, GROUP_BOUND, GROUP_MISSING, GROUP_ERROR } state;
	gid_t gid; /* once it is bound */
};

enum capabilities {
	CAPABILITIES_DEFAULT,
	CAPABILITIES_REDUCED,
	CAPABILITIES_FULL
};

struct policy {
	size_t nrules, ngroups, nfiles;
	struct rule rules[POLICY_RULES];
	struct policy_group groups[POLICY_GROUPS];
	char files[POLICY_FILES][POLICY_WORD]; /* for messages */
	bool audit_required;
	bool confinement_reduced;
	enum capabilities capabilities;
	unsigned seen; /* settings seen, to refuse duplicates */
};

/* A place in a policy file and what is wrong there. */
struct policy_error {
	char file[POLICY_WORD];
	unsigned line, column; /* 1-based; line 0: the file as a whole */
	char text[256];        /* one sentence: what and what to do */
	char source[256];      /* the offending line, for a caret; "" if none */
};

/* Makes *p the empty policy, which permits nothing. */
void policy_init(struct policy *p);

/*
 * Parses one file's bytes and adds its rules to *p.  All or nothing is the
 * caller's business: after an error *p must not be used.
 */
enum err policy_parse(struct policy *p, const char *file, const char *buf,
    size_t len, struct policy_error *);

/*
 * Reads policy.conf and policy.d/ *.conf (regular files only, byte order, no
 * hidden ones) below dirfd, an already opened and trusted directory called
 * dir in messages.  Each is checked on the open descriptor: root-owned,
 * regular, one link, not writable by group or others.  A missing policy.conf
 * or policy.d is no error: nobody is delegated anything.
 */
enum err policy_load(struct policy *p, int dirfd, const char *dir,
    struct policy_error *);

/* "FILE:LINE:COLUMN: TEXT" (or "FILE: TEXT") in one sentence. */
void policy_error_text(const struct policy_error *, char *out, size_t size);

/* A caller, as the kernel and a fresh look-up describe it. */
struct subject {
	uid_t uid;
	const char *name;   /* "" when the uid has no account */
	const gid_t *fresh; /* from the group database, now */
	size_t nfresh;
	const gid_t *kernel; /* real gid and getgroups(2) */
	size_t nkernel;
};

/* An instance, as it is or as it would be.  "" for no name, no group. */
struct object {
	const char *name;
	const char *group;
	bool primary;
};

/* "FILE:LINE" of a rule, or "no rule permits it" for NULL. */
void policy_rule_place(const struct policy *, const struct rule *, char *out,
    size_t size);

/* ERR_DENIED in one sentence: who may not do what to which instance, and the
 * rule that says so; NULL when no rule permits it. */
enum err policy_refuse(const struct policy *, const struct rule *by,
    const char *who, enum action, const char *instance, struct why *);

/*
 * The decision.  true: permitted.  *by (may be NULL) is the deciding rule, or
 * NULL when no rule permits it.  With a deny rule naming a group that isn't
 * GROUP_BOUND nothing is permitted: see policy_usable().
 */
bool policy_permits(const struct policy *, const struct subject *, enum action,
    const struct object *, const struct rule **by);

/*
 * ERR_OK, or why nobody can be delegated anything with this policy now: a
 * deny names a group that is unknown or couldn't be looked up.
 */
enum err policy_usable(const struct policy *, struct why *);

/*
 * P8, no action changes what its caller may do.  Called for create, import
 * and assign after policy_permits() said yes to what is asked.
 * before -> after is the change; ERR_DENIED when any action would be
 * permitted afterwards that wasn't before, when a name is taken for which this
 * action isn't permitted (else a rename would leave a prefix and its limit),
 * or when a group named by any selector is entered or left by a caller whose
 * rule for this action doesn't have that same selector.  For create and
 * import before is the new name with no group.
 */
enum err policy_may_change(const struct policy *, const struct subject *,
    enum action, const struct object *before, const struct object *after,
    struct why *);

/*
 * `limit N`: on create, import and assign (ERR_OK for all else), for every
 * permit rule with a limit that matches this subject and object, whatever its
 * actions, calls count(ctx, prefix) for the number of instances and
 * records whose names begin with the rule's prefix, as they would be after
 * the change; ERR_DENIED when that is more than N.
 */
enum err policy_limits(const struct policy *, const struct subject *,
    enum action, const struct object *,
    size_t (*count)(void *ctx, const char *prefix), void *ctx, struct why *);

/*
 * Whether any action at all is permitted to this subject on this instance
 * (config.read is for those); by: the rule that permits the first of them,
 * NULL is fine.
 */
bool policy_concerns(const struct policy *, const struct subject *,
    const struct object *, const struct rule **by);

#endif
