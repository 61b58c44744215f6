/* M2M_CLIENT_RATE and M2M_ADDRESS_RATE as clients meet them, over both transports and with two
 * workers: what is refused, what it is told, and who is spared.
 *
 * The clock goes on while a test runs, so what may be granted is known up to what came in
 * meanwhile. */
#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/client_key.h"
#include "harness/expect.h"
#include "harness/pki.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define FORM "application/x-www-form-urlencoded"

static struct world w;
static struct org acme, globex;
static char admin[TOKEN_MAX];
static struct http_reply r;
static struct grpc_reply g;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "globex", &globex);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(globex), KEPT(admin));

static void start(void)
{
	gateway_start(&w.gateway, &w.gateway_env);
}

static void prepare(void)
{
	world_prepare_filled(&w, false);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(limits, .init = prepare, .fini = close_world, .timeout = 120);

/* ---- asking ---- */

/* From an address of this machine's, which its loopback interface has by itself. */
static int call_from(const char *address, const struct http_request *q)
{
	static struct http_conn c;
	struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET, .sin_port = htons(w.gateway.http)};
	int status = 0;
	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(inet_pton(AF_INET, address, &from.sin_addr), 1);
	c.n = 0;
	c.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (bind(c.fd, (struct sockaddr *)&from, sizeof from) == 0 && connect(c.fd, (struct sockaddr *)&to, sizeof to) == 0)
		status = http_call_on(&c, q, &r);
	http_close(&c);
	return status;
}

static int token_from_basic(const char *address, const char *client_id, const char *secret)
{
	char basic[256];
	snprintf(basic, sizeof basic, "%s:%s", client_id, secret);
	return call_from(address, &(struct http_request){
					  .path = "/oauth2/token", .basic = basic, .type = FORM, .body = "grant_type=client_credentials"});
}

static int token_from_form(const char *address, const char *client_id, const char *secret)
{
	char form[512];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", client_id, secret);
	return call_from(address, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form});
}

/* As Go's golang.org/x/oauth2 finds out what a server takes: Basic, and after any error at once
 * the form. */
static int token_as_stock_client(const char *address, const char *client_id, const char *secret)
{
	int status = token_from_basic(address, client_id, secret);
	return status == 200 ? status : token_from_form(address, client_id, secret);
}

static int get_from(const char *address, const char *path)
{
	return call_from(address, &(struct http_request){.path = path, .bearer = admin});
}

/* How many of `tries` had the status, and in how many seconds, rounded up. */
struct tally {
	int n, seconds;
};
#define TALLY(tries, want, call)                                                                                                           \
	({                                                                                                                                 \
		int64_t begun_ = clock_mono_us();                                                                                          \
		struct tally t_ = {0};                                                                                                     \
		for (int i_ = 0; i_ < (tries); i_++)                                                                                       \
			t_.n += (call) == (want);                                                                                          \
		t_.seconds = (int)((clock_mono_us() - begun_) / 1000000) + 1;                                                              \
		t_;                                                                                                                        \
	})

/* A burst and what came in meanwhile. */
static void is_a_burst(struct tally t, int burst, int per_second)
{
	cr_assert(t.n >= burst && t.n <= burst + per_second * t.seconds, "%d in %d s", t.n, t.seconds);
}

/* The last answer says when to come again. */
static void obey_retry_after(void)
{
	char value[32], *end = NULL;
	http_header(&r, "Retry-After", value, sizeof value);
	long seconds = strtol(value, &end, 10);
	cr_assert(*value != '\0' && *end == '\0' && seconds >= 1 && seconds <= 3, "Retry-After: '%s'", value);
	sleep_ms((int)seconds * 1000);
}

/* ---- a client ---- */

