#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "policy.h"
#include "proto.h"

/* frame_check() and reply_check(): the first thing that looks at a caller's
 * bytes. */

static struct frame
valid(enum op op)
{
	const struct op_info *info = op_info(op);
	struct frame f = {.version = PROTO_VERSION, .op = op};

	if ((info->fields & FIELD_SEL) != 0)
		(void)snprintf(f.sel.name, NAME_SIZE, "postfix-a");
	if ((info->fields & FIELD_NAMES) != 0)
		(void)snprintf(f.name, NAME_SIZE, "postfix-b");
	if ((info->fields & FIELD_COMMAND) != 0)
		f.command = ACTION_START + 1;
	return f;
}

static enum err
check(const struct frame *f, int root)
{
	struct why why;

	return frame_check(f, op_info(f->op)->helper, root, &why);
}

static void
test_every_operation(void **state)
{
	unsigned op;

	(void)state;
	for (op = OP_NONE + 1; op < OP_COUNT; op++) {
		struct frame f = valid((enum op)op);

		assert_int_equal(check(&f, 0), ERR_OK);
		assert_int_equal(check(&f, 1), ERR_OK);
	}
	assert_null(op_info(OP_NONE));
	assert_null(op_info(OP_COUNT));
}

/* Any single byte set anywhere in a frame that may not use it is refused. */
static void
test_stray_bytes(void **state)
{
	const size_t used = offsetof(struct frame, pad);
	unsigned refused = 0, op;
	struct why why;
	size_t i;

	(void)state;
	for (op = OP_NONE + 1; op < OP_COUNT; op++) {
		for (i = 0; i < sizeof(struct frame); i++) {
			struct frame f = valid((enum op)op);
			enum err e;

			if (((unsigned char *)&f)[i] != 0)
				continue;
			((unsigned char *)&f)[i] = 0x80;
			e = frame_check(&f, op_info(op)->helper, 0, &why);
			if (i >= used)
				assert_int_equal(e, ERR_PROTOCOL);
			refused += e == ERR_PROTOCOL;
		}
	}
	/* Only the free numbers (dev, ino, index, lock_timeout) may hold it. */
	assert_true(refused > (OP_COUNT - 1) * (PROTO_SIZE - 64));
}

static void
test_wrong_helper_version_operation(void **state)
{
	struct frame f = valid(OP_ENABLE);
	struct why why;

	(void)state;
	assert_int_equal(frame_check(&f, HELPER_DIRS, 1, &why), ERR_PROTOCOL);
	f.version++;
	assert_int_equal(frame_check(&f, HELPER_CONFIG, 1, &why), ERR_PROTOCOL);
	assert_non_null(strstr(why.text, "version"));
	f = valid(OP_ENABLE);
	f.op = OP_COUNT;
	assert_int_equal(frame_check(&f, HELPER_CONFIG, 1, &why), ERR_PROTOCOL);
}

static void
test_roots_fields(void **state)
{
	struct frame f = valid(OP_MAKE);

	(void)state;
	(void)snprintf(f.config, PATH_SIZE, "/etc/postfix-b");
	assert_int_equal(check(&f, 1), ERR_OK);
	assert_int_equal(check(&f, 0), ERR_PROTOCOL);
	f = valid(OP_ENABLE);
	memset(&f.sel, 0, sizeof(f.sel));
	(void)snprintf(f.sel.dir, PATH_SIZE, "/etc/postfix-b");
	assert_int_equal(check(&f, 1), ERR_OK);
	assert_int_equal(check(&f, 0), ERR_PROTOCOL);
	f = valid(OP_POSTFIX);
	f.command = 0;
	assert_int_equal(check(&f, 1), ERR_OK);
	assert_int_equal(check(&f, 0), ERR_PROTOCOL);
}

