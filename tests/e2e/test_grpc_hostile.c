/* HTTP/2 that no honest client sends. Each abuse ends in a stream error, GOAWAY or a closed connection in bounded time, costs the daemon bounded memory, and does another client no harm. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define RECEIVE_MS  1000
#define CONNECTIONS 40
#define GROWTH_KB   (16 * 1024) /* of resident memory, under the sanitizers */
#define FRAMES      20000
#define GET_ID      "/m2m.v1.M2MClients/GetClientId"
#define WATCH       "/grpc.health.v1.Health/Watch"

enum { OK = 0, RESOURCE_EXHAUSTED = 8, DEADLINE_EXCEEDED = 4 };

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX];
static struct h2 c, other; /* the offender's connection and a neighbour's */
static struct h2_out out;
static struct grpc_reply g, neighbours;
static long resident_kb;

static long resident(void)
{
	char path[64];
	long pages = 0;
	snprintf(path, sizeof path, "/proc/%d/statm", (int)w.gateway.pid);
	FILE *f = fopen(path, "r");
	cr_assert_not_null(f);
	cr_assert_eq(fscanf(f, "%*d %ld", &pages), 1);
	fclose(f);
	return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static const struct grpc_request get_id = {.path = GET_ID, .bearer = admin};

static void expect_neighbour_is_served(void)
{
	cr_assert_eq(grpc_call_on(&other, &get_id, &neighbours), OK, "%d\n%s", neighbours.status, neighbours.fields);
}

static void open_world(void)
{
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_RECEIVE_TIMEOUT_MS=%d", RECEIVE_MS);
	env_set(&w.gateway_env, "M2M_IDLE_TIMEOUT_MS=%d", 3 * RECEIVE_MS);
	env_set(&w.gateway_env, "M2M_MAX_CONNECTIONS=%d", CONNECTIONS);
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	/* else the sanitizer keeps what was freed, and nothing could be said about memory */
	env_set(&w.gateway_env, "ASAN_OPTIONS=detect_leaks=1:exitcode=99:quarantine_size_mb=1");
	gateway_start(&w.gateway, &w.gateway_env);
	org_create(&w, "acme", &acme);
	mint(&w, "acme", "admin", admin);
	cr_assert(h2_open(&other, w.gateway.grpc));
	expect_neighbour_is_served();
	cr_assert(h2_open(&c, w.gateway.grpc));
	cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK);
	resident_kb = resident();
}

/* Whatever was done, the daemon lives, hasn't grown much, and serves on. */
static void close_world(void)
{
	h2_close(&c);
	long grown = resident() - resident_kb;
	cr_assert_lt(grown, GROWTH_KB, "resident memory grew by %ld KiB", grown);
	cr_assert_eq(grpc_call(w.gateway.grpc, &get_id, &g), OK, "%d\n%s", g.status, g.fields);
	h2_close(&other);
	world_close(&w);
}

TestSuite(grpc_hostile, .init = open_world, .fini = close_world, .timeout = 120);

/* Sends `out` again and again until the peer has had enough; the frames in it are `each`. */
static void flood(unsigned each)
{
	for (unsigned sent = 0; sent < FRAMES; sent += each)
		if (!h2_send(&c, &out))
			break;
}

static void expect_cut_off(uint32_t error)
{
	cr_assert(h2_wait_closed(&c, 5000), "still open");
	cr_assert(c.goaway, "no GOAWAY");
	cr_assert_eq(c.goaway_error, error, "GOAWAY said %u", c.goaway_error);
	expect_neighbour_is_served();
}

/* ---- floods ---- */

static void fill(uint8_t type, uint8_t flags, uint32_t stream, const void *payload, size_t n)
{
	out.n = 0;
	for (unsigned i = 0; i < 100; i++)
		h2_put_frame(&out, type, flags, stream, payload, n);
}

