/*
 * without CALL[=N] COMMAND [ARGUMENT...]: runs COMMAND where the system call
 * (with N as its first argument) doesn't exist, as on a kernel that was built
 * or booted without it.  As root: set-uid stays in effect.
 */

#include <errno.h>
#include <error.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int
main(int argc, char *argv[])
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);
	struct scmp_arg_cmp first = {0};
	char *n;
	int r;

	if (argc < 3)
		error(2, 0, "usage: without CALL[=N] COMMAND [ARGUMENT...]");
	if ((n = strchr(argv[1], '=')) != NULL) {
		*n++ = '\0';
		first = (struct scmp_arg_cmp){.arg = 0,
		    .op = SCMP_CMP_EQ,
		    .datum_a = (uint32_t)strtoul(n, NULL, 10)};
	}
	r = ctx == NULL ?
	    -ENOMEM :
	    seccomp_rule_add_array(ctx, SCMP_ACT_ERRNO(ENOSYS),
		seccomp_syscall_resolve_name(argv[1]), n != NULL, &first);
	if (r == 0)
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (r == 0)
		r = seccomp_load(ctx);
	if (r != 0)
		error(2, -r, "%s", argv[1]);
	(void)execvp(argv[2], argv + 2);
	error(2, errno, "%s", argv[2]);
}
