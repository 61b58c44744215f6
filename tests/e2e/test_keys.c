/* Signing keys and master keys while the service runs: two daemons on one database, and a
 * verifier that keeps the JWKS for as long as its headers allow, as stock ones do. */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/arena.h"
#include "base/base64.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/jwks.h"
#include "crypto/jwt.h"
#include "crypto/master_ring.h"
#include "crypto/wrapped_key.h"
#include "harness/base64.h"
#include "harness/expect.h"
#include "harness/load.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define MAX_AGE 1    /* s: M2M_JWKS_MAX_AGE */
#define NOTICED 7000 /* ms: a gateway's poll takes up to 5 s */

static struct world w;
static struct gateway second;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;

static void open_world(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_JWKS_MAX_AGE=%d", MAX_AGE);
	env_set(&w.ctl_env, "M2M_JWKS_MAX_AGE=%d", MAX_AGE);
	gateway_start(&w.gateway, &w.gateway_env);
	org_create(&w, "acme", &acme);
	mint(&w, "acme", "admin", admin);
}

static void close_world(void)
{
	if (second.pid != 0)
		gateway_stop(&second, 20000);
	world_close(&w);
}

TestSuite(keys, .init = open_world, .fini = close_world, .timeout = 180);

/* ---- a verifier ---- */

struct verifier {
	uint16_t port;
	struct jwks *set;
	int64_t fresh_until_us;
	unsigned fetches, verified, failed;
	char first_failure[256];
};

static void verifier_fetch(struct verifier *v)
{
	static struct http_reply reply;
	char text[64];
	struct jwks *set = NULL;
	cr_assert_eq(http_call(v->port, &(struct http_request){.path = "/.well-known/jwks.json"}, &reply), 200);
	const char *age = strstr(http_header(&reply, "Cache-Control", text, sizeof text), "max-age=");
	cr_assert_not_null(age);
	cr_assert_eq(jwks_parse(str_from(reply.body, reply.body_n), &set, NULL), ERR_OK);
	jwks_free(v->set);
	v->set = set;
	v->fresh_until_us = clock_mono_us() + atol(age + 8) * 1000000;
	v->fetches++;
}

/* Never asks before its cache has run out: a key that it doesn't know is a failure. */
static void verifier_check(struct verifier *v, const char *token)
{
	struct arena *a = arena_new(1 << 18);
	struct jwt jwt;
	if (clock_mono_us() >= v->fresh_until_us)
		verifier_fetch(v);
	struct signing_key *key = jwt_parse(a, str_of(token), &jwt) == ERR_OK ? jwks_find(v->set, jwt.kid) : NULL;
	if (key != NULL && jwt_verify(key, &jwt) == ERR_OK) {
		v->verified++;
	} else {
		if (v->failed++ == 0)
			snprintf(v->first_failure, sizeof v->first_failure, "%.200s", token);
	}
	arena_free(a);
}

/* ---- rotations ---- */

static void current_kid(char out[64])
{
	snprintf(out, 64, "%s", sql_text(world_db(&w), "select kid from m2m.signing_key_current"));
}

static bool signs(const char *kid)
{
	return strcmp(sql_text(world_db(&w), "select kid from m2m.signing_key_current"), kid) == 0;
}

static bool token_from(uint16_t port, char out[TOKEN_MAX])
{
	if (oauth_token(port, acme.client_id, acme.secret, &r) != 200)
		return false;
	body_text(&r, "access_token", out, TOKEN_MAX);
	return true;
}

/* Tokens from both daemons, each shown to both verifiers, for as long as `go_on` says or `ms`
 * have passed. A pause between them is far shorter than what could go wrong lasts: a cache is fresh
 * for a second. */
static void run_load(struct verifier v[2], int ms, bool (*go_on)(const char *), const char *arg)
{
	char token[TOKEN_MAX];
	const uint16_t ports[2] = {w.gateway.http, second.http};
	int64_t end = clock_mono_us() + (int64_t)ms * 1000;
	for (unsigned i = 0; clock_mono_us() < end && (go_on == NULL || go_on(arg)); i++) {
		cr_assert(token_from(ports[i % 2], token), "a token was refused: %d %s", r.status, r.body);
		verifier_check(&v[0], token);
		verifier_check(&v[1], token);
		sleep_ms(15);
	}
}

static bool not_yet(const char *kid)
{
	return !signs(kid);
}

