/* Clients that show a certificate (RFC 8705), in their handshake with a real daemon and by a
 * proxy (RFC 9440): who authenticates with it, and what the tokens are bound to. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "harness/expect.h"
#include "harness/pki.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define FORM  "application/x-www-form-urlencoded"
#define PROXY "127.0.1.1"

static struct world w;
static struct org acme, globex;
static struct identity server, authority, stranger_authority, one;
static char token[TOKEN_MAX], admin[TOKEN_MAX];
static struct http_reply r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "globex", &globex);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(globex), KEPT(admin));

static void prepare(void)
{
	world_prepare_filled(&w, false);
	cr_assert_eq(crypto_init(), ERR_OK);
	pki_self_signed(&server, "/CN=gateway");
	pki_self_signed(&authority, "/CN=clients authority");
	pki_self_signed(&stranger_authority, "/CN=somebody else's authority");
	chmod(server.key, 0600);
}

static void begin(void)
{
	gateway_start(&w.gateway, &w.gateway_env);
}

/* Over TLS, with the operator's listener in the clear for the harness. */
static void start(const char *certs)
{
	env_set(&w.gateway_env, "M2M_TLS_CERT_FILE=%s", server.crt);
	env_set(&w.gateway_env, "M2M_TLS_KEY_FILE=%s", server.key);
	env_set(&w.gateway_env, "M2M_PLAINTEXT=ops");
	env_set(&w.gateway_env, "M2M_TLS_CLIENT_CERTS=%s", certs);
	if (strcmp(certs, "off") != 0)
		env_set(&w.gateway_env, "M2M_TLS_CLIENT_CA_FILE=%s", authority.crt);
	begin();
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(certificates, .init = prepare, .fini = close_world, .timeout = 180);

static void add(const struct org *o, const char *how, const char *what)
{
	struct ctl_result result;
	world_ctl(&w, &result, "client", "certificate", "add", "--client", o->client_id, how, what);
}

static void take_away(const struct org *o, const char *credential_id)
{
	struct ctl_result result;
	world_ctl(&w, &result, "client", "certificate", "remove", "--client", o->client_id, credential_id);
}

static const char *grant(const struct org *o)
{
	static char text[256];
	snprintf(text, sizeof text, "grant_type=client_credentials&client_id=%s", o->client_id);
	return text;
}

static int ask(const struct org *o, const struct identity *i)
{
	return curl_form(w.gateway.http, "/oauth2/token", i, NULL, grant(o), &r);
}

static void expect_token(const struct org *o, const struct identity *i)
{
	expect_status(ask(o, i), 200);
	body_text(&r, "access_token", token, sizeof token);
}

static void expect_refused(const struct org *o, const struct identity *i)
{
	cr_expect_eq(ask(o, i), 401, "%d %s", r.status, r.body);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
}

static const char *row(void)
{
	return sql_text(world_db(&w), "select m2m.auth_method_name(auth_method) || ' ' || credential || ' ' || coalesce(bound_to, '-')"
				      " from m2m.token_audit order by issued_at desc, jti desc limit 1");
}

/* ---- names ---- */

static const struct {
	const char *option, *name, *id, *subject, *names, *wrong_subject, *wrong_names;
} kinds[] = {
	{"--subject-dn", "CN=Billing,O=Acme", "tls_client_auth_subject_dn", "/O=Acme/CN=Billing", "", "/O=Acme/CN=Billing2", ""},
	{"--san-dns", "Billing.Example", "tls_client_auth_san_dns", "/CN=x", "DNS:billing.example", "/CN=billing.example",
	 "DNS:other.example"},
	{"--san-uri", "spiffe://example.org/billing", "tls_client_auth_san_uri", "/CN=x", "URI:spiffe://example.org/billing", "/CN=x",
	 "URI:spiffe://example.org/billing2"},
	{"--san-ip", "192.0.2.7", "tls_client_auth_san_ip", "/CN=x", "IP:192.0.2.7", "/CN=x", "DNS:192.0.2.7"},
	{"--san-email", "billing@Example.org", "tls_client_auth_san_email", "/CN=x", "email:billing@example.org", "/CN=x",
	 "email:Billing@example.org"},
};

Test(certificates, each_kind_of_name_authenticates_and_no_other_name_does)
{
	start("request");
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		struct identity wrong, untrusted;
		char expected[512], x5t[64];
		pki_issue(&one, &authority, kinds[i].subject, kinds[i].names, 1);
		pki_issue(&wrong, &authority, kinds[i].wrong_subject, kinds[i].wrong_names, 1);
		pki_issue(&untrusted, &stranger_authority, kinds[i].subject, kinds[i].names, 1);
		expect_refused(&acme, &one);
		add(&acme, kinds[i].option, kinds[i].name);
		expect_token(&acme, &one);
		snprintf(expected, sizeof expected, "tls_client_auth %s:", kinds[i].id);
		cr_expect_eq(strncmp(row(), expected, strlen(expected)), 0, "%s", row());
		cr_expect_not_null(strstr(row(), pki_thumbprint(&one, x5t)), "%s", row());
		expect_refused(&acme, &wrong);
		expect_refused(&acme, &untrusted);
		expect_refused(&acme, NULL);
		expect_refused(&globex, &one);
	}
}

