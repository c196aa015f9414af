#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "edit.h"

static char out[8192];
static size_t outlen;
static struct why why;

static enum err
apply(const char *in, const struct edit *edits, size_t n)
{
	memset(out, 'Z', sizeof(out));
	outlen = 0;
	return edit_apply(in, strlen(in), edits, n, out, sizeof(out) - 1,
	    &outlen, &why);
}

/* One edit of the parameter "foo"; NULL comments it out. */
static void
expect(const char *in, const char *value, const char *want)
{
	const struct edit e = {.name = "foo", .value = value};

	assert_int_equal(apply(in, &e, 1), ERR_OK);
	assert_int_equal(outlen, strlen(want));
	assert_memory_equal(out, want, outlen);
	assert_int_equal(out[outlen], 'Z');
}

static void
test_replace(void **state)
{
	(void)state;
	expect("foo=1\nbar=2\n", "N", "foo = N\nbar=2\n");
	expect("foo\t  =1 \r\n", "N", "foo = N\n");
	expect("foo\n = 4\n", "N", "foo = N\n");
	expect("foo", "N", "foo = N\n");
	expect("foo=1\n", "", "foo = \n");
	expect("foo=1\n", " \ta  b\v\r ", "foo = a  b\n");
	expect("foo=1\nx=2\nfoo = 3\n 4\n", "N", "foo = N\nx=2\nfoo = N\n");
}

static void
test_continuation_lines_go_comments_stay(void **state)
{
	(void)state;
	expect("foo=1\n 2\n# c\n\n  \n 3\n #c2\n4=5\n 6\n", "N",
	    "foo = N\n# c\n\n  \n #c2\n4=5\n 6\n");
	expect("bar=1\n foo=2\n", "N", "bar=1\n foo=2\nfoo = N\n");
	expect("  foo=1\nfoo=2\n", "N", "  foo=1\nfoo = N\n");
}

static void
test_comment_out(void **state)
{
	(void)state;
	expect("foo=1\n 2\n# c\n\n  \n 3\n #c2\n4=5\n 6\n", NULL,
	    "#foo=1\n# 2\n# c\n\n  \n# 3\n #c2\n4=5\n 6\n");
	expect("foo=1\nfoo = 2", NULL, "#foo=1\n#foo = 2");
	expect("bar=1\n", NULL, "bar=1\n");
	expect("", NULL, "");
}

static void
test_only_whole_names_match(void **state)
{
	(void)state;
	expect("foox=1\nfo=2\n=3\nFoo=4\n", "N",
	    "foox=1\nfo=2\n=3\nFoo=4\nfoo = N\n");
	expect("#foo=1\n # foo=2\n", "N", "#foo=1\n # foo=2\nfoo = N\n");
	expect("foo\f=1\n", "N", "foo\f=1\nfoo = N\n");
	expect("foo#=1\n", NULL, "foo#=1\n");
}

static void
test_append(void **state)
{
	const struct edit e[] = {
	    {"z", "1"}, {"a", "2"}, {"gone", NULL}, {"m", "3"}};

	(void)state;
	assert_int_equal(apply("x=1\na=0\n", e, 4), ERR_OK);
	out[outlen] = '\0';
	assert_string_equal(out, "x=1\na = 2\nz = 1\nm = 3\n");
	expect("", "N", "foo = N\n");
	expect("\n", "N", "\nfoo = N\n");
}

/* Where Postfix 3.7 would make it "bar=1foo = N". */
static void
test_append_to_unterminated_line(void **state)
{
	(void)state;
	expect("bar=1", "N", "bar=1\nfoo = N\n");
	expect("#c", "N", "#c\nfoo = N\n");
	expect("foo=1\n  ", "N", "foo = N\n  ");
}

static void
test_set_and_comment_out_together(void **state)
{
	const struct edit e[] = {{"a", NULL}, {"b", "2"}};

	(void)state;
	assert_int_equal(apply("a=1\n 1\nb=1\n 1\nc=1\n 1\n", e, 2), ERR_OK);
	out[outlen] = '\0';
	assert_string_equal(out, "#a=1\n# 1\nb = 2\nc=1\n 1\n");
}

static void
test_limits(void **state)
{
	struct edit e[EDIT_MAX + 1];
	char names[EDIT_MAX + 1][3];
	char room[8];

	(void)state;
	for (size_t i = 0; i <= EDIT_MAX; i++) {
		names[i][0] = (char)('a' + i % 26);
		names[i][1] = (char)('a' + i / 26);
		names[i][2] = '\0';
		e[i] = (struct edit){names[i], "v"};
	}
	assert_int_equal(apply("", e, EDIT_MAX), ERR_OK);
	assert_int_equal(outlen, EDIT_MAX * strlen("aa = v\n"));
	assert_int_equal(apply("", e, EDIT_MAX + 1), ERR_LIMIT);

	e[0] = (struct edit){"a", "123"};
	assert_int_equal(edit_apply("", 0, e, 1, room, 8, &outlen, &why),
	    ERR_OK);
	assert_int_equal(outlen, 8);
	assert_memory_equal(room, "a = 123\n", 8);
	assert_int_equal(edit_apply("", 0, e, 1, room, 7, &outlen, &why),
	    ERR_LIMIT);
	assert_int_equal(edit_apply("x=1234567", 9, e, 1, room, 8, &outlen,
			     &why),
	    ERR_LIMIT);
}

static void
test_refused(void **state)
{
	static const struct edit bad[] = {
	    {"a", "1\n2"},
	    {"a", "\n"},
	    {"", "1"},
	    {"a b", "1"},
	    {"a=b", "1"},
	    {"#a", "1"},
	    {"a\n", NULL},
	};
	const struct edit good = {"a", "1"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(apply("x=1\n", &bad[i], 1), ERR_SYNTAX);
	assert_int_equal(edit_apply("x=\0\n", 4, &good, 1, out, sizeof(out),
			     &outlen, &why),
	    ERR_SYNTAX);
	assert_non_null(strstr(why.text, "NUL"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_replace),
	    cmocka_unit_test(test_continuation_lines_go_comments_stay),
	    cmocka_unit_test(test_comment_out),
	    cmocka_unit_test(test_only_whole_names_match),
	    cmocka_unit_test(test_append),
	    cmocka_unit_test(test_append_to_unterminated_line),
	    cmocka_unit_test(test_set_and_comment_out_together),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