static void kid_of(const struct ctl_result *ran, char out[64])
{
	ctl_value(ran, "M2M_KEY_ID", out, 64);
}

Test(keys, a_rotation_under_load_fails_no_token_at_any_verifier)
{
	static const char *const algs[] = {"ES256", "PS256", "EdDSA", "RS256"};
	struct ctl_result ran;
	char kid[64];
	gateway_start(&second, &w.gateway_env);
	struct verifier v[2] = {{.port = w.gateway.http}, {.port = second.http}};
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
		world_ctl(&w, &ran, "key", "rotate", "--alg", algs[i], "--margin", "1", "--output", "env");
		kid_of(&ran, kid);
		run_load(v, 20000, not_yet, kid);
		cr_assert(signs(kid), "it never took over");
		run_load(v, 1500, NULL, NULL);
	}
	cr_assert_eq(v[0].failed + v[1].failed, 0, "%u of %u tokens didn't verify: %s%s", v[0].failed + v[1].failed,
		     v[0].failed + v[1].failed + v[0].verified + v[1].verified, v[0].first_failure, v[1].first_failure);
	cr_assert_gt(v[0].verified, 100);
	cr_assert_eq(sql_int(world_db(&w), "select count(distinct kid) from m2m.token_audit where client_id = '%s'", acme.client_id), 5);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_keys where state = 'retired'"), 4);
	for (int i = 0; i < 2; i++)
		jwks_free(v[i].set);
}

/* m2mctl makes RSA keys of 2048 bits; larger ones are put into the table. */
static void publish_rsa_4096(char kid[64])
{
	struct arena *a = arena_new(1 << 18);
	struct sbuf jwk = sbuf_in(a, 2048);
	struct master_ring ring;
	struct signing_key *key;
	struct str wrapped;
	unsigned char *der = NULL;
	char *ring_text = tmp_read(shared_master_keys(), NULL);
	cr_assert_eq(master_ring_parse(str_of(ring_text), &ring, NULL), ERR_OK);
	EVP_PKEY *pkey = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)4096);
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(pkey);
	int n = i2d_PKCS8_PRIV_KEY_INFO(info, &der);
	cr_assert_gt(n, 0);
	cr_assert_eq(signing_key_from_der(JWT_RS256, str_from(der, (size_t)n), &key), ERR_OK);
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	cr_assert_eq(wrapped_key_make(a, &ring.keys[0], key, &wrapped), ERR_OK);
	snprintf(kid, 64, "%.*s", STR_ARG(signing_key_kid(key)));
	char *hex = arena_alloc(a, wrapped.n * 2 + 1);
	for (size_t i = 0; i < wrapped.n; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)wrapped.p[i]);
	sql_exec(world_db(&w),
		 "insert into m2m.signing_key (kid, alg, state, public_jwk, sealed, seal_key_id, active_from) "
		 "values ('%s', 'RS256', 'next', '%.*s', '\\x%s', '%s', clock_timestamp() + interval '%d seconds')",
		 kid, STR_ARG(sbuf_str(&jwk)), hex, ring.keys[0].key_id, 5 + MAX_AGE + 1);
	signing_key_free(key);
	OPENSSL_free(der);
	PKCS8_PRIV_KEY_INFO_free(info);
	EVP_PKEY_free(pkey);
	free(ring_text);
	arena_free(a);
}

/* Batches whose tokens were all refused: their seal is all that there is of them. */
static int64_t refused_batches(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.audit_seal s where batch_id is not null"
				     " and not exists (select from m2m.token_audit t where t.batch_id = s.batch_id)");
}

