/* What may be used once, as the gateway's own role spends it (store/used_once_spend.sql). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static PGconn *gateway;
static char statement[4096];

static void open_world(void)
{
	char url[PG_URL];
	world_prepare(&w, false);
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	gateway = sql_open(url);
	char *text = tmp_read(M2M_SOURCE_DIR "/internal/store/used_once_spend.sql", NULL);
	cr_assert_not_null(text);
	snprintf(statement, sizeof statement, "prepare spend as %s", text);
	free(text);
	sql_exec(gateway, "%s", statement);
}

static void close_world(void)
{
	PQfinish(gateway);
	world_close(&w);
}

TestSuite(used_once, .init = open_world, .fini = close_world, .timeout = 120);

static const char *spend(PGconn *db, const char *hash, long long until)
{
	return sql_text(db, "execute spend('\\x%s', %lld, null, true)", hash, until);
}

#define A "000102030405060708090a0b0c0d0e0f"
#define B "100102030405060708090a0b0c0d0e0f"

static int64_t spent(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.used_once");
}

Test(used_once, each_is_spent_once)
{
	long long until = (long long)time(NULL) + 60;
	cr_expect_str_eq(spend(gateway, A, until), "granted");
	cr_expect_str_eq(spend(gateway, A, until), "proof_replayed");
	cr_expect_str_eq(spend(gateway, B, until), "granted");
	cr_expect_eq(spent(), 2);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.used_once where slot = mod(%lld, 32) and expires_at = to_timestamp(%lld)",
			     until / 3600, until),
		     2);
}

Test(used_once, one_that_is_too_old_is_neither_good_nor_kept)
{
	cr_expect_str_eq(spend(gateway, A, (long long)time(NULL) - 1), "invalid_dpop_proof");
	cr_expect_eq(spent(), 0);
}

Test(used_once, what_fapi_2_forbids_is_refused_of_its_clients_and_not_kept)
{
	struct org acme;
	long long until = (long long)time(NULL) + 60;
	org_create(&w, "acme", &acme);
	sql_exec(world_db(&w), "update m2m.client set profile = 'fapi2', token_binding = 'dpop', auth_methods = '{key}'");
	cr_expect_str_eq(sql_text(gateway, "execute spend('\\x" A "', %lld, '%s', false)", until, acme.client_id), "profile_violated");
	cr_expect_eq(spent(), 0);
	cr_expect_str_eq(sql_text(gateway, "execute spend('\\x" A "', %lld, '%s', true)", until, acme.client_id), "granted");
	cr_expect_str_eq(sql_text(gateway, "execute spend('\\x" B "', %lld, 'm2m_another', false)", until), "granted");
}

Test(used_once, one_that_another_is_spending_waits_for_its_commit)
{
	char url[PG_URL];
	long long until = (long long)time(NULL) + 60;
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	PGconn *other = sql_open(url);
	sql_exec(other, "%s", statement);
	sql_exec(other, "begin");
	cr_expect_str_eq(spend(other, A, until), "granted");
	sql_exec(gateway, "set lock_timeout = '100ms'");
	cr_expect_str_eq(sql_state(gateway, "execute spend('\\x" A "', %lld, null, true)", until), "55P03", "it doesn't know yet");
	sql_exec(other, "rollback");
	cr_expect_str_eq(spend(gateway, A, until), "granted", "nobody has spent it");
	PQfinish(other);
}
