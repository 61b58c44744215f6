/* Bearers of trusted outside issuers, shaped as Auth0, Keycloak and Entra ID shape them, and
 * everything that an attacker makes of them. */
#include <arpa/inet.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/hmac.h>

#include "base/arena.h"
#include "base/clock.h"
#include "base/sbuf.h"
#include "crypto/digest.h"
#include "crypto/signing_key.h"
#include "crypto/signing_key_parts.h"
#include "harness/client_key.h"
#include "harness/dpop.h"
#include "harness/expect.h"
#include "harness/jws.h"
#include "harness/pki.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define AUTH0    "https://tenant.eu.auth0.test/"
#define KEYCLOAK "https://sso.test/realms/customers"
#define ENTRA    "https://login.microsoftonline.test/%s/v2.0"
#define API      "https://api.example.com"
#define TENANT   "9188040d-6c67-4c5b-b112-36a304b66dad"
#define NOTICED  6000 /* ms: files are looked at once a second */

static struct world w;
static struct org acme, other;
static struct http_reply r;
static struct arena *a;
static struct signing_key *auth0_key, *keycloak_key, *entra_key;
static char issuers_path[TMP_PATH], auth0_path[TMP_PATH], keycloak_path[TMP_PATH], entra_path[TMP_PATH];

/* ---- issuers ---- */

static void publish(const char *path, const struct signing_key *key, const char *more, bool with_alg)
{
	struct sbuf jwk = sbuf_in(a, 4096);
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	char *text = arena_alloc(a, 8192);
	char *alg = strstr(jwk.p, ",\"alg\":");
	cr_assert_not_null(alg);
	char *use = strstr(alg, ",\"use\"");
	cr_assert_not_null(use);
	snprintf(text, 8192, "{\"keys\":[%s%.*s%s]}", more, with_alg ? (int)(use - jwk.p) : (int)(alg - jwk.p), jwk.p, use);
	tmp_write(path, text);
}

static const char *list_of(const char *auth0_more, const char *entra_more)
{
	char *text = arena_alloc(a, 4096);
	snprintf(text, 4096,
		 "[{\"issuer\":\"" AUTH0 "\",\"audience\":\"" API
		 "\",\"jwks_file\":\"%s\",\"organization_claim\":\"https://example.com/org_id\","
		 "\"roles_claim\":\"https://example.com/roles\",\"platform_role\":\"saas-platform\"%s},"
		 "{\"issuer\":\"" KEYCLOAK "\",\"audience\":\"" API "\",\"jwks_file\":\"%s\",\"organization_claim\":\"organization\","
		 "\"roles_claim\":\"realm_access.roles\",\"admin_role\":\"m2m-admin\"},"
		 "{\"issuer\":\"https://login.microsoftonline.test/{tenantid}/v2.0\",\"audience\":\"" API "\",\"jwks_file\":\"%s\","
		 "\"organization_claim\":\"tid\",\"roles_claim\":\"roles\",\"admin_role\":\"M2M.Admin\",\"create_organizations\":true%s}]",
		 auth0_path, auth0_more, keycloak_path, entra_path, entra_more);
	return text;
}

