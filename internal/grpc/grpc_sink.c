/* What waits goes first, so that as long as anything waits nothing is gathered. Hardly ever does
 * anything wait. */
#include "grpc/grpc_sink.h"

#include <string.h>

#define PIECES 16

void grpc_sink_init(struct grpc_sink *s, struct grpc_gathered *gathered)
{
	*s = (struct grpc_sink){.gathered = gathered};
}

/* Answers hold secrets. */
static void forget_gathered(struct grpc_gathered *g)
{
	explicit_bzero(g->bytes, g->n);
	g->n = 0;
}

static void free_waiting(struct grpc_sink *s)
{
	if (s->waiting != NULL)
		evbuffer_free(s->waiting);
	s->waiting = NULL;
}

void grpc_sink_clear(struct grpc_sink *s)
{
	forget_gathered(s->gathered);
	free_waiting(s);
}

size_t grpc_sink_length(const struct grpc_sink *s)
{
	return s->gathered->n + (s->waiting == NULL ? 0 : evbuffer_get_length(s->waiting));
}

static enum err wait_with(struct grpc_sink *s, struct str bytes)
{
	if (s->waiting == NULL)
		s->waiting = evbuffer_new();
	return s->waiting != NULL && evbuffer_add(s->waiting, bytes.p, bytes.n) == 0 ? ERR_OK : ERR_NO_MEMORY;
}

bool grpc_sink_gathers(const struct grpc_sink *s, size_t n)
{
	return n <= GRPC_GATHERED_MAX - s->gathered->n && s->waiting == NULL;
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
	return err == ERR_OK ? wait_with(s, bytes) : err;
}

enum err grpc_sink_refer(struct grpc_sink *s, struct str bytes, evbuffer_ref_cleanup_cb sent, void *arg)
{
	enum err err = grpc_sink_keep(s);
	if (err == ERR_OK)
		err = wait_with(s, STR_NONE);
	return err == ERR_OK && evbuffer_add_reference(s->waiting, bytes.p, bytes.n, sent, arg) != 0 ? ERR_NO_MEMORY : err;
}

enum err grpc_sink_keep(struct grpc_sink *s)
{
	struct grpc_gathered *g = s->gathered;
	if (g->n == 0)
		return ERR_OK;
	enum err err = wait_with(s, str_from(g->bytes, g->n));
	forget_gathered(g);
	return err;
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
	if (err == ERR_OVERLOADED && wait_with(s, str_from(g->bytes + sent, g->n - sent)) != ERR_OK)
		err = ERR_NO_MEMORY;
	forget_gathered(g);
	return err;
}

static enum err send_waiting(struct grpc_sink *s, struct tls_stream *to)
{
	while (evbuffer_get_length(s->waiting) > 0) {
		struct evbuffer_iovec pieces[PIECES];
		int n = evbuffer_peek(s->waiting, -1, NULL, pieces, PIECES);
		ssize_t taken = tls_stream_write(to, pieces, n < PIECES ? n : PIECES);
		if (taken < 0)
			return explain(taken);
		evbuffer_drain(s->waiting, (size_t)taken);
	}
	free_waiting(s);
	return ERR_OK;
}

enum err grpc_sink_send(struct grpc_sink *s, struct tls_stream *to)
{
	return s->waiting != NULL ? send_waiting(s, to) : send_gathered(s, to);
}
