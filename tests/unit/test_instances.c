#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>

#include "instances.h"
#include "record_check.h"
#include "select.h"

static struct entry v[5];
static struct instances list = {.v = v, .n = 5};
static struct options o;
static char seen[256];

static void
make(size_t i, const char *name, const char *group, bool enabled)
{
	memset(&v[i], 0, sizeof(v[i]));
	v[i].index = (uint32_t)i;
	snprintf(v[i].i.dir, PATH_SIZE, "/etc/pf%zu", i);
	snprintf(v[i].i.queue, PATH_SIZE, "/var/spool/pf%zu", i);
	snprintf(v[i].i.data, PATH_SIZE, "/var/lib/pf%zu", i);
	snprintf(v[i].i.name, NAME_SIZE, "%s", name);
	snprintf(v[i].i.group, NAME_SIZE, "%s", group);
	v[i].i.enabled = enabled;
	v[i].i.primary = i == 0;
}

static int
setup(void **state)
{
	(void)state;
	make(0, "", "", true);
	make(1, "postfix-a", "mta", true);
	make(2, "postfix-b", "mta", false);
	make(3, "", "", false);
	make(4, "postfix-a.b", "msa", true);
	list.host.site.primary = v[0].i;
	strcpy(list.host.site.command_directory, "/usr/sbin");
	strcpy(list.host.site.daemon_directory, "/usr/lib/postfix");
	strcpy(list.host.site.meta_directory, "/etc/meta");
	memset(&o, 0, sizeof(o));
	return 0;
}

static void
visit(void *ctx, const struct entry *e)
{
	size_t n = strlen(seen);

	(void)ctx;
	snprintf(seen + n, sizeof(seen) - n, "%u", e->index);
}

static const char *
each(enum select how, const char *arg, bool reverse)
{
	size_t n;

	o.select = how;
	o.selected = arg;
	seen[0] = '\0';
	n = select_each(&list, &o, reverse, false, visit, NULL);
	assert_int_equal(n, strlen(seen));
	return seen;
}

static void
test_selection(void **state)
{
	(void)state;
	assert_string_equal(each(SELECT_NONE, NULL, false), "01234");
	assert_string_equal(each(SELECT_ALL, NULL, true), "43210");
	assert_string_equal(each(SELECT_NAME, "-", false), "0");
	assert_string_equal(each(SELECT_NAME, "a", false), "1");
	assert_string_equal(each(SELECT_NAME, "postfix-a", false), "1");
	assert_string_equal(each(SELECT_NAME, "a.b", false), "4");
	assert_string_equal(each(SELECT_NAME, "/etc/pf3", false), "3");
	assert_string_equal(each(SELECT_NAME, "/etc/pf3/", false), "");
	assert_string_equal(each(SELECT_NAME, "postfix", false), "");
	assert_string_equal(each(SELECT_NAME, "postfix-", false), "");
	assert_string_equal(each(SELECT_GROUP, "mta", false), "12");
	assert_string_equal(each(SELECT_GROUP, "-", false), "");
	assert_string_equal(each(SELECT_GROUP, "", false), "");
}

static void
test_damaged_is_left_out(void **state)
{
	(void)state;
	v[1].state = ENTRY_DAMAGED;
	assert_string_equal(each(SELECT_ALL, NULL, false), "0234");
	o.select = SELECT_NAME;
	o.selected = "/etc/pf1";
	assert_ptr_equal(select_one(&list, &o), &v[1]);
}

static void
test_one_prefers_the_good(void **state)
{
	(void)state;
	strcpy(v[2].i.name, "postfix-a");
	v[1].state = ENTRY_DAMAGED;
	o.select = SELECT_NAME;
	o.selected = "a";
	assert_ptr_equal(select_one(&list, &o), &v[2]);
	o.selected = "nobody";
	assert_null(select_one(&list, &o));
}

static void
test_place(void **state)
{
	(void)state;
	assert_null(select_place(&list, &o));
	o.select = SELECT_ALL;
	assert_ptr_equal(select_place(&list, &o), &v[1]);
	o.select = SELECT_GROUP;
	o.selected = "msa";
	assert_ptr_equal(select_place(&list, &o), &v[4]);
}

static void
test_frame_selectors(void **state)
{
	struct selector s;

	(void)state;
	select_frame(&v[0], &s);
	assert_string_equal(s.name, "-");
	select_frame(&v[1], &s);
	assert_string_equal(s.name, "postfix-a");
	assert_int_equal(s.ino, 0);
	strcpy(v[3].i.dir, "/");
	select_frame(&v[3], &s);
	assert_string_equal(s.name, "");
	assert_int_not_equal(s.ino, 0);
}

