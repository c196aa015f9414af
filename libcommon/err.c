#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "err.h"

static const char *const texts[] = {
#define X(name, text) [ERR_##name] = text,
    ERR_LIST(X)
#undef X
};

const char *
err_text(enum err e)
{
	if ((size_t)e >= sizeof(texts) / sizeof(texts[0]))
		return "unknown error";
	return texts[e];
}

enum err
why_set(struct why *w, enum err e, const char *fmt, ...)
{
	va_list ap;

	if (w == NULL)
		return e;
	va_start(ap, fmt);
	(void)vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
	return e;
}

static struct why starved;

static bool
passes(int error)
{
	return error == ENOMEM || error == EMFILE || error == ENFILE ||
	    error == EINTR;
}

enum err
why_errno(struct why *w, const char *fmt, ...)
{
	const int error = errno;
	const char *name = strerrordesc_np(error);
	struct why said;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(said.text, sizeof(said.text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(said.text))
		(void)snprintf(said.text + n, sizeof(said.text) - (size_t)n,
		    ": %s", name != NULL ? name : "unknown error");
	if (passes(error) && starved.text[0] == '\0')
		starved = said;
	if (w != NULL)
		*w = said;
	return ERR_SYSTEM;
}

const char *
why_starved(void)
{
	return starved.text[0] != '\0' ? starved.text : NULL;
}