static void make_orgs(struct world *all)
{
	struct ctl_result ran;
	world_ctl(all, &ran, "org", "create", "acme", "--issuer", AUTH0, "--external-id", "org_abc123", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", acme.client_id, sizeof acme.client_id);
	ctl_value(&ran, "M2M_CLIENT_SECRET", acme.secret, sizeof acme.secret);
	ctl_value(&ran, "M2M_ORGANIZATION_ID", acme.id, sizeof acme.id);
	world_ctl(all, &ran, "org", "create", "other", "--issuer", KEYCLOAK, "--external-id", "other-inc", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", other.client_id, sizeof other.client_id);
	ctl_value(&ran, "M2M_ORGANIZATION_ID", other.id, sizeof other.id);
}

WORLD_FILLED(make_orgs, KEPT(acme), KEPT(other));

static void open_world(void)
{
	a = arena_new(1 << 22);
	cr_assert_eq(crypto_init(), ERR_OK);
	tmp_path(issuers_path, "issuers", ".json");
	tmp_path(auth0_path, "auth0", ".json");
	tmp_path(keycloak_path, "keycloak", ".json");
	tmp_path(entra_path, "entra", ".json");
	auth0_key = key_new(JWT_RS256);
	keycloak_key = key_new(JWT_ES256);
	entra_key = key_new(JWT_RS256);
	publish(auth0_path, auth0_key, "", true);
	publish(keycloak_path, keycloak_key,
		"{\"kid\":\"enc\",\"kty\":\"RSA\",\"alg\":\"RSA-OAEP\",\"use\":\"enc\",\"n\":\"AQAB\",\"e\":\"AQAB\",\"x5c\":[\"MII=\"]},",
		true);
	publish(entra_path, entra_key, "", false);
	tmp_write(issuers_path, list_of("", ""));

	world_prepare_filled(&w, false);
	env_set(&w.gateway_env, "M2M_TRUSTED_ISSUERS_FILE=%s", issuers_path);
	gateway_start(&w.gateway, &w.gateway_env);
}

static void close_world(void)
{
	signing_key_free(auth0_key);
	signing_key_free(keycloak_key);
	signing_key_free(entra_key);
	world_close(&w);
	arena_free(a);
}

TestSuite(issuers, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- tokens ---- */

#define format(...) arena_printf(a, __VA_ARGS__).p

/* Any header and any payload, signed by `key`. */
static const char *compose(struct signing_key *key, const char *header, const char *payload)
{
	struct sbuf token = sbuf_in(a, 32768);
	jws_put(&token, key, str_of(header), str_of(payload));
	return sbuf_str(&token).p;
}

static const char *header_of(const struct signing_key *key, const char *more)
{
	return format("{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%.*s\"%s}", jwt_alg_name(signing_key_alg(key)),
		      STR_ARG(signing_key_kid(key)), more);
}

static long now(void)
{
	return (long)time(NULL);
}

static const char *auth0_claims(long from_now, const char *roles, const char *more)
{
	return format("{\"iss\":\"" AUTH0 "\",\"sub\":\"auth0|5f7c8ec7c33c6c004bbafe82\",\"aud\":[\"" API "\",\"" AUTH0
		      "userinfo\"],\"iat\":%ld,"
		      "\"exp\":%ld,\"azp\":\"my_client_id\",\"scope\":\"openid profile\",\"https://example.com/org_id\":\"org_abc123\","
		      "\"https://example.com/roles\":[%s]%s}",
		      now(), now() + from_now, roles, more);
}

static const char *auth0(const char *roles)
{
	return compose(auth0_key, header_of(auth0_key, ""), auth0_claims(600, roles, ""));
}

static const char *keycloak(const char *roles)
{
	const char *payload =
		format("{\"exp\":%ld,\"iat\":%ld,\"jti\":\"onrtac:8d3\",\"iss\":\"" KEYCLOAK "\",\"aud\":\"" API "\",\"sub\":\"f1c6\","
		       "\"typ\":\"Bearer\",\"azp\":\"portal\",\"sid\":\"s\",\"acr\":\"1\",\"realm_access\":{\"roles\":[%s]},"
		       "\"resource_access\":{\"account\":{\"roles\":[\"m2m-admin\"]}},\"organization\":[\"other-inc\"]}",
		       now() + 300, now(), roles);
	return compose(keycloak_key, header_of(keycloak_key, ""), payload);
}

static const char *entra(const char *tenant, const char *roles)
{
	const char *payload =
		format("{\"aud\":\"" API "\",\"iss\":\"" ENTRA "\",\"iat\":%ld,\"nbf\":%ld,\"exp\":%ld,\"aio\":\"E2Zg\",\"azp\":\"a1\","
		       "\"azpacr\":\"1\",\"oid\":\"o1\",\"roles\":[%s],\"sub\":\"o1\",\"tid\":\"%s\",\"uti\":\"u\",\"ver\":\"2.0\"}",
		       tenant, now(), now(), now() + 3600, roles, tenant);
	return compose(entra_key, header_of(entra_key, ",\"x5t\":\"abc\""), payload);
}

static void expect_problem(const char *path, const char *bearer, int status, const char *code)
{
	expect_status(get(&w, path, bearer, &r), status);
	cr_assert(is_problem(&r, code), "%s: %s", path, r.body);
}

/* What files say is noticed within a moment. */
static bool wait_for(int status, const char *bearer)
{
	for (int ms = 0; ms < NOTICED; ms += 100) {
		if (get(&w, "/m2m/client-id", bearer, &r) == status)
			return true;
		sleep_ms(100);
	}
	return false;
}

/* ---- what opens ---- */

Test(issuers, an_auth0_admin_reads_rotates_and_exchanges_the_organization_s_credentials)
{
	char text[128];
	const char *bearer = auth0("\"member\",\"admin\"");
	expect_status(get(&w, "/m2m/client-id", bearer, &r), 200);
	cr_assert_str_eq(body_text(&r, "client_id", text, sizeof text), acme.client_id);
	expect_status(get(&w, "/m2m/client-secret", bearer, &r), 200);
	cr_assert_str_eq(body_text(&r, "client_secret", text, sizeof text), acme.secret);
	expect_status(m2m_token(&w, bearer, acme.client_id, acme.secret, &r), 200);
	expect_status(rotate(&w, bearer, 0, &r), 200);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	cr_assert_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action in ('read_secret', 'rotate_secret') and outcome = 'granted'"
			     " and actor = '" AUTH0 " auth0|5f7c8ec7c33c6c004bbafe82'"),
		     2);
	cr_assert_eq(
		sql_int(world_db(&w), "select count(*) from m2m.token_audit where caller = '" AUTH0 " auth0|5f7c8ec7c33c6c004bbafe82'"), 1);
}

Test(issuers, a_keycloak_member_reads_the_id_and_a_keycloak_admin_the_secret)
{
	char text[128];
	const char *member = keycloak("\"offline_access\",\"uma_authorization\"");
	expect_status(get(&w, "/m2m/client-id", member, &r), 200);
	cr_assert_str_eq(body_text(&r, "client_id", text, sizeof text), other.client_id);
	expect_problem("/m2m/client-secret", member, 403, "forbidden");
	expect_status(rotate(&w, member, 0, &r), 403);
	expect_status(get(&w, "/m2m/client-secret", keycloak("\"m2m-admin\""), &r), 200);
}

Test(issuers, the_organization_s_networks_hold_for_them)
{
	struct ctl_result ran;
	const char *bearer = auth0("\"member\",\"admin\"");
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--allow-network", "192.0.2.0/24");
	expect_status(get(&w, "/m2m/client-secret", bearer, &r), 200);
	world_ctl(&w, &ran, "org", "set", "acme", "--allow-network", "192.0.2.0/24");
	expect_problem("/m2m/client-id", bearer, 403, "network_not_allowed");
	expect_problem("/m2m/client-secret", bearer, 403, "network_not_allowed");
	expect_problem("/m2m/audit/tokens", bearer, 403, "network_not_allowed");
	expect_status(rotate(&w, bearer, 0, &r), 403);
	expect_status(m2m_token(&w, bearer, acme.client_id, acme.secret, &r), 403);
	world_ctl(&w, &ran, "org", "set", "acme", "--allow-network", "127.0.0.0/8");
	expect_status(get(&w, "/m2m/client-secret", bearer, &r), 200);
}

Test(issuers, grpc_takes_them_too)
{
	struct grpc_reply g;
	cr_assert_eq(grpc_get_id(&w, auth0("\"admin\""), NULL, &g), 0);
	cr_assert_eq(grpc_get_secret(&w, auth0("\"member\""), NULL, &g), 7);
}

Test(issuers, an_organization_seen_for_the_first_time_is_made_where_its_issuer_may)
{
	char id[64], secret[SECRET_MAX];
	const char *bearer = entra(TENANT, "\"M2M.Admin\"");
	expect_status(get(&w, "/m2m/client-secret", bearer, &r), 200);
	body_text(&r, "client_id", id, sizeof id);
	body_text(&r, "client_secret", secret, sizeof secret);
	expect_status(oauth_token(w.gateway.http, id, secret, &r), 200);
	expect_status(get(&w, "/m2m/client-secret", bearer, &r), 200);
	char again[SECRET_MAX];
	cr_assert_str_eq(body_text(&r, "client_secret", again, sizeof again), secret, "the second sight made nothing new");
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.organization where external_id = '" TENANT "'"), 1);
	cr_assert_eq(
		sql_int(world_db(&w),
			"select count(*) from m2m.admin_audit where action = 'create_organization' and outcome = 'granted' and actor = "
			"'https://login.microsoftonline.test/" TENANT "/v2.0 o1'"),
		1);

	expect_status(get(&w, "/m2m/client-id", entra("11111111-6c67-4c5b-b112-36a304b66dad", ""), &r), 200);
	char second[64];
	cr_assert_str_neq(body_text(&r, "client_id", second, sizeof second), id, "another tenant is another organization");
}

static const char *shared_bearer;
static void *first_sight(void *status)
{
	static _Thread_local struct http_reply mine;
	*(int *)status = get(&w, "/m2m/client-id", shared_bearer, &mine);
	return NULL;
}

Test(issuers, many_first_sights_at_once_make_one_organization)
{
	enum { THREADS = 12 };
	pthread_t threads[THREADS];
	int status[THREADS];
	shared_bearer = entra("22222222-6c67-4c5b-b112-36a304b66dad", "\"M2M.Admin\"");
	for (int i = 0; i < THREADS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, first_sight, &status[i]), 0);
	for (int i = 0; i < THREADS; i++) {
		pthread_join(threads[i], NULL);
		cr_expect_eq(status[i], 200);
	}
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.organization where external_id like '22222222-%%'"), 1);
}

