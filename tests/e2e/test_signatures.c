/* The ways of making signatures (M2M_SIGNATURES), each with each algorithm: many requests at once,
 * so that they are signed together, and each token verified with what is published. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/jwks.h"
#include "crypto/jwt.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define AT_ONCE 44 /* over several groups, with a rest that isn't whole */

static const char *const algs[] = {"RS256", "PS256", "ES256", "EdDSA"};

static struct world w;
static struct org acme;
static struct http_reply r;

static void prepare(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	env_set(&w.gateway_env, "M2M_JWKS_MAX_AGE=1"); /* a new key signs soon */
	env_set(&w.ctl_env, "M2M_JWKS_MAX_AGE=1");
}

static void close_world(void)
{
	world_close(&w);
	crypto_fini();
}

TestSuite(signatures, .init = prepare, .fini = close_world, .timeout = 120);

static void expect_verifies(const char *token, const char *alg)
{
	struct arena *a = arena_new(1 << 20);
	struct jwt jwt;
	struct jwks *set;
	expect_status(get(&w, "/.well-known/jwks.json", NULL, &r), 200);
	cr_assert_eq(jwks_parse(str_of(r.body), &set, NULL), ERR_OK);
	cr_assert_eq(jwt_parse(a, str_of(token), &jwt), ERR_OK);
	cr_assert_str_eq(jwt_alg_name(jwt.alg), alg);
	struct signing_key *key = jwks_find(set, jwt.kid);
	cr_assert_not_null(key);
	cr_assert_eq(jwt_verify(key, &jwt), ERR_OK);
	cr_assert_eq(jwt_verify_libjwt(key, &jwt), ERR_OK);
	jwks_free(set);
	arena_free(a);
}

/* One connection, so that the worker reads all of them in one turn. */
static void expect_tokens(const char *alg)
{
	static char requests[AT_ONCE * 512];
	char body[256], token[TOKEN_MAX];
	size_t n = 0;
	struct http_conn c;
	int length =
		snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	for (int i = 0; i < AT_ONCE; i++)
		n += (size_t)snprintf(requests + n, sizeof requests - n,
				      "POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\n"
				      "Content-Length: %d\r\n\r\n%s",
				      length, body);
	cr_assert(http_open(&c, w.gateway.http));
	cr_assert(http_send(&c, requests, n));
	for (int i = 0; i < AT_ONCE; i++) {
		expect_status(http_read(&c, &r, 20000, false), 200);
		expect_verifies(body_text(&r, "access_token", token, sizeof token), alg);
	}
	http_close(&c);
}

static bool signs(const char *alg)
{
	return sql_int(world_db(&w),
		       "select count(*) from m2m.signing_key_current c join m2m.signing_keys k on k.kid = c.kid where k.alg = '%s'",
		       alg) > 0;
}

static void rotate_to(const char *alg)
{
	struct ctl_result ran;
	world_ctl(&w, &ran, "key", "rotate", "--alg", alg, "--margin", "1");
	int64_t until_us = clock_mono_us() + 20000000;
	while (!signs(alg) && clock_mono_us() < until_us)
		sleep_ms(100);
	cr_assert(signs(alg), "%s never took over", alg);
}

static void expect_way(const char *way)
{
	char metric[128], logged[64], line[1024];
	snprintf(metric, sizeof metric, "m2m_build_info{version=\"" M2M_VERSION "\",signatures=\"%s\"}", way);
	cr_assert_eq(gateway_metric(&w, metric), 1, "no %s", metric);
	snprintf(logged, sizeof logged, "\"event\":\"signatures\",\"way\":\"%s\"", way);
	cr_assert_eq(gateway_log_wait(&w.gateway, logged, 1, line, sizeof line), 1, "no %s", logged);
}

/* A key of the algorithm: only ES256 is batched. */
static void expect_key_signs_by(const char *way, const char *alg)
{
	char metric[64];
	bool single = strcmp(way, "batched") == 0 && strcmp(alg, "ES256") != 0;
	snprintf(metric, sizeof metric, "m2m_signing_way{way=\"%s\"}", single ? "single" : way);
	cr_assert_eq(gateway_metric(&w, metric), 1, "%s: no %s", alg, metric);
	cr_assert_eq(gateway_metric(&w, "m2m_signature_fallbacks_total"), 0);
}

static void each_algorithm_signs(const char *setting, const char *way)
{
	if (setting != NULL)
		env_set(&w.gateway_env, "M2M_SIGNATURES=%s", setting);
	gateway_start(&w.gateway, &w.gateway_env);
	org_create(&w, "acme", &acme);
	way = way != NULL ? way : gateway_has_crypto_mb(&w.gateway) ? "multi-buffer" : "batched";
	expect_way(way);
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
		if (i > 0)
			rotate_to(algs[i]);
		expect_tokens(algs[i]);
		expect_key_signs_by(way, algs[i]);
	}
	cr_assert_eq(gateway_log_count(&w.gateway, "signatures_unverified", NULL, 0), 0);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id = '%s'", acme.client_id), 4 * AT_ONCE);
}

/* What is signed together comes out wrong (harness/wrong_inverses.c): the key is found out when it
 * is loaded, signs one by one, and the operator is told. */
Test(signatures, a_key_whose_batches_do_not_verify_signs_one_by_one)
{
	char path[TMP_PATH], line[1024];
	env_set(&w.gateway_env, "M2M_SIGNATURES=batched");
	env_set(&w.gateway_env, "LD_PRELOAD=%s", program_path("tests/wrong_inverses.so", path));
	/* ours stands before the sanitizer's */
	env_set(&w.gateway_env, "ASAN_OPTIONS=detect_leaks=1:exitcode=99:verify_asan_link_order=0");
	gateway_start(&w.gateway, &w.gateway_env);
	org_create(&w, "acme", &acme);
	rotate_to("ES256");
	expect_tokens("ES256");
	cr_assert_eq(gateway_log_wait(&w.gateway, "signatures_unverified", 1, line, sizeof line), 1);
	cr_expect(strstr(line, "\"level\":\"error\"") != NULL && strstr(line, "the key signs by single") != NULL, "%s", line);
	cr_expect_eq(gateway_metric(&w, "m2m_signing_way{way=\"single\"}"), 1);
}

Test(signatures, each_algorithm_signs_one_by_one)
{
	each_algorithm_signs("single", "single");
}

Test(signatures, each_algorithm_signs_without_the_library)
{
	each_algorithm_signs("batched", "batched");
}

Test(signatures, each_algorithm_signs_in_the_fastest_way_that_there_is)
{
	each_algorithm_signs(NULL, NULL);
}
