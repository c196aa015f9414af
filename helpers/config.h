#ifndef POSTMULTI_CONFIG_H
#define POSTMULTI_CONFIG_H

/*
 * postmulti-config's two files.  Which ones a step is about, and the locks on
 * them, are one process's state: it does one step.
 */

#include "cffile.h"

extern struct cffile primary, instance;

/*
 * Edits for a name and a group, where there is one ("-" clears): at most two
 * behind the *n that are there.  ERR_BUG for one that may not stand in
 * main.cf.
 */
enum err config_names(const char *name, const char *group, struct edit *,
    size_t *n, struct why *);

/* A new instance's .cf files: opens what they are made from, before
 * confinement; makes them, under the locks. */
enum err config_open_protos(const struct actor *, struct why *);
enum err config_install(struct actor *, struct why *);

#endif
