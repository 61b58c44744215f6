/* Memory that runs out. The gateway answers that it can't, or closes the connection, within bounded
 * time. It grants nothing that isn't recorded. With memory again it does the same thing without a
 * restart.
 *
 * A sweep does a deed again and again. Each time a later allocation fails, until the deed is done
 * without a failure: first that allocation alone, then with all behind it. A deed with a stride
 * above one skips allocations in the quick tier. Then the same deeds meet failures at random
 * rates. */
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/jwks.h"
#include "crypto/jwt.h"
#include "harness/client_key.h"
#include "harness/dpop.h"
#include "harness/expect.h"
#include "harness/pki.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "harness/scarcity.h"
#include "harness/world.h"

SHARED_CLUSTER("");

/* libpq loses an answer that it has no memory for: the gateway waits as for any other. */
#define DATABASE_MS 150
#define ANSWER_MS   5000
#define RECOVERY_MS 15000

static struct world w;
static struct org acme, other;
static char admin[TOKEN_MAX], others_admin[TOKEN_MAX], platform[TOKEN_MAX];
static char bearer[TOKEN_MAX]; /* one that no worker has seen */
static struct jwks *published;
static struct http_conn conn;
static struct http_reply r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
	mint(all, "acme", "admin", admin);
	mint(all, "other", "admin", others_admin);
	mint_platform(all, "backend", platform);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other), KEPT(admin), KEPT(others_admin), KEPT(platform));

static void begin(void)
{
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=%d", DATABASE_MS);
	scarcity_prepare(&w.gateway_env);
	gateway_start(&w.gateway, &w.gateway_env);
	cr_assert_eq(crypto_init(), ERR_OK);
	expect_status(get(&w, "/.well-known/jwks.json", NULL, &r), 200);
	cr_assert_eq(jwks_parse(str_of(r.body), &published, NULL), ERR_OK);
}

static void open_world(void)
{
	world_prepare_filled(&w, false);
	begin();
}

static void close_world(void)
{
	jwks_free(published);
	world_close(&w);
}

TestSuite(scarcity, .init = open_world, .fini = close_world, .timeout = 600);

/* ---- the tokens that were granted ---- */

static char granted[1024 * 1024]; /* jti,jti */
static unsigned granted_n;

/* A failure may spoil what is signed later. */
static void expect_verifies(const char *token)
{
	struct arena *a = arena_new(1 << 18);
	struct jwt jwt;
	cr_assert_eq(jwt_parse(a, str_of(token), &jwt), ERR_OK, "%s", token);
	struct signing_key *key = jwks_find(published, jwt.kid);
	cr_assert_not_null(key, "%s", token);
	cr_assert_eq(jwt_verify(key, &jwt), ERR_OK, "the signature is wrong: %s", token);
	arena_free(a);
}

static void note_granted(const char *token)
{
	char jti[64];
	size_t n = strlen(granted);
	granted_n++;
	expect_verifies(token);
	snprintf(granted + n, sizeof granted - n, "%s%s", n == 0 ? "" : ",", claim_text(token, "jti", jti, sizeof jti));
}

static void expect_all_recorded(void)
{
	if (granted_n == 0)
		return;
	cr_assert_lt(strlen(granted), sizeof granted - 1);
	char path[TMP_PATH];
	tmp_path(path, "granted", ".sql");
	tmp_write(path, granted);
	chmod(path, 0644); /* PostgreSQL reads it */
	int64_t found = sql_int(world_db(&w),
				"select count(distinct jti) from m2m.token_audit"
				" join regexp_split_to_table(pg_read_file('%s'), ',') granted on jti = granted::uuid",
				path);
	cr_assert_eq(found, granted_n, "%u tokens were granted, %lld are recorded", granted_n, (long long)found);
}

/* ---- deeds ---- */

enum end {
	DONE,
	REFUSED, /* in the words for it, or by a closed connection */
	HUNG,
	WRONG, /* something that isn't true was answered */
};

static char said[512];

static enum end judge(void)
{
	char token[TOKEN_MAX];
	snprintf(said, sizeof said, "%d %.300s", r.status, r.body);
	if (r.status == 0)
		return r.closed ? REFUSED : HUNG;
	if (r.status >= 300)
		return r.status == 500 || r.status == 503 ? REFUSED : WRONG;
	if (*body_text(&r, "access_token", token, sizeof token) != '\0')
		note_granted(token);
	return DONE;
}

static enum end ask(uint16_t port, const char *text)
{
	if (!http_open(&conn, port))
		return REFUSED;
	http_send_text(&conn, text);
	http_read(&conn, &r, ANSWER_MS, strncmp(text, "HEAD", 4) == 0);
	http_close(&conn);
	return judge();
}

