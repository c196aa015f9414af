#include "claims.h"
#include "instances.h"

/* Names and directories that two instances claim. */

static struct claims *
new_claims(const struct instances *list)
{
	const struct host *h = &list->host;
	const struct instance *primary = &list->v[0].i;
	struct claims *c = claims_new(list->n + 1);

	(void)claims_add(c, primary, NULL);
	claims_add_shared(c, primary, "command_directory",
	    h->site.command_directory);
	claims_add_shared(c, primary, "daemon_directory",
	    h->site.daemon_directory);
	claims_add_shared(c, primary, "meta_directory", h->site.meta_directory);
	if (h->shlib_directory[0] != '\0')
		claims_add_shared(c, primary, "shlib_directory",
		    h->shlib_directory);
	return c;
}

void
instances_conflicts(struct instances *list)
{
	struct claims *c;
	struct why why;
	size_t i;

	if (list->n == 0)
		return;
	c = new_claims(list);
	for (i = 1; i < list->n; i++)
		if (list->v[i].state == ENTRY_GOOD &&
		    claims_add(c, &list->v[i].i, &why) != ERR_OK)
			instances_damage(&list->v[i], why.text);
	claims_free(c);
}

enum err
instances_claim(const struct instances *list, const struct instance *in,
    const struct entry *skip, bool added, struct why *why)
{
	struct claims *c = new_claims(list);
	const struct instance *owner = NULL;
	const char *param;
	struct entry *e;
	enum err err;

	for (e = list->v + 1; e < list->v + list->n; e++)
		if (e != skip && e->state == ENTRY_GOOD)
			(void)claims_add(c, &e->i, NULL);
	if (added)
		owner = claims_owner(c, in->dir, &param);
	if (owner != NULL)
		err = why_set(why, ERR_CONFLICT,
		    "new config_directory=%s is already in use by instance "
		    "%s, %s=%s",
		    in->dir, owner->dir, param, in->dir);
	else
		err = claims_add(c, in, why);
	claims_free(c);
	return err;
}
