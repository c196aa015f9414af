#ifndef POSTMULTI_LIST_H
#define POSTMULTI_LIST_H

#include "instances.h"
#include "options.h"

/* -l and -l -j: prints the selected instances. */
void list_run(const struct instances *, const struct options *);

#endif
