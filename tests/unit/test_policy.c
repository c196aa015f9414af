#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "lex.h"

static struct policy P;
static struct policy_error E;

static enum err
parse(const char *text)
{
	policy_init(&P);
	return policy_parse(&P, "f", text, strlen(text), &E);
}

static void
must_parse(const char *text)
{
	char why[512];

	if (parse(text) == ERR_OK)
		return;
	policy_error_text(&E, why, sizeof(why));
	fail_msg("%s", why);
}

static void
must_fail_at(const char *text, unsigned line, unsigned column)
{
	assert_int_not_equal(parse(text), ERR_OK);
	assert_int_equal(E.line, line);
	assert_int_equal(E.column, column);
	assert_true(E.text[0] != '\0');
}

static bool
may(const char *user, enum action a, const char *name, const char *group)
{
	const struct subject s = {.uid = 1, .name = user};
	const struct object o = {name, group, false};

	return policy_permits(&P, &s, a, &o, NULL);
}

/* --- words and lines ------------------------------------------------------ */

static void
test_numbers(void **state)
{
	static const struct {
		const char *word;
		bool ok;
		unsigned value;
	} rows[] = {
	    {"0", true, 0},
	    {"7", true, 7},
	    {"4294967294", true, 4294967294u},
	    {"4294967295", false, 0},
	    {"4294967296", false, 0},
	    {"9999999999", false, 0},
	    {"99999999999999999999999", false, 0},
	    {"", false, 0},
	    {"-1", false, 0},
	    {"+1", false, 0},
	    {" 1", false, 0},
	    {"1 ", false, 0},
	    {"01", false, 0},
	    {"00", false, 0},
	    {"0x1", false, 0},
	    {"1e3", false, 0},
	};
	unsigned n;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(lex_number(rows[i].word, 0, 4294967294u, &n),
		    rows[i].ok);
		if (rows[i].ok)
			assert_int_equal(n, rows[i].value);
	}
	assert_false(lex_number("0", 1, 5, &n));
	assert_true(lex_number("5", 1, 5, &n));
	assert_false(lex_number("6", 1, 5, &n));
}

static void
test_names(void **state)
{
	(void)state;
	assert_true(lex_name("a", ""));
	assert_true(lex_name("aZ09", ""));
	assert_true(lex_name("-a.b_", "._-"));
	assert_false(lex_name("", "._-"));
	assert_false(lex_name("a b", "._-"));
	assert_false(lex_name("a/b", "._-"));
	assert_true(lex_name("a/b", "/"));
	assert_false(lex_name("a*", "._-"));
	assert_false(lex_name("\xc3\xa9", "._-"));
}

static void
test_words(void **state)
{
	static const char text[] = " one\ttwo  #3 four # five\n#x\n\nz #y#\n";
	const char *pos = text, *end = text + sizeof(text) - 1;
	struct lex_line l = {0};

	(void)state;
	assert_int_equal(lex_line(&pos, end, &l, &E), ERR_OK);
	assert_int_equal(l.number, 1);
	assert_int_equal(l.nwords, 2);
	assert_string_equal(l.words[0].text, "one");
	assert_int_equal(l.words[0].column, 2);
	assert_string_equal(l.words[1].text, "two");
	assert_int_equal(l.words[1].column, 6);
	assert_int_equal(lex_line(&pos, end, &l, &E), ERR_OK);
	assert_int_equal(l.nwords, 0);
	assert_int_equal(lex_line(&pos, end, &l, &E), ERR_OK);
	assert_int_equal(l.nwords, 0);
	assert_int_equal(lex_line(&pos, end, &l, &E), ERR_OK);
	assert_int_equal(l.number, 4);
	assert_int_equal(l.nwords, 2);
	assert_string_equal(l.words[1].text, "#y#");
	assert_ptr_equal(pos, end);
}

static void
test_many_words(void **state)
{
	const char *pos = "a b c d e f g h i j k\n", *end = pos + 22;
	struct lex_line l = {0};

	(void)state;
	assert_int_equal(lex_line(&pos, end, &l, &E), ERR_OK);
	assert_int_equal(l.nwords, LEX_WORDS);
	assert_string_equal(l.words[LEX_WORDS - 1].text, "h");
}

