#include "store/operator.h"

#include "base/clock.h"
#include "sql/admin_statement.h"
#include "sql/outcome.h"
#include "sql/promises.h"
#include "store/store_parts.h"

#define ANSWER_MAX (1 << 18)

/* Rows into `a` and the answer. */
typedef enum err take_rows(const struct store *s, const PGresult *r, struct arena *a, struct operator_answer *answer);

struct call {
	struct store *store;
	take_rows *take;
	int32_t limit;
	int64_t sent_us;
	operator_done *done;
	void *arg;
};

static void answered(void *arg, enum err err, const PGresult *r)
{
	const struct call *call = arg;
	struct database_health health = {.round_trip_us = clock_mono_us() - call->sent_us};
	struct operator_answer answer = {.n = (size_t)call->limit, .health = &health};
	if (err != ERR_OK) {
		call->done(call->arg, store_act_err(err), NULL);
		return;
	}
	struct arena *a = arena_new(ANSWER_MAX);
	err = a == NULL ? ERR_NO_MEMORY : call->take(call->store, r, a, &answer);
	if (err == ERR_OK && arena_overflowed(a))
		err = ERR_NO_MEMORY;
	call->done(call->arg, err, err == ERR_OK ? &answer : NULL);
	arena_free(a);
}

static enum err submit(struct store *s, enum statement statement, bool writes, const struct pg_params *p, struct call call)
{
	call.store = s;
	call.sent_us = clock_mono_us();
	return store_submit(s, statement, writes, p, answered, &call, sizeof call);
}

/* ---- signing keys ---- */

static enum err take_keys(const struct store *s, const PGresult *r, struct arena *a, struct operator_answer *answer)
{
	(void)s;
	int n = PQntuples(r);
	struct shown_signing_key *keys = arena_alloc(a, ((size_t)n + 1) * sizeof *keys);
	for (int i = 0; keys != NULL && i < n; i++)
		keys[i] = (struct shown_signing_key){
			.kid = pg_str(r, i, 0),
			.alg = pg_str(r, i, 1),
			.state = pg_str(r, i, 2),
			.created_at = pg_time_us(r, i, 6),
			.active_from = pg_time_us(r, i, 7),
			.retired_at = pg_time_us(r, i, 8),
			.published_until = pg_time_us(r, i, 9),
			.revoked_at = pg_time_us(r, i, 10),
		};
	answer->signing_keys = keys;
	answer->n = (size_t)n;
	return ERR_OK;
}

static enum err take_outcome(const struct store *s, const PGresult *r, struct arena *a, struct operator_answer *answer)
{
	(void)s, (void)a;
	struct str outcome = PQntuples(r) == 1 ? pg_str(r, 0, 0) : STR_NONE;
	answer->key_wanted = outcome.p != NULL && str_eq(outcome, STR("key_wanted"));
	if (answer->key_wanted)
		return ERR_OK;
	return outcome.p != NULL && str_eq(outcome, STR("no_successor")) ? ERR_CONFLICT : outcome_err(outcome);
}

enum err signing_key_list(struct store *s, struct str kid, operator_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	pg_put_text(&p, kid);
	return submit(s, STMT_SIGNING_KEY_LIST, false, &p, (struct call){.take = take_keys, .done = done, .arg = arg});
}

/* All null without one. */
static void put_key(struct pg_params *p, const struct made_key *key)
{
	const struct made_key none = {.kid = STR_NONE};
	const struct made_key *k = key == NULL ? &none : key;
	pg_put_text(p, k->kid);
	pg_put_text(p, k->alg);
	pg_put_text(p, k->public_jwk);
	pg_put_bytea(p, k->wrapped);
	pg_put_text(p, k->master_key_id);
}

enum err signing_key_rotate(struct store *s, const struct origin *origin, const struct made_key *key, int64_t delay, operator_done *done,
			    void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	console_put_operator(&p, origin);
	put_key(&p, key);
	if (delay < 0)
		pg_put_raw(&p, PG_INT8, STR_NONE);
	else
		pg_put_int8(&p, delay);
	return submit(s, STMT_SIGNING_KEY_ROTATE, true, &p, (struct call){.take = take_outcome, .done = done, .arg = arg});
}

enum err signing_key_revoke(struct store *s, const struct origin *origin, struct str kid, int64_t known, bool at_once,
			    const struct made_key *key, operator_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	console_put_operator(&p, origin);
	pg_put_text(&p, kid);
	pg_put_int8(&p, known);
	pg_put_bool(&p, at_once);
	put_key(&p, key);
	return submit(s, STMT_SIGNING_KEY_REVOKE, true, &p, (struct call){.take = take_outcome, .done = done, .arg = arg});
}

/* ---- master keys ---- */

static enum err take_master_keys(const struct store *s, const PGresult *r, struct arena *a, struct operator_answer *answer)
{
	const struct master_ring *ring = &s->config->ring;
	int n = PQntuples(r);
	struct shown_master_key *keys = arena_alloc(a, ((size_t)n + 1) * sizeof *keys);
	for (int i = 0; keys != NULL && i < n; i++) {
		struct str key_id = pg_str(r, i, 0);
		keys[i] = (struct shown_master_key){
			.key_id = key_id,
			.primary = str_eq(key_id, str_of(ring->keys[0].key_id)),
			.loaded = master_ring_find(ring, key_id) != NULL,
			.registered_at = pg_time_us(r, i, 1),
			.secrets = pg_int8(r, i, 2),
			.signing_keys = pg_int8(r, i, 3),
		};
	}
	answer->master_keys = keys;
	answer->n = (size_t)n;
	return ERR_OK;
}

