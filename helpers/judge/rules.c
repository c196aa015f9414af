#include <string.h>
#include <unistd.h>

#include "../channel.h"
#include "judge.h"

/* The policy, and whether it can be used for this caller. */

/* The actor looks names up, for name services need what we don't have. */
static void
bind_groups(struct judge *j, const struct timespec *deadline)
{
	uint32_t msg = MSG_GROUPS;

	judge_put(&msg, sizeof(msg));
	judge_put(j->policy.groups, sizeof(j->policy.groups));
	if (channel_read(JUDGE_FD_IN, &msg, sizeof(msg), deadline) != ERR_OK ||
	    msg != MSG_BOUND ||
	    channel_read(JUDGE_FD_IN, j->policy.groups,
		sizeof(j->policy.groups), deadline) != ERR_OK)
		judge_gone();
}

static enum err
load(struct judge *j, struct why *why)
{
	struct policy_error pe;
	enum err e;
	int dir;

	policy_init(&j->policy);
	e = path_open_dir(PATH_POLICY, true, &dir, why);
	if (e == ERR_NOTFOUND)
		return why_set(why, ERR_DENIED,
		    "%s does not exist: nobody but root is permitted anything",
		    PATH_POLICY);
	if (e != ERR_OK)
		return e;
	e = policy_load(&j->policy, dir, PATH_POLICY, &pe);
	(void)close(dir);
	if (e == ERR_OK || pe.line == 0)
		return e == ERR_OK ?
		    e :
		    why_set(why, e, "%s%s%s", pe.file,
			pe.file[0] != '\0' ? ": " : "", pe.text);
	/* Not what it says: the file may be for root's eyes only. */
	return why_set(why, e,
	    "%s:%u:%u: error in the policy, nobody but root is permitted "
	    "anything: as root run \"postmulti-policy check\"",
	    pe.file, pe.line, pe.column);
}

static bool
has_gid(const gid_t *gids, size_t n, gid_t gid)
{
	while (n > 0 && gids[n - 1] != gid)
		n--;
	return n > 0;
}

static enum err
usable(struct judge *j, struct why *why)
{
	const struct caller *c = j->caller;

	/* A look-up that failed "succeeds" with the primary group alone, and
	 * a deny would be shed: what shows it is the one group that whoever
	 * comes here has. */
	if (c->name[0] != '\0' && has_gid(c->kernel, c->nkernel, c->helpers) &&
	    !has_gid(c->fresh, c->nfresh, c->helpers))
		return why_set(why, ERR_DENIED,
		    "the group database does not list %s in group %s now: "
		    "removed from it, or the name service cannot answer",
		    c->name, SYSTEM_USER);
	if (j->no_landlock && !j->policy.confinement_reduced)
		return why_set(why, ERR_PRIVILEGE,
		    "this kernel has no Landlock: nobody but root is served "
		    "unless the policy says \"confinement reduced\"");
	return policy_usable(&j->policy, why);
}

enum err
rules_read(struct judge *j, const struct timespec *deadline, struct why *why)
{
	enum err e = load(j, why);

	if (j->caller->root) {
		/* Never asked, and not to be locked out by a typing error:
		 * it has to repair it. */
		if (e != ERR_OK)
			policy_init(&j->policy);
		return ERR_OK;
	}
	if (e != ERR_OK)
		return e;
	bind_groups(j, deadline);
	return usable(j, why);
}

/*
 * The policy as it is now, for the second decision.  Groups were bound a
 * moment ago; a name that wasn't can't be looked up any more.
 */
enum err
rules_reread(struct judge *j, struct why *why)
{
	static struct policy_group bound[POLICY_GROUPS];
	size_t n = j->policy.ngroups, i, k;
	enum err e;

	if (j->caller->root)
		return ERR_OK;
	memcpy(bound, j->policy.groups, sizeof(bound));
	if ((e = load(j, why)) != ERR_OK)
		return e;
	for (i = 0; i < j->policy.ngroups; i++) {
		struct policy_group *g = &j->policy.groups[i];

		for (k = 0; k < n && strcmp(bound[k].name, g->name) != 0; k++)
			;
		if (k == n)
			return why_set(why, ERR_BUSY,
			    "the policy was changed meanwhile, run the "
			    "command again");
		g->state = bound[k].state;
		g->gid = bound[k].gid;
	}
	return usable(j, why);
}