/* Every byte that isn't text is refused wherever it stands. */
static void
test_every_byte(void **state)
{
	static const char base[] = "permit alice start any # c\n";
	char text[sizeof(base)];
	size_t i;
	int c;

	(void)state;
	for (c = 0; c < 256; c++)
		for (i = 0; i < sizeof(base) - 2; i++) {
			if ((c >= 0x20 && c < 0x7f) || c == '\t' || c == '\n')
				continue;
			memcpy(text, base, sizeof(base));
			text[i] = (char)c;
			policy_init(&P);
			assert_int_equal(policy_parse(&P, "f", text,
					     sizeof(base) - 1, &E),
			    ERR_SYNTAX);
			assert_int_equal(E.column, i + 1);
			assert_int_equal(strlen(E.source), sizeof(base) - 2);
			assert_int_equal(E.source[i], '?');
		}
}

/* A file cut anywhere is refused, or ends behind a whole line. */
static void
test_every_cut(void **state)
{
	static const char text[] =
	    "# desk\npermit :desk restart any\n"
	    "deny bob stop instance postfix-out\naudit required\n";
	size_t n;

	(void)state;
	for (n = 1; n < sizeof(text); n++) {
		policy_init(&P);
		assert_int_equal(policy_parse(&P, "f", text, n, &E) == ERR_OK,
		    text[n - 1] == '\n');
	}
}

static void
test_empty(void **state)
{
	(void)state;
	must_parse("");
	assert_int_equal(P.nrules, 0);
	assert_false(may("alice", ACTION_START, "postfix-a", ""));
}

/* --- parser --------------------------------------------------------------- */

static void
test_actions(void **state)
{
	int a;

	(void)state;
	for (a = 0; a < ACTION_COUNT; a++) {
		assert_non_null(action_name((enum action)a));
		assert_int_equal(action_find(action_name((enum action)a)), a);
	}
	assert_null(action_name((enum action)ACTION_COUNT));
	assert_null(action_name((enum action) - 1));
	assert_int_equal(action_find("restart"), -1);
	assert_int_equal(action_find("init"), -1);
	assert_int_equal(action_find(""), -1);
	assert_false(action_is_command(ACTION_ASSIGN));
	assert_true(action_is_command(ACTION_START));
	assert_true(action_is_command(ACTION_QUICK_STOP));
	assert_false(action_is_command((enum action)ACTION_COUNT));
}

static void
test_rule(void **state)
{
	(void)state;
	must_parse("\npermit :ops create,stop prefix postfix-a- limit 9\n"
		   "deny #12 assign primary\n");
	assert_int_equal(P.nrules, 2);
	assert_false(P.rules[0].deny);
	assert_int_equal(P.rules[0].who, WHO_GROUP);
	assert_string_equal(P.groups[P.rules[0].group].name, "ops");
	assert_int_equal(P.rules[0].actions,
	    1u << ACTION_CREATE | 1u << ACTION_STOP);
	assert_int_equal(P.rules[0].which, WHICH_PREFIX);
	assert_string_equal(P.rules[0].arg, "postfix-a-");
	assert_int_equal(P.rules[0].limit, 9);
	assert_int_equal(P.rules[0].line, 2);
	assert_true(P.rules[1].deny);
	assert_int_equal(P.rules[1].who, WHO_UID);
	assert_int_equal(P.rules[1].id, 12);
	assert_int_equal(P.rules[1].which, WHICH_PRIMARY);
	assert_int_equal(P.rules[1].limit, 0);
}

static void
test_errors(void **state)
{
	char text[512];

	(void)state;
	must_fail_at("permit alice start any\nfoo\n", 2, 1);
	must_fail_at("permit alice start,stp any\n", 1, 20);
	must_fail_at("permit alice\n", 1, 13);
	must_fail_at("permit alice start any x\n", 1, 24);
	must_fail_at("permit alice start any", 1, 23);
	policy_error_text(&E, text, sizeof(text));
	assert_memory_equal(text, "f:1:23: ", 8);
	assert_string_equal(E.source, "permit alice start any");
}

static void
test_group_once(void **state)
{
	(void)state;
	must_parse("permit :a start any\ndeny :b start any\n"
		   "permit :c start any\ndeny :c stop any\npermit :b stop "
		   "any\n");
	assert_int_equal(P.ngroups, 3);
	assert_string_equal(P.groups[1].name, "b");
	assert_int_equal(P.rules[4].group, 1);
	assert_int_equal(P.groups[1].state, GROUP_UNBOUND);
}

