/* The console's links, sessions and keys, as PostgreSQL holds them against whoever has the
 * gateway's login. */
#include <stdio.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static PGconn *gateway;

static void open_world(void)
{
	char url[PG_URL];
	world_prepare(&w, false);
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	gateway = sql_open(url);
}

static void close_world(void)
{
	PQfinish(gateway);
	world_close(&w);
}

TestSuite(console, .init = open_world, .fini = close_world, .timeout = 120);

static void add_session(const char *token, const char *may)
{
	sql_exec(world_db(&w),
		 "insert into m2m.console_session (session_id, token_hash, link_id, actor, may, expires_at)"
		 " values (gen_random_uuid(), sha256('%s'), gen_random_uuid(), 'ada', '%s', now() + interval '1 hour')",
		 token, may);
}

#define ROTATE(token)                                                                                                                      \
	"select m2m.operator_rotates_key(sha256('" token                                                                                   \
	"'), null, 'x', null, 'r', null, null, null, 'kid-1', 'ES256', '{}', 'w', 'k1', 900)"
#define REVOKE(token)                                                                                                                      \
	"select m2m.operator_revokes_key(sha256('" token                                                                                   \
	"'), null, 'x', null, 'r', null, null, null, 'kid-1', 5, true, null, null, null, null, null)"

Test(console, the_gateway_s_login_makes_neither_links_nor_sessions_nor_operators_tokens)
{
	add_session("t", "{read}");
	cr_expect_str_eq(sql_state(gateway, "insert into m2m.console_link (link_id, code_hash, actor, may, made_by, expires_at)"
					    " values (gen_random_uuid(), sha256('c'), 'eve', '{read,keys}', 'eve', now())"),
			 "42501");
	cr_expect_str_eq(sql_state(gateway, "insert into m2m.console_session (session_id, token_hash, link_id, actor, may, expires_at)"
					    " values (gen_random_uuid(), sha256('c'), gen_random_uuid(), 'eve', '{read,keys}', now())"),
			 "42501");
	cr_expect_str_eq(sql_state(gateway, "insert into m2m.operator_token (jti, subject, expires_at)"
					    " values (gen_random_uuid(), 'eve', now() + interval '1 hour')"),
			 "42501");
	cr_expect_str_eq(sql_state(gateway, "select token_hash from m2m.console_session"), "42501");
	cr_expect_str_eq(sql_state(gateway, "select code_hash from m2m.console_link"), "42501");
	cr_expect_str_eq(sql_state(gateway, "select * from m2m.operator_token"), "42501");
	cr_expect_str_eq(sql_state(gateway, "update m2m.console_session set may = '{read,keys}'"), "42501");
	cr_expect_str_eq(sql_state(gateway, "update m2m.console_session set expires_at = 'infinity'"), "42501");
	sql_exec(gateway, "update m2m.console_session set ended_at = now()");
	cr_expect_str_eq(sql_state(gateway, "update m2m.console_session set ended_at = null"), "42501");
}

Test(console, the_gateway_s_login_changes_no_signing_key_without_an_operator)
{
	add_session("reads", "{read}");
	add_session("keys", "{read,keys}");
	cr_expect_str_eq(sql_state(gateway, "update m2m.signing_key set state = 'revoked'"), "42501");
	cr_expect_str_eq(sql_state(gateway, "insert into m2m.signing_key (kid, alg, state, public_jwk, sealed, seal_key_id, active_from)"
					    " values ('k', 'ES256', 'active', '{}', 'x', 'k1', now())"),
			 "42501");
	cr_expect_str_eq(sql_state(gateway, "select m2m.signing_key_rotate('k', 'ES256', '{}', 'w', 'k1', 0)"), "42501");
	cr_expect_str_eq(sql_state(gateway, "select m2m.signing_key_leave('k', true, 0, true, null, null, null, null, null)"), "42501");
	cr_expect_str_eq(sql_state(gateway, ROTATE("nobody")), "M2M03");
	cr_expect_str_eq(sql_state(gateway, ROTATE("reads")), "M2M04");
	cr_expect_str_eq(sql_state(gateway, REVOKE("reads")), "M2M04");
	sql_exec(gateway, ROTATE("keys"));
	cr_expect_str_eq(sql_text(world_db(&w), "select state from m2m.signing_key where kid = 'kid-1'"), "next");
	sql_exec(gateway, REVOKE("keys"));
	cr_expect_str_eq(sql_text(world_db(&w), "select state from m2m.signing_key where kid = 'kid-1'"), "revoked");
	sql_exec(world_db(&w), "update m2m.console_session set ended_at = now()");
	cr_expect_str_eq(sql_state(gateway, ROTATE("keys")), "M2M03");
	cr_expect_str_eq(sql_state(gateway,
				   "select * from m2m.operator_token_list(sha256('keys'), null, null, null, null, null, null, null, null,"
				   " null, null, 10, null, null)"),
			 "M2M03");
}

/* Acts tell the ids of tokens, and the login may list acts. */
Test(console, who_knows_the_id_of_an_operator_s_token_is_no_operator)
{
	sql_exec(world_db(&w), "insert into m2m.operator_token (jti, token_hash, subject, expires_at)"
			       " values ('01a22857-fac2-70d0-b532-e4ba1f4a76b6', sha256('its text'), 'ops', now() + interval '1 hour')");
	cr_expect_str_eq(sql_text(gateway, "select outcome from m2m.console_use(null, '01a22857-fac2-70d0-b532-e4ba1f4a76b6')"),
			 "invalid_token");
	cr_expect_str_eq(sql_text(gateway, "select outcome from m2m.console_use(sha256('?'), '01a22857-fac2-70d0-b532-e4ba1f4a76b6')"),
			 "invalid_token");
	cr_expect_str_eq(sql_text(gateway, "select outcome from m2m.console_use(sha256('its text'), null)"), "invalid_token");
	cr_expect_str_eq(sql_state(gateway, "select m2m.operator_holds(null, '01a22857-fac2-70d0-b532-e4ba1f4a76b6')"), "M2M03");
	cr_expect_str_eq(sql_state(gateway, "select m2m.operator_holds(sha256('?'), '01a22857-fac2-70d0-b532-e4ba1f4a76b6')"), "M2M03");
	sql_exec(gateway, "select m2m.operator_holds(sha256('its text'), '01a22857-fac2-70d0-b532-e4ba1f4a76b6', 'keys')");
	cr_expect_str_eq(sql_state(gateway, "select token_hash from m2m.operator_token"), "42501");
}

/* An act holds its session: who ends it waits for the act. */
Test(console, a_session_ends_behind_the_act_that_holds_it)
{
	add_session("t", "{read}");
	sql_exec(gateway, "begin");
	sql_exec(gateway, "select m2m.operator_holds(sha256('t'), null)");
	sql_exec(world_db(&w), "set lock_timeout = '200ms'");
	cr_expect_str_eq(sql_state(world_db(&w), "update m2m.console_session set ended_at = now()"), "55P03");
	sql_exec(gateway, "commit");
	sql_exec(world_db(&w), "update m2m.console_session set ended_at = now()");
	cr_expect_str_eq(sql_state(gateway, "select m2m.operator_holds(sha256('t'), null)"), "M2M03");
}
