#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "maincf.h"

static struct maincf conf;
static struct why why;
static char out[65536];
static unsigned asked;

static const char *
get_default(const void *ctx, const char *name, size_t len)
{
	(void)ctx;
	asked++;
	if (len == 15 && memcmp(name, "queue_directory", len) == 0)
		return "/var/spool/postfix";
	if (len == 9 && memcmp(name, "recursive", len) == 0)
		return "$mail_name${a?{:$a}}";
	if (len == 6 && memcmp(name, "broken", len) == 0)
		return "${";
	return NULL;
}

static enum err
parse(const char *text)
{
	return maincf_parse(&conf, "main.cf", text, strlen(text), &why);
}

static enum err
expand(const char *name)
{
	return maincf_expand(&conf, name, get_default, NULL, out, sizeof(out),
	    &why);
}

/* The value of v in this file, expanded. */
static void
expect(const char *text, const char *want)
{
	assert_int_equal(parse(text), ERR_OK);
	assert_int_equal(expand("v"), ERR_OK);
	assert_string_equal(out, want);
}

/* The error from v in this file, and some of its sentence. */
static void
expect_error(const char *text, enum err e, const char *what)
{
	assert_int_equal(parse(text), ERR_OK);
	assert_int_equal(expand("v"), e);
	assert_non_null(strstr(why.text, what));
}

static void
expect_raw(const char *text, const char *want)
{
	assert_int_equal(parse(text), ERR_OK);
	assert_int_equal(maincf_raw(&conf, "v", out, sizeof(out), &why),
	    ERR_OK);
	assert_string_equal(out, want);
}

static void
test_settings(void **state)
{
	(void)state;
	assert_int_equal(parse("#c\na = 1\n\nb=2"), ERR_OK);
	assert_int_equal(conf.n, 2);
	assert_int_equal(conf.set[1].line, 4);
	assert_int_equal(parse(""), ERR_OK);
	assert_int_equal(conf.n, 0);
	expect("v = 1\nv = 2\n", "2");
	expect("v=\n", "");
	expect("v \t=\t a  b\t\r\n", "a b");
	expect("v = a\vb\f\n", "a\vb");
	expect("v-w.x = 1\nv = \xff\xe9\n", "\xff\xe9");
}

static void
test_logical_lines(void **state)
{
	(void)state;
	expect("v = a\n b\nx = c\n", "a b");
	expect("v = a\n# c\n\n  # c\n  \n\tb\n\n#\n c\n", "a b c");
	expect("v\n#c\n = a\n", "a");
	expect("v =\n\n a", "a");
	expect("v = a\n# c", "a");
	expect("  lost = 1\n lost\n#\n lost\nv = a\n", "a");
	expect("v = a\r\n b\r\n\r\n#c\r\n c\r\n", "a b c");
	expect_raw("v = $a\n#c\n   ${b}  x\n", "$a ${b} x");
}

static void
test_refused_files(void **state)
{
	static const char *const bad[] = {
	    "x\nv = 1\n", "= 1\n", "a b = 1\n", "==\n", "x\n\n y\n#\nv = 1\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i]), ERR_SYNTAX);
		assert_non_null(strstr(why.text, "main.cf:1: "));
	}
	assert_int_equal(parse("a = 1\n#\nb = 2\nx\n"), ERR_SYNTAX);
	assert_non_null(strstr(why.text, "main.cf:4: "));
}

/* As postconf(1): what follows a NUL in a setting is lost. */
static void
test_nul(void **state)
{
	static const char cut[] = "v = a \0b\n c\nw = d\n";
	static const char noted[] = "v = a\n# \0\n b\n";
	static const char nameless[] = "v = a\n\0\n";

	(void)state;
	assert_int_equal(maincf_parse(&conf, "f", cut, sizeof(cut) - 1, &why),
	    ERR_OK);
	assert_int_equal(conf.n, 2);
	assert_int_equal(expand("v"), ERR_OK);
	assert_string_equal(out, "a");
	assert_int_equal(maincf_parse(&conf, "f", noted, sizeof(noted) - 1,
			     &why),
	    ERR_OK);
	assert_int_equal(expand("v"), ERR_OK);
	assert_string_equal(out, "a b");
	assert_int_equal(maincf_parse(&conf, "f", nameless,
			     sizeof(nameless) - 1, &why),
	    ERR_SYNTAX);
}

