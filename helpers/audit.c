#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "audit.h"
#include "log.h"

#define WINDOW       60                       /* seconds */
#define PATH_DENIALS "/run/postmulti-denials" /* for a minute only */

static char id[48], tty[64], loginuid[16];
static struct timespec began;
static unsigned suppressed; /* denials of this uid not written before this */

static void
read_loginuid(void)
{
	int fd = open("/proc/self/loginuid", O_RDONLY | O_CLOEXEC);
	char text[sizeof(loginuid)];
	ssize_t n;

	if (fd == -1)
		return;
	n = read(fd, text, sizeof(text) - 1);
	(void)close(fd);
	if (n <= 0)
		return;
	text[n] = '\0';
	text[strcspn(text, "\n")] = '\0';
	if (strcmp(text, "4294967295") != 0)
		(void)strlcpy(loginuid, text, sizeof(loginuid));
}

void
audit_begin(const struct service *h)
{
	struct timespec now;
	char name[64];
	int fd;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	(void)snprintf(id, sizeof(id), "%lld.%06ld-%ld", (long long)now.tv_sec,
	    now.tv_nsec / 1000, (long)getpid());
	for (fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (ttyname_r(fd, name, sizeof(name)) == 0) {
			(void)strlcpy(tty, name, sizeof(tty));
			break;
		}
	read_loginuid();
	log_open(h->name);
}

/* --- the line ------------------------------------------------------------ */

static long
elapsed_ms(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - began.tv_sec) * 1000 +
	    (now.tv_nsec - began.tv_nsec) / 1000000;
}

static const char *
result_of(enum err e)
{
	return e == ERR_OK  ? "permitted" :
	    e == ERR_DENIED ? "denied" :
			      "failed";
}

/* Which postfix(1) command: root's own words, or the delegate's action. */
static void
words(const struct actor *a, char *out, size_t size)
{
	char **w;

	out[0] = '\0';
	if (a->v.op != OP_POSTFIX || !a->caller->root || a->argv[1] == NULL)
		return;
	for (w = a->argv + 2; *w != NULL; w++) {
		(void)strlcat(out, out[0] != '\0' ? " " : "", size);
		(void)strlcat(out, *w, size);
	}
}

static const char *
action_of(const struct verdict *v)
{
	unsigned action = v->command < ACTION_COUNT ? v->command : v->action;

	return action < ACTION_COUNT ? action_name((enum action)action) :
	    v->op == OP_INIT         ? "init" :
				       "none";
}

static bool
write_line(const struct actor *a, bool done, enum err e, const char *detail)
{
	const struct verdict *v = &a->v;
	const struct op_info *op = op_info(v->op);
	char uid[16], status[16], ms[24], held[16], root[256];
	const struct log_pair pairs[] = {
	    {"event", done ? "done" : "decided"},
	    {"id", id},
	    {"uid", uid},
	    {"user", a->caller->name},
	    {"loginuid", loginuid},
	    {"tty", tty},
	    {"step", op != NULL ? op->name : ""},
	    {"action", action_of(v)},
	    {"instance", v->name},
	    {"directory", v->config.path},
	    {"rule", v->rule},
	    {"result", result_of(e)},
	    {"words", root},
	    {"detail", detail},
	    /* of "done" only: */
	    {"status", status},
	    {"changed", e == ERR_OK && !v->unchanged ? "yes" : "no"},
	    {"duration_ms", ms},
	    {"suppressed", held},
	};

	words(a, root, sizeof(root));
	(void)snprintf(uid, sizeof(uid), "%lu", (unsigned long)a->caller->uid);
	(void)snprintf(status, sizeof(status), "%d",
	    WIFEXITED(a->reply.status) ? WEXITSTATUS(a->reply.status) : 128);
	(void)snprintf(ms, sizeof(ms), "%ld", elapsed_ms());
	(void)snprintf(held, sizeof(held), "%u", suppressed);
	return log_pairs(e == ERR_OK ? LOG_INFO : LOG_NOTICE, pairs,
	    COUNT_OF(pairs) - (done ? 0 : 4));
}

bool
audit_decided(const struct actor *a)
{
	return write_line(a, false, ERR_OK, "");
}

/* --- denials ---------------------------------------------------------------
 */

/*
 * One small file for each uid that was ever denied anything: when its minute
 * began, how many there were, and how many of those weren't written.  Whether
 * this one is to be.
 */
static bool
count_denial(uid_t uid)
{
	struct {
		int64_t start;
		uint32_t count, held;
	} n = {0};
	int64_t now = (int64_t)time(NULL);
	char path[sizeof(PATH_DENIALS) + 16];
	int fd;

	(void)mkdir(PATH_DENIALS, 0700);
	(void)snprintf(path, sizeof(path), "%s/%lu", PATH_DENIALS,
	    (unsigned long)uid);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return true;
	(void)flock(fd, LOCK_EX);
	if (pread(fd, &n, sizeof(n), 0) != sizeof(n) || now < n.start ||
	    now - n.start >= WINDOW) {
		suppressed = n.held;
		n.start = now;
		n.count = n.held = 0;
	}
	n.held += ++n.count > AUDIT_DENIALS;
	/* Rather one line too many than one too few. */
	if (pwrite(fd, &n, sizeof(n), 0) != sizeof(n))
		n.held = 0;
	(void)close(fd);
	return n.held == 0;
}

void
audit_done(const struct actor *a, enum err e, const struct why *why)
{
	const struct verdict *v = &a->v;
	const struct op_info *op = op_info(v->op);
	const char *said = why->text;

	if (e != ERR_OK && !a->acting && !a->caller->root &&
	    !count_denial(a->caller->uid))
		return;
	(void)write_line(a, true, e, e == ERR_OK ? "" : why->text);
	if (op == NULL || helper_reads(a))
		return;
	if (e == ERR_OK)
		said = v->unchanged ? "nothing to do" : "done";
	(void)log_mail(v->syslog_facility, v->syslog_name,
	    e == ERR_OK ? LOG_INFO : LOG_WARNING, "%s: %s of %s by uid %lu: %s",
	    op->name, action_of(v),
	    v->name[0] != '\0' ? v->name : v->config.path,
	    (unsigned long)a->caller->uid, said);
}
