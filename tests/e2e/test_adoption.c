/* Clients that were brought along, with the ids and secrets that they had: their first login over
 * every transport, which puts our verifier in the place of the other product's hash, and everything
 * that must not be taken for one. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/foreign_secret.h"
#include "harness/expect.h"
#include "harness/imported.h"
#include "harness/proc.h"

SHARED_CLUSTER("");

#define FORM   "application/x-www-form-urlencoded"
#define ODD    "acct:42%2F~{\"x\"}\\+&=" /* characters that each transport writes in its own way */
#define SECRET "p:a%ss+w\"o\\r=d&/?#@!"
#define UUID   "5f0c2c0e-6a3f-4c8e-9a53-1f1d2f1a7b11"
#define WRONG  "another-secret-of-nobody"

static struct world w;
static struct gateway second;
static struct org acme;
static char admin[TOKEN_MAX], platform[TOKEN_MAX];
static struct http_reply r;
static struct grpc_reply g;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
	mint_platform(all, "backend", platform);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin), KEPT(platform));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	gateway_stop(&second, 15000);
	world_close(&w);
}

TestSuite(adoption, .init = open_world, .fini = close_world, .timeout = 180);

/* A gateway that knows of the import from its start. */
static void restart(void)
{
	gateway_stop(&w.gateway, 15000);
	gateway_start(&w.gateway, &w.gateway_env);
}

static void import(const char *client_id, unsigned cost)
{
	char hash[BCRYPT_MAX];
	import_client(&w, "acme", client_id, bcrypt_of(SECRET, cost, hash));
}

/* ---- each transport's spelling ---- */

static int by_form_to(const char *path, const char *more, const char *client_id, const char *secret)
{
	char id[ENCODED_MAX], word[ENCODED_MAX], form[TOKEN_MAX + 2 * ENCODED_MAX];
	snprintf(form, sizeof form, "%s&client_id=%s&client_secret=%s", more, percent_encoded(client_id, id),
		 percent_encoded(secret, word));
	return http_call(w.gateway.http, &(struct http_request){.path = path, .type = FORM, .body = form}, &r);
}

static int by_form(const char *client_id, const char *secret)
{
	return by_form_to("/oauth2/token", "grant_type=client_credentials", client_id, secret);
}

static int by_basic(const char *client_id, const char *secret)
{
	char id[ENCODED_MAX], word[ENCODED_MAX], basic[2 * ENCODED_MAX];
	snprintf(basic, sizeof basic, "%s:%s", percent_encoded(client_id, id), percent_encoded(secret, word));
	return http_call(
		w.gateway.http,
		&(struct http_request){.path = "/oauth2/token", .type = FORM, .basic = basic, .body = "grant_type=client_credentials"}, &r);
}

/* Quotes and backslashes alone need escapes. */
static const char *json_escaped(const char *text, char out[ENCODED_MAX])
{
	size_t n = 0;
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			out[n++] = '\\';
		out[n++] = *text;
	}
	out[n] = '\0';
	return out;
}

static int by_json(const char *client_id, const char *secret)
{
	char id[ENCODED_MAX], word[ENCODED_MAX], json[3 * ENCODED_MAX];
	snprintf(json, sizeof json, "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\",\"client_secret\":\"%s\"}",
		 json_escaped(client_id, id), json_escaped(secret, word));
	return post_json(&w, "/m2m/token", admin, json, &r);
}

static int by_grpc(const char *client_id, const char *secret)
{
	int status = grpc_token(&w, admin, client_id, secret, NULL, &g);
	return status == 0 ? 200 : status == 16 ? 401 : -status;
}

static int by_introspection(const char *client_id, const char *secret)
{
	return by_form_to("/oauth2/introspect", "token=none", client_id, secret);
}

static int by_revocation(const char *client_id, const char *secret)
{
	return by_form_to("/oauth2/revoke", "token=none", client_id, secret);
}

static int (*const transports[])(const char *client_id, const char *secret) = {by_form, by_basic,         by_json,
									       by_grpc, by_introspection, by_revocation};
#define TRANSPORTS (sizeof transports / sizeof *transports)

/* ---- right ---- */

