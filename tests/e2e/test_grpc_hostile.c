/* HTTP/2 that no honest client sends. Each abuse ends in a stream error, GOAWAY or a closed
 * connection in bounded time, costs the daemon bounded memory, and does another client no harm. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
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

#define ONE_ADDRESS 37          /* connections, and calls, that one address may have of 40 */
#define STRANGER    "127.0.0.2" /* another address */

enum { OK = 0, DEADLINE_EXCEEDED = 4, RESOURCE_EXHAUSTED = 8, UNIMPLEMENTED = 12 };

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

static void expect_stranger_is_served(void)
{
	struct h2 *stranger = malloc(sizeof *stranger);
	cr_assert_not_null(stranger);
	cr_assert(h2_open_from(stranger, STRANGER, w.gateway.grpc));
	cr_assert_eq(grpc_call_on(stranger, &get_id, &g), OK, "%d reset %lld", g.status, (long long)g.reset);
	h2_close(stranger);
	free(stranger);
}

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
	env_set(&w.gateway_env, "M2M_IDLE_TIMEOUT_MS=%d", 3 * RECEIVE_MS);
	env_set(&w.gateway_env, "M2M_MAX_CONNECTIONS=%d", CONNECTIONS);
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	/* else the sanitizer keeps what was freed, and nothing could be said about memory */
	env_set(&w.gateway_env, "ASAN_OPTIONS=detect_leaks=1:exitcode=99:verify_asan_link_order=0:quarantine_size_mb=1");
	gateway_start(&w.gateway, &w.gateway_env);
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

/* CVE-2023-44487. The calls are well-formed, as those of a client with short deadlines are. */
Test(grpc_hostile, rapid_reset_is_cut_off)
{
	uint32_t stream = c.stream;
	bool open = true;
	for (unsigned sent = 0; sent < 3 * FRAMES && open; sent += 50) {
		out.n = 0;
		for (unsigned i = 0; i < 50; i++, stream += 2) {
			grpc_put(&out, stream, &get_id);
			h2_put_number(&out, NGHTTP2_RST_STREAM, stream, NGHTTP2_CANCEL);
		}
		open = h2_send(&c, &out);
		if (sent % 500 == 0)
			expect_neighbour_is_served();
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

/* One field of 4,000 bytes goes into the dynamic table; each byte of the rest then stands for
 * it. */
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

/* Errors have no flow control to hold them back, so that a client which doesn't read could pile
 * them up. */
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
		expect_neighbour_is_served(); /* meanwhile too; nor does it become idle */
	}
	cr_assert_not(open, "200,000 errors were written to a client that reads none");
	expect_neighbour_is_served();
	h2_close(deaf);
	free(deaf);
}

/* The 38th of 40 is kept for another address: who comes from there is served. */
Test(grpc_hostile, the_last_connections_are_kept_for_other_addresses)
{
	static struct h2 *many[CONNECTIONS];
	unsigned opened = 0;
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		many[i] = malloc(sizeof *many[i]);
		cr_assert_not_null(many[i]);
		opened += h2_open(many[i], w.gateway.grpc) && grpc_call_on(many[i], &get_id, &g) == OK;
	}
	cr_assert_eq(opened, ONE_ADDRESS - 2, "%u beside the two", opened);
	expect_neighbour_is_served();
	expect_stranger_is_served();
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		h2_close(many[i]);
		free(many[i]);
	}
	sleep_ms(300);
}

/* ---- frames that cross a reset ---- */

#define PIECE "\0\0" /* of a message's prefix */

static void put_begun(uint32_t stream)
{
	struct grpc_request q = get_id;
	q.no_message = q.no_end = true;
	grpc_put(&out, stream, &q);
}

static void put_reset(uint32_t stream)
{
	h2_put_number(&out, NGHTTP2_RST_STREAM, stream, NGHTTP2_CANCEL);
}

static void put_end(uint32_t stream)
{
	h2_put_frame(&out, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream, "\0\0\0\0", 5);
}

