/* Bytes from the socket become requests, one at a time; each gets its answer before the next is
 * looked at.
 *
 *   readable -> guard -> a whole request -> take -> (the service works) -> rest_conn_answer ->
 *   sent -> the next request
 *                                        or -> input, evhttp is told -> (the service works) ->
 *                                        output -> rest_conn_flush -> sent, evhttp is told ->
 *                                        the next
 *
 * Nearly every request goes the first way: it is looked at where it was read, and its answer is
 * sent from where it was written. What can't be worked on yet waits in `pending`.
 *
 * evhttp has one request at a time: it may only be told of input while it waits for a request,
 * and only be freed while nobody works on one. */
#include <event2/buffer.h>
#include <event2/bufferevent.h>

#include "base/reserve.h"
#include "crypto/digest.h"
#include "rest/rest_conn_parts.h"

/* What a client may send ahead of the answers; the rest stays in its socket. A request that is
 * being received may be longer, in small chunks: the guard bounds it. */
#define PENDING_MAX (64 * 1024)
/* Before the others get their turn. A large request takes two reads. */
#define READS_MAX  4
#define SERVED_MAX 16

static size_t pending(const struct rest_conn *c)
{
	return evbuffer_get_length(c->pending);
}

/* What comes is looked at, or was when the client sent no more. */
static bool listens(const struct rest_conn *c)
{
	return c->end == CONN_END_NONE || c->end == CONN_END_CLIENT_CLOSED;
}

static void follow_timer(struct rest_conn *c)
{
	if (c->guard.seen == 0) {
		evtimer_del(c->timer);
	} else if (!evtimer_pending(c->timer, NULL)) {
		/* it isn't idle any more; evhttp enables it again with the answer */
		bufferevent_disable(c->bev, EV_READ);
		rest_conn_begin_timer(c);
	}
}

/* ---- what is read ---- */

static void read_on(struct rest_conn *c)
{
	if (c->intake != REST_PAUSED || is_cooling(&c->cooled) || event_add(c->readable, NULL) != 0)
		return;
	c->intake = REST_READING;
	if (tls_stream_holds(&c->stream))
		event_active(c->readable, EV_READ, 0);
}

static void read_later(struct rest_conn *c)
{
	if (c->intake != REST_READING)
		return;
	event_del(c->readable);
	c->intake = REST_PAUSED;
}

static void read_no_more(struct rest_conn *c)
{
	event_del(c->readable);
	c->intake = REST_ENDED;
}

/* There is nobody any more: neither is more read, nor is worked on what was asked for and hasn't
 * begun. */
static void lose_client(struct rest_conn *c, enum conn_end why)
{
	rest_conn_decide(c, why);
	c->fresh = STR_NONE;
	read_no_more(c);
	evbuffer_drain(c->pending, pending(c));
}

/* What was read and couldn't be worked on waits in pending. */
static void keep_fresh(struct rest_conn *c)
{
	if (c->fresh.n > 0 && evbuffer_add(c->pending, c->fresh.p, c->fresh.n) != 0)
		lose_client(c, CONN_END_NO_MEMORY);
	c->fresh = STR_NONE;
}

/* The unanswered bytes: pending's, or if nothing is pending what was just read. Absent: out of
 * memory. */
static struct str unanswered(struct rest_conn *c)
{
	if (pending(c) == 0)
		return c->fresh;
	keep_fresh(c);
	size_t n = pending(c);
	return str_from(evbuffer_pullup(c->pending, -1), n);
}

static void consume(struct rest_conn *c, size_t n)
{
	if (c->fresh.n > 0)
		c->fresh = str_from(c->fresh.p + n, c->fresh.n - n);
	else
		evbuffer_drain(c->pending, n);
}

/* ---- a whole request ---- */

static bool may_be_taken(const struct rest_conn *c)
{
	const struct http_guard *g = &c->guard;
	return c->set->take != NULL && !g->http_1_0 && !g->has_connection && !g->has_chunked && !g->expects && g->origin_end == 0;
}

/* It isn't idle while it is being worked on. */
static bool take(struct rest_conn *c, struct str request)
{
	if (!may_be_taken(c))
		return false;
	http_guard_init(&c->guard);
	evtimer_del(c->timer);
	rest_conn_move(c, REST_WORKING);
	c->in_place = true;
	if (!c->set->take(c->set->take_arg, c, request))
		return false;
	/* an answer that waits for the client has its time */
	if (c->phase == REST_WORKING)
		bufferevent_disable(c->bev, EV_READ);
	return true;
}

/* The whole request stands in the input; evhttp parses it, and the service may even answer it,
 * before this returns. */
static void hand_over(struct rest_conn *c)
{
	evtimer_del(c->timer);
	c->set->asking = c;
	bufferevent_trigger(c->bev, EV_READ, 0);
	c->set->asking = NULL;
	if (c->phase != REST_GONE)
		rest_conn_flush(c, CONN_END_NONE);
}