Test(grpc_hostile, a_ping_flood_is_told_to_calm_down)
{
	fill(NGHTTP2_PING, 0, 0, "12345678", 8);
	flood(100);
	expect_cut_off(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(grpc_hostile, a_settings_flood_is_told_to_calm_down)
{
	fill(NGHTTP2_SETTINGS, 0, 0, "", 0);
	flood(100);
	expect_cut_off(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(grpc_hostile, a_priority_flood_is_told_to_calm_down)
{
	fill(NGHTTP2_PRIORITY, 0, 1, "\0\0\0\0\20", 5);
	flood(100);
	expect_cut_off(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(grpc_hostile, a_window_update_flood_is_told_to_calm_down)
{
	fill(NGHTTP2_WINDOW_UPDATE, 0, 0, "\0\0\0\1", 4);
	flood(100);
	expect_cut_off(NGHTTP2_ENHANCE_YOUR_CALM);
}

/* RFC 9113 section 5.5 has them ignored; nghttp2 does so before anyone can count them. */
Test(grpc_hostile, a_flood_of_unknown_frames_is_read_past)
{
	fill(0xfa, 0, 0, "x", 1);
	flood(100);
	expect_neighbour_is_served();
	cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK, "%d\n%s", g.status, g.fields);
}

static uint32_t open_stream(void)
{
	struct grpc_request q = get_id;
	q.no_message = q.no_end = true;
	cr_assert(grpc_start(&c, &q, &g));
	return g.stream;
}

Test(grpc_hostile, a_flood_of_empty_data_is_told_to_calm_down)
{
	fill(NGHTTP2_DATA, 0, open_stream(), "", 0);
	flood(100);
	expect_cut_off(NGHTTP2_ENHANCE_YOUR_CALM);
}

/* CVE-2023-44487 */
Test(grpc_hostile, rapid_reset_is_cut_off)
{
	uint32_t stream = c.stream;
	bool open = true;
	for (unsigned sent = 0; sent < FRAMES && open; sent += 50) {
		out.n = 0;
		for (unsigned i = 0; i < 50; i++, stream += 2) {
			grpc_put(&out, stream, &get_id);
			h2_put_number(&out, NGHTTP2_RST_STREAM, stream, NGHTTP2_CANCEL);
		}
		open = h2_send(&c, &out);
	}
	cr_assert(h2_wait_closed(&c, 10000), "still open");
	expect_neighbour_is_served();
}

/* CVE-2024-28182 */
Test(grpc_hostile, a_continuation_flood_is_cut_off)
{
	static struct h2_out block;
	block.n = 0;
	h2_put_field(&block, ":method", "POST");
	out.n = 0;
	h2_put_frame(&out, NGHTTP2_HEADERS, 0, c.stream, block.p, block.n);
	cr_assert(h2_send(&c, &out));
	fill(NGHTTP2_CONTINUATION, 0, c.stream, "", 0);
	flood(100);
	cr_assert(h2_wait_closed(&c, 5000), "still open");
	expect_neighbour_is_served();
}

/* ---- wrong windows, lengths and lists ---- */

Test(grpc_hostile, a_window_update_of_0_ends_the_stream_or_the_connection)
{
	uint32_t stream = open_stream();
	out.n = 0;
	h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, stream, 0);
	cr_assert(h2_send(&c, &out));
	cr_assert(grpc_wait(&c, &g, 5000));
	cr_assert(g.reset == NGHTTP2_PROTOCOL_ERROR || c.goaway, "reset %lld", (long long)g.reset);
	expect_neighbour_is_served();
}

Test(grpc_hostile, a_window_update_of_0_on_the_connection_ends_it)
{
	out.n = 0;
	h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, 0, 0);
	cr_assert(h2_send(&c, &out));
	expect_cut_off(NGHTTP2_PROTOCOL_ERROR);
}

Test(grpc_hostile, a_header_list_over_the_limit_is_refused_and_the_connection_goes_on)
{
	static char metadata[17 * 1024];
	snprintf(metadata, sizeof metadata, "x-long: %016500d\n", 0);
	struct grpc_request q = get_id;
	q.metadata = metadata;
	cr_assert_eq(grpc_call_on(&c, &q, &g), RESOURCE_EXHAUSTED, "%d\n%s", g.status, g.fields);
	cr_assert_eq(g.blocks, 1);
	cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK);
}

/* One field of 4,000 bytes goes into the dynamic table; each byte of the rest then stands for it. */
Test(grpc_hostile, an_hpack_bomb_is_cut_off)
{
	static struct h2_out block;
	char name[] = "x-bomb";
	block.n = 0;
	h2_put_field(&block, ":method", "POST");
	const uint8_t indexed_literal[] = {0x40, sizeof name - 1};
	h2_put(&block, indexed_literal, sizeof indexed_literal);
	h2_put(&block, name, sizeof name - 1);
	const uint8_t length[] = {0x7f, 0xa1, 0x1e}; /* 127 + 33 + 30 * 128 = 4000 */
	h2_put(&block, length, sizeof length);
	for (unsigned i = 0; i < 4000; i++)
		h2_put(&block, "b", 1);
	for (unsigned i = 0; i < 60000; i++)
		h2_put(&block, "\xbe", 1); /* the newest entry of the dynamic table */
	out.n = 0;
	h2_put_headers(&out, NGHTTP2_FLAG_END_STREAM, c.stream, &block);
	h2_send(&c, &out);
	expect_cut_off(NGHTTP2_ENHANCE_YOUR_CALM);
}

Test(grpc_hostile, a_length_of_4_gib_is_refused_before_a_byte_is_kept)
{
	uint32_t stream = open_stream();
	cr_assert(h2_send_frame(&c, NGHTTP2_DATA, 0, stream, "\0\xff\xff\xff\xff", 5));
	cr_assert(grpc_wait(&c, &g, 5000));
	cr_assert_eq(g.status, RESOURCE_EXHAUSTED, "%d\n%s", g.status, g.fields);
	cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK);
}

Test(grpc_hostile, a_frame_longer_than_settings_allow_ends_the_connection)
{
	out.n = 0;
	h2_put_head(&out, NGHTTP2_DATA, 0, 1, 0xffffff);
	cr_assert(h2_send(&c, &out));
	expect_cut_off(NGHTTP2_FRAME_SIZE_ERROR);
}

/* ---- slowness ---- */

Test(grpc_hostile, a_message_that_does_not_arrive_is_given_up)
{
	open_stream();
	cr_assert(grpc_wait(&c, &g, 4 * RECEIVE_MS));
	cr_assert_eq(g.status, DEADLINE_EXCEEDED, "%d\n%s", g.status, g.fields);
	cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK);
}

