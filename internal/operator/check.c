#include "operator/check.h"

#include "base/clock.h"
#include "operator/exec.h"
#include "operator/operator_sql.h"
#include "sql/db_clock.h"
#include "sql/promises.h"

_Static_assert(PROMISES_N == OPERATOR_SERVER_FAULTS + OPERATOR_LOGIN_FAULTS, "each is the server's or the login's");

/* operator_open has set synchronous_commit for itself: reset_val is what the session began with. */
#define SQL_FACTS                                                                                                                          \
	"select current_user::text, (extract(epoch from pg_postmaster_start_time()) || '/' || current_database())::text,"                  \
	" current_setting('server_version_num')::int4, " SQL_CONNECTIONS ","                                                               \
	" (select reset_val from pg_settings where name = 'synchronous_commit'),"                                                          \
	" exists (select from pg_roles where rolname = 'm2m_owner' and " SQL_MAY_SET_ROLE(                                                 \
		"oid") "),"                                                                                                                \
		       " exists (select from pg_roles where rolname = 'm2m_gateway' and pg_has_role(oid, 'usage')), "                      \
		       "clock_timestamp(), " SQL_PROMISES

enum err operator_facts_read(struct operator_db *db, struct operator_facts *ret)
{
	PG_RESULT r = NULL;
	struct db_clock clock = {.known = false};
	int64_t sent_us = clock_mono_us();
	enum err err = operator_exec(db, SQL_FACTS, NULL, &r);
	if (err != ERR_OK)
		return err;
	int64_t now_us = clock_mono_us();
	db_clock_note(&clock, sent_us, now_us, pg_time_us(r, 0, 7));
	*ret = (struct operator_facts){
		.login = operator_copy(db, r, 0, 0),
		.place = operator_copy(db, r, 0, 1),
		.version_num = pg_int4(r, 0, 2),
		.connections = pg_int4(r, 0, 3),
		.synchronous_commit = operator_copy(db, r, 0, 4),
		.owner = pg_bool(r, 0, 5),
		.gateway = pg_bool(r, 0, 6),
		.clock = pg_time_us(r, 0, 7),
		.skew = db_clock_skew_us(&clock, now_us, clock_wall_us()),
	};
	for (int i = 0; i < PROMISES_N; i++) {
		const struct promise *broken = promise_broken(r, 8, i);
		const char *sentence = broken == NULL ? NULL : broken->sentence;
		if (i < OPERATOR_SERVER_FAULTS)
			ret->server_faults[i] = sentence;
		else
			ret->login_faults[i - OPERATOR_SERVER_FAULTS] = sentence;
	}
	return ERR_OK;
}

struct keys_task {
	const struct master_ring *ring;
	struct str missing;
};

static enum err find_missing(struct operator_db *db, void *arg)
{
	struct keys_task *task = arg;
	struct sbuf missing = sbuf_in(db->a, 128);
	PG_RESULT r = NULL;
	enum err err = operator_exec(db, sql_live_secret_keys, NULL, &r);
	for (int i = 0; err == ERR_OK && i < PQntuples(r); i++) {
		struct str key_id = pg_str(r, i, 0);
		if (master_ring_find(task->ring, key_id) != NULL)
			continue;
		sbuf_putz(&missing, missing.n > 0 ? " " : "");
		sbuf_put(&missing, key_id);
	}
	task->missing = sbuf_str(&missing);
	return err;
}

enum err operator_missing_keys(struct operator_db *db, const struct master_ring *ring, struct str *ret)
{
	struct keys_task task = {.ring = ring};
	enum err err = operator_transaction(db, find_missing, &task);
	if (err == ERR_OK)
		*ret = task.missing;
	return err;
}
