/* Bytes to the socket: from where they lie, and what it doesn't take from the output. Whoever
 * calls decides what comes of a client that doesn't read. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/log.h"
#include "rest/rest_conn_parts.h"
#include "rest/rest_refusal.h"

#define PIECES 8

bool rest_write_raw(struct rest_conn *c, struct str text)
{
	const struct iovec piece = {.iov_base = (char *)text.p, .iov_len = text.n};
	return evbuffer_get_length(bufferevent_get_output(c->bev)) == 0 && tls_stream_write(&c->stream, &piece, 1) == (ssize_t)text.n;
}

void rest_write_refusal(struct rest_conn *c, enum err err, const char *detail)
{
	struct rest_refusal_alone refusal;
	rest_refusal_alone(&refusal, err, detail, false);
	bool ignored = rest_write_raw(c, rest_refusal_text(&refusal, true));
	(void)ignored;
	struct log_line line;
	log_begin(&line, LOG_INFO, "connection_refused");
	log_str(&line, "request_id", str_of(refusal.id));
	log_str(&line, "outcome", str_of(err_info(err)->code));
	log_end(&line);
}

enum rest_written rest_write_output(struct rest_conn *c)
{
	struct evbuffer *output = bufferevent_get_output(c->bev);
	while (evbuffer_get_length(output) > 0) {
		struct evbuffer_iovec pieces[PIECES];
		int n = evbuffer_peek(output, -1, NULL, pieces, PIECES);
		ssize_t taken = tls_stream_write(&c->stream, pieces, n < PIECES ? n : PIECES);
		if (taken == TLS_STREAM_LATER) {
			event_add(c->writable, NULL);
			return REST_WRITING;
		}
		if (taken < 0) {
			evbuffer_drain(output, evbuffer_get_length(output));
			return REST_NOWHERE;
		}
		evbuffer_drain(output, (size_t)taken);
	}
	return REST_WRITTEN;
}

/* The rest of an answer waits for the socket. False: out of memory, and then nothing of it is
 * kept. */
static bool keep(struct rest_conn *c, struct str head, struct str body, evbuffer_ref_cleanup_cb release, void *owner)
{
	struct evbuffer *output = bufferevent_get_output(c->bev);
	bool kept = evbuffer_add(output, head.p, head.n) == 0;
	if (release != NULL && body.n > 0)
		kept = kept && evbuffer_add_reference(output, body.p, body.n, release, owner) == 0;
	else
		kept = kept && evbuffer_add(output, body.p, body.n) == 0;
	if (!kept)
		evbuffer_drain(output, evbuffer_get_length(output));
	else if (release != NULL && body.n == 0)
		release(NULL, 0, owner);
	return kept;
}

static struct str without(struct str s, size_t *n)
{
	size_t first = *n < s.n ? *n : s.n;
	*n -= first;
	return first == 0 ? s : str_from(s.p + first, s.n - first);
}

enum rest_written rest_write_answer(struct rest_conn *c, struct str head, struct str body, evbuffer_ref_cleanup_cb release, void *owner)
{
	const struct iovec pieces[] = {{(char *)head.p, head.n}, {(char *)body.p, body.n}};
	ssize_t taken = tls_stream_write(&c->stream, pieces, body.n > 0 ? 2 : 1);
	size_t sent = taken < 0 ? 0 : (size_t)taken;
	if (taken != TLS_STREAM_BROKEN && sent < head.n + body.n) {
		head = without(head, &sent);
		body = without(body, &sent);
		if (keep(c, head, body, release, owner))
			return rest_write_output(c);
		taken = TLS_STREAM_BROKEN;
	}
	if (release != NULL)
		release(NULL, 0, owner);
	return taken == TLS_STREAM_BROKEN ? REST_NOWHERE : REST_WRITTEN;
}
