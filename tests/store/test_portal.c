/* Portal links and sessions, as PostgreSQL holds them against whoever has the gateway's login. */
#include <stdio.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static PGconn *gateway;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
}

WORLD_FILLED(make_people, KEPT(acme));

static void open_world(void)
{
	char url[PG_URL];
	world_prepare_filled(&w, false);
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	gateway = sql_open(url);
}

static void close_world(void)
{
	PQfinish(gateway);
	world_close(&w);
}

TestSuite(portal, .init = open_world, .fini = close_world, .timeout = 120);

static void add(const char *made_ago)
{
	sql_exec(gateway,
		 "insert into m2m.portal_link (link_id, code_hash, organization_id, actor, may, made_by, made_at, expires_at)"
		 " values (gen_random_uuid(), sha256('%s'), '%s', 'Ada', '{read}', 'backend', now() - interval '%s',"
		 " now() - interval '%s' + interval '2 minutes')",
		 made_ago, acme.id, made_ago, made_ago);
	sql_exec(gateway,
		 "insert into m2m.portal_session (session_id, token_hash, link_id, organization_id, actor, may, made_at, expires_at)"
		 " values (gen_random_uuid(), sha256('%s'), gen_random_uuid(), '%s', 'Ada', '{read}', now() - interval '%s',"
		 " now() - interval '%s' + interval '1 day')",
		 made_ago, acme.id, made_ago, made_ago);
}

Test(portal, what_was_used_or_has_ended_stays_so)
{
	add("0 s");
	sql_exec(gateway, "update m2m.portal_link set used_at = now()");
	cr_expect_str_eq(sql_state(gateway, "update m2m.portal_link set used_at = null"), "42501");
	cr_expect_str_eq(sql_state(gateway, "update m2m.portal_link set expires_at = 'infinity'"), "42501");
	sql_exec(gateway, "update m2m.portal_session set last_used_at = now()");
	cr_expect_str_eq(sql_state(gateway, "update m2m.portal_session set last_used_at = now() - interval '1 hour'"), "42501");
	cr_expect_str_eq(sql_state(gateway, "update m2m.portal_session set may = '{read,reveal}'"), "42501");
	cr_expect_str_eq(sql_state(gateway, "update m2m.portal_session set expires_at = 'infinity'"), "42501");
	sql_exec(gateway, "update m2m.portal_session set ended_at = now()");
	cr_expect_str_eq(sql_state(gateway, "update m2m.portal_session set ended_at = null"), "42501");
}

/* One that begins later ends later too. */
Test(portal, nothing_is_of_times_to_come)
{
	add("0 s");
	cr_expect_str_eq(
		sql_state(gateway,
			  "insert into m2m.portal_link (link_id, code_hash, organization_id, actor, may, made_by, made_at, expires_at)"
			  " values (gen_random_uuid(), sha256('x'), '%s', 'Ada', '{read}', 'backend', now() + interval '1 day',"
			  " now() + interval '1 day 1 minute')",
			  acme.id),
		"42501");
	cr_expect_str_eq(
		sql_state(
			gateway,
			"insert into m2m.portal_session (session_id, token_hash, link_id, organization_id, actor, may, made_at, expires_at)"
			" values (gen_random_uuid(), sha256('x'), gen_random_uuid(), '%s', 'Ada', '{read}', now() + interval '1 day',"
			" now() + interval '2 days')",
			acme.id),
		"42501");
	cr_expect_str_eq(sql_state(gateway, "update m2m.portal_session set last_used_at = now() + interval '1 hour'"), "42501");
	sql_exec(world_db(&w), "alter table m2m.portal_session disable trigger user;"
			       "update m2m.portal_session set last_used_at = now() + interval '1 hour';"
			       "alter table m2m.portal_session enable trigger user");
	sql_exec(gateway, "update m2m.portal_session set ended_at = now()"); /* whatever its clock says */
}

Test(portal, what_is_over_leaves_a_week_later)
{
	add("0 s");
	add("6 days");
	add("9 days");
	sql_exec(gateway, "delete from m2m.portal_link");
	sql_exec(gateway, "delete from m2m.portal_session");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_link"), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_session"), 2);
}

Test(portal, a_gateway_removes_what_is_over)
{
	add("0 s");
	add("9 days");
	gateway_start(&w.gateway, &w.gateway_env);
	for (int i = 0; i < 300 && sql_int(world_db(&w), "select count(*) from m2m.portal_session") == 2; i++)
		sql_exec(world_db(&w), "select pg_sleep(0.1)");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_session"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.portal_link"), 1);
}