Test(adoption, the_first_login_over_each_transport_adopts_the_secret)
{
	char ids[TRANSPORTS][64];
	for (size_t i = 0; i < TRANSPORTS; i++) {
		snprintf(ids[i], sizeof ids[i], "%zu%s", i, ODD);
		import(ids[i], 4);
	}
	restart();
	for (size_t i = 0; i < TRANSPORTS; i++) {
		expect_status(transports[i](ids[i], SECRET), 200);
		cr_assert_eq(unadopted(&w, ids[i]), 0);
		cr_assert_eq(adoptions(&w, ids[i]), 1, "transport %zu", i);
		expect_status(transports[i](ids[i], SECRET), 200);
		expect_status(by_form(ids[i], SECRET), 200);
		cr_assert_eq(adoptions(&w, ids[i]), 1);
	}
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where salt is null and key_id = 'k1'"), TRANSPORTS);
}

Test(adoption, shortest_and_longest_ids_and_secrets_are_taken)
{
	char longest[129], secret[129], hash[BCRYPT_MAX];
	memset(longest, '!', 128);
	memset(secret, '~', 128);
	longest[128] = secret[128] = '\0';
	/* bcrypt sees 72 characters, base64 of SHA-256 all of them */
	import_client(&w, "acme", longest, "zNhOm5Jyonenca7bQzzpjUpwFDVrfhrbbOGCqgWA6HU=");
	import_client(&w, "acme", UUID, bcrypt_of("8letters", 4, hash));
	restart();
	expect_status(by_basic(UUID, "8letters"), 200);
	expect_status(by_form(UUID, "8letter"), 401);
	expect_status(by_form(longest, "x"), 401);
	expect_status(by_form(longest, secret), 200);
	expect_status(by_basic(longest, secret), 200);
	cr_expect_eq(by_grpc(longest, WRONG), 401);
}

/* m2mctl client import PATH, of these lines. */
static void import_lines(const char *lines)
{
	static struct ctl_result ran;
	char path[TMP_PATH];
	tmp_path(path, "clients", ".jsonl");
	tmp_write(path, lines);
	cr_assert_eq(ctl(&w.ctl_env, &ran, "client", "import", path), 0, "%s", ran.err);
}

#define PLAIN "s:100%25+25%/plain"

Test(adoption, what_m2mctl_imports_gets_tokens_by_basic_form_and_grpc)
{
	static int (*const ways[])(const char *client_id, const char *secret) = {by_basic, by_form, by_grpc};
	char lines[1024], hash[BCRYPT_MAX], ids[3][64];
	snprintf(lines, sizeof lines, "{\"organization\":\"acme\",\"client_id\":\"plain-client\",\"secret\":\"%s\"}\n", PLAIN);
	for (int i = 0; i < 3; i++) {
		snprintf(ids[i], sizeof ids[i], "%d%s", i, &UUID[1]);
		snprintf(lines + strlen(lines), sizeof lines - strlen(lines),
			 "{\"organization\":\"acme\",\"client_id\":\"%s\",\"secret_hash\":\"%s\"}\n", ids[i],
			 bcrypt_of("8letters%:", 4, hash));
	}
	import_lines(lines);
	restart();
	for (int i = 0; i < 3; i++) {
		expect_status(ways[i](ids[i], WRONG), 401);
		expect_status(ways[i](ids[i], "8letters%:"), 200);
		cr_expect_eq(unadopted(&w, ids[i]), 0);
		expect_status(ways[(i + 1) % 3](ids[i], "8letters%:"), 200);
		cr_expect_eq(adoptions(&w, ids[i]), 1);
		expect_status(ways[i]("plain-client", WRONG), 401);
		expect_status(ways[i]("plain-client", PLAIN), 200);
	}
	cr_expect_eq(adoptions(&w, "plain-client"), 0);
}

Test(adoption, a_token_of_such_a_client_opens_what_its_roles_open)
{
	char token[TOKEN_MAX], form[TOKEN_MAX + 64], path[ENCODED_MAX + 64], id[ENCODED_MAX], said[256];
	import(ODD, 4);
	restart();
	expect_status(by_form(ODD, SECRET), 200);
	body_text(&r, "access_token", token, sizeof token);
	cr_expect_str_eq(claim_text(token, "client_id", said, sizeof said), ODD);
	cr_expect_str_eq(claim_text(token, "sub", said, sizeof said), ODD);
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	snprintf(path, sizeof path, "/m2m/audit/tokens?client_id=%s", percent_encoded(ODD, id));
	expect_status(get(&w, path, token, &r), 200);
	char jti[40];
	cr_expect_not_null(strstr(r.body, claim_text(token, "jti", jti, sizeof jti)), "%s", r.body);
	snprintf(form, sizeof form, "token=%s", token);
	expect_status(by_form_to("/oauth2/introspect", form, ODD, SECRET), 200);
	cr_expect_not_null(strstr(r.body, "\"active\":true"), "%s", r.body);
	expect_status(by_form_to("/oauth2/revoke", form, ODD, SECRET), 200);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
}

