/* The store's life: its two connections, the key snapshot's poll, the write probe, and the housekeeping that any gateway may do. */
#include "store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "sql/admin_sql.h"
#include "sql/credential_sql.h"
#include "store/denied.h"
#include "store/issue_statement.h"
#include "store/store_parts.h"

#define KEYS_POLL_US    4000000 /* with the tick that notices it, a change is known within 5 seconds: m2mctl counts on that */
#define DENIED_FLUSH_US 60000000
#define PARTITIONS_US   3600000000
#define AUDIT_HEALTH_US 60000000
#define SKEW_TOLD_US    1000000
#define PROBE_AFTER_US  2000000
#define SERVE_UNITS_MAX 512

static const struct pg_statement issue_statements[] = {
	{STMT_ISSUE, issue_sql},
	{STMT_ISSUE_BEARER, issue_bearer_sql},
	{STMT_SEAL, SQL_SEAL},
	/* With $1 it commits a record of no consequence to the WAL, to learn whether the server takes writes again. */
	{STMT_PROBE, "select current_setting('transaction_read_only') = 'on',"
		     " case when $1::bool then pg_logical_emit_message(true, 'm2m-gateway', '') end"},
};

static const struct pg_statement serve_statements[] = {
	{STMT_READ_CLIENT_ID, SQL_READ_CLIENT_ID},
	{STMT_READ_SECRET, SQL_READ_SECRET},
	{STMT_ROTATE_BEGIN, SQL_ROTATE_BEGIN},
	{STMT_ROTATE, SQL_ROTATE},
	{STMT_KEYS, "select k.kid, k.alg, k.public_jwk, k.sealed, k.seal_key_id, v.current, v.state, k.active_from, clock_timestamp()"
		    " from m2m.signing_key k join m2m.signing_keys v on v.kid = k.kid"
		    " where v.state <> 'revoked' and coalesce(v.published_until, 'infinity') > statement_timestamp() order by k.kid"},
	{STMT_TOKEN_LIST, SQL_TOKEN_LIST},
	{STMT_DENIED, denied_sql},
	{STMT_PARTITIONS, "select m2m.audit_partitions_ahead($1::int4)"},
	{STMT_AUDIT_KEY, SQL_AUDIT_KEY},
	{STMT_AUDIT_HEALTH, "select default_used, partitions_until from m2m.audit_health()"},
	{STMT_ORG_LIST, SQL_ORG_LIST},
	{STMT_ORG_FIND, SQL_ORG_FIND},
	{STMT_ORG_RESOLVE, SQL_ORG_RESOLVE},
	{STMT_ORG_CREATE, SQL_ORG_CREATE},
	{STMT_ORG_CHANGE, SQL_ORG_CHANGE},
	{STMT_ORG_DELETE, SQL_ORG_DELETE},
	{STMT_CLIENT_LIST, SQL_CLIENT_LIST},
	{STMT_CLIENT_FIND, SQL_CLIENT_FIND},
	{STMT_CLIENT_CREATE, SQL_CLIENT_CREATE},
	{STMT_CLIENT_CHANGE, SQL_CLIENT_CHANGE},
	{STMT_CLIENT_DELETE, SQL_CLIENT_DELETE},
	{STMT_FORGET, "delete from m2m.idempotency where rotated_at < statement_timestamp() - interval '24 hours'"},
};

/* Whatever a gateway asks is about a few rows of tables that have an index for it, so one plan of index look-ups is right at every size; a plan that was made for empty tables must not stay. */
#define INDEX_LOOKUPS                                                                                                                      \
	"plan_cache_mode", "force_generic_plan", "enable_hashjoin", "off", "enable_mergejoin", "off", "enable_seqscan", "off", "jit", "off"

#define LIMITS "client_connection_check_interval", "1s", "lock_timeout", "2s"
static const char *const settings[] = {"timezone", "UTC", INDEX_LOOKUPS, LIMITS, NULL};

