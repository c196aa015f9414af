#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "edit.h"
#include "path.h"
#include "site.h"

static void
test_clean_paths(void **state)
{
	static const char *const good[] = {"/a", "/etc/postfix-out", "/etc/...",
	    "/etc/.hidden", "/srv/a_b+c:d@e"};
	static const char *const bad[] = {"", "/", "a", "//a", "/a/", "/a//b",
	    "/.", "/a/.", "/a/./b", "/..", "/a/..", "/a/../b", "/a b", "/a,b",
	    "/$x", "/a\n", "/a\t", "/\xc3\xa4", "/a#b", "/a{b", "/a\"b"};
	char longest[PATH_SIZE + 1];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		assert_true(path_is_clean(good[i]));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(path_is_clean(bad[i]));
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[PATH_SIZE] = '\0';
	assert_false(path_is_clean(longest));
	longest[PATH_SIZE - 1] = '\0';
	assert_true(path_is_clean(longest));
}

static void
test_split(void **state)
{
	char parent[PATH_SIZE];

	(void)state;
	assert_string_equal(path_split("/etc/postfix", parent), "postfix");
	assert_string_equal(parent, "/etc");
	assert_string_equal(path_split("/etc", parent), "etc");
	assert_string_equal(parent, "/");
}

static void
test_lists(void **state)
{
	const char *const list = "/a, /b\t/c ,/d\n/e";
	char out[64], small[8];

	(void)state;
	assert_int_equal(site_list_without(list, "/c", out, sizeof(out)),
	    ERR_OK);
	assert_string_equal(out, "/a /b /d /e");
	assert_int_equal(site_list_without("/a", "/a", out, sizeof(out)),
	    ERR_OK);
	assert_string_equal(out, "");
	assert_int_equal(site_list_with(list, "/x", NULL, out, sizeof(out)),
	    ERR_OK);
	assert_string_equal(out, "/a /b /c /d /e /x");
	assert_int_equal(site_list_with(list, "/x", "/a", out, sizeof(out)),
	    ERR_OK);
	assert_string_equal(out, "/x /a /b /c /d /e");
	/* Already on it: moved, never doubled. */
	assert_int_equal(site_list_with(list, "/e", "/b", out, sizeof(out)),
	    ERR_OK);
	assert_string_equal(out, "/a /e /b /c /d");
	assert_int_equal(site_list_with("", "/x", NULL, out, sizeof(out)),
	    ERR_OK);
	assert_string_equal(out, "/x");
	assert_int_equal(site_list_with(list, "/x", NULL, small, sizeof(small)),
	    ERR_LIMIT);
	assert_true(site_list_has(list, "/d"));
	assert_false(site_list_has(list, "/"));
	assert_false(site_list_has(list, "/dd"));
}

/* Names that a delegate may give are a subset of those root may. */
static void
test_names(void **state)
{
	char name[] = "postfix-x";
	int c;

	(void)state;
	for (c = 1; c < 256; c++) {
		name[8] = (char)c;
		if (site_delegate_name_ok(name))
			assert_true(site_new_name_ok(name));
		if (site_new_name_ok(name))
			assert_true(site_name_ok(name));
		if (site_delegate_group_ok(name))
			assert_true(site_group_ok(name));
		if (strchr("/\\ \t\n$#'\"(){}<>|&;*?~`^,", c) != NULL)
			assert_false(site_name_ok(name));
	}
	assert_false(site_delegate_name_ok("postfix-"));
	assert_false(site_name_ok(""));
	assert_false(site_name_ok("-"));
	assert_true(site_name_ok("mx1"));
	assert_false(site_new_name_ok("mx1"));
	assert_false(site_delegate_group_ok("-x"));
	assert_true(site_group_ok("a/b"));
	assert_false(site_delegate_group_ok("a/b"));
}

static void
test_edit_value(void **state)
{
	static const char text[] = "# a = 0\na = 1\n  2\n# no\n\n\t3\nb =\n"
				   "ab = x\na  =   last  \n";
	char out[32];

	(void)state;
	assert_int_equal(edit_value(text, sizeof(text) - 1, "a", out,
			     sizeof(out)),
	    ERR_OK);
	assert_string_equal(out, "last");
	assert_int_equal(edit_value(text, 36, "a", out, sizeof(out)), ERR_OK);
	assert_string_equal(out, "1  2\t3");
	assert_int_equal(edit_value(text, sizeof(text) - 1, "b", out,
			     sizeof(out)),
	    ERR_OK);
	assert_string_equal(out, "");
	assert_int_equal(edit_value(text, sizeof(text) - 1, "c", out,
			     sizeof(out)),
	    ERR_NOTFOUND);
	assert_int_equal(edit_value(text, sizeof(text) - 1, "a", out, 4),
	    ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_clean_paths),
	    cmocka_unit_test(test_split),
	    cmocka_unit_test(test_lists),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_edit_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
