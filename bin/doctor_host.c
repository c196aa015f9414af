#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <errno.h>
#include <grp.h>
#include <linux/seccomp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "doctor.h"
#include "sandbox.h"
#include "spawn.h"

/* --- what was installed -------------------------------------------------- */

static const struct program {
	const char *name;
	mode_t mode;
} programs[] = {
    {"postmulti-config", 04754},
    {"postmulti-dirs", 04754},
    {"postmulti-exec", 04754},
    {"postmulti-judge", 0755},
    {"postmulti-cleaner", 0711},
};

/* A stricter mode is the administrator's choice. */
static bool
is_right(const struct stat *st, const struct program *p, gid_t gid)
{
	bool helper = (p->mode & S_ISUID) != 0;

	return S_ISREG(st->st_mode) && st->st_uid == 0 &&
	    (st->st_mode & (S_IWGRP | S_IWOTH | S_ISGID)) == 0 &&
	    (st->st_mode & S_IXUSR) != 0 &&
	    ((st->st_mode & S_ISUID) != 0) == helper &&
	    (!helper ||
		(st->st_gid == gid && (st->st_mode & S_IXOTH) == 0 &&
		    (st->st_mode & S_IXGRP) != 0));
}

static void
check_program(struct doctor *d, const struct program *p, gid_t gid)
{
	char path[256], repair[768];
	struct statvfs fs;
	struct stat st;

	(void)snprintf(path, sizeof(path), "%s/%s", PATH_HELPERS, p->name);
	(void)snprintf(repair, sizeof(repair),
	    "chown root:%s %s && chmod %04o %s",
	    (p->mode & S_ISUID) != 0 ? SYSTEM_USER : "root", path,
	    (unsigned)p->mode, path);
	if (lstat(path, &st) == -1) {
		doctor_found(d, "helpers", "install postmulti again", "%s: %s",
		    path, strerror(errno));
		return;
	}
	if (!is_right(&st, p, gid))
		doctor_found(d, "helpers", repair,
		    "%s: owner %lu:%lu and mode %04o, should be root:%s and "
		    "%04o",
		    path, (unsigned long)st.st_uid, (unsigned long)st.st_gid,
		    (unsigned)st.st_mode & 07777,
		    (p->mode & S_ISUID) != 0 ? SYSTEM_USER : "root",
		    (unsigned)p->mode);
	if ((p->mode & S_ISUID) != 0 && statvfs(path, &fs) == 0 &&
	    (fs.f_flag & ST_NOSUID) != 0)
		doctor_found(d, "helpers",
		    "mount that file system without nosuid",
		    "%s: its file system is mounted nosuid, so the set-uid "
		    "bit means nothing",
		    path);
}

static void
check_installation(struct doctor *d)
{
	struct group *g = getgrnam(SYSTEM_USER);
	gid_t gid = g != NULL ? g->gr_gid : (gid_t)-1;
	size_t i;

	if (g == NULL)
		doctor_found(d, "accounts", "groupadd --system " SYSTEM_USER,
		    "there is no group " SYSTEM_USER);
	if (getpwnam(SYSTEM_USER) == NULL)
		doctor_found(d, "accounts",
		    "useradd --system --gid " SYSTEM_USER
		    " --no-create-home " SYSTEM_USER,
		    "there is no user " SYSTEM_USER
		    ", as whom main.cf files are read for root");
	for (i = 0; i < sizeof(programs) / sizeof(programs[0]); i++)
		check_program(d, &programs[i], gid);
}

/* --- what this kernel has ------------------------------------------------ */

static void
check_kernel(struct doctor *d)
{
	/* A NULL filter is looked at only by a kernel that has filters. */
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, NULL, 0, 0) == -1 &&
	    errno != EFAULT)
		doctor_found(d, "kernel",
		    "boot a kernel with CONFIG_SECCOMP_FILTER",
		    "no seccomp filters: the helpers serve nobody");
	if (sandbox_landlock() == 0)
		doctor_found(d, "kernel",
		    "boot Linux 5.13 or newer with \"landlock\" in lsm=, or "
		    "write \"confinement reduced\" into the policy",
		    "no Landlock: the helpers serve nobody but root");
	if (getuid() != 0 && prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1)
		doctor_found(d, "session",
		    "look for NoNewPrivileges= in the unit, or for a container",
		    "this process has no_new_privs: no set-uid program works "
		    "in it");
}

/* --- other programs' opinions -------------------------------------------- */

/* Runs a program of the system's for its output; false: not there. */
static bool
ask(const char *const argv[], char *buf, size_t size, int *status)
{
	static const char *const env[] = {"LC_ALL=C", "PATH=/bin:/sbin", NULL};
	struct spawn s = {.path = argv[0],
	    .argv = (char *const *)(size_t)argv,
	    .envp = (char *const *)(size_t)env};
	struct why why;
	size_t len;

	return access(argv[0], X_OK) == 0 &&
	    spawn_capture(&s, buf, size, &len, status, &why) == ERR_OK;
}