static void
test_references(void **state)
{
	(void)state;
	expect("v = $a ${a} $(a) ${ a\t}\na = 1\n", "1 1 1 1");
	expect("v = $a-$b/x\na = $b\nb = 2\n", "2-2/x");
	expect("v = $$a $$$$ $${a}\n", "$a $$ ${a}");
	expect("v = $a\na = $$b\nb = no\n", "$b");
	expect("v = ${\n  a\n#}\n }\na = 1\n", "1");
	expect("v = x${ }y\n", "xy");
	expect("v = a$a b\na =\n", "a b");
}

static void
test_conditionals(void **state)
{
	(void)state;
	expect("v = ${a?yes}${a:no}\na = 1\n", "yes");
	expect("v = ${a?yes}${a:no}\na =\n", "no");
	expect("v = ${a?{y}:{n}} ${a ? {y} : {n} } ${a?{y}:n}\na=1\n", "y y y");
	expect("v = ${a?{y}:{n}} ${a ? {y} : {n} } ${a?{y}:n}\na=\n", "n n n");
	expect("v = ${a:b?c} ${a:{x}}\na=\n", "b?c x");
	expect("v = ${a?b:c}\na=1\n", "b:c");
	expect("v = $(a?${b:{$a}})\na=1\nb=\n", "1");
	/* Set to something that expands to nothing is still set. */
	expect("v = ${a?y}\na=$b\nb=\n", "y");
}

static void
test_relations(void **state)
{
	static const struct {
		const char *left, *op, *right;
		const char *want;
	} t[] = {
	    {"a", "==", "a", "true"},
	    {"a", "==", " a", ""},
	    {"a", "!=", "b", "true"},
	    {"a", "!=", "a", ""},
	    {"9", "<", "10", "true"},
	    {"9x", "<", "10", ""},
	    {"10", ">", "9", "true"},
	    {"10", ">", "10", ""},
	    {"07", "==", "7", "true"},
	    {"7", "<=", "7", "true"},
	    {"8", "<=", "7", ""},
	    {"7", ">=", "8", ""},
	    {"b", ">=", "a", "true"},
	    {"", "<", "0", "true"},
	    {"", "==", "", "true"},
	    {"\xff", ">", "a", "true"},
	    {"$one", "==", "1", "true"},
	    {"${{1} == {1}}", "==", "true", "true"},
	};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		(void)snprintf(text, sizeof(text),
		    "v = ${{%s} %s {%s}}\none = 1\n", t[i].left, t[i].op,
		    t[i].right);
		expect(text, t[i].want);
	}
	expect("v = x ${{a}=={a}?{yes  $b}:{no}} y\nb=1\n", "x yes 1 y");
	expect("v = $({1}>{2} ? {a} : {b})\n", "b");
	expect("v = ${{1}>{2}:c}${{1}<{2}?d}\n", "cd");
}

static void
test_refused_values(void **state)
{
	static const char *const bad[] = {"$", "$ a", "a $-", "${", "${}",
	    "$()", "$(a}", "${a b}", "${a-}", "${a?{b}c}", "${a?{b}:{c}d}",
	    "${a:{b}c}", "${a?{b}", "${{a}}", "${{a}=={b}", "${{a}=={b}x}",
	    "${{a} => {b}}", "${{a}==b}", "${{a}?{b}}", "${{a}=={b}?{c}:{d}e}",
	    "${{9223372036854775808} > {1}}", "$v", "${v}", "$w", "${v?$v}",
	    "${{$v} == {a}}"};
	char text[256];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		(void)snprintf(text, sizeof(text), "a = 1\nw = $v\nv =\n %s\n",
		    bad[i]);
		expect_error(text, ERR_SYNTAX, "main.cf:");
	}
	expect_error("a = 1\nv = b\n  c ${d\n", ERR_SYNTAX, "main.cf:3:6: ");
}

