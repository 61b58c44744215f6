/* Clients that show their platform's token in place of a secret (RFC 7523), against a real daemon.
 * What a token must say is tested by table in tests/unit/op. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/sbuf.h"
#include "crypto/signing_key.h"
#include "crypto/signing_key_parts.h"
#include "harness/client_key.h"
#include "harness/expect.h"
#include "harness/jws.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define OURS     "https://issuer.test"
#define EKS      "https://oidc.eks.eu-west-1.amazonaws.test/id/EXAMPLED539D4633E53DE1B71EXAMPLE"
#define GITHUB   "https://token.actions.githubusercontent.com"
#define SPIFFE   "spiffe://example.org/ns/prod/sa/web"
#define GITLAB   "https://gitlab.test"
#define GOOGLE   "https://accounts.google.test"
#define AZURE    "https://login.microsoftonline.test/"
#define TENANT   "9188040d-6c67-4c5b-b112-36a304b66dad"
#define NO_MATCH "The assertion isn't one of this client's workloads, or there is no such client."

static struct world w;
static struct gateway second;
static struct env without_issuers;
static struct org acme, other;
static struct http_reply r;
static struct arena *a;
static struct signing_key *key;
static struct ctl_result ran;

static void publish(const char *path)
{
	struct sbuf jwk = sbuf_in(a, 4096);
	char text[8192];
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	snprintf(text, sizeof text, "{\"keys\":[%.*s]}", STR_ARG(sbuf_str(&jwk)));
	tmp_write(path, text);
}

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other));

static void open_world(void)
{
	char issuers[TMP_PATH], keys[TMP_PATH], text[4096];
	a = arena_new(1 << 20);
	cr_assert_eq(crypto_init(), ERR_OK);
	cr_assert_eq(signing_key_generate(JWT_ES256, &key), ERR_OK);
	tmp_path(issuers, "issuers", ".json");
	tmp_path(keys, "keys", ".json");
	publish(keys);
	snprintf(text, sizeof text,
		 "[{\"issuer\":\"" EKS "\",\"jwks_file\":\"%s\",\"workloads\":true},"
		 "{\"issuer\":\"" GITHUB "\",\"jwks_file\":\"%s\",\"workloads\":true},"
		 "{\"issuer\":\"" GITLAB "\",\"jwks_file\":\"%s\",\"workloads\":true},"
		 "{\"issuer\":\"" GOOGLE "\",\"jwks_file\":\"%s\",\"workloads\":true},"
		 "{\"issuer\":\"" AZURE "{tenantid}/v2.0\",\"jwks_file\":\"%s\",\"workloads\":true},"
		 "{\"spiffe_trust_domain\":\"example.org\",\"jwks_file\":\"%s\",\"workloads\":true}]",
		 keys, keys, keys, keys, keys, keys);
	tmp_write(issuers, text);
	world_prepare_filled(&w, false);
	without_issuers = w.gateway_env;
	env_set(&w.gateway_env, "M2M_TRUSTED_ISSUERS_FILE=%s", issuers);
	gateway_start(&w.gateway, &w.gateway_env);
}

static void close_world(void)
{
	signing_key_free(key);
	if (second.pid != 0)
		gateway_stop(&second, 15000);
	world_close(&w);
	arena_free(a);
}

TestSuite(workload_tokens, .init = open_world, .fini = close_world, .timeout = 120);

/* A token signed by the platform, with `claims` after aud and exp. */
static const char *platform(const char *audience, long from_now, const char *claims)
{
	char header[256], payload[2048];
	struct sbuf token = sbuf_in(a, 8192);
	snprintf(header, sizeof header, "{\"alg\":\"ES256\",\"kid\":\"%.*s\"}", STR_ARG(signing_key_kid(key)));
	snprintf(payload, sizeof payload, "{\"aud\":[\"%s\"],\"exp\":%ld,%s}", audience, (long)time(NULL) + from_now, claims);
	jws_put(&token, key, str_of(header), str_of(payload));
	sbuf_putc(&token, '\0');
	return sbuf_str(&token).p;
}

static int show(const char *token, const struct org *o)
{
	char more[128];
	snprintf(more, sizeof more, "&client_id=%s", o->client_id);
	return assertion_token(w.gateway.http, token, more, &r);
}

