/*
 * swapper USER SECONDS A B [C D...]: as USER exchanges the names A and B, then
 * C and D, ... and back, as fast as it can, until it is terminated or SECONDS
 * have passed.  Prints how many exchanges the kernel made; exit status 1 when
 * there was none, for then nothing was raced.
 *
 * The exchange is atomic: a name that is raced is always one of the two
 * things, never missing.
 */

#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static volatile sig_atomic_t done;

static void
stop(int sig)
{
	(void)sig;
	done = 1;
}

static void
become(const char *user)
{
	const struct passwd *pw = getpwnam(user);

	if (pw == NULL)
		error(2, 0, "no user %s", user);
	if (initgroups(pw->pw_name, pw->pw_gid) != 0 ||
	    setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) != 0 ||
	    setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) != 0)
		error(2, errno, "become %s", user);
	if (pw->pw_uid != 0 && setuid(0) == 0)
		error(2, 0, "root came back");
}

int
main(int argc, char *argv[])
{
	unsigned long swaps = 0;
	int i;

	if (argc < 5 || argc % 2 == 0)
		error(2, 0, "usage: swapper USER SECONDS A B [C D...]");
	become(argv[1]);
	signal(SIGTERM, stop);
	signal(SIGALRM, stop);
	alarm((unsigned)strtoul(argv[2], NULL, 10));
	while (!done)
		for (i = 3; i < argc; i += 2)
			if (renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1],
				RENAME_EXCHANGE) == 0)
				swaps++;
	printf("%lu\n", swaps);
	return swaps == 0;
}