/* All but the bytes from `start` to `end`, as far as `end`; so many have been passed before. */
static void pass_without(struct rest_conn *c, size_t *passed, size_t start, size_t end)
{
	evbuffer_remove_buffer(c->pending, bufferevent_get_input(c->bev), start - *passed);
	evbuffer_drain(c->pending, end - start);
	*passed = end;
}

/* An expectation was answered here already; evhttp would answer it again. A target's scheme and
 * authority would make a proxy's request of it. */
static void forward(struct rest_conn *c, size_t n)
{
	const struct http_guard *g = &c->guard;
	size_t passed = 0;
	if (g->origin_end > 0)
		pass_without(c, &passed, g->origin_start, g->origin_end);
	if (g->expects)
		pass_without(c, &passed, g->expect_start, g->expect_end);
	evbuffer_remove_buffer(c->pending, bufferevent_get_input(c->bev), n - passed);
	http_guard_init(&c->guard);
	hand_over(c);
}

/* To evhttp, where nobody took it. False: there was no memory, and the connection has ended. */
static bool forward_whole(struct rest_conn *c, size_t n)
{
	if (reserve_is_low()) {
		rest_write_refusal(c, ERR_OVERLOADED, NULL);
		rest_conn_end(c, CONN_END_NO_MEMORY);
		return false;
	}
	keep_fresh(c);
	if (pending(c) == 0) {
		rest_conn_end(c, CONN_END_NO_MEMORY);
		return false;
	}
	c->in_place = false;
	if (c->phase == REST_RECEIVING)
		rest_conn_move(c, REST_WORKING);
	forward(c, n);
	return true;
}

/* Nothing more of this connection can be trusted. */
static void refuse(struct rest_conn *c, enum err why)
{
	rest_conn_decide(c, CONN_END_MALFORMED);
	c->fresh = STR_NONE;
	evbuffer_drain(c->pending, pending(c));
	evtimer_del(c->timer);
	rest_conn_move(c, REST_WORKING);
	c->in_place = true;
	c->set->refuse(c->set->take_arg, c, why);
}

/* ---- feeding the guard ---- */

static void wait_for_more(struct rest_conn *c, size_t n)
{
	keep_fresh(c);
	if (c->guard.swallow != ERR_OK) {
		evbuffer_drain(c->pending, n);
		c->dropped += n;
	}
	if (!http_guard_awaits_continue(&c->guard))
		return;
	http_guard_note_continued(&c->guard);
	if (!rest_write_raw(c, STR("HTTP/1.1 100 Continue\r\n\r\n")))
		/* it reads nothing of what it is sent, and a piece of this would stand in the
		 * answer's place */
		lose_client(c, CONN_END_UNREAD);
}

/* Feeds what the guard hasn't seen; true when a request was completed and somebody works on it,
 * or has answered it, so that there may be more. */
static bool feed_once(struct rest_conn *c)
{
	struct str bytes = unanswered(c);
	size_t from = c->guard.seen - c->dropped;
	if (from >= bytes.n)
		return false;
	if (bytes.p == NULL) { /* out of memory */
		lose_client(c, CONN_END_NO_MEMORY);
		return false;
	}
	size_t taken = 0;
	enum err why = ERR_OK;
	switch (http_guard_feed(&c->guard, bytes.p + from, bytes.n - from, &taken, &why)) {
	case GUARD_COMPLETE:
		if (!take(c, str_from(bytes.p, from + taken)))
			return forward_whole(c, from + taken);
		consume(c, from + taken);
		return true;
	case GUARD_REFUSED:
		refuse(c, why);
		return false;
	case GUARD_MORE:
		wait_for_more(c, bytes.n);
		break;
	}
	return false;
}

static void go_on_later(struct rest_conn *c)
{
	const struct timeval none = {0, 0};
	evtimer_add(c->again, &none);
}

/* One request after another, each when the one before is answered. At the end either somebody
 * works, or the connection is closed, or more must be read, or it goes on in the next turn. */
static void feed(struct rest_conn *c)
{
	int served = 0;
	c->feeding = true;
	while (c->phase == REST_RECEIVING && listens(c) && served < SERVED_MAX && feed_once(c))
		served++;
	c->feeding = false;
	if (c->phase == REST_GONE)
		return;
	keep_fresh(c);
	if (!listens(c))
		evbuffer_drain(c->pending, pending(c));
	if (c->phase == REST_RECEIVING)
		follow_timer(c);
	if (c->phase != REST_RECEIVING && pending(c) >= PENDING_MAX) {
		read_later(c);
	} else if (c->phase == REST_RECEIVING && served == SERVED_MAX && pending(c) > 0) {
		read_later(c);
		go_on_later(c);
	} else if (c->phase == REST_RECEIVING && c->end != CONN_END_NONE) {
		rest_conn_end(c, c->end);
	} else {
		read_on(c);
	}
}

/* ---- the socket ---- */

