#include <sys/stat.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <bsd/string.h>

#include "doctor.h"
#include "locks.h"
#include "plan.h"
#include "record.h"
#include "tell.h"

/*
 * What was begun and isn't finished: the same command again finishes it, and
 * so does --fix, step by step as the plan says.
 */

#define UNDER_WAY 15 /* seconds in which it may just be going on */

/* The words of a line "record ...". */
enum {
	R_KIND,
	R_ACTION,
	R_STAGE,
	R_UID,
	R_TIME,
	R_NAME,
	R_GROUP,
	R_CONFIG,
	R_QUEUE,
	R_DATA
};

static enum mode
mode_of(const char *action)
{
	unsigned m;

	for (m = MODE_CREATE; m < MODE_COUNT; m++)
		if (strcmp(mode_name((enum mode)m), action) == 0)
			return (enum mode)m;
	return MODE_NONE;
}

/* Another name is in the main.cf of what is imported. */
static bool
can_be_given(const char *name)
{
	return strcmp(name, "-") == 0 || site_new_name_ok(name);
}

/* Directories are root's to say; a delegate's follow from the name.  Where
 * root can, by directory: another instance may have that name by now. */
static void
fill(struct frame *f, enum op op, char *const w[])
{
	unsigned fields = op_info(op)->fields;
	bool root = getuid() == 0;

	memset(f, 0, sizeof(*f));
	f->version = PROTO_VERSION;
	f->op = op;
	if ((fields & FIELD_SEL) != 0) {
		if (!root && strcmp(w[R_NAME], "-") != 0)
			(void)strlcpy(f->sel.name, w[R_NAME],
			    sizeof(f->sel.name));
		else
			(void)strlcpy(f->sel.dir, w[R_CONFIG],
			    sizeof(f->sel.dir));
	}
	if ((fields & FIELD_NAMES) != 0) {
		if (can_be_given(w[R_NAME]))
			(void)strlcpy(f->name, w[R_NAME], sizeof(f->name));
		if (strcmp(w[R_GROUP], "-") != 0)
			(void)strlcpy(f->group, w[R_GROUP], sizeof(f->group));
	}
	if ((fields & FIELD_DIRS) == 0 || !root)
		return;
	(void)strlcpy(f->config, w[R_CONFIG], sizeof(f->config));
	if (op == OP_MAKE || op == OP_INSTALL) {
		(void)strlcpy(f->queue, w[R_QUEUE], sizeof(f->queue));
		(void)strlcpy(f->data, w[R_DATA], sizeof(f->data));
	}
}

static void
mend(struct doctor *d, const struct plan *plan, char *const w[])
{
	const enum op *op;
	struct frame f;

	for (op = plan->steps; *op != OP_NONE; op++) {
		fill(&f, *op, w);
		if (!doctor_mend(d, &f))
			return;
	}
	d->mended++;
	(void)printf("    mended: finished\n");
}

/* The command that was begun, as it would be typed. */
static void
command(char *out, size_t size, enum mode m, char *const w[])
{
	bool named = site_new_name_ok(w[R_NAME]);
	char config[DOCTOR_WORD], queue[DOCTOR_WORD], data[DOCTOR_WORD];

	(void)doctor_word(w[R_CONFIG], config);
	if (m == MODE_DESTROY)
		(void)snprintf(out, size, "postmulti -i %s -e destroy",
		    named && getuid() != 0 ? w[R_NAME] : config);
	else
		(void)snprintf(out, size, "postmulti%s%s%s%s -e %s%s%s",
		    named ? " -I " : "", named ? w[R_NAME] : "",
		    strcmp(w[R_GROUP], "-") != 0 ? " -G " : "",
		    strcmp(w[R_GROUP], "-") != 0 ? w[R_GROUP] : "",
		    mode_name(m), getuid() == 0 ? " config_directory=" : "",
		    getuid() == 0 ? config : "");
	if (m == MODE_CREATE && getuid() == 0)
		(void)snprintf(out + strlen(out), size - strlen(out),
		    " queue_directory=%s data_directory=%s",
		    doctor_word(w[R_QUEUE], queue),
		    doctor_word(w[R_DATA], data));
}