static void data_behind_a_reset(uint32_t stream)
{
	put_begun(stream);
	put_reset(stream);
	put_end(stream);
}

static void a_reset_between_data(uint32_t stream)
{
	put_begun(stream);
	h2_put_frame(&out, NGHTTP2_DATA, 0, stream, PIECE, 2);
	put_reset(stream);
	h2_put_frame(&out, NGHTTP2_DATA, 0, stream, PIECE, 2);
	h2_put_frame(&out, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream, "\0", 1);
}

static void an_end_alone_behind_a_reset(uint32_t stream)
{
	put_begun(stream);
	put_reset(stream);
	h2_put_frame(&out, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream, "", 0);
}

static void data_behind_a_whole_call_that_was_reset(uint32_t stream)
{
	grpc_put(&out, stream, &get_id);
	put_reset(stream);
	put_end(stream);
}

static void a_window_update_behind_a_reset(uint32_t stream)
{
	put_begun(stream);
	put_reset(stream);
	h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, stream, 100);
	h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, stream, 0x7fffffff);
	h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, stream, 0);
}

static void trailers_behind_a_reset(uint32_t stream)
{
	static struct h2_out block;
	block.n = 0;
	h2_put_field(&block, "x-trailer", "1");
	put_begun(stream);
	put_reset(stream);
	h2_put_headers(&out, NGHTTP2_FLAG_END_STREAM, stream, &block);
}

static void a_second_reset(uint32_t stream)
{
	put_begun(stream);
	put_reset(stream);
	put_reset(stream);
}

static void priority_behind_a_reset_and_before_a_call(uint32_t stream)
{
	put_begun(stream);
	put_reset(stream);
	h2_put_frame(&out, NGHTTP2_PRIORITY, 0, stream, "\0\0\0\0\20", 5);
	h2_put_frame(&out, NGHTTP2_PRIORITY, 0, stream + 2, "\0\0\0\0\20", 5);
}

/* The gateway's own reset: it answers before the request is whole. */
static void all_behind_an_early_answer(uint32_t stream)
{
	struct grpc_request q = {.path = "/no.such.Service/Method", .no_message = true, .no_end = true};
	grpc_put(&out, stream, &q);
	cr_assert(h2_send(&c, &out));
	struct h2_frame f;
	cr_assert(h2_wait_frame(&c, NGHTTP2_RST_STREAM, &f, 5000));
	out.n = 0;
	h2_put_frame(&out, NGHTTP2_DATA, 0, stream, PIECE, 2);
	h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, stream, 100);
	put_end(stream);
	put_reset(stream);
}

/* And that for what is malformed, which the client learns of later. */
static void data_behind_a_malformed_request(uint32_t stream)
{
	struct grpc_request q = {.path = GET_ID, .metadata = "X-Upper: 1\n", .no_message = true, .no_end = true};
	grpc_put(&out, stream, &q);
	put_end(stream);
	put_reset(stream);
	put_end(stream);
}

static const struct crossing {
	const char *name;
	void (*put)(uint32_t stream);
} crossings[] = {
#define CROSSING(f)                                                                                                                        \
	{                                                                                                                                  \
#f, f                                                                                                                      \
	}
	CROSSING(data_behind_a_reset),
	CROSSING(a_reset_between_data),
	CROSSING(an_end_alone_behind_a_reset),
	CROSSING(data_behind_a_whole_call_that_was_reset),
	CROSSING(a_window_update_behind_a_reset),
	CROSSING(trailers_behind_a_reset),
	CROSSING(a_second_reset),
	CROSSING(priority_behind_a_reset_and_before_a_call),
	CROSSING(all_behind_an_early_answer),
	CROSSING(data_behind_a_malformed_request),
};

