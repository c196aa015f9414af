#ifndef POSTMULTI_MAINCF_H
#define POSTMULTI_MAINCF_H

/*
 * A native reader of main.cf (postconf(5), "SPECIFYING PARAMETER VALUES").
 * It works in place on bytes the caller has read, allocates nothing, and
 * gives the answers `postconf -xc DIR -h NAME` gives, or says that it can't
 * know.  One pass finds all settings; look-ups then search the index.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "err.h"

/* Settings in one file; more is ERR_UNKNOWN (postconf has no limit). */
#define MAINCF_SETTINGS 2048

/* Largest main.cf we read: 10,000 instances on one line and then some. */
#define MAINCF_MAX (4u * 1024 * 1024)

struct maincf_setting {
	uint32_t name, namelen;   /* offsets into buf */
	uint32_t value, valuelen; /* raw: may hold newlines and comments */
	uint32_t line;            /* 1-based line of the name */
};

struct maincf {
	char label[288]; /* for messages: the file's path */
	const char *buf;
	size_t len;
	size_t n;
	struct maincf_setting set[MAINCF_SETTINGS];
};

/*
 * Built-in defaults for the parameters we ask for, as the installed Postfix
 * gives them: see defaults.h.  Returns NULL for a parameter that isn't there.
 */
typedef const char *maincf_default(const void *ctx, const char *name,
    size_t namelen);

/*
 * Indexes buf[0..len), which must stay as it is while *m is in use.
 * ERR_SYNTAX with "LABEL:LINE: ..." where postconf(1) would be fatal,
 * ERR_UNKNOWN for more settings than we index.
 */
enum err maincf_parse(struct maincf *m, const char *label, const char *buf,
    size_t len, struct why *);

/* Where the last setting of a parameter has its raw value. */
struct text;
bool maincf_find(const struct maincf *m, const char *name, size_t len,
    struct text *);

/*
 * The last setting of a parameter as `postconf -h` (without -x) prints it:
 * continuation lines joined as postconf joins them, comments in between
 * dropped, white space trimmed, nothing expanded.  ERR_NOTFOUND when the file
 * doesn't set it; ERR_LIMIT when it doesn't fit in out (NUL included).
 */
enum err maincf_raw(const struct maincf *m, const char *name, char *out,
    size_t size, struct why *);

/*
 * The value as `postconf -xh` prints it: the last setting, or the default,
 * with every $-form expanded as postconf(5) and mac_expand(3) define.  A
 * reference to a parameter the file doesn't set is looked up with get; where
 * get knows it neither, the answer is ERR_UNKNOWN: it may have a built-in
 * default, so only postconf(1) can tell.  ERR_NOTFOUND when neither file
 * nor get has the parameter itself.  ERR_SYNTAX where postconf is fatal
 * (unclosed braces, recursion), naming file and line; ERR_LIMIT when it takes
 * too much work or doesn't fit in out, where operands of a comparison need
 * room, too.  Differs from postconf in that only this parameter, and what it
 * needs, has to be well-formed.  Not for the few that postconf never expands
 * (forward_path, luser_relay, mailbox_command, ...).
 */
enum err maincf_expand(const struct maincf *m, const char *name,
    maincf_default *get, const void *ctx, char *out, size_t size, struct why *);

#endif
