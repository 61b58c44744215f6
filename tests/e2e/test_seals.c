/* Tamper evidence: what gateways really wrote is sealed, and whatever is done to it afterwards,
 * with the owner's rights, is found and named. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "crypto/audit_seal.h"
#include "harness/expect.h"
#include "harness/load.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static struct http_reply r;
static struct grpc_reply g;
static struct ctl_result out;
static struct load load;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
}

WORLD_FILLED(make_people, KEPT(acme));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(seals, .init = open_world, .fini = close_world, .timeout = 240);

static void issue_some(unsigned n)
{
	load_start(&load, &acme, w.gateway.http);
	load_wait_delivered(&load, n, 60000);
	load_stop(&load);
	cr_assert_eq(load.unexpected, 0);
	load_free(&load);
}

/* Rows of all shapes: every transport, kind of caller, and every column both with and without a
 * value. */
static void issue_every_kind(void)
{
	char admin[TOKEN_MAX];
	char credentials[256];
	snprintf(credentials, sizeof credentials, "%s:%s", acme.client_id, acme.secret);
	mint(&w, "acme", "admin", admin);
	const struct http_request traced = {.path = "/oauth2/token",
					    .basic = credentials,
					    .type = "application/x-www-form-urlencoded",
					    .body = "grant_type=client_credentials&scope=api",
					    .headers = "traceparent: 00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\r\n"
						       "X-Request-Id: not-a-uuid\r\nUser-Agent: integrator/1.0\r\n"};
	expect_status(http_call(w.gateway.http, &traced, &r), 200);
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 200);
	cr_assert_eq(grpc_token(&w, admin, acme.client_id, acme.secret, "user-agent: grpc-test\n", &g), 0);
	world_ctl(&w, &out, "token", "mint", "--platform", "--subject", "carol");
}

static bool says(const char *text, const char *part)
{
	return strstr(text, part) != NULL;
}

static int verify(void)
{
	return ctl(&w.ctl_env, &out, "audit", "verify", "--only", "seals", "--output", "json");
}

/* The count of a check. */
static long found(const char *check)
{
	char mark[128];
	snprintf(mark, sizeof mark, "{\"check\":\"%s\",", check);
	const char *at = strstr(out.out, mark);
	cr_assert_not_null(at, "no %s in %s%s", check, out.out, out.err);
	long n = -1;
	sscanf(strstr(at, "\"found\":"), "\"found\":%ld", &n);
	return n;
}

static long faults(void)
{
	long n = 0;
	for (const char *at = out.out; (at = strstr(at, "\"FAULT\"")) != NULL; at++)
		n++;
	return n;
}

#define CHANGED      "rows that were changed since they were sealed"
#define REMOVED      "rows that were sealed and are gone"
#define ADDED        "rows that no gateway wrote"
#define SEAL_CHANGED "seals that were changed, or put out of order"
#define SEAL_MISSING "seals that are gone"
#define UNVOUCHED    "seals' keys that nobody vouches for"

static void expect_sound(void)
{
	int code = verify();
	cr_assert_eq(code, 0, "%s%s", out.out, out.err);
	cr_expect_eq(faults(), 0, "%s", out.out);
}

static void expect_all_sealed(void)
{
	expect_sound();
	cr_expect(says(out.err, " 0 rows aren't sealed"), "%s", out.err);
	char rows[64];
	snprintf(rows, sizeof rows, " %lld rows and ", (long long)sql_int(world_db(&w), "select count(*) from m2m.token_audit"));
	cr_expect(says(out.err, rows), "%s isn't in %s", rows, out.err);
}

/* ---- what is sealed ---- */

Test(seals, rows_of_every_kind_are_as_the_gateway_hashed_them)
{
	issue_every_kind();
	issue_some(200);
	gateway_stop(&w.gateway, 15000);
	expect_all_sealed();
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.token_audit where user_agent = 'integrator/1.0' and traceparent is not null"),
		     1);
	cr_expect_geq(sql_int(world_db(&w), "select max(octet_length(tags) / 8) from m2m.audit_seal"), 2, "batches of several");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.audit_seal s where last and not exists (select from m2m.token_audit t"
					   " where t.batch_id = s.sealed_batch_id) and s.sealed_batch_id is not null and tags <> ''"),
		     0);
}

Test(seals, a_quiet_gateway_leaves_nothing_unsealed)
{
	issue_some(20);
	for (int i = 0; i < 100 && (verify() != 0 || !says(out.err, " 0 rows aren't sealed")); i++)
		sleep_ms(100);
	expect_all_sealed();
}

Test(seals, a_gateway_that_is_killed_leaves_at_most_a_batch_of_each_worker_unsealed_and_says_so)
{
	load_start(&load, &acme, w.gateway.http);
	load_wait_delivered(&load, 200, 60000);
	gateway_kill(&w.gateway);
	load_stop(&load);
	expect_sound();
	cr_expect_leq(sql_int(world_db(&w), "select count(distinct batch_id) from m2m.token_audit t where not exists"
					    " (select from m2m.audit_seal s where s.sealed_batch_id = t.batch_id)"),
		      sql_int(world_db(&w), "select count(distinct writer) from m2m.audit_seal where not last"));
	cr_expect_eq(load_unrecorded(&load, world_db(&w)), 0);
	load_free(&load);
	gateway_start(&w.gateway, &w.gateway_env);
	issue_some(20);
	gateway_stop(&w.gateway, 15000);
	expect_sound();
}

