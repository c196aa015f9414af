#include <bsd/string.h>
#include <string.h>

#include "lex.h"

/* postconf(5)'s characters for names of instances; groups also "/". */
#define NAME_EXTRA "!@%-_=+:."
/* Accounts: POSIX, and what directory services put around it. */
#define ACCOUNT_EXTRA "._-@+$\\"
#define ID_MAX        4294967294u /* (uid_t)-1 means "leave as it is" */
#define LIMIT_MAX     100000

#define BIT(e) (1u << ACTION_##e)
#define RESTART                                                                \
	(BIT(STOP) | BIT(START) | BIT(RELOAD) | BIT(STATUS) | BIT(CHECK))

/* The actions themselves, in their own order, then the sets. */
static const struct {
	const char *name;
	unsigned bits;
} actions[] = {
#define X(e, name, cmd) [ACTION_##e] = {name, BIT(e)},
    ACTION_LIST(X)
#undef X
	{"restart", RESTART},
    {"operate", RESTART | BIT(FLUSH)},
    {"manage",
	BIT(CREATE) | BIT(DESTROY) | BIT(ENABLE) | BIT(DISABLE) | BIT(ASSIGN)},
};
#define NACTIONS (sizeof(actions) / sizeof(actions[0]))

static const struct {
	const char *name;
	const char *extra;  /* of the name that follows; NULL: none follows */
	const char *prefix; /* that name begins so and goes on */
} selectors[] = {
    [WHICH_INSTANCE] = {"instance", NAME_EXTRA, "postfix-"},
    [WHICH_PREFIX] = {"prefix", NAME_EXTRA, "postfix-"},
    [WHICH_GROUP] = {"group", NAME_EXTRA "/", ""},
    [WHICH_PRIMARY] = {"primary", NULL, NULL},
    [WHICH_ANY] = {"any", NULL, NULL},
};
#define NSELECTORS (sizeof(selectors) / sizeof(selectors[0]))

enum { AUDIT, CONFINEMENT, CAPABILITIES };
static const struct {
	const char *name, *values[CAPABILITIES_FULL + 2];
} settings[] = {
    [AUDIT] = {"audit", {"required"}},
    [CONFINEMENT] = {"confinement", {"reduced"}},
    [CAPABILITIES] = {"capabilities",
	{
	    [CAPABILITIES_DEFAULT] = "default",
	    [CAPABILITIES_REDUCED] = "reduced",
	    [CAPABILITIES_FULL] = "full",
	}},
};
#define NSETTINGS (sizeof(settings) / sizeof(settings[0]))

struct parser {
	struct policy *p;
	struct policy_error *e;
	struct lex_line line;
	size_t at; /* the next word */
};

#define FAIL(ps, column, ...)                                                  \
	lex_fail(&(ps)->line, column, (ps)->e, ERR_SYNTAX, __VA_ARGS__)

int
action_find(const char *name)
{
	int i;

	for (i = 0; i < ACTION_COUNT; i++)
		if (strcmp(action_name((enum action)i), name) == 0)
			return i;
	return -1;
}

/* The next word, or an error just behind the last one. */
static enum err
next_word(struct parser *ps, const char *what, const struct lex_word **w)
{
	*w = &ps->line.words[ps->at];
	if (ps->at++ < ps->line.nwords)
		return ERR_OK;
	--*w;
	return FAIL(ps, (*w)->column + (unsigned)strlen((*w)->text),
	    "the line ends too early: %s is missing", what);
}

static enum err
add_group(struct parser *ps, const struct lex_word *w, struct rule *r)
{
	struct policy *p = ps->p;
	struct policy_group *g;
	size_t i;

	for (i = 0; i < p->ngroups; i++)
		if (strcmp(p->groups[i].name, w->text + 1) == 0)
			break;
	if (i == POLICY_GROUPS)
		return lex_fail(&ps->line, w->column, ps->e, ERR_LIMIT,
		    "more than %d different groups", POLICY_GROUPS);
	g = &p->groups[i];
	if (i == p->ngroups) {
		*g = (struct policy_group){.state = GROUP_UNBOUND};
		(void)strlcpy(g->name, w->text + 1, sizeof(g->name));
		p->ngroups++;
	}
	r->who = WHO_GROUP;
	r->group = (unsigned)i;
	return ERR_OK;
}