/* A call that is under way beside them is answered, and so is the next. */
Test(grpc_hostile, frames_that_cross_a_reset_end_that_stream_only)
{
	for (size_t i = 0; i < sizeof crossings / sizeof *crossings; i++) {
		uint32_t healthy = open_stream();
		out.n = 0;
		crossings[i].put(c.stream);
		c.stream += 2;
		put_end(healthy);
		cr_assert(h2_send(&c, &out));
		cr_assert(grpc_wait(&c, &g, 5000), "%s", crossings[i].name);
		cr_assert_eq(g.status, OK, "%s: %d reset %lld", crossings[i].name, g.status, (long long)g.reset);
		cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK, "%s: then %d", crossings[i].name, g.status);
		cr_assert_not(c.goaway, "%s: GOAWAY %u", crossings[i].name, c.goaway_error);
	}
}

/* RFC 9113 section 5.4.2: a stream is reset once, however much is on its way. */
Test(grpc_hostile, late_data_is_answered_once)
{
	uint32_t stream = c.stream;
	unsigned resets = 0;
	struct h2_frame f;
	c.stream += 2;
	out.n = 0;
	data_behind_a_reset(stream);
	for (unsigned i = 0; i < 5; i++)
		put_end(stream);
	cr_assert(h2_send(&c, &out));
	for (unsigned call = 0; call < 2; call++) {
		out.n = 0;
		grpc_put(&out, c.stream, &get_id);
		cr_assert(h2_send(&c, &out));
		do {
			cr_assert(h2_read(&c, &f, 5000));
			resets += f.type == NGHTTP2_RST_STREAM && f.stream == stream;
		} while (f.stream != c.stream || (f.flags & NGHTTP2_FLAG_END_STREAM) == 0);
		c.stream += 2;
	}
	cr_assert_eq(resets, 1, "%u", resets);
}

/* RFC 9113 section 5.1: DATA of a stream that has closed counts towards the connection's window. */
Test(grpc_hostile, late_data_gives_the_window_back)
{
	static const uint8_t zeros[H2_FRAME_MAX];
	int64_t given_back = 0;
	struct h2_frame f;
	for (unsigned i = 0; i < 12; i++, c.stream += 2) {
		out.n = 0;
		put_begun(c.stream);
		put_reset(c.stream);
		for (unsigned n = 0; n < 8; n++)
			h2_put_frame(&out, NGHTTP2_DATA, 0, c.stream, zeros, sizeof zeros);
		cr_assert(h2_send(&c, &out));
	}
	while (given_back < 1024 * 1024) {
		cr_assert(h2_wait_frame(&c, NGHTTP2_WINDOW_UPDATE, &f, 5000), "%lld bytes", (long long)given_back);
		given_back += f.stream == 0 ? (uint8_t)f.payload.p[1] << 16 | (uint8_t)f.payload.p[2] << 8 | (uint8_t)f.payload.p[3] : 0;
	}
	cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK);
}

/* A client whose deadlines are short cancels thousands of calls on a channel that others use. */
Test(grpc_hostile, three_thousand_cancelled_calls_harm_no_other)
{
	for (unsigned i = 0; i < 300; i++) {
		out.n = 0;
		for (unsigned n = 0; n < 10; n++, c.stream += 2)
			data_behind_a_reset(c.stream);
		cr_assert(h2_send(&c, &out));
		cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK, "after %u: %d reset %lld", i * 10, g.status, (long long)g.reset);
	}
	cr_assert_not(c.goaway, "GOAWAY %u", c.goaway_error);
}

/* Beyond that it is sent elsewhere, and every call that it began before is still answered. */
Test(grpc_hostile, many_more_cancelled_calls_end_with_a_farewell)
{
	for (unsigned i = 0; i < 2000 && (!c.goaway || c.goaway_last == 0x7fffffff); i++) {
		out.n = 0;
		for (unsigned n = 0; n < 50; n++, c.stream += 2)
			data_behind_a_reset(c.stream);
		grpc_put(&out, c.stream, &get_id);
		grpc_follow(&c, &g);
		cr_assert(h2_send(&c, &out));
		cr_assert(grpc_wait(&c, &g, 5000) || c.closed);
		if (!c.goaway || g.stream <= c.goaway_last)
			cr_assert_eq(g.status, OK, "after %u: %d reset %lld", i * 50, g.status, (long long)g.reset);
		if (i % 10 == 0)
			expect_neighbour_is_served();
	}
	cr_assert(c.goaway, "a hundred thousand on one connection");
	cr_assert_eq(c.goaway_error, NGHTTP2_NO_ERROR, "%u", c.goaway_error);
	cr_assert(h2_wait_closed(&c, 5000));
	expect_neighbour_is_served();
}