static void
expect_claim(struct instance in, const struct entry *skip, bool added,
    const char *message)
{
	struct why why = {""};
	enum err e = instances_claim(&list, &in, skip, added, &why);

	assert_int_equal(e, message == NULL ? ERR_OK : ERR_CONFLICT);
	assert_string_equal(why.text, message == NULL ? "" : message);
}

static void
test_claims(void **state)
{
	struct instance in = {.dir = "/etc/new",
	    .queue = "/q",
	    .data = "/d",
	    .name = "postfix-new"};

	(void)state;
	expect_claim(in, NULL, true, NULL);
	strcpy(in.name, "postfix-b");
	expect_claim(in, NULL, true,
	    "instance /etc/new, multi_instance_name=postfix-b conflicts with "
	    "instance /etc/pf2, multi_instance_name=postfix-b");
	expect_claim(in, &v[2], true, NULL);
	strcpy(in.dir, "/usr/sbin");
	expect_claim(in, NULL, true,
	    "new config_directory=/usr/sbin is already in use by instance "
	    "/etc/pf0, command_directory=/usr/sbin");
	strcpy(in.name, "");
	strcpy(in.dir, "/q");
	expect_claim(in, NULL, false,
	    "instance /q, queue_directory=/q conflicts with instance /q, "
	    "config_directory=/q");
	v[2].state = ENTRY_DAMAGED;
	strcpy(in.dir, "/etc/pf2");
	expect_claim(in, NULL, true, NULL);
}

static void
test_listed_words(void **state)
{
	(void)state;
	assert_true(instances_listed("stop, abort  drain", "drain"));
	assert_true(instances_listed("start", "start"));
	assert_false(instances_listed("quick-stop", "stop"));
	assert_false(instances_listed("", ""));
}

/* --- records: what the launcher believes of its reader -------------------- */

static struct record r;

static void
good_entry(void)
{
	memset(&r, 0, sizeof(r));
	r.kind = RECORD_ENTRY;
	r.u.entry = v[1];
	assert_true(record_check(&r, 1));
}

static void
test_record_entry(void **state)
{
	struct entry *e = &r.u.entry;

	(void)state;
	good_entry();
	assert_false(record_check(&r, 2)); /* told already */
	e->state = ENTRY_STATES;
	assert_false(record_check(&r, 1));
	good_entry();
	memset(e->i.name, 'a', sizeof(e->i.name));
	assert_false(record_check(&r, 1));
	good_entry();
	strcpy(e->i.name, "postfix-\n");
	assert_false(record_check(&r, 1));
	good_entry();
	strcpy(e->i.queue, "/a/../b");
	assert_false(record_check(&r, 1));
	good_entry();
	strcpy(e->i.dir, "etc");
	assert_false(record_check(&r, 1));
	e->state = ENTRY_DAMAGED;
	assert_true(record_check(&r, 1));
	memset(e->why, 'x', sizeof(e->why));
	assert_false(record_check(&r, 1));
	good_entry();
	memset(&e->i.enabled, 7, sizeof(e->i.enabled));
	assert_false(record_check(&r, 1));
}

static void
test_record_others(void **state)
{
	(void)state;
	memset(&r, 0, sizeof(r));
	r.kind = RECORD_HOST;
	r.u.host = list.host;
	assert_true(record_check(&r, 0));
	assert_false(record_check(&r, 1)); /* the host comes first */
	strcpy(r.u.host.site.wrapper, "\033[0m");
	assert_false(record_check(&r, 0));
	r.u.host = list.host;
	strcpy(r.u.host.site.daemon_directory, "x");
	assert_false(record_check(&r, 0));
	memset(&r, 0, sizeof(r));
	assert_true(record_check(&r, 0));
	r.err = ERR_BUG + 1;
	assert_false(record_check(&r, 0));
	r.err = ERR_OK;
	memset(r.u.why.text, 'x', sizeof(r.u.why.text));
	assert_false(record_check(&r, 0));
	memset(&r, 0, sizeof(r));
	r.kind = RECORD_DEFAULTS;
	r.u.defaults.len = sizeof(r.u.defaults.buf);
	assert_false(record_check(&r, 0));
	r.u.defaults.len--;
	assert_true(record_check(&r, 0));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(test_selection, setup),
	    cmocka_unit_test_setup(test_damaged_is_left_out, setup),
	    cmocka_unit_test_setup(test_one_prefers_the_good, setup),
	    cmocka_unit_test_setup(test_place, setup),
	    cmocka_unit_test_setup(test_frame_selectors, setup),
	    cmocka_unit_test_setup(test_claims, setup),
	    cmocka_unit_test_setup(test_listed_words, setup),
	    cmocka_unit_test_setup(test_record_entry, setup),
	    cmocka_unit_test_setup(test_record_others, setup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
