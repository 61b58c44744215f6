/* The store's life: its two connections, the key snapshot's poll, the write probe, and the
 * housekeeping that any gateway may do. */
#include "store/store.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "sql/promises.h"
#include "store/denied.h"
#include "store/forget_pace.h"
#include "store/store_parts.h"

#define DENIED_FLUSH_US 60000000
#define PARTITIONS_US   3600000000
#define AUDIT_HEALTH_US 60000000
/* Replaced secrets that end once they are unused: how often they are looked at, how many at once,
 * and how many of a client's tokens a look may cost (m2m.end_unused_secrets). */
#define UNUSED_US       5000000
#define UNUSED_VERSIONS 16
#define UNUSED_TOKENS   100000
/* What has had its time: how often it is forgotten, and how long after a failure. */
#define FORGET_US       3600000000
#define FORGET_AGAIN_US 60000000
#define SERVE_UNITS_MAX 512

/* Whatever a gateway asks is about a few rows of tables that have an index for it, so one plan
 * of index look-ups is right at every size; a plan that was made for empty tables must not stay.
 * To remember what was looked up (memoize) costs a batch of many clients more than it saves. */
#define INDEX_LOOKUPS                                                                                                                      \
	"plan_cache_mode", "force_generic_plan", "enable_hashjoin", "off", "enable_mergejoin", "off", "enable_seqscan", "off",             \
		"enable_memoize", "off", "jit", "off"

#define LIMITS "client_connection_check_interval", "1s", "lock_timeout", "2s"
static const char *const settings[] = {"timezone", "UTC", INDEX_LOOKUPS, LIMITS, NULL};

/* By this process: by store_check, or where PostgreSQL wasn't there by then, by who opens the first
 * connection. */
static _Atomic bool statements_tried;

static struct pg_open_spec open_spec(const struct config *config, bool issuing)
{
	return (struct pg_open_spec){
		.url = config->database_url.p,
		.url_path = config->database_url_path.p,
		.application_name = issuing ? "m2m-gateway issue" : "m2m-gateway serve",
		.statements = store_statements,
		.statement_count = STATEMENT_COUNT,
		.tried = &statements_tried,
		.settings = settings,
		.ring = issuing ? NULL : &config->ring,
		.timeout_ms = (int)config->request_timeout_ms,
	};
}

bool store_check(const struct config *config, int *ret_connections, struct sbuf *why)
{
	struct pg_open_spec spec = open_spec(config, false);
	const char *reason = NULL;
	PGconn *pg = NULL;
	spec.connections = ret_connections;
	enum pg_open_outcome outcome = pg_open(&spec, &pg, why, &reason);
	if (outcome == PG_OPEN_OK)
		PQfinish(pg);
	return outcome != PG_OPEN_REFUSED;
}

/* ---- readiness ---- */

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
	return s->issue.waiting_count == 0 && s->introspections.waiting_count == 0 && list_empty(&s->issue.flying) &&
	       list_empty(&s->issue.answered) && list_empty(&s->issue.stale) && !s->issue.sealing && pg_conn_in_flight(s->serve_conn) == 0;
}

bool store_ended(struct store *s)
{
	return issue_ended(s);
}

bool store_has_foreign(const struct store *s)
{
	return s->has_foreign;
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
		/* in a minute again; partitions are made weeks ahead */
		s->next_partitions_us = clock_mono_us() + 60000000;
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
		err = pg_conn_send(s->serve_conn, STMT_USED_FORGET, &p, timeout_ms, housekeeping_answered, s);
	if (err == ERR_OK)
		err = pg_conn_send(s->serve_conn, STMT_CONSOLE_FORGET, &p, timeout_ms, housekeeping_answered, s);
	audit_writer_put_key(s->issue.writer, s->scratch, &p);
	if (err != ERR_OK || pg_conn_send(s->serve_conn, STMT_AUDIT_KEY, &p, timeout_ms, housekeeping_answered, s) != ERR_OK)
		s->next_partitions_us = 0;
}

static void forgotten(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	bool failed = err != ERR_OK || PQntuples(r) != 1;
	if (failed)
		s->next_forget_us = clock_mono_us() + FORGET_AGAIN_US;
	else if (pg_int8(r, 0, 0) >= s->forget_rows)
		s->next_forget_us = 0; /* the rest by ticks, so that others come between */
	s->forget_rows = forget_rows_after(s->forget_rows, failed);
}