/* Its answer to the PING stands behind what it had sent before: a client that is far behind
 * loses nothing. */
Test(grpc_hostile, behind_a_farewell_calls_are_answered_until_the_client_knows)
{
	struct h2_frame f;
	c.manual = true;
	for (unsigned i = 0; i < 400 && !c.goaway; i++) {
		out.n = 0;
		for (unsigned n = 0; n < 50; n++, c.stream += 2)
			data_behind_a_reset(c.stream);
		cr_assert(h2_send(&c, &out));
		h2_wait_frame(&c, NGHTTP2_GOAWAY, &f, 20);
	}
	cr_assert(c.goaway);
	cr_assert_eq(c.goaway_last, 0x7fffffff);
	/* two and a half seconds, in which it is never silent */
	for (unsigned i = 0; i < 10; i++) {
		cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK, "call %u: %d", i, g.status);
		cr_assert_eq(c.goaway_last, 0x7fffffff, "call %u", i);
		expect_neighbour_is_served();
		sleep_ms(250);
	}
	c.manual = false;
	cr_assert(h2_wait_closed(&c, 10000)); /* it is silent from now on */
	cr_assert_neq(c.goaway_last, 0x7fffffff);
	cr_assert_eq(c.goaway_error, NGHTTP2_NO_ERROR);
	expect_neighbour_is_served();
}

/* What the store has begun for cancelled calls bounds how many more are read. */
Test(grpc_hostile, cancelled_calls_under_way_hold_the_reading_back)
{
	struct h2_frame f;
	PGconn *db = world_db(&w);
	sql_exec(db, "begin");
	sql_exec(db, "lock table m2m.client in access exclusive mode");
	for (unsigned i = 0; i < 10; i++) {
		out.n = 0;
		for (unsigned n = 0; n < 10; n++, c.stream += 2) {
			grpc_put(&out, c.stream, &get_id);
			put_reset(c.stream);
		}
		cr_assert(h2_send(&c, &out));
	}
	cr_assert(h2_send_frame(&c, NGHTTP2_PING, 0, 0, "12345678", 8));
	bool read_on = h2_wait_frame(&c, NGHTTP2_PING, &f, 300);
	sql_exec(db, "rollback");
	cr_assert_not(read_on, "a hundred cancelled calls are under way");
	cr_assert(h2_wait_frame(&c, NGHTTP2_PING, &f, 5000));
	cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK);
}

#define BATCH      16 /* calls that a connection may have, of CONNECTIONS */
#define BEHIND     3
#define QUEUE      "m2m_issue_queue_depth"
#define SENT       "m2m_batch_tokens_sum"
#define ISSUED     "m2m_tokens_issued_total"
#define LOST_CONNS "m2m_connections_ended_total{listener=\"grpc\",reason=\"lost\"}"

static void expect_metric(const char *name, long value)
{
	for (unsigned tries = 0; gateway_metric(&w, name) != value && tries < 100; tries++)
		sleep_ms(50);
	cr_assert_eq(gateway_metric(&w, name), value, "%s is %ld, not %ld", name, gateway_metric(&w, name), value);
}

/* In one write. Returns the first one's stream. */
static uint32_t ask_for_tokens(unsigned n)
{
	struct grpc_request q = {.path = GRPC_TOKEN, .bearer = admin, .message = token_message(acme.client_id, acme.secret)};
	uint32_t first = c.stream;
	out.n = 0;
	for (unsigned i = 0; i < n; i++, c.stream += 2)
		grpc_put(&out, c.stream, &q);
	cr_assert(h2_send(&c, &out));
	return first;
}

