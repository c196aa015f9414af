#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bsd/string.h>

#include "doctor.h"
#include "msg.h"
#include "request.h"

void
doctor_found(struct doctor *d, const char *kind, const char *repair,
    const char *fmt, ...)
{
	char text[1024], *p;
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	for (p = text; *p != '\0'; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	(void)printf("%s: %s\n", kind, text);
	if (repair != NULL)
		(void)printf("    %s\n", repair);
	d->found++;
}

bool
doctor_safe(const char *path)
{
	static const char safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				   "abcdefghijklmnopqrstuvwxyz"
				   "0123456789._-/";

	return path[strspn(path, safe)] == '\0';
}

const char *
doctor_word(const char *path, char out[DOCTOR_WORD])
{
	(void)snprintf(out, DOCTOR_WORD, doctor_safe(path) ? "%s" : "'%s'",
	    path);
	return out;
}

static bool
is_listed(const struct doctor *d, const char *dir)
{
	const struct entry *e;

	for (e = d->list->v; e < d->list->v + d->list->n; e++)
		if (strcmp(e->i.dir, dir) == 0)
			return true;
	return false;
}

char *
doctor_list(const struct doctor *d, const struct entry *entry,
    const char *instead)
{
	const struct entry *e;
	size_t size = PATH_SIZE + 64, used;
	const char *dir;
	char *out;

	for (e = d->list->v; e < d->list->v + d->list->n; e++)
		size += strlen(e->i.dir) + 1;
	out = msg_realloc(NULL, size, 1);
	used = strlcpy(out, "postconf -e 'multi_instance_directories =", size);
	for (e = d->list->v + 1; e < d->list->v + d->list->n; e++) {
		dir = e == entry ? instead : e->i.dir;
		if (path_is_clean(dir) && (e != entry || !is_listed(d, dir)))
			used += (size_t)snprintf(out + used, size - used, " %s",
			    dir);
	}
	(void)strlcpy(out + used, "'", size - used);
	return out;
}

bool
doctor_mend(struct doctor *d, const struct frame *f)
{
	struct reply r;
	struct why why;

	if (!d->o->fix)
		return false;
	(void)fflush(stdout);
	if (request_run(f, NULL, &r, &why) == ERR_OK)
		return true;
	msg_error("%s: %s", op_info(f->op)->name, why.text);
	return false;
}

void
doctor_known(struct doctor *d, const struct instance *in)
{
	d->known = msg_realloc(d->known, d->nknown + 1, sizeof(*d->known));
	d->known[d->nknown++] = *in;
}

static void
finish(const struct doctor *d)
{
	if (d->unserved || d->broken)
		(void)printf("not looked for: what only the helpers can see, "
			     "before they serve you\n");
	if (d->unseen > 0)
		(void)printf("not looked into: the directories of %u "
			     "instance%s: only root and who may destroy them "
			     "can\n",
		    d->unseen, d->unseen == 1 ? "" : "s");
	if (d->found == 0)
		(void)printf("nothing found: %zu instances, the primary "
			     "included\n",
		    d->list->n);
	else
		(void)printf("%u found, %u mended%s\n", d->found, d->mended,
		    d->found > d->mended && !d->o->fix ?
			"; \"postmulti doctor --fix\" has the helpers mend "
			"what they can" :
			"");
	if (d->found > d->mended)
		msg_fail();
}

void
doctor_run(const struct instances *list, const struct options *o)
{
	struct doctor d = {.list = list, .o = o};

	doctor_host(&d);
	doctor_records(&d);
	doctor_instances(&d);
	doctor_leftovers(&d);
	finish(&d);
	free(d.known);
}

void
doctor_primary(const struct options *o, const char *why)
{
	static const struct instances none;
	struct doctor d = {.list = &none, .o = o};

	doctor_found(&d, "primary",
	    "repair that file first: no instance can be found without it", "%s",
	    why);
	doctor_host(&d);
	finish(&d);
	(void)fflush(stdout);
	_exit(1);
}
