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

const char *
site_wrapper(const char *command_directory)
{
	return strcmp(command_directory, PATH_SBIN) == 0 ?
	    "${command_directory}/postmulti -p --" :
	    PATH_SBIN "/postmulti -p --";
}
