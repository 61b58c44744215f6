/* Connect, look at whom we talk to, check schema and master keys, set the session, try the
 * statements once, enter the pipeline. */
#include "store/pg_open.h"

#include <assert.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "crypto/digest.h"
#include "sql/database_url.h"
#include "sql/pg_message.h"
#include "sql/pg_value.h"
#include "sql/promises.h"
#include "sql/schema.h"

#define SETTINGS_MAX 16

/* PQgetResult would wait for ever for a server that was paused after it had let us in, so wait
 * for the bytes ourselves. NULL after the deadline. */
static PGresult *result_within(PGconn *pg, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	PGresult *last = NULL;
	for (;;) {
		while (PQisBusy(pg)) {
			int64_t left_ms = (deadline - clock_mono_us()) / 1000;
			struct pollfd p = {.fd = PQsocket(pg), .events = POLLIN};
			if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0 || PQconsumeInput(pg) != 1) {
				PQclear(last);
				return NULL;
			}
		}
		PGresult *r = PQgetResult(pg);
		if (r == NULL)
			return last;
		PQclear(last);
		last = r;
	}
}

static PGresult *query(PGconn *pg, const struct pg_open_spec *spec, const char *sql, const struct pg_params *p)
{
	int n = p == NULL ? 0 : p->n;
	if (PQsendQueryParams(pg, sql, n, p == NULL ? NULL : p->types, p == NULL ? NULL : p->values, p == NULL ? NULL : p->lengths,
			      p == NULL ? NULL : p->formats, 1) != 1)
		return NULL;
	return result_within(pg, spec->timeout_ms);
}

static void say(PGconn *pg, struct sbuf *why, const char *what, const char *message)
{
	char line[PG_LINE];
	sbuf_printf(why, "%s: %s", what, pg_first_line(pg, message, line));
}

static enum pg_open_outcome fault(PGconn *pg, const PGresult *r, const char *what, struct sbuf *why)
{
	if (r == NULL) {
		say(pg, why, what, PQstatus(pg) == CONNECTION_OK ? "no answer in time" : PQerrorMessage(pg));
		return PG_OPEN_UNREACHABLE;
	}
	say(pg, why, what, PQresultErrorMessage(r));
	return pg_err(r) == ERR_STORE_UNAVAILABLE ? PG_OPEN_UNREACHABLE : PG_OPEN_REFUSED;
}

/* Only a primary that can be written decides about credentials: a standby's answer may be older
 * than a rotation. */
static enum pg_open_outcome check_primary(PGconn *pg, const struct pg_open_spec *spec, struct sbuf *why, const char **ret_reason)
{
	PG_RESULT r = query(
		pg, spec,
		"select pg_is_in_recovery(), current_setting('transaction_read_only') = 'on',"
		" current_setting('synchronous_commit') in ('off', 'local', 'remote_write'), current_setting('server_version_num')::int,"
		" to_regclass('m2m.schema_migration') is null, pg_backend_pid(), " SQL_CONNECTIONS ", " SQL_PROMISES,
		NULL);
	if (pg_err(r) != ERR_OK)
		return fault(pg, r, "the database refused a first question", why);
	if (pg_bool(r, 0, 0) || pg_bool(r, 0, 1)) {
		*ret_reason = pg_bool(r, 0, 0) ? "database_is_standby" : "database_refuses_writes";
		sbuf_putz(why, pg_bool(r, 0, 0) ? "the database is a standby in recovery; credentials are checked on the primary only"
						: "the database is read-only");
		return PG_OPEN_UNREACHABLE;
	}
	if (pg_int4(r, 0, 5) != PQbackendPID(pg)) {
		sbuf_putz(why, POOLER_REFUSED);
		return PG_OPEN_REFUSED;
	}
	if (pg_int4(r, 0, 3) < 150000) {
		sbuf_putz(why, "PostgreSQL 15 or newer is needed");
		return PG_OPEN_REFUSED;
	}
	for (int i = 0; i < PROMISES_N; i++) {
		const struct promise *broken = promise_broken(r, 7, i);
		if (broken == NULL)
			continue;
		*ret_reason = broken->reason;
		sbuf_putz(why, broken->sentence);
		return PG_OPEN_REFUSED;
	}
	if (spec->connections != NULL)
		*spec->connections = pg_int4(r, 0, 6);
	if (pg_bool(r, 0, 4)) {
		sbuf_putz(why, "the database has no m2m schema yet (or this login may not see it); run: m2mctl migrate up");
		return PG_OPEN_REFUSED;
	}
	if (pg_bool(r, 0, 2)) {
		/* remote_apply is stronger than on and is left alone */
		PG_RESULT set = query(pg, spec, "set synchronous_commit = on", NULL);
		if (pg_err(set) != ERR_OK)
			return fault(pg, set, "synchronous_commit can't be switched on", why);
	}
	return PG_OPEN_OK;
}