Test(adoption, the_platform_names_such_a_client_in_a_path)
{
	char path[ENCODED_MAX + 64], id[ENCODED_MAX], said[256];
	import(ODD, 4);
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s", percent_encoded(ODD, id));
	expect_status(get(&w, path, platform, &r), 200);
	cr_expect_str_eq(body_text(&r, "client_id", said, sizeof said), ODD);
	const struct http_request q = {
		.method = "PATCH", .path = path, .bearer = platform, .type = "application/json", .body = "{\"name\":\"moved\"}"};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	expect_status(get(&w, "/admin/organizations/acme/clients/a%00b", platform, &r), 400);
	expect_status(get(&w, "/admin/organizations/acme/clients/nobody%3Ahere", platform, &r), 404);
}

/* ---- wrong ---- */

Test(adoption, without_an_import_such_an_id_is_refused_unasked)
{
	import(UUID, 4);
	sql_exec(world_db(&w), "delete from m2m.client_import");
	restart();
	expect_status(by_form(UUID, SECRET), 401);
	cr_expect_eq(unadopted(&w, UUID), 1);
	sql_exec(world_db(&w), "insert into m2m.client_import (import_id, actor) values (gen_random_uuid(), 'operator:test')");
	int status = 401;
	for (int tries = 0; status == 401 && tries < 200; tries++) {
		sleep_ms(100);
		status = by_form(UUID, SECRET);
	}
	expect_status(status, 200);
}

Test(adoption, a_wrong_secret_is_refused_and_counted_and_adopts_nothing)
{
	import(UUID, 4);
	restart();
	for (size_t i = 0; i < 2; i++) {
		expect_status(transports[i](UUID, WRONG), 401);
		cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	}
	cr_expect_eq(unadopted(&w, UUID), 1);
	cr_expect_eq(adoptions(&w, UUID), 0);
	cr_expect_gt(gateway_log_wait(&w.gateway, "\"client_id\":\"" UUID "\"", 1, NULL, 0), 0);
	cr_expect_eq(gateway_log_count(&w.gateway, WRONG, NULL, 0), 0);
	expect_status(by_form(UUID, SECRET), 200);
	restart();
	cr_expect_eq(sql_int(world_db(&w), "select sum(attempts) from m2m.denied_audit where client_id = '" UUID "'"), 2);
}

static long checked(const char *form, const char *outcome)
{
	char name[128];
	snprintf(name, sizeof name, "m2m_secret_hashes_total{form=\"%s\",outcome=\"%s\"}", form, outcome);
	return gateway_metric(&w, name);
}

Test(adoption, metrics_tell_what_was_checked_and_adopted)
{
	import(UUID, 4);
	import_client(&w, "acme", ODD, "zNhOm5Jyonenca7bQzzpjUpwFDVrfhrbbOGCqgWA6HU=");
	restart();
	cr_expect_eq(checked("argon2", "overloaded"), 0, "each is there from the start");
	expect_status(by_form(UUID, WRONG), 401);
	expect_status(by_form(ODD, WRONG), 401);
	for (int i = 0; i < 2; i++)
		expect_status(by_form(UUID, SECRET), 200);
	cr_expect_eq(checked("bcrypt", "wrong"), 1);
	cr_expect_eq(checked("sha2", "wrong"), 1);
	cr_expect_eq(checked("bcrypt", "matched"), 1, "the second one is checked as any");
	cr_expect_eq(gateway_metric(&w, "m2m_secrets_adopted_total"), 1);
	cr_expect_eq(gateway_metric(&w, "m2m_secret_hash_queue_depth"), 0);
}

/* Behind the burst, before a hash is asked. */
Test(adoption, wrong_secrets_meet_a_limit_though_none_is_set)
{
	unsigned refused = 0, limited = 0;
	import(UUID, 4);
	restart();
	for (int i = 0; i < 20; i++) {
		int status = by_form(UUID, WRONG);
		refused += status == 401;
		limited += status == 429;
		cr_assert(status == 401 || status == 429, "%d: %s", status, r.body);
	}
	cr_expect_geq(refused, 4);
	cr_expect_geq(limited, 1);
	cr_expect_eq(checked("bcrypt", "wrong"), refused, "a hash for each 401, none for a 429");
	int status = 429;
	for (int tries = 0; status == 429 && tries < 100; tries++) {
		sleep_ms(100);
		status = by_form(UUID, SECRET);
	}
	expect_status(status, 200);
}

