/* Clients that show their platform's own token (RFC 7523), shaped as each platform shapes it, with
 * keys of our own, against real daemons. What a token must say is tested by table in
 * tests/unit/op. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/arena.h"
#include "base/clock.h"
#include "crypto/digest.h"
#include "crypto/signing_key.h"
#include "crypto/signing_key_parts.h"
#include "harness/client_key.h"
#include "harness/expect.h"
#include "harness/imported.h"
#include "harness/jws.h"
#include "harness/pki.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define OURS     "https://issuer.test"
#define CLUSTER  "https://oidc.eks.eu-central-1.amazonaws.test/id/ABC"
#define GITHUB   "https://token.actions.githubusercontent.com"
#define NOTICED  30000 /* ms, at most: files are looked at once a second */
#define NO_MATCH "The assertion isn't one of this client's workloads, or there is no such client."
#define FORM     "application/x-www-form-urlencoded"

static struct world w;
static struct gateway second;
static struct org acme;
static struct arena *a;
static struct signing_key *key, *next;
static struct http_reply r;
static char issuers_path[TMP_PATH], keys_path[TMP_PATH], dir[TMP_PATH];
static pid_t server;
static uint16_t port;

#define format(...) arena_printf(a, __VA_ARGS__).p

/* A key set of one; without alg and with another use, as SPIFFE bundles have it. */
static const char *key_set(const struct signing_key *k, const char *use)
{
	struct sbuf jwk = sbuf_in(a, 4096);
	cr_assert_eq(signing_key_public_jwk(k, &jwk), ERR_OK);
	const char *alg = strstr(jwk.p, ",\"alg\":");
	cr_assert_not_null(alg);
	return format("{\"keys\":[%.*s,\"use\":\"%s\",\"kid\":\"%.*s\"}]}", (int)(alg - jwk.p), jwk.p, use, STR_ARG(signing_key_kid(k)));
}

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
}

WORLD_FILLED(make_people, KEPT(acme));

static void open_world(void)
{
	a = arena_new(1 << 22);
	cr_assert_eq(crypto_init(), ERR_OK);
	key = key_new(JWT_RS256);
	next = key_new(JWT_RS256);
	tmp_path(issuers_path, "issuers", ".json");
	tmp_path(keys_path, "keys", ".json");
	tmp_write(keys_path, key_set(key, "sig"));
	tmp_write(issuers_path,
		  format("[{\"issuer\":\"" CLUSTER "\",\"workloads\":true,\"jwks_file\":\"%s\"},"
			 "{\"issuer\":\"" GITHUB "\",\"workloads\":true,\"jwks_file\":\"%s\"},"
			 "{\"issuer\":\"https://gitlab.test\",\"workloads\":true,\"jwks_file\":\"%s\"},"
			 "{\"issuer\":\"https://accounts.google.test\",\"workloads\":true,\"jwks_file\":\"%s\"},"
			 "{\"issuer\":\"https://login.microsoftonline.test/{tenantid}/v2.0\",\"workloads\":true,\"jwks_file\":\"%s\"},"
			 "{\"spiffe_trust_domain\":\"example.org\",\"workloads\":true,\"jwks_file\":\"%s\"}]",
			 keys_path, keys_path, keys_path, keys_path, keys_path, keys_path));
	world_prepare_filled(&w, false);
	env_set(&w.gateway_env, "M2M_TRUSTED_ISSUERS_FILE=%s", issuers_path);
	gateway_start(&w.gateway, &w.gateway_env);
}

static void close_world(void)
{
	proc_kill(server);
	if (second.pid != 0)
		gateway_stop(&second, 15000);
	signing_key_free(key);
	signing_key_free(next);
	world_close(&w);
	arena_free(a);
}

TestSuite(workloads, .init = open_world, .fini = close_world, .timeout = 120);

static const char *compose(struct signing_key *k, const char *header, const char *payload)
{
	struct sbuf token = sbuf_in(a, 8192);
	jws_put(&token, k, str_of(header), str_of(payload));
	return sbuf_str(&token).p;
}