Test(grpc_hostile, headers_that_do_not_end_are_given_up)
{
	static struct h2_out block;
	block.n = 0;
	h2_put_field(&block, ":method", "POST");
	cr_assert(h2_send_frame(&c, NGHTTP2_HEADERS, 0, c.stream, block.p, block.n));
	cr_assert(h2_wait_closed(&c, 5 * RECEIVE_MS), "still open");
	expect_neighbour_is_served();
}

Test(grpc_hostile, a_connection_that_says_nothing_is_closed)
{
	struct h2 *silent = malloc(sizeof *silent);
	cr_assert_not_null(silent);
	cr_assert(h2_connect(silent, w.gateway.grpc, 0));
	cr_assert(h2_wait_closed(silent, 4 * RECEIVE_MS), "still open");
	h2_close(silent);
	free(silent);
}

Test(grpc_hostile, an_idle_connection_is_said_goodbye)
{
	struct h2_frame f;
	cr_assert(h2_wait_frame(&c, NGHTTP2_GOAWAY, &f, 6 * RECEIVE_MS), "no GOAWAY");
	cr_assert_eq(c.goaway_error, NGHTTP2_NO_ERROR);
	cr_assert(h2_wait_closed(&c, 5000), "still open");
}

/* ---- strangers ---- */

static void expect_stranger_is_closed(const char *said)
{
	struct h2 *stranger = malloc(sizeof *stranger);
	cr_assert_not_null(stranger);
	cr_assert(h2_connect(stranger, w.gateway.grpc, 0));
	h2_send_bytes(stranger, said, strlen(said));
	cr_assert(h2_wait_closed(stranger, 4000), "still open after %s", said);
	h2_close(stranger);
	free(stranger);
	expect_neighbour_is_served();
}

Test(grpc_hostile, what_is_no_http2_is_closed)
{
	expect_stranger_is_closed("\x16\x03\x01\x02 a TLS hello, for instance, and much more of it");
	expect_stranger_is_closed("PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n");
	expect_stranger_is_closed("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
}

/* Errors have no flow control to hold them back, so that a client which doesn't read could pile them up. */
Test(grpc_hostile, a_client_that_never_reads_is_cut_off)
{
	struct h2 *deaf = malloc(sizeof *deaf);
	cr_assert_not_null(deaf);
	cr_assert(h2_connect(deaf, w.gateway.grpc, 4096));
	cr_assert(h2_send_bytes(deaf, H2_PREFACE "\0\0\0\4\0\0\0\0\0", sizeof H2_PREFACE - 1 + 9));
	uint32_t stream = 1;
	struct grpc_request q = {.path = "/no.such.Service/Method"};
	bool open = true;
	for (unsigned i = 0; i < 2000 && open; i++) {
		out.n = 0;
		for (unsigned n = 0; n < 100; n++, stream += 2)
			grpc_put(&out, stream, &q);
		open = h2_send(deaf, &out);
	}
	cr_assert_not(open, "200,000 errors were written to a client that reads none");
	expect_neighbour_is_served();
	h2_close(deaf);
	free(deaf);
}

Test(grpc_hostile, connections_beyond_the_limit_are_closed_and_the_others_served)
{
	static struct h2 *many[CONNECTIONS];
	unsigned opened = 0, refused = 0;
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		many[i] = malloc(sizeof *many[i]);
		cr_assert_not_null(many[i]);
		if (h2_open(many[i], w.gateway.grpc) && grpc_call_on(many[i], &get_id, &g) == OK)
			opened++;
		else
			refused++;
	}
	cr_assert_eq(opened, CONNECTIONS - 2, "%u", opened);
	cr_assert_eq(refused, 2);
	expect_neighbour_is_served();
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		h2_close(many[i]);
		free(many[i]);
	}
	sleep_ms(300);
}

/* A call is a stream: those beyond what a worker takes are refused unlooked at, and may be tried again. */
Test(grpc_hostile, streams_beyond_the_limit_of_the_worker_are_refused)
{
	static struct grpc_reply many[CONNECTIONS + 10];
	struct grpc_request q = {.path = WATCH};
	unsigned refused = 0;
	for (unsigned i = 0; i < CONNECTIONS + 10; i++)
		cr_assert(grpc_start(&c, &q, &many[i]));
	while (refused < 10 && grpc_turn(&c, 3000)) {
		refused = 0;
		for (unsigned i = 0; i < CONNECTIONS + 10; i++)
			refused += many[i].done && many[i].reset == NGHTTP2_REFUSED_STREAM;
	}
	cr_assert_eq(refused, 10, "%u", refused);
	h2_close(&c);
	sleep_ms(300);
	expect_neighbour_is_served();
	cr_assert(h2_open(&c, w.gateway.grpc));
}
