/*
 * swapwalk USER OWNER OUTSIDE A B [C D...] -- COMMAND [ARGUMENT...]: runs
 * COMMAND as USER once for every system call by which postmulti-dirs or
 * postmulti-cleaner names a file or uses a directory, each time on the same
 * tree.  At that call, while the process is stopped in front of it, OWNER
 * exchanges the names A and B, C and D, ...: things in a queue for links that
 * lead to OUTSIDE.  In a first walk they are exchanged back at the process's
 * next call, so that this one alone sees the links; in a second they stay.
 * Afterwards nothing in OUTSIDE may be another file or have another owner,
 * mode or content, nor have had one meanwhile.
 *
 * It is what swapper does, without chance: no window is too small.
 *
 * For tests only, as root, on a host of its own: everything named postfix* or
 * postmulti* in /etc, /var/lib and /var/spool is put back again and again, so
 * that is where OUTSIDE and the links have to be.
 */

#include <sys/fsuid.h>
#include <sys/stat.h>
#include <dirent.h>
#include <errno.h>
#include <error.h>
#include <fcntl.h>
#include <ftw.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../crash/trace.h"
#include "../crash/tree.h"

#define SHOWN 20 /* failures */

static const char *user; /* NULL: root */
static const char *outside;
static char **pairs, **command;
static uid_t owner;
static struct tree before;
static struct call *calls; /* where to exchange: of an undisturbed run */
static unsigned ncalls;
static char *guarded; /* OUTSIDE, as it has to be */
static unsigned points, failures, refusals;

/* --- outside ------------------------------------------------------------- */

static void
print_data(FILE *out, const char *path)
{
	FILE *in = fopen(path, "r");
	int c;

	if (in == NULL)
		error(1, errno, "open %s", path);
	while ((c = getc(in)) != EOF)
		(void)fprintf(out, " %02x", (unsigned)c);
	(void)fclose(in);
}

static void
print_tree(FILE *out, const char *path)
{
	struct dirent **names;
	char below[4096], target[4096];
	struct stat st;
	ssize_t len;
	int i, n;

	if (lstat(path, &st) == -1)
		error(1, errno, "stat %s", path);
	/* Whatever is done to it and undone again changes the ctime. */
	(void)fprintf(out,
	    "%s: inode %ju mode %o owner %u:%u links %ju size %jd "
	    "changed %jd.%09ld",
	    path, (uintmax_t)st.st_ino, st.st_mode, st.st_uid, st.st_gid,
	    (uintmax_t)st.st_nlink, (intmax_t)st.st_size,
	    (intmax_t)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	if (S_ISREG(st.st_mode))
		print_data(out, path);
	if (S_ISLNK(st.st_mode) &&
	    (len = readlink(path, target, sizeof(target))) > 0)
		(void)fprintf(out, " %.*s", (int)len, target);
	(void)putc('\n', out);
	if (!S_ISDIR(st.st_mode))
		return;
	if ((n = scandir(path, &names, NULL, alphasort)) == -1)
		error(1, errno, "read %s", path);
	for (i = 0; i < n; free(names[i++])) {
		if (strcmp(names[i]->d_name, ".") == 0 ||
		    strcmp(names[i]->d_name, "..") == 0)
			continue;
		(void)snprintf(below, sizeof(below), "%s/%s", path,
		    names[i]->d_name);
		print_tree(out, below);
	}
	free(names);
}

/* The caller's to free. */
static char *
look_outside(void)
{
	size_t size;
	char *text;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		error(1, errno, "memory");
	print_tree(out, outside);
	if (fclose(out) != 0)
		error(1, errno, "memory");
	return text;
}

/* --- exchanging ---------------------------------------------------------- */

static struct {
	unsigned k;      /* at which call */
	bool back;       /* and back at the next one */
	unsigned passed; /* such calls so far */
	bool reached;    /* it, which is this one: */
	struct call at;
	bool *made; /* exchanges of which pairs */
	unsigned nmade;
} walk;

static bool
exchange(const char *a, const char *b)
{
	bool made;

	/* OWNER's rights, for this call alone. */
	(void)setfsuid(owner);
	made = renameat2(AT_FDCWD, a, AT_FDCWD, b, RENAME_EXCHANGE) == 0;
	if (!made && errno != ENOENT)
		error(1, errno, "exchange %s and %s", a, b);
	(void)setfsuid(0);
	return made;
}

/* What was removed already can't be exchanged. */
static void
exchange_all(void)
{
	size_t i;

	walk.nmade = 0;
	for (i = 0; pairs[i] != NULL; i += 2) {
		walk.made[i] = exchange(pairs[i], pairs[i + 1]);
		walk.nmade += walk.made[i];
	}
}

/* The last one first: it may be on the way to the others. */
static void
exchange_back(void)
{
	size_t i;

	for (i = 0; pairs[i] != NULL; i += 2)
		continue;
	while (i > 0) {
		i -= 2;
		if (walk.made[i])
			(void)exchange(pairs[i], pairs[i + 1]);
	}
}

static bool
is_about_files(const struct call *c)
{
	/* Not lseek and fsync: nothing is found or changed by them. */
	static const char *const names[] = {"openat2", "newfstatat", "fstat",
	    "getdents64", "unlinkat", "mkdirat", "renameat", "fchown",
	    "fchmod"};
	char program[32], name[32];
	size_t i;

	if (sscanf(c->text, "%31s %31s", program, name) != 2 ||
	    (strcmp(program, "postmulti-cleaner") != 0 &&
		strcmp(program, "postmulti-dirs") != 0))
		return false;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(name, names[i]) == 0)
			return true;
	return false;
}