static enum pg_open_outcome check_schema(PGconn *pg, const struct pg_open_spec *spec, struct sbuf *why)
{
	PG_RESULT r = query(pg, spec, "select version, checksum from m2m.schema_migration order by version", NULL);
	if (pg_err(r) != ERR_OK)
		return fault(pg, r, "the database's schema version can't be read", why);
	int applied = PQntuples(r);
	int newest = applied == 0 ? 0 : pg_int4(r, applied - 1, 0);
	if (newest != schema_latest_version()) {
		sbuf_printf(why, "the database's schema is at version %d, this program knows version %d; %s", newest,
			    schema_latest_version(), newest < schema_latest_version() ? "run: m2mctl migrate up" : "upgrade this program");
		return PG_OPEN_REFUSED;
	}
	for (int i = 0; i < applied; i++) {
		struct str checksum = pg_str(r, i, 1);
		const uint8_t *known = schema_checksum(pg_int4(r, i, 0));
		if (known == NULL || checksum.n != SHA256_LEN || memcmp(known, checksum.p, SHA256_LEN) != 0) {
			sbuf_printf(why, "migration %d was run from a file that differs from this program's", pg_int4(r, i, 0));
			return PG_OPEN_REFUSED;
		}
	}
	return PG_OPEN_OK;
}

/* A key that the database doesn't know yet is registered; one that it knows with another value
 * would make every secret wrong. */
static enum pg_open_outcome check_ring(PGconn *pg, const struct pg_open_spec *spec, struct arena *a, struct sbuf *why)
{
	for (unsigned i = 0; spec->ring != NULL && i < spec->ring->n; i++) {
		const struct master_key *key = &spec->ring->keys[i];
		struct pg_params p;
		pg_params_init(&p, a);
		pg_put_text(&p, str_of(key->key_id));
		pg_put_bytea(&p, str_from(key->check, sizeof key->check));
		PG_RESULT r = query(pg, spec,
				    "with made as (insert into m2m.key_check (key_id, check_value) values ($1, $2) on conflict do nothing)"
				    " select coalesce((select check_value = $2 from m2m.key_check where key_id = $1), true)",
				    &p);
		if (pg_err(r) != ERR_OK)
			return fault(pg, r, "the master keys can't be compared with the database's", why);
		if (!pg_bool(r, 0, 0)) {
			sbuf_printf(why, "master key \"%s\" is not the key that the database knows under this name", key->key_id);
			return PG_OPEN_REFUSED;
		}
	}
	return PG_OPEN_OK;
}

static enum pg_open_outcome set_session(PGconn *pg, const struct pg_open_spec *spec, struct arena *a, struct sbuf *why)
{
	struct str names[SETTINGS_MAX], values[SETTINGS_MAX];
	size_t n = 0;
	for (const char *const *s = spec->settings; s != NULL && s[0] != NULL; s += 2, n++) {
		assert(n < SETTINGS_MAX);
		names[n] = str_of(s[0]);
		values[n] = str_of(s[1]);
	}
	struct pg_params p;
	pg_params_init(&p, a);
	pg_put_array(&p, PG_TEXT, names, n);
	pg_put_array(&p, PG_TEXT, values, n);
	if (!pg_params_ok(&p)) {
		sbuf_putz(why, "out of memory");
		return PG_OPEN_UNREACHABLE;
	}
	PG_RESULT r = query(pg, spec, "select set_config(name, value, false) from unnest($1, $2) as s (name, value)", &p);
	return pg_err(r) == ERR_OK ? PG_OPEN_OK : fault(pg, r, "a session setting was refused", why);
}

