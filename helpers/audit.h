#ifndef POSTMULTI_AUDIT_H
#define POSTMULTI_AUDIT_H

/*
 * The audit trail: a line when a step was decided and one when it is done,
 * both with the same id, to the journal or else to syslog (authpriv), as
 * key=value; what came of it also to the mail log.  Values are vis(3)-encoded:
 * one line whatever a name or a word holds.
 */

#include <stdbool.h>

#include "helper.h"

/* Notes when and from where we were called, connects to the log.  Before any
 * filter: it opens files and a socket. */
void audit_begin(const struct service *);

/* The action that a step is about, in the policy's words. */
const char *audit_action(const struct actor *);

/* "decided", before acting.  false: it could not be written. */
bool audit_decided(const struct actor *);

/*
 * "done", with what came of it.  Denials beyond AUDIT_DENIALS a minute by one
 * uid are counted instead; the next one written tells how many.
 */
#define AUDIT_DENIALS 10
void audit_done(const struct actor *, enum err, const struct why *);

#endif
