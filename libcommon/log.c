#include <sys/socket.h>
#include <sys/un.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>
#define LIBBSD_OPENBSD_VIS
#include <bsd/vis.h>

#include "log.h"

static int sock = -1;
static const char *name = "postmulti";

void
log_open(const char *ident)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	name = ident;
	(void)strlcpy(sun.sun_path, "/dev/log", sizeof(sun.sun_path));
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock != -1 &&
	    connect(sock, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		(void)close(sock);
		sock = -1;
	}
}

int
log_fd(void)
{
	return sock;
}

/* No time stamp: the daemon has the better clock, and RFC 3164 allows it. */
bool
log_line(int priority, const char *fmt, ...)
{
	char line[2048];
	va_list ap;
	int n, m;

	n = snprintf(line, sizeof(line),
	    "<%d>%s[%ld]: ", LOG_AUTHPRIV | priority, name, (long)getpid());
	va_start(ap, fmt);
	m = vsnprintf(line + n, sizeof(line) - (size_t)n, fmt, ap);
	va_end(ap);
	if (m < 0 || sock == -1)
		return false;
	n = n + m < (int)sizeof(line) ? n + m : (int)sizeof(line) - 1;
	return send(sock, line, (size_t)n, MSG_DONTWAIT | MSG_NOSIGNAL) == n;
}

const char *
log_vis(const char *text, char *out, size_t size)
{
	char one[8];
	size_t n = 0, m;

	out[0] = '\0';
	for (; *text != '\0'; text++) {
		m = (size_t)(vis(one, *text,
				 VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_DQ,
				 text[1]) -
		    one);
		if (n + m >= size)
			break;
		memcpy(out + n, one, m);
		n += m;
	}
	out[n] = '\0';
	return out;
}
