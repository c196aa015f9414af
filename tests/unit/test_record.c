#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "lock.h"
#include "log.h"
#include "record.h"

/* Records, locks and log lines: what is on disk or in a line stays what it
 * was, whatever is in the values. */

static char dir[] = "/tmp/postmulti-record.XXXXXX";
static int dirfd_ = -1;

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
	return dirfd_ == -1 ? -1 : 0;
}

static int
remove_dir(void **state)
{
	(void)state;
	(void)unlinkat(dirfd_, "main.cf.tmp", 0);
	(void)close(dirfd_);
	return rmdir(dir);
}

static struct record
sample(void)
{
	struct record r = {
	    .action = ACTION_DESTROY,
	    .uid = 20001,
	    .time = 1795420000,
	    .name = "postfix-a:b",
	    .group = "g/h",
	    .config = {.dev = 7, .ino = 8, .path = "/etc/postfix-a:b"},
	    .queue = {.path = "/var/spool/postfix-a:b"},
	};

	return r;
}

static void
skip_unless_root(void)
{
	if (getuid() != 0) {
		print_message("SKIP: records and locks are root's\n");
		skip();
	}
}

static void
test_round_trip(void **state)
{
	struct record in = sample(), out;
	struct why why;

	(void)state;
	skip_unless_root();
	assert_int_equal(record_write(dirfd_, &in, &why), ERR_OK);
	assert_int_equal(record_read(dirfd_, in.config.path, &out, &why),
	    ERR_OK);
	assert_memory_equal(&in.config, &out.config, sizeof(in.config));
	assert_string_equal(out.name, in.name);
	assert_string_equal(out.group, in.group);
	assert_string_equal(out.data.path, "");
	assert_int_equal(out.action, in.action);
	assert_int_equal(out.done, 0);
	in.done = 1;
	in.name[0] = in.group[0] = '\0';
	assert_int_equal(record_write(dirfd_, &in, &why), ERR_OK);
	assert_int_equal(record_read(dirfd_, in.config.path, &out, &why),
	    ERR_OK);
	assert_int_equal(out.done, 1);
	assert_string_equal(out.name, "");
	assert_int_equal(record_remove(dirfd_, in.config.path, &why), ERR_OK);
	assert_int_equal(record_read(dirfd_, in.config.path, &out, &why),
	    ERR_NOTFOUND);
}

/* Every cut and every changed byte is either refused or still well-formed. */
static void
test_damage(void **state)
{
	struct record in = sample(), out;
	char text[2048], name[PATH_SIZE];
	struct why why;
	ssize_t len, i;
	int fd;

	(void)state;
	skip_unless_root();
	assert_int_equal(record_write(dirfd_, &in, &why), ERR_OK);
	record_file_name(in.config.path, name);
	fd = openat(dirfd_, name, O_RDWR);
	len = read(fd, text, sizeof(text));
	assert_true(len > 100);
	for (i = 0; i < len - 1; i++) {
		assert_int_equal(ftruncate(fd, i), 0);
		assert_int_equal(record_read(dirfd_, in.config.path, &out,
				     &why),
		    ERR_SYNTAX);
		assert_int_equal(pwrite(fd, text, (size_t)len, 0), len);
	}
	for (i = 0; i < len; i++) {
		assert_int_equal(pwrite(fd, "\001", 1, i), 1);
		if (record_read(dirfd_, in.config.path, &out, &why) == ERR_OK)
			fail_msg("byte %zd may be anything", i);
		assert_int_equal(pwrite(fd, text + i, 1, i), 1);
	}
	(void)close(fd);
	assert_int_equal(record_remove(dirfd_, in.config.path, &why), ERR_OK);
}

static void
test_lock(void **state)
{
	struct timespec now = lock_deadline(0);
	struct why why;
	struct stat st;
	int a, b;

	(void)state;
	skip_unless_root();
	assert_int_equal(lock_take(dirfd_, "main.cf.tmp", "x", false, &now, &a,
			     &why),
	    ERR_OK);
	assert_int_equal(lock_take(dirfd_, "main.cf.tmp", "x", false, &now, &b,
			     &why),
	    ERR_BUSY);
	assert_int_equal(fstat(a, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	(void)close(a);
	/* Left over with other modes, links, types: never used as it is. */
	assert_int_equal(fchmodat(dirfd_, "main.cf.tmp", 0644, 0), 0);
	now = lock_deadline(5);
	assert_int_equal(lock_take(dirfd_, "main.cf.tmp", "x", false, &now, &b,
			     &why),
	    ERR_OK);
	assert_int_equal(fstat(b, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	(void)close(b);
	assert_int_equal(unlinkat(dirfd_, "main.cf.tmp", 0), 0);
	assert_int_equal(symlinkat("/etc/hostname", dirfd_, "main.cf.tmp"), 0);
	assert_int_equal(lock_take(dirfd_, "main.cf.tmp", "x", false, &now, &b,
			     &why),
	    ERR_OK);
	assert_int_equal(fstatat(dirfd_, "main.cf.tmp", &st,
			     AT_SYMLINK_NOFOLLOW),
	    0);
	assert_true(S_ISREG(st.st_mode));
	(void)close(b);
}

/* No byte can end a line or a quoted value. */
static void
test_encoding(void **state)
{
	char in[256], out[2048];
	int c;

	(void)state;
	for (c = 1; c < 256; c++)
		in[c - 1] = (char)c;
	in[255] = '\0';
	(void)log_vis(in, out, sizeof(out));
	assert_true(strlen(out) > 255);
	for (c = 0; out[c] != '\0'; c++) {
		assert_true(out[c] >= ' ' && out[c] <= '~');
		if (out[c] == '"')
			assert_int_equal(out[c - 1], '\\');
	}
	(void)log_vis("\n\n\n\n", out, 6);
	assert_string_equal(out, "\\n\\n");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_damage),
	    cmocka_unit_test(test_lock),
	    cmocka_unit_test(test_encoding),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
