#include <stddef.h>
#include <string.h>

#include "policy.h"
#include "proto.h"

static const char *const helpers[HELPER_COUNT] = {
    [HELPER_CONFIG] = "postmulti-config",
    [HELPER_DIRS] = "postmulti-dirs",
    [HELPER_EXEC] = "postmulti-exec",
};

const char *
helper_name(enum helper h)
{
	return helpers[h];
}

/*
 * What each part of a frame may hold.  A part outside the operation's field
 * groups, and a root_only part from anybody but root, must be all zero.
 */
enum kind { NUMBER, NAME, GROUP, PATH, SELECTOR, ZERO };

struct part {
	const char *name;
	size_t offset, size;
	unsigned field; /* 0: always allowed */
	bool root_only;
	enum kind kind;
	uint32_t max; /* NUMBER: largest value */
};

#define PART(member, fld, root, k, most)                                       \
	{                                                                      \
		.name = #member, .offset = offsetof(struct frame, member),     \
		.size = sizeof(((struct frame *)0)->member), .field = (fld),   \
		.root_only = (root), .kind = (k), .max = (most)                \
	}

static const struct part parts[] = {
    PART(flags, 0, false, NUMBER, FRAME_VERBOSE),
    PART(place, FIELD_PLACE, false, NUMBER, PLACE_COUNT - 1),
    PART(command, FIELD_COMMAND, false, NUMBER, ACTION_COUNT),
    PART(index, FIELD_INDEX, false, NUMBER, UINT32_MAX),
    PART(lock_timeout, 0, false, NUMBER, UINT32_MAX),
    PART(unused, 0, false, ZERO, 0),
    PART(sel, FIELD_SEL, false, SELECTOR, 0),
    PART(before, FIELD_PLACE, false, SELECTOR, 0),
    PART(name, FIELD_NAMES, false, NAME, 0),
    PART(group, FIELD_NAMES, false, GROUP, 0),
    PART(config, FIELD_DIRS, true, PATH, 0),
    PART(queue, FIELD_DIRS, true, PATH, 0),
    PART(data, FIELD_DIRS, true, PATH, 0),
    PART(pad, 0, false, ZERO, 0),
};

static bool
is_zero(const void *p, size_t n)
{
	const unsigned char *b = p;

	while (n > 0 && b[n - 1] == 0)
		n--;
	return n == 0;
}

/* A NUL within size bytes and nothing behind it. */
static bool
is_string(const char *s, size_t size)
{
	size_t n = strnlen(s, size);

	return n < size && is_zero(s + n, size - n);
}

static bool
name_ok(const char *s, bool root)
{
	return s[0] == '\0' || strcmp(s, "-") == 0 ||
	    (root ? site_new_name_ok(s) : site_delegate_name_ok(s));
}

static bool
group_ok(const char *s, bool root)
{
	return s[0] == '\0' || strcmp(s, "-") == 0 ||
	    (root ? site_group_ok(s) : site_delegate_group_ok(s));
}

/* An existing instance may have any valid name, so a delegate selects it by
 * that; exactly one of the three forms, or none where that is allowed. */
static bool
selector_ok(const struct selector *s, bool root)
{
	int forms = (s->dev != 0 || s->ino != 0) + (s->name[0] != '\0') +
	    (s->dir[0] != '\0');

	return is_string(s->name, sizeof(s->name)) &&
	    is_string(s->dir, sizeof(s->dir)) && forms <= 1 &&
	    (s->name[0] == '\0' || site_new_name_ok(s->name) ||
		strcmp(s->name, "-") == 0) &&
	    (s->dir[0] == '\0' || (root && path_is_clean(s->dir)));
}

static bool
part_ok(const struct part *p, const void *value, bool root)
{
	const char *s = value;
	uint32_t n;

	switch (p->kind) {
	case NUMBER: memcpy(&n, value, sizeof(n)); return n <= p->max;
	case NAME: return is_string(s, p->size) && name_ok(s, root);
	case GROUP: return is_string(s, p->size) && group_ok(s, root);
	case PATH:
		return is_string(s, p->size) &&
		    (s[0] == '\0' || path_is_clean(s));
	case SELECTOR: return selector_ok(value, root);
	case ZERO: break;
	}
	return is_zero(value, p->size);
}

enum err
frame_check(const struct frame *f, enum helper helper, bool root,
    struct why *why)
{
	const struct op_info *op = op_info(f->op);
	const struct part *p;
	bool allowed;

	if (f->version != PROTO_VERSION)
		return why_set(why, ERR_PROTOCOL,
		    "frame: version %u, this helper speaks %u: "
		    "front-end and helpers must be of one installation",
		    f->version, PROTO_VERSION);
	if (op == NULL || op->helper != helper)
		return why_set(why, ERR_PROTOCOL,
		    "frame: operation %u is not one of %s's", f->op,
		    helper_name(helper));
	for (p = parts; p < parts + sizeof(parts) / sizeof(parts[0]); p++) {
		const char *v = (const char *)f + p->offset;

		allowed = p->field == 0 || (op->fields & p->field) != 0;
		if (allowed && p->root_only && !root)
			allowed = false;
		if (allowed ? part_ok(p, v, root) : is_zero(v, p->size))
			continue;
		return why_set(why, ERR_PROTOCOL,
		    "frame: field \"%s\" of %s %s", p->name, op->name,
		    allowed ? "is malformed" : "must be empty");
	}
	if ((op->fields & FIELD_SEL) != 0 && is_zero(&f->sel, sizeof(f->sel)))
		return why_set(why, ERR_PROTOCOL,
		    "frame: %s selects no instance", op->name);
	if ((f->place == PLACE_BEFORE) ==
	    is_zero(&f->before, sizeof(f->before)))
		return why_set(why, ERR_PROTOCOL,
		    "frame: field \"before\" does not fit \"place\"");
	if (f->command == 0 && (op->fields & FIELD_COMMAND) != 0 && !root)
		return why_set(why, ERR_PROTOCOL, "frame: no command");
	if (f->command > 0 && !action_is_command((enum action)(f->command - 1)))
		return why_set(why, ERR_PROTOCOL,
		    "frame: command %u is not one of postfix(1)'s", f->command);
	return ERR_OK;
}

enum err
reply_check(const struct reply *r, unsigned op, struct why *why)
{
	const struct facts *f = &r->facts;

	if (r->version == PROTO_VERSION && r->op == op && r->err <= ERR_BUG &&
	    r->unchanged <= 1 && r->unused == 0 &&
	    is_string(r->rule, sizeof(r->rule)) &&
	    is_string(r->error, sizeof(r->error)) &&
	    is_string(r->notes, sizeof(r->notes)) &&
	    is_string(f->dir, sizeof(f->dir)) &&
	    is_string(f->queue, sizeof(f->queue)) &&
	    is_string(f->data, sizeof(f->data)) &&
	    is_string(f->name, sizeof(f->name)) &&
	    is_string(f->group, sizeof(f->group)) &&
	    is_zero(r->pad, sizeof(r->pad)))
		return ERR_OK;
	return why_set(why, ERR_PROTOCOL,
	    "malformed reply: front-end and helpers must be of one "
	    "installation");
}