/* Every time a batch may be lost between its commit and its answer. */
Test(seals, connections_that_are_cut_under_load_leave_a_sound_record)
{
	load_start(&load, &acme, w.gateway.http);
	for (int cut = 0; cut < 12; cut++) {
		load_wait_delivered(&load, 50, 60000);
		sql_exec(world_db(&w), "select pg_terminate_backend(pid) from pg_stat_activity"
				       " where datname = current_database() and application_name = 'm2m-gateway issue'");
	}
	load_wait_delivered(&load, 50, 60000);
	load_stop(&load);
	gateway_stop(&w.gateway, 15000);
	expect_sound();
	cr_expect_eq(load_unrecorded(&load, world_db(&w)), 0);
	cr_expect_gt(
		sql_int(world_db(&w), "select count(*) from m2m.audit_seal where seq = 1 and previous <> decode(repeat('00', 32), 'hex')"),
		0, "writers that went on for others");
	load_free(&load);
}

/* ---- what is found ---- */

static void owner(const char *statement)
{
	sql_exec(world_db(&w), "begin; set local role m2m_owner; %s; commit", statement);
}

static void keep_copies(void)
{
	sql_exec(world_db(&w), "create table public.rows as table m2m.token_audit; create table public.seals as table m2m.audit_seal;"
			       " grant select on public.rows, public.seals to m2m_owner");
}

static void restore(void)
{
	owner("delete from m2m.token_audit; insert into m2m.token_audit select * from public.rows;"
	      " delete from m2m.audit_seal; insert into m2m.audit_seal select * from public.seals");
}

static char victim[40]; /* a token of a batch of several */

static void choose_victim(void)
{
	snprintf(victim, sizeof victim, "%s",
		 sql_text(world_db(&w),
			  "select jti from m2m.token_audit where batch_id = (select batch_id from m2m.token_audit group by batch_id"
			  " having count(*) > 1 order by batch_id limit 1) order by jti limit 1"));
	cr_assert_eq(strlen(victim), 36);
}

/* What was done must be found as this, named, and nothing else found. `name` may be NULL: the
 * victim. */
static void expect_found(const char *statement, const char *check, long n, const char *name)
{
	owner(statement);
	int code = verify();
	cr_expect_eq(code, 6, "%s was not found: %s%s", statement, out.out, out.err);
	cr_expect_eq(found(check), n, "%s: %s", statement, out.out);
	cr_expect_eq(faults(), 1, "%s: %s", statement, out.out);
	if (name == NULL)
		name = victim;
	cr_expect(says(out.err, name) && says(out.out, name), "%s: %s isn't named: %s%s", statement, name, out.out, out.err);
	restore();
}

static char statement_text[1024];
static const char *of_victim(const char *before, const char *after)
{
	snprintf(statement_text, sizeof statement_text, "%s'%s'%s", before, victim, after);
	return statement_text;
}

static bool have_shared_batch(void)
{
	return sql_int(world_db(&w), "select count(*) from (select from m2m.token_audit group by batch_id having count(*) > 1 limit 1) x") >
	       0;
}

static void write_and_stop(void)
{
	issue_every_kind();
	/* a machine that is busy otherwise may keep the requests apart: then each is a batch of
	 * its own */
	for (int tries = 0; tries < 20 && !have_shared_batch(); tries++)
		issue_some(150);
	gateway_stop(&w.gateway, 15000);
	keep_copies();
	choose_victim();
	expect_all_sealed();
}

Test(seals, a_change_of_any_column_is_found_and_the_row_named)
{
	static const char *const changes[] = {"expires_at = expires_at + interval '1 microsecond'",
					      "organization_id = gen_random_uuid()",
					      "organization_id = '00000000-0000-0000-0000-000000000000'",
					      "request_id = gen_random_uuid()",
					      "secret_version = 2",
					      "secret_version = null",
					      "transport = 'g'",
					      "client_id = 'm2m_0000000000000000000000'",
					      "kid = 'other'",
					      "caller = 'somebody'",
					      "scope = ''",
					      "audience = 'elsewhere'",
					      "remote_addr = '192.0.2.1'",
					      "remote_addr = null",
					      "user_agent = 'curl'",
					      "traceparent = 'x'",
					      "auth_method = 'k'",
					      "auth_method = null",
					      "credential = 'x'",
					      "bound_to = 'jkt:x'"};
	write_and_stop();
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		char text[256];
		snprintf(text, sizeof text, "update m2m.token_audit set %s where jti = '%s'", changes[i], victim);
		if (strcmp(changes[i], "organization_id = '00000000-0000-0000-0000-000000000000'") == 0)
			snprintf(text, sizeof text, "update m2m.token_audit set organization_id = null where jti = '%s'", victim);
		expect_found(text, CHANGED, 1, NULL);
	}
	/* two rows that trade places */
	expect_found("update m2m.token_audit t set caller = 'a' where t.jti in (select jti from m2m.token_audit order by jti limit 2)",
		     CHANGED, 2, sql_text(world_db(&w), "select jti from m2m.token_audit order by jti limit 1"));
}