static struct pg_open_spec open_spec(const struct config *config, bool issuing)
{
	return (struct pg_open_spec){
		.url = config->database_url.p,
		.url_path = config->database_url_path.p,
		.application_name = issuing ? "m2m-gateway issue" : "m2m-gateway serve",
		.statements = issuing ? issue_statements : serve_statements,
		.statement_count =
			issuing ? sizeof issue_statements / sizeof *issue_statements : sizeof serve_statements / sizeof *serve_statements,
		.settings = settings,
		.ring = issuing ? NULL : &config->ring,
		.timeout_ms = (int)config->request_timeout_ms,
	};
}

bool store_check(const struct config *config, int *ret_connections, struct sbuf *why)
{
	const char *reason = NULL;
	for (int issuing = 0; issuing < 2; issuing++) {
		struct pg_open_spec spec = open_spec(config, issuing != 0);
		PGconn *pg = NULL;
		spec.connections = ret_connections;
		enum pg_open_outcome outcome = pg_open(&spec, &pg, why, &reason);
		if (outcome != PG_OPEN_OK)
			return outcome == PG_OPEN_UNREACHABLE;
		PQfinish(pg);
	}
	return true;
}

/* ---- asking over the serving connection ---- */

void store_params(struct store *s, struct pg_params *p)
{
	arena_reset(s->scratch);
	pg_params_init(p, s->scratch);
}

enum err store_ask(struct store *s, const char *statement, const struct pg_params *p, pg_unit_done *answered, const void *call, size_t n)
{
	void *kept = malloc(n);
	if (kept == NULL)
		return ERR_OVERLOADED;
	memcpy(kept, call, n);
	enum err err = pg_conn_send(s->serve_conn, statement, p, (int)s->config->request_timeout_ms, answered, kept);
	if (err != ERR_OK)
		free(kept);
	return err;
}

/* ---- the key snapshot ---- */

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
		sbuf_put(&text, rows[i].public_jwk); /* and the rest too, in case somebody repairs a damaged row */
		sbuf_put(&text, rows[i].wrapped);
	}
	struct str s = sbuf_str(&text);
	return s.p == NULL ? ERR_NO_MEMORY : sha256(s.p, s.n, out);
}

static enum err take_keys(struct store *s, const PGresult *r)
{
	int n = PQntuples(r);
	struct arena *a = arena_new(1 << 20);
	struct keyset_row *rows = a == NULL ? NULL : arena_alloc(a, (size_t)n * sizeof *rows);
	struct shared_keyset *fresh = calloc(1, sizeof *fresh);
	enum err err = ERR_NO_MEMORY;
	if (rows == NULL || fresh == NULL)
		goto done;
	for (int i = 0; i < n; i++)
		rows[i] = (struct keyset_row){
			.kid = pg_str(r, i, 0),
			.alg = pg_str(r, i, 1),
			.public_jwk = pg_str(r, i, 2),
			.wrapped = pg_str(r, i, 3),
			.wrap_key_id = pg_str(r, i, 4),
			.current = pg_bool(r, i, 5),
		};
	uint8_t print[SHA256_LEN];
	err = fingerprint(a, rows, n, print);
	if (err != ERR_OK || (s->keys != NULL && crypto_equal(print, s->keys_fingerprint, sizeof print)))
		goto done;
	struct keyset_fault fault;
	err = keyset_build(&s->config->ring, rows, (size_t)n, s->generation + 1, &fresh->set, &fault);
	if (err != ERR_OK)
		goto done;
	if (fault.err != ERR_OK)
		log_message(LOG_ERROR, "signing_key_unusable", "%s: key %.*s", err_info(fault.err)->code, STR_ARG(fault.kid));
	s->why_no_key = fault.err == ERR_KEY_MISSING ? ERR_KEY_MISSING : ERR_STALE_KEY;
	s->generation++;
	memcpy(s->keys_fingerprint, print, sizeof print);
	keyset_drop(s->keys);
	s->keys = keyset_hold(fresh);
	fresh = NULL;
	atomic_fetch_add_explicit(&s->counters.key_reloads, 1, memory_order_relaxed);
done:
	free(fresh);
	arena_free(a);
	return err;
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

/* What a person has to know of the clocks; said when they come to differ, not as long as they do. */
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

static void keys_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	s->keys_loading = false;
	if (err == ERR_OK && PQntuples(r) > 0)
		db_clock_note(&s->clock, s->keys_sent_us, clock_mono_us(), pg_time_us(r, 0, 8));
	if (err == ERR_OK && PQntuples(r) > 0)
		tell_skew(s);
	if (err == ERR_OK)
		know_keys(s, r);
	if (err == ERR_OK)
		s->keys_usable = take_keys(s, r) == ERR_OK && keyset_current(s->keys->set) != NULL;
	issue_keys_reloaded(s);
}

