/* Signatures that are verified together: those that many requests ask for in one turn of the loop.
 *
 *   signature_ask -> the end of the loop's turn: groups of VERIFY_GROUP_MAX -> signature_done
 *
 * There is no timer: one that is alone waits for what its turn has left to do, and is verified by
 * itself. */
#ifndef M2M_HASHING_SIGNATURE_QUEUE_H
#define M2M_HASHING_SIGNATURE_QUEUE_H

#include <event2/event.h>

#include "base/list.h"
#include "crypto/group_verifier.h"

struct signature_queue; /* one worker's */

/* NULL: out of memory. `allowed` is M2M_SIGNATURES. */
struct signature_queue *signature_queue_new(struct event_base *base, enum signing_way allowed);
/* Answers who waits with ERR_SHUTTING_DOWN. NULL is allowed. */
void signature_queue_free(struct signature_queue *q);

/* err: as signing_key_verify, or ERR_SHUTTING_DOWN. */
typedef void signature_done(void *arg, enum err err);

/* The asker's memory, which it keeps as it is until `done`. */
struct signature_question {
	struct list node; /* the queue's own */
	struct verification verification;
	signature_done *done; /* may ask again */
	void *arg;
};

/* `done` comes from the loop, once, and not from inside the call; the key is held until then.
 * False: it doesn't come, since nothing is gained with this key or on this machine. */
MUST_CHECK bool signature_ask(struct signature_queue *q, struct signature_question *question);

#endif
