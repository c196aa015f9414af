#include <errno.h>
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
