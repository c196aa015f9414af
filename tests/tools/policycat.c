/*
 * Runs one golden policy case.  Standard input (or the file named) holds
 * policy text, a line "---", and queries; what each answers is printed.
 *
 * In the policy text a line "=== NAME" begins another file; the first one is
 * policy.conf.  As the very first line, "!escapes" makes \xHH a byte and
 * "!cut" takes the last newline away.
 *
 * Queries (WHO is a user's name, or - for a uid without an account; INSTANCE
 * is a name, - for the primary, or (none) for a secondary without a name):
 *   group NAME GID | missing | error       binds a group of the policy
 *   WHO [uid=N] [gids=N,...] [kernel=N,...] ACTION INSTANCE [group=G]
 *   may WHO ... INSTANCE [group=G]         all permitted actions
 *   concerns WHO ... INSTANCE [group=G]
 *   change WHO ... ACTION INSTANCE [group=G] => INSTANCE [group=G]
 *   limit WHO ... ACTION INSTANCE [group=G] have=NAME,...
 *   usable | settings | rules
 *
 * Then everything is done again with the rules in other orders, and the
 * decisions must not change: the bytes of "!escapes" move with their lines,
 * and with "!cut" whichever line is last loses its newline.
 */

#include <bsd/string.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy.h"

#define SIZE     262144
#define MAXLINES 2048
#define SEEDS    5

struct query {
	struct subject s;
	gid_t fresh[64], kernel[64];
	enum action a;
	bool has_action;
	struct object o[2];
	const char *have;
};

static char in[SIZE], out[SIZE];
static size_t outlen;
static struct policy policy;
/* Only what order must not change: no places, no rules. */
static bool terse;

static _Noreturn void
die(const char *text)
{
	(void)fprintf(stderr, "policycat: %s\n", text);
	exit(2);
}

static _Noreturn void
die_shuffled(unsigned seed, const char *first)
{
	(void)fprintf(stderr, "the order matters (seed %u):\n%s--- was\n%s",
	    seed, out, first);
	exit(1);
}

static void __attribute__((format(printf, 1, 2))) say(const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(out + outlen, sizeof(out) - outlen, fmt, ap);
	va_end(ap);
	if (n < 0 || outlen + (size_t)n >= sizeof(out))
		die("too much output");
	outlen += (size_t)n;
}

static size_t
gids(const char *list, gid_t *to)
{
	size_t n = 0;
	char *end;

	for (; *list != '\0' && n < 64; list = *end == ',' ? end + 1 : end)
		to[n++] = (gid_t)strtoul(list, &end, 10);
	return n;
}

static void
add_instance(struct query *q, int *n, const char *word)
{
	if (++*n > 2)
		die("too many instances");
	q->o[*n - 1] = (struct object){.name = word, .group = ""};
	if (strcmp(word, "-") == 0)
		q->o[*n - 1] = (struct object){"", "", true};
	else if (strcmp(word, "(none)") == 0)
		q->o[*n - 1].name = "";
}

static void
read_query(struct query *q, char *text)
{
	char *word, *save = NULL;
	int n = 0, a;

	memset(q, 0, sizeof(*q));
	q->have = "";
	if ((word = strtok_r(text, " ", &save)) == NULL)
		die("a query without a caller");
	q->s.name = strcmp(word, "-") == 0 ? "" : word;
	q->s.uid = 1;
	q->s.fresh = q->fresh;
	q->s.kernel = q->kernel;
	while ((word = strtok_r(NULL, " ", &save)) != NULL) {
		if (strncmp(word, "uid=", 4) == 0)
			q->s.uid = (uid_t)strtoul(word + 4, NULL, 10);
		else if (strncmp(word, "gids=", 5) == 0)
			q->s.nfresh = gids(word + 5, q->fresh);
		else if (strncmp(word, "kernel=", 7) == 0)
			q->s.nkernel = gids(word + 7, q->kernel);
		else if (strncmp(word, "have=", 5) == 0)
			q->have = word + 5;
		else if (strncmp(word, "group=", 6) == 0 && n > 0)
			q->o[n - 1].group = word + 6;
		else if (n == 0 && (a = action_find(word)) != -1) {
			q->a = (enum action)a;
			q->has_action = true;
		} else if (strcmp(word, "=>") != 0)
			add_instance(q, &n, word);
	}
	if (n == 0)
		die("a query without an instance");
}

static size_t
count(void *ctx, const char *prefix)
{
	const char *p = ctx;
	size_t n = 0;

	while (*p != '\0') {
		n += strncmp(p, prefix, strlen(prefix)) == 0;
		p += strcspn(p, ",");
		p += *p == ',';
	}
	return n;
}

static void
say_err(enum err e, const struct why *w)
{
	if (e == ERR_OK)
		say("ok\n");
	else if (terse)
		say("%d\n", (int)e);
	else
		say("%s: %s\n", err_text(e), w->text);
}