Test(issuers, an_unknown_organization_is_not_made_unless_the_issuer_may)
{
	const char *payload = format("{\"iss\":\"" AUTH0 "\",\"sub\":\"u\",\"aud\":\"" API
				     "\",\"exp\":%ld,\"https://example.com/org_id\":\"org_unknown\","
				     "\"https://example.com/roles\":[\"admin\"]}",
				     now() + 60);
	expect_problem("/m2m/client-id", compose(auth0_key, header_of(auth0_key, ""), payload), 403, "forbidden");
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.organization"), 2);
}

static const char *auth0_for(const char *organization)
{
	const char *payload =
		format("{\"iss\":\"" AUTH0 "\",\"sub\":\"u\",\"aud\":\"" API "\",\"exp\":%ld,\"https://example.com/org_id\":%s,"
		       "\"https://example.com/roles\":[\"admin\"]}",
		       now() + 60, organization);
	return compose(auth0_key, header_of(auth0_key, ""), payload);
}

Test(issuers, an_organization_may_be_named_by_its_id_but_not_one_of_another_issuer)
{
	struct org free_one;
	char text[64];
	org_create(&w, "free", &free_one);
	expect_status(get(&w, "/m2m/client-id", auth0_for(format("\"%s\"", free_one.id)), &r), 200);
	cr_assert_str_eq(body_text(&r, "client_id", text, sizeof text), free_one.client_id);
	expect_problem("/m2m/client-id", auth0_for(format("\"%s\"", other.id)), 403, "forbidden");
	expect_problem("/m2m/client-id", auth0_for("\"other-inc\""), 403, "forbidden");
}

Test(issuers, a_disabled_organization_is_shut_out)
{
	struct ctl_result ran;
	world_ctl(&w, &ran, "org", "disable", "acme");
	expect_problem("/m2m/client-id", auth0("\"admin\""), 401, "invalid_token");
	world_ctl(&w, &ran, "org", "enable", "acme");
	expect_status(get(&w, "/m2m/client-id", auth0("\"admin\""), &r), 200);
}

