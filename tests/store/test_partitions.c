/* The audit's partitions: made weeks ahead by whoever runs a gateway, without the right to make
 * tables, and without standing in anybody's way. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define MADE_BY_MIGRATION 28 /* days */
#define PATIENCE_MS       30000

/* When the test began, and when the migration ran at the latest and at the earliest. A partition's
 * week is judged from these and not from now(): a day or a week may end amid the test. */
#define START           "current_setting('test.start')::timestamptz"
#define MIGRATED        "(select max(applied_at) from m2m.schema_migration)"
#define MIGRATION_BEGAN "(select min(applied_at) - interval '1 second' from m2m.schema_migration)"

static struct world w;

static void prepare(void)
{
	world_prepare(&w, false);
	sql_exec(world_db(&w), "select set_config('test.start', now()::text, false)");
}

static void finish(void)
{
	world_close(&w);
}

TestSuite(partitions, .init = prepare, .fini = finish, .timeout = 120);

static PGconn *as(const char *login)
{
	char url[PG_URL];
	pg_url(&w.pg, login, w.database, url);
	return sql_open(url);
}

static int64_t weeks(void)
{
	return sql_int(world_db(&w), "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid"
				     " where i.inhparent = 'm2m.token_audit'::regclass and c.relname ~ '^token_audit_p[0-9]{8}$'");
}

/* The partition that a row of that time lands in. */
static const char *home_of(const char *time)
{
	return sql_text(world_db(&w),
			"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, transport, kid, "
			"caller, scope,"
			" audience) values (%s, %s, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', "
			"'c', '', 'a')"
			" returning tableoid::regclass::text",
			time, time);
}

/* What the row's partition would be called if it were made. */
static const char *week_of(const char *time)
{
	return sql_text(world_db(&w), "select 'm2m.token_audit_p' || to_char(date_trunc('week', (%s) at time zone 'UTC'), 'YYYYMMDD')",
			time);
}

/* The number of the week that is that many days from a time. */
static int64_t week_number(const char *time, int days)
{
	return sql_int(world_db(&w), "select ((date_trunc('week', (%s) at time zone 'UTC' + interval '%d days'))::date - '2000-01-03') / 7",
		       time, days);
}

static void expect_home(const char *time, const char *partition)
{
	char want[64];
	snprintf(want, sizeof want, "%s", partition);
	cr_expect_str_eq(home_of(time), want, "a row of %s", time);
}

/* A statement that is sent and may take its time. */
static void begin_statement(PGconn *db, const char *statement)
{
	cr_assert_eq(PQsendQuery(db, statement), 1, "%s", PQerrorMessage(db));
}

static bool has_ended(PGconn *db, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	while (PQconsumeInput(db) == 1 && PQisBusy(db)) {
		int64_t left_ms = (deadline - clock_mono_us()) / 1000;
		struct pollfd p = {.fd = PQsocket(db), .events = POLLIN};
		if (left_ms <= 0 || poll(&p, 1, (int)left_ms) <= 0)
			return false;
	}
	return true;
}

/* Its SQLSTATE. */
static void end_statement(PGconn *db, char state[6])
{
	snprintf(state, 6, "00000");
	cr_assert(has_ended(db, PATIENCE_MS), "the statement did not end");
	for (PGresult *r; (r = PQgetResult(db)) != NULL; PQclear(r)) {
		const char *code = PQresultErrorField(r, PG_DIAG_SQLSTATE);
		if (code != NULL)
			snprintf(state, 6, "%s", code);
	}
}

static bool waits_for_a_lock(PGconn *db)
{
	return sql_int(world_db(&w), "select count(*) from pg_locks where pid = %d and not granted", PQbackendPID(db)) > 0;
}

