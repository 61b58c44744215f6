/* A connection against a real PostgreSQL: when a unit's rows are had before its commit is known,
 * and when not. */
#include <dlfcn.h>
#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"
#include "store/pg_conn.h"
#include "store/store_sql.h"

SHARED_CLUSTER("");

#define LOCK "4712"

static struct world w;
static struct arena *arena;
static struct pg_params none;
static struct event_base *base;
static struct pg_conn *conn;
static struct histogram trips;
static unsigned ran, done;
static enum err how;
static char url[PG_URL];

enum { KEEP, NAMES, FORGET, GUARD, LARGE, STEAL, STATEMENTS };
static const struct pg_statement statements[] = {
	[KEEP] = {"keep", "insert into public.kept select 7 returning n"},
	[NAMES] = {"names", "select string_agg(name, ' ' order by name) from pg_prepared_statements"},
	[FORGET] = {"forget", "deallocate all"},
	[GUARD] = {"guard", "select n from public.guarding"},
	[STEAL] = {"steal", "prepare keep as insert into public.kept select 7 returning n"},
	/* more than PostgreSQL keeps before it sends, and a pause */
	[LARGE] = {"large", "select 7, repeat('x', 9000) from generate_series(1, 2) n where n = 1 or pg_sleep(0.3) is not null"},
};
static const char *const settings[] = {NULL};
static const struct pg_open_spec spec = {.url = url,
					 .application_name = "conn",
					 .statements = statements,
					 .statement_count = STATEMENTS,
					 .settings = settings,
					 .timeout_ms = 10000};

static void nothing(void *arg)
{
	(void)arg;
}

static void note_ran(void *arg, const PGresult *r)
{
	(void)arg;
	ran++;
	cr_assert_eq(done, 0);
	cr_assert_eq(pg_int4(r, 0, 0), 7);
}

static void note_done(void *arg, enum err err, const PGresult *r)
{
	(void)arg;
	done++;
	how = err;
	cr_assert(err != ERR_OK || pg_int4(r, 0, 0) == 7);
}

static bool is_up(void)
{
	return pg_conn_is_up(conn);
}
static bool is_down(void)
{
	return !pg_conn_is_up(conn);
}
static bool has_run(void)
{
	return ran > 0;
}
static bool is_done(void)
{
	return done > 0;
}

/* Turns the loop until then, or for so long. */
static bool turn_until(bool (*reached)(void), int64_t us)
{
	for (int64_t begin = clock_mono_us(); !reached() && clock_mono_us() - begin < us;) {
		event_base_loopexit(base, &(struct timeval){0, 20000});
		event_base_loop(base, EVLOOP_ONCE);
	}
	return reached();
}

static void up(void)
{
	world_prepare(&w, false);
	arena = arena_new(1024);
	pg_params_init(&none, arena);
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	sql_exec(world_db(&w), "create table public.kept (n int)");
	sql_exec(world_db(&w), "grant select, insert on public.kept to m2m_gateway");
	base = event_base_new();
	const struct pg_conn_events events = {.up = nothing, .down = nothing, .round_trips = &trips};
	conn = pg_conn_new(base, &spec, &events, 4);
	cr_assert_not_null(conn);
	pg_conn_start(conn);
	cr_assert(turn_until(is_up, 10000000));
}

static void down(void)
{
	pg_conn_free(conn);
	event_base_free(base);
	arena_free(arena);
	world_close(&w);
}

TestSuite(conn, .init = up, .fini = down, .timeout = 60);

static void at_commit(const char *what)
{
	sql_exec(world_db(&w), "create function public.at_commit() returns trigger language plpgsql as $$ begin %s; return null; end $$",
		 what);
	sql_exec(world_db(&w), "create constraint trigger at_commit after insert on public.kept deferrable initially deferred for each row"
			       " execute function public.at_commit()");
}

static void send_keep_within(int timeout_ms, pg_unit_ran *told)
{
	cr_assert_eq(told == NULL ? pg_conn_send(conn, KEEP, &none, timeout_ms, note_done, NULL)
				  : pg_conn_send_and_watch(conn, KEEP, &none, timeout_ms, told, note_done, NULL),
		     ERR_OK);
}

