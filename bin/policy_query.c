#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "policytool.h"
#include "spawn.h"

#define LIST_SIZE 1048576 /* what `postmulti -l` prints */

/* One line of `postmulti -l`, taken apart in place. */
struct row {
	struct object o;
	const char *dir;
};

struct account {
	struct subject s;
	char name[POLICY_WORD];
	gid_t fresh[TOOL_GIDS];
};

extern char **environ;

static char listing[LIST_SIZE], whole[LIST_SIZE]; /* taken apart, and not */
static int dirfd = -1;
static struct account who;

/* Reads what `postmulti -l` prints; looking into it comes later. */
static int
slurp_listing(void)
{
	char *argv[] = {(char[]){"postmulti"}, (char[]){"-l"}, NULL};
	struct spawn sp = {.path = PATH_SBIN "/postmulti",
	    .argv = argv,
	    .envp = environ,
	    .fds = {SPAWN_NULL, -1, SPAWN_KEEP}};
	struct why w = {""};
	int fds[2], status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) == -1)
		return tool_error("pipe: %s", strerror(errno));
	sp.fds[1] = fds[1];
	if (spawn_start(&sp, &pid, &w) != ERR_OK)
		return tool_error("%s", w.text);
	(void)close(fds[1]);
	while ((n = read(fds[0], listing + len, sizeof(listing) - 1 - len)) >
		0 ||
	    (n == -1 && errno == EINTR))
		len += n > 0 ? (size_t)n : 0;
	(void)close(fds[0]);
	listing[len] = '\0';
	if (spawn_wait(pid, &status, &w) != ERR_OK)
		return tool_error("%s", w.text);
	if (status != 0 && len == 0)
		return tool_error("postmulti -l failed");
	if (len == sizeof(listing) - 1)
		return tool_error("postmulti -l prints too much");
	memcpy(whole, listing, len + 1);
	return 0;
}

/* The next line of text as a row; false at the end.  Its order is
 * postmulti(1)'s: name, group, enabled, directory; the primary is the first. */
static bool
next_row(const char *text, char **pos, struct row *row)
{
	char *line, *save = NULL, *name, *group, *enabled;
	bool first = *pos == text;

	if ((line = strsep(pos, "\n")) == NULL || *line == '\0')
		return false;
	name = strtok_r(line, " ", &save);
	group = strtok_r(NULL, " ", &save);
	enabled = strtok_r(NULL, " ", &save);
	row->dir = strtok_r(NULL, "", &save);
	if (name == NULL || group == NULL || enabled == NULL ||
	    row->dir == NULL)
		exit(tool_error("postmulti -l prints what isn't understood"));
	row->dir += strspn(row->dir, " ");
	row->o.name = strcmp(name, "-") == 0 ? "" : name;
	row->o.group = strcmp(group, "-") == 0 ? "" : group;
	row->o.primary = first;
	return true;
}

/* As the helpers see a uid: by the name it has, if that leads back to it. */
static int
find_account(uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);
	int n = TOOL_GIDS;

	who.s =
	    (struct subject){.uid = uid, .name = who.name, .fresh = who.fresh};
	if (uid == tool.uid) {
		who.s.kernel = tool.kernel;
		who.s.nkernel = tool.nkernel;
	}
	if (pw != NULL &&
	    strlcpy(who.name, pw->pw_name, sizeof(who.name)) <
		sizeof(who.name) &&
	    (pw = getpwnam(who.name)) != NULL && pw->pw_uid == uid) {
		if (getgrouplist(who.name, pw->pw_gid, who.fresh, &n) == -1)
			return tool_error("%s is in too many groups", who.name);
		who.s.nfresh = (size_t)n;
		return 0;
	}
	who.name[0] = '\0';
	(void)tool_error("warning: uid %lu has no account: only rules for the "
			 "uid itself permit it anything",
	    (unsigned long)uid);
	return 0;
}

/* USER as on the command line: a name or #uid. */
static int
find_user(const char *user)
{
	const struct passwd *pw;
	unsigned long uid;
	char *end;

	if (user[0] == '#') {
		errno = 0;
		uid = strtoul(user + 1, &end, 10);
		if (user[1] < '0' || user[1] > '9' || *end != '\0' ||
		    errno != 0 || uid > 4294967294)
			return tool_error("\"%s\" isn't a uid", user);
		return find_account((uid_t)uid);
	}
	if ((pw = getpwnam(user)) == NULL)
		return tool_error("there is no user \"%s\"", user);
	if (find_account(pw->pw_uid) != 0)
		return 1;
	if (strcmp(who.name, user) != 0)
		(void)tool_error("warning: uid %lu is known as \"%s\", and "
				 "rules for \"%s\" never match",
		    (unsigned long)who.s.uid, who.name, user);
	return 0;
}

