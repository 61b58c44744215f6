/* evhttp polls no socket here. Left to itself its bufferevent asks the kernel to watch the
 * socket anew four times a request, and asks how much there is before it reads; so it is given
 * one without a socket, and this file reads and writes: one call each a request. What evhttp
 * does with that bufferevent stays as it is: it parses what stands in the input when
 * bufferevent_trigger says so, leaves its reply in the output, is told when that was sent, and
 * its idle time runs on the bufferevent's timers.
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
 * and only be freed while nobody works on one.
 *
 * evhttp makes a connection's bufferevent through rest_conn_bufferevent before it knows the
 * connection, and tells of a connection's end only through evhttp_connection_set_closecb. The
 * evhttp_connection behind a bufferevent is the argument of its callbacks, known once evhttp has
 * set them: right after rest_conn_bufferevent has returned, so an event activated there finds it
 * before any byte was read. */
#include "rest/rest_conn.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/proxy_header.h"
#include "base/reserve.h"
#include "base/uuid.h"
#include "crypto/digest.h"
#include "rest/http_guard.h"
#include "rest/rest_encode.h"

/* What a client may send ahead of the answers; the rest stays in its socket. A request that is
 * being received may be longer, in small chunks: the guard bounds it. */
#define PENDING_MAX (64 * 1024)
#define PIECES      8
/* Before the others get their turn. A large request takes two reads. */
#define READS_MAX  4
#define SERVED_MAX 16

struct rest_conn {
	struct list node;
	struct rest_conns *set;
	struct bufferevent *bev;
	struct evhttp_connection *evcon; /* NULL until attached */
	struct tls_stream stream;
	struct event *readable, *writable; /* NULL until attached */
	struct event *timer;               /* attaching first, then the receive timeout */
	/* goes on in the next turn with what others had to be let before */
	struct event *again;
	struct http_guard guard;
	/* what was read and isn't looked at yet, in the set's chunk, while it is being read */
	struct str fresh;
	struct evbuffer *pending; /* what came before that and nobody works on */
	size_t dropped;           /* bytes of it that were read only to be thrown away */
	bool over_limit;
	/* who is at the other end, or behind a proxy that speaks for it */
	struct remote remote;
	struct proxy_header *proxy_header; /* that hasn't come whole yet; else NULL */
	struct peer *peer;                 /* NULL until attached, and over the limit */
	bool refused;                      /* nothing more is looked at */
	bool continued;                    /* this request's 100 Continue was sent */
	/* there is a request that isn't answered, or whose answer isn't sent */
	bool working;
	bool in_place; /* it was taken: evhttp knows of no request */
	bool last;     /* the connection ends with the answer, in place */
	bool reading;  /* `readable` is added */
	bool ended;    /* the client sends no more */
	bool feeding;  /* feed is at work, and takes the next request itself */
	bool gone;     /* evhttp has freed the connection meanwhile */
	/* since when it is seen to be idle, by who closes idle ones; 0: it wasn't */
	int64_t idle_us;
};

static void conn_destroy(struct rest_conn *c)
{
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	if (c->timer != NULL)
		event_free(c->timer);
	if (c->again != NULL)
		event_free(c->again);
	if (c->pending != NULL)
		evbuffer_free(c->pending);
	free(c->proxy_header);
	reserve_free(c);
}

static void join_peer(struct rest_conn *c);
static void leave_peer(struct rest_conn *c);

/* Its memory stays until the loop's callback has ended, which may be about this connection. */
static void forget(struct rest_conn *c)
{
	struct event *const events[] = {c->readable, c->writable, c->timer, c->again};
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (events[i] != NULL)
			event_del(events[i]);
	c->gone = true;
	c->set->count--;
	leave_peer(c);
	list_remove(&c->node);
	list_append(&c->set->gone, &c->node);
	event_active(c->set->bury, EV_TIMEOUT, 0);
}

