#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "spawn.h"

/* Above every descriptor that the child is to have, so that putting one in
 * its place can't overwrite another. */
#define OUT_OF_THE_WAY 10

/* Puts from[i] at descriptor first + i.  Child only. */
static bool
place(const int *from, int n, int first)
{
	int i, tmp[3];

	for (i = 0; i < n; i++) {
		tmp[i] = from[i];
		if (from[i] == SPAWN_NULL)
			tmp[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (from[i] != SPAWN_KEEP)
			tmp[i] = fcntl(tmp[i], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
		if (from[i] != SPAWN_KEEP && tmp[i] == -1)
			return false;
	}
	for (i = 0; i < n; i++)
		if (from[i] != SPAWN_KEEP && dup2(tmp[i], first + i) == -1)
			return false;
	return true;
}

/* Until the exec this shares the parent's memory: it changes nothing there
 * but the error. */
static void
child(const struct spawn *s, volatile int *error)
{
	/* Descriptors 0-2 may be what the request's were opened as. */
	if ((!s->has_request || place(s->request, 2, 3)) && place(s->fds, 3, 0))
		(void)execvpe(s->path, s->argv, s->envp);
	*error = errno;
	_exit(127);
}

enum err
spawn_wait(pid_t pid, int *status, struct why *why)
{
	pid_t r;

	do
		r = waitpid(pid, status, 0);
	while (r == -1 && errno == EINTR);
	return r == pid ? ERR_OK : why_errno(why, "wait for a child");
}

enum err
spawn_start(const struct spawn *s, pid_t *pid, struct why *why)
{
	volatile int error = 0;
	pid_t new;
	int status;

	/* A thousand of these are started by one -x, and fork(2) would copy
	 * our page tables for each; posix_spawn(3) doesn't give a script
	 * without an interpreter line to sh, as execvp(3) does. */
	new = vfork(); /* NOLINT(clang-analyzer-security.insecureAPI.vfork) */
	if (new == 0)
		child(s, &error); /* NOLINT(clang-analyzer-unix.Vfork) */
	*pid = new;
	if (new == -1)
		return why_errno(why, "fork %s", s->path);
	if (error == 0)
		return ERR_OK;
	(void)spawn_wait(*pid, &status, NULL);
	errno = error;
	(void)why_errno(why, "execvp %s", s->path);
	errno = error;
	return ERR_SYSTEM;
}

/* Reads to the end of file, or until buf is full. */
static enum err
drain(int fd, const char *label, char *buf, size_t size, size_t *len,
    struct why *why)
{
	ssize_t n;

	for (*len = 0; *len < size; *len += (size_t)n) {
		n = read(fd, buf + *len, size - *len);
		if (n == 0) {
			buf[*len] = '\0';
			return ERR_OK;
		}
		if (n == -1 && errno != EINTR)
			return why_errno(why, "read from %s", label);
		if (n == -1)
			n = 0;
	}
	return why_set(why, ERR_LIMIT, "%s: prints more than %zu bytes", label,
	    size - 1);
}

enum err
spawn_capture(const struct spawn *template, char *buf, size_t size, size_t *len,
    int *status, struct why *why)
{
	struct spawn s = *template;
	enum err e, waited;
	int out[2];
	pid_t pid;

	if (pipe2(out, O_CLOEXEC) == -1)
		return why_errno(why, "pipe");
	s.fds[0] = SPAWN_NULL;
	s.fds[1] = s.fds[2] = out[1];
	e = spawn_start(&s, &pid, why);
	(void)close(out[1]);
	if (e != ERR_OK) {
		(void)close(out[0]);
		return e;
	}
	e = drain(out[0], s.path, buf, size, len, why);
	(void)close(out[0]);
	if (e != ERR_OK)
		(void)kill(pid, SIGKILL);
	waited = spawn_wait(pid, status, e == ERR_OK ? why : NULL);
	return e != ERR_OK ? e : waited;
}