static bool
row_is(const struct row *row, const char *arg)
{
	const char *name = row->o.name;

	if (strcmp(arg, "-") == 0)
		return row->o.primary;
	if (arg[0] == '/')
		return strcmp(row->dir, arg) == 0;
	return strcmp(name, arg) == 0 ||
	    (strncmp(name, "postfix-", 8) == 0 && strcmp(name + 8, arg) == 0);
}

static bool
is_new(int a)
{
	return a == ACTION_CREATE || a == ACTION_IMPORT;
}

/* What -G names. */
static const char *
new_group(void)
{
	return strcmp(tool.group, "-") == 0 ? "" : tool.group;
}

/* The instance that is asked about: from -G, the listing, or to be made.  An
 * assign's -G and -I are what becomes of it. */
static int
find_object(enum action a, const char *arg, struct object *o, struct object *to)
{
	char *pos = listing;
	struct row row;

	*o = (struct object){.name = arg, .group = ""};
	if (tool.group != NULL && strcmp(arg, "-") == 0)
		*o = (struct object){"", "", true};
	if (tool.group != NULL)
		o->group = new_group();
	*to = *o;
	while ((tool.group == NULL || a == ACTION_ASSIGN) &&
	    next_row(listing, &pos, &row))
		if (row_is(&row, arg)) {
			*o = *to = row.o;
			if (tool.name != NULL)
				to->name = tool.name;
			if (tool.group != NULL)
				to->group = new_group();
			return 0;
		}
	if (tool.name != NULL)
		return tool_error("-I is for assign, and there is no instance "
				  "\"%s\"",
		    arg);
	if (tool.group == NULL && !is_new(a))
		return tool_error("there is no instance \"%s\": with -G "
				  "GROUP it needn't exist",
		    arg);
	if (!o->primary && strncmp(arg, "postfix-", 8) != 0)
		return tool_error("\"%s\" doesn't begin with \"postfix-\"",
		    arg);
	return 0;
}

static int
verdict(bool permitted, const char *text)
{
	(void)printf("%s: %s\n", permitted ? "permitted" : "denied", text);
	return permitted ? 0 : 1;
}

int
explain_prepare(void)
{
	int a = action_find(tool.argv[1]);

	if (tool.name != NULL && a != ACTION_ASSIGN)
		return tool_error("-I is for assign only");
	dirfd = tool_open_policy();
	return tool.group == NULL || a == ACTION_ASSIGN || is_new(a) ?
	    slurp_listing() :
	    0;
}

struct counted {
	const struct object *without, *with; /* the change */
};

/* As the helpers count, but for commands that weren't finished. */
static size_t
count_prefix(void *ctx, const char *prefix)
{
	static char text[LIST_SIZE];
	const struct counted *c = ctx;
	char *pos = text;
	struct row row;
	size_t n = 1; /* the new name has it: the rule matches */

	memcpy(text, whole, sizeof(text));
	while (next_row(text, &pos, &row))
		n += strncmp(row.o.name, prefix, strlen(prefix)) == 0 &&
		    strcmp(row.o.name, c->without->name) != 0 &&
		    strcmp(row.o.name, c->with->name) != 0;
	return n;
}

/* What is asked besides whether a rule permits it. */
static enum err
explain_change(enum action a, const struct object *o, const struct object *to,
    struct why *why)
{
	const struct object bare = {.name = o->name, .group = ""};
	const struct object *from = is_new(a) ? &bare : o;
	struct counted counted = {from, to};
	enum err e;

	if (!is_new(a) && a != ACTION_ASSIGN)
		return ERR_OK;
	e = policy_may_change(&tool_policy, &who.s, a, from, to, why);
	if (e != ERR_OK || (!is_new(a) && strcmp(from->name, to->name) == 0))
		return e;
	return policy_limits(&tool_policy, &who.s, a, to, count_prefix,
	    &counted, why);
}