/* Only what is needed is looked up and checked. */
static void
test_defaults(void **state)
{
	(void)state;
	expect("v = $queue_directory/x\n", "/var/spool/postfix/x");
	expect("v = $recursive\nmail_name = M\na = 1\n", "M:1");
	expect_error("v = $recursive\na =\n", ERR_UNKNOWN, "default");
	expect_error("v = $broken\n", ERR_SYNTAX, "in a default");
	expect_error("a = 1\nv = ${nosuch}\n", ERR_UNKNOWN, "main.cf:2:7: ");
	expect_error("v = ${nosuch?x}\n", ERR_UNKNOWN, ": set it in this file");
	expect("v = ${{3.9} <level {3.10} ? {y} : {n}}\n", "y");
	expect("v = ${{3} ==level {3.0.0} ? {y} : {n}}\n", "y");
	expect("v = ${{3.6.1} <=level {3.6} ? {y} : {n}}\n", "n");
	expect_error("v = ${{1} <level {x}}\n", ERR_UNKNOWN, "postconf(1)");
	expect_error("v = ${{1} <level {2.}}\n", ERR_UNKNOWN, "postconf(1)");
	expect_error("v = ${{1} <lever {2}}\n", ERR_SYNTAX, "no such");
	expect_error("v = $process_name\nprocess_name = x\n", ERR_UNKNOWN,
	    "postconf(1) knows what this parameter is");
	asked = 0;
	expect("v = ${a?{x}:{$nosuch}} ${a:$}\na = 1\nb = $nosuch $\n", "x");
	assert_int_equal(asked, 0);

	assert_int_equal(parse("a = 1\n"), ERR_OK);
	assert_int_equal(expand("queue_directory"), ERR_OK);
	assert_string_equal(out, "/var/spool/postfix");
	assert_int_equal(expand("nosuch"), ERR_NOTFOUND);
	assert_int_equal(maincf_raw(&conf, "queue_directory", out, sizeof(out),
			     &why),
	    ERR_NOTFOUND);
}

/* a0 = $a1, a1 = $a2, ...: postconf(1) follows a hundred. */
static void
test_nesting(void **state)
{
	char text[4096];
	int n;

	(void)state;
	for (int depth = 99; depth <= 100; depth++) {
		n = snprintf(text, sizeof(text), "v = $a0\n");
		for (int i = 0; i < depth; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n,
			    "a%d = $a%d\n", i, i + 1);
		(void)snprintf(text + n, sizeof(text) - (size_t)n,
		    "a%d = end\n", depth);
		if (depth == 99)
			expect(text, "end");
		else
			expect_error(text, ERR_SYNTAX, "nested");
	}
}

/* 2^60 expansions of nothing, and of something. */
static void
test_blow_up(void **state)
{
	char text[4096];
	int n;

	(void)state;
	for (int something = 0; something < 2; something++) {
		n = snprintf(text, sizeof(text), "v = $a0\n");
		for (int i = 0; i < 60; i++)
			n += snprintf(text + n, sizeof(text) - (size_t)n,
			    "a%d = $a%d$a%d\n", i, i + 1, i + 1);
		(void)snprintf(text + n, sizeof(text) - (size_t)n, "a60 = %s",
		    something ? "x" : "");
		expect_error(text, ERR_LIMIT, "main.cf");
	}
}

static void
test_limits(void **state)
{
	static char text[MAINCF_SETTINGS * 4 + 5];
	char *big;
	size_t n = 0;

	(void)state;
	assert_int_equal(parse("v = 12345\n"), ERR_OK);
	assert_int_equal(maincf_expand(&conf, "v", get_default, NULL, out, 6,
			     &why),
	    ERR_OK);
	assert_string_equal(out, "12345");
	assert_int_equal(maincf_expand(&conf, "v", get_default, NULL, out, 5,
			     &why),
	    ERR_LIMIT);
	assert_int_equal(maincf_raw(&conf, "v", out, 5, &why), ERR_LIMIT);

	for (int i = 0; i < MAINCF_SETTINGS; i++, n += 4)
		memcpy(text + n, "a=b\n", 4);
	assert_int_equal(maincf_parse(&conf, "f", text, n, &why), ERR_OK);
	assert_int_equal(conf.n, MAINCF_SETTINGS);
	memcpy(text + n, "a=b\n", 4);
	assert_int_equal(maincf_parse(&conf, "f", text, n + 4, &why),
	    ERR_UNKNOWN);

	big = calloc(1, MAINCF_MAX + 1);
	assert_non_null(big);
	memset(big, '#', MAINCF_MAX + 1);
	assert_int_equal(maincf_parse(&conf, "f", big, MAINCF_MAX, &why),
	    ERR_OK);
	assert_int_equal(maincf_parse(&conf, "f", big, MAINCF_MAX + 1, &why),
	    ERR_LIMIT);
	free(big);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_settings),
	    cmocka_unit_test(test_logical_lines),
	    cmocka_unit_test(test_refused_files),
	    cmocka_unit_test(test_nul),
	    cmocka_unit_test(test_references),
	    cmocka_unit_test(test_conditionals),
	    cmocka_unit_test(test_relations),
	    cmocka_unit_test(test_refused_values),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_nesting),
	    cmocka_unit_test(test_blow_up),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
