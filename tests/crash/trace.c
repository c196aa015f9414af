#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/openat2.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "trace.h"

#define PROCS 256

struct proc {
	pid_t pid;
	char who[24];
	char program[32];
	bool known;    /* its parent's fork was seen, or it is the first */
	bool waits;    /* stopped until then */
	bool counting; /* start-up is over */
	bool arming;   /* is in the call that ends it */
	bool failing;  /* is in a call that is to fail */
	bool looks;    /* its last call was only a look */
	bool locks;    /* it has locked something */
	unsigned children, calls;
	struct user_regs_struct regs;
};

static struct proc procs[PROCS];
static size_t nprocs;
static const struct trace *plan;
static struct result *result;
static unsigned counter;
static bool done; /* what was to be done */

/* --- which calls --------------------------------------------------------- */

static const struct {
	long nr;
	const char *name;
	enum call_class class;
	int dir, path, fd; /* arguments, -1 for none */
} table[] = {
    {SYS_write, "write", CALL_WRITE, -1, -1, 0},
    {SYS_pwrite64, "pwrite", CALL_WRITE, -1, -1, 0},
    {SYS_writev, "writev", CALL_WRITE, -1, -1, 0},
    {SYS_sendto, "sendto", CALL_SEND, -1, -1, 0},
    {SYS_open, "open", CALL_OPEN, -1, 0, -1},
    {SYS_openat, "openat", CALL_OPEN, 0, 1, -1},
    {SYS_openat2, "openat2", CALL_OPEN, 0, 1, -1},
    {SYS_mkdir, "mkdir", CALL_MKDIR, -1, 0, -1},
    {SYS_mkdirat, "mkdirat", CALL_MKDIR, 0, 1, -1},
    {SYS_rename, "rename", CALL_RENAME, -1, 1, -1},
    {SYS_renameat, "renameat", CALL_RENAME, 2, 3, -1},
    {SYS_renameat2, "renameat2", CALL_RENAME, 2, 3, -1},
    {SYS_unlink, "unlink", CALL_UNLINK, -1, 0, -1},
    {SYS_unlinkat, "unlinkat", CALL_UNLINK, 0, 1, -1},
    {SYS_rmdir, "rmdir", CALL_UNLINK, -1, 0, -1},
    {SYS_chown, "chown", CALL_CHANGE, -1, 0, -1},
    {SYS_fchown, "fchown", CALL_CHANGE, -1, -1, 0},
    {SYS_fchownat, "fchownat", CALL_CHANGE, 0, 1, -1},
    {SYS_chmod, "chmod", CALL_CHANGE, -1, 0, -1},
    {SYS_fchmod, "fchmod", CALL_CHANGE, -1, -1, 0},
    {SYS_fchmodat, "fchmodat", CALL_CHANGE, 0, 1, -1},
    {SYS_ftruncate, "ftruncate", CALL_CHANGE, -1, -1, 0},
    {SYS_fsetxattr, "fsetxattr", CALL_CHANGE, -1, -1, 0},
    {SYS_fsync, "fsync", CALL_SYNC, -1, -1, 0},
    {SYS_fdatasync, "fdatasync", CALL_SYNC, -1, -1, 0},
    {SYS_flock, "flock", CALL_LOCK, -1, -1, 0},
    {SYS_read, "read", CALL_READ, -1, -1, 0},
    {SYS_getdents64, "getdents64", CALL_READ, -1, -1, 0},
    /* Named only. */
    {SYS_close, "close", CALL_OTHER, -1, -1, 0},
    {SYS_newfstatat, "newfstatat", CALL_LOOK, 0, 1, -1},
    {SYS_fstat, "fstat", CALL_LOOK, -1, -1, 0},
    {SYS_readlinkat, "readlinkat", CALL_LOOK, 0, 1, -1},
    {SYS_fgetxattr, "fgetxattr", CALL_LOOK, -1, -1, 0},
    {SYS_lseek, "lseek", CALL_LOOK, -1, -1, 0},
    {SYS_getpid, "getpid", CALL_LOOK, -1, -1, -1},
    {SYS_getuid, "getuid", CALL_LOOK, -1, -1, -1},
    {SYS_getresuid, "getresuid", CALL_LOOK, -1, -1, -1},
    {SYS_brk, "brk", CALL_LOOK, -1, -1, -1},
    {SYS_mmap, "mmap", CALL_LOOK, -1, -1, -1},
    {SYS_munmap, "munmap", CALL_LOOK, -1, -1, -1},
    {SYS_mremap, "mremap", CALL_LOOK, -1, -1, -1},
    {SYS_fcntl, "fcntl", CALL_LOOK, -1, -1, 0},
    {SYS_poll, "poll", CALL_OTHER, -1, -1, -1},
    {SYS_vfork, "vfork", CALL_OTHER, -1, -1, -1},
    {SYS_clone, "clone", CALL_OTHER, -1, -1, -1},
    {SYS_execve, "execve", CALL_OTHER, -1, 0, -1},
    {SYS_wait4, "wait4", CALL_OTHER, -1, -1, -1},
    {SYS_pipe2, "pipe2", CALL_OTHER, -1, -1, -1},
    {SYS_exit_group, "exit_group", CALL_OTHER, -1, -1, -1},
};

