#include <errno.h>
#include <stdarg.h>
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

enum err
why_errno(struct why *w, const char *fmt, ...)
{
	const char *name = strerrordesc_np(errno);
	va_list ap;
	int n;

	if (w == NULL)
		return ERR_SYSTEM;
	va_start(ap, fmt);
	n = vsnprintf(w->text, sizeof(w->text), fmt, ap);
	va_end(ap);
	if (n >= 0 && (size_t)n < sizeof(w->text))
		(void)snprintf(w->text + n, sizeof(w->text) - (size_t)n, ": %s",
		    name != NULL ? name : "unknown error");
	return ERR_SYSTEM;
}