static void send_keep(pg_unit_ran *told)
{
	send_keep_within(20000, told);
}

Test(conn, who_asks_for_the_rows_has_them_while_the_commit_is_under_way)
{
	at_commit("perform pg_advisory_xact_lock(" LOCK ")");
	sql_exec(world_db(&w), "select pg_advisory_lock(" LOCK ")");
	send_keep(note_ran);
	cr_assert(turn_until(has_run, 10000000), "they come when the statement has run");
	cr_assert_not(turn_until(is_done, 200000));
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from public.kept"), 0);
	sql_exec(world_db(&w), "select pg_advisory_unlock(" LOCK ")");
	cr_assert(turn_until(is_done, 10000000));
	cr_assert_eq(how, ERR_OK);
	cr_assert_eq(ran, 1);
}

Test(conn, nobody_else_has)
{
	at_commit("perform pg_advisory_xact_lock(" LOCK ")");
	sql_exec(world_db(&w), "select pg_advisory_lock(" LOCK ")");
	send_keep(NULL);
	cr_assert_not(turn_until(is_done, 300000));
	sql_exec(world_db(&w), "select pg_advisory_unlock(" LOCK ")");
	cr_assert(turn_until(is_done, 10000000));
	cr_assert_eq(how, ERR_OK);
	cr_assert_eq(ran, 0);
}

Test(conn, a_commit_that_fails_is_the_end_of_it)
{
	at_commit("perform pg_sleep(0.2); raise exception 'no room'");
	send_keep(note_ran);
	cr_assert(turn_until(is_done, 10000000));
	cr_assert_eq(ran, 1);
	cr_assert_neq(how, ERR_OK);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from public.kept"), 0);
}

/* ---- what is prepared ---- */

static char names[64];

static void note_names(void *arg, enum err err, const PGresult *r)
{
	(void)arg;
	cr_assert_eq(err, ERR_OK);
	snprintf(names, sizeof names, "%.*s", (int)pg_str(r, 0, 0).n, pg_str(r, 0, 0).p);
	done++;
}

static void note_end(void *arg, enum err err, const PGresult *r)
{
	(void)r;
	*(enum err *)arg = err;
	done++;
}

/* Sends it, and turns the loop until it is answered, which is returned. */
static enum err run(unsigned statement)
{
	enum err ended = ERR_OK;
	done = 0;
	cr_assert_eq(pg_conn_send(conn, statement, &none, 20000, statement == NAMES ? note_names : note_end, &ended), ERR_OK);
	cr_assert(turn_until(is_done, 10000000));
	return ended;
}

static void has_prepared(const char *expected)
{
	run(NAMES);
	cr_assert_str_eq(names, expected);
}

Test(conn, a_statement_is_prepared_where_it_is_first_sent)
{
	has_prepared("names");
	cr_assert_eq(run(KEEP), ERR_OK);
	has_prepared("keep names");
	cr_assert_eq(run(KEEP), ERR_OK);
}

static bool are_done(void)
{
	return done == 2;
}

/* What was sent behind it, before that was known, has no statement. */
Test(conn, one_that_could_not_be_prepared_is_prepared_by_the_next_that_wants_it)
{
	enum err ends[2] = {ERR_OK, ERR_OK};
	sql_exec(world_db(&w), "alter table public.kept rename to hidden");
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pg_conn_send(conn, KEEP, &none, 20000, note_end, &ends[i]), ERR_OK);
	cr_assert(turn_until(are_done, 10000000));
	cr_expect_eq(ends[0], ERR_INTERNAL);
	cr_expect_eq(ends[1], ERR_STORE_UNAVAILABLE);
	has_prepared("names");
	sql_exec(world_db(&w), "alter table public.hidden rename to kept");
	cr_assert_eq(run(KEEP), ERR_OK);
	has_prepared("keep names");
}

static enum err run_guarded(void)
{
	enum err ended = ERR_OK;
	done = 0;
	cr_assert_eq(pg_conn_send_guarded(conn, &(struct pg_query){GUARD, &none}, &(struct pg_query){KEEP, &none}, 20000, note_end, &ended),
		     ERR_OK);
	cr_assert(turn_until(is_done, 10000000));
	return ended;
}

