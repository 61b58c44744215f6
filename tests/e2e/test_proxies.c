/* Behind proxies: 127.0.1.0/24 and unix sockets are trusted, 127.0.0.1 isn't. What the audit,
 * the log, the rate limits and the denied attempts say of the caller, over both transports. */
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define FORM  "application/x-www-form-urlencoded"
#define PROXY "127.0.1.1"

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;
static struct grpc_reply g;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin));

static void prepare(void)
{
	world_prepare_filled(&w, false);
	env_set(&w.gateway_env, "M2M_TRUSTED_PROXIES=127.0.1.0/24,unix");
}

static void start(const char *forwarded)
{
	env_set(&w.gateway_env, "M2M_FORWARDED=%s", forwarded);
	gateway_start(&w.gateway, &w.gateway_env);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(proxies, .init = prepare, .fini = close_world, .timeout = 120);

/* ---- asking ---- */

static const char *form(void)
{
	static char text[512];
	snprintf(text, sizeof text, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	return text;
}

/* A token over REST, with more header lines; by the fast path, or by evhttp's. */
static int rest_token(const char *from, const char *headers, bool slow)
{
	static struct http_conn c;
	if (!http_open_from(&c, from, w.gateway.http))
		return 0;
	int status = http_call_on(
		&c,
		&(struct http_request){
			.path = slow ? "/oauth2/token?x=1" : "/oauth2/token", .type = FORM, .body = form(), .headers = headers},
		&r);
	http_close(&c);
	return status;
}

static int grpc_token_on(struct h2 *c, const char *metadata)
{
	char bearer[TOKEN_MAX + 64];
	snprintf(bearer, sizeof bearer, "authorization: Bearer %s\n%s", admin, metadata);
	return grpc_call_on(
		c, &(struct grpc_request){.path = GRPC_TOKEN, .message = token_message(acme.client_id, acme.secret), .metadata = bearer},
		&g);
}

static int grpc_token_from(const char *from, const char *metadata)
{
	static struct h2 c;
	if (!h2_open_from(&c, from, w.gateway.grpc))
		return -1;
	int status = grpc_token_on(&c, metadata);
	h2_close(&c);
	return status;
}

/* Of the last token's row; "null" where no address is known. */
static const char *recorded(void)
{
	return sql_text(world_db(&w),
			"select coalesce(host(remote_addr), 'null') from m2m.token_audit order by issued_at desc, jti desc limit 1");
}

static void expect_rest(const char *from, const char *headers, const char *caller)
{
	for (int slow = 0; slow < 2; slow++) {
		expect_status(rest_token(from, headers, slow), 200);
		cr_expect_str_eq(recorded(), caller, "%s: %s", slow ? "slow" : "fast", headers);
	}
}

static void expect_grpc(const char *from, const char *metadata, const char *caller)
{
	cr_assert_eq(grpc_token_from(from, metadata), 0);
	cr_expect_str_eq(recorded(), caller, "gRPC: %s", metadata);
}

/* ---- fields ---- */

Test(proxies, x_forwarded_for_names_the_caller_on_both_paths_and_transports)
{
	start("x-forwarded-for");
	expect_rest(PROXY, "X-Forwarded-For: 203.0.113.1, 192.0.2.7\r\n", "192.0.2.7");
	expect_rest(PROXY, "X-Forwarded-For: 192.0.2.7, 127.0.1.9\r\n", "192.0.2.7");
	expect_rest(PROXY, "X-Forwarded-For: 203.0.113.1\r\nX-Forwarded-For: [2001:db8::7]:51234\r\n", "2001:db8::7");
	expect_rest(PROXY, "X-Forwarded-For: fe80::7%eth0\r\nForwarded: for=203.0.113.1\r\n", "fe80::7");
	expect_rest(PROXY, "X-Forwarded-For: 192.0.2.7, unknown\r\n", "null");
	expect_rest(PROXY, "", PROXY);
	expect_grpc(PROXY, "x-forwarded-for: 203.0.113.1, 192.0.2.7\n", "192.0.2.7");
	expect_grpc(PROXY, "x-forwarded-for: 203.0.113.1\nx-forwarded-for: 2001:db8::7\n", "2001:db8::7");
	expect_grpc(PROXY, "x-forwarded-for: unknown\n", "null");
	expect_grpc(PROXY, "", PROXY);
}

Test(proxies, forwarded_names_the_caller_on_both_paths_and_transports)
{
	start("forwarded");
	expect_rest(PROXY, "Forwarded: for=203.0.113.1, for=192.0.2.7;proto=https;by=127.0.1.1\r\n", "192.0.2.7");
	expect_rest(PROXY, "Forwarded: for=\"[2001:db8::7]:51234\"\r\nForwarded: for=127.0.1.9\r\n", "2001:db8::7");
	expect_rest(PROXY, "Forwarded: for=192.0.2.7\r\nX-Forwarded-For: 203.0.113.1\r\n", "192.0.2.7");
	expect_rest(PROXY, "Forwarded: for=_hidden\r\n", "null");
	expect_rest(PROXY, "X-Forwarded-For: 203.0.113.1\r\n", PROXY);
	expect_grpc(PROXY, "forwarded: for=203.0.113.1, for=192.0.2.7\n", "192.0.2.7");
}

/* The proxy adds to the header section; trailers are the client's alone (RFC 9110 section
 * 6.5.1). */
Test(proxies, trailers_name_nobody)
{
	static struct h2 c;
	static struct h2_out out, trailers;
	static const char *const names[] = {"x-forwarded-for", "x-request-id", "traceparent", "user-agent", "authorization"};
	char bearer[TOKEN_MAX + 128];
	start("x-forwarded-for");
	snprintf(bearer, sizeof bearer, "authorization: Bearer %s\nx-forwarded-for: 192.0.2.7\nx-request-id: ours\n", admin);
	const struct grpc_request q = {
		.path = GRPC_TOKEN, .message = token_message(acme.client_id, acme.secret), .metadata = bearer, .no_end = true};
	cr_assert(h2_open_from(&c, PROXY, w.gateway.grpc));
	grpc_follow(&c, &g);
	out.n = trailers.n = 0;
	grpc_put(&out, g.stream, &q);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		h2_put_field(&trailers, names[i], "203.0.113.1");
	h2_put_headers(&out, NGHTTP2_FLAG_END_STREAM, g.stream, &trailers);
	cr_assert(h2_send(&c, &out) && grpc_wait(&c, &g, H2_TIMEOUT_MS));
	h2_close(&c);
	cr_expect_eq(g.status, 0);
	cr_expect_str_eq(recorded(), "192.0.2.7");
}

Test(proxies, what_a_stranger_says_is_ignored)
{
	start("x-forwarded-for");
	expect_rest("127.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n", "127.0.0.1");
	expect_rest("127.0.2.1", "X-Forwarded-For: 192.0.2.7, 127.0.1.1\r\n", "127.0.2.1");
	expect_grpc("127.0.0.1", "x-forwarded-for: 192.0.2.7\n", "127.0.0.1");
}

Test(proxies, acts_the_log_and_denied_attempts_have_the_callers_address)
{
	static struct http_conn c;
	char line[2048];
	start("x-forwarded-for");
	cr_assert(http_open_from(&c, PROXY, w.gateway.http));
	expect_status(http_call_on(&c,
				   &(struct http_request){
					   .path = "/m2m/client-secret", .bearer = admin, .headers = "X-Forwarded-For: 192.0.2.7\r\n"},
				   &r),
		      200);
	cr_expect_str_eq(sql_text(world_db(&w), "select host(remote_addr) from m2m.admin_audit where action = 'read_secret'"), "192.0.2.7");
	for (int tries = 0; gateway_log_count(&w.gateway, "\"operation\":\"get_client_secret\"", line, sizeof line) == 0 && tries < 200;
	     tries++)
		sleep_ms(20);
	cr_expect_not_null(strstr(line, "\"remote_addr\":\"192.0.2.7\""), "%s", line);

	snprintf(acme.secret, sizeof acme.secret, "%s", "m2ms_no");
	expect_status(rest_token(PROXY, "X-Forwarded-For: 192.0.2.8\r\n", false), 401);
	expect_status(rest_token(PROXY, "X-Forwarded-For: unknown\r\n", false), 401);
	http_close(&c);
	gateway_stop(&w.gateway, 15000); /* what was counted is written */
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.denied_audit where host(remote_addr) = '192.0.2.8'"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.denied_audit where remote_addr is null"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.denied_audit where remote_addr <<= '127.0.0.0/8'"), 0);
	gateway_start(&w.gateway, &w.gateway_env);
}

Test(proxies, a_rate_is_each_callers_own)
{
	env_set(&w.gateway_env, "M2M_ADDRESS_RATE=1");
	env_set(&w.gateway_env, "M2M_ADDRESS_BURST=3");
	start("x-forwarded-for");
	int taken = 0;
	while (taken < 20 && rest_token(PROXY, "X-Forwarded-For: 203.0.113.1, 192.0.2.7\r\n", false) == 200)
		taken++;
	cr_expect(taken >= 3 && taken < 20, "%d", taken);
	expect_status(r.status, 429);
	expect_status(rest_token(PROXY, "X-Forwarded-For: 203.0.113.2, 192.0.2.7\r\n", false),
		      429); /* nobody gets another by a forged one */
	expect_status(rest_token(PROXY, "X-Forwarded-For: 192.0.2.8\r\n", false), 200);
}

Test(proxies, allowed_networks_are_the_callers)
{
	static struct ctl_result done;
	start("x-forwarded-for");
	world_ctl(&w, &done, "client", "set", acme.client_id, "--allow-network", "192.0.2.0/24");
	expect_rest(PROXY, "X-Forwarded-For: 192.0.2.7\r\n", "192.0.2.7");
	expect_grpc(PROXY, "x-forwarded-for: 192.0.2.7\n", "192.0.2.7");
	expect_status(rest_token(PROXY, "X-Forwarded-For: 192.0.2.7, 203.0.113.1\r\n", false), 403);
	cr_expect(is_oauth_error(&r, "unauthorized_client"), "%s", r.body);
	expect_status(rest_token(PROXY, "X-Forwarded-For: 192.0.2.7, unknown\r\n", true), 403);
	expect_status(rest_token(PROXY, "", false), 403);
	expect_status(rest_token("127.0.0.1", "X-Forwarded-For: 192.0.2.7\r\n", false), 403);
	cr_expect_eq(grpc_token_from(PROXY, "x-forwarded-for: 203.0.113.1\n"), 7);
	cr_expect_eq(grpc_token_from("127.0.0.1", "x-forwarded-for: 192.0.2.7\n"), 7);
	gateway_stop(&w.gateway, 15000); /* what was counted is written */
	cr_expect_str_eq(sql_text(world_db(&w), "select string_agg(distinct host(remote_addr), ' ') from m2m.denied_audit"
						" where reason = 'network_not_allowed' and remote_addr is not null"),
			 "127.0.0.1 127.0.1.1 203.0.113.1");
	gateway_start(&w.gateway, &w.gateway_env);
}

/* ---- PROXY protocol, version 2 ---- */

#define SIGNATURE      "\r\n\r\n\0\r\nQUIT\n"
#define FROM_192_0_2_7 SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\xc8\x22\x1f\x90"
#define FROM_2001_DB8_7                                                                                                                    \
	SIGNATURE "\x21\x21\x00\x2b"                                                                                                       \
		  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"                                                                             \
		  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xc8\x22\x1f\x90\xea\x00\x04\x01vpc"
#define LOCAL SIGNATURE "\x20\x00\x00\x00"

struct header {
	const char *bytes;
	size_t n;
	const char *caller;
};
#define HEADER(bytes, caller)                                                                                                              \
	{                                                                                                                                  \
		bytes, sizeof(bytes) - 1, caller                                                                                           \
	}

static const struct header speeches[] = {HEADER(FROM_192_0_2_7, "192.0.2.7"), HEADER(FROM_2001_DB8_7, "2001:db8::7"), HEADER(LOCAL, PROXY),
					 HEADER(SIGNATURE "\x21\x00\x00\x00", "null")};

Test(proxies, a_proxy_header_names_the_caller_of_every_request_on_its_connection)
{
	static struct http_conn c;
	start("proxy-v2");
	for (size_t i = 0; i < sizeof speeches / sizeof *speeches; i++) {
		cr_assert(http_open_from(&c, PROXY, w.gateway.http));
		/* in two pieces, the second with a request behind it */
		size_t half = speeches[i].n / 2;
		cr_assert(http_send(&c, speeches[i].bytes, half));
		sleep_ms(20);
		cr_assert(http_send(&c, speeches[i].bytes + half, speeches[i].n - half));
		for (int again = 0; again < 2; again++) {
			expect_status(http_call_on(&c,
						   &(struct http_request){.path = "/oauth2/token",
									  .type = FORM,
									  .body = form(),
									  .headers = "X-Forwarded-For: 203.0.113.1\r\n"},
						   &r),
				      200);
			cr_expect_str_eq(recorded(), speeches[i].caller);
		}
		http_close(&c);
	}
}

static int tcp_from(const char *from, uint16_t port)
{
	static struct http_conn c;
	return http_open_from(&c, from, port) ? c.fd : -1;
}

Test(proxies, a_proxy_header_names_the_caller_of_grpc_calls)
{
	static struct h2 c;
	start("proxy-v2");
	for (size_t i = 0; i < sizeof speeches / sizeof *speeches; i++) {
		cr_assert(h2_open_on(&c, tcp_from(PROXY, w.gateway.grpc), speeches[i].bytes, speeches[i].n));
		for (int again = 0; again < 2; again++) {
			cr_assert_eq(grpc_token_on(&c, "x-forwarded-for: 203.0.113.1\n"), 0);
			cr_expect_str_eq(recorded(), speeches[i].caller);
		}
		h2_close(&c);
	}
}

Test(proxies, strangers_speak_at_once_and_their_proxy_headers_are_refused)
{
	static struct http_conn c;
	static struct h2 h;
	start("proxy-v2");
	expect_rest("127.0.0.1", "", "127.0.0.1");
	expect_grpc("127.0.0.1", "", "127.0.0.1");
	cr_assert(http_open(&c, w.gateway.http) && http_send(&c, FROM_192_0_2_7, sizeof FROM_192_0_2_7 - 1));
	cr_assert_eq(http_read(&c, &r, HTTP_TIMEOUT_MS, false), 400);
	http_close(&c);
	cr_assert(h2_open_on(&h, tcp_from("127.0.0.1", w.gateway.grpc), FROM_192_0_2_7, sizeof FROM_192_0_2_7 - 1));
	cr_assert(h2_wait_closed(&h, H2_TIMEOUT_MS));
	h2_close(&h);
}

Test(proxies, a_proxy_that_sends_no_header_or_half_a_header_is_left)
{
	static struct http_conn c;
	env_set(&w.gateway_env, "M2M_RECEIVE_TIMEOUT_MS=1000");
	start("proxy-v2");
	const uint16_t ports[] = {w.gateway.http, w.gateway.grpc};
	for (int i = 0; i < 2; i++) {
		cr_assert(http_open_from(&c, PROXY, ports[i]) && http_send_text(&c, "GET / HTTP/1.1\r\n\r\n"));
		cr_assert(http_wait_closed(&c, 500), "no answer may be given to whoever it isn't for");
		http_close(&c);
		cr_assert(http_open_from(&c, PROXY, ports[i]) && http_send(&c, FROM_192_0_2_7, 20));
		cr_assert(http_wait_closed(&c, 5000));
		http_close(&c);
		/* a balancer's look whether the port is open */
		cr_assert(http_open_from(&c, PROXY, ports[i]));
		http_close(&c);
	}
	cr_expect_eq(gateway_log_wait(&w.gateway, "127.0.1.1 sends no PROXY header", 2, NULL, 0), 2);
	cr_assert(http_open_from(&c, PROXY, w.gateway.http)); /* one that waits holds up no drain */
	int other = tcp_from(PROXY, w.gateway.grpc);
	gateway_stop(&w.gateway, 5000);
	close(other);
	http_close(&c);
	gateway_start(&w.gateway, &w.gateway_env);
}

/* ---- unix sockets, and several addresses ---- */

static char http_path[TMP_PATH], grpc_path[TMP_PATH], ops_path[TMP_PATH];

static void listen_locally(void)
{
	tmp_path(http_path, "http", ".sock");
	tmp_path(grpc_path, "grpc", ".sock");
	tmp_path(ops_path, "ops", ".sock");
	env_set(&w.gateway_env, "M2M_HTTP_LISTEN=127.0.0.2:0,unix:%s,127.0.0.1:0", http_path);
	env_set(&w.gateway_env, "M2M_GRPC_LISTEN=unix:%s,127.0.0.1:0", grpc_path);
	env_set(&w.gateway_env, "M2M_OPS_LISTEN=127.0.0.1:0,unix:%s", ops_path);
	env_set(&w.gateway_env, "M2M_WORKERS=3");
}

static int local(const char *path)
{
	static struct http_conn c;
	return http_open_local(&c, path) ? c.fd : -1;
}

static int local_token(const char *headers)
{
	static struct http_conn c;
	if (!http_open_local(&c, http_path))
		return 0;
	int status =
		http_call_on(&c, &(struct http_request){.path = "/oauth2/token", .type = FORM, .body = form(), .headers = headers}, &r);
	http_close(&c);
	return status;
}

Test(proxies, unix_sockets_serve_every_worker_beside_other_addresses)
{
	static struct http_conn c;
	static struct h2 h;
	listen_locally();
	start("x-forwarded-for");
	for (int i = 0; i < 20; i++)
		expect_status(local_token("X-Forwarded-For: 192.0.2.7\r\n"), 200);
	cr_expect_str_eq(recorded(), "192.0.2.7");
	expect_status(local_token(""), 200);
	cr_expect_str_eq(recorded(), "null");
	cr_assert(h2_open_on(&h, local(grpc_path), "", 0));
	cr_assert_eq(grpc_token_on(&h, "x-forwarded-for: 192.0.2.9\n"), 0);
	cr_expect_str_eq(recorded(), "192.0.2.9");
	h2_close(&h);
	cr_assert(http_open_local(&c, ops_path));
	expect_status(http_call_on(&c, &(struct http_request){.path = "/readyz"}, &r), 200);
	http_close(&c);
	cr_expect_eq(gateway_log_wait(&w.gateway, "\"event\":\"listening\"", 7, NULL, 0), 7);
	cr_expect_eq(gateway_log_wait(&w.gateway, "\"address\":\"127.0.0.2:", 1, NULL, 0), 1);
	expect_rest("127.0.0.1", "", "127.0.0.1");

	struct stat st;
	cr_assert_eq(stat(http_path, &st), 0);
	cr_expect_eq(st.st_mode & 0777, 0660);
}

Test(proxies, unix_sockets_come_and_go_with_their_process)
{
	static struct gateway second;
	struct stat st;
	listen_locally();
	start("x-forwarded-for");

	gateway_launch(&second, &w.gateway_env);
	cr_assert_not(gateway_wait_listening(&second, 10000), "it may not take a socket that is served");
	cr_expect_eq(gateway_log_wait(&second, "another process listens there", 1, NULL, 0), 1);
	expect_status(local_token(""), 200);

	gateway_kill(&w.gateway);
	cr_assert_eq(stat(http_path, &st), 0, "the name stays when its process is killed");
	gateway_start(&w.gateway, &w.gateway_env);
	expect_status(local_token(""), 200);

	gateway_stop(&w.gateway, 15000);
	cr_expect_neq(stat(http_path, &st), 0);
	cr_expect_neq(stat(ops_path, &st), 0);

	int file = open(http_path, O_CREAT | O_WRONLY, 0600);
	close(file);
	gateway_launch(&second, &w.gateway_env);
	cr_assert_not(gateway_wait_listening(&second, 10000));
	cr_assert_eq(stat(http_path, &st), 0, "what isn't a socket isn't removed");
	unlink(http_path);
	gateway_start(&w.gateway, &w.gateway_env);
}

static bool has_ipv6(void)
{
	const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = fd >= 0 && bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
	if (fd >= 0)
		close(fd);
	return has;
}

Test(proxies, any_ipv4_and_any_ipv6_address_share_a_port)
{
	char line[2048], address[32];
	if (!has_ipv6())
		cr_skip_test("no IPv6 here");
	start("x-forwarded-for");
	uint16_t port = w.gateway.http;
	gateway_stop(&w.gateway, 15000);
	env_set(&w.gateway_env, "M2M_HTTP_LISTEN=0.0.0.0:%u,[::]:%u", port, port);
	env_set(&w.gateway_env, "M2M_PLAINTEXT=all");
	gateway_start(&w.gateway, &w.gateway_env);
	snprintf(address, sizeof address, "\"address\":\"[::]:%u\"", port);
	cr_expect_eq(gateway_log_wait(&w.gateway, address, 1, line, sizeof line), 1);
	expect_rest("127.0.0.1", "", "127.0.0.1");
}
