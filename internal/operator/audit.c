#include "operator/audit.h"

#include <time.h>

#include "base/clock.h"
#include "operator/exec.h"
#include "operator/operator_sql.h"
#include "sql/admin_statement.h"

/* ---- tokens ---- */

#define SQL_SNAPSHOT "select pg_current_snapshot()::text"

/* $1 slug or null, $2 id or null */
#define SQL_ORG_WAS "select exists (select from m2m.organization o where o.slug = $1::text or o.organization_id = $2::uuid)"

struct tokens_task {
	const struct audit_question *question;
	/* the snapshot before, absent the first time; NULL: it doesn't matter */
	const struct str *seen;
	struct str now;
	struct audit_token *rows;
	size_t n;
};

static enum err check_org(struct operator_db *db, struct str org)
{
	PG_RESULT was = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	admin_put_org(&p, org);
	enum err err = operator_exec(db, SQL_ORG_WAS, &p, &was);
	if (err == ERR_OK && !pg_bool(was, 0, 0))
		err = operator_fail(db, ERR_NOT_FOUND, "there is no organization \"%.*s\", and there was none", STR_ARG(org));
	return err;
}

static void put_question(struct operator_db *db, struct pg_params *p, const struct audit_question *q)
{
	pg_params_init(p, db->a);
	admin_put_org(p, q->org);
	pg_put_text(p, q->client_id);
	pg_put_time(p, q->since);
	pg_put_time(p, q->until);
	pg_put_uuid(p, q->jti);
	pg_put_text(p, q->kid);
	pg_put_int4_or_null(p, q->secret_version, q->secret_version == 0);
	pg_put_text(p, q->remote_addr);
	pg_put_bool(p, q->alive);
	pg_put_int4(p, q->days);
	pg_put_text(p, q->auth_method);
	pg_put_text(p, q->credential);
}

static enum err read_snapshot(struct operator_db *db, struct str *ret)
{
	PG_RESULT r = NULL;
	enum err err = operator_exec(db, SQL_SNAPSHOT, NULL, &r);
	if (err == ERR_OK)
		*ret = operator_copy(db, r, 0, 0);
	return err;
}

static enum err read_tokens(struct operator_db *db, void *arg)
{
	struct tokens_task *task = arg;
	const struct audit_question *q = task->question;
	PG_RESULT r = NULL;
	struct pg_params p;
	enum err err = q->org.p == NULL ? ERR_OK : check_org(db, q->org);
	if (err != ERR_OK)
		return err;

	put_question(db, &p, q);
	if (task->seen != NULL && task->seen->p != NULL)
		pg_put_text(&p, *task->seen);
	else
		pg_put_int4(&p, q->limit);
	err = operator_exec(db, task->seen != NULL && task->seen->p != NULL ? sql_audit_tokens_since : sql_audit_tokens, &p, &r);
	if (err == ERR_OK && task->seen != NULL)
		err = read_snapshot(db, &task->now);
	if (err != ERR_OK)
		return err;
	task->n = (size_t)PQntuples(r);
	task->rows = arena_alloc(db->a, (task->n + 1) * sizeof *task->rows);
	for (int i = 0; task->rows != NULL && i < (int)task->n; i++)
		task->rows[i] = (struct audit_token){
			.issued_at = pg_time_us(r, i, 0),
			.expires_at = pg_time_us(r, i, 1),
			.jti = pg_uuid(r, i, 2),
			.organization = operator_copy(db, r, i, 3),
			.client_id = operator_copy(db, r, i, 4),
			.secret_version = pg_int4(r, i, 5),
			.caller = operator_copy(db, r, i, 6),
			.scope = operator_copy(db, r, i, 7),
			.audience = operator_copy(db, r, i, 8),
			.transport = operator_copy(db, r, i, 9),
			.remote_addr = operator_copy(db, r, i, 10),
			.kid = operator_copy(db, r, i, 11),
			.auth_method = operator_copy(db, r, i, 12),
			.credential = operator_copy(db, r, i, 13),
			.bound_to = operator_copy(db, r, i, 14),
		};
	return arena_overflowed(db->a) ? operator_fail(db, ERR_NO_MEMORY, "there are more tokens than there is memory for") : ERR_OK;
}

