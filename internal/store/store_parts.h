/* The inside of struct store, shared by the files of this folder only. */
#ifndef M2M_STORE_STORE_PARTS_H
#define M2M_STORE_STORE_PARTS_H

#include "base/list.h"
#include "crypto/digest.h"
#include "sql/audit_writer.h"
#include "sql/db_clock.h"
#include "store/act_bound.h"
#include "store/issue.h"
#include "store/key_loader.h"
#include "store/pg_conn.h"
#include "store/statements.h"
#include "store/store.h"

/* A key snapshot that is shared by the store (the present one) and the batch in flight (the one
 * whose kid it named). One thread, so a plain count. */
struct shared_keyset {
	struct keyset *set;
	unsigned holders;
};
struct shared_keyset *keyset_hold(struct shared_keyset *k);
void keyset_drop(struct shared_keyset *k); /* NULL is allowed */

/* Rows that are being made a snapshot, which borrows from them until it is there. */
struct key_reading {
	PGresult *result;
	struct arena *arena;
	uint8_t fingerprint[SHA256_LEN];
};

/* A batch that has left or whose commit is known, until its last request is answered: what these
 * borrow. */
struct issue_batch {
	struct shared_keyset *keys; /* NULL: free */
	PGresult *result;           /* once it is known */
	unsigned left;              /* requests that aren't answered */
};

struct issue_queue {
	struct list waiting; /* of issue_request */
	struct list flying;
	/* committed or refused, in order; each is signed and answered as time allows */
	struct list answered;
	struct list stale; /* refused with stale_key once; go out again after the reload */
	unsigned waiting_count, stale_count, answered_count;
	/* the key that we have is no longer current: nothing goes out until it was reloaded, which
	 * is under way (keys_loading) */
	bool refused;
	int64_t sent_us; /* when the batch in flight left */
	/* how long batches lately took there and back, on the average */
	int64_t trip_us;
	/* and a token from its commit's being known, when it was its turn, to its answer */
	int64_t token_us;
	struct issue_batch batches[2]; /* one in flight while another one is signed */
	struct issue_batch *flying_batch;
	struct event *answer; /* the loop's next turn goes on signing */
	/* fires at the end of the loop's turn, or of the next: requests that arrived together
	 * travel together */
	struct event *send;
	unsigned crowded;      /* cores count as short for so many small batches more */
	struct event *overdue; /* fires when one that waits can't be sent any more */
	int64_t overdue_us;    /* when that is; INT64_MAX: nobody waits */
	struct arena *arena;
	struct str *column; /* batch_max strings: one array parameter at a time */
	int *rows;          /* batch_max: where in the result each request's row is */

	struct audit_writer *writer;
	/* the next seal is made when this batch's answers are on their way */
	struct event *prepare;
	bool sealing; /* a seal is in flight by itself; batches wait for it */
	bool ending;
	int64_t written_us; /* when the last batch or seal was answered */
};

/* Introspections by clients: while one batch is in flight the next one gathers. */
struct introspection_queue {
	struct list waiting, flying;
	unsigned waiting_count;
	struct event *send; /* the loop's next turn: what arrived together travels together */
};

struct denied_table;

struct store {
	const struct config *config;
	struct event_base *base;
	struct pg_open_spec issue_spec, serve_spec;
	struct pg_conn *issue_conn, *serve_conn;
	struct event *tick; /* once a second: poll, probe, flush, partitions */

	struct shared_keyset *keys; /* NULL before the first poll */
	uint8_t keys_fingerprint[SHA256_LEN];
	struct store_key known[STORE_KEYS_MAX];
	unsigned known_n;
	uint64_t generation;
	struct key_loader *key_loader;
	struct key_reading reading;
	/* from a poll's sending until what it brought is in its place, or nothing came of it */
	bool keys_loading;
	bool keys_asked;                        /* meanwhile somebody asked anew */
	bool keys_repeated;                     /* this poll is for them */
	void (*keys_reloaded)(struct store *s); /* the issuing queue goes on: issue_keys_reloaded */
	int64_t keys_sent_us;
	struct db_clock clock; /* as the polls of the keys tell it */
	bool skew_told;
	bool keys_usable; /* the last snapshot has a key to sign with */
	bool has_foreign; /* as of the last poll: store_has_foreign */
	/* what a request is answered while there is none: ERR_STALE_KEY, or ERR_KEY_MISSING when
	 * the ring lacks what it is wrapped with */
	enum err why_no_key;

	struct issue_queue issue;
	struct introspection_queue introspections;
	struct denied_table *denied;
	/* of the platform and operators, of organizations' own tokens, and of what moves */
	struct act_bound refused_acts, members_acts, moving_acts;

	void (*answered)(void *arg); /* store_tell_answered; NULL: nobody gathers answers */
	void *answered_arg;

	/* the last write failed while the connection stayed: probe with a write until one goes
	 * through */
	bool write_refused;
	bool probing;
	int64_t last_issue_answer_us;
	int64_t next_keys_us, next_flush_us, next_partitions_us, next_health_us, next_unused_us, next_forget_us;
	int32_t forget_rows;   /* how many a run forgets at most */
	struct arena *scratch; /* parameters of one statement; reset before each use */
	struct store_counters counters;
};

/* NULL: no memory. It has no connections yet, and no more of its parts. */
struct store *store_without_keys(struct event_base *base, const struct config *config);
MUST_CHECK enum err key_snapshot_init(struct store *s);
void key_snapshot_free(struct store *s);
/* Polls the signing keys now, or once more behind the poll that is under way. `keys_reloaded`
 * follows when their snapshot is in its place, whatever came of it; unless keys_loading is false
 * now, since nothing could be sent. */
void store_reload_keys(struct store *s);
/* A result of a write: keeps readiness true to it. */
void store_note_write(struct store *s, enum err err);
/* Asks an idle connection now and then. From the tick. */
void store_probe(struct store *s);

MUST_CHECK enum err issue_queue_init(struct store *s);
void issue_queue_free(struct store *s);
void issue_keys_reloaded(struct store *s);
void issue_connection_changed(struct store *s);
/* Once a second: a batch that no other follows is sealed all the same. */
void issue_tick(struct store *s);
/* See store_ended. */
bool issue_ended(struct store *s);

MUST_CHECK enum err introspection_queue_init(struct store *s);
/* Answers those that wait; behind pg_conn_free, which answers those in flight. */
void introspection_queue_free(struct store *s);

MUST_CHECK enum err denied_init(struct store *s);
void denied_free(struct store *s);

/* The parameters start in the store's scratch arena. */
static inline void store_params(struct store *s, struct pg_params *p)
{
	arena_reset(s->scratch);
	pg_params_init(p, s->scratch);
}
/* Sends a statement over the serving connection. `writes`: what becomes of it tells of readiness
 * (store_note_write). `answered` gets a copy of the `n` bytes of `call`, which ends when it
 * returns; on failure it isn't called. Fails with ERR_OVERLOADED. */
MUST_CHECK enum err store_submit(struct store *s, enum statement statement, bool writes, const struct pg_params *p, pg_unit_done *answered,
				 const void *call, size_t n);

/* What is told of a statement that failed: what passes by itself, what the organization's move
 * refused, or ERR_INTERNAL. */
enum err store_fault(enum err err);
/* What is told of an answer, which has one row, whose first column is an outcome. */
enum err store_outcome(enum err err, const PGresult *r);
/* What is told of an act of /admin that has no answer. */
enum err store_act_err(enum err err);

#endif