static void
test_names(void **state)
{
	static const char *const bad[] = {"postfix", "postfix-a b",
	    "postfix-a\n", "postfix-#", "postfix-$x", "postfix-{a}",
	    "postfix-a,b", "-postfix-a", ".postfix-a", "postfix-\xc3\xa4",
	    "postfix-a/b", "postfix-../x", "a"};
	static const char *const roots[] = {
	    "postfix-a:b", "postfix-a@b", "postfix-!%+="};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct frame f = valid(OP_MAKE);

		memset(f.name, 0, sizeof(f.name));
		(void)snprintf(f.name, NAME_SIZE, "%s", bad[i]);
		assert_int_equal(check(&f, 0), ERR_PROTOCOL);
		assert_int_equal(check(&f, 1), ERR_PROTOCOL);
	}
	for (i = 0; i < sizeof(roots) / sizeof(roots[0]); i++) {
		struct frame f = valid(OP_MAKE);

		memset(f.name, 0, sizeof(f.name));
		(void)snprintf(f.name, NAME_SIZE, "%s", roots[i]);
		assert_int_equal(check(&f, 0), ERR_PROTOCOL);
		assert_int_equal(check(&f, 1), ERR_OK);
	}
}

static void
test_selector_forms(void **state)
{
	struct frame f = valid(OP_ENABLE);

	(void)state;
	f.sel.ino = 5; /* name and inode */
	assert_int_equal(check(&f, 0), ERR_PROTOCOL);
	memset(&f.sel, 0, sizeof(f.sel)); /* nothing at all */
	assert_int_equal(check(&f, 0), ERR_PROTOCOL);
	f.sel.dev = 1;
	f.sel.ino = 5;
	assert_int_equal(check(&f, 0), ERR_OK);
	f = valid(OP_REGISTER);
	f.place = PLACE_BEFORE; /* before what? */
	assert_int_equal(check(&f, 0), ERR_PROTOCOL);
	(void)snprintf(f.before.name, NAME_SIZE, "postfix-c");
	assert_int_equal(check(&f, 0), ERR_OK);
	f.place = PLACE_LAST;
	assert_int_equal(check(&f, 0), ERR_PROTOCOL);
	f.place = PLACE_COUNT;
	assert_int_equal(check(&f, 0), ERR_PROTOCOL);
}

static void
test_unterminated(void **state)
{
	struct frame f = valid(OP_MAKE);

	(void)state;
	memset(f.name, 'a', sizeof(f.name));
	memcpy(f.name, "postfix-", 8);
	assert_int_equal(check(&f, 1), ERR_PROTOCOL);
	f = valid(OP_MAKE);
	f.name[20] = 'x'; /* behind the NUL */
	assert_int_equal(check(&f, 1), ERR_PROTOCOL);
}

static void
test_commands(void **state)
{
	struct frame f = valid(OP_POSTFIX);
	uint32_t c;

	(void)state;
	for (c = 1; c <= ACTION_COUNT + 2; c++) {
		f.command = c;
		assert_int_equal(check(&f, 0),
		    c > ACTION_START && c <= ACTION_COUNT ? ERR_OK :
							    ERR_PROTOCOL);
	}
}

static void
test_reply(void **state)
{
	struct reply r = {.version = PROTO_VERSION, .op = OP_ENABLE};
	struct why why;

	(void)state;
	assert_int_equal(reply_check(&r, OP_ENABLE, &why), ERR_OK);
	assert_int_equal(reply_check(&r, OP_DISABLE, &why), ERR_PROTOCOL);
	r.err = ERR_BUG + 1;
	assert_int_equal(reply_check(&r, OP_ENABLE, &why), ERR_PROTOCOL);
	r.err = ERR_OK;
	memset(r.error, 'x', sizeof(r.error));
	assert_int_equal(reply_check(&r, OP_ENABLE, &why), ERR_PROTOCOL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_every_operation),
	    cmocka_unit_test(test_stray_bytes),
	    cmocka_unit_test(test_wrong_helper_version_operation),
	    cmocka_unit_test(test_roots_fields),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_selector_forms),
	    cmocka_unit_test(test_unterminated),
	    cmocka_unit_test(test_commands),
	    cmocka_unit_test(test_reply),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