Test(seals, rows_that_are_removed_added_or_moved_are_found_and_named)
{
	char end[9];
	write_and_stop();
	snprintf(end, sizeof end, "%s", victim + 28);
	expect_found(of_victim("delete from m2m.token_audit where jti = ", ""), REMOVED, 1, end);
	expect_found(
		of_victim("delete from m2m.token_audit where batch_id = (select batch_id from m2m.token_audit where jti = ", ")"), REMOVED,
		(long)sql_int(
			world_db(&w),
			"select count(*) from m2m.token_audit where batch_id = (select batch_id from m2m.token_audit where jti = '%s')",
			victim),
		end);
	/* another one's, in a batch that there is and in one that there isn't; the same one
	 * twice */
	static const char added[] = "11111111-2222-7333-8444-555555555555";
	snprintf(statement_text, sizeof statement_text,
		 "insert into m2m.token_audit select issued_at, expires_at, '%s', organization_id, request_id, batch_id, secret_version, "
		 "transport,"
		 " client_id, kid, caller, scope, audience, remote_addr, user_agent, traceparent from m2m.token_audit where jti = '%s'",
		 added, victim);
	expect_found(statement_text, ADDED, 1, added);
	snprintf(statement_text, sizeof statement_text,
		 "insert into m2m.token_audit select issued_at, expires_at, '%s', organization_id, request_id, gen_random_uuid(), "
		 "secret_version,"
		 " transport, client_id, kid, caller, scope, audience, remote_addr, user_agent, traceparent from m2m.token_audit where jti "
		 "= '%s'",
		 added, victim);
	expect_found(statement_text, ADDED, 1, added);
	expect_found(of_victim("insert into m2m.token_audit select * from m2m.token_audit where jti = ", ""), ADDED, 1, NULL);

	/* what moves is gone from one place and too much in another */
	static const char *const moves[] = {"jti = '11111111-2222-7333-8444-555555555555'", "batch_id = gen_random_uuid()",
					    "issued_at = issued_at + interval '1 hour'", "issued_at = issued_at - interval '40 days'",
					    "issued_at = issued_at + interval '40 days'"};
	for (size_t i = 0; i < sizeof moves / sizeof moves[0]; i++) {
		snprintf(statement_text, sizeof statement_text, "update m2m.token_audit set %s where jti = '%s'", moves[i], victim);
		owner(statement_text);
		cr_expect_eq(verify(), 6, "%s", statement_text);
		/* a move in time may stay among the rows that its batch is looked for in, and is
		 * a change then; or leave those that are checked at all */
		cr_expect_eq(found(REMOVED) + found(CHANGED), 1, "%s: %s", statement_text, out.out);
		cr_expect_eq(found(ADDED), i < 2, "%s: %s", statement_text, out.out);
		cr_expect(says(out.err, end), "%s", out.err);
		restore();
	}
	expect_all_sealed();
}

Test(seals, a_change_of_a_seal_is_found)
{
	static const char *const changes[] = {"at = at + interval '1 microsecond'",
					      "version = 1",
					      "version = null",
					      "version = 3",
					      "writer = gen_random_uuid()",
					      "seq = seq + 100",
					      "previous = sha256('x')",
					      "previous_at = previous_at + interval '1 microsecond'",
					      "batch_id = gen_random_uuid()",
					      "sealed_batch_id = gen_random_uuid()",
					      "root = sha256('x')",
					      "tags = tags || '\\x0000000000000000'::bytea",
					      "last = not last",
					      "kid = 'other'",
					      "signature = set_byte(signature, 5, get_byte(signature, 5) # 1)"};
	write_and_stop();
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		/* in the middle of a chain, and at its end, where the seals after it tell
		 * nothing */
		for (int end = 0; end < 2; end++) {
			snprintf(statement_text, sizeof statement_text,
				 "update m2m.audit_seal set %s where (writer, seq) = (select writer, %s from m2m.audit_seal group by writer"
				 " order by count(*) desc, writer limit 1)",
				 changes[i], end ? "max(seq)" : "max(seq) / 2");
			/* nobody signs the end's own time, and nothing hangs on it; a kid in the
			 * middle is one that the end vouches for */
			bool harmless = (end && says(changes[i], "at = at")) ||
					(!end && (says(changes[i], "kid") || says(changes[i], "signature")));
			owner(statement_text);
			cr_expect_eq(verify(), harmless ? 0 : 6, "%s: %s%s", statement_text, out.out, out.err);
			cr_expect(harmless || found(SEAL_CHANGED) + found(SEAL_MISSING) > 0, "%s: %s", statement_text, out.out);
			restore();
		}
	}
	expect_all_sealed();
}

Test(seals, seals_that_are_removed_or_trade_places_are_found)
{
	write_and_stop();
	const char *longest = "(select writer from m2m.audit_seal group by writer order by count(*) desc, writer limit 1)";
	snprintf(statement_text, sizeof statement_text, "delete from m2m.audit_seal where writer = %s and seq in (3, 4)", longest);
	owner(statement_text);
	cr_expect_eq(verify(), 6);
	cr_expect(found(SEAL_MISSING) == 1 && says(out.err, "seals 3 to 4 of writer"), "%s", out.err);
	cr_expect_gt(found(ADDED), 0, "the rows that nothing announces any more: %s", out.out);
	restore();

	/* with all its rows: a gap all the same */
	snprintf(statement_text, sizeof statement_text,
		 "delete from m2m.token_audit where batch_id in (select batch_id from m2m.audit_seal where writer = %s and seq = 3);"
		 " delete from m2m.audit_seal where writer = %s and seq = 3",
		 longest, longest);
	owner(statement_text);
	cr_expect_eq(verify(), 6);
	cr_expect_eq(found(SEAL_MISSING), 1, "%s", out.out);
	restore();

	/* the beginning */
	snprintf(statement_text, sizeof statement_text,
		 "delete from m2m.token_audit where batch_id in (select batch_id from m2m.audit_seal where writer = %s and seq <= 2);"
		 " delete from m2m.audit_seal where writer = %s and seq <= 2",
		 longest, longest);
	owner(statement_text);
	cr_expect_eq(verify(), 6);
	cr_expect_eq(found(SEAL_MISSING), 1, "%s", out.out);
	restore();

	snprintf(statement_text, sizeof statement_text, "update m2m.audit_seal set seq = 7 - seq where writer = %s and seq in (3, 4)",
		 longest);
	owner(statement_text);
	cr_expect_eq(verify(), 6);
	cr_expect_gt(found(SEAL_CHANGED), 0, "%s", out.out);
	restore();

	snprintf(statement_text, sizeof statement_text,
		 "insert into m2m.audit_seal select * from m2m.audit_seal where writer = %s and seq = 3", longest);
	owner(statement_text);
	cr_expect_eq(verify(), 6, "a seal that stands there twice");
	cr_expect_gt(found(SEAL_CHANGED), 0, "%s", out.out);
	restore();
	expect_all_sealed();
}

