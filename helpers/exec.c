/*
 * postmulti-exec: runs postfix(1) for one instance with one permitted command.
 * Privilege: real, effective and saved uid 0, for postfix(1) refuses to run
 * set-uid; for a delegate a bounding set, an environment made from nothing.
 * Refuses: any other program, option or argument from anybody but root.
 *
 * What it execs must not inherit no_new_privs or a filter (setgid postdrop
 * would stop working), so this actor has neither; it is the plain one.
 */

#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "detach.h"
#include "exec.h"
#include "helper.h"

#ifndef CONFIGFS_MAGIC
#define CONFIGFS_MAGIC 0x62656570 /* not in the kernel's headers */
#endif

/*
 * What a started master(8) may have: measured over start, status,
 * submission, delivery, reload, flush, check and stop with chrooted services.
 * The default adds what delivery agents run by pipe(8) commonly need.
 */
static const cap_value_t bounds[] = {CAP_CHOWN, CAP_DAC_READ_SEARCH, CAP_FOWNER,
    CAP_KILL, CAP_SETGID, CAP_SETUID, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT,
    CAP_SYS_RESOURCE,
    /* from here: not in "capabilities reduced" */
    CAP_DAC_OVERRIDE, CAP_FSETID, CAP_AUDIT_WRITE};
#define BOUNDS_REDUCED 9
#define BOUNDS_DEFAULT (sizeof(bounds) / sizeof(bounds[0]))

static const cap_value_t caps[] = {CAP_SETUID, CAP_SETGID, CAP_SETPCAP};

static char program[PATH_SIZE + 16];
static int home = -1; /* what it starts for a delegate belongs there */

/* --- what is about to be run --------------------------------------------- */

/* A delegate's lines in the log aren't sent from the delegate's cgroup: the
 * journal takes so many a minute of one unit.  Root's own words for postfix(1)
 * stand behind "--". */
static void
begin(struct actor *a)
{
	char **w = a->argv + 1;

	if (!a->caller->root && (home = exec_cgroup()) != -1)
		detach_cgroup(getpid());
	if (!a->caller->root || w[0] == NULL || w[1] == NULL)
		return;
	if (w[1][0] != '\0')
		a->command = w[1];
	while (*++w != NULL && !a->cut) {
		(void)strlcat(a->words, a->words[0] != '\0' ? " " : "",
		    sizeof(a->words));
		a->cut =
		    strlcat(a->words, *w, sizeof(a->words)) >= sizeof(a->words);
	}
}

/* Queue and data directories have the owners that postfix-files gives, by
 * stat alone: a swapped one would be root's to work in. */
