/* Bytes that no honest client sends. Each must be refused or cut off in bounded time, nothing
 * may be granted by it, and the gateway must serve on. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define RECEIVE_MS  1000
#define CONNECTIONS 40

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin));

static void open_world(void)
{
	world_prepare_filled(&w, false);
	env_set(&w.gateway_env, "M2M_RECEIVE_TIMEOUT_MS=%d", RECEIVE_MS);
	env_set(&w.gateway_env, "M2M_IDLE_TIMEOUT_MS=%d", 2 * RECEIVE_MS);
	env_set(&w.gateway_env, "M2M_MAX_CONNECTIONS=%d", CONNECTIONS);
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	gateway_start(&w.gateway, &w.gateway_env);
}

static void expect_serves(void)
{
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_status(get(&w, "/m2m/client-id", admin, &r), 200);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(hostile, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- requests that must not be understood ---- */

struct bytes {
	const char *name;
	const char *p;
	size_t n;
	int status; /* what must be answered; 0: anything from 400 on, or a closed connection */
};
#define BYTES(name, literal, status)                                                                                                       \
	{                                                                                                                                  \
		name, literal, sizeof(literal) - 1, status                                                                                 \
	}
#define JWKS "/.well-known/jwks.json"

/* Sends the bytes on a connection of their own; 0 when it was closed without an answer. Fails
 * when neither comes in time. */
static int send_raw(const char *name, const char *p, size_t n)
{
	struct http_conn c;
	int64_t begin = clock_mono_us();
	cr_assert(http_open(&c, w.gateway.http), "%s", name);
	http_send(&c, p, n); /* may be cut off half way: that is an answer too */
	int status = http_read(&c, &r, RECEIVE_MS + 2000, false);
	cr_assert(status != 0 || r.closed, "%s: neither answered nor closed in %lld ms", name, (long long)(clock_mono_us() - begin) / 1000);
	http_close(&c);
	return status;
}

static void expect_refused(const struct bytes *cases, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		int status = send_raw(cases[i].name, cases[i].p, cases[i].n);
		if (cases[i].status != 0)
			cr_assert_eq(status, cases[i].status, "%s was answered %d, not %d: %s%s", cases[i].name, status, cases[i].status,
				     r.head, r.body);
		cr_assert(status == 0 || status >= 400, "%s was answered %d: %s", cases[i].name, status, r.body);
		cr_assert_null(strstr(r.body, "<HTML"), "%s: a page that isn't ours: %s", cases[i].name, r.body);
	}
	expect_serves();
}

