/*
 * asuser USER COMMAND [ARGUMENT...]: becomes USER for good and runs COMMAND.
 *
 * For tests only.  setpriv(1) and the like keep root's capabilities until
 * their execve, with which a stranger could run a file of mode 4754; here the
 * ids change first, so execve is decided as for a login of that user.
 */

#include <sys/prctl.h>
#include <errno.h>
#include <error.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <unistd.h>

static void
become(const struct passwd *pw)
{
	uid_t r, e, s;

	if (initgroups(pw->pw_name, pw->pw_gid) != 0)
		error(126, errno, "initgroups %s", pw->pw_name);
	if (setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0)
		error(126, errno, "setresgid %s", pw->pw_name);
	if (setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		error(126, errno, "setresuid %s", pw->pw_name);
	if (getresuid(&r, &e, &s) != 0 || r != pw->pw_uid || e != r || s != r)
		error(126, 0, "still not %s", pw->pw_name);
	if (pw->pw_uid != 0 && setuid(0) == 0)
		error(126, 0, "root came back");
	/* Changing ids made us undumpable: /proc/self would be root's, and
	 * tests that use it would do nothing, silently. */
	if (prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) != 0)
		error(126, errno, "prctl");
}

int
main(int argc, char *argv[])
{
	struct passwd *pw;

	if (argc < 3)
		error(126, 0, "usage: asuser USER COMMAND [ARGUMENT...]");
	if ((pw = getpwnam(argv[1])) == NULL)
		error(126, 0, "no user %s", argv[1]);
	become(pw);
	if (chdir("/") != 0 || setenv("USER", pw->pw_name, 1) != 0 ||
	    setenv("LOGNAME", pw->pw_name, 1) != 0 ||
	    setenv("HOME", pw->pw_dir, 1) != 0)
		error(126, errno, "%s", pw->pw_name);
	execvp(argv[2], argv + 2);
	error(127, errno, "%s", argv[2]);
}
