/* A snapshot of the signing keys, built away from the worker's loop: reading an RSA key of 4096
 * bits, its first signature and the trial of every lane take up to twenty milliseconds.
 *
 *   key_loader_begin -> a thread: keyset_build -> the loop: keys_loaded
 *
 * One at a time for each worker, on a thread of its own, which ends with it. Nothing is shared
 * meanwhile: the worker goes on with the snapshot that it has, and takes the new one over whole.
 * The thread has the loop's priority, since requests may wait for the key. Private to store/. */
#ifndef M2M_STORE_KEY_LOADER_H
#define M2M_STORE_KEY_LOADER_H

#include <event2/event.h>

#include "crypto/keyset.h"

struct key_loader; /* one worker's */

/* What keyset_build takes; rows and ring are borrowed until keys_loaded, or key_loader_free. */
struct key_load {
	const struct master_ring *ring;
	enum signing_way way;
	const struct keyset_row *rows;
	size_t n;
	uint64_t generation;
};

/* As keyset_build says; `set` is the callee's, and NULL unless err is ERR_OK. */
typedef void keys_loaded(void *arg, enum err err, struct keyset *set, const struct keyset_fault *fault);

/* NULL: out of memory, or no eventfd. */
struct key_loader *key_loader_new(struct event_base *base);
/* Waits for the thread, and frees what it has built; nobody is told. NULL is allowed. */
void key_loader_free(struct key_loader *l);

/* None is under way. `done` comes from the loop, once, and not from inside the call. Where no
 * thread is to be had the log says so, and the snapshot is built inside the call: better a loop
 * that stands still than a key that nobody has. */
void key_loader_begin(struct key_loader *l, const struct key_load *load, keys_loaded *done, void *arg);

#endif