/* ---- the end ---- */

static char heads_file[TMP_PATH];

static void export_heads(void)
{
	world_ctl(&w, &out, "audit", "head", "--output", "json");
	tmp_path(heads_file, "heads", ".json");
	tmp_write(heads_file, out.out);
}

static int verify_with_heads(void)
{
	return ctl(&w.ctl_env, &out, "audit", "verify", "--only", "seals", "--output", "json", "--head", heads_file);
}

Test(seals, an_end_that_is_cut_off_shows_against_an_exported_head_and_in_no_other_way)
{
	write_and_stop();
	export_heads();
	cr_expect_eq(verify_with_heads(), 0, "%s%s", out.out, out.err);
	static const char *const cuts[] = {
		/* the last three seals of a writer with what came with them */
		"delete from m2m.token_audit where batch_id in (select batch_id from m2m.audit_seal s where seq > (select max(seq) - 3 from"
		" m2m.audit_seal o where o.writer = s.writer)); delete from m2m.audit_seal s where seq > (select max(seq) - 3 from "
		"public.seals o where"
		" o.writer = s.writer)",
		/* a writer with all that it wrote */
		"delete from m2m.token_audit where batch_id in (select batch_id from m2m.audit_seal s where writer = (select writer from "
		"m2m.audit_seal"
		" where seq > 1 order by writer limit 1)); delete from m2m.audit_seal where writer = (select writer from public.seals "
		"where seq > 1 order"
		" by writer limit 1)",
		/* everything */
		"delete from m2m.token_audit; delete from m2m.audit_seal"};
	for (size_t i = 0; i < sizeof cuts / sizeof cuts[0]; i++) {
		owner(cuts[i]);
		if (i > 0)
			expect_sound();
		cr_expect_eq(verify_with_heads(), 6, "%s: %s", cuts[i], out.out);
		cr_expect_gt(found(SEAL_MISSING), 0, "%s", out.out);
		restore();
	}
	cr_expect_eq(verify_with_heads(), 0, "%s", out.err);

	/* what goes on after the export is no fault; a head that somebody changed is one */
	gateway_start(&w.gateway, &w.gateway_env);
	issue_some(20);
	gateway_stop(&w.gateway, 15000);
	cr_expect_eq(verify_with_heads(), 0, "%s%s", out.out, out.err);
	char *text = tmp_read(heads_file, NULL);
	char *hash = strstr(text, "\"hash\":\"") + 8;
	*hash = *hash == '0' ? '1' : '0';
	tmp_write(heads_file, text);
	cr_expect_eq(verify_with_heads(), 6);
	cr_expect(says(out.err, "isn't what its signature says"), "%s", out.err);
	tmp_write(heads_file, "[{\"writer\":\"x\"}]");
	cr_expect_eq(verify_with_heads(), 2);
	free(text);
}