/* What was read is looked at, or waits for its turn. */
static void note_read(struct rest_conn *c, ssize_t n)
{
	if (n == 0) {
		rest_conn_decide(c, CONN_END_CLIENT_CLOSED);
		read_no_more(c);
	} else if (n < 0) {
		lose_client(c, CONN_END_LOST);
	} else if (listens(c)) {
		c->fresh = str_from(c->set->chunk, (size_t)n);
	}
	if (c->phase == REST_RECEIVING || c->intake == REST_ENDED) {
		feed(c);
	} else {
		keep_fresh(c);
		if (pending(c) >= PENDING_MAX)
			read_later(c);
	}
}

/* True: it goes on behind the handshake. */
static bool greet(struct rest_conn *c, ssize_t n)
{
	if (n == TLS_STREAM_LATER && tls_stream_shaking(&c->stream))
		return true;
	if (tls_stream_shaking(&c->stream)) {
		rest_conn_end(c, n == 0 ? CONN_END_CLIENT_CLOSED : CONN_END_HANDSHAKE_FAILED);
		return false;
	}
	if (tls_stream_certificate(&c->stream, &c->certificate) == ERR_NO_MEMORY) {
		rest_conn_end(c, CONN_END_NO_MEMORY);
		return false;
	}
	rest_conn_move(c, REST_RECEIVING);
	evtimer_del(c->timer); /* a request has a time of its own */
	return true;
}

void rest_exchange_readable(evutil_socket_t fd, short what, void *conn)
{
	(void)fd, (void)what;
	struct rest_conn *c = conn;
	if (is_cooling(&c->cooled)) {
		read_later(c);
		return;
	}
	if (c->proxy_header != NULL && !rest_doorstep_read(c))
		return;
	ssize_t n = 0;
	int reads = 0;
	do {
		n = tls_stream_read(&c->stream, c->set->chunk, sizeof c->set->chunk);
		bool greeted = c->phase != REST_GREETING || greet(c, n);
		if (greeted && n != TLS_STREAM_LATER)
			note_read(c, n);
		if (n > 0)
			crypto_wipe(c->set->chunk, (size_t)n); /* a secret may be in there */
		if (!greeted)
			return;
		if (n == TLS_STREAM_LATER)
			break;
	} while (c->phase != REST_GONE && c->intake == REST_READING && ++reads < READS_MAX &&
		 (n == sizeof c->set->chunk || tls_stream_holds(&c->stream)));
	if (c->phase == REST_GONE)
		return;
	if (c->intake == REST_READING && reads == READS_MAX && tls_stream_holds(&c->stream))
		go_on_later(c); /* the socket itself may not tell */
	if (c->stream.stuck)
		event_add(c->writable, NULL);
}

void rest_exchange_again(evutil_socket_t fd, short what, void *conn)
{
	struct rest_conn *c = conn;
	if (c->phase == REST_RECEIVING)
		feed(c);
	if (c->phase != REST_GONE && c->intake == REST_READING && tls_stream_holds(&c->stream))
		rest_exchange_readable(fd, what, c);
}

/* ---- the answer ---- */

/* All of it is out, or nobody reads it. evhttp ends the connection itself if this was the last
 * of its answers; else feed does. */
static void answer_ended(struct rest_conn *c, enum rest_written written)
{
	if (written == REST_NOWHERE)
		lose_client(c, CONN_END_LOST);
	if (!c->in_place)
		bufferevent_trigger(c->bev, EV_WRITE, 0);
	if (c->phase == REST_GONE)
		return;
	rest_conn_move(c, REST_RECEIVING);
	if (!c->feeding)
		feed(c);
}

/* Goes on with what lies in the output, if anything does. */
static void send_output(struct rest_conn *c)
{
	enum rest_written written = rest_write_output(c);
	if (written != REST_WRITING)
		answer_ended(c, written);
}

void rest_conn_flush(struct rest_conn *c, enum conn_end last)
{
	if (last != CONN_END_NONE)
		rest_conn_decide(c, last);
	if (c->set->asking == c || evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		return; /* hand_over does it, once evhttp is done; or there is no answer yet */
	rest_conn_move(c, REST_SENDING);
	send_output(c);
}

void rest_conn_answer(struct rest_conn *c, struct str head, struct str body, enum conn_end last, evbuffer_ref_cleanup_cb release,
		      void *owner)
{
	/* its idle time begins anew; it also ends a client that doesn't read the answer */
	bufferevent_enable(c->bev, EV_READ);
	if (last != CONN_END_NONE)
		rest_conn_decide(c, last);
	rest_conn_move(c, REST_SENDING);
	enum rest_written written = rest_write_answer(c, head, body, release, owner);
	if (written != REST_WRITING)
		answer_ended(c, written);
}

void rest_exchange_writable(evutil_socket_t fd, short what, void *conn)
{
	(void)what;
	struct rest_conn *c = conn;
	if (c->phase == REST_SENDING)
		send_output(c);
	else if (c->stream.stuck)
		/* a handshake that had more to say than the socket took */
		rest_exchange_readable(fd, EV_READ, c);
}
