/*
 * The policy parser and what is decided by its result.  Any text is either
 * refused at a place that exists, or its rules are all well-formed; then their
 * order doesn't matter, and no change that P8 lets pass gives anybody more.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define MUST(cond)                                                             \
	do {                                                                   \
		if (!(cond))                                                   \
			abort();                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct policy policy, other;

static const gid_t gids[] = {1, 3, 1000};
static const struct subject subjects[] = {
    {.uid = 1000, .name = "alice", .fresh = gids, .nfresh = 2},
    {.uid = 1000, .name = "alice", .kernel = gids, .nkernel = 2},
    {.uid = 0, .name = "", .fresh = gids, .nfresh = 3},
};
static const struct object objects[] = {
    {"", "", true},
    {"postfix-out", "", false},
    {"postfix-out", "mta", false},
    {"postfix-alice-1", "", false},
    {"postfix-alice-1", "mta", false},
    {"", "g", false},
};
#define NSUBJECTS (sizeof(subjects) / sizeof(subjects[0]))
#define NOBJECTS  (sizeof(objects) / sizeof(objects[0]))

static void
check_text(const char *s, size_t size)
{
	size_t n = strnlen(s, size), i;

	MUST(n < size);
	for (i = 0; i < n; i++)
		MUST(s[i] == '\t' || (s[i] >= 0x20 && s[i] < 0x7f));
}

static void
check_error(const struct policy_error *e, const char *text, size_t len)
{
	char line[600];
	size_t lines = 1, i;

	for (i = 0; i < len; i++)
		lines += text[i] == '\n';
	MUST(e->text[0] != '\0' && strcmp(e->file, "f") == 0);
	MUST(e->line >= 1 && e->line <= lines && e->column >= 1);
	check_text(e->text, sizeof(e->text));
	check_text(e->source, sizeof(e->source));
	policy_error_text(e, line, sizeof(line));
	MUST(strncmp(line, "f:", 2) == 0);
}

static void
check_rule(const struct rule *r)
{
	static const bool named[] = {
	    [WHICH_INSTANCE] = true,
	    [WHICH_PREFIX] = true,
	    [WHICH_GROUP] = true,
	    [WHICH_PRIMARY] = false,
	    [WHICH_ANY] = false,
	};

	MUST(r->who <= WHO_GID && r->which <= WHICH_ANY);
	MUST(r->actions != 0 && r->actions < 1u << ACTION_COUNT);
	MUST(r->id != (uid_t)-1 && r->group < POLICY_GROUPS);
	check_text(r->user, sizeof(r->user));
	check_text(r->arg, sizeof(r->arg));
	MUST((r->user[0] != '\0') == (r->who == WHO_USER));
	MUST((r->arg[0] != '\0') == named[r->which]);
	if (r->which == WHICH_INSTANCE || r->which == WHICH_PREFIX)
		MUST(strncmp(r->arg, "postfix-", 8) == 0 && strlen(r->arg) > 8);
	MUST(r->limit == 0 || (!r->deny && r->which == WHICH_PREFIX));
	MUST(r->limit <= 100000 && r->line >= 1);
}

static void
bind(struct policy *p)
{
	size_t i;

	for (i = 0; i < p->ngroups; i++) {
		p->groups[i].state = GROUP_BOUND;
		/* The same number whatever the order. */
		p->groups[i].gid = (gid_t)strlen(p->groups[i].name) % 4;
	}
}

static unsigned
all(const struct policy *p, const struct subject *s, const struct object *o)
{
	unsigned set = 0;
	int a;

	for (a = 0; a < ACTION_COUNT; a++)
		if (policy_permits(p, s, (enum action)a, o, NULL))
			set |= 1u << a;
	MUST(policy_concerns(p, s, o, NULL) == (set != 0));
	return set;
}

static size_t
count(void *ctx, const char *prefix)
{
	(void)prefix;
	return *(size_t *)ctx;
}

static void
check_changes(const struct subject *s, const struct object *from)
{
	static const enum action acts[] = {
	    ACTION_CREATE, ACTION_IMPORT, ACTION_ASSIGN};
	size_t a, i, none = 0, many = 1000000;
	const struct object *to;
	enum err e;

	for (a = 0; a < 3; a++)
		for (i = 0; i < NOBJECTS; i++) {
			to = &objects[i];
			e = policy_may_change(&policy, s, acts[a], from, to,
			    NULL);
			MUST(e == ERR_OK || e == ERR_DENIED);
			MUST(e != ERR_OK ||
			    (all(&policy, s, to) & ~all(&policy, s, from)) ==
				0);
			MUST(policy_limits(&policy, s, acts[a], to, count,
				 &none, NULL) == ERR_OK);
			(void)policy_limits(&policy, s, acts[a], to, count,
			    &many, NULL);
		}
}

/* The same lines, the last one first. */
static size_t
reverse(const char *text, size_t len, char *to)
{
	size_t start, n = 0, end = len;

	while (end > 0) {
		for (start = end - 1; start > 0 && text[start - 1] != '\n';)
			start--;
		memcpy(to + n, text + start, end - start);
		n += end - start;
		end = start;
	}
	return n;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char backwards[262144];
	struct policy_error e;
	size_t i, k;

	if (size >= sizeof(backwards))
		return 0;
	policy_init(&policy);
	if (policy_parse(&policy, "f", (const char *)data, size, &e) !=
	    ERR_OK) {
		check_error(&e, (const char *)data, size);
		return 0;
	}
	MUST(policy.nrules <= POLICY_RULES && policy.ngroups <= POLICY_GROUPS);
	for (i = 0; i < policy.nrules; i++)
		check_rule(&policy.rules[i]);
	/* Before anybody could look a group up nothing is permitted that a
	 * deny might be about. */
	if (policy_usable(&policy, NULL) != ERR_OK)
		MUST(all(&policy, &subjects[0], &objects[1]) == 0);
	bind(&policy);
	MUST(policy_usable(&policy, NULL) == ERR_OK);
	policy_init(&other);
	MUST(policy_parse(&other, "f", backwards,
		 reverse((const char *)data, size, backwards), &e) == ERR_OK);
	bind(&other);
	for (i = 0; i < NSUBJECTS; i++)
		for (k = 0; k < NOBJECTS; k++) {
			MUST(all(&policy, &subjects[i], &objects[k]) ==
			    all(&other, &subjects[i], &objects[k]));
			if (policy.nrules < 32)
				check_changes(&subjects[i], &objects[k]);
		}
	return 0;
}
