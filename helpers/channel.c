#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "channel.h"
#include "lock.h"

enum err
channel_write(int fd, const void *buf, size_t len)
{
	const char *p = buf;
	ssize_t n;

	for (; len > 0; p += n, len -= (size_t)n) {
		n = write(fd, p, len);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return ERR_SYSTEM;
	}
	return ERR_OK;
}

/*
 * Whether the descriptor blocks is the other side's to change at any time:
 * poll first, and EAGAIN is neither data nor the end.
 */
enum err
channel_read(int fd, void *buf, size_t len, const struct timespec *deadline)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	char *p = buf;
	ssize_t n;
	int left;

	while (len > 0) {
		if ((left = lock_left(deadline)) == 0)
			return ERR_TIMEOUT;
		if (poll(&pfd, 1, left) <= 0)
			continue;
		n = read(fd, p, len);
		if (n == -1 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return ERR_PROTOCOL;
		p += n;
		len -= (size_t)n;
	}
	return ERR_OK;
}

enum err
channel_fork(struct channel *c, pid_t *pid, struct why *why)
{
	int up[2], down[2];

	if (pipe2(up, O_CLOEXEC) == -1 || pipe2(down, O_CLOEXEC) == -1)
		return why_errno(why, "pipe");
	if ((*pid = fork()) == -1)
		return why_errno(why, "fork");
	c->in = *pid == 0 ? down[0] : up[0];
	c->out = *pid == 0 ? up[1] : down[1];
	(void)close(*pid == 0 ? up[0] : up[1]);
	(void)close(*pid == 0 ? down[1] : down[0]);
	return ERR_OK;
}

void
channel_exec(char *const argv[], int *fds, int n, int first)
{
	char *env[] = {NULL};
	int i;

	/* Out of the way, so that none overwrites another. */
	for (i = 0; i < n; i++)
		if (fds[i] != -1 &&
		    (fds[i] = fcntl(fds[i], F_DUPFD, first + n)) == -1)
			_exit(127);
	for (i = 0; i < n; i++)
		if (fds[i] == -1)
			(void)close(first + i);
		else if (dup2(fds[i], first + i) == -1)
			_exit(127);
	if (close_range((unsigned)(first + n), ~0U, 0) == 0)
		(void)execve(argv[0], argv, env);
	_exit(127);
}