static void forget(struct store *s)
{
	struct pg_params p;
	s->next_forget_us = clock_mono_us() + FORGET_US;
	store_params(s, &p);
	pg_put_int4(&p, s->forget_rows);
	if (pg_conn_send(s->serve_conn, STMT_FORGET, &p, (int)s->config->request_timeout_ms, forgotten, s) != ERR_OK)
		s->next_forget_us = 0;
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

static void ending_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	if (err != ERR_OK || PQntuples(r) != 1)
		return;
	for (int i = 0; i < 3; i++)
		atomic_store_explicit(&s->counters.secrets_ending[i], (uint64_t)pg_int8(r, 0, i), memory_order_relaxed);
}

static void ask_health(struct store *s)
{
	struct pg_params p;
	store_params(s, &p);
	s->next_health_us = clock_mono_us() + AUDIT_HEALTH_US;
	if (pg_conn_send(s->serve_conn, STMT_AUDIT_HEALTH, &p, (int)s->config->request_timeout_ms, health_answered, s) != ERR_OK ||
	    pg_conn_send(s->serve_conn, STMT_SECRETS_ENDING, &p, (int)s->config->request_timeout_ms, ending_answered, s) != ERR_OK)
		s->next_health_us = 0;
}

static void end_unused(struct store *s);

/* Each that ends does so in a transaction of its own, so that nobody waits for the others. */
static void unused_answered(void *arg, enum err err, const PGresult *r)
{
	struct store *s = arg;
	if (err != ERR_OK || PQntuples(r) != 1)
		return;
	int64_t ended = pg_int8(r, 0, 0);
	atomic_fetch_add_explicit(&s->counters.secrets_ended_unused, (uint64_t)ended, memory_order_relaxed);
	if (ended > 0) /* there may be more */
		end_unused(s);
}

static void end_unused(struct store *s)
{
	struct pg_params p;
	s->next_unused_us = clock_mono_us() + UNUSED_US;
	store_params(s, &p);
	pg_put_int4(&p, UNUSED_VERSIONS);
	pg_put_int4(&p, UNUSED_TOKENS);
	if (pg_conn_send(s->serve_conn, STMT_END_UNUSED, &p, (int)s->config->request_timeout_ms, unused_answered, s) != ERR_OK)
		s->next_unused_us = 0;
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
		if (now >= s->next_forget_us && !s->write_refused)
			forget(s);
		if (now >= s->next_health_us)
			ask_health(s);
		if (now >= s->next_unused_us && !s->write_refused)
			end_unused(s);
		if (now >= s->next_flush_us) {
			s->next_flush_us = now + DENIED_FLUSH_US;
			denied_flush(s);
		}
	}
	issue_tick(s);
	store_probe(s);
}

static void serve_up(void *arg)
{
	struct store *s = arg;
	store_reload_keys(s);
}

static void serve_down(void *arg)
{
	struct store *s = arg;
	s->next_keys_us = 0;
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

struct store *store_without_keys(struct event_base *base, const struct config *config)
{
	struct store *s = calloc(1, sizeof *s);
	if (s != NULL)
		*s = (struct store){.base = base, .config = config, .why_no_key = ERR_STALE_KEY, .keys_reloaded = issue_keys_reloaded};
	return s;
}

struct store *store_new(struct event_base *base, const struct config *config)
{
	struct store *s = store_without_keys(base, config);
	if (s == NULL)
		return NULL;
	s->issue_spec = open_spec(config, true);
	s->serve_spec = open_spec(config, false);
	s->forget_rows = FORGET_ROWS;
	s->scratch = arena_new(1 << 20);
	s->issue_conn = pg_conn_new(base, &s->issue_spec, &(struct pg_conn_events){issue_up, issue_down, &s->counters.issue_us, s}, 4);
	s->serve_conn = pg_conn_new(base, &s->serve_spec, &(struct pg_conn_events){serve_up, serve_down, &s->counters.serve_us, s},
				    SERVE_UNITS_MAX);
	s->tick = event_new(base, -1, EV_PERSIST, on_tick, s);
	enum err err = issue_queue_init(s);
	if (err == ERR_OK)
		err = key_snapshot_init(s);
	if (err == ERR_OK)
		err = denied_init(s);
	if (err == ERR_OK)
		err = introspection_queue_init(s);
	if (err != ERR_OK || s->scratch == NULL || s->issue_conn == NULL || s->serve_conn == NULL || s->tick == NULL) {
		store_free(s);
		return NULL;
	}
	return s;
}

void store_tell_answered(struct store *s, void (*answered)(void *arg), void *arg)
{
	s->answered = answered;
	s->answered_arg = arg;
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
	introspection_queue_free(s);
	denied_free(s);
	key_snapshot_free(s);
	arena_free(s->scratch);
	free(s);
}
