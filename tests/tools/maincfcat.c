/*
 * maincfcat [-d NAME=VALUE]... FILE [NAME]...
 *
 * For each parameter prints "NAME raw VALUE" and "NAME expand VALUE", or the
 * number and text of the error and the sentence about it.  With -d, a built-in
 * default.  Without names, tells whether the file can be parsed.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "maincf.h"

#define USAGE "usage: maincfcat [-d NAME=VALUE]... FILE [NAME]...\n"

#define DEFAULTS 64

struct defaults {
	const char *set[DEFAULTS];
	size_t n;
};

static struct maincf conf;
static char buf[MAINCF_MAX + 1], out[2 * MAINCF_MAX];

static const char *
get_default(const void *ctx, const char *name, size_t len)
{
	const struct defaults *d = ctx;

	for (size_t i = 0; i < d->n; i++)
		if (strncmp(d->set[i], name, len) == 0 && d->set[i][len] == '=')
			return d->set[i] + len + 1;
	return NULL;
}

static void
die(const char *what)
{
	perror(what);
	exit(2);
}

static void
usage(void)
{
	fputs(USAGE, stderr);
	exit(2);
}

static size_t
slurp(const char *path)
{
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	while ((n = read(fd, buf + len, sizeof(buf) - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		die(path);
	close(fd);
	return len;
}

static void
show(const char *name, const char *how, enum err e, const struct why *why)
{
	if (e == ERR_OK)
		printf("%s %s %s\n", name, how, out);
	else
		printf("%s %s! %d %s (%s)\n", name, how, (int)e, err_text(e),
		    why->text);
}

int
main(int argc, char **argv)
{
	struct defaults d = {.n = 0};
	struct why why = {""};
	const char *path;
	size_t len;
	enum err e;
	char *copy;
	int c;

	while ((c = getopt(argc, argv, "+d:")) != -1) {
		if (c != 'd' || d.n == DEFAULTS)
			usage();
		d.set[d.n++] = optarg;
	}
	argv += optind;
	if ((path = *argv++) == NULL)
		usage();
	len = slurp(path);
	/* An exact copy, so that a sanitizer sees reads past the end. */
	if ((copy = malloc(len + (len == 0))) == NULL)
		die("malloc");
	memcpy(copy, buf, len);
	if ((e = maincf_parse(&conf, path, copy, len, &why)) != ERR_OK) {
		printf("parse! %d %s (%s)\n", (int)e, err_text(e), why.text);
		free(copy);
		return 1;
	}
	printf("parse %zu\n", conf.n);
	for (; *argv != NULL; argv++) {
		e = maincf_raw(&conf, *argv, out, sizeof(out), &why);
		show(*argv, "raw", e, &why);
		e = maincf_expand(&conf, *argv, get_default, &d, out,
		    sizeof(out), &why);
		show(*argv, "expand", e, &why);
	}
	free(copy);
	return 0;
}