static int
find_call(unsigned long long nr)
{
	size_t i;

	for (i = 0; i < sizeof(table) / sizeof(table[0]); i++)
		if ((unsigned long long)table[i].nr == nr)
			return (int)i;
	return -1;
}

static bool changes_files(enum call_class class)
{
	return class >= CALL_CREATE && class <= CALL_CHANGE;
}

static bool
peek(pid_t pid, unsigned long long at, void *buf, size_t len)
{
	struct iovec here = {buf, len}, there = {(void *)at, len};

	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)len;
}

static void
peek_string(pid_t pid, unsigned long long at, char *buf, size_t size)
{
	size_t i;

	/* At once, if there is so much after it. */
	if (peek(pid, at, buf, size)) {
		buf[size - 1] = '\0';
		return;
	}
	for (i = 0; i + 1 < size; i++)
		if (!peek(pid, at + i, buf + i, 1) || buf[i] == '\0')
			break;
	buf[i] = '\0';
}

static enum call_class
class_of(const struct proc *p, int i, const __u64 *args)
{
	struct open_how how = {0};

	if (i == -1)
		return CALL_OTHER;
	if (table[i].nr == SYS_open)
		how.flags = args[1];
	else if (table[i].nr == SYS_openat)
		how.flags = args[2];
	else if (table[i].nr == SYS_openat2)
		(void)peek(p->pid, args[2], &how, sizeof(how.flags));
	return (how.flags & (O_CREAT | O_TRUNC)) != 0 ? CALL_CREATE :
							table[i].class;
}

/* Where a descriptor leads, without what differs from run to run. */
static void
name_fd(pid_t pid, int fd, char *out, size_t size)
{
	char link[64];
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%d/fd/%d", (int)pid, fd);
	n = readlink(link, out, size - 1);
	out[n > 0 ? n : 0] = '\0';
	if (strncmp(out, "pipe:", 5) == 0 || strncmp(out, "socket:", 7) == 0)
		*strchr(out, ':') = '\0';
	else if (strncmp(out, "/memfd:", 7) == 0)
		(void)snprintf(out, size, "output");
}

static void
describe(const struct proc *p, int i, const struct ptrace_syscall_info *info,
    struct call *c)
{
	char dir[128] = "", path[128] = "";

	if (i == -1) {
		(void)snprintf(c->text, sizeof(c->text), "%s call %llu",
		    p->program, info->entry.nr);
		return;
	}
	if (table[i].fd != -1)
		name_fd(p->pid, (int)info->entry.args[table[i].fd], dir,
		    sizeof(dir));
	if (table[i].path != -1)
		peek_string(p->pid, info->entry.args[table[i].path], path,
		    sizeof(path));
	if (table[i].dir != -1 && path[0] != '/' &&
	    (int)info->entry.args[table[i].dir] != AT_FDCWD)
		name_fd(p->pid, (int)info->entry.args[table[i].dir], dir,
		    sizeof(dir));
	(void)snprintf(c->text, sizeof(c->text), "%s %s %s%s%s", p->program,
	    table[i].name, dir, dir[0] != '\0' && path[0] != '\0' ? "/" : "",
	    path);
}

