#include <string.h>

#include "site.h"

/* The first SITE_CLONED are the ones create copies, in a fixed order. */
const char *const site_shared[] = {"command_directory", "daemon_directory",
    "meta_directory", "mail_owner", "setgid_group", "sendmail_path",
    "mailq_path", "newaliases_path", "html_directory", "manpage_directory",
    "sample_directory", "readme_directory", "shlib_directory",
    "import_environment", "debugger_command", "multi_instance_wrapper",
    "multi_instance_directories", "alternate_config_directories"};
const size_t site_nshared = sizeof(site_shared) / sizeof(site_shared[0]);

#define ALNUM          "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
#define NAME_CHARS     ALNUM "!@%-_=+:."
#define DELEGATE_CHARS ALNUM "._-"
#define PREFIX         "postfix-"

static bool
made_of(const char *s, const char *chars)
{
	size_t n = strnlen(s, NAME_SIZE);

	return n > 0 && n < NAME_SIZE && strspn(s, chars) == n;
}

bool
site_name_ok(const char *name)
{
	return made_of(name, NAME_CHARS) &&
	    strncmp(name, PREFIX, strlen(PREFIX)) == 0;
}

bool
site_group_ok(const char *group)
{
	return made_of(group, NAME_CHARS "/");
}

bool
site_delegate_name_ok(const char *name)
{
	return made_of(name, DELEGATE_CHARS) &&
	    strncmp(name, PREFIX, strlen(PREFIX)) == 0 &&
	    name[strlen(PREFIX)] != '\0';
}

bool
site_delegate_group_ok(const char *group)
{
	return made_of(group, DELEGATE_CHARS) && group[0] != '-' &&
	    group[0] != '.';
}

const char *
site_wrapper(const char *command_directory)
{
	return strcmp(command_directory, PATH_SBIN) == 0 ?
	    "${command_directory}/postmulti -p --" :
	    PATH_SBIN "/postmulti -p --";
}