Test(limits, a_client_has_one_limit_whichever_worker_it_meets_and_is_told_when_to_come_again)
{
	env_set(&w.gateway_env, "M2M_CLIENT_RATE=1");
	env_set(&w.gateway_env, "M2M_CLIENT_BURST=8");
	start();
	is_a_burst(TALLY(40, 200, oauth_token(w.gateway.http, acme.client_id, acme.secret, &r)), 8, 1);
	while (oauth_token(w.gateway.http, acme.client_id, acme.secret, &r) == 200)
		continue;
	cr_assert(r.status == 429 && is_oauth_error(&r, "temporarily_unavailable"), "%s%s", r.head, r.body);
	obey_retry_after();
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);

	expect_status(oauth_token(w.gateway.http, globex.client_id, globex.secret, &r), 200);
	while (m2m_token(&w, admin, acme.client_id, acme.secret, &r) == 200)
		continue;
	cr_assert(r.status == 429 && is_problem(&r, "rate_limited"), "%s%s", r.head, r.body);
	expect_status(get(&w, "/m2m/client-id", admin, &r), 200);
	cr_assert_geq(gateway_metric(&w, "m2m_rate_limited_total{limit=\"client\"}"), 30);
	cr_assert_eq(gateway_metric(&w, "m2m_rate_limited_total{limit=\"address\"}"), 0);
	cr_assert_geq(gateway_metric(&w, "m2m_requests_total{operation=\"oauth_token\",transport=\"rest\",outcome=\"rate_limited\"}"), 29);
	cr_assert_eq(gateway_metric(&w, "m2m_denied_attempts_total{reason=\"invalid_client\"}"), 0);
}

Test(limits, over_grpc_the_same_limit_is_resource_exhausted_with_retry_info)
{
	struct grpc_details d;
	char id[80];
	env_set(&w.gateway_env, "M2M_CLIENT_RATE=1");
	env_set(&w.gateway_env, "M2M_CLIENT_BURST=4");
	start();
	is_a_burst(TALLY(12, 0, grpc_token(&w, admin, acme.client_id, acme.secret, NULL, &g)), 4, 1);
	while (grpc_token(&w, admin, acme.client_id, acme.secret, NULL, &g) == 0)
		continue;
	grpc_details(&g, &d);
	cr_assert_eq(g.status, 8, "%s", g.fields);
	cr_assert_str_eq(d.reason, "rate_limited");
	cr_assert_str_eq(d.request_id, grpc_field(&g, "x-request-id", id, sizeof id));
	cr_assert(d.retry_seconds >= 1 && d.retry_seconds <= 3, "%d", (int)d.retry_seconds);
	while (oauth_token(w.gateway.http, acme.client_id, acme.secret, &r) == 200)
		continue;
	expect_status(r.status, 429);
	sleep_ms((int)d.retry_seconds * 1000);
	cr_assert_eq(grpc_token(&w, admin, acme.client_id, acme.secret, NULL, &g), 0, "%s", g.fields);
}

/* Who knows a client's id alone (it stands in every token) must not be able to keep it from its
 * tokens. */
Test(limits, wrong_secrets_from_elsewhere_take_nothing_from_the_client)
{
	char wrong[SECRET_MAX];
	wrong_secret(wrong);
	env_set(&w.gateway_env, "M2M_CLIENT_RATE=1");
	env_set(&w.gateway_env, "M2M_CLIENT_BURST=8");
	start();
	is_a_burst(TALLY(60, 401, token_from_form("127.0.0.2", acme.client_id, wrong)), 8, 1);
	is_a_burst(TALLY(20, 200, token_from_form("127.0.0.1", acme.client_id, acme.secret)), 8, 1);
	while (token_from_form("127.0.0.2", acme.client_id, wrong) == 401)
		continue;
	expect_status(r.status, 429);
	/* what was refused for its rate never came as far as the credentials */
	cr_assert_leq(gateway_metric(&w, "m2m_denied_attempts_total{reason=\"invalid_client\"}"), 60);
	cr_assert_leq(gateway_metric(&w, "m2m_tokens_issued_total"), 20);
}

/* ---- an address ---- */