int
explain_run(void)
{
	struct object o, to;
	const struct rule *by;
	struct why w = {""};
	char place[256];
	bool yes;
	int a;

	if ((a = action_find(tool.argv[1])) == -1)
		return tool_error("\"%s\" isn't an action: see "
				  "postmulti.policy(5)",
		    tool.argv[1]);
	if (find_user(tool.argv[0]) != 0)
		return 1;
	if (tool.uid != 0 && tool.uid != who.s.uid)
		return tool_error("only root may ask about others");
	if (find_object((enum action)a, tool.argv[2], &o, &to) != 0 ||
	    !tool_load(dirfd))
		return 1;
	if (who.s.uid == 0)
		return verdict(true, "root is never asked");
	tool_bind_groups();
	if (policy_usable(&tool_policy, &w) != ERR_OK)
		return verdict(false, w.text);
	yes = policy_permits(&tool_policy, &who.s, (enum action)a, &o, &by);
	if (yes && explain_change((enum action)a, &o, &to, &w) != ERR_OK)
		return verdict(false, w.text);
	policy_rule_place(&tool_policy, by, place, sizeof(place));
	return verdict(yes, place);
}

static void
put_json(const char *s)
{
	(void)putchar('"');
	for (; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == '"' || *s == '\\')
			(void)printf("\\u%04x", (unsigned char)*s);
		else
			(void)putchar(*s);
	(void)putchar('"');
}

static void
put_actions(unsigned set)
{
	bool first = true;
	int a;

	for (a = 0; a < ACTION_COUNT; a++) {
		if ((set & 1u << a) == 0)
			continue;
		if (!first)
			(void)putchar(',');
		first = false;
		if (tool.json)
			put_json(action_name((enum action)a));
		else
			(void)fputs(action_name((enum action)a), stdout);
	}
}

static unsigned
permitted_to(const struct object *o)
{
	unsigned set = 0;
	int a;

	for (a = 0; a < ACTION_COUNT; a++)
		if (who.s.uid == 0 ||
		    policy_permits(&tool_policy, &who.s, (enum action)a, o,
			NULL))
			set |= 1u << a;
	return set;
}

static void
put_row(const struct row *row)
{
	const char *name = row->o.name[0] != '\0' ? row->o.name : "-";
	const char *group = row->o.group[0] != '\0' ? row->o.group : "-";
	unsigned set = permitted_to(&row->o);

	if (set == 0)
		return;
	if (!tool.json) {
		(void)printf("%-15s %-15s ", name, group);
		put_actions(set);
		(void)putchar('\n');
		return;
	}
	(void)fputs("{\"name\": ", stdout);
	put_json(name);
	(void)fputs(",\"group\": ", stdout);
	put_json(group);
	(void)fputs(",\"config_directory\": ", stdout);
	put_json(row->dir);
	(void)fputs(",\"actions\": [", stdout);
	put_actions(set);
	(void)puts("]}");
}

/* Names that needn't exist yet: a rule's prefix with what it lets create. */
static void
put_prefix(const struct rule *r)
{
	const struct rule *q = tool_policy.rules;
	struct object o = {r->arg, "", false};
	unsigned set = permitted_to(&o);

	set &= 1u << ACTION_CREATE | 1u << ACTION_IMPORT;
	while (q < r &&
	    (q->which != WHICH_PREFIX || q->deny ||
		strcmp(q->arg, r->arg) != 0))
		q++;
	if (set == 0 || q != r || r->which != WHICH_PREFIX || r->deny)
		return;
	if (!tool.json) {
		(void)printf("%s%-*s %-15s ", r->arg,
		    strlen(r->arg) < 15 ? 15 - (int)strlen(r->arg) : 3, "...",
		    "-");
		put_actions(set);
		(void)putchar('\n');
		return;
	}
	(void)fputs("{\"prefix\": ", stdout);
	put_json(r->arg);
	(void)fputs(",\"actions\": [", stdout);
	put_actions(set);
	(void)puts("]}");
}

int
list_prepare(void)
{
	dirfd = tool_open_policy();
	return slurp_listing();
}

int
list_run(void)
{
	char *pos = listing;
	struct why w = {""};
	struct row row;
	size_t i;

	if (find_account(tool.uid) != 0 || !tool_load(dirfd))
		return 1;
	tool_bind_groups();
	if (who.s.uid != 0 && policy_usable(&tool_policy, &w) != ERR_OK)
		return tool_error("%s", w.text);
	while (next_row(listing, &pos, &row))
		put_row(&row);
	for (i = 0; i < tool_policy.nrules && who.s.uid != 0; i++)
		put_prefix(&tool_policy.rules[i]);
	return 0;
}