static void
test_many_files(void **state)
{
	int i;

	(void)state;
	policy_init(&P);
	for (i = 0; i < POLICY_FILES; i++)
		assert_int_equal(policy_parse(&P, "x", "", 0, &E), ERR_OK);
	assert_int_equal(policy_parse(&P, "y", "", 0, &E), ERR_LIMIT);
	assert_string_equal(E.file, "y");
}

static void
test_setting_in_two_files(void **state)
{
	(void)state;
	must_parse("audit required\n");
	assert_int_equal(policy_parse(&P, "g", "audit required\n", 15, &E),
	    ERR_SYNTAX);
	assert_string_equal(E.file, "g");
}

static void
test_place(void **state)
{
	char text[64];

	(void)state;
	must_parse("# x\npermit alice start any\n");
	policy_rule_place(&P, &P.rules[0], text, sizeof(text));
	assert_string_equal(text, "f:2");
	policy_rule_place(&P, NULL, text, sizeof(text));
	assert_string_equal(text, "no rule permits it");
}

/* --- decisions ------------------------------------------------------------ */

static void
test_default_deny(void **state)
{
	(void)state;
	must_parse("permit alice start instance postfix-a\n");
	assert_true(may("alice", ACTION_START, "postfix-a", ""));
	assert_false(may("alice", ACTION_STOP, "postfix-a", ""));
	assert_false(may("alice", ACTION_START, "postfix-b", ""));
	assert_false(may("bob", ACTION_START, "postfix-a", ""));
	assert_false(may("alice", (enum action)ACTION_COUNT, "postfix-a", ""));
	assert_false(may("alice", (enum action) - 1, "postfix-a", ""));
}

static void
test_deciding_rule(void **state)
{
	const struct subject s = {.uid = 1, .name = "alice"};
	const struct object o = {"postfix-a", "", false};
	const struct rule *by;

	(void)state;
	must_parse("permit alice start any\npermit alice start any\n"
		   "deny alice start instance postfix-a\ndeny alice start "
		   "any\n");
	assert_false(policy_permits(&P, &s, ACTION_START, &o, &by));
	assert_ptr_equal(by, &P.rules[2]);
	assert_false(policy_permits(&P, &s, ACTION_STOP, &o, &by));
	assert_null(by);
}

static void
test_groups_fresh_and_kernel(void **state)
{
	const gid_t in[] = {5, 100}, out[] = {5};
	const struct object o = {"postfix-a", "", false};
	struct subject s = {.uid = 1, .name = "alice"};

	(void)state;
	must_parse("permit :ops start any\npermit alice stop any\n"
		   "deny :ops stop any\n");
	P.groups[0].state = GROUP_BOUND;
	P.groups[0].gid = 100;
	s.fresh = in, s.nfresh = 2, s.kernel = out, s.nkernel = 1;
	assert_true(policy_permits(&P, &s, ACTION_START, &o, NULL));
	assert_false(policy_permits(&P, &s, ACTION_STOP, &o, NULL));
	s.fresh = out, s.nfresh = 1, s.kernel = in, s.nkernel = 2;
	assert_false(policy_permits(&P, &s, ACTION_START, &o, NULL));
	assert_false(policy_permits(&P, &s, ACTION_STOP, &o, NULL));
	s.kernel = out, s.nkernel = 1;
	assert_true(policy_permits(&P, &s, ACTION_STOP, &o, NULL));
}

static void
test_usable(void **state)
{
	struct why w = {""};

	(void)state;
	must_parse("permit alice start any\ndeny :ops stop any\n");
	assert_int_equal(policy_usable(&P, &w), ERR_DENIED);
	assert_non_null(strstr(w.text, "f:2"));
	P.groups[0].state = GROUP_ERROR;
	assert_int_equal(policy_usable(&P, &w), ERR_DENIED);
	P.groups[0].state = GROUP_MISSING;
	assert_int_equal(policy_usable(&P, &w), ERR_DENIED);
	assert_non_null(strstr(w.text, "doesn't exist"));
	assert_false(may("alice", ACTION_START, "postfix-a", ""));
	P.groups[0].state = GROUP_BOUND;
	assert_int_equal(policy_usable(&P, &w), ERR_OK);
	assert_true(may("alice", ACTION_START, "postfix-a", ""));
}

static size_t
count_to(void *ctx, const char *prefix)
{
	assert_string_equal(prefix, "postfix-a-");
	return *(const size_t *)ctx;
}