Test(certificates, an_expired_certificate_is_no_good)
{
	start("request");
	pki_issue(&one, &authority, "/CN=x", "DNS:billing.example", -1);
	add(&acme, "--san-dns", "billing.example");
	expect_refused(&acme, &one);
	cr_expect_not_null(strstr(r.body, "time hasn't come, or is over"), "%s", r.body);
}

Test(certificates, a_removed_name_is_refused_at_once)
{
	start("request");
	pki_issue(&one, &authority, "/CN=x", "DNS:billing.example", 1);
	add(&acme, "--san-dns", "billing.example");
	expect_token(&acme, &one);
	take_away(&acme, "tls_client_auth_san_dns:billing.example");
	expect_refused(&acme, &one);
	expect_status(curl_form(w.gateway.http, "/m2m/client-id", &one, token, NULL, &r), 401);
}

/* ---- by thumbprint ---- */

Test(certificates, a_pinned_self_signed_certificate_authenticates_and_no_other)
{
	char id[64], expected[256];
	struct identity same_name;
	start("request");
	pki_self_signed(&one, "/CN=billing");
	pki_self_signed(&same_name, "/CN=billing");
	add(&acme, "--file", one.crt);
	expect_token(&acme, &one);
	pki_thumbprint(&one, id);
	snprintf(expected, sizeof expected, "self_signed_tls_client_auth %s %s", id, id);
	cr_expect_str_eq(row(), expected);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.client_credential where credential_id = '%s' and expires_at is not null", id),
		     1);
	expect_refused(&acme, &same_name);
	expect_refused(&globex, &one);
	take_away(&acme, id);
	expect_refused(&acme, &one);
}

Test(certificates, what_signed_itself_has_no_names)
{
	start("request");
	pki_self_signed(&one, "/O=Acme/CN=Billing");
	add(&acme, "--subject-dn", "CN=Billing,O=Acme");
	expect_refused(&acme, &one);
}

/* ---- bound tokens ---- */

Test(certificates, a_bound_token_opens_our_routes_with_its_certificate_alone)
{
	struct identity other;
	start("request");
	pki_issue(&one, &authority, "/CN=x", "DNS:billing.example", 1);
	pki_issue(&other, &authority, "/CN=x", "DNS:billing.example", 1);
	add(&acme, "--san-dns", "billing.example");
	expect_token(&acme, &one);
	expect_status(curl_form(w.gateway.http, "/m2m/client-id", &one, token, NULL, &r), 200);
	expect_status(curl_form(w.gateway.http, "/m2m/client-id", &other, token, NULL, &r), 401);
	expect_status(curl_form(w.gateway.http, "/m2m/client-id", NULL, token, NULL, &r), 401);
	const struct pb nothing = {.n = 0};
	cr_expect_eq(curl_grpc(w.gateway.grpc, GRPC_GET_ID, &one, token, &nothing), 0);
	cr_expect_eq(curl_grpc(w.gateway.grpc, GRPC_GET_ID, &other, token, &nothing), 16);
	cr_expect_eq(curl_grpc(w.gateway.grpc, GRPC_GET_ID, NULL, token, &nothing), 16);
}