/*
 * A look: nothing that it does can be seen from outside of the process.  To be
 * killed at it or at the call that follows is all the same to everybody else.
 */
static bool
only_looks(const struct proc *p, int i, const struct ptrace_syscall_info *info,
    enum call_class class)
{
	char name[64];

	if (class == CALL_LOOK || class == CALL_OPEN)
		return true;
	if (i == -1 || p->locks ||
	    (class != CALL_READ && table[i].nr != SYS_close))
		return false;
	name_fd(p->pid, (int)info->entry.args[0], name, sizeof(name));
	return name[0] == '/';
}

/* --- processes ----------------------------------------------------------- */

static struct proc *
find_proc(pid_t pid)
{
	size_t i;

	for (i = 0; i < nprocs; i++)
		if (procs[i].pid == pid)
			return &procs[i];
	if (nprocs == PROCS)
		error(1, 0, "more than %d processes", PROCS);
	procs[nprocs] = (struct proc){.pid = pid};
	return &procs[nprocs++];
}

static void
kill_all(void)
{
	size_t i;

	for (i = 0; i < nprocs; i++)
		if (procs[i].pid != 0)
			(void)kill(procs[i].pid, SIGKILL);
}

static void
go_on(const struct proc *p, int sig)
{
	/* After the deed only births and ends are of interest. */
	bool calls = !done || p->failing;

	/* ESRCH: killed meanwhile, as its end will tell. */
	if (ptrace(calls ? PTRACE_SYSCALL : PTRACE_CONT, p->pid, NULL,
		(long)sig) == -1 &&
	    errno != ESRCH)
		error(1, errno, "ptrace");
}

static void
is_born(struct proc *parent, pid_t pid)
{
	struct proc *p = find_proc(pid);

	(void)snprintf(p->who, sizeof(p->who), "%.20s.%u", parent->who,
	    ++parent->children % 100);
	(void)strcpy(p->program, parent->program);
	p->counting = parent->counting;
	p->known = true;
	if (p->waits)
		go_on(p, 0);
}

static void
has_execed(struct proc *p)
{
	char link[64], path[256];
	const char *name;
	ssize_t n;

	(void)snprintf(link, sizeof(link), "/proc/%d/exe", (int)p->pid);
	n = readlink(link, path, sizeof(path) - 1);
	path[n > 0 ? n : 0] = '\0';
	name = strrchr(path, '/');
	(void)snprintf(p->program, sizeof(p->program), "%.31s",
	    name != NULL ? name + 1 : "?");
	p->counting = p->arming = false;
}

/* --- calls --------------------------------------------------------------- */

static bool
is_ours(const struct proc *p)
{
	return strncmp(p->program, "postmulti", 9) == 0;
}

/* Whether this call, when it succeeds, ends the start-up. */
static bool
ends_start(const struct proc *p, const struct ptrace_syscall_info *info)
{
	if (strcmp(p->program, "postmulti") == 0)
		return info->entry.nr == SYS_umask;
	return info->entry.nr == SYS_seccomp &&
	    info->entry.args[0] == SECCOMP_SET_MODE_FILTER;
}

static void
keep(const struct call *c)
{
	if (result->ncalls == result->room) {
		result->room = result->room == 0 ? 1024 : result->room * 2;
		result->calls = reallocarray(result->calls, result->room,
		    sizeof(*result->calls));
		if (result->calls == NULL)
			error(1, errno, "memory");
	}
	result->calls[result->ncalls++] = *c;
}

/*
 * The number becomes that of close(2), of no descriptor: it is in every
 * filter, without a rule about its argument.
 */
