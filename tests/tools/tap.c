/*
 * tap SOCKET FILE: a log daemon that keeps everything.  Binds the datagram
 * SOCKET, goes into the background, and appends each message to FILE as one
 * line: the sender's uid as the kernel gives it, a blank, and the bytes, those
 * that aren't printable ASCII, and backslashes, as \xHH.
 *
 * With "-" for FILE nothing is ever read, and the socket is filled.
 */

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <errno.h>
#include <error.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static struct sockaddr_un sun = {.sun_family = AF_UNIX};

static int
listen_on(const char *path)
{
	int fd, on = 1;

	if (strlen(path) >= sizeof(sun.sun_path))
		error(1, 0, "%s: too long", path);
	strcpy(sun.sun_path, path);
	unlink(path);
	if ((fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
		error(1, errno, "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0 ||
	    chmod(path, 0666) != 0)
		error(1, errno, "%s", path);
	return fd;
}

static void
fill(void)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&sun, sizeof(sun)) != 0)
		error(1, errno, "connect");
	while (send(fd, "x", 1, MSG_DONTWAIT) == 1)
		;
	if (errno != EAGAIN)
		error(1, errno, "send");
}

static ssize_t
receive(int fd, char *buf, size_t size, uid_t *uid)
{
	union {
		char bytes[CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {buf, size};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = control.bytes,
	    .msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	struct ucred cred;
	ssize_t n = recvmsg(fd, &msg, 0);

	*uid = (uid_t)-1;
	for (c = CMSG_FIRSTHDR(&msg); c != NULL; c = CMSG_NXTHDR(&msg, c))
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&cred, CMSG_DATA(c), sizeof(cred));
			*uid = cred.uid;
		}
	return n;
}

static void
keep(FILE *out, uid_t uid, const char *buf, ssize_t n)
{
	ssize_t i;

	fprintf(out, "%lu ", (unsigned long)uid);
	for (i = 0; i < n; i++)
		if (buf[i] >= 0x20 && buf[i] < 0x7f && buf[i] != '\\')
			putc(buf[i], out);
		else
			fprintf(out, "\\x%02x", (unsigned char)buf[i]);
	putc('\n', out);
	fflush(out);
}

int
main(int argc, char *argv[])
{
	static char buf[65536];
	FILE *out = NULL;
	uid_t uid;
	ssize_t n;
	int in;

	if (argc != 3)
		error(1, 0, "usage: tap SOCKET FILE|-");
	in = listen_on(argv[1]);
	if (strcmp(argv[2], "-") == 0)
		fill();
	else if ((out = fopen(argv[2], "a")) == NULL)
		error(1, errno, "%s", argv[2]);
	if (daemon(0, 0) != 0)
		error(1, errno, "daemon");
	while (out == NULL)
		pause();
	while ((n = receive(in, buf, sizeof(buf), &uid)) >= 0)
		keep(out, uid, buf, n);
	return 1;
}
