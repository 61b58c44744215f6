/* One worker's store: two connections, the issuing queue, the key snapshot, and what runs by
 * itself (polls, partitions, cleaning).
 *
 * The issuing connection only issues (issue.h); the serving one does everything else
 * (credential.h, denied.h, the polls). Everything here is called from the worker's own event
 * loop, and every callback comes from it, exactly once, never from inside the call that asked
 * for it. */
#ifndef M2M_STORE_STORE_H
#define M2M_STORE_STORE_H

#include <event2/event.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/histogram.h"
#include "base/sbuf.h"
#include "base/str.h"
#include "base/uuid.h"
#include "config/config.h"
#include "crypto/keyset.h"
#include "sql/bearer.h"
#include "sql/origin.h"

struct store;

#define STORE_ENDING_MAX 10000

/* Counted by the worker's thread, read by the metrics of another: each a relaxed atomic. */
struct store_counters {
	_Atomic uint64_t tokens_issued, statement_failures, key_reloads;
	_Atomic uint64_t queue_depth;
	_Atomic uint64_t seals, writers_lost;
	_Atomic uint64_t secrets_ended_unused, secrets_adopted;
	_Atomic uint64_t default_partition_used; /* 0 or 1, as of the last minute */
	_Atomic uint64_t partitions_until;       /* seconds since 1970; 0: not known yet */
	/* current secrets that end within a day, a week and 30 days, as of the last minute; each
	 * STORE_ENDING_MAX at most */
	_Atomic uint64_t secrets_ending[3];
	/* how far the machine's clock is ahead of the database's */
	_Atomic int64_t clock_skew_us;
	struct histogram batch_sizes; /* token requests in one issuing statement */
	/* from a statement's sending to its answer, by connection */
	struct histogram issue_us, serve_us;
};

/* A published signing key, as of the last poll. */
struct store_key {
	char kid[64];
	char alg[8], state[8];
	int64_t active_from; /* seconds since 1970 */
};
#define STORE_KEYS_MAX 32

/* Opens one connection as the gateway will, tries every statement on it, blocking and bounded, and
 * closes it. True: go on (also when the database can't be reached now, with a sentence in `why`).
 * False: it must not start; `why` says why. *ret_connections: how many connections the server
 * leaves to the login, if it was reached. */
bool store_check(const struct config *config, int *ret_connections, struct sbuf *why);

/* `config` is borrowed. NULL: out of memory. Nothing is connected before store_start. */
struct store *store_new(struct event_base *base, const struct config *config);
void store_start(struct store *s);
/* From now on `answered` is called behind the tokens of one turn of the loop, before the core is
 * given away: what a transport has gathered of them leaves. NULL: nobody is told any more. */
void store_tell_answered(struct store *s, void (*answered)(void *arg), void *arg);
/* Answers everything that waits with ERR_STORE_UNAVAILABLE, then frees. NULL is allowed. */
void store_free(struct store *s);

struct origin;
typedef void act_recorded(void *arg, enum err err);
/* Records that `o`'s act, for which no statement was sent, is refused: `why` is the outcome. `o` is
 * borrowed until `done`, which comes from the loop and tells STORE_UNAVAILABLE if it couldn't be.
 * Fails as any statement does; then `done` isn't called. ERR_RATE_LIMITED: its actor had enough
 * rows of them this minute (store/act_bound.h); it needs none. */
MUST_CHECK enum err store_record_refusal(struct store *s, const struct origin *o, enum err why, act_recorded *done, void *arg);

/* Both connections are up, the last write went through, and there is a key to sign with. */
bool store_ready(const struct store *s);
/* One word for a person when it isn't. Static storage. */
const char *store_unready_reason(const struct store *s);

/* The present snapshot; NULL before the first poll. Valid until the caller returns to the loop. */
struct keyset *store_keyset(struct store *s);

/* Clients were brought along from another product, as of the last poll: ids and secrets needn't be
 * of our form (crypto/foreign_secret.h). */
bool store_has_foreign(const struct store *s);

/* What time it is for tokens: the database's, which also gave them theirs, as of the last poll
 * (not older than seconds while it answers) and with the monotonic clock since; known before the
 * first snapshot of keys is. Microseconds since 1970. */
int64_t store_now_us(const struct store *s);

struct store_counters *store_counters(struct store *s);

/* The published signing keys, STORE_KEYS_MAX at most; valid until the caller returns to the
 * loop, whose thread it must be. */
const struct store_key *store_keys(const struct store *s, unsigned *ret_n);

/* True when nothing waits and nothing is in flight. */
bool store_idle(const struct store *s);

/* To be asked again and again when no more requests come: ends the audit's writer in order. True
 * when that is done, or can't be. */
bool store_ended(struct store *s);

#endif