Test(conn, nor_is_one_behind_a_guard_that_could_not_be)
{
	cr_assert_eq(run_guarded(), ERR_INTERNAL, "there is no such table");
	has_prepared("names");
	sql_exec(world_db(&w), "create table public.guarding (n int)");
	sql_exec(world_db(&w), "grant select on public.guarding to m2m_gateway");
	cr_assert_eq(run_guarded(), ERR_OK);
	has_prepared("guard keep names");
	cr_assert_eq(run_guarded(), ERR_OK);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from public.kept"), 2);
}

Test(conn, a_guard_that_fails_is_prepared_all_the_same)
{
	sql_exec(world_db(&w), "create table public.guarding (n int)");
	cr_assert_eq(run_guarded(), ERR_INTERNAL, "it may not be read");
	has_prepared("guard keep names");
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from public.kept"), 0);
	sql_exec(world_db(&w), "grant select on public.guarding to m2m_gateway");
	cr_assert_eq(run_guarded(), ERR_OK);
	cr_assert_eq(run_guarded(), ERR_OK);
}

/* The unit in front couldn't prepare it, which says nothing of the guard. */
Test(conn, a_guard_stays_prepared_whatever_is_missing_behind_it)
{
	enum err ends[2] = {ERR_OK, ERR_OK};
	sql_exec(world_db(&w), "create table public.guarding (n int)");
	sql_exec(world_db(&w), "grant select on public.guarding to m2m_gateway");
	sql_exec(world_db(&w), "alter table public.kept rename to hidden");
	for (int i = 0; i < 2; i++)
		cr_assert_eq(pg_conn_send_guarded(conn, &(struct pg_query){GUARD, &none}, &(struct pg_query){KEEP, &none}, 20000, note_end,
						  &ends[i]),
			     ERR_OK);
	cr_assert(turn_until(are_done, 10000000));
	cr_expect_eq(ends[0], ERR_INTERNAL);
	cr_expect_eq(ends[1], ERR_STORE_UNAVAILABLE);
	sql_exec(world_db(&w), "alter table public.hidden rename to kept");
	for (int i = 0; i < 3; i++)
		cr_expect_eq(run_guarded(), ERR_OK);
	has_prepared("guard keep names");
}

/* Else a token would be signed with what isn't there yet. */
Test(conn, that_it_is_prepared_is_not_told_for_its_rows)
{
	cr_assert_eq(pg_conn_send_and_watch(conn, LARGE, &none, 20000, note_ran, note_done, NULL), ERR_OK);
	cr_assert(turn_until(is_done, 10000000));
	cr_assert_eq(how, ERR_OK);
}

/* Whoever has prepared it by the same name. */
Test(conn, one_that_is_there_already_is_taken_for_prepared)
{
	cr_assert_eq(run(STEAL), ERR_OK);
	cr_assert_eq(run(KEEP), ERR_STORE_UNAVAILABLE);
	cr_assert_eq(run(KEEP), ERR_OK);
}

Test(conn, what_the_server_has_forgotten_is_prepared_again)
{
	cr_assert_eq(run(KEEP), ERR_OK);
	cr_assert_eq(run(FORGET), ERR_OK);
	cr_assert_eq(run(KEEP), ERR_STORE_UNAVAILABLE);
	cr_assert_eq(run(KEEP), ERR_OK);
	cr_assert(pg_conn_is_up(conn));
}

Test(conn, a_new_connection_has_nothing_prepared)
{
	cr_assert_eq(run(KEEP), ERR_OK);
	sql_exec(world_db(&w),
		 "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'conn' and datname = current_database()");
	cr_assert(turn_until(is_down, 10000000));
	cr_assert(turn_until(is_up, 10000000));
	has_prepared("names");
	cr_assert_eq(run(KEEP), ERR_OK);
}