Test(limits, an_address_has_one_limit_for_everything_but_the_public_documents)
{
	env_set(&w.gateway_env, "M2M_ADDRESS_RATE=2");
	env_set(&w.gateway_env, "M2M_ADDRESS_BURST=10");
	start();
	is_a_burst(TALLY(40, 200, get_from("127.0.0.2", "/m2m/client-id")), 10, 2);
	static const char *const paths[] = {"/m2m/client-secret", "/admin/organizations", "/nowhere"};
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		while (get_from("127.0.0.2", paths[i]) != 429)
			continue;
		cr_assert(is_problem(&r, "rate_limited"), "%s: %s", paths[i], r.body);
	}
	while (token_from_form("127.0.0.2", acme.client_id, acme.secret) == 200)
		continue;
	cr_assert(r.status == 429 && is_oauth_error(&r, "temporarily_unavailable"), "%s", r.body);
	obey_retry_after();
	expect_status(token_from_form("127.0.0.2", acme.client_id, acme.secret), 200);

	cr_assert_eq(TALLY(40, 200, get_from("127.0.0.2", "/.well-known/jwks.json")).n, 40);
	expect_status(get_from("127.0.0.3", "/m2m/client-id"), 200);
	cr_assert_geq(gateway_metric(&w, "m2m_rate_limited_total{limit=\"address\"}"), 20);
	cr_assert_eq(gateway_metric(&w, "m2m_rate_limited_total{limit=\"client\"}"), 0);
}

static int grpc_id(void)
{
	return grpc_get_id(&w, admin, NULL, &g);
}

Test(limits, grpc_calls_count_for_the_address_and_health_checks_do_not)
{
	env_set(&w.gateway_env, "M2M_ADDRESS_RATE=1");
	env_set(&w.gateway_env, "M2M_ADDRESS_BURST=6");
	start();
	is_a_burst(TALLY(20, 0, grpc_id()), 6, 1);
	while (grpc_id() == 0)
		continue;
	cr_assert_eq(g.status, 8, "%s", g.fields);
	cr_assert_eq(grpc_call(w.gateway.grpc, &(struct grpc_request){.path = "/grpc.health.v1.Health/Check"}, &g), 0, "%s", g.fields);
}

/* On [::] IPv4 clients come as ::ffff:a.b.c.d, all in one /64. */
Test(limits, ipv4_clients_of_a_dual_stack_listener_are_told_apart)
{
	int fd = socket(AF_INET6, SOCK_STREAM, 0);
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	bool has_ipv6 = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
	close(fd);
	if (has_ipv6) {
		env_set(&w.gateway_env, "M2M_HTTP_LISTEN=[::]:0");
		env_set(&w.gateway_env, "M2M_PLAINTEXT=http");
	}
	env_set(&w.gateway_env, "M2M_ADDRESS_RATE=1");
	env_set(&w.gateway_env, "M2M_ADDRESS_BURST=5");
	start();
	is_a_burst(TALLY(20, 200, get_from("127.0.0.2", "/m2m/client-id")), 5, 1);
	is_a_burst(TALLY(20, 200, get_from("127.0.0.3", "/m2m/client-id")), 5, 1);
}

/* ---- a stock client ---- */

Test(limits, a_client_that_tries_basic_and_then_the_form_is_counted_once)
{
	char wrong[SECRET_MAX];
	wrong_secret(wrong);
	env_set(&w.gateway_env, "M2M_CLIENT_RATE=1");
	env_set(&w.gateway_env, "M2M_CLIENT_BURST=10");
	env_set(&w.gateway_env, "M2M_ADDRESS_RATE=1");
	env_set(&w.gateway_env, "M2M_ADDRESS_BURST=10");
	start();
	is_a_burst(TALLY(30, 401, token_as_stock_client("127.0.0.2", acme.client_id, wrong)), 10, 1);
	cr_assert_geq(gateway_metric(&w, "m2m_denied_attempts_total{reason=\"invalid_client\"}"), 20, "each refusal is recorded");
	is_a_burst(TALLY(30, 200, token_as_stock_client("127.0.0.3", acme.client_id, acme.secret)), 10, 1);
}

/* ---- credentials of other kinds ---- */

#define PLATFORM "https://platform.test"
#define PROXY    "127.0.1.1"
#define TYPE     "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

static struct client_key_pair key, platform_key;
static struct identity ours, not_ours;
static char body[2 * TOKEN_MAX], shown[TOKEN_MAX], fields[8192];

/* A client that has a key, a certificate and a workload, behind a proxy that tells who calls and
 * with which certificate. */