Test(seals, a_forged_record_needs_a_key_that_somebody_vouches_for)
{
	struct master_ring ring;
	struct signing_key *key;
	struct hasher *hasher;
	char text[1024];
	struct sbuf jwk = sbuf_fixed(text, sizeof text);
	write_and_stop();
	export_heads();
	cr_assert_eq(crypto_init(), ERR_OK);
	cr_assert_eq(master_ring_parse(STR("k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), &ring, NULL), ERR_OK);
	cr_assert_eq(audit_key_derive(&ring.keys[0], &key), ERR_OK);
	cr_assert_not_null(hasher = hasher_new());
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);

	/* a writer that never was, with one seal, rightly made */
	struct audit_seal seal = {.version = 1, .seq = 1, .last = true, .tags = STR("")};
	uint8_t hash[SHA256_LEN], signature[AUDIT_SIGNATURE_LEN];
	char hex[2 * AUDIT_SIGNATURE_LEN + 1];
	seal.writer.b[15] = 1;
	cr_assert_eq(audit_seal_hash(hasher, &seal, hash), ERR_OK);
	cr_assert_eq(audit_seal_sign(key, hash, signature), ERR_OK);
	for (size_t i = 0; i < sizeof signature; i++)
		snprintf(hex + 2 * i, 3, "%02x", signature[i]);
	sql_exec(world_db(&w), "insert into m2m.audit_key (kid, public_jwk) values ('%.16s', '%s')", signing_key_kid(key).p, text);
	sql_exec(world_db(&w),
		 "insert into m2m.audit_seal (at, writer, seq, previous, root, tags, last, kid, signature) values (now(),"
		 " '00000000-0000-0000-0000-000000000001', 1, decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), '', true, "
		 "'%.16s',"
		 " decode('%s', 'hex'))",
		 signing_key_kid(key).p, hex);
	cr_expect_eq(verify(), 6);
	cr_expect_eq(found(UNVOUCHED), 1, "%s", out.out);
	cr_expect(faults() == 1 && says(out.err, "not derived from"), "%s%s", out.out, out.err);

	/* without master keys: a head vouches, and without one the database is believed, which
	 * is said */
	env_set(&w.ctl_env, "M2M_MASTER_KEYS_FILE");
	env_set(&w.ctl_env, "M2M_MASTER_KEYS");
	cr_expect_eq(verify_with_heads(), 6);
	cr_expect_eq(found(UNVOUCHED), 1, "%s", out.out);
	cr_expect_eq(verify(), 0, "%s%s", out.out, out.err);
	cr_expect(says(out.err, "came from the database itself"), "%s", out.err);
	hasher_free(hasher);
	signing_key_free(key);
	crypto_fini();
}

/* A row's bytes, put together by PostgreSQL's own functions. */
#define TUPLE                                                                                                                              \
	"'\\x0010'::bytea || f(timestamptz_send(issued_at)) || f(timestamptz_send(expires_at)) || f(uuid_send(jti)) ||"                    \
	" f(uuid_send(organization_id)) || f(uuid_send(request_id)) || f(uuid_send(batch_id)) || f(int4send(secret_version)) ||"           \
	" f(charsend(transport)) || f(textsend(client_id)) || f(textsend(kid)) || f(textsend(caller)) || f(textsend(scope)) ||"            \
	" f(textsend(audience)) || f(inet_send(remote_addr)) || f(textsend(user_agent)) || f(textsend(traceparent))"

/* With a row's right root in a seal that nobody signed: it must not count, whatever time it
 * claims, also one that is not looked at for itself. */
Test(seals, a_seal_that_was_not_checked_vouches_for_no_row)
{
	static const char *const times[] = {"now()", "now() - interval '24 hours 30 minutes'", "now() - interval '29 days'",
					    "now() + interval '1 hour'", "(select min(at) from m2m.audit_seal) - interval '1 hour'"};
	write_and_stop();
	sql_exec(world_db(&w), "create function public.f(b bytea) returns bytea language sql as"
			       " $$select case when b is null then '\\xffffffff'::bytea else int4send(length(b)) || b end$$");
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		snprintf(statement_text, sizeof statement_text,
			 "set local search_path = public, pg_catalog; insert into m2m.token_audit select issued_at, expires_at,"
			 " '11111111-2222-7333-8444-555555555555', organization_id, request_id, '01a20de6-07dc-7bc2-8876-8b22b9525ccf', "
			 "secret_version,"
			 " transport, client_id, kid, caller, scope, audience, remote_addr, user_agent, traceparent from m2m.token_audit "
			 "where jti = '%s'",
			 victim);
		owner(statement_text);
		char forge[2048];
		snprintf(forge, sizeof forge,
			 "set local search_path = public, pg_catalog; insert into m2m.audit_seal (at, writer, seq, previous, previous_at, "
			 "sealed_batch_id,"
			 " root, tags, last, kid, signature) select %s, gen_random_uuid(), 1, decode(repeat('00', 32), 'hex'), issued_at, "
			 "batch_id,"
			 " root, '\\x55555555'::bytea || substr(root, 1, 4), true, (select kid from m2m.audit_key limit 1), "
			 "decode(repeat('01', 64), 'hex')"
			 " from (select issued_at, batch_id, sha256('\\x00'::bytea || " TUPLE ") as root from m2m.token_audit"
			 " where jti = '11111111-2222-7333-8444-555555555555') r",
			 times[i]);
		owner(forge);
		for (int days = 0; days < 2; days++) {
			int code = ctl(&w.ctl_env, &out, "audit", "verify", "--only", "seals", "--output", "json", "--days",
				       days == 0 ? "1" : "30");
			cr_expect_eq(code, 6, "%s: %s%s", times[i], out.out, out.err);
			cr_expect_geq(found(SEAL_CHANGED) + found(ADDED), 1, "%s: %s", times[i], out.out);
		}
		restore();
	}
	expect_all_sealed();
}

/* ---- what was sealed before there were versions ---- */

struct old_writer {
	struct signing_key *key;
	struct hasher *hasher;
	struct uuid id;
	uint8_t hash[SHA256_LEN]; /* of the last seal */
};

static char hex_text[1024];
static const char *hex_of(const void *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		snprintf(hex_text + 2 * i, 3, "%02x", ((const uint8_t *)p)[i]);
	hex_text[2 * n] = '\0';
	return hex_text;
}

static void unhex_into(const char *hex, uint8_t *to, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned byte;
		cr_assert_eq(sscanf(hex + 2 * i, "%2x", &byte), 1, "%s", hex);
		to[i] = (uint8_t)byte;
	}
}

/* As a gateway of schema 11 does: the statement names neither the version nor the later columns. */
static void write_old_seal(struct old_writer *o, const struct audit_seal *seal, int64_t at)
{
	uint8_t signature[AUDIT_SIGNATURE_LEN];
	char root[80], previous[80], tags[80];
	cr_assert_eq(audit_seal_hash(o->hasher, seal, o->hash), ERR_OK);
	cr_assert_eq(audit_seal_sign(o->key, o->hash, signature), ERR_OK);
	snprintf(root, sizeof root, "%s", hex_of(seal->root, sizeof seal->root));
	snprintf(previous, sizeof previous, "%s", hex_of(seal->previous, sizeof seal->previous));
	snprintf(tags, sizeof tags, "%s", hex_of(seal->tags.p, seal->tags.n));
	sql_exec(world_db(&w),
		 "insert into m2m.audit_seal (at, writer, seq, previous, previous_at, batch_id, sealed_batch_id, root, tags, last, kid,"
		 " signature) select timestamptz 'epoch' + interval '1 microsecond' * %lld, '000000000000000000000000000000aa', %d,"
		 " '\\x%s', %s, %s, %s, '\\x%s', '\\x%s', %s, '%.*s', '\\x%s'",
		 (long long)at, (int)seal->seq, previous,
		 seal->seq > 1 ? "(select at from m2m.audit_seal where writer = '000000000000000000000000000000aa' and seq = 1)" : "null",
		 seal->seq > 1 ? "null" : "'000000000000000000000000000000bb'",
		 seal->seq > 1 ? "'000000000000000000000000000000bb'" : "null", root, tags, seal->last ? "true" : "false",
		 STR_ARG(signing_key_kid(o->key)), hex_of(signature, sizeof signature));
}

