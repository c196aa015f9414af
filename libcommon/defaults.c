#include <sys/stat.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "site.h"

/*
 * Everything the suite reads of a main.cf, so that an unset parameter has
 * the value the installed Postfix would give it.
 */
const char *const defaults_params[] = {"alternate_config_directories",
    "command_directory", "config_directory", "daemon_directory",
    "data_directory", "html_directory", "import_environment", "mail_owner",
    "mailq_path", "manpage_directory", "maillog_file", "meta_directory",
    "multi_instance_directories", "multi_instance_enable",
    "multi_instance_group", "multi_instance_name", "multi_instance_wrapper",
    "newaliases_path", "postmulti_control_commands", "postmulti_start_commands",
    "postmulti_stop_commands", "process_id_directory", "queue_directory",
    "readme_directory", "sample_directory", "sendmail_path", "setgid_group",
    "shlib_directory", "syslog_facility", "syslog_name", NULL};

/*
 * The cache's first line: which postconf(1) the rest came from.  A package
 * upgrade replaces the binary, and with it the inode or the times.
 */
static enum err
binary_key(char *out, size_t size, struct why *why)
{
	struct stat st;

	if (stat(PATH_POSTCONF, &st) == -1)
		return why_errno(why, "stat %s", PATH_POSTCONF);
	(void)snprintf(out, size,
	    "# all of %s %llu %lld %lld.%09ld %lld.%09ld\n", PATH_POSTCONF,
	    (unsigned long long)st.st_ino, (long long)st.st_size,
	    (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec,
	    (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return ERR_OK;
}

/* In memory each line ends in a NUL, so that values can be handed out. */
static void
swap(char *buf, size_t len, char from, char to)
{
	char *p;

	for (p = buf; p < buf + len; p++)
		if (*p == from)
			*p = to;
}

enum err
defaults_load(struct defaults *d, struct why *why)
{
	char key[256];
	size_t n;
	enum err e;
	int dir, fd;

	if ((e = binary_key(key, sizeof(key), why)) != ERR_OK ||
	    (e = path_open_dir(PATH_CACHE, true, &dir, why)) != ERR_OK)
		return e;
	e = path_open_file(dir, "defaults", PATH_CACHE "/defaults", true, &fd,
	    why);
	(void)close(dir);
	if (e != ERR_OK)
		return e;
	e = path_slurp(fd, PATH_CACHE "/defaults", d->buf, sizeof(d->buf),
	    &d->len, why);
	(void)close(fd);
	if (e != ERR_OK)
		return e;
	n = strlen(key);
	if (d->len <= n || memcmp(d->buf, key, n) != 0)
		return why_set(why, ERR_NOTFOUND,
		    PATH_CACHE "/defaults: made from another " PATH_POSTCONF);
	swap(d->buf, d->len, '\n', '\0');
	return ERR_OK;
}

enum err
defaults_parse(struct defaults *d, const char *text, size_t len,
    struct why *why)
{
	const char *const *p;
	enum err e;
	size_t n;

	if ((e = binary_key(d->buf, sizeof(d->buf), why)) != ERR_OK)
		return e;
	n = strlen(d->buf);
	if (len >= sizeof(d->buf) - n || memchr(text, '\0', len) != NULL)
		return why_set(why, ERR_LIMIT, "%s -d printed too much",
		    PATH_POSTCONF);
	memcpy(d->buf + n, text, len);
	d->len = n + len;
	swap(d->buf, d->len, '\n', '\0');
	d->buf[d->len] = '\0';
	for (p = defaults_params; *p != NULL; p++)
		if (defaults_get(d, *p, strlen(*p)) == NULL)
			return why_set(why, ERR_NOTFOUND,
			    "%s -d does not know %s: is it Postfix 2.6 or "
			    "newer?",
			    PATH_POSTCONF, *p);
	return ERR_OK;
}

/* The cache is public and holds nothing secret; what matters is that only
 * root could have written it. */
enum err
defaults_store(const struct defaults *d, struct why *why)
{
	static char text[sizeof(d->buf)];
	enum err e;
	int dir, fd;

	memcpy(text, d->buf, d->len);
	swap(text, d->len, '\0', '\n');
	if (mkdir(PATH_CACHE, 0755) == -1 && errno != EEXIST)
		return why_errno(why, "mkdir %s", PATH_CACHE);
	if ((e = path_open_dir(PATH_CACHE, true, &dir, why)) != ERR_OK)
		return e;
	(void)unlinkat(dir, "defaults.tmp", 0);
	fd = path_open_at(dir, "defaults.tmp", O_WRONLY | O_CREAT | O_EXCL,
	    0600);
	if (fd == -1 || write(fd, text, d->len) != (ssize_t)d->len ||
	    fchmod(fd, 0644) == -1 || fsync(fd) == -1 ||
	    renameat(dir, "defaults.tmp", dir, "defaults") == -1)
		e = why_errno(why, "write %s/defaults", PATH_CACHE);
	if (fd != -1)
		(void)close(fd);
	(void)close(dir);
	return e;
}

const char *
defaults_get(const void *ctx, const char *name, size_t namelen)
{
	const struct defaults *d = ctx;
	const char *p;

	for (p = d->buf; p < d->buf + d->len; p += strlen(p) + 1)
		if (strncmp(p, name, namelen) == 0 &&
		    strncmp(p + namelen, " =", 2) == 0)
			return p + namelen + 2 + strspn(p + namelen + 2, " ");
	return NULL;
}