static void
test_limits(void **state)
{
	const struct subject s = {.uid = 1, .name = "alice"};
	const struct object o = {"postfix-a-1", "", false};
	const struct object other = {"postfix-b-1", "", false};
	struct why w = {""};
	size_t n = 5;

	(void)state;
	must_parse("permit alice manage prefix postfix-a- limit 5\n"
		   "permit bob manage prefix postfix-b- limit 1\n");
	assert_int_equal(policy_limits(&P, &s, ACTION_CREATE, &o, count_to, &n,
			     &w),
	    ERR_OK);
	n = 6;
	assert_int_equal(policy_limits(&P, &s, ACTION_CREATE, &o, count_to, &n,
			     &w),
	    ERR_DENIED);
	assert_int_equal(policy_limits(&P, &s, ACTION_ASSIGN, &o, count_to, &n,
			     &w),
	    ERR_DENIED);
	assert_int_equal(policy_limits(&P, &s, ACTION_IMPORT, &o, count_to, &n,
			     NULL),
	    ERR_DENIED);
	assert_int_equal(policy_limits(&P, &s, ACTION_STOP, &o, count_to, &n,
			     &w),
	    ERR_OK);
	assert_int_equal(policy_limits(&P, &s, ACTION_CREATE, &other, count_to,
			     &n, &w),
	    ERR_OK);
}

/* --- P8: what a delegate may do never grows ------------------------------- */

static uint32_t seed;

static unsigned
pick(unsigned n)
{
	seed = seed * 1664525u + 1013904223u;
	return (seed >> 8) % n;
}

static void
random_policy(char *text, size_t size)
{
	static const char *const whos[] = {"alice", "bob", ":#7", "#1"};
	static const char *const lists[] = {"assign", "assign,stop", "manage",
	    "start", "operate", "create", "flush,import"};
	static const char *const whichs[] = {"any", "instance postfix-a",
	    "instance postfix-b", "prefix postfix-a", "group g", "group h"};
	unsigned i, n = 2 + pick(6);
	size_t used = 0;

	for (i = 0; i < n; i++)
		used += (size_t)snprintf(text + used, size - used,
		    "%s %s %s %s\n", pick(4) == 0 ? "deny" : "permit",
		    whos[pick(4)], lists[pick(7)], whichs[pick(6)]);
}

static unsigned
all_permitted(const struct subject *s, const struct object *o)
{
	unsigned set = 0;
	int a;

	for (a = 0; a < ACTION_COUNT; a++)
		if (policy_permits(&P, s, (enum action)a, o, NULL))
			set |= 1u << a;
	return set;
}

static void
test_never_grows(void **state)
{
	static const char *const names[] = {
	    "postfix-a", "postfix-ab", "postfix-b", "postfix-c"};
	static const char *const groups[] = {"", "g", "h", "free"};
	const gid_t gids[] = {7};
	struct subject s = {.uid = 1, .fresh = gids};
	struct object now, next;
	unsigned start, changes = 0, refused = 0;
	char text[1024];
	int i, k;

	(void)state;
	for (i = 0; i < 4000; i++) {
		seed = (uint32_t)i;
		random_policy(text, sizeof(text));
		must_parse(text);
		s.name = pick(2) == 0 ? "alice" : "carol";
		s.nfresh = pick(2);
		now = (struct object){names[pick(4)], groups[pick(4)], false};
		start = all_permitted(&s, &now);
		for (k = 0; k < 20; k++) {
			next = (struct object){
			    names[pick(4)], groups[pick(4)], false};
			if (!policy_permits(&P, &s, ACTION_ASSIGN, &now, NULL))
				break;
			if (policy_may_change(&P, &s, ACTION_ASSIGN, &now,
				&next, NULL) != ERR_OK) {
				refused++;
				continue;
			}
			changes++;
			now = next;
			assert_int_equal(all_permitted(&s, &now) & ~start, 0);
		}
	}
	/* The property must not hold for want of cases. */
	assert_true(changes > 1000);
	assert_true(refused > 1000);
}

