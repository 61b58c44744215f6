/* However a call's bytes are cut into frames, the reader gives the same messages and the same
 * end, keeps to its limits, and reads nothing beyond a piece; and a message that we compress is
 * read back. The first byte of the input turns gzip on or off, the second says how long the
 * pieces are. */
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/sbuf.h"
#include "grpc/grpc_reader.h"
#include "grpc/gzip.h"

/* The most that GRPC_MESSAGE_MAX bytes may grow to when they can't be compressed is far below
 * this. */
#define ARENA_MAX (256 * 1024)

static void must(bool holds)
{
	if (!holds)
		abort();
}

struct story {
	size_t messages;
	size_t bytes;
	uint64_t hash; /* FNV-1a of every message and its length */
	enum err end;
	bool at_boundary;
};

static void hash_bytes(struct story *s, const void *p, size_t n)
{
	const uint8_t *bytes = p;
	for (size_t i = 0; i < n; i++)
		s->hash = (s->hash ^ bytes[i]) * 0x100000001b3;
}

/* `all` ends where the message does: a plain one is there as it was sent. */
static void note_message(struct story *s, const struct grpc_reader *r, struct str all, struct str message)
{
	must(message.n <= GRPC_MESSAGE_MAX && grpc_reader_at_boundary(r));
	must(r->compressed ? r->gzip : str_eq(message, str_from(all.p + all.n - message.n, message.n)));
	hash_bytes(s, message.p, message.n);
	hash_bytes(s, &message.n, sizeof message.n);
	s->messages++;
	s->bytes += message.n;
}

/* The end of the part that has been taken, or the first failure. */
static void take_piece(struct story *s, struct grpc_reader *r, struct str all, size_t at, size_t n)
{
	char *copy = malloc(n); /* of its own, so that the sanitizers see its end */
	must(copy != NULL);
	memcpy(copy, all.p + at, n);
	struct str in = str_from(copy, n);
	while (s->end == ERR_OK && in.n > 0) {
		static const struct str untouched = STR("untouched");
		struct str message = untouched;
		size_t before = in.n;
		s->end = grpc_reader_take(r, &in, &message);
		must(in.n < before && in.p + in.n == copy + n);
		must(s->end == ERR_OK || message.p == untouched.p);
		must(s->end != ERR_OK || message.p != NULL || in.n == 0);
		if (s->end == ERR_OK && message.p != NULL)
			note_message(s, r, str_from(all.p, at + n - in.n), message);
	}
	free(copy);
}

static struct story tell(bool gzip, struct str all, size_t piece)
{
	struct story s = {.hash = 0xcbf29ce484222325};
	struct grpc_reader r = {.gzip = gzip};
	for (size_t at = 0; at < all.n && s.end == ERR_OK; at += piece)
		take_piece(&s, &r, all, at, piece < all.n - at ? piece : all.n - at);
	must(s.end == ERR_OK || s.end == ERR_BODY_TOO_LARGE || s.end == ERR_MALFORMED_MESSAGE);
	s.at_boundary = grpc_reader_at_boundary(&r);
	grpc_reader_release(&r);
	return s;
}

static void check_cuts(bool gzip, struct str all, size_t piece)
{
	struct story whole = tell(gzip, all, all.n + 1);
	struct story cut = tell(gzip, all, piece);
	must(whole.messages == cut.messages && whole.bytes == cut.bytes && whole.hash == cut.hash);
	must(whole.end == cut.end && (whole.end != ERR_OK || whole.at_boundary == cut.at_boundary));
}

static void check_round_trip(struct str message, size_t piece)
{
	struct arena *a = arena_new(ARENA_MAX);
	must(a != NULL);
	struct str packed = gzip_deflate(a, message, GRPC_PREFIX_LEN);
	must(packed.p != NULL);
	if (packed.n <= GRPC_MESSAGE_MAX) {
		char *frame = (char *)packed.p - GRPC_PREFIX_LEN;
		const char prefix[GRPC_PREFIX_LEN] = {1, 0, 0, (char)(packed.n >> 8), (char)packed.n};
		memcpy(frame, prefix, sizeof prefix);
		struct story s = tell(true, str_from(frame, GRPC_PREFIX_LEN + packed.n), piece);
		struct story want = {.hash = 0xcbf29ce484222325};
		hash_bytes(&want, message.p, message.n);
		hash_bytes(&want, &message.n, sizeof message.n);
		must(s.end == ERR_OK && s.at_boundary && s.messages == 1 && s.hash == want.hash);
	}
	arena_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	bool gzip = (data[0] & 1) != 0;
	size_t piece = 1 + (size_t)data[1];
	struct str rest = str_from(data + 2, size - 2);

	check_cuts(gzip, rest, piece);
	if (rest.n <= GRPC_MESSAGE_MAX)
		check_round_trip(rest, piece);
	return 0;
}
