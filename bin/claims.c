#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "claims.h"
#include "msg.h"

struct claim {
	const char *value, *param;
	const struct instance *owner;
};

/* Open addressing; names don't begin with a slash and directories do, so
 * one table serves both. */
struct claims {
	size_t mask;
	struct claim *slots;
};

static const struct part {
	const char *param;
	size_t offset;
} parts[] = {
    {"config_directory", offsetof(struct instance, dir)},
    {"multi_instance_name", offsetof(struct instance, name)},
    {"queue_directory", offsetof(struct instance, queue)},
    {"data_directory", offsetof(struct instance, data)},
};

#define NPARTS (sizeof(parts) / sizeof(parts[0]))

/* Room for the shared directories. */
#define NSHARED 8

struct claims *
claims_new(size_t n)
{
	struct claims *c = msg_realloc(NULL, 1, sizeof(*c));
	size_t size = 64;

	while (size < 2 * (NPARTS * n + NSHARED))
		size *= 2;
	c->mask = size - 1;
	c->slots = msg_realloc(NULL, size, sizeof(*c->slots));
	memset(c->slots, 0, size * sizeof(*c->slots));
	return c;
}

void
claims_free(struct claims *c)
{
	if (c != NULL)
		free(c->slots);
	free(c);
}

/* The value's slot, or the free one where it belongs (FNV-1a). */
static struct claim *
find(struct claims *c, const char *value)
{
	uint32_t h = 2166136261u;
	const char *p;
	size_t i;

	for (p = value; *p != '\0'; p++)
		h = (h ^ (unsigned char)*p) * 16777619u;
	for (i = h & c->mask; c->slots[i].value != NULL; i = (i + 1) & c->mask)
		if (strcmp(c->slots[i].value, value) == 0)
			break;
	return &c->slots[i];
}

enum err
claims_add(struct claims *c, const struct instance *in, struct why *why)
{
	const struct part *p;
	struct claim *slot;
	const char *value;

	for (p = parts; p < parts + NPARTS; p++) {
		value = (const char *)in + p->offset;
		if (*value == '\0')
			continue;
		slot = find(c, value);
		if (slot->value == NULL)
			*slot = (struct claim){value, p->param, in};
		else if (strcmp(slot->owner->dir, in->dir) != 0 ||
		    strcmp(slot->param, p->param) != 0)
			return why_set(why, ERR_CONFLICT,
			    "instance %s, %s=%s conflicts with instance %s, "
			    "%s=%s",
			    in->dir, p->param, value, slot->owner->dir,
			    slot->param, value);
	}
	return ERR_OK;
}

const struct instance *
claims_owner(struct claims *c, const char *value, const char **param)
{
	const struct claim *slot = find(c, value);

	*param = slot->param;
	return slot->value != NULL ? slot->owner : NULL;
}

void
claims_add_shared(struct claims *c, const struct instance *owner,
    const char *param, const char *dir)
{
	struct claim *slot = find(c, dir);

	if (slot->value == NULL)
		*slot = (struct claim){dir, param, owner};
}
