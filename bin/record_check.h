#ifndef POSTMULTI_RECORD_CHECK_H
#define POSTMULTI_RECORD_CHECK_H

#include "reader.h"

/*
 * Whether a record could have come from an honest reader: strings that end,
 * clean paths, names of the permitted characters, enumerations in range.
 * entries is how many RECORD_ENTRY were received before it.
 */
bool record_check(const struct record *, uint32_t entries);

#endif