/* A setting's limit stands before the one of hashes: whoever it refuses costs none. */
Test(adoption, limits_of_client_and_address_stand_before_the_hash)
{
	static const char *const kinds[] = {"CLIENT", "ADDRESS"};
	static const char *const counters[] = {"m2m_rate_limited_total{limit=\"client\"}", "m2m_rate_limited_total{limit=\"address\"}"};
	import(UUID, 4);
	for (size_t i = 0; i < 2; i++) {
		long refused = 0;
		env_set(&w.gateway_env, "M2M_%s_RATE=1", kinds[i]);
		env_set(&w.gateway_env, "M2M_%s_BURST=2", kinds[i]);
		restart();
		for (int tries = 0; gateway_metric(&w, counters[i]) < 1 && tries < 200; tries++) {
			int status = by_form(UUID, WRONG);
			refused += status == 401;
			cr_assert(status == 401 || status == 429, "%d: %s", status, r.body);
		}
		cr_expect_geq(gateway_metric(&w, counters[i]), 1, "%s", kinds[i]);
		cr_expect_gt(refused, 0);
		cr_expect_eq(checked("bcrypt", "wrong"), refused, "a hash for each 401, none for a 429");
		env_set(&w.gateway_env, "M2M_%s_RATE=0", kinds[i]);
	}
}

Test(adoption, an_id_that_nobody_has_stays_out_of_the_log)
{
	import(UUID, 4);
	restart();
	expect_status(by_form("a-secret-in-the-wrong-field", SECRET), 401);
	cr_expect_eq(gateway_log_count(&w.gateway, "a-secret-in-the-wrong-field", NULL, 0), 0);
}

Test(adoption, a_disabled_client_and_an_ended_version_adopt_nothing)
{
	char id[ENCODED_MAX], path[ENCODED_MAX + 64];
	import(UUID, 4);
	import(ODD, 4);
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = clock_timestamp() where client_id = '" UUID "'");
	restart();
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s", percent_encoded(ODD, id));
	const struct http_request q = {
		.method = "PATCH", .path = path, .bearer = platform, .type = "application/json", .body = "{\"disabled\":true}"};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	expect_status(by_form(UUID, SECRET), 401);
	expect_status(by_form(ODD, SECRET), 401);
	cr_expect_eq(adoptions(&w, UUID) + adoptions(&w, ODD), 0);
	cr_expect_eq(unadopted(&w, UUID) + unadopted(&w, ODD), 2);
}

/* ---- read and rotated ---- */

static int rotate_by_platform(const char *client_id, int grace_seconds)
{
	char id[ENCODED_MAX], path[ENCODED_MAX + 64], body[64];
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/rotate", percent_encoded(client_id, id));
	snprintf(body, sizeof body, "{\"grace_seconds\":%d}", grace_seconds);
	return post_json(&w, path, platform, body, &r);
}

static int read_by_platform(const char *client_id)
{
	char id[ENCODED_MAX], path[ENCODED_MAX + 64];
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/secret", percent_encoded(client_id, id));
	return get(&w, path, platform, &r);
}