static void
ask_permits(struct query *q)
{
	const struct rule *r;
	char place[256];
	bool yes;

	yes = policy_permits(&policy, &q->s, q->a, &q->o[0], &r);
	policy_rule_place(&policy, r, place, sizeof(place));
	say("%s%s%s\n", yes ? "permitted" : "denied", terse ? "" : ": ",
	    terse ? "" : place);
}

static void
ask_may(struct query *q)
{
	int a, n = 0;

	for (a = 0; a < ACTION_COUNT; a++)
		if (policy_permits(&policy, &q->s, (enum action)a, &q->o[0],
			NULL))
			say("%s%s", n++ > 0 ? "," : "",
			    action_name((enum action)a));
	say("%s\n", n == 0 ? "nothing" : "");
}

static void
ask_concerns(struct query *q)
{
	say("%s\n",
	    policy_concerns(&policy, &q->s, &q->o[0], NULL) ? "yes" : "no");
}

static void
ask_change(struct query *q)
{
	struct why w = {""};
	enum err e;

	e = policy_may_change(&policy, &q->s, q->a, &q->o[0], &q->o[1], &w);
	say_err(e, &w);
}

static void
ask_limit(struct query *q)
{
	struct why w = {""};
	char have[1024];
	enum err e;

	(void)strlcpy(have, q->have, sizeof(have));
	e = policy_limits(&policy, &q->s, q->a, &q->o[0], count, have, &w);
	say_err(e, &w);
}

static void
show_usable(void)
{
	struct why w = {""};
	enum err e = policy_usable(&policy, &w);

	say_err(e, &w);
}

static void
show_settings(void)
{
	static const char *const names[] = {
	    [CAPABILITIES_DEFAULT] = "default",
	    [CAPABILITIES_REDUCED] = "reduced",
	    [CAPABILITIES_FULL] = "full",
	};

	say("audit=%s confinement=%s capabilities=%s\n",
	    policy.audit_required ? "required" : "default",
	    policy.confinement_reduced ? "reduced" : "default",
	    names[policy.capabilities]);
}

static void
show_rule(const struct rule *r)
{
	static const char *const kinds[] = {
	    "instance ", "prefix ", "group ", "primary", "any"};
	char place[256];
	int a, n = 0;

	policy_rule_place(&policy, r, place, sizeof(place));
	say("  %s %s ", place, r->deny ? "deny" : "permit");
	switch (r->who) {
	case WHO_USER: say("%s ", r->user); break;
	case WHO_GROUP: say(":%s ", policy.groups[r->group].name); break;
	case WHO_UID: say("#%u ", r->id); break;
	case WHO_GID: say(":#%u ", r->id); break;
	}
	for (a = 0; a < ACTION_COUNT; a++)
		if ((r->actions & 1u << a) != 0)
			say("%s%s", n++ > 0 ? "," : "",
			    action_name((enum action)a));
	say(" %s%s", kinds[r->which], r->arg);
	if (r->limit != 0)
		say(" limit %u", r->limit);
	say("\n");
}

static void
show_rules(void)
{
	size_t i;

	say("%zu\n", policy.nrules);
	for (i = 0; !terse && i < policy.nrules; i++)
		show_rule(&policy.rules[i]);
}

static void
bind_group(const char *text)
{
	char name[POLICY_WORD], state[32];
	struct policy_group *g;
	size_t i;

	if (sscanf(text, "%127s %31s", name, state) != 2)
		die("group: NAME GID");
	for (i = 0; i < policy.ngroups; i++) {
		g = &policy.groups[i];
		if (strcmp(g->name, name) != 0)
			continue;
		if (strcmp(state, "missing") == 0)
			g->state = GROUP_MISSING;
		else if (strcmp(state, "error") == 0)
			g->state = GROUP_ERROR;
		else {
			g->state = GROUP_BOUND;
			g->gid = (gid_t)strtoul(state, NULL, 10);
		}
	}
}

static const struct {
	const char *word;
	void (*ask)(struct query *);
	void (*show)(void);
	bool action;
} queries[] = {
    {"may ", ask_may, NULL, false},
    {"concerns ", ask_concerns, NULL, false},
    {"change ", ask_change, NULL, true},
    {"limit ", ask_limit, NULL, true},
    {"usable", NULL, show_usable, false},
    {"settings", NULL, show_settings, false},
    {"rules", NULL, show_rules, false},
    {"", ask_permits, NULL, true},
};

static void
one_query(const char *line)
{
	struct query q;
	char text[2048];
	size_t i = 0;

	while (strncmp(line, queries[i].word, strlen(queries[i].word)) != 0)
		i++;
	say("%s -> ", line);
	if (queries[i].show != NULL) {
		queries[i].show();
		return;
	}
	(void)strlcpy(text, line + strlen(queries[i].word), sizeof(text));
	read_query(&q, text);
	if (queries[i].action && !q.has_action)
		die(line);
	queries[i].ask(&q);
}