static enum end ask_http(const char *text)
{
	return ask(w.gateway.http, text);
}

static const char *credentials(void)
{
	static char form[256];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	return form;
}

static const char *token_request(const char *version, const char *fields)
{
	static char text[1024];
	snprintf(text, sizeof text,
		 "POST /oauth2/token HTTP/%s\r\nHost: a\r\n%sContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
		 "%zu\r\n\r\n%s",
		 version, fields, strlen(credentials()), credentials());
	return text;
}

static enum end token(void)
{
	return ask_http(token_request("1.1", ""));
}

static enum end token_that_closes(void)
{
	return ask_http(token_request("1.1", "Connection: close\r\n"));
}

static enum end token_of_1_0(void)
{
	return ask_http(token_request("1.0", ""));
}

static enum end token_in_chunks(void)
{
	char text[1024];
	snprintf(text, sizeof text,
		 "POST /oauth2/token HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Type: "
		 "application/x-www-form-urlencoded\r\n\r\n%zx\r\n%s\r\n0\r\n\r\n",
		 strlen(credentials()), credentials());
	return ask_http(text);
}

static enum end token_that_waits(void)
{
	char text[1024];
	snprintf(text, sizeof text, "%s", token_request("1.1", "Expect: 100-continue\r\n"));
	char *body = strstr(text, "\r\n\r\n") + 4;
	if (!http_open(&conn, w.gateway.http))
		return REFUSED;
	http_send(&conn, text, (size_t)(body - text));
	http_read(&conn, &r, ANSWER_MS, true);
	if (r.status == 100) {
		http_send_text(&conn, body);
		http_read(&conn, &r, ANSWER_MS, false);
	}
	http_close(&conn);
	return judge();
}

static enum end two_tokens_in_pieces(void)
{
	char text[2048];
	const char *one = token_request("1.1", "");
	snprintf(text, sizeof text, "%s%s", one, one);
	size_t cut = strlen(one) + 40;
	if (!http_open(&conn, w.gateway.http))
		return REFUSED;
	http_send(&conn, text, cut);
	http_read(&conn, &r, ANSWER_MS, false);
	enum end first = judge();
	if (first == DONE) {
		http_send_text(&conn, text + cut);
		http_read(&conn, &r, ANSWER_MS, false);
		first = judge();
	}
	http_close(&conn);
	return first;
}

static enum end ask_with(const char *method, const char *path, const char *who, const char *fields, const char *body)
{
	char text[8192];
	snprintf(text, sizeof text, "%s %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n%sContent-Length: %zu\r\n\r\n%s", method,
		 path, who, fields, strlen(body), body);
	return ask_http(text);
}

#define JSON_TYPE "Content-Type: application/json\r\n"

static enum end token_of_json(void)
{
	char body[512];
	snprintf(body, sizeof body, "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\",\"client_secret\":\"%s\"}", acme.client_id,
		 acme.secret);
	return ask_with("POST", "/m2m/token", admin, JSON_TYPE, body);
}

static void new_bearer(void)
{
	int64_t until_us = clock_mono_us() + RECOVERY_MS * INT64_C(1000);
	while (token() != DONE && clock_mono_us() < until_us)
		sleep_ms(10);
	cr_assert_str_neq(body_text(&r, "access_token", bearer, sizeof bearer), "");
}

static enum end verify(void)
{
	return ask_with("GET", "/m2m/client-id", bearer, "", "");
}

static enum end read_secret(void)
{
	return ask_with("GET", "/m2m/client-secret", admin, "", "");
}

#define SECRET "/m2m/client-secret"
#define TOKENS "/m2m/audit/tokens" /* which PostgreSQL refuses, where forbid_lists was called */

/* Requests whose statements are under way together, of two organizations in turns. */
static enum end side_by_side(const char *const *paths, size_t n)
{
	static struct http_conn c[8];
	char text[8192];
	enum end end = DONE;
	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer %s\r\n\r\n", paths[i],
			 i % 2 == 0 ? admin : others_admin);
		if (!http_open(&c[i], w.gateway.http))
			end = REFUSED;
		else
			http_send_text(&c[i], text);
	}
	for (size_t i = 0; i < n; i++) {
		bool is_secret = strcmp(paths[i], SECRET) == 0;
		http_read(&c[i], &r, ANSWER_MS, false);
		http_close(&c[i]);
		enum end one = judge();
		if (one == DONE && (!is_secret || strstr(r.body, i % 2 == 0 ? acme.client_id : other.client_id) == NULL))
			return WRONG;
		if (one != REFUSED && one != DONE)
			return one;
		end = one == REFUSED && !(r.status == 500 && !is_secret) ? REFUSED : end;
	}
	return end;
}

