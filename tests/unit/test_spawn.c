#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <sys/wait.h>
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "spawn.h"

static char buf[4096];
static size_t len;
static int status;
static struct why why;

static enum err
capture(const char *script, size_t size)
{
	const char *argv[] = {"sh", "-c", script, NULL};
	const char *env[] = {"MARK=here", NULL};
	struct spawn s = {.path = "sh",
	    .argv = (char *const *)(size_t)argv,
	    .envp = (char *const *)(size_t)env};

	return spawn_capture(&s, buf, size, &len, &status, &why);
}

static void
test_capture(void **state)
{
	(void)state;
	assert_int_equal(capture("echo $MARK; echo err >&2; exit 3",
			     sizeof(buf)),
	    ERR_OK);
	assert_string_equal(buf, "here\nerr\n");
	assert_int_equal(len, 9);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 3);
	assert_int_equal(capture("read x || echo no input", sizeof(buf)),
	    ERR_OK);
	assert_string_equal(buf, "no input\n");
}

static void
test_capture_is_bounded(void **state)
{
	(void)state;
	assert_int_equal(capture("printf 1234567", 8), ERR_OK);
	assert_int_equal(capture("printf 12345678", 8), ERR_LIMIT);
	assert_int_equal(capture("while :; do echo x; done", 8), ERR_LIMIT);
}

static void
test_missing_program(void **state)
{
	const char *argv[] = {"x", NULL};
	struct spawn s = {.path = "/nonexistent/program",
	    .argv = (char *const *)(size_t)argv,
	    .envp = environ,
	    .fds = {SPAWN_KEEP, SPAWN_KEEP, SPAWN_KEEP}};
	pid_t pid;

	(void)state;
	assert_int_equal(spawn_start(&s, &pid, &why), ERR_SYSTEM);
	assert_int_equal(errno, ENOENT);
	assert_string_equal(why.text,
	    "execvp /nonexistent/program: No such file or directory");
}

/* The two pipes may have been opened as 3 and 4 in the other order. */
static void
test_request_descriptors(void **state)
{
	const char *argv[] = {"sh", "-c", "cat <&3 >&4", NULL};
	struct spawn s = {.path = "sh",
	    .argv = (char *const *)(size_t)argv,
	    .envp = environ,
	    .fds = {SPAWN_NULL, SPAWN_KEEP, SPAWN_KEEP},
	    .has_request = true};
	int in[2], out[2], low;
	pid_t pid;

	(void)state;
	for (low = 0; low < 2; low++) {
		assert_int_equal(pipe2(low ? out : in, O_CLOEXEC), 0);
		assert_int_equal(pipe2(low ? in : out, O_CLOEXEC), 0);
		s.request[0] = in[0];
		s.request[1] = out[1];
		assert_int_equal(spawn_start(&s, &pid, &why), ERR_OK);
		close(in[0]);
		close(out[1]);
		assert_int_equal(write(in[1], "frame", 5), 5);
		close(in[1]);
		assert_int_equal(read(out[0], buf, sizeof(buf)), 5);
		assert_memory_equal(buf, "frame", 5);
		assert_int_equal(read(out[0], buf, sizeof(buf)), 0);
		close(out[0]);
		assert_int_equal(spawn_wait(pid, &status, &why), ERR_OK);
		assert_int_equal(status, 0);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_capture),
	    cmocka_unit_test(test_capture_is_bounded),
	    cmocka_unit_test(test_missing_program),
	    cmocka_unit_test(test_request_descriptors),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