static enum err
parse_who(struct parser *ps, struct rule *r)
{
	const struct lex_word *w;
	enum err err;
	const char *s;
	bool group;

	if ((err = next_word(ps, "who (user, :group, #uid or :#gid)", &w)))
		return err;
	group = w->text[0] == ':';
	s = w->text + group;
	if (*s == '#') {
		r->who = group ? WHO_GID : WHO_UID;
		if (!lex_number(s + 1, 0, ID_MAX, &r->id))
			return FAIL(ps, w->column,
			    "\"%s\" isn't a number from 0 to %u", s + 1,
			    ID_MAX);
		return ERR_OK;
	}
	if (!lex_name(s, ACCOUNT_EXTRA) || *s == '-')
		return FAIL(ps, w->column, "\"%s\" can't be the name of a %s",
		    s, group ? "group" : "user");
	if (s[strspn(s, "0123456789")] == '\0')
		return FAIL(ps, w->column, "a number is written %s#%s",
		    group ? ":" : "", s);
	if (group)
		return add_group(ps, w, r);
	r->who = WHO_USER;
	(void)strlcpy(r->user, s, sizeof(r->user));
	return ERR_OK;
}

static enum err
parse_actions(struct parser *ps, struct rule *r)
{
	static const char *const all =
#define X(e, name, cmd) name ", "
	    ACTION_LIST(X) "restart, operate or manage";
#undef X
	const struct lex_word *w;
	const char *s;
	unsigned column, seen = 0;
	size_t i, n;
	enum err err;

	if ((err = next_word(ps, "what (a list of actions)", &w)))
		return err;
	for (s = w->text;; s += n + 1) {
		n = strcspn(s, ",");
		column = w->column + (unsigned)(s - w->text);
		for (i = 0; i < NACTIONS; i++)
			if (strlen(actions[i].name) == n &&
			    memcmp(actions[i].name, s, n) == 0)
				break;
		if (i == NACTIONS)
			return FAIL(ps, column,
			    "\"%.*s\" can't be delegated: use %s",
			    n > 32 ? 32 : (int)n, s, all);
		if ((seen & 1u << i) != 0)
			return FAIL(ps, column, "%s stands twice in this list",
			    actions[i].name);
		seen |= 1u << i;
		r->actions |= actions[i].bits;
		if (s[n] == '\0')
			return ERR_OK;
	}
}

static enum err
parse_which(struct parser *ps, struct rule *r)
{
	static const char *const kinds =
	    "instance, prefix, group, primary or any";
	const struct lex_word *w;
	const char *prefix;
	enum err err;
	size_t i;

	if ((err = next_word(ps, kinds, &w)))
		return err;
	for (i = 0; i < NSELECTORS; i++)
		if (strcmp(selectors[i].name, w->text) == 0)
			break;
	if (i == NSELECTORS)
		return FAIL(ps, w->column,
		    "\"%s\" doesn't say which instances: use %s", w->text,
		    kinds);
	r->which = (enum which)i;
	if (selectors[i].extra == NULL)
		return ERR_OK;
	prefix = selectors[i].prefix;
	if ((err = next_word(ps, "a name", &w)))
		return err;
	if (strncmp(w->text, prefix, strlen(prefix)) != 0 ||
	    !lex_name(w->text + strlen(prefix), selectors[i].extra) ||
	    strcmp(w->text, "-") == 0)
		return FAIL(ps, w->column,
		    "\"%s\" isn't %s (letters, digits and %s)", w->text,
		    i == WHICH_GROUP ? "a group's name" :
				       "\"postfix-\" and more",
		    selectors[i].extra);
	(void)strlcpy(r->arg, w->text, sizeof(r->arg));
	return ERR_OK;
}