Test(certificates, a_secrets_token_is_bound_where_its_client_has_to)
{
	char form[512], x5t[64], expected[128];
	start("request");
	pki_self_signed(&one, "/CN=whoever");
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	expect_status(curl_form(w.gateway.http, "/oauth2/token", &one, NULL, form, &r), 200);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where bound_to is not null"), 0);
	sql_exec(world_db(&w), "update m2m.client set token_binding = 'certificate' where client_id = '%s'", acme.client_id);
	expect_status(curl_form(w.gateway.http, "/oauth2/token", NULL, NULL, form, &r), 400);
	expect_status(curl_form(w.gateway.http, "/oauth2/token", &one, NULL, form, &r), 200);
	snprintf(expected, sizeof expected, "%s", pki_thumbprint(&one, x5t));
	cr_expect_str_eq(sql_text(world_db(&w), "select bound_to from m2m.token_audit where bound_to is not null"), expected);
}

/* A GET has no form: the client's id stands in the query, and nothing that proves who it is. */
Test(certificates, an_api_reads_the_list_of_revocations_with_its_certificate)
{
	char path[2 * TOKEN_MAX];
	start("request");
	pki_issue(&one, &authority, "/CN=x", "DNS:api.example", 1);
	snprintf(path, sizeof path, "/oauth2/revocations?client_id=%s", acme.client_id);
	expect_status(curl_form(w.gateway.http, path, &one, NULL, NULL, &r), 401);
	add(&acme, "--san-dns", "api.example");
	expect_status(curl_form(w.gateway.http, path, &one, NULL, NULL, &r), 403);
	sql_exec(world_db(&w), "update m2m.client set roles = '{resource_server}' where client_id = '%s'", acme.client_id);
	expect_status(curl_form(w.gateway.http, path, &one, NULL, NULL, &r), 200);
	cr_expect_str_eq(r.body, "{\"revocations\":[],\"not_before\":[]}\n");
	expect_status(curl_form(w.gateway.http, path, NULL, NULL, NULL, &r), 401);
	expect_status(curl_form(w.gateway.http, path, &one, admin, NULL, &r), 400);
	expect_status(curl_form(w.gateway.http, "/oauth2/revocations", &one, NULL, NULL, &r), 401);
	snprintf(path, sizeof path, "/oauth2/revocations?client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	expect_status(curl_form(w.gateway.http, path, NULL, NULL, NULL, &r), 400);
	snprintf(path, sizeof path, "/oauth2/revocations?client_assertion=a.b.c&client_id=%s", acme.client_id);
	expect_status(curl_form(w.gateway.http, path, NULL, NULL, NULL, &r), 400);
	take_away(&acme, "tls_client_auth_san_dns:api.example");
	snprintf(path, sizeof path, "/oauth2/revocations?client_id=%s", acme.client_id);
	expect_status(curl_form(w.gateway.http, path, &one, NULL, NULL, &r), 401);
}

Test(certificates, an_admin_gets_a_token_for_a_certificate_over_both_transports)
{
	char form[256];
	start("request");
	pki_self_signed(&one, "/CN=billing");
	add(&acme, "--file", one.crt);
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s", acme.client_id);
	expect_status(curl_form(w.gateway.http, "/m2m/token", &one, admin, form, &r), 200);
	expect_status(curl_form(w.gateway.http, "/m2m/token", NULL, admin, form, &r), 400);
	cr_expect_eq(curl_grpc(w.gateway.grpc, GRPC_TOKEN, &one, admin, token_message(acme.client_id, "")), 0);
	cr_expect_eq(curl_grpc(w.gateway.grpc, GRPC_TOKEN, NULL, admin, token_message(acme.client_id, "")), 3);
}

/* ---- settings ---- */

Test(certificates, nobody_is_asked_where_the_setting_is_off)
{
	start("off");
	pki_self_signed(&one, "/CN=billing");
	add(&acme, "--file", one.crt);
	expect_refused(&acme, &one);
	curl_form(w.gateway.http, "/.well-known/oauth-authorization-server", NULL, NULL, NULL, &r);
	cr_expect_null(strstr(r.body, "tls_client"), "%s", r.body);
}

Test(certificates, the_metadata_says_what_is_taken)
{
	env_set(&w.gateway_env, "M2M_MTLS_PUBLIC_URL=https://mtls.example.com/");
	start("request");
	curl_form(w.gateway.http, "/.well-known/oauth-authorization-server", NULL, NULL, NULL, &r);
	cr_expect_not_null(strstr(r.body, "\"private_key_jwt\",\"tls_client_auth\",\"self_signed_tls_client_auth\""), "%s", r.body);
	cr_expect_not_null(strstr(r.body, "\"tls_client_certificate_bound_access_tokens\":true"), "%s", r.body);
	cr_expect_not_null(strstr(r.body, "\"mtls_endpoint_aliases\":{\"token_endpoint\":\"https://mtls.example.com/oauth2/token\""), "%s",
			   r.body);
}

/* What openssl says of a second handshake with the first one's session. */
static bool resumes(const char *version, const struct identity *i)
{
	char line[2048], out[TMP_PATH], session[TMP_PATH], identity[2 * TMP_PATH + 32] = "";
	tmp_path(out, "resumed", ".txt");
	tmp_path(session, "resumed", ".pem");
	if (i != NULL)
		snprintf(identity, sizeof identity, "-cert %s -key %s", i->crt, i->key);
	snprintf(line, sizeof line,
		 "for how in -sess_out -sess_in; do (printf 'GET /.well-known/jwks.json HTTP/1.1\\r\\nHost: x\\r\\n\\r\\n'; sleep 1) |"
		 " openssl s_client -connect 127.0.0.1:%u -%s %s $how %s; done >%s 2>&1",
		 w.gateway.http, version, identity, session, out);
	proc_run((const char *const[]){"sh", "-c", line, NULL});
	char *said = tmp_read(out, NULL);
	cr_assert_not_null(said);
	bool reused = strstr(said, "Reused, ") != NULL;
	cr_assert_not_null(strstr(said, "New, "), "%s", said);
	free(said);
	return reused;
}

Test(certificates, who_shows_one_is_not_resumed)
{
	start("request");
	pki_self_signed(&one, "/CN=billing");
	cr_expect(resumes("tls1_2", NULL));
	cr_expect(resumes("tls1_3", NULL));
	cr_expect_not(resumes("tls1_2", &one));
	cr_expect_not(resumes("tls1_3", &one));
}

Test(certificates, a_plaintext_listener_knows_of_none)
{
	env_set(&w.gateway_env, "M2M_TLS_CERT_FILE=%s", server.crt);
	env_set(&w.gateway_env, "M2M_TLS_KEY_FILE=%s", server.key);
	env_set(&w.gateway_env, "M2M_PLAINTEXT=http,ops");
	env_set(&w.gateway_env, "M2M_TLS_CLIENT_CERTS=request");
	begin();
	pki_self_signed(&one, "/CN=billing");
	add(&acme, "--file", one.crt);
	char value[6000], line[6100];
	pki_field(&one, value, sizeof value);
	snprintf(line, sizeof line, "Client-Cert: %s\r\n", value);
	expect_status(http_call(w.gateway.http,
				&(struct http_request){.path = "/oauth2/token", .type = FORM, .body = grant(&acme), .headers = line}, &r),
		      401);
	cr_expect_eq(curl_grpc(w.gateway.grpc, GRPC_TOKEN, &one, admin, token_message(acme.client_id, "")), 0);
}

Test(certificates, authorities_are_reread)
{
	start("request");
	pki_issue(&one, &stranger_authority, "/CN=x", "DNS:billing.example", 1);
	add(&acme, "--san-dns", "billing.example");
	expect_refused(&acme, &one);
	char *pem = tmp_read(stranger_authority.crt, NULL);
	tmp_write(authority.crt, pem);
	free(pem);
	kill(w.gateway.pid, SIGHUP);
	for (int i = 0; i < 100 && ask(&acme, &one) != 200; i++)
		sleep_ms(50);
	expect_token(&acme, &one);
	cr_expect_gt(gateway_log_wait(&w.gateway, "client_authorities_loaded", 1, NULL, 0), 0);
}

/* ---- by a proxy ---- */

static void start_behind_a_proxy(void)
{
	env_set(&w.gateway_env, "M2M_TRUSTED_PROXIES=127.0.1.0/24");
	env_set(&w.gateway_env, "M2M_FORWARDED=x-forwarded-for");
	env_set(&w.gateway_env, "M2M_CLIENT_CERT_HEADER=on");
	env_set(&w.gateway_env, "M2M_TLS_CLIENT_CA_FILE=%s", authority.crt);
	begin();
}

static int ask_from(const char *from, const char *path, const char *bearer, const char *body, const char *headers)
{
	static struct http_conn c;
	if (!http_open_from(&c, from, w.gateway.http))
		return 0;
	int status =
		http_call_on(&c,
			     &(struct http_request){
				     .path = path, .type = body == NULL ? NULL : FORM, .bearer = bearer, .body = body, .headers = headers},
			     &r);
	http_close(&c);
	return status;
}

static const char *field(const struct identity *i)
{
	static char value[6000], line[6100];
	pki_field(i, value, sizeof value);
	snprintf(line, sizeof line, "Client-Cert: %s\r\n", value);
	return line;
}

Test(certificates, a_trusted_proxy_tells_of_a_certificate)
{
	struct identity untrusted;
	start_behind_a_proxy();
	pki_issue(&one, &authority, "/CN=x", "DNS:billing.example", 1);
	pki_issue(&untrusted, &stranger_authority, "/CN=x", "DNS:billing.example", 1);
	add(&acme, "--san-dns", "billing.example");
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field(&one)), 200);
	cr_expect_eq(strncmp(row(), "tls_client_auth tls_client_auth_san_dns:billing.example x5t#S256:", 60), 0, "%s", row());
	body_text(&r, "access_token", token, sizeof token);
	expect_status(ask_from(PROXY, "/m2m/client-id", token, NULL, field(&one)), 200);
	expect_status(ask_from(PROXY, "/m2m/client-id", token, NULL, field(&untrusted)), 401);
	expect_status(ask_from(PROXY, "/m2m/client-id", token, NULL, NULL), 401);
	/* its chain is ours to verify */
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field(&untrusted)), 401);
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), NULL), 401);
}

