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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "helper.h"

/*
 * THREATS that a started master(8) answers for: measured over start, status,
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

/* --- what is about to be run --------------------------------------------- */

/* Queue and data directories have the owners that postfix-files gives, by
 * stat alone: a swapped one would be root's to work in. */
static enum err
check_tree(struct actor *a, struct why *why)
{
	const struct verdict *v = &a->v;
	struct stat st;
	enum err e;
	uint32_t i;
	int queue;

	if (lstat(v->data.path, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != a->mail_uid || (st.st_mode & 022) != 0)
		return why_set(why, ERR_UNTRUSTED,
		    "%s: must be a directory of %s's, writable by no other",
		    v->data.path, v->mail_owner);
	if ((e = helper_open(a, &v->queue, &queue, why)) != ERR_OK)
		return e;
	for (i = 0; i < v->nentries && e == ERR_OK; i++) {
		const struct entry *en = &v->entries[i];

		if (en->base != BASE_QUEUE || en->name[0] == '\0' ||
		    fstatat(queue, en->name, &st, AT_SYMLINK_NOFOLLOW) == -1)
			continue; /* what is missing postfix(1) makes */
		if (!S_ISDIR(st.st_mode) ||
		    st.st_uid != (en->mail_owned ? a->mail_uid : 0))
			e = why_set(why, ERR_UNTRUSTED,
			    "%s/%s: must be a directory of %s's", v->queue.path,
			    en->name, en->mail_owned ? v->mail_owner : "root");
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

/* Postfix writes to these with root's rights: nothing where a plain write
 * means something. */
static enum err
check_output(int fd, struct why *why)
{
	struct statfs fs;
	struct stat st;

	if (fstat(fd, &st) == -1)
		return open("/dev/null", O_RDWR) == -1 ?
		    why_errno(why, "open /dev/null") :
		    ERR_OK;
	if (S_ISFIFO(st.st_mode) || S_ISSOCK(st.st_mode) || isatty(fd) ||
	    (S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3)))
		return ERR_OK;
	if (S_ISREG(st.st_mode) && fstatfs(fd, &fs) == 0 &&
	    fs.f_type != PROC_SUPER_MAGIC && fs.f_type != SYSFS_MAGIC &&
	    fs.f_type != CGROUP_SUPER_MAGIC && fs.f_type != CGROUP2_SUPER_MAGIC)
		return ERR_OK;
	return why_set(why, ERR_UNTRUSTED,
	    "descriptor %d is neither a terminal, a pipe, a socket, /dev/null "
	    "nor a regular file",
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
	    (e = check_output(STDERR_FILENO, why)) != ERR_OK)
		return e;
	return check_tree(a, why);
}

/* --- running it ---------------------------------------------------------- */

static volatile sig_atomic_t child; /* process or -group to pass signals to */

static void
forward(int sig)
{
	if (child != 0)
		(void)kill((pid_t)child, sig);
}

/* Root's own: everything is as postmulti(1) was given it. */
static _Noreturn void
run_root(const struct actor *a, bool own_group)
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
	if (own_group)
		(void)setpgid(0, 0);
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	/* The front-end's words: argv[1] is "--". */
	argv[0] = program;
	(void)execve(program, argv, env);
	_exit(127);
}

static void
reset_scheduling(void)
{
	static const struct sched_param other;
	cpu_set_t all;
	int fd;

	(void)setpriority(PRIO_PROCESS, 0, 0);
	(void)sched_setscheduler(0, SCHED_OTHER, &other);
	memset(&all, 0xff, sizeof(all));
	(void)sched_setaffinity(0, sizeof(all), &all);
	(void)syscall(SYS_ioprio_set, 1, 0, 0);
	if ((fd = open("/proc/self/oom_score_adj", O_WRONLY)) != -1) {
		(void)dprintf(fd, "0");
		(void)close(fd);
	}
}

/* Limits are the caller's until here; raised as far as we may. */
static void
reset_limits(void)
{
	static const int all[] = {RLIMIT_AS, RLIMIT_CPU, RLIMIT_DATA,
	    RLIMIT_FSIZE, RLIMIT_LOCKS, RLIMIT_MEMLOCK, RLIMIT_MSGQUEUE,
	    RLIMIT_NPROC, RLIMIT_RSS, RLIMIT_SIGPENDING, RLIMIT_STACK};
	struct rlimit lim;
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		lim = (struct rlimit){RLIM_INFINITY, RLIM_INFINITY};
		if (all[i] == RLIMIT_STACK)
			lim.rlim_cur = 8 * 1024 * 1024;
		if (setrlimit(all[i], &lim) == 0 ||
		    getrlimit(all[i], &lim) == -1)
			continue;
		lim.rlim_cur = lim.rlim_max;
		(void)setrlimit(all[i], &lim);
	}
	if (getrlimit(RLIMIT_NOFILE, &lim) == 0) {
		lim.rlim_cur = lim.rlim_max < 4096 ? lim.rlim_max : 4096;
		(void)setrlimit(RLIMIT_NOFILE, &lim);
	}
}

