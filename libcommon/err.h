#ifndef POSTMULTI_ERR_H
#define POSTMULTI_ERR_H

/*
 * One error type for libcommon, policy and the protocol.  A function that
 * can fail returns an enum err, and, where a person will have to act on it,
 * puts one sentence into the caller's struct why: the thing, the place, what
 * to do.  The sentence never ends in a newline and never needs freeing.
 */

#define ERR_LIST(X)                                                            \
	X(OK, "ok")                                                            \
	X(SYSTEM, "a system call failed")                                      \
	X(SYNTAX, "malformed input")                                           \
	X(LIMIT, "too long, too large or too many")                            \
	X(UNKNOWN, "cannot be known without postconf(1)")                      \
	X(NOTFOUND, "not found")                                               \
	X(EXISTS, "already exists")                                            \
	X(CONFLICT, "in conflict with another instance")                       \
	X(DENIED, "refused by policy")                                         \
	X(UNTRUSTED, "owner, mode or type is not trusted")                     \
	X(STATE, "not possible in the instance's present state")               \
	X(BUSY, "locked by somebody else")                                     \
	X(TIMEOUT, "took too long")                                            \
	X(PROTOCOL, "malformed request or reply")                              \
	X(PRIVILEGE, "a privilege is missing or could not be dropped")         \
	X(BUG, "internal error")

enum err {
#define X(name, text) ERR_##name,
	ERR_LIST(X)
#undef X
};

struct why {
	char text[768];
};

/* A short text for the error itself; "unknown error" for a bad number. */
const char *err_text(enum err);

/*
 * Formats the sentence into *w (NULL is fine) and returns e, so that
 * `return why_set(w, ERR_SYNTAX, "%s:%u: ...", file, line);` is the idiom.
 * What doesn't fit is cut.
 */
enum err why_set(struct why *w, enum err e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* As why_set(w, ERR_SYSTEM, ...), with ": " and strerror(errno) appended. */
enum err why_errno(struct why *w, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/*
 * The first sentence that why_errno() made in this process, for whomever,
 * about a lack that passes: of memory, of descriptors, or of time before a
 * signal.  NULL for none.  What seemed not to be there may be there.
 */
const char *why_starved(void);

#endif
