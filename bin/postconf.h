#ifndef POSTMULTI_POSTCONF_H
#define POSTMULTI_POSTCONF_H

/*
 * Asks postconf(1), for what only it can know: built-in defaults, and values
 * that refer to them.
 */

#include <stddef.h>

#include "err.h"

/* What postconf -d says, the parameters that the suite reads first; but not
 * what it computes from other settings and the host. */
enum err postconf_defaults(char *buf, size_t size, size_t *len, struct why *);

/*
 * What postconf -xc dir says about them, as the text of a main.cf that
 * maincf_parse() reads to the same values.
 */
enum err postconf_expanded(const char *dir, char *buf, size_t size, size_t *len,
    struct why *);

#endif