void store_reload_keys(struct store *s)
{
	if (s->keys_loading)
		return;
	struct pg_params p;
	store_params(s, &p);
	s->keys_sent_us = clock_mono_us();
	s->next_keys_us = s->keys_sent_us + KEYS_POLL_US;
	s->keys_loading = pg_conn_send(s->serve_conn, STMT_KEYS, &p, (int)s->config->request_timeout_ms, keys_answered, s) == ERR_OK;
	if (!s->keys_loading)
		s->next_keys_us = 0;
}

struct keyset *store_keyset(struct store *s)
{
	return s->keys == NULL ? NULL : s->keys->set;
}

/* ---- readiness ---- */

void store_note_write(struct store *s, enum err err)
{
	if (err == ERR_OK)
		s->write_refused = false;
	else if (err == ERR_STORE_UNAVAILABLE || err == ERR_INTERNAL)
		s->write_refused = true;
}

static void probe_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	s->probing = false;
	s->last_issue_answer_us = clock_mono_us();
	if (err != ERR_OK || pg_bool(r, 0, 0))
		s->write_refused = true;
	else if (!pg_is_null(r, 0, 1))
		s->write_refused = false;
}

/* An idle connection is asked now and then, so that a paused or read-only server shows before a request meets it. */
static void probe(struct store *s)
{
	bool due = s->write_refused || clock_mono_us() - s->last_issue_answer_us > PROBE_AFTER_US;
	if (s->probing || !due || pg_conn_in_flight(s->issue_conn) > 0)
		return;
	struct pg_params p;
	store_params(s, &p);
	pg_put_bool(&p, s->write_refused);
	s->probing = pg_conn_send(s->issue_conn, STMT_PROBE, &p, (int)s->config->request_timeout_ms, probe_answered, s) == ERR_OK;
}

const char *store_unready_reason(const struct store *s)
{
	if (!pg_conn_is_up(s->issue_conn))
		return pg_conn_down_reason(s->issue_conn);
	if (!pg_conn_is_up(s->serve_conn))
		return pg_conn_down_reason(s->serve_conn);
	if (s->write_refused)
		return "database_refuses_writes";
	if (!s->keys_usable)
		return s->why_no_key == ERR_KEY_MISSING ? "master_key_missing" : "no_signing_key";
	return "ready";
}

bool store_ready(const struct store *s)
{
	return pg_conn_is_up(s->issue_conn) && pg_conn_is_up(s->serve_conn) && !s->write_refused && s->keys_usable;
}

bool store_idle(const struct store *s)
{
	return s->issue.waiting_count == 0 && list_empty(&s->issue.flying) && list_empty(&s->issue.answered) &&
	       list_empty(&s->issue.stale) && !s->issue.sealing && pg_conn_in_flight(s->serve_conn) == 0;
}

bool store_ended(struct store *s)
{
	return issue_ended(s);
}

struct store_counters *store_counters(struct store *s)
{
	return &s->counters;
}

/* ---- what runs by itself ---- */

static void housekeeping_answered(void *arg, enum err err, const PGresult *r)
{
	(void)r;
	struct store *s = arg;
	if (err != ERR_OK)
		s->next_partitions_us = clock_mono_us() + 60000000; /* in a minute again; partitions are made weeks ahead */
}

static void housekeeping(struct store *s)
{
	struct pg_params p;
	int timeout_ms = (int)s->config->request_timeout_ms;
	s->next_partitions_us = clock_mono_us() + PARTITIONS_US;
	store_params(s, &p);
	pg_put_int4(&p, (int32_t)s->config->partition_days);
	enum err err = pg_conn_send(s->serve_conn, STMT_PARTITIONS, &p, timeout_ms, housekeeping_answered, s);
	store_params(s, &p);
	if (err == ERR_OK)
		err = pg_conn_send(s->serve_conn, STMT_FORGET, &p, timeout_ms, housekeeping_answered, s);
	audit_writer_put_key(s->issue.writer, s->scratch, &p);
	if (err != ERR_OK || pg_conn_send(s->serve_conn, STMT_AUDIT_KEY, &p, timeout_ms, housekeeping_answered, s) != ERR_OK)
		s->next_partitions_us = 0;
}