static const char *field_and_chain(const struct identity *i, const struct identity *above)
{
	static char value[6000], lines[12200];
	int n = snprintf(lines, sizeof lines, "%s", field(i));
	pki_field(above, value, sizeof value);
	snprintf(lines + n, sizeof lines - (size_t)n, "Client-Cert-Chain: %s\r\n", value);
	return lines;
}

/* RFC 9440 section 2.3, over both transports. */
Test(certificates, a_trusted_proxy_tells_of_what_leads_to_the_authority)
{
	static struct h2 c;
	static struct grpc_reply g;
	struct identity above, strangers_above;
	char value[6000], chain[6000], metadata[2 * 6000 + TOKEN_MAX + 64];
	start_behind_a_proxy();
	pki_issue_authority(&above, &authority, "/CN=intermediate");
	pki_issue_authority(&strangers_above, &stranger_authority, "/CN=intermediate");
	pki_issue(&one, &above, "/CN=x", "DNS:billing.example", 1);
	add(&acme, "--san-dns", "billing.example");
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field(&one)), 401);
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field_and_chain(&one, &above)), 200);
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field_and_chain(&one, &strangers_above)), 401);
	expect_status(ask_from("127.0.0.1", "/oauth2/token", NULL, grant(&acme), field_and_chain(&one, &above)), 401);
	pki_issue(&one, &strangers_above, "/CN=x", "DNS:billing.example", 1);
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field_and_chain(&one, &strangers_above)), 401);

	pki_issue(&one, &above, "/CN=x", "DNS:billing.example", 1);
	pki_field(&one, value, sizeof value);
	pki_field(&above, chain, sizeof chain);
	for (int with = 0; with < 2; with++) {
		cr_assert(h2_open_from(&c, PROXY, w.gateway.grpc));
		snprintf(metadata, sizeof metadata, "authorization: Bearer %s\nclient-cert: %s%s%s", admin, value,
			 with ? "\nclient-cert-chain: " : "", with ? chain : "");
		int status = grpc_call_on(
			&c, &(struct grpc_request){.path = GRPC_TOKEN, .message = token_message(acme.client_id, ""), .metadata = metadata},
			&g);
		cr_expect_eq(status, with ? 0 : 16, "%d", status);
		h2_close(&c);
	}
}

