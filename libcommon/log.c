#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>
#define LIBBSD_OPENBSD_VIS
#include <bsd/vis.h>

#include "log.h"

#define SEND_SECONDS 1 /* for room: anybody may fill the socket */

static int sock = -1;
static int dontwait; /* MSG_DONTWAIT once that was in vain */
static bool journal;
static const char *program = "postmulti";

static bool
connect_to(const char *path)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};

	(void)strlcpy(sun.sun_path, path, sizeof(sun.sun_path));
	return connect(sock, (struct sockaddr *)&sun, sizeof(sun)) == 0;
}

void
log_open(const char *ident)
{
	static const struct timeval wait = {.tv_sec = SEND_SECONDS};

	program = ident;
	sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (sock == -1)
		return;
	journal = connect_to("/run/systemd/journal/socket");
	if ((!journal && !connect_to("/dev/log")) ||
	    setsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof(wait)) ==
		-1) {
		(void)close(sock);
		sock = -1;
	}
}

static const char *
encode(const char *text, char *out, size_t size, int flags)
{
	char one[8];
	size_t n = 0, m;

	out[0] = '\0';
	for (; *text != '\0'; text++) {
		m = (size_t)(vis(one, *text, flags, text[1]) - one);
		if (n + m >= size)
			break;
		memcpy(out + n, one, m);
		n += m;
	}
	out[n] = '\0';
	return out;
}

const char *
log_vis(const char *text, char *out, size_t size)
{
	return encode(text, out, size,
	    VIS_CSTYLE | VIS_OCTAL | VIS_NL | VIS_TAB | VIS_DQ);
}

const char *
log_plain(const char *text, char *out, size_t size)
{
	return encode(text, out, size,
	    VIS_CSTYLE | VIS_OCTAL | VIS_NL | VIS_TAB);
}

/* more: fields for the journal, "NAME=value\n" each. */
static bool
deliver(int facility, const char *ident, int priority, const char *text,
    const char *more)
{
	char line[14336];
	int n;

	if (!journal) /* no time stamp: the daemon has the better clock */
		n = snprintf(line, sizeof(line), "<%d>%s[%ld]: %s",
		    facility | priority, ident, (long)getpid(), text);
	else
		n = snprintf(line, sizeof(line),
		    "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_FACILITY=%d\n"
		    "SYSLOG_IDENTIFIER=%s\nSYSLOG_PID=%ld\n%s",
		    text, priority, facility >> 3, ident, (long)getpid(), more);
	if (n < 0 || sock == -1)
		return false;
	if ((size_t)n >= sizeof(line))
		n = (int)sizeof(line) - 1;
	if (send(sock, line, (size_t)n, dontwait | MSG_NOSIGNAL) == n)
		return true;
	if (errno == EAGAIN)
		dontwait = MSG_DONTWAIT;
	return false;
}

bool
log_pairs(int priority, const struct log_pair *p, size_t n)
{
	char text[6656] = "", more[7168] = "", value[1024], key[32], one[1100];
	size_t i, k;

	for (; n > 0; n--, p++) {
		if (p->value[0] == '\0')
			continue;
		(void)log_vis(p->value, value, sizeof(value));
		(void)snprintf(one, sizeof(one),
		    strchr(value, ' ') != NULL ? "%s%s=\"%s\"" : "%s%s=%s",
		    text[0] != '\0' ? " " : "", p->key, value);
		(void)strlcat(text, one, sizeof(text));
		for (k = strlen(p->key), i = 0; i <= k && i < 31; i++)
			key[i] = (char)toupper((unsigned char)p->key[i]);
		key[31] = '\0';
		(void)snprintf(one, sizeof(one), "POSTMULTI_%s=%s\n", key,
		    value);
		(void)strlcat(more, one, sizeof(more));
	}
	return deliver(LOG_AUTHPRIV, program, priority, text, more);
}

bool
log_mail(int facility, const char *name, int priority, const char *fmt, ...)
{
	char text[1024], clean[1024], tag[128], ident[256];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	(void)log_plain(name[0] != '\0' ? name : "postfix", tag, sizeof(tag));
	(void)snprintf(ident, sizeof(ident), "%s/%s", tag, program);
	return deliver(facility, ident, priority,
	    log_plain(text, clean, sizeof(clean)), "");
}