static void start_with_credentials(void)
{
	char path[TMP_PATH], set[4096];
	struct ctl_result ran;
	client_key_make(&key, JWT_ES256);
	client_key_make(&platform_key, JWT_ES256);
	tmp_path(path, "keys", ".json");
	snprintf(set, sizeof set, "{\"keys\":[%s]}", platform_key.jwk);
	tmp_write(path, set);
	snprintf(set, sizeof set, "[{\"issuer\":\"" PLATFORM "\",\"workloads\":true,\"jwks_file\":\"%s\"}]", path);
	tmp_path(path, "issuers", ".json");
	tmp_write(path, set);
	env_set(&w.gateway_env, "M2M_TRUSTED_ISSUERS_FILE=%s", path);
	env_set(&w.gateway_env, "M2M_TRUSTED_PROXIES=127.0.1.0/24");
	env_set(&w.gateway_env, "M2M_FORWARDED=x-forwarded-for");
	env_set(&w.gateway_env, "M2M_CLIENT_CERT_HEADER=on");
	start();
	pki_self_signed(&ours, "/CN=ours");
	pki_self_signed(&not_ours, "/CN=not ours");
	client_key_add(&w, &acme, &key);
	world_ctl(&w, &ran, "client", "certificate", "add", "--org", "acme", "--file", ours.crt);
	world_ctl(&w, &ran, "client", "workload", "add", "--org", "acme", "--issuer", PLATFORM, "--subject", "web", "--audience",
		  "https://issuer.test", "--may-replay");
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--auth-method", "key", "--auth-method", "certificate", "--auth-method",
		  "workload", "--role", "resource_server");
}

static void free_keys(void)
{
	signing_key_free(key.key);
	signing_key_free(platform_key.key);
}

/* A signature of another's under a kid of ours. */
static void assert_as(bool right)
{
	client_assertion_new(acme.client_id, &key, 60, shown);
	if (!right) {
		char *at = shown + strlen(shown) - 8;
		*at = *at == 'A' ? 'B' : 'A';
	}
}

static void show_platforms_token(bool right)
{
	char claims[512];
	snprintf(claims, sizeof claims, "{\"iss\":\"" PLATFORM "\",\"sub\":\"%s\",\"aud\":\"https://issuer.test\",\"exp\":%lld}",
		 right ? "web" : "other", (long long)(clock_wall_us() / 1000000 + 600));
	client_assertion_sign(&platform_key, claims, shown);
}

/* What is said of the address is the proxy's to say. */
static int ask_behind_proxy(const char *address, const char *path, const struct identity *certificate)
{
	char value[6000];
	int n = snprintf(fields, sizeof fields, "X-Forwarded-For: %s\r\n", address);
	if (certificate != NULL) {
		pki_field(certificate, value, sizeof value);
		snprintf(fields + n, sizeof fields - (size_t)n, "Client-Cert: %s\r\n", value);
	}
	return call_from(PROXY, &(struct http_request){.path = path, .type = FORM, .body = body, .headers = fields});
}

static int with_key(const char *address, bool right)
{
	assert_as(right);
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_assertion_type=" TYPE "&client_assertion=%s",
		 acme.client_id, shown);
	return ask_behind_proxy(address, "/oauth2/token", NULL);
}

static int with_workload(const char *address, bool right)
{
	show_platforms_token(right);
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_assertion_type=" TYPE "&client_assertion=%s",
		 acme.client_id, shown);
	return ask_behind_proxy(address, "/oauth2/token", NULL);
}

static int with_grant(const char *address, bool right)
{
	show_platforms_token(right);
	snprintf(body, sizeof body, "grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&client_id=%s&assertion=%s", acme.client_id,
		 shown);
	return ask_behind_proxy(address, "/oauth2/token", NULL);
}

static int with_certificate(const char *address, bool right)
{
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s", acme.client_id);
	return ask_behind_proxy(address, "/oauth2/token", right ? &ours : &not_ours);
}

static const struct {
	const char *name;
	int (*ask)(const char *address, bool right);
	int refused;
} ways[] = {{"key", with_key, 401}, {"workload", with_workload, 401}, {"grant", with_grant, 400}, {"certificate", with_certificate, 401}};
enum { WAYS = sizeof ways / sizeof *ways };