static int grant(const char *token, const struct org *o)
{
	char form[TOKEN_MAX + 256];
	snprintf(form, sizeof form, "grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer&client_id=%s&assertion=%s",
		 o->client_id, token);
	return post_form(&w, "/oauth2/token", NULL, form, &r);
}

static void expect_row(const char *want)
{
	cr_expect_str_eq(sql_text(world_db(&w),
				  "select auth_method || ' ' || credential from m2m.tokens_issued where client_id = '%s'"
				  " order by issued_at desc limit 1",
				  acme.client_id),
			 want);
}

static void expect_refused(const char *token, const struct org *o, const char *why)
{
	char said[512];
	expect_status(show(token, o), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	cr_expect_str_eq(body_text(&r, "error_description", said, sizeof said), why);
}

#define POD "\"iss\":\"" EKS "\",\"sub\":\"system:serviceaccount:prod:web\",\"kubernetes.io\":{\"namespace\":\"prod\"}"

static void add_pod(void)
{
	world_ctl(&w, &ran, "client", "workload", "add", "--org", "acme", "--kubernetes", "prod/web", "--issuer", EKS, "--claim",
		  "/kubernetes.io/namespace=prod", "--audience", OURS, "--output", "env");
}

Test(workload_tokens, a_pod_s_token_gets_ours_as_assertion_and_as_grant)
{
	add_pod();
	const char *token = platform(OURS, 3600, POD);
	expect_status(show(token, &acme), 200);
	expect_row("workload " EKS " system:serviceaccount:prod:web");
	expect_status(grant(token, &acme), 200);
	expect_row("jwt_bearer " EKS " system:serviceaccount:prod:web");
}

Test(workload_tokens, a_jwt_svid_needs_neither_iss_nor_jti)
{
	world_ctl(&w, &ran, "client", "workload", "add", "--org", "acme", "--spiffe", SPIFFE, "--audience", OURS);
	expect_status(show(platform(OURS, 300, "\"sub\":\"" SPIFFE "\""), &acme), 200);
	expect_row("workload example.org " SPIFFE);
}

Test(workload_tokens, a_job_s_token_is_good_once_and_for_its_environment)
{
	world_ctl(&w, &ran, "client", "workload", "add", "--org", "acme", "--github", "acme/shop:production", "--audience", OURS);
	const char *token = platform(OURS, 300,
				     "\"iss\":\"" GITHUB "\",\"sub\":\"repo:acme/shop:environment:production\",\"jti\":\"1\","
				     "\"repository\":\"acme/shop\",\"environment\":\"production\"");
	expect_status(show(token, &acme), 200);
	expect_status(show(token, &acme), 401);
	expect_refused(platform(OURS, 300,
				"\"iss\":\"" GITHUB "\",\"sub\":\"repo:acme/shop:environment:test\",\"jti\":\"2\","
				"\"repository\":\"acme/shop\",\"environment\":\"test\""),
		       &acme, NO_MATCH);
}

Test(workload_tokens, what_does_not_fit_is_refused)
{
	add_pod();
	expect_refused(platform("https://else.test", 300, POD), &acme, NO_MATCH);
	expect_refused(platform(OURS, 300, POD), &other, NO_MATCH);
	expect_refused(platform(OURS, -60, POD), &acme, "The assertion has expired: its exp is in the past (RFC 7523 section 3).");
	expect_status(get(&w, "/m2m/client-id", platform(OURS, 300, POD), &r), 401);
}

Test(workload_tokens, a_removed_workload_gets_nothing_from_then_on)
{
	char id[64];
	add_pod();
	ctl_value(&ran, "M2M_CREDENTIAL_ID", id, sizeof id);
	expect_status(show(platform(OURS, 300, POD), &acme), 200);
	world_ctl(&w, &ran, "client", "workload", "remove", "--org", "acme", "--", id);
	expect_refused(platform(OURS, 300, POD), &acme, NO_MATCH);
}

/* A workload known by its iss and sub, whose platform sets no jti. */
static void expect_taken(const char *issuer, const char *subject, const char *claims)
{
	char row[512];
	world_ctl(&w, &ran, "client", "workload", "add", "--org", "acme", "--issuer", issuer, "--subject", subject, "--audience", OURS,
		  "--may-replay");
	expect_status(show(platform(OURS, 300, claims), &acme), 200);
	snprintf(row, sizeof row, "workload %s %s", issuer, subject);
	expect_row(row);
}

Test(workload_tokens, gitlab_google_and_azure_are_taken)
{
	expect_taken(GITLAB, "project_path:acme/shop:ref_type:branch:ref:main",
		     "\"iss\":\"" GITLAB "\",\"sub\":\"project_path:acme/shop:ref_type:branch:ref:main\",\"jti\":\"g\"");
	expect_taken(GOOGLE, "107517467455664443766",
		     "\"iss\":\"" GOOGLE "\",\"sub\":\"107517467455664443766\",\"azp\":\"107517467455664443766\"");
	expect_taken(AZURE TENANT "/v2.0", "o1", "\"iss\":\"" AZURE TENANT "/v2.0\",\"sub\":\"o1\",\"tid\":\"" TENANT "\"");
}

Test(workload_tokens, another_subject_and_another_claim_are_refused)
{
	add_pod();
	expect_refused(platform(OURS, 300,
				"\"iss\":\"" EKS "\",\"sub\":\"system:serviceaccount:prod:db\",\"kubernetes.io\":{\"namespace\":\"prod\"}"),
		       &acme, NO_MATCH);
	expect_refused(platform(OURS, 300,
				"\"iss\":\"" EKS
				"\",\"sub\":\"system:serviceaccount:prod:web\",\"kubernetes.io\":{\"namespace\":\"test\"}"),
		       &acme, NO_MATCH);
	expect_status(assertion_token(w.gateway.http, platform(OURS, 300, POD), "", &r), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_status(grant(platform("https://else.test", 300, POD), &acme), 400);
	cr_expect(is_oauth_error(&r, "invalid_grant"), "%s", r.body);
}

Test(workload_tokens, a_token_without_jti_or_of_more_than_a_day_needs_may_replay)
{
	world_ctl(&w, &ran, "client", "workload", "add", "--org", "acme", "--issuer", GITLAB, "--subject", "s", "--audience", OURS);
	expect_refused(platform(OURS, 300, "\"iss\":\"" GITLAB "\",\"sub\":\"s\""), &acme,
		       "The assertion lacks jti, and its workload isn't registered with may_replay.");
	expect_refused(platform(OURS, 90000, "\"iss\":\"" GITLAB "\",\"sub\":\"s\",\"jti\":\"1\""), &acme,
		       "The assertion is good for longer than a day, and its workload isn't registered with may_replay.");
}

Test(workload_tokens, a_token_that_is_good_once_is_so_at_all_gateways)
{
	char more[128];
	world_ctl(&w, &ran, "client", "workload", "add", "--org", "acme", "--issuer", GITLAB, "--subject", "s", "--audience", OURS);
	gateway_start(&second, &w.gateway_env);
	const char *token = platform(OURS, 300, "\"iss\":\"" GITLAB "\",\"sub\":\"s\",\"jti\":\"1\"");
	snprintf(more, sizeof more, "&client_id=%s", acme.client_id);
	expect_status(show(token, &acme), 200);
	expect_status(assertion_token(second.http, token, more, &r), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
}

Test(workload_tokens, an_issuer_that_is_not_trusted_is_refused)
{
	add_pod();
	expect_status(show(platform(OURS, 300, "\"iss\":\"https://else.test\",\"sub\":\"system:serviceaccount:prod:web\""), &acme), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
}

Test(workload_tokens, the_grant_is_unsupported_where_no_issuer_is_trusted)
{
	char form[TOKEN_MAX + 256];
	gateway_start(&second, &without_issuers);
	snprintf(form, sizeof form, "grant_type=urn%%3Aietf%%3Aparams%%3Aoauth%%3Agrant-type%%3Ajwt-bearer&client_id=%s&assertion=%s",
		 acme.client_id, platform(OURS, 300, POD));
	expect_status(http_call(second.http,
				&(struct http_request){.path = "/oauth2/token", .type = "application/x-www-form-urlencoded", .body = form},
				&r),
		      400);
	cr_expect(is_oauth_error(&r, "unsupported_grant_type"), "%s", r.body);
}
