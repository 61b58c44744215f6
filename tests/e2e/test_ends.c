/* Why connections end, as the metric tells it. A table has each reason of each listener and what
 * provokes it; each is counted once under its own name and nowhere else. A reason that the table
 * lacks fails a test. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/scarcity.h"
#include "harness/world.h"
#include "loop/conn_end.h"

SHARED_CLUSTER("");

#define RECEIVE_MS  1000
#define IDLE_MS     2000
#define CONNECTIONS 40
#define JWKS        "GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n"
#define SETTLED_MS  10000
#define PROXY       "127.0.1.1"
#define FRAMES      20000
#define EACH        100 /* in one write */

static struct world w;
static struct http_reply r;
static struct http_conn c;
static struct h2 g;
static struct h2_out out, block;
static struct grpc_reply reply;
static struct http_conn many[CONNECTIONS];
static struct h2 many_grpc[CONNECTIONS];

static void prepare(void)
{
	c.fd = g.fd = -1;
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_RECEIVE_TIMEOUT_MS=%d", RECEIVE_MS);
	env_set(&w.gateway_env, "M2M_IDLE_TIMEOUT_MS=%d", IDLE_MS);
	env_set(&w.gateway_env, "M2M_MAX_CONNECTIONS=%d", CONNECTIONS);
	env_set(&w.gateway_env, "M2M_WORKERS=1");
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(ends, .init = prepare, .fini = close_world, .timeout = 240);

/* ---- the metric ---- */

/* For one reason; "": for all. */
static long ended(const char *listener, const char *reason)
{
	char line[128];
	long sum = 0;
	snprintf(line, sizeof line, "m2m_connections_ended_total{listener=\"%s\",reason=\"%s%s", listener, reason,
		 *reason == '\0' ? "" : "\"");
	cr_assert_eq(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	for (const char *at = r.body; (at = strstr(at, line)) != NULL; at++)
		sum += strtol(strchr(at, '}') + 1, NULL, 10);
	return sum;
}

static void expect_more(const char *listener, const char *reason, long before, long of_all, long times)
{
	for (int waited = 0; ended(listener, "") < of_all + times && waited < SETTLED_MS; waited += 20)
		sleep_ms(20);
	long n = ended(listener, reason) - before, all = ended(listener, "") - of_all;
	cr_expect(n == times && all == times, "%s %s: %ld, of all reasons %ld:\n%s", listener, reason, n, all,
		  strstr(r.body, "# HELP m2m_connections_ended_total"));
}

/* What a row has left open. */
static void let_go(void)
{
	http_close(&c);
	if (g.fd >= 0)
		h2_close(&g);
}

/* ---- REST ---- */

static void ask(const char *text)
{
	cr_assert(http_open(&c, w.gateway.http));
	cr_assert(http_send_text(&c, text));
}

static void ask_and_read(const char *text, int status)
{
	ask(text);
	cr_assert_eq(http_read(&c, &r, HTTP_TIMEOUT_MS, false), status);
}

static void http_client_closed(void)
{
	ask_and_read(JWKS "\r\n", 200);
	http_close(&c);
}

static void http_close_requested(void)
{
	ask_and_read(JWKS "Connection: close\r\n\r\n", 200);
}

static void http_1_0(void)
{
	ask_and_read("GET /.well-known/jwks.json HTTP/1.0\r\n\r\n", 200);
}

static void http_lost(void)
{
	ask_and_read(JWKS "\r\n", 200);
	setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
	http_close(&c);
}

static void http_idle(void)
{
	ask_and_read(JWKS "\r\n", 200);
	cr_assert(http_wait_closed(&c, 3 * IDLE_MS));
}

static void http_trickles(void)
{
	ask_and_read(JWKS, 408);
}

static void http_malformed(void)
{
	ask_and_read("GET / HTTP/1.1\nHost: a\n\n", 400);
}

static void http_reads_nothing(void)
{
	static const char request[] = "GET /openapi.yaml HTTP/1.1\r\nHost: a\r\n\r\n";
	cr_assert(http_open(&c, w.gateway.http));
	setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
	for (int i = 0; i < 400; i++)
		if (send(c.fd, request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT) <= 0)
			break;
}

static void http_silent(void)
{
	cr_assert(http_open(&c, w.gateway.http));
	cr_assert(http_wait_closed(&c, 5 * RECEIVE_MS));
}

static void http_no_handshake(void)
{
	ask(JWKS "\r\n");
	cr_assert(http_wait_closed(&c, 5 * RECEIVE_MS));
}

static void proxy_says(struct http_conn *conn, uint16_t port, const char *text)
{
	cr_assert(http_open_from(conn, PROXY, port));
	cr_assert(http_send_text(conn, text));
	cr_assert(http_wait_closed(conn, 5 * RECEIVE_MS));
}

static void http_proxy_silent(void)
{
	proxy_says(&c, w.gateway.http, "\r\n\r\n");
}

static void http_no_proxy_header(void)
{
	proxy_says(&c, w.gateway.http, JWKS "\r\n");
}

/* ---- gRPC ---- */

static void grpc_open(void)
{
	cr_assert(h2_open(&g, w.gateway.grpc));
	cr_assert(h2_wait_frame(&g, NGHTTP2_SETTINGS, &(struct h2_frame){0}, H2_TIMEOUT_MS));
}

static void grpc_client_closed(void)
{
	grpc_open();
	h2_close(&g);
}

static void grpc_lost(void)
{
	grpc_open();
	h2_abort(&g);
}

static void grpc_idle(void)
{
	grpc_open();
	cr_assert(h2_wait_closed(&g, 5 * IDLE_MS));
}

static void grpc_silent(void)
{
	cr_assert(h2_connect(&g, w.gateway.grpc, 0));
	cr_assert(h2_wait_closed(&g, 5 * RECEIVE_MS));
}

static void grpc_stranger(void)
{
	cr_assert(http_open(&c, w.gateway.grpc));
	cr_assert(http_send_text(&c, JWKS "\r\n"));
	cr_assert_eq(http_read(&c, &r, HTTP_TIMEOUT_MS, false), 400);
	http_close(&c);
}

static void grpc_malformed(void)
{
	grpc_open();
	cr_assert(h2_send_frame(&g, NGHTTP2_DATA, 0, 0, "x", 1)); /* RFC 9113 section 6.1 */
	cr_assert(h2_wait_closed(&g, 5000));
}

/* Errors have no flow control to hold them back. The calls are long, so that few come in one read
 * of the gateway's and none is one too many. */
static void grpc_reads_nothing(void)
{
	char metadata[6200];
	snprintf(metadata, sizeof metadata, "x-long: %06000d\n", 0);
	const struct grpc_request q = {.path = "/no.such.Service/Method", .metadata = metadata};
	uint32_t stream = 1;
	cr_assert(h2_connect(&g, w.gateway.grpc, 4096));
	cr_assert(h2_send_bytes(&g, H2_PREFACE "\0\0\0\4\0\0\0\0\0", sizeof H2_PREFACE - 1 + 9));
	do {
		out.n = 0;
		for (unsigned n = 0; n < EACH / 4; n++, stream += 2)
			grpc_put(&out, stream, &q);
	} while (stream < 2 * 200000 && h2_send(&g, &out));
	cr_assert_lt(stream, 2U * 200000);
}

/* It has a call that stays open, and isn't there any more. */
static void grpc_no_pong(void)
{
	grpc_open();
	g.manual = true;
	cr_assert(grpc_start(&g, &(struct grpc_request){.path = "/grpc.health.v1.Health/Watch"}, &reply));
	cr_assert(h2_wait_closed(&g, 5 * (IDLE_MS + RECEIVE_MS)));
}

static void begin_block(void)
{
	block.n = 0;
	h2_put_field(&block, ":method", "POST");
}

static void grpc_headers_slow(void)
{
	grpc_open();
	begin_block();
	cr_assert(h2_send_frame(&g, NGHTTP2_HEADERS, 0, g.stream, block.p, block.n));
	cr_assert(h2_wait_closed(&g, 5 * RECEIVE_MS));
}

/* One field goes into HPACK's dynamic table; each byte behind it then stands for it. */
static void grpc_headers_large(void)
{
	static const uint8_t indexed[] = {0x40, 1, 'x', 0x7f, 0xa1, 0x1e}; /* 127 + 33 + 30 * 128 = 4000 bytes */
	grpc_open();
	begin_block();
	h2_put(&block, indexed, sizeof indexed);
	for (unsigned i = 0; i < 4000; i++)
		h2_put(&block, "b", 1);
	for (unsigned i = 0; i < 60000; i++)
		h2_put(&block, "\xbe", 1);
	out.n = 0;
	h2_put_headers(&out, NGHTTP2_FLAG_END_STREAM, g.stream, &block);
	h2_send(&g, &out);
	cr_assert(h2_wait_closed(&g, 5000));
}

static void grpc_headers_late(void)
{
	const struct grpc_request q = {.path = "/no.such.Service/Method"};
	grpc_open();
	cr_assert_eq(grpc_call_on(&g, &q, &reply), 12);
	begin_block();
	out.n = 0;
	h2_put_headers(&out, NGHTTP2_FLAG_END_STREAM, reply.stream, &block);
	cr_assert(h2_send(&g, &out));
	cr_assert(h2_wait_closed(&g, 5000));
}

/* Again and again, until the gateway has had enough. */
static void flood(uint8_t type, uint32_t stream, const void *payload, size_t n)
{
	out.n = 0;
	for (unsigned i = 0; i < EACH; i++)
		h2_put_frame(&out, type, 0, stream, payload, n);
	for (unsigned sent = 0; sent < FRAMES && h2_send(&g, &out); sent += EACH) {
	}
	h2_wait_closed(&g, 5000);
}

static void grpc_pings(void)
{
	grpc_open();
	flood(NGHTTP2_PING, 0, "12345678", 8);
}

static void grpc_settings(void)
{
	grpc_open();
	flood(NGHTTP2_SETTINGS, 0, "", 0);
}

static void grpc_priorities(void)
{
	grpc_open();
	flood(NGHTTP2_PRIORITY, 1, "\0\0\0\0\20", 5);
}

static void grpc_empty_data(void)
{
	grpc_open();
	cr_assert(grpc_start(&g, &(struct grpc_request){.path = GRPC_GET_ID, .no_message = true, .no_end = true}, &reply));
	flood(NGHTTP2_DATA, reply.stream, "", 0);
}

static void grpc_late_data(void)
{
	grpc_open();
	cr_assert_eq(grpc_call_on(&g, &(struct grpc_request){.path = "/no.such.Service/Method"}, &reply), 12);
	flood(NGHTTP2_DATA, reply.stream, "x", 1);
}

/* What the client makes the gateway reset (CVE-2025-8671), each when the one before was. */
static void grpc_resets(void)
{
	const struct grpc_request q = {.path = GRPC_GET_ID, .metadata = "X-Upper: 1\n"};
	struct h2_frame f;
	grpc_open();
	do {
		out.n = 0;
		grpc_put(&out, g.stream, &q);
		g.stream += 2;
	} while (h2_send(&g, &out) && h2_wait_frame(&g, NGHTTP2_RST_STREAM, &f, 5000));
	cr_assert(g.closed);
}

/* CVE-2023-44487 */
static void grpc_cancels(void)
{
	const struct grpc_request q = {.path = "/no.such.Service/Method", .no_message = true, .no_end = true};
	bool taken = true;
	grpc_open();
	for (unsigned i = 0; i < 3 * FRAMES / EACH && taken; i++) {
		out.n = 0;
		for (unsigned n = 0; n < EACH; n++, g.stream += 2) {
			grpc_put(&out, g.stream, &q);
			h2_put_number(&out, NGHTTP2_RST_STREAM, g.stream, NGHTTP2_CANCEL);
		}
		taken = h2_send(&g, &out);
	}
	cr_assert(h2_wait_closed(&g, 10000));
}

static void grpc_proxy_silent(void)
{
	proxy_says(&c, w.gateway.grpc, "\r\n\r\n");
}

static void grpc_no_proxy_header(void)
{
	proxy_says(&c, w.gateway.grpc, H2_PREFACE);
}

static void grpc_no_handshake(void)
{
	cr_assert(h2_open(&g, w.gateway.grpc));
	cr_assert(h2_wait_closed(&g, 5000));
}

/* ---- the table ---- */

enum setup { PLAIN, BEHIND_A_PROXY, WITH_TLS, OF_ITS_OWN /* a test of its own, below */ };

static const struct row {
	const char *listener, *reason;
	enum setup setup;
	void (*provoke)(void);
} rows[] = {
	{"http", "client_closed", PLAIN, http_client_closed},
	{"http", "close_requested", PLAIN, http_close_requested},
	{"http", "close_requested", PLAIN, http_1_0},
	{"http", "lost", PLAIN, http_lost},
	{"http", "idle", PLAIN, http_idle},
	{"http", "request_timeout", PLAIN, http_trickles},
	{"http", "malformed", PLAIN, http_malformed},
	{"http", "answer_unread", PLAIN, http_reads_nothing},
	{"grpc", "client_closed", PLAIN, grpc_client_closed},
	{"grpc", "lost", PLAIN, grpc_lost},
	{"grpc", "idle", PLAIN, grpc_idle},
	{"grpc", "no_settings", PLAIN, grpc_silent},
	{"grpc", "not_http2", PLAIN, grpc_stranger},
	{"grpc", "malformed", PLAIN, grpc_malformed},
	{"grpc", "answer_unread", PLAIN, grpc_reads_nothing},
	{"grpc", "ping_timeout", PLAIN, grpc_no_pong},
	{"grpc", "headers_too_slow", PLAIN, grpc_headers_slow},
	{"grpc", "header_list_too_large", PLAIN, grpc_headers_large},
	{"grpc", "headers_behind_the_end", PLAIN, grpc_headers_late},
	{"grpc", "too_many_pings", PLAIN, grpc_pings},
	{"grpc", "too_many_settings", PLAIN, grpc_settings},
	{"grpc", "too_many_frames", PLAIN, grpc_priorities},
	{"grpc", "too_many_empty_frames", PLAIN, grpc_empty_data},
	{"grpc", "too_many_late_frames", PLAIN, grpc_late_data},
	{"grpc", "too_many_resets", PLAIN, grpc_resets},
	{"grpc", "too_many_cancels", PLAIN, grpc_cancels},
	{"http", "no_proxy_header", BEHIND_A_PROXY, http_no_proxy_header},
	{"http", "greeting_timeout", BEHIND_A_PROXY, http_proxy_silent},
	{"grpc", "no_proxy_header", BEHIND_A_PROXY, grpc_no_proxy_header},
	{"grpc", "greeting_timeout", BEHIND_A_PROXY, grpc_proxy_silent},
	{"http", "handshake_failed", WITH_TLS, http_no_handshake},
	{"http", "greeting_timeout", WITH_TLS, http_silent},
	{"grpc", "handshake_failed", WITH_TLS, grpc_no_handshake},
	{"grpc", "greeting_timeout", WITH_TLS, grpc_silent},
	{"http", "too_many_connections", OF_ITS_OWN, NULL},
	{"grpc", "too_many_connections", OF_ITS_OWN, NULL},
	{"http", "no_memory", OF_ITS_OWN, NULL},
	{"grpc", "no_memory", OF_ITS_OWN, NULL},
	{"http", "drained", OF_ITS_OWN, NULL},
	{"grpc", "drained", OF_ITS_OWN, NULL},
};
#define ROWS (sizeof rows / sizeof *rows)

static void provoke_all(enum setup setup)
{
	gateway_start(&w.gateway, &w.gateway_env);
	for (const struct row *row = rows; row < rows + ROWS; row++) {
		if (row->setup != setup)
			continue;
		long before = ended(row->listener, row->reason), of_all = ended(row->listener, "");
		row->provoke();
		expect_more(row->listener, row->reason, before, of_all, 1);
		let_go();
	}
}

Test(ends, each_is_counted_once_under_its_own_reason)
{
	provoke_all(PLAIN);
}

Test(ends, each_behind_a_proxy_is_counted_once_under_its_own_reason)
{
	env_set(&w.gateway_env, "M2M_TRUSTED_PROXIES=127.0.1.0/24");
	env_set(&w.gateway_env, "M2M_FORWARDED=proxy-v2");
	provoke_all(BEHIND_A_PROXY);
}

Test(ends, each_with_tls_is_counted_once_under_its_own_reason)
{
	char key[TMP_PATH], certificate[TMP_PATH];
	tmp_path(key, "tls", ".key");
	tmp_path(certificate, "tls", ".crt");
	const char *const argv[] = {"openssl", "req",   "-x509",         "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
				    "-nodes",  "-subj", "/CN=localhost", "-keyout", key,  "-out",     certificate,
				    NULL};
	proc_run(argv);
	env_set(&w.gateway_env, "M2M_TLS_CERT_FILE=%s", certificate);
	env_set(&w.gateway_env, "M2M_TLS_KEY_FILE=%s", key);
	env_set(&w.gateway_env, "M2M_PLAINTEXT=ops");
	provoke_all(WITH_TLS);
}

/* A listener's last connections are kept for other addresses. */
Test(ends, one_too_many)
{
	long refused = 0, refused_grpc = 0;
	gateway_start(&w.gateway, &w.gateway_env);
	for (int i = 0; i < CONNECTIONS; i++) {
		cr_assert(http_open(&many[i], w.gateway.http));
		refused += !http_send_text(&many[i], JWKS "\r\n") || http_read(&many[i], &r, HTTP_TIMEOUT_MS, false) != 200;
		refused_grpc += !h2_open(&many_grpc[i], w.gateway.grpc) ||
				!h2_wait_frame(&many_grpc[i], NGHTTP2_SETTINGS, &(struct h2_frame){0}, H2_TIMEOUT_MS);
	}
	cr_assert_gt(refused, 0);
	cr_assert_gt(refused_grpc, 0);
	expect_more("http", "too_many_connections", 0, 0, refused);
	expect_more("grpc", "too_many_connections", 0, 0, refused_grpc);
	for (int i = 0; i < CONNECTIONS; i++) {
		http_close(&many[i]);
		h2_close(&many_grpc[i]);
	}
}

/* Every allocation fails, later with each try, until one ends a connection. */
static void starve(const char *listener, void (*connect)(void))
{
	for (long granted = 0; granted < 200 && ended(listener, "no_memory") == 0; granted++) {
		scarcity_fail(granted, 1000);
		connect();
		scarcity_end();
		let_go();
	}
	cr_expect_gt(ended(listener, "no_memory"), 0, "%s", listener);
}

static void connect_http(void)
{
	if (http_open(&c, w.gateway.http) && http_send_text(&c, JWKS "\r\n"))
		http_read(&c, &r, 100, false);
}

static void connect_grpc(void)
{
	if (h2_open(&g, w.gateway.grpc))
		h2_wait_frame(&g, NGHTTP2_SETTINGS, &(struct h2_frame){0}, 100);
}

Test(ends, while_memory_is_short)
{
	scarcity_prepare(&w.gateway_env);
	gateway_start(&w.gateway, &w.gateway_env);
	starve("http", connect_http);
	starve("grpc", connect_grpc);
}

/* A request that waits for the database holds the gateway, which still shows its metrics. */
Test(ends, those_that_a_shutdown_finds_idle)
{
	struct org acme;
	static struct http_conn idle;
	char text[512], form[256];
	gateway_start(&w.gateway, &w.gateway_env);
	org_create(&w, "acme", &acme);
	PGconn *db = world_db(&w);
	sql_exec(db, "begin");
	sql_exec(db, "lock table m2m.client in access exclusive mode");
	grpc_open();
	cr_assert(http_open(&idle, w.gateway.http));
	cr_assert(http_send_text(&idle, JWKS "\r\n"));
	cr_assert_eq(http_read(&idle, &r, HTTP_TIMEOUT_MS, false), 200);
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	snprintf(text, sizeof text,
		 "POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: "
		 "%zu\r\n\r\n%s",
		 strlen(form), form);
	ask(text);
	sleep_ms(100);
	cr_assert_eq(kill(w.gateway.pid, SIGTERM), 0);
	cr_assert(http_wait_closed(&idle, 5 * RECEIVE_MS));
	cr_assert(h2_wait_closed(&g, 5 * RECEIVE_MS));
	h2_close(&g);
	expect_more("http", "drained", 0, 0, 1);
	expect_more("grpc", "drained", 0, 0, 1);
	sql_exec(db, "rollback");
	cr_assert_eq(http_read(&c, &r, HTTP_TIMEOUT_MS, false), 200);
	http_close(&c);
	cr_expect_eq(proc_wait(w.gateway.pid, 20000), 0);
	w.gateway.pid = 0;
}

Test(ends, every_reason_of_a_listener_is_there_from_the_beginning)
{
	gateway_start(&w.gateway, &w.gateway_env);
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	cr_expect_not_null(strstr(r.body, "m2m_connections_ended_total{listener=\"http\",reason=\"idle\"} 0\n"));
	cr_expect_not_null(strstr(r.body, "m2m_connections_ended_total{listener=\"grpc\",reason=\"too_many_pings\"} 0\n"));
	cr_expect_null(strstr(r.body, "m2m_connections_ended_total{listener=\"http\",reason=\"too_many_pings\"}"));
}

/* ---- the table is whole ---- */

static bool is_provoked(const char *listener, const char *reason)
{
	for (const struct row *row = rows; row < rows + ROWS; row++)
		if (strcmp(row->listener, listener) == 0 && strcmp(row->reason, reason) == 0)
			return true;
	return false;
}

/* But for the one that ends with the process, whose metrics nobody can ask for then. */
Test(ends_table, every_reason_is_provoked)
{
#define WORD(name, on, word, text) {on, word},
	static const struct {
		unsigned listeners;
		const char *word;
	} reasons[] = {CONN_END_TABLE(WORD)};
#undef WORD
	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++) {
		if (strcmp(reasons[i].word, "stopped") == 0)
			continue;
		if (reasons[i].listeners & CONN_HTTP)
			cr_expect(is_provoked("http", reasons[i].word), "http %s", reasons[i].word);
		if (reasons[i].listeners & CONN_GRPC)
			cr_expect(is_provoked("grpc", reasons[i].word), "grpc %s", reasons[i].word);
	}
}