Test(certificates, what_anybody_else_says_of_a_certificate_is_nothing)
{
	start_behind_a_proxy();
	pki_issue(&one, &authority, "/CN=x", "DNS:billing.example", 1);
	add(&acme, "--san-dns", "billing.example");
	expect_status(ask_from("127.0.0.1", "/oauth2/token", NULL, grant(&acme), field(&one)), 401);
	expect_status(ask_from("127.0.0.1", "/m2m/client-id", admin, NULL, "Client-Cert: nonsense\r\n"), 200);
}

Test(certificates, a_proxys_malformed_or_second_field_is_refused)
{
	char two[13000];
	start_behind_a_proxy();
	pki_issue(&one, &authority, "/CN=x", "", 1);
	snprintf(two, sizeof two, "%s", field(&one));
	strncat(two, field(&one), sizeof two - strlen(two) - 1);
	expect_status(ask_from(PROXY, "/m2m/client-id", admin, NULL, two), 400);
	expect_status(ask_from(PROXY, "/m2m/client-id", admin, NULL, "Client-Cert: :AAAA:\r\n"), 400);
	expect_status(ask_from(PROXY, "/m2m/client-id", admin, NULL, "Client-Cert: nonsense\r\n"), 400);
	expect_status(ask_from(PROXY, "/m2m/client-id", admin, NULL, field(&one)), 200);
}