static void forbid_lists(void)
{
	sql_exec(world_db(&w), "alter table m2m.token_audit rename column user_agent to unknown");
}

static enum end read_secrets_beside_a_refusal(void)
{
	return side_by_side((const char *const[]){SECRET, TOKENS, SECRET, SECRET}, 4);
}

static enum end rotate_secret(void)
{
	return ask_with("POST", "/m2m/rotate", admin, JSON_TYPE "Idempotency-Key: monthly\r\n", "{\"grace_seconds\":3600}");
}

static enum end list_tokens(void)
{
	return ask_with("GET", "/m2m/audit/tokens?page_size=2", admin, "", "");
}

static enum end make_organization(void)
{
	char body[128];
	static unsigned n;
	snprintf(body, sizeof body, "{\"slug\":\"org-%u\",\"name\":\"An organization\"}", n++);
	return ask_with("POST", "/admin/organizations", platform, JSON_TYPE, body);
}

static enum end list_organizations(void)
{
	return ask_with("GET", "/admin/organizations?page_size=3", platform, "", "");
}

static enum end discover(void)
{
	return ask_http("GET /.well-known/oauth-authorization-server HTTP/1.1\r\nHost: a\r\n\r\n");
}

static enum end head_of_keys(void)
{
	return ask_http("HEAD /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n\r\n");
}