static void bury(struct rest_conns *set)
{
	struct list *next;
	for (struct list *it = set->gone.next; it != &set->gone; it = next) {
		next = it->next;
		conn_destroy(LIST_OWNER(it, struct rest_conn, node));
	}
	list_init(&set->gone);
}

static void on_bury(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	bury(arg);
}

/* The socket is evhttp's to close, right after this. */
static void on_closed(struct evhttp_connection *evcon, void *arg)
{
	(void)evcon;
	struct rest_conn *c = arg;
	tls_stream_end(&c->stream);
	forget(c);
}

/* Past evhttp, where no request of it exists to answer. False: it, or its end, wasn't taken, and
 * nothing may be written behind it. */
static bool answer_raw(struct rest_conn *c, struct str text)
{
	const struct iovec piece = {.iov_base = (char *)text.p, .iov_len = text.n};
	return evbuffer_get_length(bufferevent_get_output(c->bev)) == 0 && tls_stream_write(&c->stream, &piece, 1) == (ssize_t)text.n;
}

/* A whole problem+json reply (RFC 9457), as rest_encode.c writes it for requests. */
static void answer_problem(struct rest_conn *c, enum err err, const char *detail)
{
	const struct err_info *info = err_info(err);
	char id[UUID_TEXT_LEN];
	char head[1024];
	char body[512];
	struct sbuf h = sbuf_fixed(head, sizeof head);
	struct sbuf b = sbuf_fixed(body, sizeof body);
	uuid_format(uuid_v7(clock_wall_us()), id);
	sbuf_printf(&b,
		    "{\"type\":\"about:blank\",\"title\":\"%s\",\"status\":%d,\"detail\":\"%s\",\"code\":\"%s\",\"request_id\":\"%.*s\"}\n",
		    rest_reason(info->http), info->http, detail, info->code, (int)sizeof id, id);
	sbuf_printf(&h,
		    "HTTP/1.1 %d %s\r\nContent-Type: application/problem+json\r\nContent-Length: %zu\r\nCache-Control: no-store\r\n"
		    "X-Request-Id: %.*s\r\nRetry-After: 1\r\nConnection: close\r\n\r\n%s",
		    info->http, rest_reason(info->http), b.n, (int)sizeof id, id, body);
	bool ignored = answer_raw(c, sbuf_str(&h)); /* best effort */
	(void)ignored;
	struct log_line line;
	log_begin(&line, LOG_INFO, "connection_refused");
	log_str(&line, "request_id", str_from(id, sizeof id));
	log_str(&line, "outcome", str_of(info->code));
	log_end(&line);
}

/* ---- time ---- */

static void begin_timer(struct rest_conn *c)
{
	const struct timeval limit = {c->set->receive_timeout_ms / 1000, (c->set->receive_timeout_ms % 1000) * 1000};
	evtimer_add(c->timer, &limit);
}

static void follow_timer(struct rest_conn *c)
{
	if (c->guard.seen == 0) {
		evtimer_del(c->timer);
	} else if (!evtimer_pending(c->timer, NULL)) {
		/* it isn't idle any more; evhttp enables it again with the answer */
		bufferevent_disable(c->bev, EV_READ);
		begin_timer(c);
	}
}

/* ---- what is read ---- */

static void read_on(struct rest_conn *c)
{
	if (c->reading || c->ended || event_add(c->readable, NULL) != 0)
		return;
	c->reading = true;
	if (tls_stream_holds(&c->stream))
		event_active(c->readable, EV_READ, 0);
}

static void read_no_more(struct rest_conn *c)
{
	event_del(c->readable);
	c->reading = false;
}

/* There is nobody any more: neither is more read, nor is worked on what was asked for and hasn't
 * begun. */
static void lose_client(struct rest_conn *c)
{
	c->ended = true;
	c->fresh = STR_NONE;
	read_no_more(c);
	evbuffer_drain(c->pending, evbuffer_get_length(c->pending));
}

