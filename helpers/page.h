#ifndef POSTMULTI_PAGE_H
#define POSTMULTI_PAGE_H

/*
 * Lines for a buffer of fixed size: as many whole ones as fit, from a given
 * one on.  All are counted, so that who reads can ask for the rest.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct page {
	char *text; /* lines, each ended by a newline; "" at first */
	size_t size;
	uint32_t skip; /* lines not wanted at the start */
	uint32_t lines, shown;
	bool full;
};

void page_add(struct page *, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

#endif
