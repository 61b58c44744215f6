/* The poll of the signing keys: rows -> the loader -> a keyset that the store and a batch in flight
 * share; the list for the metrics, what time it is for the database, and whether clients were
 * brought along. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "store/store_parts.h"

/* With the tick that notices it, a change is known within 5 seconds: m2mctl counts on that. */
#define KEYS_POLL_US 4000000
#define SKEW_TOLD_US 1000000

struct shared_keyset *keyset_hold(struct shared_keyset *k)
{
	k->holders++;
	return k;
}

void keyset_drop(struct shared_keyset *k)
{
	if (k == NULL || --k->holders > 0)
		return;
	keyset_free(k->set);
	free(k);
}

static enum err fingerprint(struct arena *a, const struct keyset_row *rows, int n, uint8_t out[SHA256_LEN])
{
	struct sbuf text = sbuf_in(a, 1024);
	for (int i = 0; i < n; i++) {
		sbuf_printf(&text, "%.*s/%.*s/%.*s/%d/", STR_ARG(rows[i].kid), STR_ARG(rows[i].alg), STR_ARG(rows[i].wrap_key_id),
			    rows[i].current);
		/* and the rest too, in case somebody repairs a damaged row */
		sbuf_put(&text, rows[i].public_jwk);
		sbuf_put(&text, rows[i].wrapped);
	}
	struct str s = sbuf_str(&text);
	return s.p == NULL ? ERR_NO_MEMORY : sha256(s.p, s.n, out);
}

/* NULL: out of memory. What the rows borrow is the result's. */
static struct keyset_row *read_rows(struct key_reading *reading, const PGresult *r)
{
	int n = PQntuples(r);
	reading->arena = arena_new(1 << 20);
	struct keyset_row *rows = reading->arena == NULL ? NULL : arena_alloc(reading->arena, (size_t)n * sizeof *rows);
	for (int i = 0; rows != NULL && i < n; i++)
		rows[i] = (struct keyset_row){
			.kid = pg_str(r, i, 0),
			.alg = pg_str(r, i, 1),
			.public_jwk = pg_str(r, i, 2),
			.wrapped = pg_str(r, i, 3),
			.wrap_key_id = pg_str(r, i, 4),
			.current = pg_bool(r, i, 5),
		};
	bool read = rows != NULL && fingerprint(reading->arena, rows, n, reading->fingerprint) == ERR_OK;
	return read ? rows : NULL;
}

static void forget_rows(struct key_reading *reading)
{
	PQclear(reading->result);
	arena_free(reading->arena);
	*reading = (struct key_reading){.result = NULL};
}

static void tell_faults(const struct keyset_fault *fault, struct keyset *set)
{
	if (fault->err != ERR_OK)
		log_message(LOG_ERROR, "signing_key_unusable", "%s: key %.*s", err_info(fault->err)->code, STR_ARG(fault->kid));
	if (fault->signs_simpler)
		log_message(LOG_ERROR, "signatures_unverified",
			    "signatures that were made together don't verify, or can't be made: the key signs by %s",
			    signing_way_name(signing_key_way(keyset_current(set))));
}

/* A batch in flight keeps the snapshot whose key it named. */
static enum err take_snapshot(struct store *s, struct keyset *set, const struct keyset_fault *fault)
{
	struct shared_keyset *fresh = calloc(1, sizeof *fresh);
	if (fresh == NULL) {
		keyset_free(set);
		return ERR_NO_MEMORY;
	}
	fresh->set = set;
	s->why_no_key = fault->err == ERR_KEY_MISSING ? ERR_KEY_MISSING : ERR_STALE_KEY;
	s->generation++;
	memcpy(s->keys_fingerprint, s->reading.fingerprint, sizeof s->keys_fingerprint);
	keyset_drop(s->keys);
	s->keys = keyset_hold(fresh);
	atomic_fetch_add_explicit(&s->counters.key_reloads, 1, memory_order_relaxed);
	return ERR_OK;
}

static void copy_word(char *to, size_t cap, struct str from)
{
	size_t n = from.n < cap - 1 ? from.n : cap - 1;
	memcpy(to, from.p, n);
	to[n] = '\0';
}

static void know_keys(struct store *s, const PGresult *r)
{
	s->known_n = 0;
	for (int i = 0; i < PQntuples(r) && s->known_n < STORE_KEYS_MAX; i++) {
		struct store_key *k = &s->known[s->known_n++];
		copy_word(k->kid, sizeof k->kid, pg_str(r, i, 0));
		copy_word(k->alg, sizeof k->alg, pg_str(r, i, 1));
		copy_word(k->state, sizeof k->state, pg_str(r, i, 6));
		k->active_from = pg_time_us(r, i, 7) / 1000000;
	}
}