enum err operator_audit_tokens(struct operator_db *db, const struct audit_question *question, const struct audit_token **ret, size_t *ret_n)
{
	struct tokens_task task = {.question = question};
	enum err err = operator_snapshot(db, read_tokens, &task);
	if (err == ERR_OK) {
		*ret = task.rows;
		*ret_n = task.n;
	}
	return err;
}

enum err operator_audit_follow(struct operator_db *db, const struct audit_question *question, struct str *seen,
			       const struct audit_token **ret, size_t *ret_n)
{
	struct tokens_task task = {.question = question, .seen = seen};
	enum err err = operator_snapshot(db, read_tokens, &task);
	if (err == ERR_OK) {
		*seen = task.now;
		*ret = task.rows;
		*ret_n = task.n;
	}
	return err;
}

/* ---- partitions ---- */

#define SQL_AHEAD "select m2m.audit_partitions_ahead($1::int4)"

struct partitions_task {
	struct audit_partition *rows;
	size_t n;
};

static enum err read_partitions(struct operator_db *db, void *arg)
{
	struct partitions_task *task = arg;
	PG_RESULT r = NULL;
	enum err err = operator_exec(db, sql_partitions, NULL, &r);
	if (err != ERR_OK)
		return err;
	task->n = (size_t)PQntuples(r);
	task->rows = arena_alloc(db->a, (task->n + 1) * sizeof *task->rows);
	for (int i = 0; task->rows != NULL && i < (int)task->n; i++)
		task->rows[i] = (struct audit_partition){
			.name = operator_copy(db, r, i, 0),
			.is_default = pg_bool(r, i, 1),
			.has_rows = pg_bool(r, i, 2),
			.from = pg_time_us(r, i, 3),
			.until = pg_time_us(r, i, 4),
			.bytes = pg_int8(r, i, 5),
		};
	return arena_overflowed(db->a) ? operator_fail(db, ERR_NO_MEMORY, "there is no memory left") : ERR_OK;
}

enum err operator_audit_partitions(struct operator_db *db, const struct audit_partition **ret, size_t *ret_n)
{
	struct partitions_task task = {.n = 0};
	enum err err = operator_snapshot(db, read_partitions, &task);
	if (err == ERR_OK) {
		*ret = task.rows;
		*ret_n = task.n;
	}
	return err;
}

struct ahead_task {
	int32_t days, made;
};

static enum err make_ahead(struct operator_db *db, void *arg)
{
	struct ahead_task *task = arg;
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_int4(&p, task->days);
	enum err err = operator_exec(db, SQL_AHEAD, &p, &r);
	if (err == ERR_OK)
		task->made = pg_int4(r, 0, 0);
	if (err != ERR_OK || task->made == 0)
		return err;
	return operator_audit(db,
			      &(struct operator_act){.action = "make_partitions",
						     .detail = arena_printf(db->a, "{\"days\":%d,\"made\":%d}", task->days, task->made)});
}

enum err operator_audit_partitions_ahead(struct operator_db *db, int32_t days, int32_t *ret_made)
{
	struct ahead_task task = {.days = days};
	enum err err = operator_transaction(db, make_ahead, &task);
	if (err == ERR_OK)
		*ret_made = task.made;
	return err;
}

/* ---- counting ---- */

#define SQL_COUNT_DAY     "select to_char(c.day, 'YYYY-MM-DD'), c.waiting from m2m.audit_count_day() c"
#define SQL_COUNTED_UNTIL "select until from m2m.token_usage_until"

#define RETRY_MS 200

static void pause_between_tries(void)
{
	const struct timespec pause = {.tv_nsec = RETRY_MS * 1000000L};
	(void)nanosleep(&pause, NULL);
}

struct count_task {
	struct str day;
	bool waiting;
};