#define OLD_JTI "11111111-2222-4333-8444-5555b9525ccf"

/* A writer of then: a seal with a batch of one row, and the seal of that row. */
static void write_as_an_older_gateway(void)
{
	struct master_ring ring;
	struct old_writer o = {.id = {{[15] = 0xaa}}};
	uint8_t tags[AUDIT_TAG_LEN];
	int64_t at = sql_int(world_db(&w), "select (extract(epoch from clock_timestamp()) * 1000000)::int8");
	char *keys = tmp_read(getenv("HARNESS_MASTER_KEYS"), NULL);
	cr_assert_eq(crypto_init(), ERR_OK);
	cr_assert_eq(master_ring_parse(str_of(keys), &ring, NULL), ERR_OK);
	cr_assert_eq(audit_key_derive(&ring.keys[0], &o.key), ERR_OK);
	cr_assert_not_null(o.hasher = hasher_new());

	struct audit_seal seal = {.version = 1, .writer = o.id, .seq = 1, .batch_id = {{[15] = 0xbb}}, .tags = STR("")};
	write_old_seal(&o, &seal, at);
	sql_exec(
		world_db(&w),
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"
		" client_id, kid, caller, scope, audience, remote_addr, user_agent) select timestamptz 'epoch' + interval '1 microsecond' *"
		" %lld, now() + interval '1 hour', '" OLD_JTI
		"', '%s', gen_random_uuid(), '000000000000000000000000000000bb', 1, 'r', '%s',"
		" (select kid from m2m.signing_key_current), '%s', 'api', 'public-api', '127.0.0.1', 'old/1.0'",
		(long long)at, acme.id, acme.client_id, acme.client_id);
	sql_exec(world_db(&w), "create or replace function public.f(b bytea) returns bytea language sql as"
			       " $$select case when b is null then '\\xffffffff'::bytea else int4send(length(b)) || b end$$");
	seal = (struct audit_seal){.version = 1, .writer = o.id, .seq = 2, .previous_at = at, .last = true};
	seal.sealed_batch.b[15] = 0xbb;
	memcpy(seal.previous, o.hash, sizeof seal.previous);
	unhex_into(sql_text(world_db(&w),
			    "select encode(sha256('\\x00'::bytea || " TUPLE "), 'hex') from m2m.token_audit where jti = '" OLD_JTI "'"),
		   seal.root, sizeof seal.root);
	unhex_into("b9525ccf", tags, 4);
	memcpy(tags + 4, seal.root, 4);
	seal.tags = str_from(tags, sizeof tags);
	write_old_seal(&o, &seal, at + 1000);
	signing_key_free(o.key);
	hasher_free(o.hasher);
	crypto_fini();
	free(keys);
}

/* As while gateways are upgraded one after another. */
static void write_as_gateways_of_both_versions(void)
{
	issue_some(20);
	write_as_an_older_gateway();
	issue_some(20);
	gateway_stop(&w.gateway, 15000);
	keep_copies();
	snprintf(victim, sizeof victim, "%s", OLD_JTI);
}

Test(seals, what_an_older_gateway_sealed_verifies_beside_what_is_sealed_now)
{
	write_as_gateways_of_both_versions();
	expect_all_sealed();
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.audit_seal where version is null"), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.audit_seal where version is distinct from 2"), 2);
	export_heads();
	cr_expect_eq(verify_with_heads(), 0, "%s", out.err);
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "prove", OLD_JTI), 0, "%s", out.err);
	cr_expect(says(out.out, OLD_JTI), "%s", out.out);
}

Test(seals, a_change_of_any_column_of_an_older_gateway_s_row_is_found)
{
	static const char *const changes[] = {"auth_method = 'b'",  "credential = ''",
					      "bound_to = 'jkt:x'", "scope = ''",
					      "traceparent = 'x'",  "auth_method = 'b', credential = 'k', bound_to = 'x'"};
	write_as_gateways_of_both_versions();
	for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
		char text[256];
		snprintf(text, sizeof text, "update m2m.token_audit set %s where jti = '" OLD_JTI "'", changes[i]);
		expect_found(text, CHANGED, 1, NULL);
		owner(text);
		cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "prove", OLD_JTI), 6, "%s: %s", changes[i], out.out);
		restore();
	}
	owner("update m2m.audit_seal set version = 2 where version is null");
	cr_expect_eq(verify(), 6);
	cr_expect_gt(found(SEAL_CHANGED), 0, "%s", out.out);
	restore();
	expect_all_sealed();
}

Test(seals, addresses_are_hashed_as_postgresql_writes_them)
{
	static const char *const cases[][2] = {{"127.0.0.1", "022000047f000001"},
					       {"::1", "0380001000000000000000000000000000000001"},
					       {"::ffff:192.0.2.1", "0380001000000000000000000000ffffc0000201"}};
	/* the bytes that unit_store wants of audit_row */
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
		cr_expect_str_eq(sql_text(world_db(&w), "select encode(inet_send('%s'), 'hex')", cases[i][0]), cases[i][1]);
}