Test(issuers, the_platform_s_role_opens_the_operator_s_api_and_no_other_role_does)
{
	expect_status(get(&w, "/admin/organizations", auth0("\"saas-platform\""), &r), 200);
	expect_problem("/admin/organizations", auth0("\"admin\""), 403, "forbidden");
	expect_problem("/admin/organizations", keycloak("\"m2m-admin\",\"platform\",\"saas-platform\""), 403, "forbidden");
	/* nobody asks which organization it is of: what it may not do is counted, and has no row */
	cr_assert_eq(
		http_call(w.gateway.http,
			  &(struct http_request){.method = "DELETE", .path = "/admin/organizations/other", .bearer = auth0("\"admin\"")},
			  &r),
		403);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where outcome = 'forbidden'"), 0);
}

/* Entra ID lists up to 200 groups. */
/* RFC 9449 section 7, also for tokens that somebody else has bound. */
Test(issuers, a_bound_token_needs_a_proof_of_its_key)
{
	struct client_key_pair holder;
	char proof[TOKEN_MAX];
	client_key_make(&holder, JWT_ES256);
	const char *bearer = compose(auth0_key, header_of(auth0_key, ""),
				     auth0_claims(600, "\"admin\"", format(",\"cnf\":{\"jkt\":\"%s\"}", holder.id)));
	expect_problem("/m2m/client-id", bearer, 401, "invalid_token");
	proof_new(&holder, &(struct proof){.method = "GET", .url = DPOP_URL "/m2m/client-id", .token = bearer}, proof);
	expect_status(call_with_proof(w.gateway.http, "/m2m/client-id", NULL, "DPoP", bearer, proof, &r), 200);
	expect_status(call_with_proof(w.gateway.http, "/m2m/client-id", NULL, "DPoP", bearer, proof, &r), 401);
	cr_expect(is_problem(&r, "proof_replayed"), "%s", r.body);
	bearer = compose(auth0_key, header_of(auth0_key, ""),
			 auth0_claims(600, "\"saas-platform\"", format(",\"cnf\":{\"jkt\":\"%s\"}", holder.id)));
	expect_problem("/admin/organizations", bearer, 401, "invalid_token");
	proof_new(&holder, &(struct proof){.method = "GET", .url = DPOP_URL "/admin/organizations", .token = bearer}, proof);
	expect_status(call_with_proof(w.gateway.http, "/admin/organizations", NULL, "DPoP", bearer, proof, &r), 200);
	expect_status(call_with_proof(w.gateway.http, "/admin/organizations", NULL, "DPoP", bearer, proof, &r), 401);
	bearer = compose(auth0_key, header_of(auth0_key, ""), auth0_claims(600, "\"admin\"", ",\"cnf\":{\"kid\":\"x\"}"));
	expect_problem("/m2m/client-id", bearer, 401, "invalid_token");
	signing_key_free(holder.key);
}

Test(issuers, a_token_may_be_as_long_as_headers_may)
{
	enum { GROUPS = 240 };
	struct grpc_reply g;
	struct sbuf groups = sbuf_in(a, 16384);
	sbuf_putz(&groups, ",\"groups\":[\"0\"");
	for (int i = 0; i < GROUPS; i++)
		sbuf_printf(&groups, ",\"8e7f2b0c-5f4d-4b52-a1d2-%012d\"", i);
	sbuf_putc(&groups, ']');
	const char *bearer = compose(auth0_key, header_of(auth0_key, ""), auth0_claims(600, "\"admin\"", sbuf_str(&groups).p));
	cr_assert(strlen(bearer) > 13000 && strlen(bearer) < 15000, "%zu", strlen(bearer));
	expect_status(get(&w, "/m2m/client-secret", bearer, &r), 200);
	cr_assert_eq(grpc_get_secret(&w, bearer, NULL, &g), 0);

	char *longer = arena_alloc(a, 20001);
	memset(longer, 'a', 20000);
	longer[20000] = '\0';
	expect_problem("/m2m/client-id", longer, 431, "headers_too_large");
}

Test(issuers, a_token_without_kid_is_taken_where_few_keys_fit)
{
	struct signing_key *others[4];
	char *more = arena_alloc(a, 8192);
	const char *bearer = compose(keycloak_key, "{\"alg\":\"ES256\"}",
				     format("{\"iss\":\"" KEYCLOAK "\",\"sub\":\"u\",\"aud\":\"" API "\",\"exp\":%ld.5,\"nbf\":%ld.25,"
					    "\"organization\":\"other-inc\"}",
					    now() + 60, now()));
	expect_status(get(&w, "/m2m/client-id", bearer, &r), 200);

	more[0] = '\0';
	for (int i = 0; i < 4; i++) {
		struct sbuf jwk = sbuf_in(a, 1024);
		others[i] = key_new(JWT_ES256);
		cr_assert_eq(signing_key_public_jwk(others[i], &jwk), ERR_OK);
		snprintf(more + strlen(more), 1024, "%s,", sbuf_str(&jwk).p);
	}
	publish(keycloak_path, keycloak_key, more, true);
	cr_assert(wait_for(401, bearer));
	cr_assert(is_problem(&r, "invalid_token") && strstr(r.body, "no kid") != NULL, "%s", r.body);
	for (int i = 0; i < 4; i++)
		signing_key_free(others[i]);
}

