/*
 * swapper USER SECONDS A B [C D...]: as USER exchanges the names A and B, then
 * C and D, ... and back, as fast as it can, until it is terminated or SECONDS
 * have passed.  Says "racing" at the first one, and at the end how many
 * exchanges the kernel made; exit status 1 when there was none, for then
 * nothing was raced.
 *
 * Whoever opens a name a dozen times hardly ever finds the right thing each
 * time when it is there half of the time.  So, by chance, in three of four runs
 * there is a rest whenever all things are where they were: what happens late in
 * a step is raced too.
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
#include <time.h>
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

/* Sleeping would take too long. */
static void
rest(long us)
{
	struct timespec began, now;

	clock_gettime(CLOCK_MONOTONIC, &began);
	do
		clock_gettime(CLOCK_MONOTONIC, &now);
	while (!done &&
	    (now.tv_sec - began.tv_sec) * 1000000 +
		    (now.tv_nsec - began.tv_nsec) / 1000 <
		us);
}

int
main(int argc, char *argv[])
{
	static const long rests[] = {0, 20, 60, 200};
	unsigned long swaps = 0, rounds;
	struct timespec now;
	int i;

	if (argc < 5 || argc % 2 == 0)
		error(2, 0, "usage: swapper USER SECONDS A B [C D...]");
	become(argv[1]);
	signal(SIGTERM, stop);
	signal(SIGALRM, stop);
	alarm((unsigned)strtoul(argv[2], NULL, 10));
	clock_gettime(CLOCK_MONOTONIC, &now);
	for (rounds = 0; !done; rounds++) {
		if (rounds % 2 == 0)
			rest(rests[now.tv_nsec / 1000 % 4]);
		for (i = 3; i < argc; i += 2)
			if (renameat2(AT_FDCWD, argv[i], AT_FDCWD, argv[i + 1],
				RENAME_EXCHANGE) == 0)
				if (swaps++ == 0) {
					puts("racing");
					fflush(stdout);
				}
	}
	printf("%lu\n", swaps);
	return swaps == 0;
}