static void
all_queries(const char *text)
{
	char line[2048];
	size_t n;

	for (; *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (n == 0 || n >= sizeof(line) || *text == '#')
			continue;
		memcpy(line, text, n);
		line[n] = '\0';
		if (strncmp(line, "group ", 6) == 0)
			bind_group(line + 6);
		else
			one_query(line);
	}
}

static void
say_error(const struct policy_error *e)
{
	char text[512];
	unsigned i;

	policy_error_text(e, text, sizeof(text));
	say("%s\n", text);
	if (e->source[0] == '\0')
		return;
	say("%s\n", e->source);
	for (i = 0; i + 1 < e->column && i < strlen(e->source); i++)
		say("%c", e->source[i] == '\t' ? '\t' : ' ');
	say("^\n");
}

/* Parses the text, which "=== NAME" lines split into files. */
static bool
parse(const char *text, size_t len)
{
	const char *end = text + len, *next, *nl;
	char file[128] = "policy.conf";
	struct policy_error e;

	policy_init(&policy);
	for (;;) {
		next = memmem(text, (size_t)(end - text), "=== ", 4);
		if (next == NULL)
			next = end;
		if (policy_parse(&policy, file, text, (size_t)(next - text),
			&e) != ERR_OK) {
			if (terse)
				say("error\n");
			else
				say_error(&e);
			return false;
		}
		if (next == end)
			return true;
		nl = memchr(next, '\n', (size_t)(end - next));
		if (nl == NULL)
			die("=== without a newline");
		(void)snprintf(file, sizeof(file), "%.*s", (int)(nl - next - 4),
		    next + 4);
		text = nl + 1;
	}
}

static void
run(const char *text, size_t len, const char *asked)
{
	outlen = 0;
	out[0] = '\0';
	if (parse(text, len))
		all_queries(asked);
}

/* The same lines in an order that the seed says, all in one file. */
static size_t
shuffle(const char *text, size_t len, char *to, uint32_t seed)
{
	const char *lines[MAXLINES], *end = text + len, *next;
	size_t lens[MAXLINES], n = 0, i, k, used = 0;

	for (; text < end; text = next) {
		next = memchr(text, '\n', (size_t)(end - text));
		next = next != NULL ? next + 1 : end;
		if (next - text > 4 && memcmp(text, "=== ", 4) == 0)
			continue;
		if (n == MAXLINES)
			die("too many lines");
		lines[n] = text;
		lens[n++] = (size_t)(next - text);
	}
	for (i = n; i > 0; i--) {
		seed = seed * 1664525u + 1013904223u;
		k = (seed >> 8) % i;
		memcpy(to + used, lines[k], lens[k]);
		used += lens[k];
		lines[k] = lines[i - 1];
		lens[k] = lens[i - 1];
	}
	return used;
}

static size_t
unescape(char *text, size_t len)
{
	size_t i, n = 0;
	unsigned byte;

	for (i = 0; i < len; i++)
		if (i + 3 < len && text[i] == '\\' && text[i + 1] == 'x' &&
		    sscanf(text + i + 2, "%2x", &byte) == 1) {
			text[n++] = (char)byte;
			i += 3;
		} else
			text[n++] = text[i];
	return n;
}

int
main(int argc, char **argv)
{
	static char first[SIZE], mixed[SIZE];
	FILE *f = argc > 1 ? fopen(argv[1], "r") : stdin;
	char *text = in, *asked, *print;
	size_t len;
	uint32_t seed;
	size_t cut = 0;

	if (f == NULL)
		die("can't read the case");
	len = fread(in, 1, sizeof(in) - 1, f);
	if (strncmp(in, "---\n", 4) == 0)
		asked = in;
	else if ((asked = memmem(in, len, "\n---\n", 5)) != NULL)
		asked++;
	else
		die("no line ---");
	len = (size_t)(asked - in);
	asked += 4;
	if (strncmp(text, "!escapes\n", 9) == 0) {
		text += 9;
		len = unescape(text, len - 9);
	} else if (strncmp(text, "!cut\n", 5) == 0) {
		cut = 1;
		text += 5;
		len -= 5;
	}
	run(text, len - cut, asked);
	if ((print = strdup(out)) == NULL)
		die("no memory");
	terse = true;
	run(text, len - cut, asked);
	(void)strlcpy(first, out, sizeof(first));
	for (seed = 1; seed <= SEEDS; seed++) {
		len = shuffle(text, len, mixed, seed);
		memcpy(text, mixed, len);
		run(text, len - cut, asked);
		if (strcmp(first, out) != 0)
			die_shuffled(seed, first);
	}
	(void)fputs(print, stdout);
	free(print);
	return 0;
}