/* The whole request stands in the input; evhttp parses it, and the service may even answer it,
 * before this returns. */
static void hand_over(struct rest_conn *c)
{
	evtimer_del(c->timer);
	c->working = true;
	c->set->asking = c;
	bufferevent_trigger(c->bev, EV_READ, 0);
	c->set->asking = NULL;
	if (!c->gone)
		rest_conn_flush(c);
}

static void forward_request(struct rest_conn *c, size_t n)
{
	struct evbuffer *input = bufferevent_get_input(c->bev);
	if (c->guard.expects) { /* answered here already; evhttp would answer it again */
		evbuffer_remove_buffer(c->pending, input, c->guard.expect_start);
		evbuffer_drain(c->pending, c->guard.expect_end - c->guard.expect_start);
		n -= c->guard.expect_end;
	}
	evbuffer_remove_buffer(c->pending, input, n);
	c->continued = false;
	http_guard_init(&c->guard);
	hand_over(c);
}

/* ---- requests that are taken before evhttp is asked ---- */

static bool may_be_taken(const struct rest_conn *c)
{
	const struct http_guard *g = &c->guard;
	return c->set->take != NULL && !g->http_1_0 && !g->has_connection && !g->has_chunked && !g->expects;
}

/* It isn't idle while it is being worked on. */
static bool take(struct rest_conn *c, struct str request)
{
	if (!may_be_taken(c))
		return false;
	http_guard_init(&c->guard);
	evtimer_del(c->timer);
	c->working = c->in_place = true;
	if (!c->set->take(c->set->take_arg, c, request)) {
		c->working = c->in_place = false;
		return false;
	}
	/* an answer that waits for the client has its time */
	if (c->working && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		bufferevent_disable(c->bev, EV_READ);
	return true;
}

/* Nothing more of this connection can be trusted. */
static void refuse(struct rest_conn *c, enum err why)
{
	c->refused = true;
	evbuffer_drain(c->pending, evbuffer_get_length(c->pending));
	evtimer_del(c->timer);
	c->working = c->in_place = true;
	c->set->refuse(c->set->take_arg, c, why);
}

/* ---- feeding the guard ---- */

/* What was read and couldn't be worked on waits in pending. */
static void keep_fresh(struct rest_conn *c)
{
	if (c->fresh.n > 0 && evbuffer_add(c->pending, c->fresh.p, c->fresh.n) != 0)
		lose_client(c);
	c->fresh = STR_NONE;
}

/* The unanswered bytes: pending's, or if nothing is pending what was just read. Absent: out of
 * memory. */
static struct str unanswered(struct rest_conn *c)
{
	size_t n = evbuffer_get_length(c->pending);
	if (n == 0)
		return c->fresh;
	keep_fresh(c);
	n = evbuffer_get_length(c->pending);
	return str_from(evbuffer_pullup(c->pending, -1), n);
}

static void consume(struct rest_conn *c, size_t n)
{
	if (c->fresh.n > 0)
		c->fresh = str_from(c->fresh.p + n, c->fresh.n - n);
	else
		evbuffer_drain(c->pending, n);
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
		lose_client(c);
		return false;
	}
	size_t taken = 0;
	enum err why = ERR_OK;
	switch (http_guard_feed(&c->guard, bytes.p + from, bytes.n - from, &taken, &why)) {
	case GUARD_COMPLETE:
		if (take(c, str_from(bytes.p, from + taken))) {
			consume(c, from + taken);
			return true;
		}
		if (reserve_is_low()) {
			answer_problem(c, ERR_OVERLOADED, err_info(ERR_OVERLOADED)->text);
			evhttp_connection_free(c->evcon);
			return false;
		}
		keep_fresh(c);
		if (evbuffer_get_length(c->pending) == 0) /* out of memory: the client is lost */
			return false;
		forward_request(c, from + taken);
		return true;
	case GUARD_REFUSED:
		c->fresh = STR_NONE;
		refuse(c, why);
		return false;
	case GUARD_MORE:
		break;
	}
	keep_fresh(c);
	if (c->guard.swallow != ERR_OK) {
		evbuffer_drain(c->pending, bytes.n);
		c->dropped += bytes.n;
	}
	if (http_guard_awaits_continue(&c->guard) && !c->continued) {
		c->continued = true;
		if (!answer_raw(c, STR("HTTP/1.1 100 Continue\r\n\r\n")))
			/* it reads nothing of what it is sent, and a piece of this would stand
			 * in the answer's place */
			lose_client(c);
	}
	return false;
}

