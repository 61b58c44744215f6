/* The inside of struct trust, shared by the files of this folder only.
 *
 * The keeper's thread alone changes the list, the sources and what hangs on them. What workers
 * look at meanwhile (marked "lock") it changes under the lock, which nobody holds for longer
 * than a look or a copy takes: never while a file is read or something is fetched. */
#ifndef M2M_TRUST_TRUST_PARTS_H
#define M2M_TRUST_TRUST_PARTS_H

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/list.h"
#include "config/issuer_list.h"
#include "trust/snapshot.h"
#include "trust/source.h"
#include "trust/trust.h"

struct trust {
	const struct config *config;
	pthread_t thread;
	bool running;
	atomic_bool stopping, look;
	CURLM *multi;

	struct issuer_list *list;
	uint8_t list_seen[SHA256_LEN]; /* what was last read from the file */
	bool list_again;               /* for want of memory it wasn't taken */
	struct source **sources;       /* one for each entry of the list (lock) */
	size_t n;                      /* (lock) */
	uint64_t versions;             /* of key sets, ever */
	int64_t next_look_us;          /* at the files */
	bool changed;                  /* something to publish */

	pthread_mutex_t lock;
	struct snapshot *snapshot; /* (lock) */
	_Atomic uint64_t generation;
	struct list views; /* of struct trust_view (lock) */
};

/* ---- the keeper's ---- */

/* Reads files, publishes, once; what the thread does first, too. */
void keeper_look(struct trust *t);
void *keeper_run(void *trust);

/* ---- for views ---- */

/* The present snapshot, held. */
struct snapshot *trust_snapshot(struct trust *t);

/* A key was not found in a snapshot of `generation`. ERR_AGAIN, ERR_NOT_PRESENT or
 * ERR_ISSUER_UNAVAILABLE as trust_find_key says; ERR_AGAIN has made the keeper ask, or says that
 * there is a younger snapshot. */
MUST_CHECK enum err trust_ask(struct trust *t, struct str issuer, uint64_t generation);

/* Its keys are being fetched, or will be at once. */
bool trust_is_busy(struct trust *t, struct str issuer);

/* Makes the view look at who waits. Any thread; under the lock, which the view's end takes too. */
struct trust_view;
void view_wake(struct trust_view *v);
struct trust_view *view_of(struct list *node);

#endif