static void
test_change_of_name_and_group(void **state)
{
	const struct subject s = {.uid = 1, .name = "alice"};
	const struct object a = {"postfix-a-1", "", false};
	const struct object a_mta = {"postfix-a-1", "mta", false};
	const struct object b = {"postfix-b-1", "", false};
	struct why w = {""};

	(void)state;
	must_parse("permit alice manage prefix postfix-a-\n"
		   "permit bob start group mta\n");
	assert_int_equal(policy_may_change(&P, &s, ACTION_ASSIGN, &a, &a, &w),
	    ERR_OK);
	assert_int_equal(policy_may_change(&P, &s, ACTION_ASSIGN, &a, &a_mta,
			     &w),
	    ERR_DENIED);
	assert_int_equal(policy_may_change(&P, &s, ACTION_ASSIGN, &a_mta, &a,
			     &w),
	    ERR_DENIED);
	assert_int_equal(policy_may_change(&P, &s, ACTION_ASSIGN, &a, &b, &w),
	    ERR_DENIED);
	must_parse("permit alice manage prefix postfix-a-\n"
		   "permit alice assign group mta\npermit bob start group "
		   "mta\n");
	assert_int_equal(policy_may_change(&P, &s, ACTION_ASSIGN, &a, &a_mta,
			     &w),
	    ERR_OK);
	assert_int_equal(policy_may_change(&P, &s, ACTION_CREATE, &a, &a_mta,
			     &w),
	    ERR_DENIED);
}

/* --- files ---------------------------------------------------------------- */

static char dir[] = "/tmp/test_policy.XXXXXX";
static int dirfd_;

static void
put(const char *name, const char *text, mode_t mode)
{
	int fd = openat(dirfd_, name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd != -1);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static enum err
load(void)
{
	policy_init(&P);
	return policy_load(&P, dirfd_, "D", &E);
}

static void
must_reject(const char *name)
{
	char text[512];

	assert_int_not_equal(load(), ERR_OK);
	policy_error_text(&E, text, sizeof(text));
	assert_non_null(strstr(text, name));
	assert_int_equal(unlinkat(dirfd_, name, 0), 0);
	assert_int_equal(load(), ERR_OK);
}

static int
make_dir(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL || chmod(dir, 0755) == -1)
		return -1;
	dirfd_ = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return dirfd_ == -1 ? -1 : 0;
}