static void
check_policy(struct doctor *d)
{
	static const char *const argv[] = {
	    PATH_SBIN "/postmulti-policy", "check", NULL};
	static char buf[256 * 1024];
	const char *said = buf;
	int status;

	if (!ask(argv, buf, sizeof(buf), &status) || status == 0)
		return;
	buf[strcspn(buf, "\n")] = '\0';
	if (strncmp(said, "postmulti-policy: ", 18) == 0)
		said += 18;
	doctor_found(d, "policy", "postmulti-policy check",
	    "nobody but root is permitted anything: %s", said);
	d->unserved = getuid() != 0;
}

/* What dpkg(1) finds changed in postconf's package. */
static bool
ask_dpkg(char *buf, size_t size)
{
	const char *whose[] = {
	    "/usr/bin/dpkg-query", "--search", PATH_POSTCONF, NULL};
	const char *verify[] = {"/usr/bin/dpkg", "--verify", NULL, NULL};
	char package[128];
	int status;

	if (!ask(whose, buf, size, &status) || status != 0)
		return false;
	(void)snprintf(package, sizeof(package), "%.*s",
	    (int)strcspn(buf, ":,\n"), buf);
	verify[2] = package;
	return ask(verify, buf, size, &status);
}

/* The original's script is never run by us; who changed it should know. */
static void
check_script(struct doctor *d)
{
	static const char *const rpm[] = {
	    "/usr/bin/rpm", "--verify", "--file", PATH_POSTCONF, NULL};
	static char buf[64 * 1024];
	char path[PATH_SIZE + 32], *line, *pos = buf;
	int status;

	if (d->list->n == 0 ||
	    (!ask_dpkg(buf, sizeof(buf)) &&
		!ask(rpm, buf, sizeof(buf), &status)))
		return;
	(void)snprintf(path, sizeof(path), "%s/postmulti-script",
	    d->list->host.site.daemon_directory);
	while ((line = strsep(&pos, "\n")) != NULL)
		if (strstr(line, path) != NULL && strlen(line) > 3 &&
		    line[2] == '5')
			doctor_found(d, "script",
			    "move what was changed into the instances' "
			    "main.cf, or into what calls postmulti",
			    "%s differs from the package's: it is never run "
			    "by this postmulti",
			    path);
}

/* Root's are written only where nobody else could have written them. */
static void
check_cache(struct doctor *d)
{
	static const char path[] = PATH_CACHE;
	struct stat st;

	if (lstat(path, &st) == -1 ||
	    (S_ISDIR(st.st_mode) && st.st_uid == 0 &&
		(st.st_mode & (S_IWGRP | S_IWOTH)) == 0))
		return;
	doctor_found(d, "owner",
	    S_ISDIR(st.st_mode) ? "chown root " PATH_CACHE
				  " && chmod go-w " PATH_CACHE :
				  "mv " PATH_CACHE " " PATH_CACHE ".old",
	    "%s: owner uid %lu, mode %04o, should be a directory that only "
	    "root can write to",
	    path, (unsigned long)st.st_uid, (unsigned)st.st_mode & 07777);
}

static void
check_defaults(struct doctor *d)
{
	static struct defaults cached;
	struct why why;
	bool missing = defaults_load(&cached, &why) != ERR_OK;

	if (!missing && !instances_asked())
		return;
	doctor_found(d, "defaults",
	    getuid() == 0 ? "postmulti -l" : "postmulti -l # as root",
	    "%s: missing or not of the installed postconf(1): the helpers "
	    "serve nobody but root",
	    PATH_CACHE "/defaults");
	if (missing) {
		d->unserved = true;
		return;
	}
	/* Root's --fix has just made it. */
	d->mended++;
	(void)printf("    mended\n");
}

static void
check_init(struct doctor *d)
{
	const struct site *s = &d->list->host.site;

	if (d->list->n < 2 || d->list->host.partial ||
	    (s->wrapper[0] != '\0' && s->primary.enabled))
		return;
	doctor_found(d, "init", "postmulti -e init",
	    "%s: %s, so \"postfix start\" starts only the primary, and nothing "
	    "can be changed",
	    s->primary.dir,
	    s->wrapper[0] == '\0' ? "multi_instance_wrapper is empty" :
				    "multi_instance_enable is not yes");
}

void
doctor_host(struct doctor *d)
{
	check_installation(d);
	check_kernel(d);
	check_policy(d);
	check_cache(d);
	check_defaults(d);
	check_script(d);
	check_init(d);
}