static enum end scrape(void)
{
	return ask(w.gateway.ops, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n");
}

static enum end probe(void)
{
	return ask(w.gateway.ops, "GET /readyz HTTP/1.0\r\n\r\n");
}

/* What is refused anyway may be refused without a word. */
static enum end be_refused(const char *text, int status)
{
	enum end end = ask_http(text);
	return r.status == status ? DONE : end;
}

static enum end malformed(void)
{
	return be_refused("GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n", 400);
}

static enum end unknown_method(void)
{
	return be_refused("FROB /m2m/rotate HTTP/1.1\r\nHost: a\r\n\r\n", 405);
}

/* ---- gRPC ---- */

static bool open_grpc(struct h2 *c, struct grpc_reply *g)
{
	memset(g, 0, sizeof *g);
	g->status = -1;
	return h2_open(c, w.gateway.grpc);
}

static enum end call(const struct grpc_request *q)
{
	static struct grpc_reply g;
	static struct h2 c;
	int64_t until_us = clock_mono_us() + ANSWER_MS * INT64_C(1000);
	if (!open_grpc(&c, &g))
		return REFUSED;
	bool ended = grpc_start(&c, q, &g) && grpc_wait(&c, &g, ANSWER_MS);
	bool gone = c.closed || clock_mono_us() < until_us; /* or it was reset */
	h2_close(&c);
	snprintf(said, sizeof said, "grpc-status %d, HTTP %d, reset %lld: %.300s", g.status, g.http, (long long)g.reset, g.fields);
	if (g.status == 0)
		return DONE;
	if (g.status == 13 || g.status == 14 || g.status == 8 || (g.status == -1 && (g.reset >= 0 || gone)))
		return REFUSED;
	return ended ? WRONG : HUNG;
}

static enum end call_token(void)
{
	return call(&(struct grpc_request){.path = GRPC_TOKEN, .bearer = admin, .message = token_message(acme.client_id, acme.secret)});
}

static enum end call_id(void)
{
	return call(&(struct grpc_request){.path = GRPC_GET_ID, .bearer = bearer});
}

static enum end check_health(void)
{
	return call(&(struct grpc_request){.path = "/grpc.health.v1.Health/Check"});
}

static enum end reflect(void)
{
	static struct pb m;
	m.n = 0;
	pb_put_text(&m, 4, "m2m.v1.M2MClients"); /* file_containing_symbol */
	return call(&(struct grpc_request){.path = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", .message = &m});
}

/* ---- the database goes, and comes back ---- */

#define TERMINATE "select pg_terminate_backend(pid) from pg_stat_activity where usename = 'm2m_gateway' and datname = current_database()"

static int ready(void)
{
	return gateway_ops_status(&w.gateway, "/readyz");
}

/* Whatever the failures do to the beginning, it is ready once they have ended. */
static enum end reconnect(void)
{
	unsigned lost = gateway_log_count(&w.gateway, "database_connection_lost", NULL, 0);
	sql_exec(world_db(&w), TERMINATE);
	for (int tries = 0; tries < 100; tries++) {
		sleep_ms(10);
		if (gateway_log_count(&w.gateway, "database_connection_lost", NULL, 0) >= lost + 2 && ready() == 200)
			return DONE;
	}
	return REFUSED;
}

/* ---- doing them ---- */

struct deed {
	const char *name;
	enum end (*act)(void);
	void (*prepare)(void); /* may be NULL */
	unsigned stride;       /* every so many-th allocation fails in the quick tier */
};

static enum end act(const struct deed *d)
{
	said[0] = '\0';
	return d->act();
}

static bool lives(void)
{
	return proc_wait(w.gateway.pid, 0) == PROC_RUNNING;
}

static void expect_recovery(const struct deed *d, long k)
{
	int64_t deadline = clock_mono_us() + RECOVERY_MS * INT64_C(1000);
	enum end end = REFUSED;
	while (end != DONE && clock_mono_us() < deadline) {
		if (d->prepare != NULL)
			d->prepare();
		end = act(d);
		if (end != DONE)
			sleep_ms(10);
	}
	cr_assert_eq(end, DONE, "%s, allocation %ld: with memory again: %s", d->name, k, said);
}

/* The k-th allocation fails, and the `count` - 1 behind it. True: there was none to fail. */
static bool fail_one(const struct deed *d, long k, long count)
{
	if (d->prepare != NULL)
		d->prepare();
	scarcity_fail(k, count);
	enum end end = act(d);
	unsigned long failed = scarcity_end();
	cr_assert(lives(), "%s, allocation %ld: the gateway is dead; see %s", d->name, k, w.gateway.log);
	cr_assert(end == DONE || end == REFUSED, "%s, allocation %ld: %s: %s", d->name, k, end == HUNG ? "no answer" : "a wrong one", said);
	if (failed == 0)
		return end == DONE;
	expect_recovery(d, k);
	return false;
}

#define EARLY 200 /* each of them fails, where a deed has thousands: most are alike */

static void fail_each(const struct deed *d, size_t n)
{
	bool is_long = getenv("M2M_TEST_LONG") != NULL;
	for (size_t i = 0; i < n; i++) {
		long step = is_long || d[i].stride == 0 ? 1 : (long)d[i].stride;
		expect_recovery(&d[i], -1);
		int64_t begin = clock_mono_us();
		long k = 0, all = 0;
		while (!fail_one(&d[i], k, 1))
			k += step > EARLY && k < EARLY ? 1 : step;
		while (!fail_one(&d[i], all, LONG_MAX))
			all += is_long ? 1 : 4 * step + 1;
		cr_log_info("%s: %ld allocations, %lld ms", d[i].name, k, (long long)(clock_mono_us() - begin) / 1000);
	}
	expect_all_recorded();
}

#define DEEDS(...)                                                                                                                         \
	static const struct deed deeds[] = {__VA_ARGS__};                                                                                  \
	fail_each(deeds, sizeof deeds / sizeof deeds[0])

Test(scarcity, rest_answers_or_closes)
{
	DEEDS({"token", token, NULL, 0}, {"token, Connection: close", token_that_closes, NULL, 5},
	      {"token, HTTP/1.0", token_of_1_0, NULL, 7}, {"token, chunked", token_in_chunks, NULL, 3},
	      {"token, Expect", token_that_waits, NULL, 5}, {"two tokens in pieces", two_tokens_in_pieces, NULL, 11},
	      {"malformed", malformed, NULL, 0}, {"unknown method", unknown_method, NULL, 0}, {"discovery", discover, NULL, 0},
	      {"HEAD", head_of_keys, NULL, 0});
}

/* Each allocation in turn is the first of two that fail: how many answers weren't in the route's
 * own language, and named the request all the same. */
static unsigned refusals_of_last_resort(const char *fields)
{
	unsigned n = 0;
	bool met = true;
	for (long before = 0; met && before < 4000; before++) {
		scarcity_fail(before, 2);
		enum end end = ask_http(token_request("1.1", fields));
		met = scarcity_end() > 0;
		cr_assert(end == DONE || end == REFUSED, "%s", said);
		n += is_problem(&r, "overloaded") && strstr(r.body, "\"request_id\":\"scarce-1\"") != NULL;
	}
	cr_assert_not(met);
	return n;
}

/* An answer that finds no room is sent from the stack, whichever way the request came. */
Test(scarcity, an_answer_without_room_still_names_its_request)
{
	cr_expect_gt(refusals_of_last_resort("X-Request-Id: scarce-1\r\n"), 0);
	cr_expect_gt(refusals_of_last_resort("X-Request-Id: scarce-1\r\nConnection: close\r\n"), 0);
	expect_all_recorded();
}

Test(scarcity, members_and_operators_are_answered_or_cut_off)
{
	DEEDS({"bearer", verify, new_bearer, 211}, {"token of JSON", token_of_json, NULL, 3}, {"secret", read_secret, NULL, 3},
	      {"rotate", rotate_secret, NULL, 0}, {"list tokens", list_tokens, NULL, 5}, {"make organization", make_organization, NULL, 0},
	      {"list organizations", list_organizations, NULL, 5}, {"metrics", scrape, NULL, 0}, {"readyz", probe, NULL, 0});
}

/* Neither past an answer nor past a refusal. */
Test(scarcity, no_answer_goes_to_somebody_else)
{
	forbid_lists();
	DEEDS({"secrets beside a refusal", read_secrets_beside_a_refusal, NULL, 0});
}

Test(scarcity, grpc_answers_or_closes)
{
	DEEDS({"call token", call_token, NULL, 0}, {"call with a new bearer", call_id, new_bearer, 307}, {"health", check_health, NULL, 0},
	      {"reflection", reflect, NULL, 0});
}

/* ---- credentials of other kinds ---- */

#define PLATFORM "https://platform.test"
#define TYPE     "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#define GRANT    "urn:ietf:params:oauth:grant-type:jwt-bearer"

static struct client_key_pair key, platform_key;
static struct identity authority, above, certificate;
static char shown[TOKEN_MAX], form[2 * TOKEN_MAX], bound[TOKEN_MAX];
static char keys_path[TMP_PATH], issuers_path[TMP_PATH];

static const char *show_key(const char *rest)
{
	client_assertion_new(acme.client_id, &key, 60, shown);
	snprintf(form, sizeof form, "%s&client_assertion_type=" TYPE "&client_assertion=%s", rest, shown);
	return form;
}

static const char *show_platforms_token(const char *rest, const char *name)
{
	char claims[512];
	snprintf(claims, sizeof claims, "{\"iss\":\"" PLATFORM "\",\"sub\":\"web\",\"aud\":\"https://issuer.test\",\"exp\":%lld}",
		 (long long)(clock_wall_us() / 1000000 + 600));
	client_assertion_sign(&platform_key, claims, shown);
	snprintf(form, sizeof form, "%s&client_id=%s&%s=%s", rest, acme.client_id, name, shown);
	return form;
}

static enum end post(const char *path, const char *fields, const char *body)
{
	static char text[32768];
	snprintf(text, sizeof text,
		 "POST %s HTTP/1.1\r\nHost: a\r\n%sContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %zu\r\n\r\n%s", path,
		 fields, strlen(body), body);
	return ask_http(text);
}

static enum end token_of_key(void)
{
	return post("/oauth2/token", "", show_key("grant_type=client_credentials"));
}

static enum end bind_token(void)
{
	char proof[TOKEN_MAX], line[TOKEN_MAX + 16];
	proof_for_token(&key, proof);
	snprintf(line, sizeof line, "DPoP: %s\r\n", proof);
	enum end end = post("/oauth2/token", line, show_key("grant_type=client_credentials"));
	if (end == DONE)
		body_text(&r, "access_token", bound, sizeof bound);
	return end;
}

static enum end bearer_with_proof(void)
{
	char proof[TOKEN_MAX], text[3 * TOKEN_MAX];
	proof_new(&key, &(struct proof){.method = "GET", .url = DPOP_URL "/m2m/client-id", .token = bound}, proof);
	snprintf(text, sizeof text, "GET /m2m/client-id HTTP/1.1\r\nHost: a\r\nAuthorization: DPoP %s\r\nDPoP: %s\r\n\r\n", bound, proof);
	return ask_http(text);
}

static enum end introspect_with_key(void)
{
	return post("/oauth2/introspect", "", show_key("token=x"));
}

static const char *ask_about_bearer(void)
{
	static char text[2 * TOKEN_MAX];
	snprintf(text, sizeof text, "token=%s&client_id=%s&client_secret=%s", bearer, acme.client_id, acme.secret);
	return text;
}

/* A good token isn't called none of ours. */
static enum end introspect_bearer(void)
{
	enum end end = post("/oauth2/introspect", "", ask_about_bearer());
	return end == DONE && strstr(r.body, "\"active\":true") == NULL ? WRONG : end;
}

static enum end revoke_bearer(void)
{
	char jti[64];
	enum end end = post("/oauth2/revoke", "", ask_about_bearer());
	claim_text(bearer, "jti", jti, sizeof jti);
	return end == DONE && sql_int(world_db(&w), "select count(*) from m2m.revoked_token where jti = '%s'", jti) != 1 ? WRONG : end;
}

/* One that no worker remembers. */
static void new_key(void)
{
	client_key_remove(&w, &acme, &key);
	signing_key_free(key.key);
	client_key_make(&key, JWT_ES256);
	client_key_add(&w, &acme, &key);
	sql_exec(world_db(&w), "update m2m.client set auth_methods = '{secret,key,certificate,workload}' where client_id = '%s'",
		 acme.client_id);
}

static enum end token_of_workload(void)
{
	return post("/oauth2/token", "",
		    show_platforms_token("grant_type=client_credentials&client_assertion_type=" TYPE, "client_assertion"));
}

static enum end token_of_grant(void)
{
	return post("/oauth2/token", "", show_platforms_token("grant_type=" GRANT, "assertion"));
}

/* What the worker remembers of it is refused, and it asks once more. */
static void new_workload_id(void)
{
	sql_exec(world_db(&w), "update m2m.client_credential set credential_id = translate(encode(sha256(gen_random_uuid()::text::bytea),"
			       " 'base64'), '+/=', '-_') where kind = 'workload' and issuer = '" PLATFORM "'");
}

/* By a proxy, in fields that no worker has seen until they were good for a token. */
static enum end token_of_certificate(void)
{
	static char own[6000], chain[6000], fields[16384], body[128];
	static unsigned n;
	pki_field(&certificate, own, sizeof own);
	pki_field(&above, chain, sizeof chain);
	snprintf(fields, sizeof fields, "X-Forwarded-For: 192.0.2.1\r\nClient-Cert: %s\r\nClient-Cert-Chain: %s,%*s%s\r\n", own, chain,
		 (int)(n % 1000), "", chain);
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s", acme.client_id);
	enum end end = post("/oauth2/token", fields, body);
	n += end == DONE;
	return end;
}

static enum end add_workload(void)
{
	char path[128], body[512];
	static unsigned n;
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/credentials", acme.client_id);
	snprintf(
		body, sizeof body,
		"{\"kind\":\"workload\",\"issuer\":\"https://other.test\",\"subject\":\"s%u\",\"claims\":{\"a\":{\"b\":true},\"c\":\"d\"}}",
		n++);
	return ask_with("POST", path, platform, JSON_TYPE, body);
}

/* None is without its claims, and the next one finds room. */
static void end_workloads(void)
{
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential where issuer = 'https://other.test'"
					   " and claims <> '{\"a\":{\"b\":true},\"c\":\"d\"}'"),
		     0);
	sql_exec(world_db(&w),
		 "update m2m.client_credential set ended_at = now() where issuer = 'https://other.test' and ended_at is null");
}

/* With `others` that mean nothing. */
static void write_issuers(unsigned others)
{
	char text[8192];
	size_t n = (size_t)snprintf(text, sizeof text, "[{\"issuer\":\"" PLATFORM "\",\"workloads\":true,\"jwks_file\":\"%s\"}", keys_path);
	for (unsigned i = 0; i < others; i++)
		n += (size_t)snprintf(text + n, sizeof text - n,
				      ",{\"issuer\":\"https://other-%u.test\",\"workloads\":true,\"jwks_file\":\"%s\"}", i, keys_path);
	snprintf(text + n, sizeof text - n, "]");
	tmp_write(issuers_path, text);
}

static void open_credentials(void)
{
	char text[4096];
	struct ctl_result ran;
	client_key_make(&key, JWT_ES256);
	client_key_make(&platform_key, JWT_ES256);
	pki_self_signed(&authority, "/CN=clients authority");
	pki_issue_authority(&above, &authority, "/CN=intermediate");
	pki_issue(&certificate, &above, "/CN=x", "DNS:billing.example", 1);
	tmp_path(keys_path, "keys", ".json");
	tmp_path(issuers_path, "issuers", ".json");
	snprintf(text, sizeof text, "{\"keys\":[%s]}", platform_key.jwk);
	tmp_write(keys_path, text);
	write_issuers(0);
	world_prepare_filled(&w, false);
	env_set(&w.gateway_env, "M2M_TRUSTED_ISSUERS_FILE=%s", issuers_path);
	env_set(&w.gateway_env, "M2M_TRUSTED_PROXIES=127.0.0.1/32");
	env_set(&w.gateway_env, "M2M_FORWARDED=x-forwarded-for");
	env_set(&w.gateway_env, "M2M_CLIENT_CERT_HEADER=on");
	env_set(&w.gateway_env, "M2M_TLS_CLIENT_CA_FILE=%s", authority.crt);
	begin();
	client_key_add(&w, &acme, &key);
	world_ctl(&w, &ran, "client", "certificate", "add", "--org", "acme", "--san-dns", "billing.example");
	world_ctl(&w, &ran, "client", "workload", "add", "--org", "acme", "--issuer", PLATFORM, "--subject", "web", "--audience",
		  "https://issuer.test", "--may-replay");
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--auth-method", "secret", "--auth-method", "key", "--auth-method",
		  "certificate", "--auth-method", "workload", "--role", "resource_server", "--role", "admin");
}