static const char *token_of(struct signing_key *k, const char *claims)
{
	return compose(k, format("{\"alg\":\"RS256\",\"kid\":\"%.*s\"}", STR_ARG(signing_key_kid(k))),
		       format("{%s,\"iat\":%ld,\"exp\":%ld}", claims, (long)time(NULL), (long)time(NULL) + 600));
}

#define POD(account, jti)                                                                                                                  \
	"\"iss\":\"" CLUSTER "\",\"sub\":\"system:serviceaccount:prod:" account "\",\"aud\":[\"" OURS "\"]," jti                           \
	"\"kubernetes.io\":{\"namespace\":\"prod\",\"pod\":{\"name\":\"web-1\",\"uid\":\"u\"},"                                            \
	"\"serviceaccount\":{\"name\":\"" account "\",\"uid\":\"u\"}}"

static int show_at(uint16_t at, const char *token)
{
	const char *form = format("grant_type=client_credentials&client_id=%s&client_assertion_type="
				  "urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=%s",
				  acme.client_id, token);
	return http_call(at, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form}, &r);
}

static int show(const char *token)
{
	return show_at(w.gateway.http, token);
}

static int grant(const char *token)
{
	const char *form =
		format("grant_type=urn:ietf:params:oauth:grant-type:jwt-bearer&client_id=%s&assertion=%s", acme.client_id, token);
	return post_form(&w, "/oauth2/token", NULL, form, &r);
}

static void expect_said(const char *error, const char *why)
{
	char said[512];
	cr_expect(is_oauth_error(&r, error), "%s", r.body);
	cr_expect_str_eq(body_text(&r, "error_description", said, sizeof said), why);
}

#define add(ret, ...) world_ctl(&w, ret, "client", "workload", "add", "--org", "acme", "--audience", OURS, "--output", "env", __VA_ARGS__)

static bool wait_for(int status, const char *token)
{
	for (int ms = 0; ms < NOTICED; ms += 200) {
		if (show(token) == status)
			return true;
		sleep_ms(200);
	}
	return false;
}

/* ---- the shapes ---- */

Test(workloads, a_kubernetes_service_account_shows_its_projected_token_again_and_again)
{
	struct ctl_result ran;
	char bearer[TOKEN_MAX];
	add(&ran, "--kubernetes", "prod/web", "--issuer", CLUSTER);
	const char *token = token_of(key, POD("web", ""));
	for (int i = 0; i < 2; i++)
		expect_status(show(token), 200);
	body_text(&r, "access_token", bearer, sizeof bearer);
	expect_status(get(&w, "/m2m/client-id", bearer, &r), 200);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.tokens_issued where auth_method = 'workload'"
					   " and credential = '" CLUSTER " system:serviceaccount:prod:web'"),
		     2);
	expect_status(show(token_of(key, POD("other", ""))), 401);
	expect_said("invalid_client", NO_MATCH);
}

Test(workloads, a_github_job_shows_each_token_once_at_all_gateways)
{
	struct ctl_result ran;
	add(&ran, "--github", "acme/shop:production");
	gateway_start(&second, &w.gateway_env);
#define JOB(environment, jti)                                                                                                              \
	"\"iss\":\"" GITHUB "\",\"sub\":\"repo:acme/shop:environment:" environment "\",\"aud\":\"" OURS "\",\"repository\":\"acme/shop\"," \
	"\"environment\":\"" environment "\",\"run_id\":\"7\",\"jti\":\"" jti "\""
	const char *token = token_of(key, JOB("production", "a"));
	expect_status(show(token), 200);
	expect_status(show_at(second.http, token), 401);
	expect_said("invalid_client", "The assertion was used before: each one is good for one request.");
	expect_status(show(token_of(key, JOB("staging", "b"))), 401);
	expect_said("invalid_client", NO_MATCH);
}

