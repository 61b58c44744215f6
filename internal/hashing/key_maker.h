/* New signing keys, away from the worker's loop: an RSA key takes a large part of a second. One
 * at a time for each worker, on a thread of its own with a low priority, which ends with the
 * key. The private part leaves the thread wrapped alone. */
#ifndef M2M_HASHING_KEY_MAKER_H
#define M2M_HASHING_KEY_MAKER_H

#include <event2/event.h>

#include "crypto/wrapped_key.h"

struct key_maker; /* one worker's */

/* NULL: out of memory, or no eventfd. */
struct key_maker *key_maker_new(struct event_base *base);
/* Waits for the thread, and answers who waits with ERR_SHUTTING_DOWN. NULL is allowed. */
void key_maker_free(struct key_maker *m);

/* `k` is borrowed until the callback returns, and NULL unless `err` is ERR_OK. */
typedef void key_made(void *arg, enum err err, const struct made_key *k);

/* Wrapped with the ring's first key; the ring is borrowed until the answer. `done` comes from the
 * loop, once, and not from inside the call. ERR_OVERLOADED: a key is being made, or there is no
 * thread; it doesn't come. */
MUST_CHECK enum err key_maker_ask(struct key_maker *m, enum jwt_alg alg, const struct master_ring *ring, key_made *done, void *arg);

#endif
