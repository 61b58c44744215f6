/* How PostgreSQL finds what a token needs: by its indexes, however small or new the tables are, so that tokens cost the same as clients become many. The plans are those that the gateway's own
 * connection got, as auto_explain logs them. */
#include <unistd.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("logging_collector = on\n"
	       "log_filename = 'plans.log'\n"
	       "log_line_prefix = '<%d>'\n"
	       "session_preload_libraries = 'auto_explain'\n"
	       "auto_explain.log_min_duration = 0\n");

static struct world w;
static struct org acme;
static struct http_reply r;

static void open_world(void)
{
	world_open(&w);
	org_create(&w, "acme", &acme);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(plans, .init = open_world, .fini = close_world, .timeout = 120);

/* How many of the plans that PostgreSQL has logged so far for this database's statements that begin so have such a part, a regular expression. */
static int64_t plans_of(const char *statement, const char *part)
{
	return sql_int(world_db(&w),
		       "select count(*) from regexp_split_to_table(pg_read_file('log/plans.log'), '\n<') as entry"
		       " where entry ~ '^%s>LOG:  duration: [^\n]*\n\\s*Query Text: %s' and entry ~ '%s'",
		       w.database, statement, part);
}

static int64_t issuing_plans(const char *part)
{
	return plans_of("with req as", part);
}

/* Its collector may take a moment to write them. */
static void wait_for_plans(int64_t n)
{
	for (int tries = 0; tries < 100 && issuing_plans("Insert on token_audit") < n; tries++)
		usleep(100000);
	cr_assert_eq(issuing_plans("Insert on token_audit"), n);
}

#define ELEMENT(parameter)   "\\(unnest\\(\\$" #parameter "\\)\\)"
#define BY(index, condition) index " on [^\n]*\n\\s*Index Cond: \\(" condition "\\)"

#define LARGE_TABLES "(client|client_secret|organization|token_audit|idempotency)"

static void nothing_is_read_whole(const char *statement)
{
	cr_expect_eq(plans_of(statement, "Seq Scan on [^\n]*" LARGE_TABLES), 0);
	cr_expect_eq(plans_of(statement, "(Hash|Merge) [^\n]*Join"), 0);
	cr_expect_eq(plans_of(statement, "Index (Only )?Scan using [^\n]* on " LARGE_TABLES "[^\n]*\n(?!\\s*Index Cond)"), 0);
}

/* The nth token of a client's own. */
static void a_token_is_looked_up(int64_t nth)
{
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	wait_for_plans(nth);
	cr_expect_eq(issuing_plans(BY("client_by_id", "client_id = " ELEMENT(2))), nth);
	cr_expect_eq(issuing_plans(BY("client_secret_live_by_id", "client_id = " ELEMENT(2))), nth);
	cr_expect_eq(issuing_plans(BY("organization_disabled", "organization_id = c[_0-9]*.organization_id")), nth);
	nothing_is_read_whole("with req as");
}

/* The statistics of a table that is new or has one row make another plan look as good, and it would stay. */
Test(plans, a_client_is_looked_up)
{
	a_token_is_looked_up(1);
	sql_exec(world_db(&w), "analyze m2m.client, m2m.client_secret, m2m.organization");
	a_token_is_looked_up(2);
}

Test(plans, so_is_the_bearer_s)
{
	char token[TOKEN_MAX];
	client_token(&w, &acme, token);
	sql_exec(world_db(&w), "analyze m2m.client, m2m.client_secret, m2m.organization");
	expect_status(m2m_token(&w, token, acme.client_id, acme.secret, &r), 200);
	wait_for_plans(2);
	cr_expect_eq(issuing_plans(BY("client_by_id", "client_id = " ELEMENT(27))), 1);
	cr_expect_eq(issuing_plans(BY("client_secret_pkey", "\\(client_id = " ELEMENT(27) "\\) AND \\(version = " ELEMENT(28) "\\)")), 1);
	cr_expect_eq(issuing_plans(BY("organization_pkey", "organization_id = COALESCE[^\n]*")), 1);
	nothing_is_read_whole("with req as");
}

/* What the other connection is asked. */
Test(plans, so_is_everything_that_a_client_may_ask)
{
	char token[TOKEN_MAX];
	static const char caller[] = "with caller as";
	client_token(&w, &acme, token);
	sql_exec(world_db(&w), "analyze m2m.client, m2m.client_secret, m2m.organization, m2m.idempotency, m2m.token_audit");
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	expect_status(get(&w, "/m2m/client-secret", token, &r), 200);
	expect_status(get(&w, "/m2m/audit/tokens", token, &r), 200);
	expect_status(rotate(&w, token, 60, &r), 200);
	for (int tries = 0; tries < 100 && plans_of(caller, ".") < 5; tries++)
		usleep(100000);
	cr_assert_eq(plans_of(caller, "."), 5);
	nothing_is_read_whole(caller);
}