Test(workloads, gitlab_google_azure_and_spiffe_have_their_own_shapes)
{
	static const struct {
		const char *args[6], *claims;
	} cases[] = {
		{{"--issuer", "https://gitlab.test", "--claim", "project_path=acme/shop", "--claim", "ref_protected=true"},
		 "\"iss\":\"https://gitlab.test\",\"sub\":\"project_path:acme/shop:ref_type:branch:ref:main\",\"aud\":\"" OURS
		 "\",\"jti\":\"g\",\"project_path\":\"acme/shop\",\"ref_protected\":\"true\""},
		{{"--issuer", "https://accounts.google.test", "--subject", "1122", "--may-replay", "--claim=email_verified=true"},
		 "\"iss\":\"https://accounts.google.test\",\"sub\":\"1122\",\"azp\":\"1122\",\"aud\":\"" OURS
		 "\",\"email\":\"a@b.test\",\"email_verified\":true"},
		{{"--issuer", "https://login.microsoftonline.test/t-1/v2.0", "--subject", "o1", "--may-replay", "--claim=tid=t-1"},
		 "\"iss\":\"https://login.microsoftonline.test/t-1/v2.0\",\"tid\":\"t-1\",\"sub\":\"o1\",\"oid\":\"o1\",\"aud\":\"" OURS
		 "\",\"uti\":\"u\",\"ver\":\"2.0\""},
		{{"--spiffe", "spiffe://example.org/ns/prod/sa/web", "--name", "web", "--expires-in", "3600"},
		 "\"sub\":\"spiffe://example.org/ns/prod/sa/web\",\"aud\":[\"" OURS "\"]"},
	};
	struct ctl_result ran;
	tmp_write(keys_path, key_set(key, "jwt-svid"));
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *const *v = cases[i].args;
		add(&ran, v[0], v[1], v[2], v[3], v[4], v[5]);
		expect_status(show(token_of(key, cases[i].claims)), 200);
	}
}

/* As the clusters of the large clouds and of k3s shape theirs. */
Test(workloads, each_kind_of_cluster_has_its_own_issuer)
{
#define CLAIMS(issuer, audiences)                                                                                                          \
	"\"iss\":\"" issuer "\",\"sub\":\"system:serviceaccount:prod:web\",\"aud\":" audiences ",\"jti\":\"j\",\"nbf\":1,"                 \
	"\"kubernetes.io\":{\"namespace\":\"prod\",\"node\":{\"name\":\"n\",\"uid\":\"u\"},\"pod\":{\"name\":\"web-1\",\"uid\":\"u\"},"    \
	"\"serviceaccount\":{\"name\":\"web\",\"uid\":\"u\"},\"warnafter\":1700000000}"
#define GKE "https://container.googleapis.test/v1/projects/p/locations/europe-west3/clusters/c"
#define AKS "https://westeurope.oic.prod-aks.azure.test/0f2c/9b1d/"
#define K3S "https://kubernetes.default.svc.cluster.local"
	static const struct {
		const char *issuer, *claims;
	} cases[] = {
		{CLUSTER, CLAIMS(CLUSTER, "[\"" OURS "\"]")},
		{GKE, CLAIMS(GKE, "[\"" OURS "\"]")},
		{AKS, CLAIMS(AKS, "[\"" OURS "\"]")},
		{K3S, CLAIMS(K3S, "[\"" K3S "\",\"k3s\",\"" OURS "\"]")},
	};
	struct ctl_result ran;
	struct sbuf list = sbuf_in(a, 4096);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		sbuf_printf(&list, "%s{\"issuer\":\"%s\",\"workloads\":true,\"jwks_file\":\"%s\"}", i == 0 ? "[" : ",", cases[i].issuer,
			    keys_path);
	sbuf_putc(&list, ']');
	tmp_write(issuers_path, sbuf_str(&list).p);
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *token = token_of(key, cases[i].claims);
		cr_assert(wait_for(401, token), "%s", r.body);
		add(&ran, "--kubernetes", "prod/web", "--issuer", cases[i].issuer);
		cr_assert(wait_for(200, token), "%s: %s", cases[i].issuer, r.body);
		cr_expect_eq(sql_int(world_db(&w),
				     "select count(*) from m2m.tokens_issued where credential = '%s system:serviceaccount:prod:web'",
				     cases[i].issuer),
			     1);
	}
}

/* ---- the grant ---- */

