#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "path.h"
#include "policytool.h"

#define FILE_SIZE 262144

static int fds[POLICY_FILES];
static unsigned nerrors;

/* Candidates may lie anywhere, also where only root can read. */
int
check_prepare(void)
{
	int i;

	if (tool.argc == 0) {
		tool_open_policy();
		return 0;
	}
	for (i = 0; i < tool.argc; i++) {
		fds[i] = open(tool.argv[i],
		    O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
		if (fds[i] == -1)
			return tool_error("%s: %s", tool.argv[i],
			    strerror(errno));
	}
	return 0;
}

static void __attribute__((format(printf, 2, 3)))
warn_rule(const struct rule *r, const char *fmt, ...)
{
	char place[256];
	va_list ap;

	policy_rule_place(&tool_policy, r, place, sizeof(place));
	(void)fprintf(stderr, "%s: ", place);
	va_start(ap, fmt);
	(void)vfprintf(stderr, fmt, ap);
	va_end(ap);
	(void)fputc('\n', stderr);
}

/* What the helpers would say about the file itself. */
static void
warn_file(const char *label, int fd)
{
	struct why w = {""};
	struct stat st;

	if (fstat(fd, &st) == -1 || path_check_owner(&st, label, &w) == ERR_OK)
		return;
	(void)fprintf(stderr,
	    "%s; as it is the helpers would reject it "
	    "(warning)\n",
	    w.text);
}

static bool
parse_files(void)
{
	static char buf[FILE_SIZE];
	struct policy_error e;
	struct why w = {""};
	struct stat st;
	size_t len;
	int i;

	for (i = 0; i < tool.argc; i++) {
		if (fstat(fds[i], &st) == -1 || !S_ISREG(st.st_mode))
			return tool_error("%s: not a regular file",
				   tool.argv[i]) == 0;
		if (path_slurp(fds[i], tool.argv[i], buf, sizeof(buf), &len,
			&w) != ERR_OK)
			return tool_error("%s", w.text) == 0;
		if (policy_parse(&tool_policy, tool.argv[i], buf, len, &e) !=
		    ERR_OK) {
			tool_print_error(&e);
			return false;
		}
		warn_file(tool.argv[i], fds[i]);
	}
	return true;
}

/* The uid a rule speaks about; false when it doesn't, or nobody has it. */
static bool
rule_uid(const struct rule *r, uid_t *uid)
{
	const struct passwd *pw;

	*uid = r->id;
	if (r->who == WHO_UID)
		return true;
	if (r->who != WHO_USER || (pw = getpwnam(r->user)) == NULL)
		return false;
	*uid = pw->pw_uid;
	return true;
}

/* Another account with this uid, or NULL. */
static const char *
alias_of(const char *user, uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);

	if (pw != NULL && strcmp(pw->pw_name, user) != 0)
		return pw->pw_name;
	setpwent();
	while ((pw = getpwent()) != NULL)
		if (pw->pw_uid == uid && strcmp(pw->pw_name, user) != 0)
			break;
	endpwent();
	return pw != NULL ? pw->pw_name : NULL;
}

static void
check_user(const struct rule *r)
{
	const char *other;
	uid_t uid;

	if (r->who == WHO_UID) {
		if (getpwuid(r->id) == NULL)
			warn_rule(r, "warning: no account has uid %u", r->id);
		return;
	}
	if (!rule_uid(r, &uid))
		warn_rule(r, "warning: there is no user \"%s\"", r->user);
	else if ((other = alias_of(r->user, uid)) != NULL)
		warn_rule(r,
		    "warning: users \"%s\" and \"%s\" share uid %u, "
		    "and only one of the names is ever found: write #%u",
		    r->user, other, uid, uid);
}

static void
check_group(const struct rule *r)
{
	const struct policy_group *g = &tool_policy.groups[r->group];

	if (g->state == GROUP_BOUND)
		return;
	nerrors += r->deny;
	warn_rule(r, "%sgroup \"%s\" %s%s", r->deny ? "" : "warning: ", g->name,
	    g->state == GROUP_MISSING ? "doesn't exist" : "can't be looked up",
	    r->deny ? ": as long as a deny names it nobody but root may do "
		      "anything" :
		      "");
}