/* What it has tried is in nobody's way. */
Test(conn, a_connection_that_has_tried_all_begins_with_none)
{
	static _Atomic bool tried;
	const struct pg_conn_events events = {.up = nothing, .down = nothing, .round_trips = &trips};
	struct pg_open_spec trying = spec;
	trying.tried = &tried;
	sql_exec(world_db(&w), "create table public.guarding (n int)");
	pg_conn_free(conn);
	conn = pg_conn_new(base, &trying, &events, 4);
	cr_assert_not_null(conn);
	pg_conn_start(conn);
	cr_assert(turn_until(is_up, 10000000));
	cr_assert(tried);
	has_prepared("names");
	cr_assert_eq(run(KEEP), ERR_OK);
	pg_conn_free(conn); /* it borrows from this test */
	conn = NULL;
}

static bool no_memory;

/* Found before libpq's. */
int PQsendPrepare(PGconn *pg, const char *name, const char *sql, int n, const Oid *types)
{
	int (*real)(PGconn *, const char *, const char *, int, const Oid *) = dlsym(RTLD_NEXT, "PQsendPrepare");
	return no_memory ? 0 : real(pg, name, sql, n, types);
}

/* Another's guard has refused what this one counts on. */
Test(conn, what_a_guard_refuses_is_there_for_who_comes_behind)
{
	enum err ends[2] = {ERR_OK, ERR_OK};
	sql_exec(world_db(&w), "create table public.guarding (n int)");
	cr_assert_eq(
		pg_conn_send_guarded(conn, &(struct pg_query){GUARD, &none}, &(struct pg_query){KEEP, &none}, 20000, note_end, &ends[0]),
		ERR_OK);
	cr_assert_eq(pg_conn_send(conn, KEEP, &none, 20000, note_end, &ends[1]), ERR_OK);
	cr_assert(turn_until(are_done, 10000000));
	cr_expect_eq(ends[0], ERR_INTERNAL, "it may not be read");
	cr_expect_eq(ends[1], ERR_OK);
}

static void send_without_memory(void *arg, enum err err, const PGresult *r)
{
	static enum err ended;
	(void)arg, (void)err, (void)r;
	no_memory = true;
	cr_assert_eq(pg_conn_send(conn, KEEP, &none, 20000, note_end, &ended), ERR_STORE_UNAVAILABLE);
	no_memory = false;
	done++;
}

/* Whose answer sets the deadline of who stands behind, in the same turn of the loop. */
Test(conn, it_begins_anew_whatever_is_answered_meanwhile)
{
	enum err ended = ERR_OK;
	cr_assert_eq(run(NAMES), ERR_OK);
	done = 0;
	cr_assert_eq(pg_conn_send(conn, NAMES, &none, 20000, send_without_memory, NULL), ERR_OK);
	cr_assert_eq(pg_conn_send(conn, NAMES, &none, 20000, note_end, &ended), ERR_OK);
	sleep_ms(100); /* both are answered by then */
	cr_assert(turn_until(are_done, 10000000));
	cr_assert(turn_until(is_down, 10000000));
	cr_assert(turn_until(is_up, 10000000));
	cr_assert_eq(run(KEEP), ERR_OK);
}

/* What libpq has been told is in doubt then. */
Test(conn, where_a_statement_could_not_be_sent_it_begins_anew)
{
	enum err ended = ERR_OK;
	cr_assert_eq(run(NAMES), ERR_OK);
	no_memory = true;
	cr_assert_eq(pg_conn_send(conn, KEEP, &none, 20000, note_end, &ended), ERR_STORE_UNAVAILABLE);
	no_memory = false;
	cr_expect_eq(pg_conn_send(conn, NAMES, &none, 20000, note_names, &ended), ERR_STORE_UNAVAILABLE, "nor anything behind it");
	cr_assert(turn_until(is_down, 10000000));
	cr_assert(turn_until(is_up, 10000000));
	cr_assert_eq(run(KEEP), ERR_OK);
	has_prepared("keep names");
}

/* ---- a bearer's version ---- */