Test(workloads, the_jwt_bearer_grant_takes_it_and_discovery_says_so)
{
	struct ctl_result ran;
	add(&ran, "--kubernetes", "prod/web", "--issuer", CLUSTER, "--once");
	expect_status(get(&w, "/.well-known/oauth-authorization-server", NULL, &r), 200);
	cr_expect_not_null(strstr(r.body, "grant-type:jwt-bearer"));
	const char *token = token_of(key, POD("web", "\"jti\":\"a\","));
	expect_status(grant(token), 200);
	expect_status(grant(token), 400);
	expect_said("invalid_grant", "The assertion was used before: each one is good for one request.");
	expect_status(grant(token_of(next, POD("web", "\"jti\":\"b\","))), 400);
	expect_said("invalid_grant", NO_MATCH);
	expect_status(grant(token_of(key, POD("web", ""))), 400);
	expect_said("invalid_grant", "The assertion lacks jti, and its workload isn't registered with may_replay.");
	expect_status(get(&w, "/m2m/client-id", token, &r), 401); /* it is no bearer */
}

Test(workloads, one_that_is_removed_or_not_allowed_gets_nothing_at_once)
{
	struct ctl_result ran;
	char id[64];
	add(&ran, "--kubernetes", "prod/web", "--issuer", CLUSTER);
	ctl_value(&ran, "M2M_CREDENTIAL_ID", id, sizeof id);
	const char *token = token_of(key, POD("web", ""));
	expect_status(show(token), 200);
	world_ctl(&w, &ran, "client", "workload", "list", "--org", "acme");
	cr_expect_not_null(strstr(ran.out, id));
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--auth-method", "secret");
	expect_status(show(token), 401);
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--auth-method", "workload");
	expect_status(show(token), 200);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	world_ctl(&w, &ran, "client", "workload", "remove", "--org", "acme", "--", id);
	expect_status(show(token), 401);
	expect_said("invalid_client", NO_MATCH);
	add(&ran, "--kubernetes", "prod/web", "--issuer", CLUSTER, "--claim", "/kubernetes.io/pod/name=web-1");
	expect_status(show(token), 200);
}

Test(workloads, the_platform_registers_one_and_ends_it_at_once)
{
	char platform[TOKEN_MAX], location[512];
	const char *path = format("/admin/organizations/acme/clients/%s/credentials", acme.client_id);
	const char *token = token_of(key, POD("web", "\"jti\":\"a\","));
	mint_platform(&w, "backend", platform);
	expect_status(show(token), 401);
	expect_status(post_json(&w, path, platform,
				"{\"kind\":\"workload\",\"issuer\":\"" CLUSTER "\",\"may_replay\":true,"
				"\"claims\":{\"/kubernetes.io/serviceaccount/name\":\"web\"}}",
				&r),
		      201);
	http_header(&r, "Location", location, sizeof location);
	expect_status(show(token), 200);
	expect_status(grant(token), 200);
	expect_status(show(token_of(key, POD("other", ""))), 401);
	expect_status(get(&w, location, platform, &r), 200);
	cr_expect_not_null(strstr(r.body, "\"last_use\":{\"at\":\"20"), "%s", r.body);
	expect_status(http_call(w.gateway.http, &(struct http_request){.method = "DELETE", .path = location, .bearer = platform}, &r), 204);
	expect_status(show(token), 401);
	expect_said("invalid_client", NO_MATCH);
	expect_status(grant(token), 400);
}

/* RFC 7521 section 4.1.1, RFC 7523 section 3.1: what is wrong with a grant is no fault of a
 * client's authentication. */