Test(partitions, the_migration_makes_four_weeks_and_a_second_call_makes_none)
{
	int64_t before = weeks();
	cr_expect_geq(before, 5);
	expect_home(MIGRATED, week_of(MIGRATED));
	expect_home(MIGRATION_BEGAN " + interval '28 days'", week_of(MIGRATION_BEGAN " + interval '28 days'"));
	int64_t made = sql_int(world_db(&w), "select m2m.audit_partitions_ahead(%d)", MADE_BY_MIGRATION);
	cr_expect_leq(made, week_number("clock_timestamp()", MADE_BY_MIGRATION) - week_number(MIGRATION_BEGAN, MADE_BY_MIGRATION));
	cr_expect_eq(weeks(), before + made);
}

Test(partitions, the_gateways_role_makes_them_though_it_may_not_make_tables)
{
	int64_t before = weeks();
	PGconn *db = as("m2m_gateway");
	cr_expect_str_eq(sql_state(db, "create table m2m.mine (like m2m.token_audit)"), "42501");
	int64_t made = sql_int(db, "select m2m.audit_partitions_ahead(100)");
	cr_expect_geq(made, 10);
	cr_expect_eq(weeks(), before + made);
	cr_expect_leq(sql_int(db, "select m2m.audit_partitions_ahead(100)"),
		      week_number("clock_timestamp()", 100) - week_number(START, 100));
	PQfinish(db);
	expect_home(START " + interval '100 days'", week_of(START " + interval '100 days'"));
	/* They are the owner's, and like the audit itself: indexed, and closed to others. */
	cr_expect_str_eq(
		sql_text(world_db(&w),
			 "select string_agg(distinct c.relowner::regrole || ' ' || coalesce(c.relacl::text, 'no grants'), ',')"
			 " from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'm2m.token_audit'::regclass"),
		"m2m_owner no grants");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from pg_inherits where inhparent = 'm2m.token_audit_time'::regclass"),
		     weeks() + 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from pg_inherits where inhparent = 'm2m.token_audit_client'::regclass"),
		     weeks() + 1);
}

Test(partitions, weeks_begin_on_monday_in_utc_whatever_the_callers_time_zone)
{
	PGconn *db = as("m2m_gateway");
	sql_exec(db, "set timezone = 'Pacific/Auckland'");
	cr_expect_geq(sql_int(db, "select m2m.audit_partitions_ahead(60)"), 4);
	PQfinish(db);
	sql_exec(world_db(&w), "set timezone = 'UTC'");
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from pg_inherits i join pg_class c on c.oid = i.inhrelid"
			     " where i.inhparent = 'm2m.token_audit'::regclass and c.relname <> 'token_audit_default'"
			     " and (extract(isodow from substr(c.relname, 14)::date) <> 1 or pg_get_expr(c.relpartbound, c.oid) <>"
			     " format('FOR VALUES FROM (''%%s 00:00:00+00'') TO (''%%s 00:00:00+00'')',"
			     " substr(c.relname, 14)::date, substr(c.relname, 14)::date + 7))"),
		     0);
}

Test(partitions, days_out_of_range_are_refused)
{
	int64_t before = weeks();
	cr_expect_str_eq(sql_state(world_db(&w), "select m2m.audit_partitions_ahead(-1)"), "P0001");
	cr_expect_str_eq(sql_state(world_db(&w), "select m2m.audit_partitions_ahead(401)"), "P0001");
	cr_expect_str_eq(sql_state(world_db(&w), "select m2m.audit_partitions_ahead(2147483647)"), "P0001");
	cr_expect_eq(weeks(), before);
	cr_expect_eq(sql_int(world_db(&w), "select m2m.audit_partitions_ahead(0)"), 0);
	cr_expect_geq(sql_int(world_db(&w), "select m2m.audit_partitions_ahead(400)"), 50);
}

static unsigned warnings;
static char warning[512];

static void keep_warning(void *arg, const PGresult *r)
{
	(void)arg;
	warnings++;
	snprintf(warning, sizeof warning, "%s", PQresultErrorField(r, PG_DIAG_MESSAGE_PRIMARY));
}