static void close_credentials(void)
{
	signing_key_free(key.key);
	signing_key_free(platform_key.key);
	close_world();
}

TestSuite(scarcity_credentials, .init = open_credentials, .fini = close_credentials, .timeout = 600);

Test(scarcity_credentials, keys_and_proofs_are_answered_or_cut_off)
{
	DEEDS({"token of a key", token_of_key, NULL, 7}, {"token of a new key", token_of_key, new_key, 31},
	      {"token with a proof", bind_token, NULL, 13}, {"bearer with a proof", bearer_with_proof, NULL, 13},
	      {"introspect with a key", introspect_with_key, NULL, 13}, {"introspect", introspect_bearer, new_bearer, 3},
	      {"revoke", revoke_bearer, new_bearer, 3});
}

Test(scarcity_credentials, workloads_and_certificates_are_answered_or_cut_off)
{
	DEEDS({"token of a workload", token_of_workload, NULL, 7},
	      {"token of a workload that changed", token_of_workload, new_workload_id, 31}, {"token of a grant", token_of_grant, NULL, 13},
	      {"token of a certificate", token_of_certificate, NULL, 97}, {"add a workload", add_workload, end_workloads, 3});
	end_workloads();
}

/* The last list that was taken is the one that stands there. */
static void expect_issuers(const char *said_of_them, unsigned rate)
{
	char line[512] = "";
	int64_t until_us = clock_mono_us() + RECOVERY_MS * INT64_C(1000);
	while (strstr(line, said_of_them) == NULL && clock_mono_us() < until_us) {
		sleep_ms(50);
		gateway_log_count(&w.gateway, "\"trusted_issuers_loaded\"", line, sizeof line);
	}
	cr_assert_not_null(strstr(line, said_of_them), "one in %u: %s", rate, line);
}

