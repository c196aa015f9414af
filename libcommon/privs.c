#include <errno.h>
#include <grp.h>
#include <unistd.h>

#include "privs.h"

enum err
privs_group(gid_t gid, struct why *why)
{
	gid_t r, e, s;

	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1)
		return why_errno(why, "cannot set group ids to %lu",
		    (unsigned long)gid);
	if (getresgid(&r, &e, &s) == -1 || r != gid || e != gid || s != gid ||
	    getgroups(0, NULL) != 0)
		return why_set(why, ERR_PRIVILEGE, "group ids did not change");
	return ERR_OK;
}

enum err
privs_user(uid_t uid, struct why *why)
{
	uid_t r, e, s;

	if (setresuid(uid, uid, uid) == -1)
		return why_errno(why, "cannot set user ids to %lu",
		    (unsigned long)uid);
	if (getresuid(&r, &e, &s) == -1 || r != uid || e != uid || s != uid)
		return why_set(why, ERR_PRIVILEGE, "user ids did not change");
	return ERR_OK;
}

enum err
privs_become(uid_t uid, gid_t gid, struct why *why)
{
	enum err e;

	if (uid == 0 || uid == (uid_t)-1 || gid == (gid_t)-1)
		return why_set(why, ERR_BUG, "uid %lu, gid %lu: no account's",
		    (unsigned long)uid, (unsigned long)gid);
	if ((e = privs_group(gid, why)) != ERR_OK ||
	    (e = privs_user(uid, why)) != ERR_OK ||
	    (e = privs_keep(NULL, 0, why)) != ERR_OK)
		return e;
	if (setresuid((uid_t)-1, 0, (uid_t)-1) != -1 ||
	    setresgid((gid_t)-1, 0, (gid_t)-1) != (gid == 0 ? 0 : -1))
		return why_set(why, ERR_PRIVILEGE,
		    "root could be regained after the drop");
	return ERR_OK;
}

enum err
privs_bound(const cap_value_t *caps, size_t n, struct why *why)
{
	cap_value_t c, max = cap_max_bits();
	size_t i;

	for (c = 0; c < max; c++) {
		for (i = 0; i < n && caps[i] != c; i++)
			;
		if (i == n && cap_get_bound(c) == 1 && cap_drop_bound(c) == -1)
			return why_errno(why,
			    "cannot drop capability %d from the bounding set",
			    c);
	}
	return ERR_OK;
}

enum err
privs_keep(const cap_value_t *caps, size_t n, struct why *why)
{
	cap_t want, got;
	enum err e = ERR_OK;

	if (cap_reset_ambient() == -1 && errno != EINVAL)
		return why_errno(why, "cannot clear ambient capabilities");
	if ((want = cap_init()) == NULL)
		return why_errno(why, "cap_init");
	if (n > 0 &&
	    (cap_set_flag(want, CAP_PERMITTED, (int)n, caps, CAP_SET) == -1 ||
		cap_set_flag(want, CAP_EFFECTIVE, (int)n, caps, CAP_SET) == -1))
		e = why_errno(why, "cap_set_flag");
	else if (cap_set_proc(want) == -1)
		e = why_errno(why, "cannot reduce capabilities");
	else if ((got = cap_get_proc()) == NULL)
		e = why_errno(why, "cap_get_proc");
	else {
		if (cap_compare(want, got) != 0)
			e = why_set(why, ERR_PRIVILEGE,
			    "capabilities did not change");
		(void)cap_free(got);
	}
	(void)cap_free(want);
	return e;
}

enum err
privs_have(const cap_value_t *caps, size_t n, struct why *why)
{
	cap_t own = cap_get_proc();
	enum err e = ERR_OK;
	cap_flag_value_t v;
	char *name;
	size_t i;

	if (own == NULL)
		return why_errno(why, "cap_get_proc");
	for (i = 0; i < n && e == ERR_OK; i++) {
		if (cap_get_flag(own, caps[i], CAP_PERMITTED, &v) == 0 &&
		    v == CAP_SET)
			continue;
		name = cap_to_name(caps[i]);
		e = why_set(why, ERR_PRIVILEGE,
		    "capability %s is missing: was it taken away by a "
		    "container, a service's CapabilityBoundingSet= or capsh?",
		    name != NULL ? name : "?");
		(void)cap_free(name);
	}
	(void)cap_free(own);
	return e;
}
