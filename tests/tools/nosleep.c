/*
 * Preloaded into Postfix's own programs while they are an oracle (never where
 * daemons run): they sleep one second before each fatal error, and wait until
 * a changed main.cf is two seconds old.  Results stay the same, only sooner.
 */

#include <time.h>
#include <unistd.h>

unsigned int
sleep(unsigned int seconds)
{
	(void)seconds;
	return 0;
}

time_t
time(time_t *out)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	now.tv_sec += 5;
	if (out != NULL)
		*out = now.tv_sec;
	return now.tv_sec;
}