/* The list and the keys are looked at once a second. */
Test(scarcity_credentials, issuers_that_are_reread_meanwhile_are_there_again)
{
	static const struct deed d = {"token of a workload", token_of_workload, NULL, 0};
	static const unsigned rates[] = {1, 10, 100};
	for (size_t i = 0; i < sizeof rates / sizeof *rates; i++) {
		scarcity_fail_randomly(rates[i], rates[i]);
		for (unsigned others = 1; others <= 3; others++) {
			write_issuers(others);
			sleep_ms(1100);
		}
		cr_assert_gt(scarcity_end(), 0);
		cr_assert(lives(), "one in %u: the gateway is dead; see %s", rates[i], w.gateway.log);
		expect_recovery(&d, rates[i]);
		expect_issuers("\"4 issuers\"", rates[i]);
		write_issuers(0);
		expect_issuers("\"1 issuers\"", rates[i]);
	}
	expect_all_recorded();
}

/* ---- at random ---- */

#define RATE_MS 2500

static enum end come_and_go(void)
{
	static struct http_conn many[16];
	for (size_t i = 0; i < 16; i++)
		http_open(&many[i], i % 2 == 0 ? w.gateway.http : w.gateway.grpc);
	for (size_t i = 0; i < 16; i++)
		http_close(&many[i]);
	return DONE;
}