Test(workloads, a_grant_that_the_client_may_not_use_is_an_invalid_one)
{
	struct ctl_result ran;
	char bearer[TOKEN_MAX];
	static struct grpc_reply g;
	static struct grpc_details d;
	add(&ran, "--kubernetes", "prod/web", "--issuer", CLUSTER);
	const char *token = token_of(key, POD("web", ""));
	world_ctl(&w, &ran, "client", "set", "--org", "acme", "--auth-method", "secret");
	expect_status(grant(token), 400);
	expect_said("invalid_grant", "The client may not get a token for a workload's assertion.");
	cr_expect_str_eq(http_header(&r, "WWW-Authenticate", bearer, sizeof bearer), "");
	expect_status(show(token), 401);
	expect_said("invalid_client", "The client may not authenticate in this way.");
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	cr_expect_not_null(strstr(r.body, "m2m_denied_attempts_total{reason=\"invalid_grant\"} 1\n"));

	/* which is the token endpoint's alone */
	const char *of_jwt =
		format("{\"grant_type\":\"urn:ietf:params:oauth:grant-type:jwt-bearer\",\"client_id\":\"%s\"}", acme.client_id);
	mint(&w, "acme", "admin", bearer);
	expect_status(post_json(&w, "/m2m/token", bearer, of_jwt, &r), 400);
	expect_said("unsupported_grant_type", "The grant_type is not supported; use client_credentials.");
	struct pb message = {.n = 0};
	pb_put_text(&message, 1, "urn:ietf:params:oauth:grant-type:jwt-bearer");
	pb_put_text(&message, 2, acme.client_id);
	grpc_call(w.gateway.grpc, &(struct grpc_request){.path = GRPC_TOKEN, .bearer = bearer, .message = &message}, &g);
	cr_expect_eq(g.status, 3, "%s", g.fields);
	grpc_details(&g, &d);
	cr_expect_str_eq(d.reason, "unsupported_grant_type");
}

/* ---- over HTTPS ---- */

static void make_folder(void)
{
	https_folder(dir);
	proc_run((const char *const[]){"mkdir", "-p", format("%s/.well-known", dir), NULL});
	port = free_port();
}

/* An issuer that can't be reached is asked again only a while later. */
static void start_server(const char *command)
{
	static struct http_conn look;
	bool up = false;
	server = proc_start(&(struct proc_spec){.argv = (const char *const[]){"sh", "-c", command, NULL}});
	for (int tries = 0; tries < 400 && !(up = http_open(&look, port)); tries++)
		sleep_ms(50);
	http_close(&look);
	cr_assert(up, "nobody listens at port %u", port);
}

static void serve(void)
{
	make_folder();
	server = https_serve(dir, port);
}

static void put(const char *path, const char *body)
{
	tmp_write(format("%s/%s", dir, path),
		  format("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n\r\n%s", body));
}

static bool wait_for_log(const char *text)
{
	for (int ms = 0; ms < NOTICED; ms += 200) {
		if (gateway_log_count(&w.gateway, text, NULL, 0) > 0)
			return true;
		sleep_ms(200);
	}
	return false;
}

Test(workloads, an_issuer_is_discovered_and_outlives_an_outage)
{
	struct ctl_result ran;
	serve();
	const char *issuer = format("https://localhost:%u", port);
	tmp_write(format("%s/token", dir), "abc\n");
	put("jwks", key_set(key, "sig"));
	put(".well-known/openid-configuration", format("{\"issuer\":\"https://evil.test\",\"jwks_uri\":\"%s/jwks\"}", issuer));
	tmp_write(issuers_path, format("[{\"issuer\":\"%s\",\"workloads\":true,\"discovery\":true,\"ca_file\":\"%s/cert.pem\","
				       "\"bearer_file\":\"%s/token\"}]",
				       issuer, dir, dir));
	add(&ran, "--issuer", issuer, "--subject", "s", "--may-replay");
	const char *claims = format("\"iss\":\"%s\",\"sub\":\"s\",\"aud\":\"" OURS "\"", issuer);
	const char *token = token_of(key, claims);
	cr_assert(wait_for(503, token), "%s", r.body);
	cr_assert(wait_for_log("another issuer's"));
	put(".well-known/openid-configuration", format("{\"issuer\":\"%s\",\"jwks_uri\":\"%s/jwks\"}", issuer, issuer));
	cr_assert(wait_for(200, token), "%s", r.body);
	proc_kill(server);
	server = 0;
	expect_status(show(token), 200);
	expect_status(show(token_of(next, claims)), 401);
}

Test(workloads, a_key_set_rotates)
{
	struct ctl_result ran;
	add(&ran, "--kubernetes", "prod/web", "--issuer", CLUSTER);
	expect_status(show(token_of(key, POD("web", ""))), 200);
	tmp_write(keys_path, key_set(next, "sig"));
	cr_assert(wait_for(200, token_of(next, POD("web", ""))), "%s", r.body);
	expect_status(show(token_of(key, POD("web", ""))), 401);
	expect_said("invalid_client", NO_MATCH);
}

