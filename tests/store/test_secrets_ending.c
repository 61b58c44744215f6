/* Counting and listing the secrets that end soon, among many clients: what is read is bounded, and
 * comes from the index of ends alone. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"
#include "operator/operator_sql.h"
#include "store/store.h"
#include "store/store_sql.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;

static void open_world(void)
{
	world_prepare(&w, false);
	org_create(&w, "acme", &acme);
	/* every second one's secret has no end; the others' are spread over 60 days */
	sql_exec(world_db(&w),
		 "insert into m2m.client (client_id, organization_id, audiences, secret_version)"
		 " select 'm2m_' || lpad(c::text, 22, '0'), '%s', '{api}', 1 from generate_series(1, 60000) c",
		 acme.id);
	sql_exec(world_db(&w), "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, expires_at)"
			       " select 'm2m_' || lpad(c::text, 22, '0'), 1, 'k1', sha256('s'), sha256('v'), 'abcd',"
			       "  case when c %% 2 = 0 then now() + c * interval '60 days' / 60000 end from generate_series(1, 60000) c");
	sql_exec(world_db(&w), "vacuum analyze m2m.client_secret");
	sql_exec(world_db(&w), "analyze m2m.client");
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(secrets_ending, .init = open_world, .fini = close_world, .timeout = 180);

/* As the gateway's connection does. */
static void plan_as_the_gateway(void)
{
	sql_exec(world_db(&w), "set plan_cache_mode = force_generic_plan; set enable_hashjoin = off; set enable_mergejoin = off;"
			       " set enable_seqscan = off; set enable_memoize = off; set jit = off");
}

Test(secrets_ending, the_count_reads_no_more_than_its_bound_and_the_index_alone)
{
	PGresult *r = PQexec(world_db(&w), sql_secrets_ending);
	cr_assert_eq(PQresultStatus(r), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(r));
	cr_expect_eq(atoi(PQgetvalue(r, 0, 0)), 500, "%s", PQgetvalue(r, 0, 0));
	cr_expect_eq(atoi(PQgetvalue(r, 0, 1)), 3500, "%s", PQgetvalue(r, 0, 1));
	cr_expect_eq(atoi(PQgetvalue(r, 0, 2)), STORE_ENDING_MAX, "15,000 end within 30 days");
	PQclear(r);
	plan_as_the_gateway();
	char text[4096];
	snprintf(text, sizeof text, "explain (analyze, costs off, timing off, summary off) %s", sql_secrets_ending);
	r = PQexec(world_db(&w), text);
	cr_assert_eq(PQresultStatus(r), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(r));
	bool by_index = false;
	for (int i = 0; i < PQntuples(r); i++) {
		const char *line = PQgetvalue(r, i, 0);
		cr_expect(strstr(line, "Seq Scan") == NULL && strstr(line, "Sort") == NULL, "%s", line);
		by_index = by_index ||
			   strstr(line, "Index Only Scan using client_secret_ending on client_secret s (actual rows=10000") != NULL;
	}
	cr_expect(by_index, "%s", PQgetvalue(r, PQntuples(r) - 1, 0));
	PQclear(r);
}

static int64_t read_whole(void)
{
	return sql_int(world_db(&w), "select coalesce(sum(seq_scan), 0) from pg_stat_xact_user_tables where relname = 'client_secret'");
}

Test(secrets_ending, the_list_of_all_organizations_reads_what_it_tells)
{
	const char *const values[] = {"3600"};
	sql_exec(world_db(&w), "begin");
	PGresult *r = PQexecParams(world_db(&w), sql_clients_expiring, 1, NULL, values, NULL, NULL, 0);
	cr_assert_eq(PQresultStatus(r), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(r));
	cr_expect_eq(PQntuples(r), 20, "%d", PQntuples(r));
	PQclear(r);
	cr_expect_eq(read_whole(), 0);
	sql_exec(world_db(&w), "commit");
}

/* The gateway's login may bound secrets, and nobody may bring one back with it. */
Test(secrets_ending, bounding_leaves_what_has_ended_and_what_ends_earlier)
{
	sql_exec(world_db(&w),
		 "update m2m.client_secret set expires_at = now() - interval '1 hour' where client_id = 'm2m_' || lpad('2', 22, '0')");
	sql_exec(world_db(&w), "set role m2m_gateway");
	int64_t n = sql_int(world_db(&w), "select count(*) from m2m.bound_secrets('%s', 20 * 86400)", acme.id);
	sql_exec(world_db(&w), "reset role");
	/* those without an end, acme's default client's, and those that end after 20 days */
	cr_expect(n >= 30001 + 19990 && n <= 30001 + 20000, "%ld", (long)n);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.client_secret where expires_at is null or expires_at > now() + interval '20 days'"),
		     0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where expires_at < now() and expires_at > '-infinity'"),
		     1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.bound_secrets('%s', 20 * 86400)", acme.id), 0);
	cr_expect_str_eq(sql_state(world_db(&w), "set role m2m_auditor; select m2m.bound_secrets(gen_random_uuid(), 3600)"), "42501");
}
