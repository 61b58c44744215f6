/* Verifying secrets that were brought along, against the hashes of other products, away from the
 * workers' loops: a hash costs up to a second.
 *
 *   worker: hash_ask -> a job in the pool's queue -> a thread: foreign_hash_verify ->
 *   the worker's loop: hash_done
 *
 * The process has one pool, of HASH_THREADS threads that start with the first job. They run at a
 * low priority: of a core that a worker or PostgreSQL wants they have some hundredths. They take no
 * lock that a worker may wait for. Each takes up to FOREIGN_MEMORY_MAX while it makes a hash:
 * 256 MiB in all.
 *
 * One client occupies one thread at a time, whoever asks for it, and HASH_CLIENT_MAX places of the
 * queue. Who asks with the secret that a job verifies already shares its answer. A job whose
 * answers are overdue isn't begun, nor goes on with the next hash. Who asks the same again begins
 * there. */
#ifndef M2M_HASHING_HASH_POOL_H
#define M2M_HASHING_HASH_POOL_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/foreign_secret.h"

#define HASH_THREADS    2
#define HASH_QUEUE_MAX  128  /* jobs that wait for a thread */
#define HASH_CLIENT_MAX 4    /* of one client */
#define HASH_ASKING_MAX 1024 /* who waits for answers */

struct hash_pool;
struct hash_view; /* one worker's */

/* ERR_NO_MEMORY; ERR_IO: no eventfd; as crypto_random says. */
MUST_CHECK enum err hash_pool_open(struct hash_pool **ret);
/* When the loops have ended and their views are freed. Waits for hashes that are being made. NULL
 * is allowed. */
void hash_pool_close(struct hash_pool *p);

/* NULL: out of memory. */
struct hash_view *hash_view_new(struct hash_pool *p, struct event_base *base);
/* Answers who waits with ERR_SHUTTING_DOWN. NULL is allowed. */
void hash_view_free(struct hash_view *v);

struct hash_question {
	struct str client_id, secret; /* well formed, as brought along */
	const struct str *hashes;     /* of foreign_hash_canonical */
	size_t n;                     /* 1 to FOREIGN_SECRETS_MAX */
	int64_t until_us;             /* monotonic: when the answer is due */
};

/* ERR_OK: the secret is the one of hashes[which]. ERR_MISMATCH: it is of none. ERR_OVERLOADED: no
 * thread was free in time. ERR_SHUTTING_DOWN. Others: as foreign_hash_verify says, of a hash that
 * can't be told. */
typedef void hash_done(void *arg, enum err err, size_t which);

/* The question is copied. `done` comes from the view's loop, once, and not from inside the call.
 * ERR_OVERLOADED, ERR_NO_MEMORY: it doesn't come. */
MUST_CHECK enum err hash_ask(struct hash_view *v, const struct hash_question *q, hash_done *done, void *arg);

/* What became of the hashes that were asked of a secret, since the process began. */
enum hash_outcome {
	HASH_MATCHED,
	HASH_WRONG,
	HASH_FAILED,     /* it can't be told: this machine's libraries, or memory */
	HASH_OVERLOADED, /* no thread was free in time, or nobody might wait: of a question, one */
};
#define HASH_OUTCOMES 4

struct hash_counts {
	uint64_t made[FOREIGN_FORMS][HASH_OUTCOMES];
	unsigned queued; /* jobs that wait for a thread */
};

void hash_pool_counts(struct hash_pool *p, struct hash_counts *ret);

/* Whether hash_ask would answer ERR_OVERLOADED to whoever asks with a secret that nobody else asks
 * with. */
bool hash_is_full(struct hash_view *v, struct str client_id);

#endif