Test(partitions, a_row_beyond_all_partitions_is_kept_and_its_week_alone_is_skipped)
{
	char skipped[64];
	expect_home(START " + interval '50 days'", "m2m.token_audit_default");
	expect_home(START " + interval '10 years'", "m2m.token_audit_default");
	snprintf(skipped, sizeof skipped, "%s", week_of(START " + interval '50 days'"));

	PGconn *db = as("m2m_gateway");
	PQsetNoticeReceiver(db, keep_warning, NULL);
	int64_t before = weeks();
	int64_t made = sql_int(db, "select m2m.audit_partitions_ahead(100)");
	cr_expect_eq(warnings, 1);
	cr_expect_not_null(strstr(warning, skipped + strlen("m2m.")), "%s", warning);
	cr_expect_not_null(strstr(warning, "token_audit_default"), "%s", warning);
	cr_expect_eq(weeks(), before + made);
	cr_expect_str_eq(sql_text(world_db(&w), "select coalesce(to_regclass('%s')::text, 'not made')", skipped), "not made");
	expect_home(START " + interval '43 days'", week_of(START " + interval '43 days'"));
	expect_home(START " + interval '50 days'", "m2m.token_audit_default");
	expect_home(START " + interval '57 days'", week_of(START " + interval '57 days'"));
	/* Once the owner has moved the rows away the week is made. */
	sql_exec(world_db(&w), "set role m2m_owner; delete from m2m.token_audit_default; reset role");
	cr_expect_geq(sql_int(db, "select m2m.audit_partitions_ahead(100)"), 1);
	cr_expect_eq(warnings, 1);
	expect_home(START " + interval '50 days'", skipped);
	PQfinish(db);
}

#define INSERT_NOW                                                                                                                         \
	"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, transport, kid, caller, scope, "  \
	"audience)"                                                                                                                        \
	" values (now(), now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', '', 'a')"

/* Events in their order: a reader holds the whole audit, a partition is asked for, a token is
 * recorded, the maker gives up or is done, and only then does the reader end. The maker needs
 * the default partition for itself for a moment, so a reader of all of it can keep it from its
 * work, but for no longer than its lock_timeout. */
Test(partitions, neither_the_maker_nor_an_insert_waits_for_a_long_reader)
{
	char state[6];
	PGconn *reader = as("m2m_owner"), *maker = as("m2m_gateway"), *writer = as("m2m_gateway");
	sql_exec(reader, "begin");
	sql_exec(reader, "select count(*) from m2m.token_audit");
	begin_statement(maker, "select m2m.audit_partitions_ahead(100)");
	for (int tries = 0; tries < 100 && !waits_for_a_lock(maker) && !has_ended(maker, 10); tries++)
		;
	/* An insert that had to queue behind the maker, which may wait longer, would fail. */
	sql_exec(writer, "set lock_timeout = '100ms'");
	cr_expect_str_eq(sql_state(writer, INSERT_NOW), "00000");
	end_statement(maker, state);
	cr_expect(strcmp(state, "00000") == 0 || strcmp(state, "55P03") == 0, "SQLSTATE %s", state);
	cr_expect_eq(PQtransactionStatus(reader), PQTRANS_INTRANS);
	sql_exec(reader, "commit");
	if (strcmp(state, "55P03") == 0)
		cr_expect_geq(sql_int(maker, "select m2m.audit_partitions_ahead(100)"), 10);
	expect_home(START " + interval '100 days'", week_of(START " + interval '100 days'"));
	PQfinish(reader);
	PQfinish(maker);
	PQfinish(writer);
}

