/* Why connections end, as the metric tells it: each reason is provoked, and counted once under
 * its own name and nowhere else. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define RECEIVE_MS  1000
#define IDLE_MS     2000
#define CONNECTIONS 40
#define JWKS        "GET /.well-known/jwks.json HTTP/1.1\r\nHost: a\r\n"
#define SETTLED_MS  10000

static struct world w;
static struct http_reply r;
static struct http_conn c;
static struct h2 g;

static void open_world(void)
{
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_RECEIVE_TIMEOUT_MS=%d", RECEIVE_MS);
	env_set(&w.gateway_env, "M2M_IDLE_TIMEOUT_MS=%d", IDLE_MS);
	env_set(&w.gateway_env, "M2M_MAX_CONNECTIONS=%d", CONNECTIONS);
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	gateway_start(&w.gateway, &w.gateway_env);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(ends, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- the metric ---- */

/* Of one reason; "": of all. */
static long ended(const char *listener, const char *reason)
{
	static struct http_reply metrics;
	char line[128];
	long sum = 0;
	int n = snprintf(line, sizeof line, "m2m_connections_ended_total{listener=\"%s\",reason=\"%s", listener, reason);
	cr_assert_eq(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &metrics), 200);
	for (const char *at = metrics.body; (at = strstr(at, line)) != NULL; at += n)
		sum += strtol(strchr(at, '}') + 1, NULL, 10);
	return sum;
}

static void expect_ended(const char *listener, const char *reason, long times)
{
	for (int waited = 0; ended(listener, "") < times && waited < SETTLED_MS; waited += 20)
		sleep_ms(20);
	cr_expect_eq(ended(listener, reason), times, "%s %s: %ld", listener, reason, ended(listener, reason));
	cr_expect_eq(ended(listener, ""), times, "%s: of all reasons %ld, not only %s", listener, ended(listener, ""), reason);
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

static void abort_socket(int fd)
{
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &(struct linger){.l_onoff = 1}, sizeof(struct linger));
	close(fd);
}

Test(ends, a_client_that_closes)
{
	ask_and_read(JWKS "\r\n", 200);
	http_close(&c);
	expect_ended("http", "client_closed", 1);
}

Test(ends, a_client_that_asks_for_it)
{
	ask_and_read(JWKS "Connection: close\r\n\r\n", 200);
	expect_ended("http", "close_requested", 1);
	ask_and_read("GET /.well-known/jwks.json HTTP/1.0\r\n\r\n", 200);
	expect_ended("http", "close_requested", 2);
}

Test(ends, a_client_that_is_killed)
{
	ask_and_read(JWKS "\r\n", 200);
	abort_socket(c.fd);
	expect_ended("http", "lost", 1);
}

Test(ends, an_idle_one)
{
	ask_and_read(JWKS "\r\n", 200);
	cr_assert(http_wait_closed(&c, 3 * IDLE_MS));
	expect_ended("http", "idle", 1);
}

Test(ends, a_request_that_trickles)
{
	ask_and_read(JWKS, 408);
	expect_ended("http", "request_timeout", 1);
}

Test(ends, a_malformed_request)
{
	ask_and_read("GET / HTTP/1.1\nHost: a\n\n", 400);
	expect_ended("http", "malformed", 1);
}

Test(ends, a_client_that_reads_nothing_of_its_answers)
{
	static const char request[] = "GET /openapi.yaml HTTP/1.1\r\nHost: a\r\n\r\n";
	cr_assert(http_open(&c, w.gateway.http));
	setsockopt(c.fd, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int));
	for (int i = 0; i < 400; i++)
		if (send(c.fd, request, sizeof request - 1, MSG_NOSIGNAL | MSG_DONTWAIT) <= 0)
			break;
	expect_ended("http", "answer_unread", 1);
}

