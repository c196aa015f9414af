#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bsd/stdlib.h>

#include "msg.h"
#include "options.h"
#include "settings.h"

static const char *const mode_names[MODE_COUNT] = {
#define X(m, name) [MODE_##m] = (name),
    MODE_LIST_ALL(X)
#undef X
};

const char *
mode_name(enum mode m)
{
	return mode_names[m];
}

#define LIST      MODE_BIT(MODE_LIST)
#define ITERATORS (LIST | MODE_BIT(MODE_EXECUTE))
#define NAMERS                                                                 \
	(MODE_BIT(MODE_CREATE) | MODE_BIT(MODE_IMPORT) | MODE_BIT(MODE_ASSIGN))
/* -e actions on what is there already. */
#define EXISTING                                                               \
	(MODE_EDITS &                                                          \
	    ~(MODE_BIT(MODE_INIT) | MODE_BIT(MODE_CREATE) |                    \
		MODE_BIT(MODE_IMPORT)))

/* What an option does to struct options. */
enum kind { MODE, EDIT, SELECT, ONCE, TOGGLE, SET, COUNT, SECONDS };

struct row {
	const char *name;    /* of a long option */
	const char *arg;     /* what help calls its argument; NULL: none */
	const char *refusal; /* in modes that aren't legal; NULL: all are */
	const char *help;
	size_t offset;  /* of its destination */
	unsigned legal; /* modes it may stand with */
	unsigned value; /* MODE: the mode, SELECT: the selection */
	enum kind kind;
	int flag; /* letter, or a number from 256 for a long option */
};

#define DEST(member) offsetof(struct options, member)

enum { OPT_DRY_RUN = 256, OPT_FIX, OPT_HELP, OPT_LOCK_TIMEOUT, OPT_VERSION };

static const struct row rows[] = {
    {.flag = 'a',
	.kind = SELECT,
	.value = SELECT_ALL,
	.help = "all instances; with create or import: place it first"},
    {.flag = 'e',
	.arg = "ACTION",
	.kind = EDIT,
	.help = "init, create, import, assign, enable, disable, deport, "
		"destroy"},
    {.flag = 'g',
	.arg = "GROUP",
	.kind = SELECT,
	.value = SELECT_GROUP,
	.help = "the instances of a group"},
    {.flag = 'i',
	.arg = "INSTANCE",
	.kind = SELECT,
	.value = SELECT_NAME,
	.help = "a name, a configuration directory, or - for the primary"},
    {.flag = 'j',
	.kind = SET,
	.offset = DEST(json),
	.legal = LIST,
	.refusal = "Specify '-j' only with '-l'",
	.help = "JSON, with -l"},
    {.flag = 'G',
	.arg = "GROUP",
	.kind = ONCE,
	.offset = DEST(group),
	.help = "assign a group, - for none"},
    {.flag = 'I',
	.arg = "NAME",
	.kind = ONCE,
	.offset = DEST(name),
	.help = "assign a name, - for none"},
    {.flag = 'l',
	.kind = MODE,
	.value = MODE_LIST,
	.help = "list instances: name, group, enabled, directory"},
    {.flag = 'p',
	.kind = MODE,
	.value = MODE_POSTFIX,
	.help = "run postfix(1) for each instance"},
    {.flag = 'R',
	.kind = TOGGLE,
	.offset = DEST(reverse),
	.legal = ITERATORS,
	.refusal = "The '-p' and '-e' options preclude the use of '-R'",
	.help = "reverse the order"},
    {.flag = 'v',
	.kind = COUNT,
	.help = "more detail; for the commands that are run, too"},
    {.flag = 'x',
	.kind = MODE,
	.value = MODE_EXECUTE,
	.help = "run a command of yours for each instance"},
    {.flag = OPT_DRY_RUN,
	.name = "dry-run",
	.kind = SET,
	.offset = DEST(dry_run),
	.help = "print the steps, change nothing"},
    {.flag = OPT_FIX,
	.name = "fix",
	.kind = SET,
	.offset = DEST(fix),
	.legal = MODE_BIT(MODE_DOCTOR),
	.refusal = "Specify '--fix' only with 'doctor'",
	.help = "with doctor: have mended what the helpers can mend"},
    {.flag = OPT_HELP,
	.name = "help",
	.kind = SET,
	.offset = DEST(help),
	.help = "this text"},
    {.flag = OPT_LOCK_TIMEOUT,
	.name = "lock-timeout",
	.arg = "SECONDS",
	.kind = SECONDS,
	.offset = DEST(lock_timeout),
	.legal = MODE_EDITS | MODE_BIT(MODE_POSTFIX),
	.refusal = "Specify '--lock-timeout' only with '-e' or '-p'",
	.help = "wait no longer than that for others"},
    {.flag = OPT_VERSION,
	.name = "version",
	.kind = SET,
	.offset = DEST(version),
	.help = "print the version"},
};

