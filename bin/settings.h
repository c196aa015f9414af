#ifndef POSTMULTI_SETTINGS_H
#define POSTMULTI_SETTINGS_H

#include "options.h"

/*
 * Takes the param=value words of create and import apart, into the options'
 * config, queue and data, with trailing slashes gone.  ERR_SYNTAX with the
 * original's sentence.
 */
enum err settings_parse(struct options *, struct why *);

/* Checks what -I and -G give; ERR_SYNTAX with the original's sentence. */
enum err settings_names(const struct options *, struct why *);

#endif