/* Eight connections ask without a pause while the two workers load the key. */
Test(keys, an_rsa_4096_key_takes_over_under_load_and_fails_no_token)
{
	static struct load loads[2];
	char kid[64];
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	gateway_stop(&w.gateway, 20000);
	gateway_start(&w.gateway, &w.gateway_env);
	gateway_start(&second, &w.gateway_env);
	struct verifier v[2] = {{.port = w.gateway.http}, {.port = second.http}};
	publish_rsa_4096(kid);
	run_load(v, 4500, not_yet, kid);
	int64_t refused = refused_batches();
	load_start(&loads[0], &acme, w.gateway.http);
	load_start(&loads[1], &acme, second.http);
	run_load(v, 20000, not_yet, kid);
	cr_assert(signs(kid), "it never took over");
	run_load(v, 1500, NULL, NULL);
	for (int i = 0; i < 2; i++) {
		load_stop(&loads[i]);
		cr_assert_eq(loads[i].unavailable + loads[i].broken + loads[i].unexpected, 0, "%u, %u and %u tokens were refused",
			     loads[i].unavailable, loads[i].broken, loads[i].unexpected);
		cr_assert_eq(load_unrecorded(&loads[i], world_db(&w)), 0);
		load_free(&loads[i]);
	}
	cr_assert_leq(refused_batches() - refused, 2, "each worker learns it from one batch, and sends no other until it has the key");
	cr_assert_eq(v[0].failed + v[1].failed, 0, "%s%s", v[0].first_failure, v[1].first_failure);
	cr_assert_gt(sql_int(world_db(&w), "select count(*) from m2m.token_audit where kid = '%s'", kid), 10);
	cr_assert_gt(sql_int(world_db(&w), "select count(*) from m2m.token_audit where kid <> '%s'", kid), 100);
	cr_assert_eq(gateway_log_count(&w.gateway, "signing_key_unusable", NULL, 0), 0);
	cr_assert_eq(gateway_log_count(&w.gateway, "signatures_unverified", NULL, 0), 0);
	for (int i = 0; i < 2; i++)
		jwks_free(v[i].set);
}

static bool jwks_has(uint16_t port, const char *kid)
{
	cr_assert_eq(http_call(port, &(struct http_request){.path = "/.well-known/jwks.json"}, &r), 200);
	return strstr(r.body, kid) != NULL;
}

static bool wait_shut_out(uint16_t port, const char *kid, const char *token)
{
	static struct http_reply mine;
	for (int ms = 0; ms < NOTICED; ms += 100) {
		int status = http_call(port, &(struct http_request){.path = "/m2m/client-id", .bearer = token}, &mine);
		if (status == 401 && !jwks_has(port, kid))
			return true;
		sleep_ms(100);
	}
	return false;
}

Test(keys, a_revocation_under_load_shuts_the_key_s_tokens_out_and_fails_no_other)
{
	struct ctl_result ran;
	char kid[64], standby[64], stolen[TOKEN_MAX], fresh[TOKEN_MAX];
	gateway_start(&second, &w.gateway_env);
	struct verifier v[2] = {{.port = w.gateway.http}, {.port = second.http}};
	current_kid(kid);
	cr_assert(token_from(w.gateway.http, stolen));
	cr_assert_eq(ctl(&w.ctl_env, &ran, "key", "revoke", kid), 1, "nothing could take its place");
	world_ctl(&w, &ran, "key", "rotate", "--alg", "ES256", "--standby", "--output", "env");
	kid_of(&ran, standby);
	run_load(v, (5 + MAX_AGE) * 1000 + 500, NULL, NULL);
	cr_assert(signs(kid));
	world_ctl(&w, &ran, "key", "revoke", kid);
	cr_assert(signs(standby));
	cr_assert(token_from(second.http, fresh)); /* the first after the act already */
	char text[64];
	cr_assert_str_eq(
		sql_text(world_db(&w), "select kid from m2m.token_audit where jti = '%s'", claim_text(fresh, "jti", text, sizeof text)),
		standby);
	run_load(v, 2000, NULL, NULL);
	cr_assert(wait_shut_out(w.gateway.http, kid, stolen), "the first daemon still knows it");
	cr_assert(wait_shut_out(second.http, kid, stolen), "the second daemon still knows it");
	/* the operator's of that key too */
	expect_status(get(&w, "/m2m/client-id", admin, &r), 401);
	expect_status(get(&w, "/m2m/client-id", fresh, &r), 200);
	cr_assert_eq(v[0].failed + v[1].failed, 0, "%s%s", v[0].first_failure, v[1].first_failure);
	cr_assert_eq(ctl(&w.ctl_env, &ran, "key", "revoke", kid), 1, "revoked is final");
	cr_assert_eq(
		sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'revoke_signing_key' and outcome = 'granted'"),
		1);
	for (int i = 0; i < 2; i++)
		jwks_free(v[i].set);
}