/* What the gateway reads in one turn of its loop: a connection's last frames, and its loss. */
static void send_at_once_and_break(void)
{
	cr_assert_eq(kill(w.gateway.pid, SIGSTOP), 0);
	cr_assert_eq(waitpid(w.gateway.pid, NULL, WUNTRACED), w.gateway.pid);
	cr_assert(h2_send(&c, &out));
	h2_abort(&c);
	cr_assert_eq(kill(w.gateway.pid, SIGCONT), 0);
}

/* All calls that it may have are cancelled while their batch is on its way, so it waits for them to
 * end; and others end with it, which the batch hasn't taken. */
Test(grpc_hostile, a_connection_that_waits_for_cancelled_calls_may_break)
{
	PGconn *db = world_db(&w);
	cr_assert_eq(c.max_streams, BATCH, "%u", c.max_streams);
	sql_exec(db, "begin");
	sql_exec(db, "lock table m2m.client in access exclusive mode");
	uint32_t stream = ask_for_tokens(BATCH);
	expect_metric(SENT, BATCH);
	expect_metric(QUEUE, 0);
	out.n = 0;
	for (unsigned i = 0; i < BATCH - 1; i++, stream += 2)
		put_reset(stream);
	cr_assert(h2_send(&c, &out));
	ask_for_tokens(BEHIND);
	expect_metric(QUEUE, BEHIND);
	out.n = 0;
	for (unsigned i = 0; i < 5; i++) /* their answers meet the loss */
		h2_put_frame(&out, NGHTTP2_PING, 0, 0, "12345678", 8);
	put_reset(stream);
	send_at_once_and_break();
	expect_metric(LOST_CONNS, 1);
	expect_metric(QUEUE, 0);
	sql_exec(db, "rollback");
	expect_metric(ISSUED, BATCH); /* and none of those behind */
	expect_neighbour_is_served();
}

/* ---- resets that the client makes the gateway send (CVE-2025-8671) ---- */

static void overflowing_window(uint32_t stream)
{
	grpc_put(&out, stream, &get_id);
	h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, stream, 0x7fffffff);
}

static void malformed_headers(uint32_t stream)
{
	struct grpc_request q = {.path = GET_ID, .metadata = "X-Upper: 1\n"};
	grpc_put(&out, stream, &q);
}

static void wrong_content_length(uint32_t stream)
{
	struct grpc_request q = {.path = GET_ID, .metadata = "content-length: 1\n"};
	grpc_put(&out, stream, &q);
}

static void window_update_of_0(uint32_t stream)
{
	put_begun(stream);
	h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, stream, 0);
}

/* Eight at a time, each batch after the resets of the one before. Returns how many were reset. */
static unsigned provoke(void (*put)(uint32_t stream), unsigned max)
{
	unsigned resets = 0;
	bool open = true;
	while (open && resets < max) {
		out.n = 0;
		for (unsigned i = 0; i < 8; i++, c.stream += 2)
			put(c.stream);
		open = h2_send(&c, &out);
		for (unsigned i = 0; i < 8 && open;) {
			struct h2_frame f;
			open = h2_read(&c, &f, 5000);
			i += open && f.type == NGHTTP2_RST_STREAM;
			resets += open && f.type == NGHTTP2_RST_STREAM;
		}
	}
	return resets;
}

Test(grpc_hostile, resets_that_the_client_provokes_are_bounded)
{
	static const struct crossing provocations[] = {
		CROSSING(overflowing_window),
		CROSSING(malformed_headers),
		CROSSING(wrong_content_length),
		CROSSING(window_update_of_0),
	};
	for (size_t i = 0; i < sizeof provocations / sizeof *provocations; i++) {
		unsigned resets = provoke(provocations[i].put, 600);
		cr_assert_lt(resets, 600, "%s: %u resets, and still open", provocations[i].name, resets);
		cr_assert(h2_wait_closed(&c, 5000), "%s", provocations[i].name);
		cr_assert(c.goaway, "%s: no GOAWAY", provocations[i].name);
		if (provocations[i].put != window_update_of_0)
			cr_assert_eq(c.goaway_error, NGHTTP2_ENHANCE_YOUR_CALM, "%s: %u", provocations[i].name, c.goaway_error);
		expect_neighbour_is_served();
		h2_close(&c);
		cr_assert(h2_open(&c, w.gateway.grpc));
	}
}