static void
take(void *ctx, char *const w[TELL_WORDS], size_t n)
{
	struct doctor *d = ctx;
	char repair[DOCTOR_WORD * 4 + NAME_SIZE * 2], when[32] = "?";
	long long age, began;
	struct instance in = {0};
	const struct plan *plan;
	struct stat st;
	enum mode m;
	time_t t;

	if (strcmp(w[0], "broken") == 0) {
		(void)snprintf(repair, sizeof(repair), "%s '%s'",
		    lstat(w[n - 1], &st) == 0 && S_ISDIR(st.st_mode) ? "rm -r" :
								       "rm",
		    w[n - 1]);
		doctor_found(d, "record", repair,
		    "%s: cannot be read, so the create, import or destroy it "
		    "was for is not known",
		    w[n - 1]);
		return;
	}
	m = mode_of(w[R_ACTION]);
	if (m == MODE_NONE || (plan = plan_of(m)) == NULL)
		return;
	(void)strlcpy(in.dir, w[R_CONFIG], sizeof(in.dir));
	(void)strlcpy(in.queue, w[R_QUEUE], sizeof(in.queue));
	(void)strlcpy(in.data, w[R_DATA], sizeof(in.data));
	doctor_known(d, &in);
	began = strtoll(w[R_TIME], NULL, 10);
	age = (long long)time(NULL) - began;
	t = (time_t)began;
	(void)strftime(when, sizeof(when), "%F %T", localtime(&t));
	command(repair, sizeof(repair), m, w);
	doctor_found(d, "half-made", repair,
	    "%s: a %s of %s, begun by uid %s at %s, is not finished%s",
	    w[R_CONFIG], w[R_ACTION],
	    strcmp(w[R_NAME], "-") != 0 ? w[R_NAME] : "an unnamed instance",
	    w[R_UID], when,
	    age >= 0 && age < UNDER_WAY ? " (it may just be under way)" : "");
	if (d->o->fix && (age < 0 || age >= UNDER_WAY))
		mend(d, plan, w);
}

/* Written aside under the lock of all changes, and then renamed. */
static void
check_temporary(struct doctor *d)
{
	static const char path[] = RECORD_DIR "/tmp";
	struct stat st, again;

	/* The same one, though nobody was writing in between. */
	if (lstat(path, &st) == 0 && locks_holder(PATH_STATE "/lock") == 0 &&
	    lstat(path, &again) == 0 && again.st_ino == st.st_ino)
		doctor_found(d, "temporary", "rm " RECORD_DIR "/tmp",
		    "%s: left by a create, import or destroy that died", path);
}

/* Where records and the lock are must be root's alone; else no helper changes
 * anything. */
static bool
check_state(struct doctor *d)
{
	static const char *const dirs[] = {PATH_STATE, RECORD_DIR};
	static const char lock[] = PATH_STATE "/lock";
	char repair[256];
	struct stat st;
	bool good = true;
	size_t i;

	for (i = 0; i < 2; i++) {
		if (lstat(dirs[i], &st) == -1)
			break; /* made when there is need */
		if (S_ISDIR(st.st_mode) && st.st_uid == 0 &&
		    (st.st_mode & 0077) == 0)
			continue;
		(void)snprintf(repair, sizeof(repair),
		    S_ISDIR(st.st_mode) ? "chown root %s && chmod 700 %s" :
					  "mv %s %s.old",
		    dirs[i], dirs[i]);
		doctor_found(d, "owner", repair,
		    "%s: owner uid %lu, mode %04o, should be a directory of "
		    "root's alone, mode 0700",
		    dirs[i], (unsigned long)st.st_uid,
		    (unsigned)st.st_mode & 07777);
		good = false;
	}
	if (lstat(lock, &st) == 0 && S_ISDIR(st.st_mode)) {
		(void)snprintf(repair, sizeof(repair), "rm -r %s", lock);
		doctor_found(d, "temporary", repair,
		    "%s: a directory: nobody can change anything", lock);
		good = false;
	}
	return good;
}

void
doctor_records(struct doctor *d)
{
	struct why why;
	enum err e;

	d->broken = !check_state(d);
	check_temporary(d);
	d->unsure = true;
	if (d->unserved || d->broken)
		return;
	e = tell_each(OP_RECORDS, NULL, take, d, &why);
	/* Whom the helpers don't serve now can't know, and needn't. */
	if (e != ERR_OK && getuid() != 0)
		(void)printf("not looked for: unfinished work, leftovers: %s\n",
		    why.text);
	else if (e != ERR_OK)
		doctor_found(d, "records", NULL, "%s", why.text);
	else
		d->unsure = false;
}