static enum end watch(void)
{
	static struct grpc_reply g;
	static struct h2 c;
	int64_t until_us = clock_mono_us() + ANSWER_MS * INT64_C(1000);
	if (!open_grpc(&c, &g))
		return REFUSED;
	bool told = grpc_start(&c, &(struct grpc_request){.path = "/grpc.health.v1.Health/Watch"}, &g) &&
		    grpc_wait_messages(&c, &g, 1, ANSWER_MS);
	bool over = g.done || c.closed || clock_mono_us() < until_us;
	h2_close(&c);
	return told && g.messages > 0 ? DONE : over ? REFUSED : HUNG;
}

static const struct deed mix[] = {
	{"token", token, NULL, 0},
	{"token, chunked", token_in_chunks, NULL, 0},
	{"token, Expect", token_that_waits, NULL, 0},
	{"token, HTTP/1.0", token_of_1_0, NULL, 0},
	{"HEAD", head_of_keys, NULL, 0},
	{"token of JSON", token_of_json, NULL, 0},
	{"secret", read_secret, NULL, 0},
	{"rotate", rotate_secret, NULL, 0},
	{"make organization", make_organization, NULL, 0},
	{"list tokens, with a query", list_tokens, NULL, 0},
	{"metrics", scrape, NULL, 0},
	{"call token", call_token, NULL, 0},
	{"health", check_health, NULL, 0},
	{"watch", watch, NULL, 0},
	{"reflection", reflect, NULL, 0},
	{"come and go", come_and_go, NULL, 0},
};