const struct store_key *store_keys(const struct store *s, unsigned *ret_n)
{
	*ret_n = s->known_n;
	return s->known;
}

/* What a person has to know of the clocks; said when they come to differ, not as long as they
 * do. */
static void tell_skew(struct store *s)
{
	int64_t skew_us = db_clock_skew_us(&s->clock, clock_mono_us(), clock_wall_us());
	bool skewed = skew_us > SKEW_TOLD_US || skew_us < -SKEW_TOLD_US;
	atomic_store_explicit(&s->counters.clock_skew_us, skew_us, memory_order_relaxed);
	if (skewed && !s->skew_told)
		log_message(LOG_WARN, "clock_skew",
			    "this machine's clock is %.1f seconds %s the database's, by which tokens are judged; let both be set by NTP",
			    (double)(skew_us < 0 ? -skew_us : skew_us) / 1e6, skew_us < 0 ? "behind" : "ahead of");
	s->skew_told = skewed;
}

int64_t store_now_us(const struct store *s)
{
	return s->clock.known ? db_clock_now_us(&s->clock, clock_mono_us()) : clock_wall_us();
}

/* Who asked meanwhile may know of a change that came after these rows were read. They are read
 * once more, and once only: a database that goes on refusing the key that it calls current must
 * not keep anybody waiting. */
static void reload_ended(struct store *s)
{
	bool again = s->keys_asked && !s->keys_repeated;
	s->keys_loading = s->keys_asked = false;
	s->keys_repeated = again;
	if (again)
		store_reload_keys(s);
	if (s->keys_loading)
		return;
	s->keys_repeated = false;
	s->keys_reloaded(s);
}

static void snapshot_built(void *arg, enum err err, struct keyset *set, const struct keyset_fault *fault)
{
	struct store *s = arg;
	if (err == ERR_OK)
		tell_faults(fault, set);
	if (err == ERR_OK)
		err = take_snapshot(s, set, fault);
	s->keys_usable = err == ERR_OK && keyset_current(s->keys->set) != NULL;
	forget_rows(&s->reading);
	reload_ended(s);
}

/* True: they differ from those of the present snapshot, and snapshot_built follows. */
static bool build_snapshot(struct store *s, const PGresult *r)
{
	struct key_reading *reading = &s->reading;
	const struct keyset_row *rows = read_rows(reading, r);
	bool known = rows != NULL && s->keys != NULL && crypto_equal(reading->fingerprint, s->keys_fingerprint, SHA256_LEN);
	if (rows == NULL || known) {
		s->keys_usable = known && keyset_current(s->keys->set) != NULL;
		forget_rows(reading);
		return false;
	}
	reading->result = pg_conn_take_result(s->serve_conn);
	key_loader_begin(s->key_loader,
			 &(struct key_load){&s->config->ring, s->config->signing_way, rows, (size_t)PQntuples(r), s->generation + 1},
			 snapshot_built, s);
	return true;
}

static void keys_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	if (err == ERR_OK && PQntuples(r) > 0) {
		db_clock_note(&s->clock, s->keys_sent_us, clock_mono_us(), pg_time_us(r, 0, 8));
		tell_skew(s);
		s->has_foreign = pg_bool(r, 0, 9);
	}
	if (err == ERR_OK)
		know_keys(s, r);
	if (err != ERR_OK || !build_snapshot(s, r))
		reload_ended(s);
}

void store_reload_keys(struct store *s)
{
	if (s->keys_loading) {
		s->keys_asked = true;
		return;
	}
	struct pg_params p;
	store_params(s, &p);
	s->keys_sent_us = clock_mono_us();
	s->next_keys_us = s->keys_sent_us + KEYS_POLL_US;
	s->keys_loading = pg_conn_send(s->serve_conn, STMT_KEYS, &p, (int)s->config->request_timeout_ms, keys_answered, s) == ERR_OK;
	if (!s->keys_loading)
		s->next_keys_us = 0;
}

enum err key_snapshot_init(struct store *s)
{
	s->key_loader = key_loader_new(s->base);
	return s->key_loader == NULL ? ERR_NO_MEMORY : ERR_OK;
}

void key_snapshot_free(struct store *s)
{
	key_loader_free(s->key_loader);
	forget_rows(&s->reading);
	keyset_drop(s->keys);
}

struct keyset *store_keyset(struct store *s)
{
	return s->keys == NULL ? NULL : s->keys->set;
}