#define NROWS (sizeof(rows) / sizeof(rows[0]))
#define END   (rows + NROWS)

/* What was seen on the way. */
struct tally {
	unsigned modes, selections;
	bool seen[NROWS];
};

static const char usage[] =
    "Usage:%s -l [-v] [-a] [-g group] [-i instance]"
    " | %s -p [-v] [-a] [-g group] [-i instance] command..."
    " | %s -x [-v] [-a] [-i name] [-g group] command..."
    " | %s -e action [-v] [-a] [-i name] [-g group]"
    " [-I name] [-G group] [param=value ...]";

static void
set_mode(struct options *o, struct tally *t, enum mode m)
{
	if (o->mode != m)
		t->modes++;
	o->mode = m;
}

static enum err
set_edit(struct options *o, struct tally *t, const char *arg, struct why *why)
{
	unsigned m;

	for (m = MODE_CREATE; m < MODE_COUNT; m++)
		if (strcmp(arg, mode_names[m]) == 0) {
			set_mode(o, t, (enum mode)m);
			return ERR_OK;
		}
	return why_set(why, ERR_SYNTAX,
	    "Invalid '-e' edit action '%s'. Specify 'create', 'destroy', "
	    "'import', 'deport', 'enable', 'disable', 'assign' or 'init'",
	    arg);
}

/* -a may be repeated, as in the original. */
static void
set_selection(struct options *o, struct tally *t, const struct row *r,
    const char *arg)
{
	if (r->value != SELECT_ALL || o->select != SELECT_ALL)
		t->selections++;
	o->select = (enum select)r->value;
	o->selected = arg;
}

static enum err
set_once(const struct row *r, const char **dest, const char *arg,
    struct why *why)
{
	if (*dest != NULL)
		return why_set(why, ERR_SYNTAX,
		    "Specify at most one '-%c' option", r->flag);
	/* An empty argument clears, too. */
	*dest = arg[0] != '\0' ? arg : "-";
	return ERR_OK;
}

static enum err
set_seconds(unsigned *dest, const char *arg, struct why *why)
{
	const char *bad;

	*dest = (unsigned)strtonum(arg, 1, 86400, &bad);
	if (bad == NULL)
		return ERR_OK;
	return why_set(why, ERR_SYNTAX,
	    "--lock-timeout=%s: specify 1 to 86400 seconds", arg);
}

static enum err
apply(const struct row *r, struct options *o, struct tally *t, const char *arg,
    struct why *why)
{
	char *dest = (char *)o + r->offset;

	t->seen[r - rows] = true;
	switch (r->kind) {
	case MODE: set_mode(o, t, (enum mode)r->value); break;
	case EDIT: return set_edit(o, t, arg, why);
	case SELECT: set_selection(o, t, r, arg); break;
	case ONCE: return set_once(r, (const char **)(void *)dest, arg, why);
	case TOGGLE: *(bool *)dest = !*(bool *)dest; break;
	case SET: *(bool *)dest = true; break;
	case COUNT: msg_verbosity++; break;
	case SECONDS: return set_seconds((unsigned *)(void *)dest, arg, why);
	}
	return ERR_OK;
}

/* The one mode that is a word. */
static bool
is_doctor(const struct options *o, int argc, char **argv)
{
	return o->mode == MODE_NONE && optind < argc &&
	    strcmp(argv[optind], "doctor") == 0;
}

/* Names for -I and -G have messages that depend on the mode. */
static enum err
check_assignment(const struct options *o, struct why *why)
{
	if (o->name == NULL && o->group == NULL) {
		if (o->mode != MODE_ASSIGN)
			return ERR_OK;
		return why_set(why, ERR_SYNTAX,
		    "Specify new instance name or group with '-e assign'");
	}
	if ((NAMERS & MODE_BIT(o->mode)) != 0)
		return ERR_OK; /* the names' turn comes in check() */
	if (mode_names[o->mode] == NULL)
		return why_set(why, ERR_SYNTAX,
		    "Cannot assign instance name or group without '-e assign'");
	return why_set(why, ERR_SYNTAX,
	    "Cannot assign instance name or group with '-e %s'",
	    mode_names[o->mode]);
}