/* ---- what doesn't ---- */

static void expect_shut(const char *what, const char *bearer)
{
	int status = get(&w, "/m2m/client-id", bearer, &r);
	cr_expect(status == 401 && is_problem(&r, "invalid_token"), "%s was answered %d: %s", what, status, r.body);
}

/* The symmetric attack: HS256 with what everybody may read as the key. */
static const char *hmac_token(const char *alg, struct str secret, const char *kid)
{
	uint8_t mac[SHA256_LEN];
	struct sbuf token = sbuf_in(a, 8192);
	sbuf_put_base64url(&token, str_of(format("{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}", alg, kid)));
	sbuf_putc(&token, '.');
	sbuf_put_base64url(&token, str_of(auth0_claims(600, "\"admin\"", "")));
	unsigned mac_n = sizeof mac;
	cr_assert_not_null(HMAC(EVP_sha256(), secret.p, (int)secret.n, (const uint8_t *)token.p, token.n, mac, &mac_n));
	sbuf_putc(&token, '.');
	sbuf_put_base64url(&token, str_from(mac, sizeof mac));
	return sbuf_str(&token).p;
}

Test(issuers, every_known_forgery_is_refused)
{
	const char *good = auth0_claims(600, "\"admin\"", "");
	const char *kid = format("%.*s", STR_ARG(signing_key_kid(auth0_key)));
	char *jwks = tmp_read(auth0_path, NULL);
	struct signing_key *stranger = key_new(JWT_RS256);
	struct signing_key *stranger_ec = key_new(JWT_ES256);
	const char *as_auth0 = format("{\"alg\":\"RS256\",\"typ\":\"JWT\",\"kid\":\"%s\"}", kid);
	struct sbuf jwk = sbuf_in(a, 4096);
	cr_assert_eq(signing_key_public_jwk(stranger, &jwk), ERR_OK);

	static const char *const none[] = {"none", "None", "NONE", "nOnE"};
	for (size_t i = 0; i < 4; i++) {
		struct sbuf t = sbuf_in(a, 8192);
		sbuf_put_base64url(&t, str_of(format("{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}", none[i], kid)));
		sbuf_putc(&t, '.');
		sbuf_put_base64url(&t, str_of(good));
		sbuf_putc(&t, '.');
		expect_shut(none[i], sbuf_str(&t).p);
	}
	expect_shut("HMAC with the public JWK Set", hmac_token("HS256", str_of(jwks), kid));
	BIO *pem = auth0_key->public_pem;
	char *pem_text = NULL;
	long pem_n = BIO_get_mem_data(pem, &pem_text);
	expect_shut("HMAC with the public PEM", hmac_token("HS256", str_from(pem_text, (size_t)pem_n), kid));
	expect_shut("HMAC with an empty key", hmac_token("HS256", STR(""), kid));
	expect_shut("HMAC called RS256", hmac_token("RS256", str_from(pem_text, (size_t)pem_n), kid));

	expect_shut("a stranger's key under the issuer's kid", compose(stranger, as_auth0, good));
	expect_shut("a stranger's key of another type", compose(stranger_ec, format("{\"alg\":\"ES256\",\"kid\":\"%s\"}", kid), good));
	expect_shut("PS256 for an RS256 key", compose(auth0_key, format("{\"alg\":\"PS256\",\"kid\":\"%s\"}", kid), good));
	expect_shut("another issuer's key", compose(keycloak_key, header_of(keycloak_key, ""), good));
	expect_shut("the header's own jwk", compose(stranger, format("{\"alg\":\"RS256\",\"kid\":\"%s\",\"jwk\":%s}", kid, jwk.p), good));
	expect_shut("jku", compose(auth0_key, header_of(auth0_key, ",\"jku\":\"https://evil.test/jwks.json\""), good));
	expect_shut("x5u", compose(auth0_key, header_of(auth0_key, ",\"x5u\":\"https://evil.test/cert.pem\""), good));
	expect_shut("x5c", compose(auth0_key, header_of(auth0_key, ",\"x5c\":[\"MII=\"]"), good));
	expect_shut("crit", compose(auth0_key, header_of(auth0_key, ",\"crit\":[\"exp\"]"), good));
	expect_shut("b64", compose(auth0_key, header_of(auth0_key, ",\"b64\":false"), good));
	expect_shut("alg twice", compose(auth0_key, format("{\"alg\":\"none\",\"alg\":\"RS256\",\"kid\":\"%s\"}", kid), good));
	expect_shut("no kid, a stranger's key", compose(stranger, "{\"alg\":\"RS256\",\"typ\":\"JWT\"}", good));
	expect_shut("no kid, another alg", compose(auth0_key, "{\"alg\":\"PS256\",\"typ\":\"JWT\"}", good));
	expect_shut("no kid, HMAC", hmac_token("HS256", str_from(pem_text, (size_t)pem_n), "\",\"x\":\""));
	expect_shut("another typ", compose(auth0_key, format("{\"alg\":\"RS256\",\"typ\":\"dpop+jwt\",\"kid\":\"%s\"}", kid), good));

	static const char *const kids[] = {
		"../../../../etc/passwd", "' or '1'='1", "\\\" or 1", "%00", "a\\u0000b", "file:///dev/null", ""};
	for (size_t i = 0; i < sizeof kids / sizeof *kids; i++)
		expect_shut(kids[i], compose(auth0_key, format("{\"alg\":\"RS256\",\"kid\":\"%s\"}", kids[i]), good));
	char *long_kid = arena_alloc(a, 5001);
	memset(long_kid, 'k', 5000);
	long_kid[5000] = '\0';
	expect_shut("a kid of 5 KB", compose(auth0_key, format("{\"alg\":\"RS256\",\"kid\":\"%s\"}", long_kid), good));

	expect_status(get(&w, "/m2m/client-id", compose(auth0_key, as_auth0, good), &r), 200);
	signing_key_free(stranger);
	signing_key_free(stranger_ec);
	free(jwks);
}

