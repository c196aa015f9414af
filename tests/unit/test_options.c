#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <getopt.h>

#include "options.h"
#include "settings.h"

#define MAX_WORDS 12

static struct options o;
static struct why why;
static char copy[512];
static char *argv[MAX_WORDS + 2];

/* Parses a command line of blank-separated words. */
static enum err
parse(const char *line)
{
	static char program[] = "postmulti";
	char *rest = copy;
	int argc = 0;

	assert_true(strlen(line) < sizeof(copy));
	strcpy(copy, line);
	argv[argc++] = program;
	while (rest != NULL && *rest != '\0' && argc <= MAX_WORDS)
		argv[argc++] = strsep(&rest, " ");
	argv[argc] = NULL;
	optind = 0;
	opterr = 0;
	return options_parse(&o, argc, argv, &why);
}

static const struct {
	const char *line, *message; /* the message's beginning; NULL: fine */
} cases[] = {
    {"-l", NULL},
    {"-l -l", NULL},
    {"-la", NULL},
    {"-a -a -l", NULL},
    {"-R -R -p status", NULL},
    {"-l -j -i -", NULL},
    {"-x -- true", NULL},
    {"-e init -i nope", NULL},
    {"-e create -e create -I postfix-a", NULL},
    {"-e assign -i a -I - -G a/b", NULL},
    {"-e enable -i a --lock-timeout=5", NULL},
    {"", "Specify exactly one of '-e', '-l', '-p', '-x'"},
    {"-l -x", "Specify exactly one of"},
    {"-e create -e destroy", "Specify exactly one of"},
    {"-l -a -g x", "Specity no more than one of '-a', '-g', '-i'"},
    {"-l -i a -i a", "Specity no more than one of"},
    {"-l -x -i a -g b", "Specity no more than one of"},
    {"-l foo", "Command not allowed with '-l'"},
    {"-p", "Command required with '-p' or '-x' option"},
    {"-x", "Command required"},
    {"-R -p status", "The '-p' and '-e' options preclude the use of '-R'"},
    {"-R -e init", "The '-p' and '-e' options preclude"},
    {"-j -x true", "Specify '-j' only with '-l'"},
    {"-l --lock-timeout=5", "Specify '--lock-timeout' only with"},
    {"-e init --lock-timeout=x", "--lock-timeout=x: specify 1 to 86400"},
    {"-l -I postfix-a", "Cannot assign instance name or group without"},
    {"-e enable -G a -i a", "Cannot assign instance name or group with '-e"},
    {"-e assign -i a", "Specify new instance name or group with"},
    {"-e assign -G a -G b -i a", "Specify at most one '-G' option"},
    {"-e assign -I a -I b -i a", "Specify at most one '-I' option"},
    {"-e bogus", "Invalid '-e' edit action 'bogus'. Specify 'create', "},
    {"-e enable -i a b=c", "Parameter overrides not valid with '-e enable'"},
    {"-e enable", "Select an instance via '-i name'"},
    {"-e assign -I bad", "Select an instance via '-i name'"},
    {"-e assign -i a -I bad", NULL}, /* after its instance was found */
    {"-e create -I bad", "New instance name must start with 'postfix-'"},
    {"-e create -I postfix-a/b", "Illegal '/' character in new instance name"},
    {"-e create -I postfix-a~", "Unsafe characters in new instance name: 'p"},
    {"-e create -G a~b", "Unsafe characters in '-G a~b'"},
    {"-z", "Usage:postmulti -l [-v]"},
    {"-e", "Usage:postmulti -l [-v]"},
    {"-l --help-me", "Usage:postmulti -l [-v]"},
};

static void
test_command_lines(void **state)
{
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		enum err e = parse(cases[i].line);

		if ((e == ERR_OK) != (cases[i].message == NULL))
			fail_msg("%s: %s", cases[i].line, why.text);
		if (cases[i].message != NULL &&
		    strncmp(why.text, cases[i].message,
			strlen(cases[i].message)) != 0)
			fail_msg("%s: %s", cases[i].line, why.text);
	}
}

static void
test_values(void **state)
{
	(void)state;
	assert_int_equal(parse("-xRi out postqueue -p"), ERR_OK);
	assert_int_equal(o.mode, MODE_EXECUTE);
	assert_int_equal(o.select, SELECT_NAME);
	assert_string_equal(o.selected, "out");
	assert_true(o.reverse);
	assert_int_equal(o.nargs, 2);
	assert_string_equal(o.args[1], "-p");
	assert_null(o.args[2]);
	assert_int_equal(parse("--dry-run -e init --lock-timeout=7"), ERR_OK);
	assert_true(o.dry_run);
	assert_int_equal(o.lock_timeout, 7);
	assert_null(o.name);
}

static void
test_settings(void **state)
{
	static const struct {
		const char *line, *message;
	} bad[] = {
	    {"-e create foo", "Malformed parameter setting 'foo'"},
	    {"-e create =x", "Malformed parameter setting '=x'"},
	    {"-e create foo=/x",
		"Parameter 'foo' not valid with action create"},
	    {"-e import queue_directory=/x",
		"Parameter 'queue_directory' not valid with action import"},
	    {"-e create config_directory=x",
		"Parameter setting 'config_directory' is not an absolute path"},
	    {"-e create data_directory=//",
		"Parameter setting 'data_directory' is the root directory"},
	    {"-e create data_directory=/a$b",
		"Parameter setting 'data_directory' is not a path that"},
	    {"-e create data_directory=/a/../b",
		"Parameter setting 'data_directory' is not a path that"},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i].line), ERR_OK);
		assert_int_equal(settings_parse(&o, &why), ERR_SYNTAX);
		if (strncmp(why.text, bad[i].message, strlen(bad[i].message)) !=
		    0)
			fail_msg("%s: %s", bad[i].line, why.text);
	}
	assert_int_equal(parse("-e create config_directory=/a "
			       "config_directory=/b/c// queue_directory=/q"),
	    ERR_OK);
	assert_int_equal(settings_parse(&o, &why), ERR_OK);
	assert_string_equal(o.config, "/b/c");
	assert_string_equal(o.queue, "/q");
	assert_string_equal(o.data, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_command_lines),
	    cmocka_unit_test(test_values),
	    cmocka_unit_test(test_settings),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