enum err master_key_list(struct store *s, operator_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	master_ring_put(&p, &s->config->ring);
	return submit(s, STMT_MASTER_KEYS, false, &p, (struct call){.take = take_master_keys, .done = done, .arg = arg});
}

/* ---- denied attempts ---- */

static struct denied_attempts take_attempts(const PGresult *r, int row)
{
	return (struct denied_attempts){
		.minute = pg_time_us(r, row, 1),
		.batch_id = pg_uuid(r, row, 2),
		.place = pg_int4(r, row, 3),
		.client_id = pg_str(r, row, 4),
		.organization_id = pg_uuid(r, row, 5),
		.remote_addr = pg_str(r, row, 6),
		.reason = pg_str(r, row, 7),
		.attempts = pg_int4(r, row, 8),
		.slug = pg_str(r, row, 9),
		.name = pg_str(r, row, 10),
	};
}

/* As token_list.c's: a row without a batch says how far the search has come. */
static enum err take_denied(const struct store *s, const PGresult *r, struct arena *a, struct operator_answer *answer)
{
	(void)s;
	int n = PQntuples(r);
	size_t limit = answer->n;
	enum err err = n == 0 ? ERR_INTERNAL : outcome_err(pg_str(r, 0, 0));
	struct denied_attempts *rows = arena_alloc(a, (limit + 1) * sizeof *rows);
	if (err != ERR_OK || rows == NULL)
		return err != ERR_OK ? err : ERR_NO_MEMORY;
	answer->n = 0;
	for (int i = 0; i < n && answer->n < limit && !pg_is_null(r, i, 2); i++)
		rows[answer->n++] = take_attempts(r, i);
	answer->denied = rows;
	if (answer->n == limit && (size_t)n > limit) {
		answer->more = true;
		answer->next = (struct denied_place){rows[limit - 1].minute, rows[limit - 1].batch_id, rows[limit - 1].place};
	} else if (!pg_is_null(r, n - 1, 1) && pg_is_null(r, n - 1, 2)) {
		answer->more = true;
		answer->next = (struct denied_place){.minute = pg_time_us(r, n - 1, 1)};
	}
	return ERR_OK;
}

enum err denied_list(struct store *s, const struct operator_proof *by, const struct denied_filter *filter,
		     const struct denied_place *before, int32_t limit, operator_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	console_put_proof(&p, by);
	admin_put_org(&p, filter->organization);
	pg_put_bool(&p, filter->organization.p != NULL);
	pg_put_text(&p, filter->client_id);
	pg_put_text(&p, filter->reason);
	pg_put_text(&p, filter->remote_addr);
	pg_put_time(&p, filter->since);
	pg_put_time(&p, filter->until);
	pg_put_time(&p, before == NULL ? 0 : before->minute);
	pg_put_uuid(&p, before == NULL ? NULL : &before->batch_id);
	pg_put_int4(&p, before == NULL ? 0 : before->passed);
	pg_put_int4(&p, limit);
	return submit(s, STMT_DENIED_LIST, false, &p, (struct call){.take = take_denied, .limit = limit, .done = done, .arg = arg});
}

/* ---- health ---- */

static enum err take_health(const struct store *s, const PGresult *r, struct arena *a, struct operator_answer *answer)
{
	struct database_health *h = arena_alloc(a, sizeof *h);
	(void)s;
	if (h == NULL || PQntuples(r) != 1)
		return h == NULL ? ERR_NO_MEMORY : ERR_INTERNAL;
	*h = (struct database_health){
		.server_version = pg_int4(r, 0, 0),
		.in_recovery = pg_bool(r, 0, 1),
		.default_partition_used = pg_bool(r, 0, 2),
		.partitions_until = pg_time_us(r, 0, 3),
		.schema_version = pg_int4(r, 0, 4),
		.connections = pg_int4(r, 0, 5),
		.round_trip_us = answer->health->round_trip_us,
	};
	for (int i = 0; i < PROMISES_N; i++) {
		const struct promise *broken = promise_broken(r, 6, i);
		h->broken[i] = broken == NULL ? NULL : broken->sentence;
	}
	answer->health = h;
	answer->n = 1;
	return ERR_OK;
}

enum err database_health(struct store *s, operator_done *done, void *arg)
{
	struct pg_params p;
	store_params(s, &p);
	return submit(s, STMT_HEALTH, false, &p, (struct call){.take = take_health, .done = done, .arg = arg});
}

static enum err take_wanted(const struct store *s, const PGresult *r, struct arena *a, struct operator_answer *answer)
{
	struct master_keys_wanted *w = arena_alloc(a, sizeof *w);
	(void)s;
	if (w == NULL || PQntuples(r) != 1)
		return w == NULL ? ERR_NO_MEMORY : ERR_INTERNAL;
	*w = (struct master_keys_wanted){pg_str(r, 0, 0), pg_str(r, 0, 1), pg_str(r, 0, 2), pg_bool(r, 0, 3)};
	answer->wanted = w;
	answer->n = 1;
	return ERR_OK;
}

enum err master_keys_wanted(struct store *s, operator_done *done, void *arg)
{
	const struct master_ring *ring = &s->config->ring;
	struct str checks[MASTER_RING_MAX];
	struct pg_params p;
	store_params(s, &p);
	master_ring_put(&p, ring);
	for (unsigned i = 0; i < ring->n; i++)
		checks[i] = str_from(ring->keys[i].check, sizeof ring->keys[i].check);
	pg_put_array(&p, PG_BYTEA, checks, ring->n);
	return submit(s, STMT_MASTER_KEYS_WANTED, false, &p, (struct call){.take = take_wanted, .done = done, .arg = arg});
}
