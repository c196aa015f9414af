#include "caller.h"

struct subject
caller_subject(const struct caller *c)
{
	struct subject s = {
	    .uid = c->uid,
	    .name = c->name,
	    .fresh = c->fresh,
	    .nfresh = c->nfresh,
	    .kernel = c->kernel,
	    .nkernel = c->nkernel,
	};

	return s;
}
