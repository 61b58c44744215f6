/* Whether memory was short on this thread.
 *
 * A library that has no memory may say only that a signature is wrong, a text malformed, a field
 * absent. An arena that has none leaves values out. Their allocators report each failure here, so
 * that whoever is about to refuse a request can tell a refusal from a lack of memory. */
#ifndef M2M_BASE_STARVED_H
#define M2M_BASE_STARVED_H

#include "base/err.h"

/* An allocation of this thread has failed. */
void starved_note(void);

/* Gives `allocated` back; notes a failure where that is NULL. */
void *starved_unless(void *allocated);

/* How many have, since the thread began. Two equal answers: none has failed in between. */
unsigned long starved_count(void);

/* `err`; ERR_NO_MEMORY where one has failed since starved_count() was `since`: then no other
 * verdict can be believed, ERR_OK neither. */
MUST_CHECK enum err starved_err(enum err err, unsigned long since);

#endif