Test(adoption, such_a_secret_is_read_once_it_was_rotated)
{
	static struct ctl_result ran;
	char fresh[SECRET_MAX], said[SECRET_MAX], reason[64];
	import(UUID, 4);
	sql_exec(world_db(&w), "update m2m.client set is_default = false");
	sql_exec(world_db(&w), "update m2m.client set is_default = true where client_id = '" UUID "'");
	restart();
	for (int adopted = 0; adopted < 2; adopted++) {
		expect_status(get(&w, "/m2m/client-secret", admin, &r), 409);
		cr_expect(is_problem(&r, "secret_not_readable"), "%s", r.body);
		expect_status(read_by_platform(UUID), 409);
		cr_expect(is_problem(&r, "secret_not_readable"), "%s", r.body);
		cr_expect_eq(grpc_get_secret(&w, admin, NULL, &g), 9);
		struct grpc_details details;
		grpc_details(&g, &details);
		snprintf(reason, sizeof reason, "%s", details.reason);
		cr_expect_str_eq(reason, "secret_not_readable");
		cr_expect_neq(ctl(&w.ctl_env, &ran, "client", "secret", UUID), 0);
		cr_expect_not_null(strstr(ran.err, "rotate it"), "%s", ran.err);
		expect_status(by_form(UUID, SECRET), 200);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where outcome = 'secret_not_readable'"), 8);
	expect_status(rotate(&w, admin, 0, &r), 200);
	body_text(&r, "client_secret", fresh, sizeof fresh);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	cr_expect_str_eq(body_text(&r, "client_secret", said, sizeof said), fresh);
	expect_status(by_form(UUID, SECRET), 401);
	expect_status(by_form(UUID, fresh), 200);
}

Test(adoption, a_rotation_s_grace_holds_for_a_secret_that_was_never_shown)
{
	char fresh[SECRET_MAX];
	import(ODD, 4);
	import(UUID, 4);
	restart();
	expect_status(rotate_by_platform(ODD, 600), 200);
	body_text(&r, "client_secret", fresh, sizeof fresh);
	expect_status(by_basic(ODD, fresh), 200);
	cr_expect_eq(unadopted(&w, ODD), 1);
	expect_status(by_basic(ODD, SECRET), 200);
	cr_expect_eq(unadopted(&w, ODD), 0);
	expect_status(rotate_by_platform(UUID, 0), 200);
	expect_status(by_form(UUID, SECRET), 401);
	cr_expect_eq(adoptions(&w, UUID), 0);
}

Test(adoption, the_oldest_of_all_that_an_import_brings_is_found)
{
	char hash[BCRYPT_MAX];
	import(UUID, 4);
	for (int version = 2; version <= FOREIGN_SECRETS_MAX; version++)
		sql_exec(world_db(&w),
			 "insert into m2m.client_secret (client_id, version, foreign_hash, expires_at)"
			 " values ('" UUID "', %d, '%s', now() + interval '1 day')",
			 version, bcrypt_of(WRONG, 4, hash));
	restart();
	expect_status(by_form(UUID, "one-that-nobody-has"), 401);
	expect_status(by_form(UUID, SECRET), 200);
	cr_expect_eq(adoptions(&w, UUID), 1);
	cr_expect_eq(unadopted(&w, UUID), FOREIGN_SECRETS_MAX - 1);
}

/* As if the version that was made last were under a key that this gateway lacks. */
static void lose_key_of_newest(const char *client_id)
{
	sql_exec(world_db(&w), "set session_replication_role = replica");
	sql_exec(world_db(&w),
		 "update m2m.client_secret set key_id = 'elsewhere' where client_id = '%s'"
		 " and version = (select max(version) from m2m.client_secret where client_id = '%s')",
		 client_id, client_id);
	sql_exec(world_db(&w), "reset session_replication_role");
}

Test(adoption, a_version_under_a_key_that_lacks_is_told_before_any_hash_is_tried)
{
	import(UUID, 4);
	restart();
	expect_status(rotate_by_platform(UUID, 600), 200);
	lose_key_of_newest(UUID);
	for (size_t i = 0; i < TRANSPORTS; i++)
		cr_expect(transports[i](UUID, SECRET) == 503 || transports[i](UUID, SECRET) == -14, "transport %zu", i);
	cr_expect_eq(unadopted(&w, UUID), 1);
	cr_expect_eq(adoptions(&w, UUID), 0);
	/* what lacks has ended: the other one may be tried */
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = now() where client_id = '" UUID "' and key_id = 'elsewhere'");
	expect_status(by_form(UUID, SECRET), 200);
	cr_expect_eq(adoptions(&w, UUID), 1);
}

/* ---- at once, and in the middle ---- */

struct login {
	pthread_t id;
	uint16_t port;
	const char *client_id;
	int status;
	char code[64];
};

static void *log_in(void *arg)
{
	struct login *l = arg;
	struct http_reply *answer = malloc(sizeof *answer);
	char id[ENCODED_MAX], word[ENCODED_MAX], form[3 * ENCODED_MAX];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", percent_encoded(l->client_id, id),
		 percent_encoded(SECRET, word));
	l->status = http_call(l->port, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form}, answer);
	body_text(answer, "error", l->code, sizeof l->code);
	free(answer);
	return NULL;
}