static const char *read_client_id(const char *client_id, const char *version, const char *tag, int64_t iat)
{
	static char outcome[64];
	char iat_text[32];
	snprintf(iat_text, sizeof iat_text, "%lld", (long long)iat);
	const char *const values[] = {client_id, version, NULL, "f", tag, iat_text, NULL, "f", NULL, NULL, NULL};
	PGresult *r = PQexecParams(world_db(&w), sql_read_client_id, sizeof values / sizeof *values, NULL, values, NULL, NULL, 0);
	cr_assert_eq(PQresultStatus(r), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(r));
	snprintf(outcome, sizeof outcome, "%s", PQgetvalue(r, 0, 0));
	PQclear(r);
	return outcome;
}

/* A token without a tag was made by a gateway of before: then its age decides. */
Test(conn, a_bearer_is_of_the_version_that_it_says_or_not_older_than_that)
{
	struct org o;
	char tag[32];
	org_create(&w, "acme", &o);
	sql_exec(world_db(&w), "update m2m.client_secret set created_at = '2026-11-28 12:00:00.75Z' where client_id = '%s'", o.client_id);
	int64_t made = sql_int(world_db(&w), "select extract(epoch from timestamptz '2026-11-28 12:00:00Z')::bigint");
	snprintf(tag, sizeof tag, "%s", sql_text(world_db(&w), "select substr(verifier, 1, 6) from m2m.client_secret"));
	cr_expect_str_eq(read_client_id(o.client_id, "1", tag, 0), "granted");
	cr_expect_str_eq(read_client_id(o.client_id, "1", "\\x000000000000", made + 60), "invalid_token");
	cr_expect_str_eq(read_client_id(o.client_id, "1", "\\x", made + 60), "invalid_token");
	cr_expect_str_eq(read_client_id(o.client_id, "2", tag, 0), "invalid_token");
	cr_expect_str_eq(read_client_id(o.client_id, "1", NULL, made), "granted", "its version's first second is in doubt");
	cr_expect_str_eq(read_client_id(o.client_id, "1", NULL, made + 60), "granted");
	cr_expect_str_eq(read_client_id(o.client_id, "1", NULL, made - 1), "invalid_token");
	cr_expect_str_eq(read_client_id(o.client_id, "1", NULL, 0), "invalid_token");
}

Test(conn, a_unit_ends_at_its_deadline_whatever_stands_before_it)
{
	sql_exec(world_db(&w), "begin; lock table public.kept");
	send_keep_within(3600000, NULL);
	send_keep_within(3600000, NULL);
	send_keep_within(200, NULL);
	cr_assert(turn_until(is_done, 20000000));
	cr_assert_eq(done, 3);
	cr_assert_eq(how, ERR_STORE_UNAVAILABLE);
}

Test(conn, a_notice_is_a_line_of_the_log)
{
	char log[4096] = "";
	int fd = memfd_create("log", MFD_CLOEXEC);
	log_set_fd(fd);
	at_commit("raise warning 'mind the gap'");
	send_keep(NULL);
	cr_assert(turn_until(is_done, 10000000));
	cr_assert_gt(pread(fd, log, sizeof log - 1, 0), 0);
	cr_assert_not_null(strstr(log, "\"event\":\"database_notice\",\"message\":\"mind the gap\""), "%s", log);
}

/* ---- a resolver that doesn't answer ---- */

#define NOWHERE "no-answer.example"

/* Found before the C library's, by libpq too. */
__attribute__((visibility("default"))) int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
						       struct addrinfo **ret)
{
	int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, "getaddrinfo");
	while (node != NULL && strcmp(node, NOWHERE) == 0)
		pause();
	return real(node, service, hints, ret);
}

Test(conn, the_end_does_not_wait_for_a_resolver)
{
	static const struct pg_open_spec nowhere = {
		.url = "postgresql://" NOWHERE "/x", .application_name = "nowhere", .settings = settings, .timeout_ms = 10000};
	const struct pg_conn_events events = {.up = nothing, .down = nothing, .round_trips = &trips};
	struct pg_conn *c = pg_conn_new(base, &nowhere, &events, 4);
	cr_assert_not_null(c);
	pg_conn_start(c);
	sleep_ms(100);
	pg_conn_free(c); /* returns: the test's limit holds it */
}
