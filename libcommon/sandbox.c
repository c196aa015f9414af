#include <sys/prctl.h>
#include <sys/syscall.h>
#include <errno.h>
#include <linux/landlock.h>
#include <unistd.h>

#include <seccomp.h>

#include "sandbox.h"

/* Newer than the oldest kernel header we build with. */
#ifndef LANDLOCK_ACCESS_FS_REFER
#define LANDLOCK_ACCESS_FS_REFER (1ULL << 13)
#endif
#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

enum err
sandbox_calls(const struct sandbox_call *calls, size_t n, struct why *why)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	struct scmp_arg_cmp cmp[2];
	unsigned ncmp, w;
	int r = 0;
	size_t i;

	if (ctx == NULL)
		return why_set(why, ERR_SYSTEM, "seccomp_init failed");
	for (i = 0; i < n && r == 0; i++) {
		ncmp = 0;
		for (w = 0; w < 2; w++)
			if (calls[i].when[w].mask != 0)
				cmp[ncmp++] = SCMP_CMP64(calls[i].when[w].arg,
				    SCMP_CMP_MASKED_EQ, calls[i].when[w].mask,
				    calls[i].when[w].value);
		r = seccomp_rule_add_array(ctx, SCMP_ACT_ALLOW, calls[i].nr,
		    ncmp, cmp);
	}
	if (r == 0)
		r = seccomp_load(ctx);
	seccomp_release(ctx);
	if (r == 0)
		return ERR_OK;
	errno = -r;
	return why_errno(why,
	    "cannot load a seccomp filter: was the kernel built without it?");
}

_Static_assert(SANDBOX_READ ==
	    (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR) &&
	SANDBOX_WRITE ==
	    (LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE |
		LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE) &&
	SANDBOX_MKDIR == LANDLOCK_ACCESS_FS_MAKE_DIR &&
	SANDBOX_RMDIR == LANDLOCK_ACCESS_FS_REMOVE_DIR &&
	SANDBOX_UNLINK == LANDLOCK_ACCESS_FS_REMOVE_FILE,
    "linux/landlock.h");

int
sandbox_landlock(void)
{
	long abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);

	return abi > 0 ? (int)abi : 0;
}

enum err
sandbox_dirs(const struct sandbox_dir *dirs, size_t n, struct why *why)
{
	struct landlock_ruleset_attr all = {0};
	struct landlock_path_beneath_attr rule;
	enum err e = ERR_OK;
	int abi = sandbox_landlock(), set;
	size_t i;

	if (abi < 1)
		return why_set(why, ERR_STATE,
		    "this kernel has no Landlock (Linux 5.13 or newer, "
		    "\"landlock\" in the lsm= list)");
	all.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
	if (abi >= 2)
		all.handled_access_fs |= LANDLOCK_ACCESS_FS_REFER;
	if (abi >= 3)
		all.handled_access_fs |= LANDLOCK_ACCESS_FS_TRUNCATE;
	if (abi >= 5)
		all.handled_access_fs |= LANDLOCK_ACCESS_FS_IOCTL_DEV;
	set = (int)syscall(SYS_landlock_create_ruleset, &all,
	    sizeof(all.handled_access_fs), 0);
	if (set == -1)
		return why_errno(why, "landlock_create_ruleset");
	for (i = 0; i < n && e == ERR_OK; i++) {
		if (dirs[i].fd == -1)
			continue;
		rule.allowed_access = dirs[i].may & all.handled_access_fs;
		rule.parent_fd = dirs[i].fd;
		if (syscall(SYS_landlock_add_rule, set,
			LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == -1)
			e = why_errno(why, "landlock_add_rule");
	}
	if (e == ERR_OK &&
	    (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1 ||
		syscall(SYS_landlock_restrict_self, set, 0) == -1))
		e = why_errno(why, "landlock_restrict_self");
	(void)close(set);
	return e;
}