Test(keys, a_damaged_key_that_doesn_t_sign_takes_nothing_with_it)
{
	struct ctl_result ran;
	char kid[64], token[TOKEN_MAX];
	world_ctl(&w, &ran, "key", "rotate", "--standby", "--output", "env");
	kid_of(&ran, kid);
	sql_exec(world_db(&w), "update m2m.signing_key set public_jwk = '{' where kid = '%s'", kid);
	for (int ms = 0; gateway_log_count(&w.gateway, kid, NULL, 0) == 0 && ms < NOTICED; ms += 100)
		sleep_ms(100);
	cr_assert_gt(gateway_log_wait(&w.gateway, "signing_key_unusable", 1, NULL, 0), 0);
	cr_assert(token_from(w.gateway.http, token));
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	cr_assert_eq(gateway_ops_status(&w.gateway, "/readyz"), 200);
}

/* ---- master keys ---- */

static void write_ring(const char *path, const char *first, const char *then)
{
	char text[256];
	snprintf(text, sizeof text, "%s\n%s%s", first, then, then[0] == '\0' ? "" : "\n");
	tmp_write(path, text);
}

static void with_ring(const struct env *from, const char *path, struct env *to)
{
	*to = *from;
	for (unsigned i = 0; i < to->n; i++)
		to->list[i] = to->items[i];
	env_set(to, "M2M_MASTER_KEYS_FILE=%s", path);
}

static void restart(struct gateway *g, const struct env *env)
{
	gateway_stop(g, 20000);
	gateway_start(g, env);
}

/* One row of `key status --output json`: "may_go" of a master key. */
static bool may_go(const struct env *env, const char *key_id)
{
	struct ctl_result ran;
	char row[64];
	cr_assert_eq(ctl(env, &ran, "key", "status", "--output", "json"), 0, "%s", ran.err);
	snprintf(row, sizeof row, "\"master_key\":\"%s\"", key_id);
	const char *at = strstr(ran.out, row);
	cr_assert_not_null(at, "%s", ran.out);
	const char *answer = strstr(at, "\"may_go\":\"");
	cr_assert_not_null(answer, "%s", ran.out);
	return strncmp(answer + 10, "yes", 3) == 0;
}

static void expect_key_missing(uint16_t port, const char *secret)
{
	expect_status(oauth_token(port, acme.client_id, secret, &r), 503);
	cr_assert(strstr(r.body, "lacks the master key") != NULL, "%s", r.body);
	cr_assert(is_oauth_error(&r, "temporarily_unavailable"), "never invalid_client: %s", r.body);
}

Test(keys, a_master_key_is_added_activated_and_dropped_while_daemons_differ)
{
	char old_ring[TMP_PATH], both[TMP_PATH], new_first[TMP_PATH], new_ring[TMP_PATH], k2[80], secret[SECRET_MAX], kid[64];
	uint8_t bytes[32];
	struct env both_env, new_env, ctl_new, last_env, ctl_last;
	struct ctl_result ran;
	tmp_path(both, "both", ".keys");
	tmp_path(new_first, "new-first", ".keys");
	tmp_path(new_ring, "new", ".keys");
	snprintf(old_ring, sizeof old_ring, "%s", shared_master_keys());
	char *k1 = tmp_read(old_ring, NULL);
	k1[strcspn(k1, "\n")] = '\0';
	cr_assert_eq(crypto_random(bytes, sizeof bytes), ERR_OK);
	snprintf(k2, sizeof k2, "k2: ");
	base64_text(k2 + 4, sizeof k2 - 4, bytes, sizeof bytes);
	write_ring(both, k1, k2);
	write_ring(new_first, k2, k1);
	write_ring(new_ring, k2, "");
	with_ring(&w.gateway_env, both, &both_env);
	with_ring(&w.gateway_env, new_first, &new_env);
	with_ring(&w.gateway_env, new_ring, &last_env);
	with_ring(&w.ctl_env, new_first, &ctl_new);
	with_ring(&w.ctl_env, new_ring, &ctl_last);

	/* one daemon goes ahead too early: the other lacks k2 */
	gateway_start(&second, &new_env);
	expect_status(http_call(second.http, &(struct http_request){.method = "POST", .path = "/m2m/rotate", .bearer = admin}, &r), 200);
	body_text(&r, "client_secret", secret, sizeof secret);
	expect_status(oauth_token(second.http, acme.client_id, secret, &r), 200);
	expect_key_missing(w.gateway.http, secret);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 503);
	cr_assert(is_problem(&r, "key_missing"), "%s", r.body);
	/* it can't tell that this one has ended */
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 503);

	/* as it should be: everywhere, then first */
	restart(&w.gateway, &both_env);
	expect_status(oauth_token(w.gateway.http, acme.client_id, secret, &r), 200);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	restart(&w.gateway, &new_env);

	/* what still needs k1: the signing key */
	cr_assert_not(may_go(&ctl_new, "k1"));
	gateway_stop(&second, 20000);
	gateway_launch(&second, &last_env);
	cr_assert(gateway_wait_listening(&second, 10000));
	for (int ms = 0; ms < 5000; ms += 50) { /* first it is still starting */
		cr_assert_eq(http_call(second.ops, &(struct http_request){.path = "/readyz"}, &r), 503);
		if (strstr(r.body, "master_key_missing") != NULL)
			break;
		sleep_ms(50);
	}
	cr_assert_not_null(strstr(r.body, "master_key_missing"), "%s", r.body);
	expect_key_missing(second.http, secret);
	expect_status(http_call(second.http, &(struct http_request){.path = "/m2m/client-id", .bearer = admin}, &r), 200);

	cr_assert_eq(ctl(&ctl_new, &ran, "key", "reseal"), 0, "%s", ran.err);
	cr_assert(gateway_wait_ops(&second, "/readyz", 200, NOTICED), "it recovers by itself");
	expect_status(oauth_token(second.http, acme.client_id, secret, &r), 200);
	cr_assert(may_go(&ctl_new, "k1"));
	restart(&w.gateway, &last_env);
	expect_status(oauth_token(w.gateway.http, acme.client_id, secret, &r), 200);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);

	/* and k1 is gone for m2mctl too */
	current_kid(kid);
	cr_assert_eq(ctl(&ctl_last, &ran, "key", "rotate", "--margin", "0"), 0, "%s", ran.err);
	free(k1);
}

