/*
 * logd [-p] SOCKET FILE: a log daemon for tests.  Binds the datagram SOCKET,
 * goes into the background once it can be written to, and appends every
 * message to FILE, one a line, without its <priority> unless -p says so.  Kill
 * it and there is none.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int
listen_on(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int fd;

	if (strlen(path) >= sizeof(sun.sun_path))
		error(1, 0, "%s: too long", path);
	strcpy(sun.sun_path, path);
	unlink(path);
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		error(1, errno, "socket");
	if (bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    chmod(path, 0666) != 0)
		error(1, errno, "%s", path);
	return fd;
}

/* One line for one message, whatever it contains. */
static size_t
flatten(char *buf, size_t len, bool priority)
{
	size_t i, start = 0;
	char *gt;

	if (!priority && len > 0 && buf[0] == '<' &&
	    (gt = memchr(buf, '>', len)) != NULL)
		start = (size_t)(gt - buf) + 1;
	memmove(buf, buf + start, len - start);
	len -= start;
	while (len > 0 && (buf[len - 1] == '\n' || buf[len - 1] == '\0'))
		len--;
	for (i = 0; i < len; i++)
		if (buf[i] == '\n')
			buf[i] = '|';
	buf[len++] = '\n';
	return len;
}

int
main(int argc, char *argv[])
{
	bool priority = argc > 1 && strcmp(argv[1], "-p") == 0;
	char buf[65536];
	ssize_t n;
	int in, out;

	argc -= priority;
	argv += priority;
	if (argc != 3)
		error(1, 0, "usage: logd [-p] SOCKET FILE");
	in = listen_on(argv[1]);
	out = open(argv[2], O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
	if (out < 0)
		error(1, errno, "%s", argv[2]);
	if (daemon(0, 0) != 0)
		error(1, errno, "daemon");
	while ((n = recv(in, buf, sizeof(buf) - 1, 0)) >= 0)
		if (write(out, buf, flatten(buf, (size_t)n, priority)) < 0)
			return 1;
	return 1;
}
