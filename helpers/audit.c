#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "audit.h"
#include "detach.h"
#include "log.h"
#include "privs.h"

#define WINDOW       60                       /* seconds */
#define PATH_DENIALS "/run/postmulti-denials" /* for a minute only */

static char id[48], tty[32], loginuid[16];
static struct timespec began;
static bool counted;        /* from here on, for a minute */
static unsigned suppressed; /* denials of this uid not written before this */

/* The controlling terminal, wherever the caller's descriptors lead. */
static void
read_tty(void)
{
	char stat[512], *p;
	unsigned dev = 0;

	/* Between parentheses there is what the caller called us. */
	path_proc("/proc/self/stat", stat, sizeof(stat));
	if ((p = strrchr(stat, ')')) == NULL ||
	    sscanf(p, ") %*c %*d %*d %*d %u", &dev) != 1 || dev == 0)
		return;
	if (major(dev) == 136)
		(void)snprintf(tty, sizeof(tty), "/dev/pts/%u", minor(dev));
	else
		(void)snprintf(tty, sizeof(tty), "/dev/char/%u:%u", major(dev),
		    minor(dev));
}

void
audit_begin(const struct service *h)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)clock_gettime(CLOCK_MONOTONIC, &began);
	(void)snprintf(id, sizeof(id), "%lld.%06ld-%ld", (long long)now.tv_sec,
	    now.tv_nsec / 1000, (long)getpid());
	read_tty();
	path_proc("/proc/self/loginuid", loginuid, sizeof(loginuid));
	if (strcmp(loginuid, "4294967295") == 0)
		loginuid[0] = '\0';
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

static int
status_of(const struct actor *a)
{
	return WIFEXITED(a->reply.status) ? WEXITSTATUS(a->reply.status) : 128;
}

const char *
audit_action(const struct actor *a)
{
	uint32_t action =
	    a->v.command < ACTION_COUNT ? a->v.command : a->v.action;

	if (a->command != NULL)
		return a->command;
	return action < ACTION_COUNT ? action_name((enum action)action) :
	    a->v.op == OP_INIT       ? "init" :
				       "none";
}

static bool
write_line(const struct actor *a, bool done, enum err e, const char *detail)
{
	const struct verdict *v = &a->v;
	const struct op_info *op = op_info(v->op);
	char uid[16], status[16], ms[24], held[16];
	const struct log_pair pairs[] = {
	    {"event", done ? "done" : "decided"},
	    {"id", id},
	    {"uid", uid},
	    {"user", a->caller->name},
	    {"loginuid", loginuid},
	    {"tty", tty},
	    {"step", op != NULL ? op->name : ""},
	    {"action", audit_action(a)},
	    {"instance", v->name},
	    {"group", v->group},
	    {"directory", v->config.path},
	    {"new_name", v->new_name},
	    {"new_group", v->new_group},
	    {"rule", v->rule},
	    {"result",
		e == ERR_OK         ? "permitted" :
		    e == ERR_DENIED ? "denied" :
				      "failed"},
	    {"words", a->words},
	    {"cut", a->cut ? "words" : ""},
	    {"detail", detail},
	    /* of "done" only: */
	    {"status", status},
	    {"changed", e == ERR_OK && !v->unchanged ? "yes" : "no"},
	    {"duration_ms", ms},
	    {"suppressed", held},
	    {"further", counted ? "counted" : ""},
	};

	(void)snprintf(uid, sizeof(uid), "%lu", (unsigned long)a->caller->uid);
	(void)snprintf(status, sizeof(status), "%d", status_of(a));
	(void)snprintf(ms, sizeof(ms), "%ld", elapsed_ms());
	(void)snprintf(held, sizeof(held), "%u", suppressed);
	return log_pairs(e == ERR_OK ? LOG_INFO : LOG_NOTICE, pairs,
	    COUNT_OF(pairs) - (done ? 0 : 5));
}

bool
audit_decided(const struct actor *a)
{
	return write_line(a, false, ERR_OK, "");
}

/* --- denials ------------------------------------------------------------ */

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
	int fd, tries = 100;

	/* The journal takes so many lines a minute of one unit, and what the
	 * caller's session sends besides would leave no room for ours. */
	detach_cgroup(getpid());
	(void)mkdir(PATH_DENIALS, 0700);
	(void)snprintf(path, sizeof(path), PATH_DENIALS "/%u", uid);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return true;
	/* Its holder isn't the caller's to stop, but may be frozen. */
	while (flock(fd, LOCK_EX | LOCK_NB) == -1 && tries-- > 0)
		(void)usleep(1000);
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
	counted = n.count == AUDIT_DENIALS;
	return n.held == 0;
}

void
audit_done(const struct actor *a, enum err e, const struct why *why)
{
	const struct verdict *v = &a->v;
	const struct op_info *op = op_info(v->op);
	char said[sizeof(why->text)] = "nothing to do";

	/* From here on the caller can neither stop nor end us; and the journal
	 * notes a sender's real uid. */
	if (e != ERR_OK && !a->acting && !a->caller->root &&
	    privs_user(0, NULL) == ERR_OK && !count_denial(a->caller->uid))
		return;
	if (e != ERR_OK)
		(void)strlcpy(said, why->text, sizeof(said));
	else if (!v->unchanged)
		(void)snprintf(said, sizeof(said),
		    status_of(a) == 0 ? "done" : "exit status %d",
		    status_of(a));
	(void)write_line(a, true, e, e == ERR_OK ? "" : said);
	if (op == NULL || helper_reads(a))
		return;
	(void)log_mail((int)v->syslog_facility, v->syslog_name,
	    e == ERR_OK ? LOG_INFO : LOG_WARNING,
	    "%s: %.64s of %s by uid %u: %s", op->name, audit_action(a),
	    *v->name != '\0' ? v->name : v->config.path, a->caller->uid, said);
}