/* ---- silence ---- */

static unsigned count_status(struct grpc_reply *many, unsigned n, int status)
{
	unsigned count = 0;
	for (unsigned i = 0; i < n; i++)
		count += many[i].done && many[i].status == status;
	return count;
}

/* Of 40 calls that a worker takes, watches get ten of their own: one connection eight, one
 * address nine. */
Test(grpc_hostile, watches_are_few_and_take_no_room_from_calls)
{
	static struct grpc_reply first[10], second[4], third;
	static struct h2 more, stranger;
	struct grpc_request q = {.path = WATCH};
	for (unsigned i = 0; i < 10; i++)
		cr_assert(grpc_start(&c, &q, &first[i]));
	while (count_status(first, 10, RESOURCE_EXHAUSTED) < 2)
		cr_assert(grpc_turn(&c, 3000));
	cr_assert_eq(grpc_call_on(&c, &get_id, &g), OK);
	cr_assert_eq(count_status(first, 10, RESOURCE_EXHAUSTED), 2);

	cr_assert(h2_open(&more, w.gateway.grpc));
	for (unsigned i = 0; i < 4; i++)
		cr_assert(grpc_start(&more, &q, &second[i]));
	while (count_status(second, 4, RESOURCE_EXHAUSTED) < 3)
		cr_assert(grpc_turn(&more, 3000));
	cr_assert_eq(grpc_call_on(&more, &get_id, &g), OK);

	cr_assert(h2_open_from(&stranger, STRANGER, w.gateway.grpc));
	cr_assert(grpc_start(&stranger, &q, &third));
	cr_assert(grpc_wait_messages(&stranger, &third, 1, 5000), "%d", third.status);
	expect_neighbour_is_served();

	h2_close(&c); /* what a connection held is free again */
	sleep_ms(100);
	cr_assert(grpc_start(&more, &q, &second[1]));
	cr_assert(grpc_wait_messages(&more, &second[1], 1, 5000), "%d", second[1].status);
	h2_close(&more);
	h2_close(&stranger);
	cr_assert(h2_open(&c, w.gateway.grpc));
}

/* Calls that say nothing more make room for those that do, also for those of the same address. */
Test(grpc_hostile, calls_without_an_end_make_room_for_others)
{
	static struct h2 silent[3];
	static struct grpc_reply begun[3][16];
	struct grpc_request q = get_id;
	q.no_message = q.no_end = true;
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(h2_open(&silent[i], w.gateway.grpc));
		for (unsigned n = 0; n < 16; n++)
			cr_assert(grpc_start(&silent[i], &q, &begun[i][n]));
	}
	expect_neighbour_is_served();
	expect_stranger_is_served();
	cr_assert(grpc_wait(&silent[0], &begun[0][0], 3000));
	cr_assert_eq(begun[0][0].reset, NGHTTP2_REFUSED_STREAM, "%lld", (long long)begun[0][0].reset);
	cr_assert_not(begun[2][15].done, "the newest was ended");
	for (unsigned i = 0; i < 3; i++)
		h2_close(&silent[i]);
}

/* The reply's HEADERS come, its message may not. */
Test(grpc_hostile, a_reply_that_is_not_taken_is_given_up)
{
	cr_assert(h2_send_frame(&c, NGHTTP2_SETTINGS, 0, 0, "\0\4\0\0\0\0", 6));
	cr_assert(grpc_start(&c, &get_id, &g));
	cr_assert(grpc_wait(&c, &g, 4 * RECEIVE_MS), "it is kept");
	cr_assert_eq(g.blocks, 1);
	cr_assert_eq(g.reset, NGHTTP2_CANCEL, "%lld", (long long)g.reset);
	struct grpc_request q = {.path = "/no.such.Service/Method"};
	cr_assert_eq(grpc_call_on(&c, &q, &g), UNIMPLEMENTED, "%d", g.status);
	expect_neighbour_is_served();
}
