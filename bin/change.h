#ifndef POSTMULTI_CHANGE_H
#define POSTMULTI_CHANGE_H

#include "instances.h"
#include "options.h"

/* -e: checks the action against what is there, then has its steps done. */
void change_run(const struct instances *, struct options *);

#endif