static int
remove_dir(void **state)
{
	char command[64];

	(void)state;
	(void)close(dirfd_);
	(void)snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void
skip_unless_root(void)
{
	if (geteuid() != 0) {
		print_message("SKIP: policy files are root's\n");
		skip();
	}
}

static void
test_load(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(load(), ERR_OK);
	assert_int_equal(P.nrules, 0);
	put("policy.conf", "permit a start any\n", 0644);
	assert_int_equal(load(), ERR_OK);
	assert_int_equal(P.nrules, 1);
	assert_string_equal(P.files[0], "D/policy.conf");
	assert_int_equal(mkdirat(dirfd_, "policy.d", 0755), 0);
	put("policy.d/b.conf", "permit b start any\n", 0600);
	put("policy.d/B.conf", "permit c start any\n", 0644);
	put("policy.d/10-z.conf", "permit d start any\n", 0640);
	put("policy.d/9.conf", "permit e start any\n", 0444);
	put("policy.d/.hidden.conf", "junk\n", 0644);
	put("policy.d/x.conf~", "junk\n", 0644);
	put("policy.d/conf", "junk\n", 0644);
	put("policy.d/y.conf.dpkg-new", "junk\n", 0644);
	put("policy.d/.conf", "junk\n", 0644);
	assert_int_equal(load(), ERR_OK);
	assert_int_equal(P.nfiles, 5);
	assert_string_equal(P.files[1], "D/policy.d/10-z.conf");
	assert_string_equal(P.files[2], "D/policy.d/9.conf");
	assert_string_equal(P.files[3], "D/policy.d/B.conf");
	assert_string_equal(P.files[4], "D/policy.d/b.conf");
	assert_string_equal(P.rules[4].user, "b");
}

static void
test_load_rejects(void **state)
{
	char name[128];
	int n;

	(void)state;
	skip_unless_root();
	put("policy.d/q.conf", "permit a start any\n", 0664);
	must_reject("policy.d/q.conf");
	put("policy.d/q.conf", "permit a start any\n", 0646);
	must_reject("policy.d/q.conf");
	put("policy.d/q.conf", "permit a start\n", 0644);
	must_reject("policy.d/q.conf");
	put("policy.d/q.conf", "permit a start any\n", 0644);
	assert_int_equal(fchownat(dirfd_, "policy.d/q.conf", 1, 0, 0), 0);
	must_reject("policy.d/q.conf");
	assert_int_equal(symlinkat("b.conf", dirfd_, "policy.d/q.conf"), 0);
	must_reject("policy.d/q.conf");
	assert_int_equal(mkfifoat(dirfd_, "policy.d/q.conf", 0644), 0);
	must_reject("policy.d/q.conf");
	assert_int_equal(linkat(dirfd_, "policy.d/b.conf", dirfd_,
			     "policy.d/c.conf", 0),
	    0);
	assert_int_equal(load(), ERR_UNTRUSTED);
	assert_int_equal(unlinkat(dirfd_, "policy.d/c.conf", 0), 0);
	for (n = 58; n <= 59; n++) { /* a name of 63 characters, and of 64 */
		(void)snprintf(name, sizeof(name), "policy.d/%0*d.conf", n, 7);
		put(name, "", 0644);
		assert_int_equal(load(), n == 58 ? ERR_OK : ERR_SYNTAX);
		assert_int_equal(unlinkat(dirfd_, name, 0), 0);
	}
	put("policy.d/a b.conf", "", 0644);
	assert_int_equal(load(), ERR_SYNTAX);
	assert_int_equal(unlinkat(dirfd_, "policy.d/a b.conf", 0), 0);
	assert_int_equal(mkdirat(dirfd_, "policy.d/q.conf", 0755), 0);
	assert_int_equal(load(), ERR_UNTRUSTED);
	assert_int_equal(unlinkat(dirfd_, "policy.d/q.conf", AT_REMOVEDIR), 0);
	assert_int_equal(load(), ERR_OK);
}

static void
test_load_rejects_directory(void **state)
{
	(void)state;
	skip_unless_root();
	assert_int_equal(fchmodat(dirfd_, "policy.d", 0775, 0), 0);
	assert_int_equal(load(), ERR_UNTRUSTED);
	assert_int_equal(fchmodat(dirfd_, "policy.d", 0755, 0), 0);
	assert_int_equal(renameat(dirfd_, "policy.d", dirfd_, "real"), 0);
	assert_int_equal(symlinkat("real", dirfd_, "policy.d"), 0);
	assert_int_equal(load(), ERR_UNTRUSTED);
	assert_int_equal(unlinkat(dirfd_, "policy.d", 0), 0);
	put("policy.d", "", 0644);
	assert_int_equal(load(), ERR_UNTRUSTED);
	assert_int_equal(unlinkat(dirfd_, "policy.d", 0), 0);
	assert_int_equal(renameat(dirfd_, "real", dirfd_, "policy.d"), 0);
	assert_int_equal(load(), ERR_OK);
	put("policy.conf", "permit a start any", 0644);
	assert_int_equal(load(), ERR_SYNTAX);
}

static void
test_load_many_files(void **state)
{
	char name[64];
	int i;

	(void)state;
	skip_unless_root();
	put("policy.conf", "", 0644);
	for (i = 4; i < POLICY_FILES - 1; i++) {
		(void)snprintf(name, sizeof(name), "policy.d/n%03d.conf",
		    POLICY_FILES - i);
		put(name, "", 0644);
	}
	assert_int_equal(load(), ERR_OK);
	assert_int_equal(P.nfiles, POLICY_FILES);
	for (i = 2; i < POLICY_FILES; i++)
		assert_true(strcmp(P.files[i - 1], P.files[i]) < 0);
	put("policy.d/zz.conf", "", 0644);
	assert_int_equal(load(), ERR_LIMIT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_numbers),
	    cmocka_unit_test(test_names),
	    cmocka_unit_test(test_words),
	    cmocka_unit_test(test_many_words),
	    cmocka_unit_test(test_every_byte),
	    cmocka_unit_test(test_every_cut),
	    cmocka_unit_test(test_empty),
	    cmocka_unit_test(test_actions),
	    cmocka_unit_test(test_rule),
	    cmocka_unit_test(test_errors),
	    cmocka_unit_test(test_group_once),
	    cmocka_unit_test(test_many_files),
	    cmocka_unit_test(test_setting_in_two_files),
	    cmocka_unit_test(test_place),
	    cmocka_unit_test(test_default_deny),
	    cmocka_unit_test(test_deciding_rule),
	    cmocka_unit_test(test_groups_fresh_and_kernel),
	    cmocka_unit_test(test_usable),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_never_grows),
	    cmocka_unit_test(test_change_of_name_and_group),
	    cmocka_unit_test(test_load),
	    cmocka_unit_test(test_load_rejects),
	    cmocka_unit_test(test_load_rejects_directory),
	    cmocka_unit_test(test_load_many_files),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