Test(partitions, a_reader_of_this_week_does_not_keep_later_weeks_from_being_made)
{
	char state[6];
	PGconn *reader = as("m2m_owner"), *maker = as("m2m_gateway");
	sql_exec(reader, "begin");
	sql_exec(reader, "select count(*) from %s", week_of(START));
	begin_statement(maker, "select m2m.audit_partitions_ahead(100)");
	end_statement(maker, state);
	cr_expect_str_eq(state, "00000");
	sql_exec(reader, "commit");
	PQfinish(reader);
	PQfinish(maker);
	expect_home(START " + interval '100 days'", week_of(START " + interval '100 days'"));
}

Test(partitions, an_insert_in_flight_does_not_keep_weeks_from_being_made)
{
	char state[6];
	PGconn *writer = as("m2m_gateway"), *maker = as("m2m_gateway");
	sql_exec(writer, "begin");
	sql_exec(writer, INSERT_NOW);
	begin_statement(maker, "select m2m.audit_partitions_ahead(100)");
	end_statement(maker, state);
	cr_expect_str_eq(state, "00000");
	sql_exec(writer, "commit");
	PQfinish(writer);
	PQfinish(maker);
}

Test(partitions, of_two_makers_at_once_one_leaves_it_to_the_other)
{
	PGconn *first = as("m2m_gateway"), *second = as("m2m_gateway");
	sql_exec(first, "begin");
	cr_expect_geq(sql_int(first, "select m2m.audit_partitions_ahead(100)"), 10);
	cr_expect_eq(sql_int(second, "select m2m.audit_partitions_ahead(100)"), 0);
	sql_exec(first, "rollback");
	cr_expect_geq(sql_int(second, "select m2m.audit_partitions_ahead(100)"), 10);
	PQfinish(first);
	PQfinish(second);
}

Test(partitions, a_gateway_makes_them_by_itself_after_its_start)
{
	int64_t before = weeks();
	int64_t deadline = clock_mono_us() + PATIENCE_MS * 1000;
	env_set(&w.gateway_env, "M2M_PARTITION_DAYS=100");
	gateway_start(&w.gateway, &w.gateway_env);
	while (weeks() < before + 10 && clock_mono_us() < deadline)
		sleep_ms(50);
	cr_expect_geq(weeks(), before + 10);
	expect_home(START " + interval '100 days'", week_of(START " + interval '100 days'"));
	cr_expect_eq(gateway_log_count(&w.gateway, "\"level\":\"error\"", NULL, 0), 0);
}

/* ---- weeks that are taken out and put back ---- */

Test(partitions, a_week_that_was_detached_before_a_migration_is_put_back_after_it)
{
	char week[64], seals[64];
	snprintf(week, sizeof week, "%s", week_of(START) + strlen("m2m."));
	snprintf(seals, sizeof seals, "audit_seal_%s", week + strlen("token_audit_"));
	expect_home(START, week_of(START));
	/* as it was then */
	sql_exec(world_db(&w),
		 "begin; set local role m2m_owner; alter table m2m.token_audit detach partition m2m.%s; alter table m2m.audit_seal detach"
		 " partition m2m.%s; alter table m2m.%s drop column auth_method, drop column credential, drop column bound_to;"
		 " alter table m2m.%s drop column version; commit",
		 week, seals, week, seals);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit"), 0);
	sql_exec(world_db(&w),
		 "begin; set local role m2m_owner; select m2m.audit_attach_partition('%s'), m2m.audit_attach_partition('%s'); commit", week,
		 seals);
	expect_home(START, week_of(START));
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where auth_method is null and bound_to is null"), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.tokens_issued"), 2);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from pg_inherits where inhparent = 'm2m.audit_seal'::regclass"
			     " and inhrelid = 'm2m.%s'::regclass",
			     seals),
		     1);
	cr_expect_str_eq(sql_state(world_db(&w), "set role m2m_owner; select m2m.audit_attach_partition('client')"), "P0001");
	PGconn *gateway = as("m2m_gateway");
	cr_expect_str_eq(sql_state(gateway, "select m2m.audit_attach_partition('%s')", week), "42501");
	PQfinish(gateway);
}
