#ifndef POSTMULTI_ASK_H
#define POSTMULTI_ASK_H

/*
 * The actor's side of the talk with postmulti-judge (see verdict.h for the
 * messages).  What it answers is checked for form here; what it may mean is
 * each step's to check.
 */

#include "helper.h"

#define DECIDE_SECONDS 20 /* for a verdict, also under the locks */

/* Starts it and tells it who is calling; it reads the frame itself. */
enum err ask_start(const struct service *, struct actor *, struct why *);

/* Reads a verdict into a->v, a->list and a->alt: ERR_OK when it permits. */
enum err ask_verdict(struct actor *, struct why *);

/* Asks for another one, on what the disk says now. */
enum err ask_again(struct actor *, struct why *);

/* Has the judge become 0,0,0, where its caller can't signal it any more. */
enum err ask_root(struct actor *, struct why *);

#endif