static void
fail_call(struct proc *p)
{
	struct user_regs_struct regs;

	if (ptrace(PTRACE_GETREGS, p->pid, NULL, &p->regs) == -1)
		error(1, errno, "PTRACE_GETREGS");
	regs = p->regs;
	regs.orig_rax = SYS_close;
	regs.rdi = (unsigned long)-1;
	if (ptrace(PTRACE_SETREGS, p->pid, NULL, &regs) == -1)
		error(1, errno, "PTRACE_SETREGS");
	p->failing = true;
}

static void
end_failed(struct proc *p)
{
	p->regs.rax = (unsigned long)-plan->error;
	if (ptrace(PTRACE_SETREGS, p->pid, NULL, &p->regs) == -1)
		error(1, errno, "PTRACE_SETREGS");
	p->failing = false;
}

static void
reached(struct proc *p, const struct call *c)
{
	done = result->reached = true;
	result->call = *c;
	switch (plan->what) {
	case TRACE_KILL_ONE: (void)kill(p->pid, SIGKILL); break;
	case TRACE_KILL_TREE: kill_all(); break;
	case TRACE_FAIL: fail_call(p); break;
	default: break;
	}
}

static void
enters(struct proc *p, const struct ptrace_syscall_info *info)
{
	int i = find_call(info->entry.nr);
	struct call c = {.nth = 0};
	bool looked;

	if (!p->counting && ends_start(p, info))
		p->arming = true;
	if (!is_ours(p) || done)
		return;
	c.class = class_of(p, i, info->entry.args);
	if (!p->counting && !changes_files(c.class))
		return;
	result->all++;
	looked = p->looks;
	p->looks = only_looks(p, i, info, c.class);
	p->locks |= c.class == CALL_LOCK;
	if (!plan->looks && looked && p->looks)
		return;
	counter++;
	c.nth = ++p->calls;
	(void)strcpy(c.who, p->who);
	if (plan->what == TRACE_COUNT) {
		describe(p, i, info, &c);
		keep(&c);
		if (plan->watch != NULL && !plan->watch(&c))
			done = true;
	} else if (plan->k != 0 ?
		plan->k == counter :
		plan->at.nth == c.nth && strcmp(plan->at.who, p->who) == 0) {
		describe(p, i, info, &c);
		reached(p, &c);
	}
}

static void
leaves(struct proc *p, const struct ptrace_syscall_info *info)
{
	if (p->failing)
		end_failed(p);
	if (p->arming && !info->exit.is_error)
		p->counting = true;
	p->arming = false;
}

static void
at_call(struct proc *p)
{
	struct ptrace_syscall_info info;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, p->pid, sizeof(info), &info) == -1)
		return; /* killed meanwhile */
	if (info.op == PTRACE_SYSCALL_INFO_ENTRY)
		enters(p, &info);
	else if (info.op == PTRACE_SYSCALL_INFO_EXIT)
		leaves(p, &info);
}

static void
stopped(struct proc *p, int status)
{
	int sig = WSTOPSIG(status), event = status >> 16;
	unsigned long pid;

	if (!p->known) {
		p->waits = true;
		return;
	}
	if (sig == (SIGTRAP | 0x80))
		at_call(p);
	else if (event == PTRACE_EVENT_EXEC)
		has_execed(p);
	else if (event != 0) {
		if (ptrace(PTRACE_GETEVENTMSG, p->pid, NULL, &pid) == 0)
			is_born(p, (pid_t)pid);
	} else if (sig != SIGSTOP) {
		go_on(p, sig);
		return;
	}
	go_on(p, 0);
}

/* --- a run --------------------------------------------------------------- */

static volatile sig_atomic_t late;

static void
on_alarm(int sig)
{
	(void)sig;
	late = 1;
}