static enum err count_day(struct operator_db *db, void *arg)
{
	struct count_task *task = arg;
	PG_RESULT r = NULL;
	enum err err = operator_exec(db, SQL_COUNT_DAY, NULL, &r);
	if (err != ERR_OK)
		return err;
	task->day = pg_is_null(r, 0, 0) ? STR_NONE : operator_copy(db, r, 0, 0);
	task->waiting = pg_bool(r, 0, 1);
	return ERR_OK;
}

enum err operator_audit_count(struct operator_db *db, int32_t wait_s, audit_counting *told, int32_t *ret_days)
{
	int64_t deadline = clock_mono_us() + wait_s * INT64_C(1000000);
	int32_t days = 0;
	enum err err;
	for (unsigned waits = 0;;) {
		struct count_task task = {.waiting = false};
		err = operator_transaction(db, count_day, &task);
		if (err != ERR_OK || (!task.waiting && task.day.p == NULL))
			break;
		if (!task.waiting) {
			told(task.day);
			days++;
		} else if (waits > 0 && clock_mono_us() >= deadline) { /* the first time it has only asked who is there */
			err = operator_fail(
				db, ERR_CONFLICT,
				"days stay uncounted: a transaction that may add to them was open for %d seconds; try again later", wait_s);
			break;
		} else if (waits++ > 0) {
			if (waits == 2)
				told(STR_NONE);
			pause_between_tries();
		}
	}
	*ret_days = days;
	return err;
}

static enum err read_counted_until(struct operator_db *db, void *arg)
{
	PG_RESULT r = NULL;
	enum err err = operator_exec(db, SQL_COUNTED_UNTIL, NULL, &r);
	if (err == ERR_OK)
		*(int64_t *)arg = pg_time_us(r, 0, 0);
	return err;
}

enum err operator_audit_counted_until(struct operator_db *db, int64_t *ret)
{
	return operator_snapshot(db, read_counted_until, ret);
}

/* ---- retention ---- */

#define SQL_DROP_PARTITION "select m2m.audit_drop_partition($1::text)"

struct past_task {
	const struct audit_retention *retention;
	struct str *names;
	size_t n;
};

static enum err read_past(struct operator_db *db, void *arg)
{
	struct past_task *task = arg;
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_int4(&p, task->retention->months);
	pg_put_int4(&p, task->retention->days);
	pg_put_bool(&p, task->retention->dry_run); /* nothing is counted then */
	enum err err = operator_exec(db, sql_partitions_past, &p, &r);
	if (err != ERR_OK)
		return err;
	task->n = (size_t)PQntuples(r);
	task->names = operator_copy_column(db, r);
	return arena_overflowed(db->a) ? operator_fail(db, ERR_NO_MEMORY, "there is no memory left") : ERR_OK;
}

struct drop_task {
	struct str name;
	bool dropped; /* false: another one was faster */
};

static enum err drop_one(struct operator_db *db, void *arg)
{
	struct drop_task *task = arg;
	PG_RESULT r = NULL;
	struct pg_params p;
	pg_params_init(&p, db->a);
	pg_put_text(&p, task->name);
	enum err err = operator_exec(db, SQL_DROP_PARTITION, &p, &r);
	if (err != ERR_OK)
		return err;
	task->dropped = pg_bool(r, 0, 0);
	if (!task->dropped)
		return ERR_OK;
	return operator_audit(db, &(struct operator_act){.action = "drop_partition",
							 .detail = arena_printf(db->a, "{\"partition\":\"%.*s\"}", STR_ARG(task->name))});
}

/* Tries until it is done, or until the time is over in which somebody else always held the
 * audit. */
static enum err drop_patiently(struct operator_db *db, struct drop_task *task, int32_t wait_s, audit_dropping *told)
{
	int64_t deadline = clock_mono_us() + wait_s * INT64_C(1000000);
	for (bool first = true;; first = false) {
		enum err err = operator_transaction(db, drop_one, task);
		if (err == ERR_OK || !operator_lock_timed_out(db))
			return err;
		if (clock_mono_us() >= deadline)
			return operator_fail(db, ERR_CONFLICT,
					     "%.*s stays: for %d seconds somebody was always at the audit; try again later",
					     STR_ARG(task->name), wait_s);
		if (first)
			told(task->name, DROP_WAITING);
		pause_between_tries();
	}
}