static const char *address_of(unsigned network, size_t way)
{
	static char text[32];
	snprintf(text, sizeof text, "192.0.%u.%zu", network, way + 1);
	return text;
}

/* Who would need the platform's keys before they are there is told to come again, and pays. */
static void wait_for_platform_keys(void)
{
	int64_t end = clock_mono_us() + 20000000;
	while (with_workload("203.0.113.77", false) == 503 && clock_mono_us() < end)
		sleep_ms(20);
	expect_status(r.status, 401);
}

Test(limits, every_kind_of_wrong_credential_meets_the_limit_of_its_address_and_takes_nothing_elsewhere)
{
	env_set(&w.gateway_env, "M2M_CLIENT_RATE=1");
	env_set(&w.gateway_env, "M2M_CLIENT_BURST=6");
	start_with_credentials();
	wait_for_platform_keys();
	for (size_t i = 0; i < WAYS; i++)
		is_a_burst(TALLY(20, ways[i].refused, ways[i].ask(address_of(2, i), false)), 6, 1);
	is_a_burst(TALLY(20, 200, with_key("198.51.100.1", true)), 6, 1);
	free_keys();
}

/* The client's own: whichever credential it shows, its tokens count together. */
Test(limits, a_client_has_one_limit_whichever_credential_it_shows)
{
	env_set(&w.gateway_env, "M2M_CLIENT_RATE=1");
	env_set(&w.gateway_env, "M2M_CLIENT_BURST=6");
	start_with_credentials();
	wait_for_platform_keys();
	is_a_burst(TALLY(20, 200, ways[i_ % WAYS].ask(address_of(2, (size_t)i_ % WAYS), true)), 6, 1);
	for (size_t i = 0; i < WAYS; i++) {
		while (ways[i].ask(address_of(3, i), true) == 200)
			continue;
		cr_assert(r.status == 429 && is_oauth_error(&r, "temporarily_unavailable"), "%s: %s", ways[i].name, r.body);
	}
	free_keys();
}

Test(limits, an_address_has_one_limit_whichever_credential_it_shows)
{
	env_set(&w.gateway_env, "M2M_ADDRESS_RATE=1");
	env_set(&w.gateway_env, "M2M_ADDRESS_BURST=6");
	start_with_credentials();
	wait_for_platform_keys();
	is_a_burst(TALLY(20, 200, ways[i_ % WAYS].ask("192.0.2.1", true)), 6, 1);
	for (size_t i = 0; i < WAYS; i++) {
		while (ways[i].ask("192.0.2.1", false) != 429)
			continue;
		expect_status(ways[i].ask(address_of(3, i), true), 200);
	}
	free_keys();
}

static int introspect(const char *address, bool right)
{
	assert_as(right);
	snprintf(body, sizeof body, "token=x&client_id=%s&client_assertion_type=" TYPE "&client_assertion=%s", acme.client_id, shown);
	return ask_behind_proxy(address, "/oauth2/introspect", NULL);
}

Test(limits, forged_assertions_at_introspection_are_guesses_and_right_ones_are_not)
{
	env_set(&w.gateway_env, "M2M_CLIENT_RATE=1");
	env_set(&w.gateway_env, "M2M_CLIENT_BURST=6");
	start_with_credentials();
	cr_assert_eq(TALLY(20, 200, introspect("192.0.2.1", true)).n, 20);
	is_a_burst(TALLY(20, 401, introspect("192.0.2.1", false)), 6, 1);
	while (introspect("192.0.2.1", false) == 401)
		continue;
	expect_status(introspect("192.0.2.1", true), 429);
	expect_status(introspect("192.0.2.2", true), 200);
	free_keys();
}

/* ---- off ---- */

Test(limits, nothing_is_limited_by_default)
{
	start();
	cr_assert_eq(TALLY(60, 200, oauth_token(w.gateway.http, acme.client_id, acme.secret, &r)).n, 60);
	cr_assert_eq(gateway_metric(&w, "m2m_rate_limited_total{limit=\"client\"}"), -1);
}