static bool
watch(const struct call *c)
{
	if (walk.reached) {
		if (strcmp(c->who, walk.at.who) != 0)
			return true;
		exchange_back();
		return false;
	}
	if (!is_about_files(c) || ++walk.passed < walk.k)
		return true;
	walk.reached = true;
	walk.at = *c;
	exchange_all();
	return walk.back;
}

/* --- walking ------------------------------------------------------------- */

static void
failed(const char *why)
{
	if (failures++ < SHOWN)
		(void)printf("%s %s.%u %s: %s\n",
		    walk.back ? "exchanged for" : "exchanged at", walk.at.who,
		    walk.at.nth, walk.at.text, why);
}

/* Tells the first line that is another. */
static void
differs(const char *now)
{
	const char *was = guarded, *line = now;
	char why[1024];

	while (*now == *was && *now != '\0') {
		if (*now == '\n')
			line = now + 1;
		now++;
		was++;
	}
	was -= now - line;
	(void)snprintf(why, sizeof(why), "was %.*s, is %.*s",
	    (int)strcspn(was, "\n"), was, (int)strcspn(line, "\n"), line);
	failed(why);
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

/* All that is exchanged is made anew, in the same order each time: it is also
 * the order in which a directory is read. */
static void
put_back(void)
{
	size_t i;

	for (i = 0; pairs[i] != NULL; i++)
		if (nftw(pairs[i], remove_one, 8, FTW_DEPTH | FTW_PHYS) != 0 &&
		    errno != ENOENT)
			error(1, errno, "remove %s", pairs[i]);
	tree_restore(&before);
}

/* Whatever happens to OUTSIDE is made good, for the next one. */
static void
check_outside(void)
{
	char *now = look_outside();

	if (strcmp(now, guarded) != 0)
		differs(now);
	else {
		free(now);
		now = NULL;
	}
	put_back();
	if (now == NULL)
		return;
	free(now);
	free(guarded);
	guarded = look_outside();
}

static void
run(const struct trace *t, struct result *r)
{
	trace_run(user, command, t, r);
	free(r->calls);
	if (r->hung || r->status > 1) {
		failed(r->hung ? "hangs" : "neither done nor refused");
		(void)printf("status %d: %s\n", r->status, r->err);
	}
}

/* The calls of an undisturbed run. */
static void
learn(void)
{
	static const struct trace counted = {
	    .what = TRACE_COUNT, .looks = true};
	struct result r;
	size_t i;

	put_back();
	trace_run(user, command, &counted, &r);
	if (r.status != 0)
		error(1, 0, "only counted: status %d: %s", r.status, r.err);
	for (i = 0; i < r.ncalls; i++)
		if (is_about_files(&r.calls[i]))
			r.calls[ncalls++] = r.calls[i];
	calls = r.calls;
	put_back();
}

/* False when there was nothing left to exchange. */
static bool
swap_at(unsigned k, bool back)
{
	static const struct trace untraced = {.what = TRACE_NOT};
	static const struct trace traced = {
	    .what = TRACE_COUNT, .looks = true, .watch = watch};
	struct result r;

	walk.k = k;
	walk.back = back;
	walk.passed = 0;
	walk.reached = false;
	walk.nmade = 0;
	run(&traced, &r);
	if (walk.nmade > 0) {
		points++;
		if (k > ncalls || strcmp(calls[k - 1].text, walk.at.text) != 0)
			failed("another call than in an undisturbed run");
		if (getenv("VERBOSE") != NULL)
			(void)printf("%s.%u %s: %d %s\n", walk.at.who,
			    walk.at.nth, walk.at.text, r.status, r.err);
		/* What it refused it does the next time, links or not. */
		if (r.status == 1) {
			refusals++;
			run(&untraced, &r);
			if (r.status != 0)
				failed(r.err);
		}
	}
	check_outside();
	return walk.nmade > 0;
}

static void
get_owner(const char *name)
{
	const struct passwd *pw = getpwnam(name);

	if (pw == NULL)
		error(1, 0, "no user %s", name);
	owner = pw->pw_uid;
}

int
main(int argc, char *argv[])
{
	unsigned k;
	int i = 4;

	while (i < argc && strcmp(argv[i], "--") != 0)
		i++;
	if (i < 6 || i % 2 != 0 || i + 1 >= argc)
		error(1, 0,
		    "usage: swapwalk USER OWNER OUTSIDE A B [C D...] "
		    "-- COMMAND [ARGUMENT...]");
	user = strcmp(argv[1], "root") == 0 ? NULL : argv[1];
	get_owner(argv[2]);
	outside = argv[3];
	pairs = argv + 4;
	command = argv + i + 1;
	argv[i] = NULL;
	if ((walk.made = calloc((size_t)i, sizeof(*walk.made))) == NULL)
		error(1, errno, "memory");
	trace_stay_here();
	tree_read(&before);
	guarded = look_outside();
	learn();
	for (k = 1; swap_at(k, true); k++)
		continue;
	for (k = 1; swap_at(k, false); k++)
		continue;
	if (failures > SHOWN)
		(void)printf("and %u more\n", failures - SHOWN);
	(void)printf("%u points, %u refused at first, %u failures\n", points,
	    refusals, failures);
	return failures != 0 || points == 0;
}
