#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "caller.h"

/*
 * An account counts only when its name leads back to the same uid; for a
 * second name of one uid only #uid rules are safe.
 */
static void
lookup_name(struct caller *c, gid_t *primary)
{
	struct passwd *pw = getpwuid(c->uid);

	if (pw == NULL || strlen(pw->pw_name) >= sizeof(c->name))
		return;
	(void)strlcpy(c->name, pw->pw_name, sizeof(c->name));
	pw = getpwnam(c->name);
	if (pw == NULL || pw->pw_uid != c->uid)
		c->name[0] = '\0';
	else
		*primary = pw->pw_gid;
}

enum err
caller_lookup(struct caller *c, struct why *why)
{
	struct group *gr;
	int n;
	gid_t primary = (gid_t)-1;

	memset(c, 0, sizeof(*c));
	c->uid = getuid();
	c->root = c->uid == 0;
	lookup_name(c, &primary);
	if ((gr = getgrnam(SYSTEM_USER)) != NULL)
		c->helpers = gr->gr_gid;
	c->kernel[0] = getgid();
	n = getgroups(NGROUPS_MAX, c->kernel + 1);
	if (n == -1)
		return why_errno(why, "getgroups");
	c->nkernel = (size_t)n + 1;
	if (c->name[0] == '\0')
		return ERR_OK;
	n = (int)(sizeof(c->fresh) / sizeof(c->fresh[0]));
	if (getgrouplist(c->name, primary, c->fresh, &n) == -1)
		return why_set(why, ERR_LIMIT, "user %s is in too many groups",
		    c->name);
	c->nfresh = (size_t)n;
	return ERR_OK;
}

void
caller_bind_group(struct policy_group *g)
{
	struct group *gr;

	errno = 0;
	if ((gr = getgrnam(g->name)) != NULL) {
		g->state = GROUP_BOUND;
		g->gid = gr->gr_gid;
	} else if (errno == 0 || errno == ENOENT)
		g->state = GROUP_MISSING;
	else
		g->state = GROUP_ERROR;
}

enum err
caller_mail_ids(const char *owner, const char *group, uid_t *uid, gid_t *gid,
    gid_t *setgid, struct why *why)
{
	struct passwd *pw = getpwnam(owner);
	struct group *gr = getgrnam(group);

	if (pw == NULL || gr == NULL)
		return why_set(why, ERR_NOTFOUND, "no such %s: %s",
		    pw == NULL ? "user" : "group", pw == NULL ? owner : group);
	*uid = pw->pw_uid;
	*gid = pw->pw_gid;
	*setgid = gr->gr_gid;
	return ERR_OK;
}