/* The gid a rule speaks about; false when it doesn't, or there is none. */
static bool
rule_gid(const struct rule *r, gid_t *gid)
{
	const struct policy_group *g = &tool_policy.groups[r->group];

	*gid = r->who == WHO_GROUP ? g->gid : r->id;
	return r->who == WHO_GID ||
	    (r->who == WHO_GROUP && g->state == GROUP_BOUND);
}

static bool
who_covers(const struct rule *d, const struct rule *r)
{
	uid_t a, b;

	if (rule_uid(d, &a) && rule_uid(r, &b))
		return a == b;
	if (rule_gid(d, &a) && rule_gid(r, &b))
		return a == b;
	return d->who == r->who && d->group == r->group &&
	    strcmp(d->user, r->user) == 0;
}

static bool
which_covers(const struct rule *d, const struct rule *r)
{
	if (d->which == WHICH_ANY)
		return r->which != WHICH_PRIMARY;
	if (d->which == WHICH_PREFIX)
		return (r->which == WHICH_PREFIX ||
			   r->which == WHICH_INSTANCE) &&
		    strncmp(r->arg, d->arg, strlen(d->arg)) == 0;
	return d->which == r->which && strcmp(d->arg, r->arg) == 0;
}

/* Whether denies leave nothing of a permit. */
static void
check_covered(const struct rule *r)
{
	const struct rule *d, *by = NULL;
	unsigned left = r->actions;
	char place[256];

	for (d = tool_policy.rules;
	     d < tool_policy.rules + tool_policy.nrules && left != 0; d++)
		if (d->deny && (d->actions & left) != 0 && which_covers(d, r) &&
		    who_covers(d, r)) {
			left &= ~d->actions;
			by = d;
		}
	if (left != 0)
		return;
	policy_rule_place(&tool_policy, by, place, sizeof(place));
	warn_rule(r,
	    "warning: this rule can never match a secondary: %s "
	    "denies what is left of it",
	    place);
}

/* What no decision is about, or comes to nothing. */
static void
check_pointless(const struct rule *r)
{
	const unsigned lasting = 1u << ACTION_CREATE | 1u << ACTION_IMPORT |
	    1u << ACTION_DESTROY | 1u << ACTION_DEPORT;
	uid_t uid;

	if (rule_uid(r, &uid) && uid == 0)
		warn_rule(r,
		    "warning: this rule can never match: root is never asked");
	if (r->which == WHICH_PRIMARY && (r->actions & ~lasting) == 0)
		warn_rule(r,
		    "warning: this rule can never match: the primary is "
		    "neither made nor removed");
}

/* Whether a rule before this one says the same who. */
static bool
seen_before(const struct rule *r)
{
	const struct rule *q;

	for (q = tool_policy.rules; q < r; q++)
		if (q->who == r->who && q->deny == r->deny &&
		    (r->who == WHO_USER ? strcmp(q->user, r->user) == 0 :
			    r->who == WHO_GROUP ? q->group == r->group :
						  q->id == r->id))
			return true;
	return false;
}

static void
check_rules(void)
{
	const struct rule *r = tool_policy.rules;

	for (; r < tool_policy.rules + tool_policy.nrules; r++) {
		if (!seen_before(r) && r->who == WHO_GROUP)
			check_group(r);
		else if (!seen_before(r) && r->who != WHO_GID)
			check_user(r);
		check_pointless(r);
		if (!r->deny)
			check_covered(r);
	}
}

int
check_run(void)
{
	policy_init(&tool_policy);
	if (tool.argc == 0 ? !tool_load() : !parse_files())
		return 1;
	tool_bind_groups();
	check_rules();
	if (nerrors != 0)
		return 1;
	(void)printf("%zu rule%s in %zu file%s%s\n", tool_policy.nrules,
	    tool_policy.nrules == 1 ? "" : "s", tool_policy.nfiles,
	    tool_policy.nfiles == 1 ? "" : "s",
	    tool_policy.nrules == 0 ? ": only root may do anything" : "");
	return 0;
}