Test(issuers, claims_that_do_not_hold_are_refused)
{
	static const char *const times[] = {"\"exp\":\"soon\"",
					    "\"exp\":1e99",
					    "\"exp\":99999999999999999999999",
					    "\"exp\":-1",
					    "\"exp\":0",
					    "\"exp\":1.5",
					    "\"exp\":9223372036854775808",
					    "\"exp\":null",
					    "\"exp\":[9999999999]",
					    "\"nbf\":1e99",
					    "\"iat\":1",
					    "\"exp\":4102444800,\"nbf\":\"now\"",
					    "\"exp\":4102444800,\"iat\":-0.5"};
	for (size_t i = 0; i < sizeof times / sizeof *times; i++)
		expect_shut(times[i], compose(auth0_key, header_of(auth0_key, ""),
					      format("{\"iss\":\"" AUTH0 "\",\"sub\":\"u\",\"aud\":\"" API
						     "\",\"https://example.com/org_id\":\"org_abc123\",%s}",
						     times[i])));
	static const char *const bodies[] = {
		"{\"iss\":\"" AUTH0 "x\",\"sub\":\"u\",\"aud\":\"" API
		"\",\"https://example.com/org_id\":\"org_abc123\",\"exp\":4102444800}",
		"{\"iss\":[\"" AUTH0 "\"],\"sub\":\"u\",\"aud\":\"" API
		"\",\"https://example.com/org_id\":\"org_abc123\",\"exp\":4102444800}",
		"{\"iss\":\"" AUTH0 "\",\"sub\":\"u\",\"aud\":\"other\",\"https://example.com/org_id\":\"org_abc123\",\"exp\":4102444800}",
		"{\"iss\":\"" AUTH0 "\",\"sub\":\"u\",\"https://example.com/org_id\":\"org_abc123\",\"exp\":4102444800}",
		"{\"iss\":\"" AUTH0 "\",\"sub\":\"u\",\"aud\":{\"" API
		"\":1},\"https://example.com/org_id\":\"org_abc123\",\"exp\":4102444800}",
		"{\"iss\":\"" AUTH0 "\",\"aud\":\"" API "\",\"https://example.com/org_id\":\"org_abc123\",\"exp\":4102444800}",
		"{\"iss\":\"" AUTH0 "\",\"sub\":7,\"aud\":\"" API "\",\"https://example.com/org_id\":\"org_abc123\",\"exp\":4102444800}",
		"{\"iss\":\"" AUTH0 "\",\"sub\":\"u\\u0000\",\"aud\":\"" API
		"\",\"https://example.com/org_id\":\"org_abc123\",\"exp\":4102444800}",
		"{\"iss\":\"" AUTH0 "\",\"sub\":\"u\",\"aud\":\"" API
		"\",\"https://example.com/org_id\":[\"org_abc123\",\"org_b\"],\"exp\":4102444800}",
		"{\"iss\":\"" AUTH0 "\",\"iss\":\"" AUTH0 "\",\"sub\":\"u\",\"aud\":\"" API
		"\",\"https://example.com/org_id\":\"org_abc123\",\"exp\":4102444800}",
		"[]",
		"\"" AUTH0 "\"",
		"{",
		"",
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++)
		expect_shut(bodies[i], compose(auth0_key, header_of(auth0_key, ""), bodies[i]));
}

Test(issuers, damaged_tokens_are_refused)
{
	const char *good = auth0("\"admin\"");
	size_t n = strlen(good);
	char *bad = arena_alloc(a, 2 * n + 16);
	for (size_t cut = 0; cut < n; cut += 37) {
		snprintf(bad, cut + 1, "%s", good);
		int status = get(&w, "/m2m/client-id", bad, &r);
		cr_expect_eq(status, 401, "cut at %zu: %d", cut, status);
	}
	snprintf(bad, 2 * n + 16, "%s.%s", good, good);
	expect_shut("twice", bad);
	snprintf(bad, 2 * n + 16, "%s=", good);
	expect_shut("padded", bad);
	snprintf(bad, 2 * n + 16, "%s", good);
	bad[n / 2] = bad[n / 2] == 'A' ? 'B' : 'A';
	expect_shut("a changed byte", bad);
}

Test(issuers, clocks_may_differ_by_half_a_minute)
{
	const char *header = header_of(auth0_key, "");
	expect_status(get(&w, "/m2m/client-id", compose(auth0_key, header, auth0_claims(-15, "\"admin\"", "")), &r), 200);
	expect_shut("expired", compose(auth0_key, header, auth0_claims(-45, "\"admin\"", "")));
	expect_status(get(&w, "/m2m/client-id", compose(auth0_key, header, auth0_claims(600, "", format(",\"nbf\":%ld", now() + 15))), &r),
		      200);
	expect_shut("not yet", compose(auth0_key, header, auth0_claims(600, "", format(",\"nbf\":%ld", now() + 60))));
}