/* The original's order, which decides which of two mistakes is told. */
static enum err
check(const struct options *o, const struct tally *t, struct why *why)
{
	const struct row *r;

	if (t->selections > 1)
		return why_set(why, ERR_SYNTAX,
		    "Specity no more than one of '-a', '-g', '-i'");
	if (t->modes != 1)
		return why_set(why, ERR_SYNTAX,
		    "Specify exactly one of '-e', '-l', '-p', '-x'");
	if (o->mode == MODE_DOCTOR && (o->nargs > 0 || t->selections > 0))
		return why_set(why, ERR_SYNTAX,
		    "'doctor' looks at the whole host: it takes no instance "
		    "and no command");
	if (o->mode == MODE_LIST && o->nargs > 0)
		return why_set(why, ERR_SYNTAX,
		    "Command not allowed with '-l'");
	if ((o->mode == MODE_POSTFIX || o->mode == MODE_EXECUTE) &&
	    o->nargs == 0)
		return why_set(why, ERR_SYNTAX,
		    "Command required with '-p' or '-x' option");
	for (r = rows; r < END; r++)
		if (r->refusal != NULL && t->seen[r - rows] &&
		    (r->legal & MODE_BIT(o->mode)) == 0 &&
		    (r->kind != TOGGLE || o->reverse))
			return why_set(why, ERR_SYNTAX, "%s", r->refusal);
	if (check_assignment(o, why) != ERR_OK)
		return ERR_SYNTAX;
	if ((MODE_EDITS & MODE_BIT(o->mode)) != 0 && o->mode != MODE_CREATE &&
	    o->mode != MODE_IMPORT && o->nargs > 0)
		return why_set(why, ERR_SYNTAX,
		    "Parameter overrides not valid with '-e %s'",
		    mode_names[o->mode]);
	if ((EXISTING & MODE_BIT(o->mode)) != 0 && o->select != SELECT_NAME)
		return why_set(why, ERR_SYNTAX,
		    "Select an instance via '-i name'");
	/* assign looks for its instance first. */
	return o->mode == MODE_ASSIGN ? ERR_OK : settings_names(o, why);
}

/* getopt_long(3)'s own tables, from ours. */
static void
getopt_tables(char *letters, struct option *names)
{
	const struct row *r;

	*letters++ = '+';
	for (r = rows; r < END; r++) {
		if (r->name == NULL) {
			*letters++ = (char)r->flag;
			if (r->arg != NULL)
				*letters++ = ':';
			continue;
		}
		*names++ = (struct option){
		    .name = r->name, .val = r->flag, .has_arg = r->arg != NULL};
	}
	*letters = '\0';
	*names = (struct option){0};
}

enum err
options_parse(struct options *o, int argc, char **argv, struct why *why)
{
	char letters[2 * NROWS + 2];
	struct option names[NROWS + 1];
	struct tally t = {0};
	const struct row *r;
	enum err e;
	int c;

	memset(o, 0, sizeof(*o));
	getopt_tables(letters, names);
	for (;;) {
		c = getopt_long(argc, argv, letters, names, NULL);
		if (c == -1 && is_doctor(o, argc, argv)) {
			set_mode(o, &t, MODE_DOCTOR);
			optind++;
			continue;
		}
		if (c == -1)
			break;
		for (r = rows; r < END && r->flag != c; r++)
			;
		if (r == END)
			return why_set(why, ERR_SYNTAX, usage, argv[0], argv[0],
			    argv[0], argv[0]);
		if ((e = apply(r, o, &t, optarg, why)) != ERR_OK)
			return e;
	}
	o->args = argv + optind;
	o->nargs = (size_t)(argc - optind);
	return o->help || o->version ? ERR_OK : check(o, &t, why);
}

void
options_help(void)
{
	const struct row *r;
	const char *arg;
	char left[40];

	(void)puts("usage: postmulti -l [-j] [-R] [-a | -g GROUP | -i INSTANCE]"
		   "\n       postmulti -p [SELECTION] COMMAND..."
		   "\n       postmulti -x [-R] [SELECTION] COMMAND..."
		   "\n       postmulti -e ACTION [-i INSTANCE] [-I NAME]"
		   " [-G GROUP] [PARAM=VALUE...]"
		   "\n       postmulti doctor [--fix]\n");
	for (r = rows; r < END; r++) {
		arg = r->arg != NULL ? r->arg : "";
		if (r->name == NULL)
			(void)snprintf(left, sizeof(left), "-%c%s%s", r->flag,
			    *arg != '\0' ? " " : "", arg);
		else
			(void)snprintf(left, sizeof(left), "--%s%s%s", r->name,
			    *arg != '\0' ? "=" : "", arg);
		(void)printf("  %-22s %s\n", left, r->help);
	}
	(void)puts("\nSee postmulti(1).");
}