static void go_on_later(struct rest_conn *c)
{
	const struct timeval none = {0, 0};
	evtimer_add(c->again, &none);
}

/* One request after another, each when the one before is answered. At the end either evhttp
 * works, or the connection is closed, or more must be read, or it goes on in the next turn. */
static void feed(struct rest_conn *c)
{
	int served = 0;
	c->feeding = true;
	while (!c->gone && !c->working && !c->refused && served < SERVED_MAX && feed_once(c))
		served++;
	c->feeding = false;
	if (c->gone)
		return;
	keep_fresh(c);
	if (c->refused)
		evbuffer_drain(c->pending, evbuffer_get_length(c->pending));
	if (!c->working && !c->refused)
		follow_timer(c);
	if (served == SERVED_MAX && !c->working && !c->refused && evbuffer_get_length(c->pending) > 0) {
		read_no_more(c);
		go_on_later(c);
	} else if (c->ended && !c->working) {
		bufferevent_trigger_event(c->bev, BEV_EVENT_READING | BEV_EVENT_EOF, 0);
	} else if (c->working && evbuffer_get_length(c->pending) >= PENDING_MAX) {
		read_no_more(c);
	} else {
		read_on(c);
	}
}

static void note_remote(struct rest_conn *c, const struct ip *ip)
{
	c->remote = remote_of(c->set->proxies, ip);
	join_peer(c);
}

/* Who the proxy speaks for has its own share of the connections, and isn't asked whom it speaks
 * for. */
static void end_proxy_header(struct rest_conn *c)
{
	struct ip source = proxy_header_source(c->proxy_header, &c->remote.ip);
	free(c->proxy_header);
	c->proxy_header = NULL;
	leave_peer(c);
	note_remote(c, &source);
	if (!tls_stream_shaking(&c->stream))
		evtimer_del(c->timer);
	if (c->over_limit) {
		answer_problem(c, ERR_OVERLOADED, "There are too many connections.");
		evhttp_connection_free(c->evcon);
	}
}

/* What a proxy says before the connection's first byte, straight from the socket: TLS begins
 * behind it. True: the connection goes on. */
