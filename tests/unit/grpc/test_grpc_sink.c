/* What goes out on a connection: gathered, or waiting for a socket that takes no more. */
#include <criterion/criterion.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "grpc/grpc_out.h"
#include "grpc/grpc_sink.h"

static struct grpc_gathered gathered;
static struct grpc_sink sink;
static struct tls_stream stream;
static int client;

static void open_all(void)
{
	int pair[2];
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	client = pair[1];
	cr_assert_eq(tls_stream_init(&stream, NULL, TLS_GRPC, pair[0]), ERR_OK);
	grpc_sink_init(&sink, &gathered);
}

static void close_all(void)
{
	grpc_sink_clear(&sink);
	close(stream.fd);
	close(client);
}

TestSuite(grpc_sink, .init = open_all, .fini = close_all);

static void put(const char *text)
{
	cr_assert_eq(grpc_sink_put(&sink, str_of(text)), ERR_OK);
}

static void expect_received(const char *text)
{
	char got[256] = {0};
	cr_assert_eq(read(client, got, sizeof got - 1), (ssize_t)strlen(text));
	cr_assert_str_eq(got, text);
}

/* Puts until the socket is full. Returns how many bytes were put. */
static size_t fill(void)
{
	static char block[16384];
	size_t n = 0;
	enum err err = ERR_OK;
	memset(block, 'x', sizeof block);
	while (err == ERR_OK) {
		cr_assert_eq(grpc_sink_put(&sink, str_from(block, sizeof block)), ERR_OK);
		n += sizeof block;
		err = grpc_sink_send(&sink, &stream);
	}
	cr_assert_eq(err, ERR_OVERLOADED);
	return n;
}

/* Reads until nothing comes and nothing waits. The last `n` bytes are in `last`. */
static size_t drain(char *last, size_t n)
{
	static char block[65536];
	size_t all = 0;
	for (;;) {
		ssize_t got = read(client, block, sizeof block);
		if (got <= 0 && grpc_sink_length(&sink) == 0)
			return all;
		if (got > 0) {
			all += (size_t)got;
			if ((size_t)got >= n)
				memcpy(last, block + got - n, n);
		}
		enum err err = grpc_sink_send(&sink, &stream);
		cr_assert(err == ERR_OK || err == ERR_OVERLOADED);
	}
}

static unsigned released;

static void release(void *owner)
{
	(void)owner;
	released++;
}

Test(grpc_sink, what_is_put_leaves_in_order_and_in_one_piece)
{
	put("headers ");
	put("data ");
	put("trailers");
	cr_assert_eq(grpc_sink_length(&sink), 21);
	cr_assert_null(sink.waiting);
	cr_assert_eq(grpc_sink_send(&sink, &stream), ERR_OK);
	cr_assert_eq(grpc_sink_length(&sink), 0);
	expect_received("headers data trailers");
}

Test(grpc_sink, nothing_of_it_is_left_in_the_memory_that_all_connections_use)
{
	const char zeros[6] = {0};
	put("secret");
	cr_assert_eq(grpc_sink_send(&sink, &stream), ERR_OK);
	cr_assert_arr_eq(gathered.bytes, zeros, sizeof zeros);
	put("secret");
	cr_assert_eq(grpc_sink_keep(&sink), ERR_OK);
	cr_assert_arr_eq(gathered.bytes, zeros, sizeof zeros);
	put("more");
	cr_assert_eq(gathered.n, 0);
	cr_assert_eq(grpc_sink_length(&sink), 10);
	grpc_sink_clear(&sink);
	grpc_sink_init(&sink, &gathered);
	put("secret");
	grpc_sink_clear(&sink);
	cr_assert_arr_eq(gathered.bytes, zeros, sizeof zeros);
	grpc_sink_init(&sink, &gathered);
}

Test(grpc_sink, what_the_socket_does_not_take_waits_and_goes_first)
{
	char last[9] = {0};
	size_t n = fill();
	cr_assert_not_null(sink.waiting);
	cr_assert_eq(gathered.n, 0);
	put("the end.");
	cr_assert_eq(gathered.n, 0, "it would overtake what waits");
	cr_assert_eq(drain(last, 8), n + 8);
	cr_assert_str_eq(last, "the end.");
	cr_assert_null(sink.waiting);
}

Test(grpc_sink, more_than_there_is_room_for_waits)
{
	static char large[GRPC_GATHERED_MAX];
	put("1");
	cr_assert_eq(grpc_sink_put(&sink, str_from(large, sizeof large)), ERR_OK);
	cr_assert_eq(gathered.n, 0);
	cr_assert_eq(grpc_sink_length(&sink), 1 + sizeof large);
}

Test(grpc_sink, nobody_is_there)
{
	close(client);
	put("x");
	cr_assert_eq(grpc_sink_send(&sink, &stream), ERR_IO);
	client = dup(stream.fd);
}

Test(grpc_sink, a_message_that_is_gathered_is_let_go_at_once)
{
	struct grpc_out out;
	struct grpc_message m;
	grpc_out_init(&out);
	grpc_out_add(&out, &m, STR("message"), release, NULL);
	cr_assert_eq(grpc_out_ready(&out, 100), 7);
	cr_assert_eq(grpc_out_move(&out, &sink, 4), ERR_OK);
	cr_assert_eq(released, 0);
	cr_assert_eq(grpc_out_move(&out, &sink, 3), ERR_OK);
	cr_assert_eq(released, 1);
	cr_assert_eq(grpc_sink_send(&sink, &stream), ERR_OK);
	expect_received("message");
}

Test(grpc_sink, a_message_that_waits_is_kept_until_its_last_piece_has_left)
{
	static char bytes[30000];
	struct grpc_out out;
	struct grpc_message m;
	char last[2] = {0};
	size_t n = fill();
	memset(bytes, 'm', sizeof bytes);
	grpc_out_init(&out);
	grpc_out_add(&out, &m, str_from(bytes, sizeof bytes), release, NULL);
	cr_assert_eq(grpc_out_move(&out, &sink, 20000), ERR_OK);
	cr_assert_eq(grpc_out_move(&out, &sink, 10000), ERR_OK);
	cr_assert_eq(out.n, 0);
	cr_assert_eq(released, 0);
	cr_assert_eq(drain(last, 1), n + sizeof bytes);
	cr_assert_eq(last[0], 'm');
	cr_assert_eq(released, 1);
}

Test(grpc_sink, what_is_dropped_lets_go_once)
{
	struct grpc_out out;
	struct grpc_message m[2];
	grpc_out_init(&out);
	grpc_out_add(&out, &m[0], STR("one"), release, NULL);
	grpc_out_add(&out, &m[1], STR("two"), release, NULL);
	cr_assert_eq(grpc_out_move(&out, &sink, 1), ERR_OK);
	grpc_out_drop(&out);
	cr_assert_eq(released, 2);
	cr_assert_eq(out.n, 0);
}