Test(certificates, a_proxy_tells_of_certificates_over_grpc_too)
{
	static struct h2 c;
	static struct grpc_reply g;
	char value[6000], metadata[6000 + TOKEN_MAX + 64];
	start_behind_a_proxy();
	pki_self_signed(&one, "/CN=billing");
	add(&acme, "--file", one.crt);
	pki_field(&one, value, sizeof value);
	for (int trusted = 0; trusted < 2; trusted++) {
		cr_assert(h2_open_from(&c, trusted ? PROXY : "127.0.0.1", w.gateway.grpc));
		snprintf(metadata, sizeof metadata, "authorization: Bearer %s\nclient-cert: %s", admin, value);
		int status = grpc_call_on(
			&c, &(struct grpc_request){.path = GRPC_TOKEN, .message = token_message(acme.client_id, ""), .metadata = metadata},
			&g);
		cr_expect_eq(status, trusted ? 0 : 3);
		h2_close(&c);
	}
}

/* ---- the platform's API ---- */

Test(certificates, the_platform_registers_and_removes_certificates)
{
	char path[256], body[8192], platform[TOKEN_MAX], location[512];
	start_behind_a_proxy();
	mint_platform(&w, "backend", platform);
	pki_issue(&one, &authority, "/CN=x", "DNS:billing.example", 1);
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/credentials", acme.client_id);
	expect_status(post_json(&w, path, platform, "{\"kind\":\"certificate\",\"tls_client_auth_san_dns\":\"Billing.example\"}", &r), 201);
	cr_expect_not_null(strstr(r.body, "\"tls_client_auth_san_dns\":\"billing.example\""), "%s", r.body);
	http_header(&r, "Location", location, sizeof location);
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field(&one)), 200);
	expect_status(get(&w, path, platform, &r), 200);
	cr_expect_not_null(strstr(r.body, "\"kind\":\"certificate\""), "%s", r.body);
	expect_status(http_call(w.gateway.http, &(struct http_request){.method = "DELETE", .path = location, .bearer = platform}, &r), 204);
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field(&one)), 401);

	char *pem = tmp_read(one.crt, NULL);
	size_t n = (size_t)snprintf(body, sizeof body, "{\"kind\":\"certificate\",\"certificate\":\"");
	for (const char *p = pem; *p != '\0' && n + 8 < sizeof body; p++)
		n += (size_t)snprintf(body + n, sizeof body - n, *p == '\n' ? "\\n" : "%c", *p);
	snprintf(body + n, sizeof body - n, "\"}");
	free(pem);
	expect_status(post_json(&w, path, platform, body, &r), 201);
	http_header(&r, "Location", location, sizeof location);
	cr_expect_not_null(strstr(location, "x5t%23S256%3A"), "%s", location);
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field(&one)), 200);
	expect_status(http_call(w.gateway.http, &(struct http_request){.method = "DELETE", .path = location, .bearer = platform}, &r), 204);
	expect_status(ask_from(PROXY, "/oauth2/token", NULL, grant(&acme), field(&one)), 401);
	expect_status(post_json(&w, path, platform, "{\"kind\":\"certificate\"}", &r), 400);
	expect_status(post_json(&w, path, platform, "{\"kind\":\"certificate\",\"tls_client_auth_san_ip\":\"host\"}", &r), 400);
}