Test(seals, rows_from_before_there_were_seals_are_counted_and_no_fault)
{
	owner("insert into m2m.token_audit (issued_at, expires_at, jti, request_id, batch_id, transport, kid, caller, scope, audience)"
	      " select since - interval '1 millisecond', since, gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', "
	      "'', 'a'"
	      " from m2m.audit_seal_since");
	issue_some(10);
	gateway_stop(&w.gateway, 15000);
	expect_sound();
	cr_expect(says(out.err, "1 rows are from before there were seals"), "%s", out.err);
	/* and nobody makes a new row an old one by moving that time */
	owner("insert into m2m.token_audit (issued_at, expires_at, jti, request_id, batch_id, transport, kid, caller, scope, audience)"
	      " select now(), now(), gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'r', 'k', 'c', '', 'a';"
	      " update m2m.audit_seal_since set since = now() + interval '1 day'");
	cr_expect_eq(verify(), 6, "%s", out.out);
	cr_expect(found(ADDED) == 1 && found(SEAL_CHANGED) == 1 && says(out.err, "audit_seal_since says"), "%s", out.err);
}

Test(seals, an_auditor_verifies_exports_and_proves_without_the_owners_rights)
{
	char login[96], url[PG_URL];
	write_and_stop();
	snprintf(login, sizeof login, "auditor_%s", w.database);
	sql_exec(world_db(&w), "create role %s login in role m2m_auditor", login);
	pg_url(&w.pg, login, w.database, url);
	env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL=%s", url);
	expect_all_sealed();
	export_heads();
	cr_expect_eq(verify_with_heads(), 0, "%s", out.err);
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "prove", victim), 0, "%s", out.err);
	cr_expect(says(out.out, victim), "%s", out.out);
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "verify"), 0, "%s%s", out.out, out.err);
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "tokens"), 0, "%s", out.err);
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "count"), 3, "what writes needs the owner");
	PGconn *db = sql_open(url);
	cr_expect_str_eq(sql_state(db, "insert into m2m.audit_key values ('k', '{}')"), "42501");
	cr_expect_str_eq(sql_state(db, "delete from m2m.audit_seal"), "42501");
	PQfinish(db);
}

Test(seals, what_can_not_be_proven_is_told_apart)
{
	write_and_stop();
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "prove", "not-a-jti"), 2);
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "prove", "01970c1b-4d5e-7f60-8a9b-0c1d2e3f4a5b"), 4);
	cr_expect(says(out.err, "no row"), "%s", out.err);
	owner(of_victim("update m2m.token_audit set scope = 'x' where jti = ", ""));
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "prove", victim), 6);
	cr_expect(says(out.err, "not those that were sealed"), "%s", out.err);
	restore();
	owner(of_victim("delete from m2m.audit_seal where sealed_batch_id = (select batch_id from m2m.token_audit where jti = ", ")"));
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "prove", victim), 4);
	cr_expect(says(out.err, "isn't sealed"), "%s", out.err);
}

/* Today's rows, written long ago as far as the database can tell: all that is signed stays as it
 * was, so the rows must keep their times; the week is made to be over by moving the mark of what
 * is counted, which is all that tells it. */
static void call_the_week_over(char partition[64])
{
	snprintf(partition, 64, "token_audit_p%s",
		 sql_text(world_db(&w), "select to_char(date_trunc('week', now() at time zone 'UTC'), 'YYYYMMDD')"));
	owner("update m2m.token_usage_until set until = now() + interval '8 days'");
}

static char exported[TMP_PATH];

static int export_week(const char *partition)
{
	tmp_path(exported, "week", ".copy");
	return ctl(&w.ctl_env, &out, "audit", "export", partition, "--to", exported);
}

static int verify_export(void)
{
	return ctl(&w.ctl_env, &out, "audit", "verify", "--export", exported, "--output", "json");
}

static void overwrite(const char *path, size_t at, char with)
{
	FILE *f = fopen(path, "r+b");
	cr_assert(f != NULL && fseek(f, (long)at, SEEK_SET) == 0 && fputc(with, f) != EOF && fclose(f) == 0, "%s", path);
}

static size_t place_of(const char *path, const char *text)
{
	size_t n;
	char *bytes = tmp_read(path, &n), *found_at = memmem(bytes, n, text, strlen(text));
	cr_assert_not_null(found_at, "%s", text);
	size_t at = (size_t)(found_at - bytes);
	free(bytes);
	return at;
}

Test(seals, a_week_that_is_over_is_exported_and_verified_without_the_database)
{
	char partition[64], seals[TMP_PATH + 8];
	write_and_stop();
	export_heads();
	snprintf(partition, sizeof partition, "token_audit_p%s",
		 sql_text(world_db(&w), "select to_char(date_trunc('week', now() at time zone 'UTC'), 'YYYYMMDD')"));
	cr_expect_eq(export_week(partition), 1, "%s", out.out);
	cr_expect(says(out.err, "isn't over and counted"), "%s", out.err);
	call_the_week_over(partition);
	cr_expect_eq(export_week("token_audit_p20010101"), 4, "%s", out.err);
	cr_expect_eq(export_week("token_audit_default"), 4, "%s", out.err);
	cr_assert_eq(export_week(partition), 0, "%s", out.err);
	cr_expect(says(out.out, "OK") && says(out.err, " 0 rows aren't sealed"), "%s%s", out.out, out.err);
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "export", partition, "--to", exported), 1);
	cr_expect(says(out.err, "is there already"), "%s", out.err);

	/* what is loaded again is what was exported */
	char command[1024];
	snprintf(seals, sizeof seals, "%s.seals", exported);
	sql_exec(world_db(&w), "create table public.loaded (like m2m.token_audit)");
	char bin[TMP_PATH];
	snprintf(command, sizeof command, "%s -q -h 127.0.0.1 -p %u -U postgres %s -c \"\\copy public.loaded from '%s' (format binary)\"",
		 pg_program("psql", bin), w.pg.port, w.database, exported);
	cr_assert_eq(system(command), 0, "%s", command);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from (table m2m.token_audit except table public.loaded) gone"), 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from public.loaded"),
		     sql_int(world_db(&w), "select count(*) from m2m.token_audit"));

	env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL");
	cr_expect_eq(verify_export(), 0, "%s%s", out.out, out.err);
	env_set(&w.ctl_env, "M2M_MASTER_KEYS_FILE");
	env_set(&w.ctl_env, "M2M_MASTER_KEYS");
	cr_expect_eq(verify_export(), 3, "%s", out.err);
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "verify", "--export", exported, "--head", heads_file), 0, "%s%s", out.out, out.err);
	cr_expect_eq(ctl(&w.ctl_env, &out, "audit", "verify", "--export", exported, "--head", heads_file, "--only", "contradictions"), 2);
}