Test(hostile, malformed_requests_are_refused)
{
	static const struct bytes cases[] = {
		BYTES("garbage", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03garbage\r\n\r\n", 0),
		BYTES("HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 0),
		BYTES("bare LF", "GET " JWKS " HTTP/1.1\nHost: a\n\n", 400),
		BYTES("bare LF in one header", "GET " JWKS " HTTP/1.1\r\nHost: a\nX: y\r\n\r\n", 400),
		BYTES("bare CR", "GET " JWKS " HTTP/1.1\r\nHost: a\rX: y\r\n\r\n", 400),
		BYTES("NUL in a header", "GET " JWKS " HTTP/1.1\r\nHost: a\0b\r\n\r\n", 400),
		BYTES("NUL in the target", "GET " JWKS "\0x HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		BYTES("folded header", "GET " JWKS " HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
		BYTES("folded first header", "GET " JWKS " HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n", 400),
		BYTES("space before the colon", "GET " JWKS " HTTP/1.1\r\nHost : a\r\n\r\n", 400),
		BYTES("header without a colon", "GET " JWKS " HTTP/1.1\r\nHost: a\r\nnothing\r\n\r\n", 400),
		BYTES("empty header name", "GET " JWKS " HTTP/1.1\r\nHost: a\r\n: x\r\n\r\n", 400),
		BYTES("no version", "GET " JWKS "\r\n\r\n", 0),
		BYTES("two spaces", "GET  " JWKS " HTTP/1.1\r\nHost: a\r\n\r\n", 400),
		BYTES("version 3.0", "GET " JWKS " HTTP/3.0\r\nHost: a\r\n\r\n", 505),
		BYTES("version of letters", "GET " JWKS " HTTP/a.b\r\nHost: a\r\n\r\n", 0),
		BYTES("no Host", "GET " JWKS " HTTP/1.1\r\n\r\n", 400),
		BYTES("two Hosts", "GET " JWKS " HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
	};
	expect_refused(cases, sizeof cases / sizeof cases[0]);
}

/* ---- what refusals have in common ---- */

static bool depends_on_the_error(const char *name)
{
	static const char *const some[] = {"WWW-Authenticate", "Allow", "Retry-After", "Connection"};
	for (unsigned i = 0; i < sizeof some / sizeof *some; i++)
		if (strcasecmp(name, some[i]) == 0)
			return true;
	return false;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(a, b);
}

/* The names of r's header lines, sorted, but for those that depend on the error. */
static const char *names_of_fields(void)
{
	static char all[512];
	char names[32][64];
	size_t n = 0;
	for (const char *line = strstr(r.head, "\r\n"); line != NULL && n < 32; line = strstr(line + 2, "\r\n")) {
		if (sscanf(line, "\r\n%63[^:\r\n]:", names[n]) == 1 && !depends_on_the_error(names[n]))
			n++;
	}
	qsort(names, n, sizeof *names, by_text);
	all[0] = '\0';
	for (size_t i = 0; i < n; i++)
		snprintf(all + strlen(all), sizeof all - strlen(all), "%s ", names[i]);
	return all;
}

Test(hostile, all_refusals_have_the_same_header_fields)
{
	static const char token[] = "POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"
				    "Content-Length: 29\r\n\r\ngrant_type=client_credentials";
	static char long_target[4096];
	memset(long_target, 'a', sizeof long_target - 1);
	memcpy(long_target, "GET /", 5);
	const struct bytes cases[] = {
		BYTES("nothing there", "GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n", 404),
		BYTES("nothing there, by evhttp", "GET /nothing?x=1 HTTP/1.1\r\nHost: a\r\n\r\n", 404),
		BYTES("no bearer", "GET /m2m/client-id HTTP/1.1\r\nHost: a\r\n\r\n", 401),
		BYTES("no client", token, 401),
		BYTES("another method", "PATCH /oauth2/token HTTP/1.1\r\nHost: a\r\n\r\n", 405),
		BYTES("malformed", "GET / HTTP/1.1\nHost: a\n\n", 400),
		{"too long", long_target, sizeof long_target - 1, 414},
		BYTES("too late", "GET / HTTP/1.1\r\n", 408),
		BYTES("what isn't spoken", "GET / HTTP/3.0\r\nHost: a\r\n\r\n", 505),
	};
	for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++) {
		cr_expect_eq(send_raw(cases[i].name, cases[i].p, cases[i].n), cases[i].status, "%s: %s", cases[i].name, r.head);
		cr_expect_str_eq(names_of_fields(),
				 "Cache-Control Content-Length Content-Type Date Pragma X-Content-Type-Options X-Request-Id ", "%s: %s",
				 cases[i].name, r.head);
	}
	static struct http_conn many[CONNECTIONS];
	for (unsigned i = 0; i < CONNECTIONS; i++)
		cr_assert(http_open(&many[i], w.gateway.http));
	cr_expect_eq(http_read(&many[CONNECTIONS - 1], &r, RECEIVE_MS, false), 503);
	cr_expect_str_eq(names_of_fields(), "Cache-Control Content-Length Content-Type Date Pragma X-Content-Type-Options X-Request-Id ",
			 "%s", r.head);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		http_close(&many[i]);
}

#define POST_HEAD "POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\n"

Test(hostile, ambiguous_lengths_are_refused)
{
	static const struct bytes cases[] = {
		BYTES("two Content-Lengths", POST_HEAD "Content-Length: 3\r\nContent-Length: 4\r\n\r\na=b&", 400),
		BYTES("two equal Content-Lengths", POST_HEAD "Content-Length: 3\r\nContent-Length: 3\r\n\r\na=b", 400),
		BYTES("a list of Content-Lengths", POST_HEAD "Content-Length: 3, 3\r\n\r\na=b", 400),
		BYTES("signed Content-Length", POST_HEAD "Content-Length: +3\r\n\r\na=b", 400),
		BYTES("negative Content-Length", POST_HEAD "Content-Length: -3\r\n\r\na=b", 400),
		BYTES("hexadecimal Content-Length", POST_HEAD "Content-Length: 0x3\r\n\r\na=b", 400),
		BYTES("huge Content-Length", POST_HEAD "Content-Length: 99999999999999999999999\r\n\r\na=b", 0),
		BYTES("empty Content-Length", POST_HEAD "Content-Length: \r\n\r\na=b", 400),
		BYTES("both", POST_HEAD "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\na=b\r\n0\r\n\r\n", 400),
		BYTES("both, the other way", POST_HEAD "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\na=b\r\n0\r\n\r\n", 400),
		BYTES("another encoding", POST_HEAD "Transfer-Encoding: gzip\r\n\r\na=b", 0),
		BYTES("chunked twice", POST_HEAD "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 0),
		BYTES("identity", POST_HEAD "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\na=b", 400),
		BYTES("chunked not last", POST_HEAD "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n", 0),
		BYTES("vertical tab before chunked", POST_HEAD "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n", 0),
	};
	expect_refused(cases, sizeof cases / sizeof cases[0]);
}

#define CHUNKED POST_HEAD "Transfer-Encoding: chunked\r\n\r\n"

Test(hostile, bad_chunks_are_refused)
{
	static const struct bytes cases[] = {
		BYTES("no size", CHUNKED "\r\na=b\r\n0\r\n\r\n", 0),
		BYTES("letters", CHUNKED "xyz\r\na=b\r\n0\r\n\r\n", 0),
		BYTES("negative", CHUNKED "-3\r\na=b\r\n0\r\n\r\n", 0),
		BYTES("signed", CHUNKED "+3\r\na=b\r\n0\r\n\r\n", 0),
		BYTES("prefixed", CHUNKED "0x3\r\na=b\r\n0\r\n\r\n", 0),
		BYTES("leading space", CHUNKED " 3\r\na=b\r\n0\r\n\r\n", 0),
		BYTES("overflowing", CHUNKED "10000000000000003\r\na=b\r\n0\r\n\r\n", 0),
		BYTES("huge", CHUNKED "7fffffffffffffff\r\na=b", 0),
		BYTES("too little data", CHUNKED "5\r\na=b\r\n0\r\n\r\n", 0),
		BYTES("too much data", CHUNKED "2\r\na=b\r\n0\r\n\r\n", 0),
		BYTES("bare LF", CHUNKED "3\na=b\n0\n\n", 0),
	};
	expect_refused(cases, sizeof cases / sizeof cases[0]);
}

Test(hostile, a_well_formed_chunked_body_is_taken)
{
	char form[256], text[1024];
	int n = snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	snprintf(text, sizeof text, CHUNKED "a\r\n%.10s\r\n%x\r\n%s\r\n0\r\n\r\n", form, (unsigned)(n - 10), form + 10);
	cr_assert_eq(send_raw("chunked", text, strlen(text)), 200, "%s%s", r.head, r.body);
}

/* ---- too much ---- */

static char big[96 * 1024];

static const char *fill(const char *before, char with, size_t n, const char *after)
{
	size_t at = strlen(before);
	cr_assert_lt(at + n + strlen(after), sizeof big);
	memcpy(big, before, at);
	memset(big + at, with, n);
	memcpy(big + at + n, after, strlen(after) + 1);
	return big;
}

Test(hostile, a_body_over_16_kib_is_413)
{
	fill(POST_HEAD "Content-Length: 17408\r\n\r\n", 'a', 17408, "");
	cr_assert_eq(send_raw("17 KiB", big, strlen(big)), 413, "%s%s", r.head, r.body);
	/* Asked before the body is sent. */
	fill(POST_HEAD "Content-Length: 17408\r\nExpect: 100-continue\r\n\r\n", 'a', 0, "");
	cr_assert_eq(send_raw("17 KiB expected", big, strlen(big)), 413, "%s%s", r.head, r.body);
	fill(CHUNKED "4400\r\n", 'a', 0x4400, "\r\n0\r\n\r\n");
	cr_assert_eq(send_raw("17 KiB in a chunk", big, strlen(big)), 413, "%s%s", r.head, r.body);
	expect_serves();
}

Test(hostile, huge_headers_are_431_and_a_huge_target_is_414)
{
	fill("GET " JWKS " HTTP/1.1\r\nHost: a\r\nX: ", 'a', 64 * 1024, "\r\n\r\n");
	int status = send_raw("64 KiB header", big, strlen(big));
	cr_assert_eq(status, 431, "%d: %s%s", status, r.head, r.body);
	fill("GET /", 'a', 64 * 1024, " HTTP/1.1\r\nHost: a\r\n\r\n");
	status = send_raw("64 KiB target", big, strlen(big));
	cr_assert(status == 414 || status == 431, "%d: %s%s", status, r.head, r.body);

	/* Many small ones, without an end. */
	size_t n = (size_t)snprintf(big, sizeof big, "GET " JWKS " HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; n < 80 * 1024; i++)
		n += (size_t)snprintf(big + n, sizeof big - n, "X-%d: y\r\n", i);
	status = send_raw("many headers", big, n);
	cr_assert_eq(status, 431, "%d: %s%s", status, r.head, r.body);
	expect_serves();
}

/* ---- too slow ---- */

static void expect_cut_off(const char *name, const char *first, const char *drip)
{
	struct http_conn c;
	int64_t begin = clock_mono_us();
	cr_assert(http_open(&c, w.gateway.http));
	http_send_text(&c, first);
	bool closed = false;
	/* A byte now and then doesn't buy more time. */
	for (int i = 0; !closed && i < 60; i++) {
		if (*drip != '\0')
			http_send(&c, drip, 1);
		closed = http_wait_closed(&c, 100);
	}
	int64_t took = (clock_mono_us() - begin) / 1000;
	http_close(&c);
	cr_assert(closed, "%s: still open after %lld ms", name, (long long)took);
	cr_assert_leq(took, RECEIVE_MS + 2500, "%s: %lld ms", name, (long long)took);
	cr_assert_geq(took, RECEIVE_MS / 2, "%s: %lld ms", name, (long long)took);
}

Test(hostile, a_request_that_does_not_arrive_in_time_is_cut_off)
{
	expect_cut_off("half a header, then silence", "GET " JWKS " HTTP/1.1\r\nHost:", "");
	expect_cut_off("a header byte now and then", "GET " JWKS " HTTP/1.1\r\nX: ", "a");
	expect_cut_off("half a body, then silence", POST_HEAD "Content-Length: 100\r\n\r\ngrant", "");
	expect_cut_off("a body byte now and then", POST_HEAD "Content-Length: 1000\r\n\r\n", "a");
	expect_cut_off("a chunk byte now and then", CHUNKED "ff\r\n", "a");
	expect_serves();
}

Test(hostile, slow_connections_do_not_hold_up_the_others)
{
	struct http_conn *slow = calloc(CONNECTIONS / 2, sizeof *slow);
	for (int i = 0; i < CONNECTIONS / 2; i++) {
		cr_assert(http_open(&slow[i], w.gateway.http));
		http_send_text(&slow[i], "POST /oauth2/token HTTP/1.1\r\nHost: a\r\nX: ");
	}
	int64_t begin = clock_mono_us();
	for (int i = 0; i < 5; i++)
		expect_serves();
	cr_assert_lt(clock_mono_us() - begin, 1000 * 1000);
	for (int i = 0; i < CONNECTIONS / 2; i++)
		http_close(&slow[i]);
	free(slow);
}

/* ---- unusual, but right ---- */

Test(hostile, a_request_may_come_byte_by_byte)
{
	struct http_conn c;
	static const char text[] = "GET " JWKS " HTTP/1.1\r\nHost: a\r\n\r\n";
	cr_assert(http_open(&c, w.gateway.http));
	for (size_t i = 0; i < sizeof text - 1; i++) {
		cr_assert(http_send(&c, text + i, 1));
		sleep_ms(2);
	}
	expect_status(http_read(&c, &r, 5000, false), 200);
	http_close(&c);
}

Test(hostile, pipelined_requests_are_answered_in_their_order)
{
	struct http_conn c;
	cr_assert(http_open(&c, w.gateway.http));
	for (int i = 0; i < 10; i++) {
		char text[256];
		snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: a\r\nX-Request-Id: n%d\r\n\r\n", i % 2 == 0 ? JWKS : "/nowhere", i);
		cr_assert(http_send_text(&c, text));
	}
	for (int i = 0; i < 10; i++) {
		char want[16], got[64];
		snprintf(want, sizeof want, "n%d", i);
		expect_status(http_read(&c, &r, 5000, false), i % 2 == 0 ? 200 : 404);
		cr_assert_str_eq(http_header(&r, "X-Request-Id", got, sizeof got), want);
	}
	http_close(&c);
}

Test(hostile, options_and_unknown_methods_are_405)
{
	static const char *const methods[] = {"OPTIONS", "TRACE", "CONNECT", "FROB", "get", "PUT"};
	for (unsigned i = 0; i < sizeof methods / sizeof methods[0]; i++) {
		char text[256];
		snprintf(text, sizeof text, "%s /m2m/client-id HTTP/1.1\r\nHost: a\r\n\r\n", methods[i]);
		int status = send_raw(methods[i], text, strlen(text));
		cr_assert(status == 405 || status == 404 || status == 400, "%s: %d: %s%s", methods[i], status, r.head, r.body);
		/* The next answer on this connection must have a place to begin. */
		cr_assert(*http_header(&r, "Content-Length", text, sizeof text) != '\0' ||
				  strcmp(http_header(&r, "Connection", text, sizeof text), "close") == 0,
			  "%s: %s", methods[i], r.head);
	}
	expect_serves();
}

/* RFC 9112 section 9.6: who asks for it reads to the end. */
Test(hostile, close_is_heard_among_other_options_and_in_any_line)
{
	static const char *const fields[] = {"Connection: close", "Connection: TE, close",  "Connection: close, x",
					     "Connection: CLOSE", "Connection:\tx ,close ", "Connection: x\r\nConnection: close"};
	for (unsigned i = 0; i < sizeof fields / sizeof fields[0]; i++) {
		char text[256], value[32];
		struct http_conn c;
		snprintf(text, sizeof text, "GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n", fields[i]);
		cr_assert(http_open(&c, w.gateway.http));
		http_send_text(&c, text);
		http_read(&c, &r, 5000, false);
		cr_expect_eq(r.status, 200, "%s: %d", fields[i], r.status);
		cr_expect_str_eq(http_header(&r, "Connection", value, sizeof value), "close", "%s: %s", fields[i], r.head);
		http_close(&c);
	}
}

Test(hostile, the_shortest_request_lines_and_empty_segments_are_answered_in_our_words)
{
	static const char *const lines[] = {"G / HTTP/1.1",
					    "G /a HTTP/1.1",
					    "GE / HTTP/1.1",
					    "G / HTTP/1.0",
					    "GET //x/.well-known/jwks.json HTTP/1.1",
					    "GET http://a//x/.well-known/jwks.json HTTP/1.1",
					    "GET //a:b/ HTTP/1.1"};
	for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		char text[64];
		snprintf(text, sizeof text, "%s\r\nHost: a\r\n\r\n", lines[i]);
		cr_expect_eq(send_raw(lines[i], text, strlen(text)), 404, "%s: %s%s", lines[i], r.head, r.body);
		cr_expect(is_problem(&r, "not_found"), "%s: %s", lines[i], r.body);
	}
	expect_serves();
}

/* Whatever a request line says, the answer is a problem of ours and no page of the parser's. */
Test(hostile, odd_targets_and_methods_are_answered_in_our_words)
{
	static const char *const lines[] = {
		"get / HTTP/1.1",       "PROPFIND / HTTP/1.1",     "FOO-BAR / HTTP/1.1",    "ABCDEFGHIJKLMNOP / HTTP/1.1",
		"GET * HTTP/1.1",       "OPTIONS * HTTP/1.1",      "CONNECT a:80 HTTP/1.1", "GET http://a/livez HTTP/1.1",
		"GET http:// HTTP/1.1", "GET ftp://x/ HTTP/1.1",   "GET a HTTP/1.1",        "GET http://[::1/ HTTP/1.1",
		"GET : HTTP/1.1",       "GET ?a HTTP/1.1",         "GET //a/b HTTP/1.1",    "GET http://a:b/ HTTP/1.1",
		"GET /%00 HTTP/1.1",    "GET /?%zz HTTP/1.1",      "GET /[ HTTP/1.1",       "GET /a#b HTTP/1.1",
		"GET /\\ HTTP/1.1",     "GET /{} HTTP/1.1",        "GET /%ff HTTP/1.1",     "TRACE / HTTP/1.1",
		"GET / HTTP/1.2",       "GET /.refused/ HTTP/1.1", "GET / HTTP/2.0",        "GET /.refused/body_too_large HTTP/1.1",
	};
	for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
		char text[128];
		snprintf(text, sizeof text, "%s\r\nHost: a\r\n\r\n", lines[i]);
		int status = send_raw(lines[i], text, strlen(text));
		cr_expect(is_problem(&r, status == 404   ? "not_found"
					 : status == 505 ? "version_not_supported"
							 : "invalid_request"),
			  "%s: %s%s", lines[i], r.head, r.body);
	}
	expect_serves();
}

/* A body there would be taken for the next answer. */
Test(hostile, an_answer_to_head_is_a_head)
{
	char of_head[32], of_get[32];
	struct http_conn c;
	cr_assert(http_open(&c, w.gateway.http));
	http_send_text(&c, "HEAD /m2m/client-id HTTP/1.1\r\nHost: a\r\n\r\nHEAD " JWKS " HTTP/1.1\r\nHost: a\r\n\r\nGET " JWKS
			   " HTTP/1.1\r\nHost: a\r\n\r\n");
	cr_assert_eq(http_read(&c, &r, 5000, true), 405, "%s", r.head);
	cr_assert_eq(http_read(&c, &r, 5000, true), 200, "%s", r.head);
	http_header(&r, "Content-Length", of_head, sizeof of_head);
	cr_assert_eq(http_read(&c, &r, 5000, false), 200, "%s", r.head);
	cr_assert_str_eq(of_head, http_header(&r, "Content-Length", of_get, sizeof of_get));
	http_close(&c);
	expect_serves();
}

/* ---- many, and gone ---- */

Test(hostile, connections_above_the_limit_are_turned_away)
{
	enum { FLOOD = 3 * CONNECTIONS };
	struct http_conn *c = calloc(FLOOD, sizeof *c);
	unsigned served = 0, refused = 0;
	for (int i = 0; i < FLOOD; i++) {
		if (http_open(&c[i], w.gateway.http))
			http_send_text(&c[i], "GET " JWKS " HTTP/1.1\r\nHost: a\r\n\r\n");
	}
	for (int i = 0; i < FLOOD; i++) {
		int status = c[i].fd < 0 ? 0 : http_read(&c[i], &r, 3000, false);
		served += status == 200;
		refused += status == 0 || status == 503;
	}
	cr_assert_eq(served + refused, FLOOD);
	cr_assert_leq(served, CONNECTIONS, "%u served", served);
	cr_assert_geq(served, CONNECTIONS / 2, "%u served", served);
	for (int i = 0; i < FLOOD; i++)
		http_close(&c[i]);
	free(c);
	sleep_ms(200);
	expect_serves();
}

/* One address may have 37 of 40; who comes from another finds room. */
Test(hostile, the_last_connections_are_kept_for_other_addresses)
{
	static const char ask[] = "GET " JWKS " HTTP/1.1\r\nHost: a\r\n\r\n";
	struct http_conn *many = calloc(CONNECTIONS + 1, sizeof *many);
	struct http_conn *stranger = &many[CONNECTIONS];
	unsigned served = 0;
	for (int i = 0; i < CONNECTIONS; i++)
		served +=
			http_open(&many[i], w.gateway.http) && http_send_text(&many[i], ask) && http_read(&many[i], &r, 5000, false) == 200;
	cr_assert(http_open_from(stranger, "127.0.0.2", w.gateway.http) && http_send_text(stranger, ask));
	expect_status(http_read(stranger, &r, 5000, false), 200);
	cr_assert_eq(served, 37, "%u served", served);
	for (int i = 0; i <= CONNECTIONS; i++)
		http_close(&many[i]);
	free(many);
	sleep_ms(200);
	expect_serves();
}

static int64_t rows(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id is not null");
}

Test(hostile, a_client_that_leaves_before_the_answer_leaves_its_row_and_a_living_gateway)
{
	char form[256], text[1024];
	int64_t before = rows();
	int n = snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	snprintf(text, sizeof text, POST_HEAD "Content-Length: %d\r\n\r\n%s", n, form);

	/* The database holds the answers back until every client has gone. */
	PGconn *db = world_db(&w);
	sql_exec(db, "begin");
	sql_exec(db, "lock table m2m.token_audit in access exclusive mode");
	for (int i = 0; i < 10; i++) {
		struct http_conn c;
		cr_assert(http_open(&c, w.gateway.http));
		cr_assert(http_send_text(&c, text));
		sleep_ms(30);
		if (i % 2 == 0) { /* half of them leave with a reset */
			struct linger now = {.l_onoff = 1};
			setsockopt(c.fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		}
		http_close(&c);
	}
	sql_exec(db, "commit");
	for (int tries = 0; rows() < before + 10 && tries < 300; tries++)
		sleep_ms(10);
	cr_assert_eq(rows(), before + 10);
	expect_serves();
}

Test(hostile, a_body_that_ends_early_grants_nothing)
{
	char text[1024];
	int64_t before = rows();
	snprintf(text, sizeof text, POST_HEAD "Content-Length: 500\r\n\r\ngrant_type=client_credentials&client_id=%s&client_secret=%s",
		 acme.client_id, acme.secret);
	struct http_conn c;
	cr_assert(http_open(&c, w.gateway.http));
	cr_assert(http_send_text(&c, text));
	shutdown(c.fd, SHUT_WR);
	int status = http_read(&c, &r, RECEIVE_MS + 2000, false);
	cr_assert(status == 0 || status >= 400, "%d", status);
	cr_assert(status != 0 || r.closed);
	http_close(&c);
	expect_serves();
	cr_assert_eq(rows(), before + 1);
}