static bool read_proxy_header(struct rest_conn *c)
{
	for (size_t wanted; (wanted = proxy_header_wants(c->proxy_header)) > 0;) {
		size_t room = wanted < sizeof c->set->chunk ? wanted : sizeof c->set->chunk;
		ssize_t n = recv(c->stream.fd, c->set->chunk, room, MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return false;
		if (n <= 0 || !proxy_header_feed(c->proxy_header, (const uint8_t *)c->set->chunk, (size_t)n)) {
			if (n > 0)
				log_message(LOG_INFO, "connection_refused", "%s sends no PROXY header of version 2", c->remote.text);
			evhttp_connection_free(c->evcon);
			return false;
		}
	}
	end_proxy_header(c);
	return !c->gone;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct rest_conn *c = arg;
	if (c->proxy_header != NULL && !read_proxy_header(c))
		return;
	ssize_t n = 0;
	int reads = 0;
	do {
		bool shaking = tls_stream_shaking(&c->stream);
		n = tls_stream_read(&c->stream, c->set->chunk, sizeof c->set->chunk);
		if (shaking && !tls_stream_shaking(&c->stream))
			/* the handshake's; a request has a time of its own */
			evtimer_del(c->timer);
		if (n == TLS_STREAM_LATER)
			break;
		if (n == 0) {
			c->ended = true;
			read_no_more(c);
		} else if (n < 0) {
			lose_client(c);
		} else if (!c->refused) {
			c->fresh = str_from(c->set->chunk, (size_t)n);
		}
		if (!c->working || c->ended) {
			feed(c);
		} else {
			keep_fresh(c);
			if (evbuffer_get_length(c->pending) >= PENDING_MAX)
				read_no_more(c);
		}
		if (n > 0)
			crypto_wipe(c->set->chunk, (size_t)n); /* a secret may be in there */
	} while (!c->gone && c->reading && ++reads < READS_MAX && (n == sizeof c->set->chunk || tls_stream_holds(&c->stream)));
	if (!c->gone && c->reading && reads == READS_MAX && tls_stream_holds(&c->stream))
		go_on_later(c); /* the socket itself may not tell */
	if (!c->gone && c->stream.stuck)
		event_add(c->writable, NULL);
}

static void on_again(evutil_socket_t fd, short what, void *arg)
{
	struct rest_conn *c = arg;
	if (!c->working)
		feed(c);
	if (!c->gone && c->reading && tls_stream_holds(&c->stream))
		on_readable(fd, what, c);
}

/* ---- what is written ---- */

/* True: all of it. */
static bool write_output(struct rest_conn *c)
{
	struct evbuffer *output = bufferevent_get_output(c->bev);
	while (evbuffer_get_length(output) > 0) {
		struct evbuffer_iovec pieces[PIECES];
		int n = evbuffer_peek(output, -1, NULL, pieces, PIECES);
		ssize_t taken = tls_stream_write(&c->stream, pieces, n < PIECES ? n : PIECES);
		if (taken == TLS_STREAM_LATER) {
			event_add(c->writable, NULL);
			return false;
		}
		if (taken < 0) {
			/* nobody reads the answer, and the connection ends with it */
			lose_client(c);
			evbuffer_drain(output, evbuffer_get_length(output));
			return true;
		}
		evbuffer_drain(output, (size_t)taken);
	}
	return true;
}

/* All of the answer is out. */
static void answer_sent(struct rest_conn *c)
{
	bool in_place = c->in_place;
	c->working = c->in_place = false;
	if (!in_place)
		bufferevent_trigger(c->bev, EV_WRITE, 0);
	else if (c->last)
		evhttp_connection_free(c->evcon);
	if (!c->gone && !c->feeding)
		feed(c);
}

void rest_conn_flush(struct rest_conn *c)
{
	if (c->set->asking == c || evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		return; /* hand_over does it, once evhttp is done; or there is no answer yet */
	if (write_output(c))
		answer_sent(c);
}

/* The rest of an answer waits for the socket. False: out of memory, and then nothing of it is
 * kept. */
static bool keep_answer(struct rest_conn *c, struct str head, struct str body, evbuffer_ref_cleanup_cb release, void *owner)
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

void rest_conn_answer(struct rest_conn *c, struct str head, struct str body, bool last, evbuffer_ref_cleanup_cb release, void *owner)
{
	const struct iovec pieces[] = {{(char *)head.p, head.n}, {(char *)body.p, body.n}};
	/* its idle time begins anew; it also ends a client that doesn't read the answer */
	bufferevent_enable(c->bev, EV_READ);
	c->last = last;
	ssize_t taken = tls_stream_write(&c->stream, pieces, body.n > 0 ? 2 : 1);
	size_t sent = taken < 0 ? 0 : (size_t)taken;
	if (taken != TLS_STREAM_BROKEN && sent < head.n + body.n) {
		head = without(head, &sent);
		body = without(body, &sent);
		if (keep_answer(c, head, body, release, owner)) {
			rest_conn_flush(c);
			return;
		}
		taken = TLS_STREAM_BROKEN;
	}
	if (taken == TLS_STREAM_BROKEN)
		/* nobody reads the answer, or all of it, and the connection ends with it */
		lose_client(c);
	if (release != NULL)
		release(NULL, 0, owner);
	answer_sent(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct rest_conn *c = arg;
	if (c->stream.stuck && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		/* a handshake that had more to say than the socket took */
		on_readable(fd, EV_READ, c);
	else
		rest_conn_flush(c);
}

void rest_conn_ask_caller(const struct rest_conn *c, struct forwarded *ret)
{
	forwarded_begin(ret, c->set->proxies, &c->remote);
}

struct rest_conn *rest_conn_asking(const struct rest_conns *set, const struct evhttp_connection *evcon)
{
	if (set->asking != NULL)
		return set->asking;
	LIST_EACH (it, &set->all) {
		struct rest_conn *c = LIST_OWNER(it, struct rest_conn, node);
		if (evcon != NULL && c->evcon == evcon)
			return c;
	}
	return NULL;
}

/* ---- life ---- */

/* Who is at the other end. False: there is no memory for what it is to say first. */
static bool meet(struct rest_conn *c, int fd, bool *ret_local)
{
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
	} address = {.room = {0}};
	socklen_t n = sizeof address;
	struct ip ip = {.n = 0};
	if (getpeername(fd, &address.any, &n) == 0)
		ip = ip_of_sockaddr(&address.any);
	*ret_local = address.any.sa_family == AF_UNIX;
	note_remote(c, &ip);
	if (c->set->proxies->form != FORWARDED_PROXY_V2 || !c->remote.is_proxy)
		return true;
	c->proxy_header = malloc(sizeof *c->proxy_header);
	if (c->proxy_header != NULL)
		proxy_header_init(c->proxy_header);
	return c->proxy_header != NULL;
}

static bool take_socket(struct rest_conn *c)
{
	int fd = bufferevent_getfd(c->bev);
	int one = 1;
	bool local = false;
	bool met = meet(c, fd, &local);
	if (!local)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (bufferevent_setfd(c->bev, -1) != 0 || tls_stream_init(&c->stream, local ? NULL : c->set->tls, TLS_HTTP, fd) != ERR_OK || !met)
		return false;
	bufferevent_enable(c->bev, EV_READ); /* its idle time */
	c->readable = event_new(c->set->base, fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(c->set->base, fd, EV_WRITE, on_writable, c);
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) != 0)
		return false;
	c->reading = true;
	return true;
}

static void join_peer(struct rest_conn *c)
{
	struct rest_conns *set = c->set;
	struct peer *peer = peers_take(&set->peers, remote_text(&c->remote));
	if (peer == NULL || !fair_share(peer->connections, set->held, set->max)) {
		peer_release(peer);
		c->over_limit = true;
		return;
	}
	c->peer = peer;
	peer->connections++;
	set->held++;
}

static void leave_peer(struct rest_conn *c)
{
	if (c->peer == NULL)
		return;
	assert(c->set->held > 0 && c->peer->connections > 0);
	c->set->held--;
	c->peer->connections--;
	peer_release(c->peer);
	c->peer = NULL;
}

static void attach(struct rest_conn *c)
{
	void *evcon = NULL;
	bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
	if (evcon == NULL) { /* evhttp ran out of memory and let go of it */
		bufferevent_decref(c->bev);
		forget(c);
		return;
	}
	c->evcon = evcon;
	evhttp_connection_set_closecb(c->evcon, on_closed, c);
	bool good = take_socket(c);
	if (c->set->descriptors_max > 0 && c->stream.fd >= c->set->descriptors_max)
		c->over_limit = true;
	bufferevent_decref(c->bev);
	if (good && c->over_limit)
		answer_problem(c, ERR_OVERLOADED, "There are too many connections.");
	if (!good || c->over_limit)
		evhttp_connection_free(c->evcon);
	else if (tls_stream_shaking(&c->stream) || c->proxy_header != NULL)
		begin_timer(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct rest_conn *c = arg;
	if (c->evcon == NULL) {
		attach(c);
	} else if (tls_stream_shaking(&c->stream) || c->proxy_header != NULL) {
		evhttp_connection_free(c->evcon);
	} else if (c->guard.seen > 0 && !c->working) {
		answer_problem(c, ERR_REQUEST_TIMEOUT, err_info(ERR_REQUEST_TIMEOUT)->text);
		evhttp_connection_free(c->evcon);
	}
}

enum err rest_conns_init(struct rest_conns *set, struct event_base *base, struct tls *tls, const struct proxies *proxies, unsigned max,
			 unsigned receive_timeout_ms)
{
	*set = (struct rest_conns){.base = base, .tls = tls, .proxies = proxies, .max = max, .receive_timeout_ms = receive_timeout_ms};
	list_init(&set->all);
	list_init(&set->gone);
	enum err err = peers_init(&set->peers);
	if (err != ERR_OK)
		return err;
	set->bury = event_new(base, -1, 0, on_bury, set);
	return set->bury == NULL ? ERR_NO_MEMORY : ERR_OK;
}

void rest_conns_clear(struct rest_conns *set)
{
	if (set->bury == NULL)
		return;
	bury(set);
	event_free(set->bury);
	set->bury = NULL;
}

struct bufferevent *rest_conn_bufferevent(struct event_base *base, void *arg)
{
	struct rest_conns *set = arg;
	struct bufferevent *bev = bufferevent_socket_new(base, -1, 0);
	/* without it evhttp would serve unguarded */
	struct rest_conn *c = reserve_calloc(1, sizeof *c);
	if (bev == NULL || c == NULL)
		goto fail;
	c->set = set;
	c->bev = bev;
	c->over_limit = reserve_is_low();
	if (c->over_limit && set->listeners != NULL)
		accept_disable(set->listeners); /* their owner enables them again */
	c->pending = evbuffer_new();
	c->timer = evtimer_new(base, on_timer, c);
	c->again = evtimer_new(base, on_again, c);
	http_guard_init(&c->guard);
	if (c->pending == NULL || c->timer == NULL || c->again == NULL)
		goto fail;
	list_append(&set->all, &c->node);
	set->count++;
	bufferevent_incref(bev); /* until attached */
	event_active(c->timer, EV_TIMEOUT, 0);
	return bev;
fail:
	if (c != NULL)
		conn_destroy(c);
	if (bev != NULL)
		bufferevent_free(bev);
	return NULL;
}

static bool is_idle(const struct rest_conn *c)
{
	char next; /* what has come and isn't read yet is seen only in the socket */
	return c->evcon != NULL && (c->proxy_header == NULL || c->proxy_header->seen == 0) && c->guard.seen == 0 && !c->working &&
	       evbuffer_get_length(c->pending) == 0 && recv(c->stream.fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

void rest_conns_close_idle(struct rest_conns *set, int64_t now_us, int64_t idle_us)
{
	struct list *next;
	for (struct list *it = set->all.next; it != &set->all; it = next) {
		struct rest_conn *c = LIST_OWNER(it, struct rest_conn, node);
		next = it->next;
		if (!is_idle(c)) {
			c->idle_us = 0;
			continue;
		}
		if (c->idle_us == 0)
			c->idle_us = now_us;
		if (now_us - c->idle_us >= idle_us)
			evhttp_connection_free(c->evcon);
	}
}

void rest_conns_settle(struct rest_conns *set)
{
	struct list *next;
	for (struct list *it = set->all.next; it != &set->all; it = next) {
		struct rest_conn *c = LIST_OWNER(it, struct rest_conn, node);
		next = it->next;
		if (c->evcon == NULL)
			attach(c);
	}
}