Test(keys, a_start_with_another_key_under_a_known_name_is_refused)
{
	char ring[TMP_PATH], text[80];
	uint8_t bytes[32];
	struct env env;
	struct ctl_result ran;
	tmp_path(ring, "wrong", ".keys");
	cr_assert_eq(crypto_random(bytes, sizeof bytes), ERR_OK);
	snprintf(text, sizeof text, "k1: ");
	base64_text(text + 4, sizeof text - 4, bytes, sizeof bytes);
	write_ring(ring, text, "");
	with_ring(&w.gateway_env, ring, &env);
	gateway_launch(&second, &env);
	int status = proc_wait(second.pid, 10000);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 1, "status %d", status);
	second.pid = 0;
	cr_assert_gt(gateway_log_wait(&second, "k1", 1, NULL, 0), 0);
	with_ring(&w.ctl_env, ring, &env);
	cr_assert_eq(ctl(&env, &ran, "client", "rotate", "--org", "acme"), 6, "%s", ran.err);
	cr_assert_eq(ctl(&env, &ran, "key", "rotate"), 6, "%s", ran.err);
	cr_assert_eq(ctl(&env, &ran, "key", "reseal"), 6, "%s", ran.err);
}

/* ---- RFC 9068 ---- */

static bool is_at_jwt(const char *token)
{
	char header[512] = {0};
	size_t n = 0;
	const char *dot = strchr(token, '.');
	cr_assert(dot != NULL && base64url_decode(str_from(token, (size_t)(dot - token)), header, sizeof header - 1, &n) == ERR_OK);
	return strstr(header, "\"typ\":\"at+jwt\"") != NULL;
}

Test(keys, the_token_type_is_a_setting_and_each_client_may_have_its_own)
{
	struct ctl_result ran;
	struct env env = w.gateway_env;
	char token[TOKEN_MAX];
	for (unsigned i = 0; i < env.n; i++)
		env.list[i] = env.items[i];
	env_set(&env, "M2M_ACCESS_TOKEN_TYPE=at+jwt");
	gateway_start(&second, &env);
	cr_assert(token_from(w.gateway.http, token));
	cr_assert_not(is_at_jwt(token));
	cr_assert(token_from(second.http, token));
	cr_assert(is_at_jwt(token));
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--token-type", "at+jwt");
	cr_assert(token_from(w.gateway.http, token));
	cr_assert(is_at_jwt(token));
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--token-type", "JWT");
	cr_assert(token_from(second.http, token));
	cr_assert_not(is_at_jwt(token));
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--token-type", "default");
	cr_assert(token_from(second.http, token));
	cr_assert(is_at_jwt(token));
}