static enum err
check_tree(struct actor *a, struct why *why)
{
	const struct verdict *v = &a->v;
	char parent[PATH_SIZE];
	const char *name;
	struct stat st;
	enum err e;
	uint32_t i;
	int dir, queue;

	if (!path_is_clean(v->data.path))
		return why_set(why, ERR_BUG, "bad directory in a verdict");
	name = path_split(v->data.path, parent);
	if ((e = path_open_dir(parent, true, &dir, why)) != ERR_OK)
		return e;
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1 ||
	    !S_ISDIR(st.st_mode) || st.st_uid != a->mail_uid ||
	    (st.st_mode & 022) != 0)
		e = why_set(why, ERR_UNTRUSTED,
		    "%s: must be a directory of %s's, writable by no other",
		    v->data.path, v->mail_owner);
	(void)close(dir);
	if (e != ERR_OK)
		return e;
	if ((e = helper_open(a, &v->queue, &queue, why)) != ERR_OK)
		return e;
	for (i = 0; i < v->nentries && e == ERR_OK; i++) {
		const struct entry *en = &v->entries[i];

		if (en->base != BASE_QUEUE || en->name[0] == '\0' ||
		    fstatat(queue, en->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue; /* what is missing postfix(1) makes */
		if (!S_ISDIR(st.st_mode) ||
		    st.st_uid != (en->mail_owned ? a->mail_uid : 0) ||
		    (en->setgid_group && st.st_gid != a->setgid_gid) ||
		    (st.st_mode & 0022 & ~(unsigned)en->mode) != 0)
			e = why_set(why, ERR_UNTRUSTED,
			    "%s/%s: must be a directory of %s's with mode "
			    "%04o: as root run \"postfix set-permissions\"",
			    v->queue.path, en->name,
			    en->mail_owned ? v->mail_owner : "root", en->mode);
	}
	(void)close(queue);
	return e;
}

static enum err
check_program(struct actor *a, struct why *why)
{
	bool trusted = !a->caller->root;
	enum err e;
	int dir, fd;

	(void)snprintf(program, sizeof(program), "%s/postfix",
	    a->v.command_directory);
	e = path_open_dir(a->v.command_directory, trusted, &dir, why);
	if (e != ERR_OK)
		return e;
	e = path_open_file(dir, "postfix", program, trusted, &fd, why);
	(void)close(dir);
	if (e == ERR_OK)
		(void)close(fd);
	return e;
}

/*
 * Postfix writes to these with root's rights, and may open them again by
 * /dev/stdout: nothing that the caller couldn't write itself, and nothing
 * where a plain write means something.
 */
static enum err
check_output(int fd, struct why *why)
{
	int flags = fcntl(fd, F_GETFL), domain = -1;
	socklen_t len = sizeof(domain);
	struct statfs fs;
	struct stat st;

	if (flags == -1) /* closed: put something harmless there */
		return open("/dev/null", O_RDWR) == fd ?
		    ERR_OK :
		    why_errno(why, "open /dev/null");
	if (fstat(fd, &st) == -1)
		return why_errno(why, "descriptor %d", fd);
	/* glibc opens this one for a closed descriptor, whichever way. */
	if (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3))
		return ERR_OK;
	if ((flags & O_PATH) != 0 || (flags & O_ACCMODE) == O_RDONLY)
		return why_set(why, ERR_UNTRUSTED,
		    "descriptor %d is not open for writing", fd);
	if (S_ISFIFO(st.st_mode) || isatty(fd) ||
	    (S_ISSOCK(st.st_mode) &&
		getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
		domain == AF_UNIX))
		return ERR_OK;
	if (S_ISREG(st.st_mode) && fstatfs(fd, &fs) == 0 &&
	    fs.f_type != PROC_SUPER_MAGIC && fs.f_type != SYSFS_MAGIC &&
	    fs.f_type != CGROUP_SUPER_MAGIC &&
	    fs.f_type != CGROUP2_SUPER_MAGIC && fs.f_type != DEBUGFS_MAGIC &&
	    fs.f_type != TRACEFS_MAGIC && fs.f_type != SECURITYFS_MAGIC &&
	    fs.f_type != SELINUX_MAGIC && fs.f_type != CONFIGFS_MAGIC &&
	    fs.f_type != BPF_FS_MAGIC)
		return ERR_OK;
	return why_set(why, ERR_UNTRUSTED,
	    "descriptor %d is neither a terminal, a pipe, a local socket, "
	    "/dev/null nor a regular file",
	    fd);
}

static enum err
prepare(struct actor *a, struct why *why)
{
	enum err e;
	int fd, null;

	if ((e = check_program(a, why)) != ERR_OK ||
	    (e = helper_open(a, &a->v.config, &fd, why)) != ERR_OK)
		return e;
	(void)close(fd);
	if (a->caller->root)
		return ERR_OK;
	if ((null = open("/dev/null", O_RDWR)) == -1 ||
	    dup2(null, STDIN_FILENO) == -1)
		return why_errno(why, "open /dev/null");
	if (null > STDERR_FILENO)
		(void)close(null);
	if ((e = check_output(STDOUT_FILENO, why)) != ERR_OK ||
	    (e = check_output(STDERR_FILENO, why)) != ERR_OK ||
	    (e = exec_raise_limits(why)) != ERR_OK)
		return e;
	return check_tree(a, why);
}

/* --- running it ---------------------------------------------------------- */

static sigset_t awaited; /* blocked: signals are waited for, not caught */
static bool foreground;  /* start-fg: master(8) isn't left behind */

/* Root's own: everything is as postmulti(1) was given it. */
static _Noreturn void
run_root(const struct actor *a)
{
	struct sigaction act = {.sa_handler = SIG_IGN};
	char **env = a->startup->environ, **argv = a->argv;
	int sig;

	for (sig = 1; sig < NSIG; sig++) {
		act.sa_handler = sigismember(&a->startup->ignored, sig) == 1 ?
		    SIG_IGN :
		    SIG_DFL;
		(void)sigaction(sig, &act, NULL);
	}
	(void)sigprocmask(SIG_SETMASK, &a->startup->blocked, NULL);
	(void)umask(a->startup->umask);
	/* A terminal's ^C is for us, who pass it to master(8) alone. */
	if (foreground)
		(void)setpgid(0, 0);
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	/* The front-end's words: argv[1] is "--". */
	argv[0] = program;
	/* The reply is ours alone to write. */
	if (close_range(STDERR_FILENO + 1, ~0U, 0) == 0)
		(void)execve(program, argv, env);
	_exit(127);
}