Test(issuers, a_tenant_can_t_speak_for_another)
{
	const char *payload =
		format("{\"aud\":\"" API "\",\"iss\":\"" ENTRA "\",\"exp\":%ld,\"sub\":\"o1\",\"roles\":[\"M2M.Admin\"],\"tid\":\"%s\"}",
		       TENANT, now() + 60, "33333333-6c67-4c5b-b112-36a304b66dad");
	expect_shut("iss of one tenant, tid of another", compose(entra_key, header_of(entra_key, ""), payload));
}

/* ---- what changes ---- */

Test(issuers, files_are_read_again_when_they_change)
{
	struct signing_key *next = key_new(JWT_EDDSA);
	const char *before = auth0("\"admin\"");
	const char *after = compose(next, header_of(next, ""), auth0_claims(600, "\"admin\"", ""));
	expect_status(get(&w, "/m2m/client-id", before, &r), 200);
	expect_shut("a key that isn't there yet", after);
	publish(auth0_path, next, "", true);
	cr_assert(wait_for(200, after), "the new key wasn't noticed");
	expect_shut("a key that is gone", before);

	tmp_write(issuers_path, "[{\"issuer\":");
	sleep_ms(1500);
	expect_status(get(&w, "/m2m/client-id", after, &r), 200);
	tmp_write(issuers_path, "[]");
	cr_assert(wait_for(401, after), "an issuer that left the list is still trusted");
	tmp_write(issuers_path, list_of("", ""));
	cr_assert(wait_for(200, after), "an issuer that came back isn't trusted");
	cr_assert_gt(gateway_log_wait(&w.gateway, "issuer", 1, NULL, 0), 0, "nothing was said about the broken list");
	signing_key_free(next);
}

/* ---- over HTTPS ---- */

struct https {
	pid_t pid;
	uint16_t port;
	char dir[TMP_PATH];
};

static void https_files(struct https *s, const struct signing_key *key, const char *cache_control)
{
	char path[TMP_PATH + 32], body[TMP_PATH + 32];
	snprintf(body, sizeof body, "%s/body.json", s->dir);
	publish(body, key, "", true);
	char *text = tmp_read(body, NULL);
	snprintf(path, sizeof path, "%s/jwks", s->dir);
	tmp_write(path, format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nCache-Control: %s\r\nConnection: close\r\n\r\n%s",
			       cache_control, text));
	free(text);
}

Test(issuers, keys_over_https_follow_the_issuer_and_outlive_an_outage)
{
	struct https s;
	struct signing_key *next = key_new(JWT_ES256);
	https_folder(s.dir);
	s.port = free_port();
	https_files(&s, auth0_key, "max-age=600");
	s.pid = https_serve(s.dir, s.port);
	tmp_write(issuers_path,
		  format("[{\"issuer\":\"" AUTH0 "\",\"audience\":\"" API
			 "\",\"jwks_url\":\"https://localhost:%u/jwks\",\"ca_file\":\"%s/cert.pem\","
			 "\"organization_claim\":\"https://example.com/org_id\",\"roles_claim\":\"https://example.com/roles\"}]",
			 s.port, s.dir));
	const char *first = auth0("\"admin\"");
	const char *second = compose(next, header_of(next, ""), auth0_claims(600, "\"admin\"", ""));
	cr_assert(wait_for(401, keycloak("")), "the new list wasn't noticed");
	cr_assert(wait_for(200, first), "%s", r.body);

	/* the issuer rotates, long before the cache would ask again */
	https_files(&s, next, "max-age=600");
	int64_t ms = 0;
	while (get(&w, "/m2m/client-id", second, &r) != 200 && ms < 15000) {
		cr_assert_eq(r.status, 401, "%s", r.body);
		sleep_ms(250);
		ms += 250;
	}
	cr_assert_eq(r.status, 200, "an unknown kid didn't lead to the new keys: %s", r.body);

	proc_kill(s.pid);
	expect_status(get(&w, "/m2m/client-id", second, &r), 200);
	expect_shut("a kid that is nowhere, while the issuer is away", first);
	expect_status(get(&w, "/m2m/client-id", second, &r), 200);
	signing_key_free(next);
}

/* The list with the server's `path` as the only source of keys. */
static void trust_https(const struct https *s, const char *path, bool with_ca)
{
	tmp_write(issuers_path,
		  format("[{\"issuer\":\"" AUTH0 "\",\"audience\":\"" API "\",\"jwks_url\":\"https://localhost:%u/%s\",%s"
			 "\"organization_claim\":\"https://example.com/org_id\",\"roles_claim\":\"https://example.com/roles\"}]",
			 s->port, path, with_ca ? format("\"ca_file\":\"%s/cert.pem\",", s->dir) : ""));
}

/* What the server answers at `path`, head and all. */
static void https_put(const struct https *s, const char *path, const char *answer)
{
	char file[TMP_PATH + 64];
	snprintf(file, sizeof file, "%s/%s", s->dir, path);
	tmp_write(file, answer);
}

static void expect_logged(const char *text)
{
	for (int ms = 0; gateway_log_count(&w.gateway, text, NULL, 0) == 0; ms += 100) {
		cr_assert_lt(ms, NOTICED, "nothing was said of: %s", text);
		sleep_ms(100);
	}
}