static enum err
parse_limit(struct parser *ps, struct rule *r)
{
	const struct lex_word *w = &ps->line.words[ps->at];
	enum err err;

	if (ps->at == ps->line.nwords || strcmp(w->text, "limit") != 0)
		return ERR_OK;
	if (r->deny || r->which != WHICH_PREFIX)
		return FAIL(ps, w->column,
		    "limit goes with permit and prefix only");
	ps->at++;
	if ((err = next_word(ps, "the limit's number", &w)))
		return err;
	if (!lex_number(w->text, 1, LIMIT_MAX, &r->limit))
		return FAIL(ps, w->column, "\"%s\" isn't a number from 1 to %d",
		    w->text, LIMIT_MAX);
	return ERR_OK;
}

static enum err
parse_end(struct parser *ps)
{
	const struct lex_word *w = &ps->line.words[ps->at];

	if (ps->at >= ps->line.nwords)
		return ERR_OK;
	return FAIL(ps, w->column, "\"%s\" is one word too many", w->text);
}

static enum err
parse_rule(struct parser *ps, bool deny)
{
	struct policy *p = ps->p;
	struct rule *r = &p->rules[p->nrules];
	enum err err;

	if (p->nrules == POLICY_RULES)
		return lex_fail(&ps->line, ps->line.words[0].column, ps->e,
		    ERR_LIMIT, "more than %d rules", POLICY_RULES);
	*r = (struct rule){.deny = deny,
	    .file = (unsigned)p->nfiles - 1,
	    .line = ps->line.number};
	if ((err = parse_who(ps, r)) || (err = parse_actions(ps, r)) ||
	    (err = parse_which(ps, r)) || (err = parse_limit(ps, r)) ||
	    (err = parse_end(ps)))
		return err;
	p->nrules++;
	return ERR_OK;
}

static enum err
parse_setting(struct parser *ps, const struct lex_word *name)
{
	const struct lex_word *w;
	struct policy *p = ps->p;
	size_t i, v = 0;
	enum err err;

	for (i = 0; i < NSETTINGS; i++)
		if (strcmp(settings[i].name, name->text) == 0)
			break;
	if (i == NSETTINGS)
		return FAIL(ps, name->column,
		    "unknown word \"%s\": a line begins with permit, deny, "
		    "audit, capabilities or confinement",
		    name->text);
	if ((p->seen & 1u << i) != 0)
		return FAIL(ps, name->column,
		    "%s is set twice: once in all files", name->text);
	if ((err = next_word(ps, "the setting's value", &w)))
		return err;
	while (settings[i].values[v] != NULL &&
	    strcmp(settings[i].values[v], w->text) != 0)
		v++;
	if (settings[i].values[v] == NULL)
		return FAIL(ps, w->column, "\"%s\" isn't a value of %s",
		    w->text, name->text);
	p->seen |= 1u << i;
	if (i == AUDIT)
		p->audit_required = true;
	else if (i == CONFINEMENT)
		p->confinement_reduced = true;
	else
		p->capabilities = (enum capabilities)v;
	return parse_end(ps);
}

void
policy_init(struct policy *p)
{
	memset(p, 0, sizeof(*p));
}

enum err
policy_parse(struct policy *p, const char *file, const char *buf, size_t len,
    struct policy_error *e)
{
	struct parser ps = {.p = p, .e = e};
	const struct lex_word *w = &ps.line.words[0];
	const char *end = buf + len;
	enum err err = ERR_OK;

	memset(e, 0, sizeof(*e));
	(void)strlcpy(e->file, file, sizeof(e->file));
	if (p->nfiles == POLICY_FILES)
		return lex_fail(&ps.line, 0, e, ERR_LIMIT,
		    "more than %d policy files", POLICY_FILES);
	(void)strlcpy(p->files[p->nfiles++], file, sizeof(p->files[0]));
	while (err == ERR_OK && buf < end) {
		err = lex_line(&buf, end, &ps.line, e);
		if (err != ERR_OK || ps.line.nwords == 0)
			continue;
		ps.at = 1;
		if (strcmp(w->text, "permit") == 0)
			err = parse_rule(&ps, false);
		else if (strcmp(w->text, "deny") == 0)
			err = parse_rule(&ps, true);
		else
			err = parse_setting(&ps, w);
	}
	return err;
}