Test(adoption, two_gateways_adopt_a_secret_once)
{
	enum { LOGINS = 8 };
	struct login logins[LOGINS];
	import(UUID, 8);
	restart();
	gateway_start(&second, &w.gateway_env);
	for (int i = 0; i < LOGINS; i++) {
		logins[i] = (struct login){.port = i % 2 == 0 ? w.gateway.http : second.http, .client_id = UUID};
		cr_assert_eq(pthread_create(&logins[i].id, NULL, log_in, &logins[i]), 0);
	}
	for (int i = 0; i < LOGINS; i++) {
		pthread_join(logins[i].id, NULL);
		cr_expect_eq(logins[i].status, 200, "login %d: %d", i, logins[i].status);
	}
	cr_expect_eq(adoptions(&w, UUID), 1);
	long adopted = gateway_metric(&w, "m2m_secrets_adopted_total");
	cr_expect(adopted == 0 || adopted == 1, "%ld", adopted);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id = '" UUID "'"), LOGINS);
}

Test(adoption, a_gateway_that_is_killed_meanwhile_leaves_the_secret_as_it_was)
{
	struct login login = {.client_id = UUID};
	import(UUID, 14);
	restart();
	login.port = w.gateway.http;
	cr_assert_eq(pthread_create(&login.id, NULL, log_in, &login), 0);
	sleep_ms(300);
	gateway_kill(&w.gateway);
	pthread_join(login.id, NULL);
	cr_expect_eq(login.status, 0);
	cr_expect_eq(unadopted(&w, UUID), 1);
	sql_exec(world_db(&w), "delete from m2m.client_secret where client_id = '" UUID "'");
	char hash[BCRYPT_MAX];
	sql_exec(world_db(&w), "insert into m2m.client_secret (client_id, version, foreign_hash) values ('" UUID "', 1, '%s')",
		 bcrypt_of(SECRET, 4, hash));
	gateway_start(&w.gateway, &w.gateway_env);
	expect_status(by_form(UUID, SECRET), 200);
}

/* More than wait for a thread: some are told to come again, and the others' logins go on. */
Test(adoption, a_storm_of_costly_first_logins_is_told_to_come_again)
{
	enum { STORM = 200 };
	static struct login logins[STORM];
	static char ids[STORM][32];
	unsigned granted = 0, overloaded = 0;
	char hash[BCRYPT_MAX];
	bcrypt_of(SECRET, 9, hash);
	for (int i = 0; i < STORM; i++) {
		snprintf(ids[i], sizeof ids[i], "storm-client-%d", i);
		import_client(&w, "acme", ids[i], hash);
	}
	restart();
	for (int i = 0; i < STORM; i++) {
		logins[i] = (struct login){.port = w.gateway.http, .client_id = ids[i]};
		cr_assert_eq(pthread_create(&logins[i].id, NULL, log_in, &logins[i]), 0);
	}
	for (int i = 0; i < 20; i++)
		expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	for (int i = 0; i < STORM; i++) {
		pthread_join(logins[i].id, NULL);
		granted += logins[i].status == 200;
		overloaded += logins[i].status == 503;
		cr_expect(logins[i].status == 200 || logins[i].status == 503, "%d %s", logins[i].status, logins[i].code);
	}
	cr_expect_gt(overloaded, 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id like 'storm-%%'"), granted);
	/* and does, however busy this machine is */
	int status = 503;
	for (int tries = 0; status == 503 && tries < 20; tries++)
		status = by_form(ids[STORM - 1], SECRET);
	expect_status(status, 200);
}

Test(adoption, a_gateway_that_ends_answers_who_waits_for_a_hash)
{
	enum { LOGINS = 12 };
	static char ids[LOGINS][32];
	struct login logins[LOGINS];
	char hash[BCRYPT_MAX];
	bcrypt_of(SECRET, 11, hash);
	for (int i = 0; i < LOGINS; i++) {
		snprintf(ids[i], sizeof ids[i], "last-client-%d", i);
		import_client(&w, "acme", ids[i], hash);
	}
	env_set(&w.gateway_env, "M2M_DRAIN_MS=100");
	restart();
	for (int i = 0; i < LOGINS; i++) {
		logins[i] = (struct login){.port = w.gateway.http, .client_id = ids[i]};
		cr_assert_eq(pthread_create(&logins[i].id, NULL, log_in, &logins[i]), 0);
	}
	sleep_ms(300);
	gateway_stop(&w.gateway, 30000);
	for (int i = 0; i < LOGINS; i++) {
		pthread_join(logins[i].id, NULL);
		cr_expect(logins[i].status == 200 || logins[i].status == 503, "%d", logins[i].status);
	}
	gateway_start(&w.gateway, &w.gateway_env);
}