enum err operator_audit_retain(struct operator_db *db, const struct audit_retention *retention, audit_dropping *told, int32_t *ret_dropped)
{
	struct past_task past = {.retention = retention};
	enum err err = operator_transaction(db, read_past, &past);
	int32_t dropped = 0;
	for (size_t i = 0; err == ERR_OK && i < past.n; i++) {
		struct drop_task task = {.name = past.names[i]};
		if (retention->dry_run) {
			told(task.name, DROP_WOULD);
			continue;
		}
		err = drop_patiently(db, &task, retention->wait_s, told);
		if (err == ERR_OK && task.dropped) {
			told(task.name, DROP_DONE);
			dropped++;
		}
	}
	*ret_dropped = dropped;
	return err;
}

/* ---- verifying ---- */

#define RECENT(column) column " > statement_timestamp() - make_interval(days => $1::int4)"
#define TOKENS         "from m2m.token_audit t where " RECENT("t.issued_at")

/* A statement's time is taken before its snapshot, and that of a rotation before its commit:
 * what overlapped may look the wrong way round, but not for long. */
#define SLACK "interval '1 minute'"

/* When a secret ended for good: at the end of its grace, or with the act that left it none. */
#define SECRET_END                                                                                                                         \
	"case when s.expires_at > '-infinity' then s.expires_at else (select min(a.at) from m2m.admin_audit a"                             \
	" where a.client_id = s.client_id and a.outcome = 'granted' and (a.action = 'delete_client'"                                       \
	"  or a.action = 'rotate_secret' and a.secret_version > s.version"                                                                 \
	"   and (a.detail->>'grace_seconds' = '0' or a.detail->'ended_versions' @> to_jsonb(s.version)))) end"

/* The act that made secret `s`; an import makes several versions of a client in one. */
#define MADE_HERE                                                                                                                          \
	"select from m2m.admin_audit a where a.client_id = s.client_id and a.outcome = 'granted'"                                          \
	" and a.action in ('create_client', 'rotate_secret')"                                                                              \
	" and (a.secret_version = s.version or a.detail ? 'import' and a.secret_version > s.version and s.created_at < a.at + " SLACK ")"
/* It came with its organization from another installation, whose audit has the act. */
#define RECEIVED                                                                                                                           \
	"select from m2m.client c join m2m.admin_audit a on a.organization_id = c.organization_id"                                         \
	" where c.client_id = s.client_id and a.action = 'receive_organization' and a.outcome = 'granted' and a.at > s.created_at "        \
	"- " SLACK

/* A day's counts outlive its week, which an act dropped. */
#define DROPPED                                                                                                                            \
	"select from m2m.admin_audit a where a.action = 'drop_partition' and a.outcome = 'granted'"                                        \
	" and a.detail->>'partition' = 'token_audit_p' || to_char(date_trunc('week', day), 'YYYYMMDD')"

