#include <bsd/string.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "caller.h"
#include "policy_host.h"
#include "spawn.h"

struct subject host_who;

extern char **environ;

static char listing[1048576];

/* host_who's. */
static char who_name[POLICY_WORD];
static gid_t who_fresh[TOOL_GIDS];

/* Reads what `postmulti -l` prints; looking into it comes later. */
int
host_listing(void)
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
	return 0;
}

/* A line's order is postmulti(1)'s: name, group, enabled, directory; the
 * primary is the first. */
bool
host_next(const char **pos, struct row *row)
{
	char *save = NULL, *name, *group, *enabled;
	bool first = *pos == NULL;
	const char *line = first ? listing : *pos;
	size_t n = strcspn(line, "\n");

	if (n == 0)
		return false;
	*pos = line + n + (line[n] == '\n');
	if (n >= sizeof(row->line))
		exit(tool_error("postmulti -l prints too long a line"));
	memcpy(row->line, line, n);
	row->line[n] = '\0';
	name = strtok_r(row->line, " ", &save);
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
int
host_account(uid_t uid)
{
	const struct passwd *pw = getpwuid(uid);
	int n = TOOL_GIDS;

	host_who =
	    (struct subject){.uid = uid, .name = who_name, .fresh = who_fresh};
	if (uid == tool.uid) {
		host_who.kernel = tool.kernel;
		host_who.nkernel = tool.nkernel;
	}
	if (pw != NULL &&
	    strlcpy(who_name, pw->pw_name, sizeof(who_name)) <
		sizeof(who_name) &&
	    (pw = getpwnam(who_name)) != NULL && pw->pw_uid == uid) {
		if (getgrouplist(who_name, pw->pw_gid, who_fresh, &n) == -1)
			return tool_error("%s is in too many groups", who_name);
		host_who.nfresh = (size_t)n;
		return 0;
	}
	who_name[0] = '\0';
	(void)tool_error("warning: uid %lu has no account: only rules for the "
			 "uid itself permit it anything",
	    (unsigned long)uid);
	return 0;
}

/* USER as on the command line: a name or #uid. */
int
host_user(const char *user)
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
		return host_account((uid_t)uid);
	}
	if ((pw = getpwnam(user)) == NULL)
		return tool_error("there is no user \"%s\"", user);
	if (host_account(pw->pw_uid) != 0)
		return 1;
	if (strcmp(who_name, user) != 0)
		(void)tool_error("warning: uid %lu is known as \"%s\", and "
				 "rules for \"%s\" never match",
		    (unsigned long)host_who.uid, who_name, user);
	return 0;
}

static bool
has_gid(const gid_t *list, size_t n, gid_t gid)
{
	while (n > 0 && list[n - 1] != gid)
		n--;
	return n > 0;
}

bool
host_member(void)
{
	struct policy_group g = {.name = SYSTEM_USER};

	if (host_who.uid == 0 || host_who.name[0] == '\0')
		return true;
	caller_bind_group(&g);
	return g.state == GROUP_BOUND &&
	    has_gid(host_who.fresh, host_who.nfresh, g.gid) &&
	    (host_who.nkernel == 0 ||
		has_gid(host_who.kernel, host_who.nkernel, g.gid));
}
