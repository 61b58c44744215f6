/* A store as a test wants it: on connections that the test has made, with a key that it gives,
 * and with the queue's measures and timers in its hands, which it reads, sets or fires instead
 * of waiting. For tests only. */
#ifndef M2M_STORE_STORE_SEAM_H
#define M2M_STORE_STORE_SEAM_H

#include "base/list.h"
#include "store/issue.h"
#include "store/pg_conn.h"
#include "store/store.h"

/* What of the issuing queue a test meets; borrowed, until the queue is made anew. */
struct store_seam {
	struct list *waiting, *flying, *answered, *stale; /* of issue_request */
	/* the loop's next turn sends, or goes on signing */
	struct event *send, *answer;
	unsigned *waiting_count, *crowded;
	int64_t *trip_us, *token_us, *written_us;
	bool *ending, *refused;
};

/* `config`, the loop and both connections are borrowed; nothing is connected or asked by itself.
 * NULL: out of memory. */
struct store *store_seam_new(struct event_base *base, const struct config *config, struct pg_conn *issuing, struct pg_conn *serving,
			     struct store_seam *ret);
/* Answers everything that waits, then frees. */
void store_seam_free(struct store *s);

/* From now on tokens are signed with its current key. `set` is the store's. ERR_NO_MEMORY, and
 * it is freed. */
MUST_CHECK enum err store_seam_sign_with(struct store *s, struct keyset *set);

/* The poll of the signing keys, which otherwise comes by the tick. */
void store_seam_poll(struct store *s);

/* The queue's end, which answers everything that waits. */
void store_seam_end_queue(struct store *s);
/* A new queue, as the config now says. */
MUST_CHECK enum err store_seam_renew_queue(struct store *s, struct store_seam *ret);

/* What the second's tick does for the queue, and what the issuing connection's coming or going
 * does. */
void store_seam_tick(struct store *s);
void store_seam_connection_changed(struct store *s);
/* From now on the tick comes by itself no more. */
void store_seam_stop_tick(struct store *s);

/* The statement that seals a batch which no other follows. */
extern const unsigned store_seam_seal_statement;

#endif