static void copy_out(const char *query, const char *path)
{
	char command[2048], bin[TMP_PATH];
	snprintf(command, sizeof command, "%s -q -h 127.0.0.1 -p %u -U postgres %s -c \"\\\\copy (%s) to '%s' (format binary)\"",
		 pg_program("psql", bin), w.pg.port, w.database, query, path);
	cr_assert_eq(system(command), 0, "%s", command);
}

Test(seals, exports_of_both_versions_are_verified)
{
	char partition[64], seals[TMP_PATH + 8];
	write_as_gateways_of_both_versions();
	call_the_week_over(partition);
	cr_assert_eq(export_week(partition), 0, "%s", out.err);
	cr_expect(says(out.err, " 0 rows aren't sealed"), "%s", out.err);
	cr_expect_eq(verify_export(), 0, "%s%s", out.out, out.err);
	owner("update m2m.token_audit set bound_to = 'x' where jti = '" OLD_JTI "'");
	cr_expect_eq(export_week(partition), 6, "%s", out.out);
	restore();
	snprintf(seals, sizeof seals, "%s.seals", exported);

	/* what m2mctl of then wrote: 16 columns, and 12 of the seals */
	copy_out("select issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport, client_id, kid,"
		 " caller, scope, audience, remote_addr, user_agent, traceparent from m2m.token_audit where jti = '" OLD_JTI "'",
		 exported);
	copy_out("select at, writer, seq, previous, previous_at, batch_id, sealed_batch_id, root, tags, last, kid, signature"
		 " from m2m.audit_seal where version is null",
		 seals);
	cr_expect_eq(verify_export(), 0, "%s%s", out.out, out.err);
	cr_expect(says(out.err, " 0 rows aren't sealed") && says(out.err, " 1 rows and 2 seals"), "%s", out.err);
	overwrite(exported, place_of(exported, "old/1.0"), 'O');
	cr_expect_eq(verify_export(), 6);
	cr_expect(found(CHANGED) == 1 && faults() == 1, "%s", out.out);
}

Test(seals, whatever_is_done_to_an_export_is_found)
{
	char partition[64], seals[TMP_PATH + 8], copy[TMP_PATH];
	write_and_stop();
	call_the_week_over(partition);
	cr_assert_eq(export_week(partition), 0, "%s", out.err);
	snprintf(seals, sizeof seals, "%s.seals", exported);
	snprintf(copy, sizeof copy, "%s", exported);

	size_t at = place_of(exported, "integrator/1.0");
	overwrite(exported, at, 'I');
	cr_expect_eq(verify_export(), 6);
	cr_expect(found(CHANGED) == 1 && faults() == 1, "%s", out.out);
	overwrite(exported, at, 'i');
	cr_expect_eq(verify_export(), 0, "%s%s", out.out, out.err);

	/* a seal vouches for nothing once it is changed: its batch's rows are strangers then, or
	 * only announced */
	size_t n;
	char *bytes = tmp_read(seals, &n);
	overwrite(seals, n - 20, (char)(bytes[n - 20] ^ 1));
	cr_expect_eq(verify_export(), 6);
	cr_expect_eq(found(SEAL_CHANGED), 1, "%s", out.out);
	overwrite(seals, n - 20, bytes[n - 20]);
	free(bytes);

	bytes = tmp_read(exported, &n);
	cr_assert_eq(truncate(exported, (off_t)n - 40), 0);
	cr_expect_eq(verify_export(), 1, "%s", out.out);
	cr_expect(says(out.err, "cut off"), "%s", out.err);
	tmp_write(exported, "something else");
	cr_expect_eq(verify_export(), 1);
	cr_expect_eq(unlink(exported), 0);
	cr_expect_eq(verify_export(), 4);
	free(bytes);

	/* a row that was changed before the export is found by the export itself */
	owner(of_victim("update m2m.token_audit set scope = 'x' where jti = ", ""));
	cr_expect_eq(export_week(partition), 6, "%s%s", out.out, out.err);
	cr_expect(says(out.out, "FAULT") && says(out.err, victim), "%s%s", out.out, out.err);
}

Test(seals, nobody_but_the_owner_touches_them)
{
	char url[PG_URL];
	world_ctl(&w, &out, "token", "mint", "--org", "acme");
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	PGconn *gateway = sql_open(url);
	static const char *const refused[] = {"select from m2m.audit_seal",        "update m2m.audit_seal set seq = 1",
					      "delete from m2m.audit_seal",        "truncate m2m.audit_seal",
					      "select from m2m.audit_key",         "delete from m2m.audit_key",
					      "update m2m.audit_key set kid = 'x'"};
	for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
		cr_expect_str_eq(sql_state(gateway, "%s", refused[i]), "42501", "%s", refused[i]);
	cr_expect_str_eq(sql_state(world_db(&w), "delete from m2m.audit_seal"), "42501", "a superuser, by mistake");
	cr_expect_str_eq(sql_state(world_db(&w), "update m2m.audit_key set kid = 'x'"), "42501");
	cr_expect_str_eq(sql_state(world_db(&w), "truncate m2m.audit_seal_default"), "42501");
	PQfinish(gateway);
}