Test(issuers, a_fetch_is_bounded_and_stays_with_its_host)
{
	struct https s;
	https_folder(s.dir);
	s.port = free_port();
	https_files(&s, auth0_key, "max-age=600");
	s.pid = https_serve(s.dir, s.port);
	const char *bearer = auth0("\"admin\"");

	trust_https(&s, "jwks", false);
	expect_logged("certificate");
	cr_assert(wait_for(503, bearer), "%s", r.body);

	https_put(&s, "elsewhere",
		  format("HTTP/1.1 302 Found\r\nLocation: https://127.0.0.1:%u/jwks\r\nConnection: close\r\n\r\n", s.port));
	trust_https(&s, "elsewhere", true);
	expect_logged("a redirect to another host");
	cr_assert(wait_for(503, bearer), "%s", r.body);

	https_put(&s, "plain", format("HTTP/1.1 302 Found\r\nLocation: http://localhost:%u/jwks\r\nConnection: close\r\n\r\n", s.port));
	trust_https(&s, "plain", true);
	sleep_ms(1500);
	cr_assert(wait_for(503, bearer), "%s", r.body);

	https_put(&s, "circle", "HTTP/1.1 302 Found\r\nLocation: /circle\r\nConnection: close\r\n\r\n");
	trust_https(&s, "circle", true);
	expect_logged("more than 3 redirects");

	char *huge = calloc(1, 400000);
	memset(huge, ' ', 399999);
	memcpy(huge, "HTTP/1.1 200 OK\r\n\r\n{", 20);
	https_put(&s, "huge", huge);
	free(huge);
	trust_https(&s, "huge", true);
	expect_logged("larger than 262144 bytes");

	https_put(&s, "broken", "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n<html>sign in</html>");
	trust_https(&s, "broken", true);
	expect_logged("not a usable JWK Set");

	https_put(&s, "here", "HTTP/1.1 302 Found\r\nLocation: /jwks\r\nConnection: close\r\n\r\n");
	trust_https(&s, "here", true);
	cr_assert(wait_for(200, bearer), "the host's own redirect is followed: %s", r.body);
	proc_kill(s.pid);
}

static void *ask(void *status)
{
	static _Thread_local struct http_reply mine;
	*(int *)status = get(&w, "/m2m/client-id", shared_bearer, &mine);
	return NULL;
}

/* It takes the connection and says nothing. */
Test(issuers, an_issuer_that_hangs_holds_up_nobody_else)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof at;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	cr_assert(fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 8) == 0);
	cr_assert_eq(getsockname(fd, (struct sockaddr *)&at, &n), 0);
	tmp_write(issuers_path, format("[{\"issuer\":\"" AUTH0 "\",\"audience\":\"" API "\",\"jwks_url\":\"https://127.0.0.1:%u/jwks\","
				       "\"organization_claim\":\"o\"},"
				       "{\"issuer\":\"" KEYCLOAK "\",\"audience\":\"" API "\",\"jwks_file\":\"%s\","
				       "\"organization_claim\":\"organization\"}]",
				       ntohs(at.sin_port), keycloak_path));
	for (int ms = 0; gateway_log_count(&w.gateway, "\"trusted_issuers_loaded\"", NULL, 0) < 2 && ms < NOTICED; ms += 100)
		sleep_ms(100);
	shared_bearer = auth0("\"admin\"");
	pthread_t thread;
	int status = 0;
	int64_t before = clock_mono_us();
	cr_assert_eq(pthread_create(&thread, NULL, ask, &status), 0);
	const char *member = keycloak("");
	for (int i = 0; i < 20; i++) {
		int64_t asked = clock_mono_us();
		expect_status(get(&w, "/m2m/client-id", member, &r), 200);
		expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
		cr_assert_lt(clock_mono_us() - asked, 2000000, "it waited for an issuer that isn't its own");
	}
	pthread_join(thread, NULL);
	cr_assert_eq(status, 503);
	cr_assert_lt(clock_mono_us() - before, 12000000);
	close(fd);
}

Test(issuers, an_issuer_that_was_never_reached_is_said_to_be_unavailable)
{
	tmp_write(issuers_path, "[{\"issuer\":\"" AUTH0 "\",\"audience\":\"" API
				"\",\"jwks_url\":\"https://127.0.0.1:9/jwks\",\"organization_claim\":\"o\"}]");
	cr_assert(wait_for(503, auth0("")), "%s", r.body);
	cr_assert(is_problem(&r, "issuer_unavailable"), "%s", r.body);
	char text[16];
	cr_assert_str_eq(http_header(&r, "Retry-After", text, sizeof text), "1");
}

Test(issuers, a_list_that_can_t_be_understood_stops_the_start)
{
	struct gateway g = {0};
	struct env env = w.gateway_env;
	tmp_write(issuers_path,
		  "[{\"issuer\":\"https://a.test\",\"audience\":\"x\",\"jwks_url\":\"http://a.test/jwks\",\"organization_claim\":\"o\"}]");
	gateway_launch(&g, &env);
	cr_assert_not(gateway_wait_listening(&g, 5000));
	cr_assert_gt(gateway_log_wait(&g, "https", 1, NULL, 0), 0);
	gateway_kill(&g);
}
