#include "helper.h"

enum err
helper_confine(struct actor *a, const struct confinement *c, struct why *why)
{
	enum err e = privs_bound(NULL, 0, why);

	if (e == ERR_OK)
		e = privs_keep(c->caps, c->ncaps, why);
	if (e == ERR_OK)
		e = sandbox_dirs(c->dirs, c->ndirs, why);
	if (e == ERR_STATE && (a->v.no_landlock || a->caller->root))
		e = ERR_OK;
	return e != ERR_OK ? e : sandbox_calls(c->calls, c->ncalls, why);
}
