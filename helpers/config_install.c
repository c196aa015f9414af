#include <sys/stat.h>
#include <stdio.h>
#include <unistd.h>

#include "config.h"

/* The main.cf and master.cf of a new instance. */

/* What a new instance's two files are made from. */
static struct {
	const char *name;
	char label[PATH_SIZE + 16];
	int fd;
} protos[] = {{.name = "main.cf.proto"}, {.name = "master.cf.proto"}};

/* Before we are confined: root's may be links that lead anywhere. */
enum err
config_open_protos(const struct actor *a, struct why *why)
{
	bool trusted = !a->caller->root;
	enum err e;
	size_t i;
	int dir = -1;

	e = path_open_dir(a->v.meta, trusted, &dir, why);
	for (i = 0; i < COUNT_OF(protos) && e == ERR_OK; i++) {
		(void)snprintf(protos[i].label, sizeof(protos[i].label),
		    "%s/%s", a->v.meta, protos[i].name);
		e = path_open_file(dir, protos[i].name, protos[i].label,
		    trusted, &protos[i].fd, why);
	}
	(void)close(dir);
	return e;
}

struct cloned {
	char values[SITE_CLONED][1024];
	struct edit edits[SITE_CLONED + 6];
	size_t n;
};

/* Shared parameters: the primary's where it sets them, else commented out.
 * They are taken from the primary's main.cf as text, here: a judge that was
 * taken over must not name a daemon_directory. */
static enum err
clone_shared(struct cloned *c, struct why *why)
{
	static char old[CFFILE_MAX];
	size_t i, len;
	enum err e;

	if ((e = cffile_read(&primary, old, &len, why)) != ERR_OK)
		return e;
	for (i = 0; i < SITE_CLONED; i++) {
		e = edit_value(old, len, site_shared[i], c->values[i],
		    sizeof(c->values[i]));
		if (e != ERR_OK && e != ERR_NOTFOUND)
			return why_set(why, e, "%s: %s is too long",
			    primary.label, site_shared[i]);
		c->edits[c->n].name = site_shared[i];
		c->edits[c->n++].value =
		    e == ERR_OK && c->values[i][0] != '\0' ? c->values[i] :
							     NULL;
	}
	return ERR_OK;
}

enum err
config_install(struct actor *a, struct why *why)
{
	static char old[CFFILE_MAX], new[CFFILE_MAX];
	static struct cloned c;
	const struct verdict *v = &a->v;
	size_t len, newlen;
	enum err e;

	if (!path_is_clean(v->queue.path) || !path_is_clean(v->data.path))
		return why_set(why, ERR_BUG, "bad directory in a verdict");
	if ((e = clone_shared(&c, why)) != ERR_OK)
		return e;
	c.edits[c.n++] = (struct edit){"queue_directory", v->queue.path};
	c.edits[c.n++] = (struct edit){"data_directory", v->data.path};
	c.edits[c.n++] = (struct edit){"authorized_submit_users", ""};
	c.edits[c.n++] = (struct edit){"master_service_disable", "inet"};
	instance.st = (struct stat){.st_mode = S_IFREG | 0644};
	if ((e = config_names(v->name, v->group, c.edits, &c.n, why)) !=
		ERR_OK ||
	    (e = path_slurp(protos[0].fd, protos[0].label, old, sizeof(old),
		 &len, why)) != ERR_OK ||
	    (e = edit_apply(old, len, c.edits, c.n, new, sizeof(new), &newlen,
		 why)) != ERR_OK ||
	    (e = cffile_land(&instance, "main.cf", new, newlen, why)) !=
		ERR_OK ||
	    (e = cffile_lock(a, &instance, why)) != ERR_OK ||
	    (e = path_slurp(protos[1].fd, protos[1].label, old, sizeof(old),
		 &len, why)) != ERR_OK)
		return e;
	/* Last: once it is there the instance is complete. */
	return cffile_land(&instance, "master.cf", old, len, why);
}