static void health_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	if (err != ERR_OK || PQntuples(r) != 1)
		return;
	bool used = pg_bool(r, 0, 0);
	if (used && atomic_load_explicit(&s->counters.default_partition_used, memory_order_relaxed) == 0)
		log_message(LOG_ERROR, "audit_default_partition_used",
			    "the audit has rows of a week without a partition; m2mctl audit partitions shows which weeks there are");
	atomic_store_explicit(&s->counters.default_partition_used, used, memory_order_relaxed);
	atomic_store_explicit(&s->counters.partitions_until, (uint64_t)(pg_time_us(r, 0, 1) / 1000000), memory_order_relaxed);
}

static void ask_health(struct store *s)
{
	struct pg_params p;
	store_params(s, &p);
	s->next_health_us = clock_mono_us() + AUDIT_HEALTH_US;
	if (pg_conn_send(s->serve_conn, STMT_AUDIT_HEALTH, &p, (int)s->config->request_timeout_ms, health_answered, s) != ERR_OK)
		s->next_health_us = 0;
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct store *s = arg;
	int64_t now = clock_mono_us();
	if (pg_conn_is_up(s->serve_conn)) {
		if (now >= s->next_keys_us)
			store_reload_keys(s);
		if (now >= s->next_partitions_us)
			housekeeping(s);
		if (now >= s->next_health_us)
			ask_health(s);
		if (now >= s->next_flush_us) {
			s->next_flush_us = now + DENIED_FLUSH_US;
			denied_flush(s);
		}
	}
	issue_tick(s);
	probe(s);
}

static void serve_up(void *arg)
{
	struct store *s = arg;
	store_reload_keys(s);
}

static void serve_down(void *arg)
{
	struct store *s = arg;
	s->keys_loading = false;
	s->next_keys_us = 0;
	issue_keys_reloaded(s);
}

static void issue_up(void *arg)
{
	struct store *s = arg;
	s->write_refused = false;
	s->last_issue_answer_us = clock_mono_us();
}

static void issue_down(void *arg)
{
	struct store *s = arg;
	s->probing = false;
	issue_connection_changed(s);
}

/* ---- life ---- */

struct store *store_new(struct event_base *base, const struct config *config)
{
	struct store *s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->config = config;
	s->base = base;
	s->why_no_key = ERR_STALE_KEY;
	s->issue_spec = open_spec(config, true);
	s->serve_spec = open_spec(config, false);
	s->scratch = arena_new(262144);
	s->issue_conn = pg_conn_new(base, &s->issue_spec, &(struct pg_conn_events){issue_up, issue_down, &s->counters.issue_us, s}, 4);
	s->serve_conn = pg_conn_new(base, &s->serve_spec, &(struct pg_conn_events){serve_up, serve_down, &s->counters.serve_us, s},
				    SERVE_UNITS_MAX);
	s->tick = event_new(base, -1, EV_PERSIST, on_tick, s);
	enum err err = issue_queue_init(s);
	if (err == ERR_OK)
		err = denied_init(s);
	if (err != ERR_OK || s->scratch == NULL || s->issue_conn == NULL || s->serve_conn == NULL || s->tick == NULL) {
		store_free(s);
		return NULL;
	}
	return s;
}

void store_start(struct store *s)
{
	pg_conn_start(s->issue_conn);
	pg_conn_start(s->serve_conn);
	s->next_flush_us = clock_mono_us() + DENIED_FLUSH_US;
	event_add(s->tick, &(struct timeval){1, 0});
}

void store_free(struct store *s)
{
	if (s == NULL)
		return;
	if (s->tick != NULL)
		event_free(s->tick);
	pg_conn_free(s->issue_conn);
	pg_conn_free(s->serve_conn);
	issue_queue_free(s);
	denied_free(s);
	keyset_drop(s->keys);
	arena_free(s->scratch);
	free(s);
}