static _Noreturn void
run_delegate(const struct actor *a)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char lang[] = "LANG=C", c[] = "-c", verbose[] = "-v";
	static char name[] = "postfix", word[32];
	static char dir[PATH_SIZE];
	char *env[] = {path, lang, NULL}, *argv[6] = {name, c, dir};
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	size_t n = 3;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL);
	(void)sigprocmask(SIG_UNBLOCK, &awaited, NULL);
	(void)umask(022);
	/* Not the caller's terminal: its ^C must not end root's work. */
	(void)setsid();
	exec_reset_state();
	/* execve(2) gives uid 0 what is in the bounding set, and what is
	 * inheritable besides: the caller's, until we keep none. */
	if ((a->v.capabilities != CAPABILITIES_FULL &&
		privs_bound(bounds,
		    a->v.capabilities == CAPABILITIES_REDUCED ? BOUNDS_REDUCED :
								BOUNDS_DEFAULT,
		    NULL) != ERR_OK) ||
	    privs_keep(NULL, 0, NULL) != ERR_OK)
		_exit(126);
	(void)snprintf(word, sizeof(word), "%s",
	    action_name((enum action)a->v.command));
	(void)snprintf(dir, sizeof(dir), "%s", a->v.config.path);
	if (a->v.verbose)
		argv[n++] = verbose;
	argv[n] = word;
	if (close_range(STDERR_FILENO + 1, ~0U, 0) == 0)
		(void)execve(program, argv, env);
	_exit(127);
}

/* Below start-fg's script, who leads a session is master(8). */
static void
signal_master(pid_t script, int sig)
{
	char path[48], text[256], *p = text, *end;
	long pid;

	(void)snprintf(path, sizeof(path), "/proc/%d/task/%d/children",
	    (int)script, (int)script);
	path_proc(path, text, sizeof(text));
	for (; (pid = strtol(p, &end, 10)) > 0; p = end)
		if (getsid((pid_t)pid) == pid)
			(void)kill((pid_t)pid, sig);
}

/*
 * What postmulti(1) passes on goes to postfix(1), or to the master(8) that
 * start-fg has in the foreground: asked to end until it does, for there may
 * be none yet.
 */
static enum err
wait_for(pid_t pid, int *status, struct why *why)
{
	static const struct timespec second = {.tv_sec = 1};
	int sig, ending = 0;
	pid_t ended;

	while ((ended = waitpid(pid, status, WNOHANG)) == 0) {
		sig =
		    sigtimedwait(&awaited, NULL, ending != 0 ? &second : NULL);
		if (sig == -1 && errno == EAGAIN)
			sig = ending;
		if (sig == -1 || sig == SIGCHLD)
			continue;
		if (!foreground) {
			(void)kill(pid, sig);
			continue;
		}
		if (sig != SIGHUP)
			ending = sig;
		signal_master(pid, sig);
	}
	return ended == pid ? ERR_OK : why_errno(why, "wait for postfix(1)");
}

static enum err
act(struct actor *a, struct why *why)
{
	int status = 0;
	enum err e;
	pid_t pid;

	(void)sigemptyset(&awaited);
	(void)sigaddset(&awaited, SIGCHLD);
	if (a->caller->root) {
		if (a->argv[1] == NULL || strcmp(a->argv[1], "--") != 0 ||
		    a->argv[2] == NULL)
			return why_set(why, ERR_PROTOCOL,
			    "no words for postfix(1)");
		foreground = strcmp(a->argv[2], "start-fg") == 0;
		if (a->v.unfinished &&
		    (foreground || strcmp(a->argv[2], "start") == 0))
			return why_set(why, ERR_STATE, "%s", a->v.error);
		(void)sigaddset(&awaited, SIGTERM);
		(void)sigaddset(&awaited, SIGINT);
		(void)sigaddset(&awaited, SIGHUP);
	} else if (a->v.command >= ACTION_COUNT ||
	    !action_is_command((enum action)a->v.command))
		return why_set(why, ERR_BUG, "no command in the verdict");
	else if (home != -1 && write(home, "0", 1) != 1)
		return why_errno(why, "cannot return to the control group");
	(void)sigprocmask(SIG_BLOCK, &awaited, NULL);
	switch (pid = fork()) {
	case -1: return why_errno(why, "fork");
	case 0:
		if (a->caller->root)
			run_root(a);
		run_delegate(a);
	}
	e = wait_for(pid, &status, why);
	if (home != -1)
		detach_cgroup(getpid());
	a->reply.status = status;
	return e;
}

static actor_fn *const acts[OP_COUNT] = {[OP_POSTFIX] = act};

int
main(int argc, char **argv)
{
	static const struct service service = {
	    .name = "postmulti-exec",
	    .caps = caps,
	    .ncaps = sizeof(caps) / sizeof(caps[0]),
	    .begin = begin,
	    .prepare = prepare,
	    .acts = acts,
	};

	return helper_main(&service, argc, argv);
}
