/*
 * maincfedit FILE [NAME=VALUE]... [-# NAME]...
 *
 * Applies the edits to FILE and writes the result to standard output.  Exits
 * with the number of the error.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "edit.h"

#define USAGE "usage: maincfedit FILE [NAME=VALUE]... [-# NAME]...\n"

#define FILE_MAX (8u * 1024 * 1024)

static char in[FILE_MAX], out[FILE_MAX];

static void
die(const char *what)
{
	perror(what);
	exit(100);
}

static void
usage(void)
{
	fputs(USAGE, stderr);
	exit(100);
}

static size_t
slurp(const char *path)
{
	size_t len = 0;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		die(path);
	while ((n = read(fd, in + len, sizeof(in) - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		die(path);
	close(fd);
	return len;
}

int
main(int argc, char **argv)
{
	static struct edit edits[EDIT_MAX + 1];
	size_t n = 0, len, outlen = 0;
	struct why why = {""};
	enum err e;
	char *eq, *copy;

	if (argc < 2)
		usage();
	for (int i = 2; i < argc && n <= EDIT_MAX; i++, n++) {
		if (strcmp(argv[i], "-#") == 0 && i + 1 < argc) {
			edits[n].name = argv[++i];
			continue;
		}
		if ((eq = strchr(argv[i], '=')) == NULL)
			usage();
		*eq = '\0';
		edits[n].name = argv[i];
		edits[n].value = eq + 1;
	}
	len = slurp(argv[1]);
	/* An exact copy, so that a sanitizer sees reads past the end. */
	if ((copy = malloc(len + (len == 0))) == NULL)
		die("malloc");
	memcpy(copy, in, len);
	e = edit_apply(copy, len, edits, n, out, sizeof(out), &outlen, &why);
	free(copy);
	if (e != ERR_OK) {
		fprintf(stderr, "%s: %s\n", err_text(e), why.text);
		return (int)e;
	}
	if (fwrite(out, 1, outlen, stdout) != outlen || fflush(stdout) != 0)
		die("write");
	return 0;
}
