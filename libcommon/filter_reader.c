#include <sys/syscall.h>
#include <fcntl.h>
#include <unistd.h>

#include "sandbox.h"

/* The reader reads main.cf files and writes records: memory, files it can
 * open for reading, and the pipe it has. */
static const struct sandbox_call calls[] = {
    {.nr = SYS_read, .reason = "files"},
    {.nr = SYS_write, .reason = "the pipe to the launcher"},
    {.nr = SYS_close, .reason = "files"},
    {.nr = SYS_openat2, .reason = "files and directories"},
    {.nr = SYS_openat,
	.when = {SANDBOX_BITS(2, O_ACCMODE | O_CREAT)},
	.reason = "files, for reading"},
    {.nr = SYS_newfstatat, .reason = "files"},
    {.nr = SYS_fstat, .reason = "files"},
    {.nr = SYS_lseek, .reason = "files"},
    {.nr = SYS_getdents64, .reason = "directories"},
    {.nr = SYS_brk, .reason = "malloc(3)"},
    {.nr = SYS_mmap,
	.when = {SANDBOX_BITS(2, 4)},
	.reason = "malloc(3), never executable"},
    {.nr = SYS_munmap, .reason = "malloc(3)"},
    {.nr = SYS_mremap, .reason = "realloc(3)"},
    {.nr = SYS_getpid, .reason = "harmless"},
    {.nr = SYS_clock_gettime, .reason = "where the vDSO has none"},
    {.nr = SYS_rt_sigreturn, .reason = "signal handlers"},
    {.nr = SYS_exit_group, .reason = "the end"},
};

enum err
sandbox_reader(struct why *why)
{
	struct sandbox_dir root = {.may = SANDBOX_READ};
	enum err e;

	root.fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root.fd == -1)
		return why_errno(why, "open /");
	e = sandbox_dirs(&root, 1, why);
	(void)close(root.fd);
	/* For root nothing is gained or lost by an older kernel. */
	if (e != ERR_OK && e != ERR_STATE)
		return e;
	return sandbox_calls(calls, sizeof(calls) / sizeof(calls[0]), why);
}