/* Until nobody is left. */
static void
follow(pid_t first)
{
	int status;
	pid_t pid;

	for (;;) {
		pid = waitpid(-1, &status, __WALL);
		if (pid == -1 && errno == ECHILD)
			return;
		if (pid == -1 && errno != EINTR)
			error(1, errno, "waitpid");
		if (late && !result->hung) {
			result->hung = done = true;
			kill_all();
		}
		if (pid == -1)
			continue;
		if (WIFSTOPPED(status)) {
			struct proc *p = find_proc(pid);

			/* Born while everything was being killed. */
			if (result->hung ||
			    (done && plan->what == TRACE_KILL_TREE))
				(void)kill(pid, SIGKILL);
			else
				stopped(p, status);
			continue;
		}
		if (pid == first)
			result->status = WIFSIGNALED(status) ?
			    128 + WTERMSIG(status) :
			    WEXITSTATUS(status);
		find_proc(pid)->pid = 0;
	}
}

static _Noreturn void
child(const struct passwd *pw, char *const argv[], int out, int err)
{
	static char path[] = "PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/bin";
	static char lang[] = "LC_ALL=C";
	char *env[] = {path, lang, NULL};
	int null = open("/dev/null", O_RDONLY);

	/* While we are root: whose tracing it is decides about set-uid. */
	if (plan->what != TRACE_NOT &&
	    (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == -1 ||
		raise(SIGSTOP) != 0))
		error(126, errno, "PTRACE_TRACEME");
	if (dup2(null, 0) == -1 || dup2(out, 1) == -1 || dup2(err, 2) == -1 ||
	    close_range(3, ~0U, 0) == -1 || chdir("/") == -1)
		error(126, errno, "descriptors");
	if (pw != NULL &&
	    (initgroups(pw->pw_name, pw->pw_gid) == -1 ||
		setresgid(pw->pw_gid, pw->pw_gid, pw->pw_gid) == -1 ||
		setresuid(pw->pw_uid, pw->pw_uid, pw->pw_uid) == -1 ||
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) == -1 || setuid(0) == 0))
		error(126, errno, "become %s", pw->pw_name);
	(void)execve(argv[0], argv, env);
	error(127, errno, "%s", argv[0]);
	_exit(127);
}

static void
begin_tracing(pid_t pid)
{
	const long options = PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD |
	    PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE |
	    PTRACE_O_TRACEEXEC;
	struct proc *p = find_proc(pid);
	int status;

	if (waitpid(pid, &status, __WALL) != pid || !WIFSTOPPED(status) ||
	    ptrace(PTRACE_SETOPTIONS, pid, NULL, options) == -1)
		error(1, errno, "PTRACE_SETOPTIONS");
	(void)strcpy(p->who, "0");
	p->known = true;
	go_on(p, 0);
}

static int
memory_file(void)
{
	int fd = memfd_create("output", MFD_CLOEXEC);

	if (fd == -1)
		error(1, errno, "memfd_create");
	return fd;
}

static void
collect(int fd, char *buf, size_t size)
{
	ssize_t n = pread(fd, buf, size - 1, 0);

	buf[n > 0 ? n : 0] = '\0';
	(void)close(fd);
}

void
trace_run(const char *user, char *const argv[], const struct trace *t,
    struct result *r)
{
	static const struct sigaction act = {.sa_handler = on_alarm};
	const struct passwd *pw = NULL;
	int out = memory_file(), err = memory_file();
	pid_t pid;

	memset(r, 0, sizeof(*r));
	plan = t;
	result = r;
	counter = 0;
	nprocs = 0;
	done = false;
	late = 0;
	if (user != NULL && (pw = getpwnam(user)) == NULL)
		error(1, 0, "no user %s", user);
	(void)sigaction(SIGALRM, &act, NULL);
	(void)alarm(t->seconds != 0 ? t->seconds : 20);
	if ((pid = fork()) == 0)
		child(pw, argv, out, err);
	if (pid == -1)
		error(1, errno, "fork");
	if (t->what != TRACE_NOT)
		begin_tracing(pid);
	else
		find_proc(pid)->known = true;
	follow(pid);
	(void)alarm(0);
	collect(out, r->out, sizeof(r->out));
	collect(err, r->err, sizeof(r->err));
}

void
trace_stay_here(void)
{
	int cpu = sched_getcpu();
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu == -1 ? 0 : cpu, &set);
	(void)sched_setaffinity(0, sizeof(set), &set);
}