/* Files as they lie there; what each request showed as its bearer is noted in `seen`. */
static const char noting_server[] =
	"import http.server, ssl, sys\n"
	"class Handler(http.server.SimpleHTTPRequestHandler):\n"
	"    def do_GET(self):\n"
	"        with open('seen', 'a') as f:\n"
	"            f.write(self.headers['Host'] + self.path + ' ' + str(self.headers.get('Authorization')) + '\\n')\n"
	"        super().do_GET()\n"
	"context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
	"context.load_cert_chain('cert.pem', 'key.pem')\n"
	"server = http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Handler)\n"
	"server.socket = context.wrap_socket(server.socket, server_side=True)\n"
	"server.serve_forever()\n";

Test(workloads, the_bearer_file_s_token_goes_to_the_issuer_s_own_host_alone)
{
	struct ctl_result ran;
	make_folder();
	const char *issuer = format("https://localhost:%u", port);
	tmp_write(format("%s/token", dir), "abc\n");
	tmp_write(format("%s/serve.py", dir), noting_server);
	tmp_write(format("%s/jwks", dir), key_set(key, "sig"));
	tmp_write(format("%s/.well-known/openid-configuration", dir),
		  format("{\"issuer\":\"%s\",\"jwks_uri\":\"https://127.0.0.1:%u/jwks\"}", issuer, port));
	const char *command = format("cd '%s' && exec python3 serve.py %u", dir, port);
	start_server(command);
	tmp_write(issuers_path, format("[{\"issuer\":\"%s\",\"workloads\":true,\"discovery\":true,\"ca_file\":\"%s/cert.pem\","
				       "\"bearer_file\":\"%s/token\"}]",
				       issuer, dir, dir));
	add(&ran, "--issuer", issuer, "--subject", "s", "--may-replay");
	cr_assert(wait_for(200, token_of(key, format("\"iss\":\"%s\",\"sub\":\"s\",\"aud\":\"" OURS "\"", issuer))), "%s", r.body);
	char *seen = tmp_read(format("%s/seen", dir), NULL);
	cr_expect_not_null(strstr(seen, format("localhost:%u/.well-known/openid-configuration Bearer abc\n", port)), "%s", seen);
	cr_expect_not_null(strstr(seen, format("127.0.0.1:%u/jwks None\n", port)), "%s", seen);
	free(seen);
}

/* ---- brought along ---- */

#define FOREIGN_ID "acct:42%2F100%+a/b"

/* show() sends acme's id as it stands. */
Test(workloads, a_client_that_was_brought_along_shows_the_workload_that_came_with_it)
{
	struct ctl_result ran;
	char lines[TMP_PATH], bearer[TOKEN_MAX], said[256], id[ENCODED_MAX];
	tmp_path(lines, "clients", ".jsonl");
	tmp_write(lines, "{\"organization\":\"acme\",\"client_id\":\"" FOREIGN_ID "\",\"secret\":\"some-secret-1\",\"credentials\":["
			 "{\"kind\":\"workload\",\"issuer\":\"" CLUSTER "\",\"subject\":\"system:serviceaccount:prod:web\","
			 "\"audience\":\"" OURS "\",\"may_replay\":true}]}\n");
	world_ctl(&w, &ran, "client", "import", lines);
	gateway_stop(&w.gateway, 15000);
	gateway_start(&w.gateway, &w.gateway_env);
	const char *token = token_of(key, POD("web", ""));
	expect_status(show(token), 401);
	snprintf(acme.client_id, sizeof acme.client_id, "%s", percent_encoded(FOREIGN_ID, id));
	expect_status(show(token), 200);
	body_text(&r, "access_token", bearer, sizeof bearer);
	cr_expect_str_eq(claim_text(bearer, "client_id", said, sizeof said), FOREIGN_ID);
	expect_status(grant(token), 200);
	expect_status(show(token_of(key, POD("other", ""))), 401);
}