Test(ends, one_too_many)
{
	struct http_conn *many = calloc(CONNECTIONS, sizeof *many);
	long refused = 0;
	for (int i = 0; i < CONNECTIONS; i++) {
		cr_assert(http_open(&many[i], w.gateway.http));
		bool here = http_send_text(&many[i], JWKS "\r\n") && http_read(&many[i], &r, HTTP_TIMEOUT_MS, false) == 200;
		refused += !here;
	}
	cr_assert_gt(refused, 0);
	expect_ended("http", "too_many_connections", refused);
	for (int i = 0; i < CONNECTIONS; i++)
		http_close(&many[i]);
	free(many);
}

/* One that has asked for something holds the gateway, which still shows its metrics. */
Test(ends, those_that_a_shutdown_finds_idle)
{
	static struct http_conn idle;
	cr_assert(h2_open(&g, w.gateway.grpc));
	cr_assert(h2_wait_frame(&g, NGHTTP2_SETTINGS, &(struct h2_frame){0}, H2_TIMEOUT_MS));
	cr_assert(http_open(&idle, w.gateway.http));
	cr_assert(http_send_text(&idle, JWKS "\r\n"));
	cr_assert_eq(http_read(&idle, &r, HTTP_TIMEOUT_MS, false), 200);
	ask(JWKS);
	sleep_ms(100);
	cr_assert_eq(kill(w.gateway.pid, SIGTERM), 0);
	cr_assert(http_wait_closed(&idle, RECEIVE_MS));
	expect_ended("http", "drained", 1);
	cr_assert(h2_wait_closed(&g, RECEIVE_MS));
	cr_expect_eq(proc_wait(w.gateway.pid, 20000), 0);
	w.gateway.pid = 0;
}

/* ---- gRPC ---- */

Test(ends, grpc_clients_that_close_or_are_killed)
{
	struct h2_frame f;
	cr_assert(h2_open(&g, w.gateway.grpc));
	cr_assert(h2_wait_frame(&g, NGHTTP2_SETTINGS, &f, H2_TIMEOUT_MS));
	h2_close(&g);
	expect_ended("grpc", "client_closed", 1);
}

Test(ends, a_grpc_client_that_has_no_calls)
{
	cr_assert(h2_open(&g, w.gateway.grpc));
	cr_assert(h2_wait_closed(&g, 5 * IDLE_MS));
	expect_ended("grpc", "idle", 1);
}

Test(ends, a_grpc_client_that_says_nothing)
{
	cr_assert(h2_connect(&g, w.gateway.grpc, 0));
	cr_assert(h2_wait_closed(&g, 5 * RECEIVE_MS));
	expect_ended("grpc", "no_settings", 1);
}

Test(ends, a_stranger_on_the_port_of_grpc)
{
	cr_assert(http_open(&c, w.gateway.grpc));
	cr_assert(http_send_text(&c, JWKS "\r\n"));
	cr_assert_eq(http_read(&c, &r, HTTP_TIMEOUT_MS, false), 400);
	http_close(&c);
	expect_ended("grpc", "not_http2", 1);
}

Test(ends, a_flood_of_pings)
{
	cr_assert(h2_open(&g, w.gateway.grpc));
	for (int i = 0; i < 10000; i++)
		if (!h2_send_frame(&g, NGHTTP2_PING, 0, 0, "12345678", 8))
			break;
	h2_wait_closed(&g, 5000);
	h2_close(&g);
	expect_ended("grpc", "too_many_pings", 1);
}

Test(ends, malformed_frames)
{
	cr_assert(h2_open(&g, w.gateway.grpc));
	cr_assert(h2_send_frame(&g, NGHTTP2_DATA, 0, 0, "x", 1)); /* RFC 9113 section 6.1 */
	cr_assert(h2_wait_closed(&g, 5000));
	expect_ended("grpc", "malformed", 1);
}

Test(ends, every_reason_of_a_listener_is_there_from_the_beginning)
{
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	cr_expect_not_null(strstr(r.body, "m2m_connections_ended_total{listener=\"http\",reason=\"idle\"} 0\n"));
	cr_expect_not_null(strstr(r.body, "m2m_connections_ended_total{listener=\"grpc\",reason=\"too_many_pings\"} 0\n"));
	cr_expect_null(strstr(r.body, "m2m_connections_ended_total{listener=\"http\",reason=\"too_many_pings\"}"));
}