static _Noreturn void
run_delegate(const struct actor *a)
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
	static char lang[] = "LANG=C", c[] = "-c", verbose[] = "-v";
	static char name[] = "postfix", word[32];
	static char dir[PATH_SIZE];
	char *env[] = {path, lang, NULL}, *argv[6];
	struct sigaction dfl = {.sa_handler = SIG_DFL};
	size_t n = 0;
	int sig;

	for (sig = 1; sig < NSIG; sig++)
		(void)sigaction(sig, &dfl, NULL);
	(void)umask(022);
	/* Not the caller's terminal: its ^C must not end root's work. */
	(void)setsid();
	reset_scheduling();
	reset_limits();
	if (a->v.capabilities != CAPABILITIES_FULL &&
	    privs_bound(bounds,
		a->v.capabilities == CAPABILITIES_REDUCED ? BOUNDS_REDUCED :
							    BOUNDS_DEFAULT,
		NULL) != ERR_OK)
		_exit(126);
	(void)snprintf(word, sizeof(word), "%s",
	    action_name((enum action)a->v.command));
	(void)snprintf(dir, sizeof(dir), "%s", a->v.config.path);
	argv[n++] = name;
	argv[n++] = c;
	argv[n++] = dir;
	if (a->v.verbose)
		argv[n++] = verbose;
	argv[n++] = word;
	argv[n] = NULL;
	if (close_range(STDERR_FILENO + 1, ~0U, 0) == 0)
		(void)execve(program, argv, env);
	_exit(127);
}

static enum err
act(struct actor *a, struct why *why)
{
	bool own_group = false;
	int status;
	pid_t pid;

	if (a->caller->root) {
		if (a->argv[1] == NULL || strcmp(a->argv[1], "--") != 0 ||
		    a->argv[2] == NULL)
			return why_set(why, ERR_PROTOCOL,
			    "no words for postfix(1)");
		/* postfix-script runs master(8) as its child. */
		own_group = strcmp(a->argv[2], "start-fg") == 0;
	} else if (a->v.command >= ACTION_COUNT ||
	    !action_is_command((enum action)a->v.command))
		return why_set(why, ERR_BUG, "no command in the verdict");
	switch (pid = fork()) {
	case -1: return why_errno(why, "fork");
	case 0:
		if (a->caller->root)
			run_root(a, own_group);
		run_delegate(a);
	}
	child = own_group ? -pid : pid;
	if (a->caller->root) {
		(void)signal(SIGTERM, forward);
		(void)signal(SIGINT, forward);
		(void)signal(SIGHUP, forward);
	}
	while (waitpid(pid, &status, 0) == -1)
		if (errno != EINTR)
			return why_errno(why, "wait for postfix(1)");
	a->reply.status = status;
	return ERR_OK;
}

int
main(int argc, char **argv)
{
	static const struct service service = {
	    .which = HELPER_EXEC,
	    .name = "postmulti-exec",
	    .caps = caps,
	    .ncaps = sizeof(caps) / sizeof(caps[0]),
	    .prepare = prepare,
	    .act = act,
	};

	return helper_main(&service, argc, argv);
}