static enum pg_open_outcome try_statements(PGconn *pg, const struct pg_open_spec *spec, struct sbuf *why)
{
	for (size_t i = 0; i < spec->statement_count; i++) {
		if (PQsendPrepare(pg, spec->statements[i].name, spec->statements[i].sql, 0, NULL) != 1)
			return fault(pg, NULL, "a statement can't be prepared", why);
		PG_RESULT r = result_within(pg, spec->timeout_ms);
		if (pg_err(r) != ERR_OK)
			return fault(pg, r, "a statement can't be prepared", why);
	}
	/* the connection begins with none, as every other */
	PG_RESULT forgotten = query(pg, spec, "deallocate all", NULL);
	if (pg_err(forgotten) != ERR_OK)
		return fault(pg, forgotten, "the tried statements can't be forgotten", why);
	atomic_store(spec->tried, true);
	return PG_OPEN_OK;
}

/* libpq's own would write to stderr, and might wait there on a loop's thread. */
static void log_notice(void *arg, const PGresult *r)
{
	(void)arg;
	const char *message = PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY);
	log_message(LOG_INFO, "database_notice", "%s", message == NULL ? "" : message);
}

enum pg_open_outcome pg_open(const struct pg_open_spec *spec, PGconn **ret, struct sbuf *why, const char **ret_reason)
{
	static const char unreachable[] = "database_unreachable";
	*ret_reason = unreachable;
	char seconds[16];
	char fresh[DATABASE_URL_MAX + 1];
	bool moved = false;
	const char *url = database_url_now(spec->url, spec->url_path, fresh, &moved);
	snprintf(seconds, sizeof seconds, "%d", spec->timeout_ms < 2000 ? 2 : spec->timeout_ms / 1000);
	/* The URL stands after our defaults, so that it can override them. libpq counts
	 * connect_timeout for each host of a list. It would look for Kerberos credentials at
	 * each connection, with a library that crashes when memory runs out. */
	const char *const keys[] = {
		"connect_timeout",  "target_session_attrs", "application_name", "keepalives_idle", "keepalives_interval",
		"keepalives_count", "gssencmode",           "dbname",           "client_encoding", NULL};
	const char *const values[] = {seconds, "read-write", spec->application_name, "10", "5", "3", "disable", url, "UTF8", NULL};
	PGconn *pg = PQconnectdbParams(keys, values, 1);
	crypto_wipe(fresh, sizeof fresh);
	struct arena *a = arena_new(16384);
	enum pg_open_outcome outcome = PG_OPEN_UNREACHABLE;
	if (pg == NULL || a == NULL) {
		sbuf_putz(why, "out of memory");
		goto done;
	}
	if (PQstatus(pg) != CONNECTION_OK) {
		if (strstr(PQerrorMessage(pg), "session is read-only") != NULL)
			*ret_reason = "database_refuses_writes";
		say(pg, why, "the database can't be reached", PQerrorMessage(pg));
		if (moved)
			sbuf_putz(why, " (M2M_DATABASE_URL_FILE names another place by now, which takes a restart)");
		goto done;
	}
	if (spec->connected != NULL && !spec->connected(spec->arg))
		goto done;
	PQsetNoticeReceiver(pg, log_notice, NULL);
	outcome = check_primary(pg, spec, why, ret_reason);
	if (outcome == PG_OPEN_OK)
		outcome = check_schema(pg, spec, why);
	if (outcome == PG_OPEN_OK)
		outcome = check_ring(pg, spec, a, why);
	if (outcome == PG_OPEN_OK)
		outcome = set_session(pg, spec, a, why);
	if (outcome == PG_OPEN_OK && spec->tried != NULL && !atomic_load(spec->tried))
		outcome = try_statements(pg, spec, why);
	if (outcome == PG_OPEN_OK && (PQsetnonblocking(pg, 1) != 0 || PQenterPipelineMode(pg) != 1)) {
		sbuf_putz(why, "the connection can't be pipelined");
		outcome = PG_OPEN_UNREACHABLE;
	}
done:
	arena_free(a);
	if (outcome == PG_OPEN_OK)
		*ret = pg;
	else
		PQfinish(pg);
	if (outcome == PG_OPEN_REFUSED && strcmp(*ret_reason, unreachable) == 0)
		*ret_reason = "database_refused";
	return outcome;
}