/* $1 days. */
static const struct {
	const char *what, *sql;
} checks[] = {
	{"tokens recorded twice", "select count(*) from (select t.jti " TOKENS " group by t.jti having count(*) > 1) twice"},
	{"tokens from the future", "select count(*) from m2m.token_audit t where t.issued_at > statement_timestamp() + " SLACK},
	{"tokens with a lifetime that none can have",
	 "select count(*) " TOKENS " and (t.expires_at <= t.issued_at or t.expires_at > t.issued_at + interval '30 days')"},
	{"tokens of a client that the organization never had",
	 "select count(*) " TOKENS " and t.client_id is not null and not exists (select from m2m.client c"
	 " where c.client_id = t.client_id and c.organization_id = t.organization_id)"},
	{"tokens with a secret version that never was",
	 "select count(*) " TOKENS " and t.secret_version is not null and not exists (select from m2m.client_secret s"
	 " where s.client_id = t.client_id and s.version = t.secret_version)"},
	{"tokens with a key that the client never had",
	 "select count(*) " TOKENS " and t.credential is not null and not exists (select from m2m.client_credential k"
	 " where k.client_id = t.client_id and k.credential_id = t.credential)"},
	{"keys that gave a token after their end",
	 "select count(*) from (select client_id, credential_id, max(coalesce(ended_at, 'infinity')) as ended"
	 "  from m2m.client_credential group by 1, 2) k join (select t.client_id, t.credential, max(t.issued_at) as last " TOKENS
	 "  and t.credential is not null group by 1, 2) u on u.client_id = k.client_id and u.credential = k.credential_id"
	 " where u.last > k.ended + " SLACK},
	{"secrets that gave a token after their end",
	 "select count(*) from m2m.client_secret s join (select t.client_id, t.secret_version, max(t.issued_at) as last " TOKENS
	 " group by 1, 2) u on u.client_id = s.client_id and u.secret_version = s.version where u.last > " SECRET_END " + " SLACK},
	{"secrets without the act that made them", "select count(*) from m2m.client_secret s where " RECENT(
							   "s.created_at") " and not exists (" MADE_HERE ") and not exists (" RECEIVED ")"},
	{"tokens signed with a key that never was",
	 "select count(*) " TOKENS " and not exists (select from m2m.signing_key k where k.kid = t.kid)"},
	{"tokens signed with a key after its revocation",
	 "select count(*) " TOKENS " and exists (select from m2m.signing_key k where k.kid = t.kid and t.issued_at > k.revoked_at + " SLACK
	 ")"},
	{"days whose count differs from their tokens",
	 "select count(*) from (select u.day, sum(u.tokens) as tokens from m2m.token_usage u"
	 "  where u.day > (statement_timestamp() - make_interval(days => $1::int4))::date group by u.day) counted"
	 " full join (select (t.issued_at at time zone 'UTC')::date as day, count(*) as tokens " TOKENS
	 "  and t.issued_at < (select until from m2m.token_usage_until) group by 1) recorded using (day)"
	 " where counted.tokens is distinct from recorded.tokens"
	 "  and day > ((statement_timestamp() - make_interval(days => $1::int4)) at time zone 'UTC')::date"
	 "  and not (recorded.tokens is null and exists (" DROPPED "))"},
	{"operators' tokens without the act that made them",
	 "select count(*) " TOKENS " and t.client_id is null and not exists (select from m2m.admin_audit a"
	 " where a.request_id = t.request_id and a.action = 'mint_token' and a.outcome = 'granted')"},
};
enum { CHECKS = sizeof checks / sizeof checks[0] };
_Static_assert(CHECKS <= AUDIT_CHECKS_MAX, "what the header says");

struct verify_task {
	int32_t days;
	audit_progress *progress;
	struct audit_check *rows;
};

static enum err ask_each(struct operator_db *db, void *arg)
{
	struct verify_task *task = arg;
	struct pg_params p;
	enum err err = ERR_OK;
	pg_params_init(&p, db->a);
	pg_put_int4(&p, task->days);
	for (size_t i = 0; err == ERR_OK && i < CHECKS; i++) {
		PG_RESULT r = NULL;
		task->progress(i, CHECKS, checks[i].what);
		err = operator_exec(db, checks[i].sql, &p, &r);
		if (err == ERR_OK)
			task->rows[i] = (struct audit_check){checks[i].what, pg_int8(r, 0, 0)};
	}
	return err;
}

enum err operator_audit_verify(struct operator_db *db, int32_t days, audit_progress *progress, const struct audit_check **ret,
			       size_t *ret_n)
{
	struct verify_task task = {.days = days, .progress = progress, .rows = arena_alloc(db->a, CHECKS * sizeof *task.rows)};
	if (task.rows == NULL)
		return operator_fail(db, ERR_NO_MEMORY, "there is no memory left");
	enum err err = operator_snapshot(db, ask_each, &task);
	if (err == ERR_OK) {
		*ret = task.rows;
		*ret_n = CHECKS;
	}
	return err;
}
