/* What waits goes first, so that as long as anything waits nothing is gathered. */
#include "grpc/grpc_sink.h"

#include <string.h>

#define PIECES 16

enum err grpc_sink_init(struct grpc_sink *s, struct grpc_gathered *gathered)
{
	*s = (struct grpc_sink){gathered, evbuffer_new()};
	return s->waiting == NULL ? ERR_NO_MEMORY : ERR_OK;
}

/* Answers hold secrets. */
static void forget_gathered(struct grpc_gathered *g)
{
	explicit_bzero(g->bytes, g->n);
	g->n = 0;
}

void grpc_sink_clear(struct grpc_sink *s)
{
	forget_gathered(s->gathered);
	if (s->waiting != NULL)
		evbuffer_free(s->waiting);
	s->waiting = NULL;
}

static bool waits(const struct grpc_sink *s)
{
	return evbuffer_get_length(s->waiting) > 0;
}

size_t grpc_sink_length(const struct grpc_sink *s)
{
	return s->gathered->n + evbuffer_get_length(s->waiting);
}

bool grpc_sink_gathers(const struct grpc_sink *s, size_t n)
{
	return n <= GRPC_GATHERED_MAX - s->gathered->n && !waits(s);
}

enum err grpc_sink_put(struct grpc_sink *s, struct str bytes)
{
	struct grpc_gathered *g = s->gathered;
	if (grpc_sink_gathers(s, bytes.n)) {
		memcpy(g->bytes + g->n, bytes.p, bytes.n);
		g->n += bytes.n;
		return ERR_OK;
	}
	enum err err = grpc_sink_keep(s);
	return err == ERR_OK && evbuffer_add(s->waiting, bytes.p, bytes.n) != 0 ? ERR_NO_MEMORY : err;
}

enum err grpc_sink_refer(struct grpc_sink *s, struct str bytes, evbuffer_ref_cleanup_cb sent, void *arg)
{
	enum err err = grpc_sink_keep(s);
	return err == ERR_OK && evbuffer_add_reference(s->waiting, bytes.p, bytes.n, sent, arg) != 0 ? ERR_NO_MEMORY : err;
}

enum err grpc_sink_keep(struct grpc_sink *s)
{
	struct grpc_gathered *g = s->gathered;
	if (g->n == 0)
		return ERR_OK;
	bool kept = evbuffer_add(s->waiting, g->bytes, g->n) == 0;
	forget_gathered(g);
	return kept ? ERR_OK : ERR_NO_MEMORY;
}

static enum err explain(ssize_t taken)
{
	return taken >= 0 ? ERR_OK : taken == TLS_STREAM_LATER ? ERR_OVERLOADED : ERR_IO;
}

static enum err send_gathered(struct grpc_sink *s, struct tls_stream *to)
{
	struct grpc_gathered *g = s->gathered;
	size_t sent = 0;
	ssize_t taken = 0;
	while (sent < g->n && taken >= 0) {
		const struct iovec piece = {g->bytes + sent, g->n - sent};
		taken = tls_stream_write(to, &piece, 1);
		if (taken > 0)
			sent += (size_t)taken;
	}
	enum err err = explain(taken);
	if (err == ERR_OVERLOADED && evbuffer_add(s->waiting, g->bytes + sent, g->n - sent) != 0)
		err = ERR_NO_MEMORY;
	forget_gathered(g);
	return err;
}

static enum err send_waiting(struct grpc_sink *s, struct tls_stream *to)
{
	while (waits(s)) {
		struct evbuffer_iovec pieces[PIECES];
		int n = evbuffer_peek(s->waiting, -1, NULL, pieces, PIECES);
		ssize_t taken = tls_stream_write(to, pieces, n < PIECES ? n : PIECES);
		if (taken < 0)
			return explain(taken);
		evbuffer_drain(s->waiting, (size_t)taken);
	}
	return ERR_OK;
}

enum err grpc_sink_send(struct grpc_sink *s, struct tls_stream *to)
{
	return waits(s) ? send_waiting(s, to) : send_gathered(s, to);
}