static void fail_at_rate(unsigned one_in)
{
	size_t n = sizeof mix / sizeof mix[0], i = 0;
	int64_t until_us = clock_mono_us() + RATE_MS * INT64_C(1000);
	scarcity_fail_randomly(one_in, one_in);
	for (; clock_mono_us() < until_us; i++) {
		const struct deed *d = &mix[i % n];
		enum end end = act(d);
		cr_assert(lives(), "%s, one in %u: the gateway is dead; see %s", d->name, one_in, w.gateway.log);
		cr_assert(end == DONE || end == REFUSED, "%s, one in %u: %s: %s", d->name, one_in,
			  end == HUNG ? "no answer" : "a wrong one", said);
	}
	unsigned long failed = scarcity_end();
	cr_log_info("one in %u: %zu deeds, %lu failures", one_in, i, failed);
	cr_assert_gt(failed, 0);
	for (i = 0; i < n; i++)
		expect_recovery(&mix[i], one_in);
}

Test(scarcity, failures_at_random_rates_end_with_the_failures)
{
	static const unsigned rates[] = {20000, 3000, 300};
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++)
		fail_at_rate(rates[i]);
	expect_all_recorded();
}

/* ---- the reserve ---- */

#define CROWD 3000
#define MANY  300

static long reserve_used_now(void)
{
	static const char name[] = "\nm2m_memory_reserve_used_bytes ";
	if (ask(w.gateway.ops, "GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n") != DONE)
		return -1;
	const char *found = strstr(r.body, name);
	return found == NULL ? -1 : strtol(found + sizeof name - 1, NULL, 10);
}

/* But for what the loop itself has grown by meanwhile. */
static bool reserve_is_given_back(void)
{
	const long kept = 256 * 1024;
	int64_t until_us = clock_mono_us() + RECOVERY_MS * INT64_C(1000);
	while (reserve_used_now() > kept && clock_mono_us() < until_us)
		sleep_ms(50);
	return reserve_used_now() <= kept;
}

/* It takes them on until half of the reserve is gone, drops some and takes on others: at that time
 * it has a few hundred. */
static void wait_until_many_are_there(void)
{
	int64_t until_us = clock_mono_us() + RECOVERY_MS * INT64_C(1000);
	while (gateway_open_files(&w.gateway) < MANY && clock_mono_us() < until_us)
		sleep_ms(5);
}

/* Without any memory for a while, connections live on the reserve: when half of it is gone
 * nobody new is served, and all is as before once they are gone. */
Test(scarcity, a_reserve_that_runs_low_is_kept_for_who_is_there)
{
	static int crowd[CROWD];
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(w.gateway.http), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	unsigned n = 0;
	cr_assert_eq(reserve_used_now(), 0);
	scarcity_fail(0, LONG_MAX / 2);
	for (; n < CROWD; n++) {
		crowd[n] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (crowd[n] < 0 || connect(crowd[n], (struct sockaddr *)&at, sizeof at) != 0)
			break;
		if (n % 100 == 0)
			sleep_ms(20);
	}
	wait_until_many_are_there();
	cr_assert_gt(scarcity_end(), 0);
	cr_assert(lives(), "the gateway is dead; see %s", w.gateway.log);
	long used = reserve_used_now();
	cr_log_info("%u connections hold %ld bytes of the reserve", n, used);
	cr_assert_gt(used, 256 * 1024);
	cr_assert_lt(used, 3 * 1024 * 1024, "the rest is kept for who is there");
	for (unsigned i = 0; i < n; i++)
		close(crowd[i]);
	cr_assert(reserve_is_given_back(), "%ld bytes are still taken", reserve_used_now());
	cr_expect_eq(token(), DONE);
	expect_all_recorded();
}

Test(scarcity, the_database_is_found_again)
{
	DEEDS({"reconnect", reconnect, NULL, 97});
}
