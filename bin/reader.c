#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "privs.h"
#include "reader.h"
#include "record_check.h"
#include "sandbox.h"
#include "spawn.h"

/* Either a sink in this process or a pipe to the launcher. */
struct reader_out {
	reader_sink *sink;
	void *ctx;
	int fd;
};

static const size_t sizes[RECORD_KINDS] = {
    [RECORD_END] = sizeof(struct why),
    [RECORD_HOST] = sizeof(struct host),
    [RECORD_ENTRY] = sizeof(struct entry),
    [RECORD_DEFAULTS] = sizeof(struct defaults),
};

#define HEADER offsetof(struct record, u)

static bool
write_all(int fd, const void *buf, size_t n)
{
	const char *p = buf;
	ssize_t r;

	while (n > 0) {
		r = write(fd, p, n);
		if (r == -1 && errno == EINTR)
			continue;
		if (r == -1)
			return false;
		p += r;
		n -= (size_t)r;
	}
	return true;
}

static enum err
read_all(int fd, void *buf, size_t n)
{
	char *p = buf;
	ssize_t r;

	while (n > 0) {
		r = read(fd, p, n);
		if (r == -1 && errno == EINTR)
			continue;
		if (r <= 0)
			return ERR_PROTOCOL;
		p += r;
		n -= (size_t)r;
	}
	return ERR_OK;
}

void
reader_put(struct reader_out *out, const struct record *r)
{
	if (out->sink != NULL)
		out->sink(out->ctx, r);
	else if (!write_all(out->fd, r, HEADER + sizes[r->kind]))
		_exit(1);
}

/* The child's side.  setsid: what has less power than the terminal's owner
 * must not be able to type into it. */
_Noreturn static void
serve(reader_job *job, const void *arg, bool confined, const struct passwd *pw,
    int fd)
{
	static struct record end;
	struct reader_out out = {.fd = fd};
	struct why *why = &end.u.why;
	enum err e;

	(void)setsid();
	e = privs_become(pw->pw_uid, pw->pw_gid, why);
	if (e == ERR_OK && confined)
		e = sandbox_reader(why);
	if (e == ERR_OK)
		e = job(&out, arg, why);
	end.kind = RECORD_END;
	end.err = e;
	reader_put(&out, &end);
	_exit(0);
}

/* The launcher's side: takes records to the end, believing none unchecked. */
static enum err
receive(int fd, reader_sink *sink, void *ctx, struct why *why)
{
	static struct record r;
	uint32_t entries = 0;

	for (;;) {
		if (read_all(fd, &r, HEADER) != ERR_OK ||
		    r.kind >= RECORD_KINDS ||
		    read_all(fd, &r.u, sizes[r.kind]) != ERR_OK)
			return why_set(why, ERR_PROTOCOL,
			    "the reader ended before it was done");
		if (!record_check(&r, entries))
			return why_set(why, ERR_PROTOCOL,
			    "the reader sent a malformed record");
		if (r.kind == RECORD_END) {
			*why = r.u.why;
			return (enum err)r.err;
		}
		if (r.kind == RECORD_ENTRY)
			entries++;
		sink(ctx, &r);
	}
}

static enum err
run_apart(reader_job *job, const void *arg, bool confined, reader_sink *sink,
    void *ctx, struct why *why)
{
	const struct passwd *pw = getpwnam(SYSTEM_USER);
	int fds[2], status;
	enum err e;
	pid_t pid;

	if (pw == NULL || pw->pw_uid == 0)
		return why_set(why, ERR_PRIVILEGE,
		    "there is no user \"%s\" to read main.cf files as: "
		    "was \"make install\" run?",
		    SYSTEM_USER);
	if (pipe2(fds, O_CLOEXEC) == -1)
		return why_errno(why, "pipe");
	if ((pid = fork()) == 0) {
		(void)close(fds[0]);
		serve(job, arg, confined, pw, fds[1]);
	}
	(void)close(fds[1]);
	if (pid == -1) {
		(void)close(fds[0]);
		return why_errno(why, "fork");
	}
	e = receive(fds[0], sink, ctx, why);
	(void)close(fds[0]);
	(void)kill(pid, SIGKILL);
	(void)spawn_wait(pid, &status, NULL);
	return e;
}

enum err
reader_run(reader_job *job, const void *arg, bool confined, reader_sink *sink,
    void *ctx, struct why *why)
{
	struct reader_out here = {.sink = sink, .ctx = ctx, .fd = -1};

	if (getuid() == 0)
		return run_apart(job, arg, confined, sink, ctx, why);
	return job(&here, arg, why);
}
