/* Why it is done this way: evhttp has no hook between socket and parser but an evbuffer callback on the bufferevent's input, and tells of a connection's end only
 * through evhttp_connection_set_closecb. The evhttp_connection behind a bufferevent is the argument of its callbacks, known once evhttp has set them: right after
 * rest_conn_bufferevent has returned, so an event activated there finds it before any byte was read. */
#include "rest/rest_conn.h"

#include <event2/buffer.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/uuid.h"
#include "rest/http_guard.h"
#include "rest/rest_encode.h"

struct rest_conn {
	struct list node;
	struct rest_conns *set;
	struct bufferevent *bev;
	struct evhttp_connection *evcon; /* NULL until attached */
	struct event *timer;             /* attaching first, then the receive timeout */
	struct http_guard guard;
	struct evbuffer *pending; /* bytes of an incomplete request */
	size_t dropped;           /* bytes of it that were read only to be thrown away */
	bool over_limit;
	bool refused;    /* nothing more is read */
	bool forwarding; /* our own additions to the input, not the socket's */
	bool continued;  /* this request's 100 Continue was sent */
	int64_t idle_us; /* since when it is seen to be idle, by who closes idle ones; 0: it wasn't */
};

/* Past evhttp, where no request of it exists to answer. Best effort, never blocks. */
static void answer_raw(struct rest_conn *c, struct str text)
{
	if (evbuffer_get_length(bufferevent_get_output(c->bev)) == 0)
		tls_send_now(c->bev, text);
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
	answer_raw(c, sbuf_str(&h));
	struct log_line line;
	log_begin(&line, LOG_INFO, "connection_refused");
	log_str(&line, "request_id", str_from(id, sizeof id));
	log_str(&line, "outcome", str_of(info->code));
	log_end(&line);
}

static void conn_free(struct rest_conn *c)
{
	list_remove(&c->node);
	c->set->count--;
	event_free(c->timer);
	evbuffer_free(c->pending);
	free(c);
}

static void on_closed(struct evhttp_connection *evcon, void *arg)
{
	(void)evcon;
	struct rest_conn *c = arg;
	tls_say_bye(c->set->tls, c->bev);
	conn_free(c);
}

static void begin_timer(struct rest_conn *c)
{
	const struct timeval limit = {c->set->receive_timeout_ms / 1000, (c->set->receive_timeout_ms % 1000) * 1000};
	evtimer_add(c->timer, &limit);
}

static void attach(struct rest_conn *c)
{
	void *evcon = NULL;
	bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
	if (evcon == NULL) { /* evhttp ran out of memory and let go of it */
		bufferevent_decref(c->bev);
		conn_free(c);
		return;
	}
	c->evcon = evcon;
	evhttp_connection_set_closecb(c->evcon, on_closed, c);
	bufferevent_decref(c->bev);
	int one = 1;
	setsockopt(bufferevent_getfd(c->bev), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (c->over_limit) {
		answer_problem(c, ERR_OVERLOADED, "There are too many connections.");
		evhttp_connection_free(c->evcon);
	} else if (tls_shaking(c->bev)) {
		begin_timer(c);
	}
}

static void follow_timer(struct rest_conn *c)
{
	if (c->guard.seen == 0)
		evtimer_del(c->timer);
	else if (!evtimer_pending(c->timer, NULL))
		begin_timer(c);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct rest_conn *c = arg;
	if (c->evcon == NULL) {
		attach(c);
		return;
	}
	if (tls_shaking(c->bev)) {
		evhttp_connection_free(c->evcon);
		return;
	}
	if (c->guard.seen == 0 || c->set->busy(c->evcon, c->set->arg)) {
		follow_timer(c); /* an earlier request of this connection is still being worked on */
		return;
	}
	answer_problem(c, ERR_REQUEST_TIMEOUT, err_info(ERR_REQUEST_TIMEOUT)->text);
	evhttp_connection_free(c->evcon);
}

/* ---- bytes ---- */

static void forward_request(struct rest_conn *c, size_t n)
{
	struct evbuffer *input = bufferevent_get_input(c->bev);
	c->forwarding = true;
	if (c->guard.expects) { /* answered here already; evhttp would answer it again */
		evbuffer_remove_buffer(c->pending, input, c->guard.expect_start);
		evbuffer_drain(c->pending, c->guard.expect_end - c->guard.expect_start);
		n -= c->guard.expect_end;
	}
	evbuffer_remove_buffer(c->pending, input, n);
	c->forwarding = false;
	c->continued = false;
	http_guard_init(&c->guard);
}

static void forward_refusal(struct rest_conn *c, enum err why)
{
	c->refused = true;
	c->forwarding = true;
	evbuffer_drain(c->pending, evbuffer_get_length(c->pending));
	evbuffer_add_printf(bufferevent_get_input(c->bev), "GET " REST_REFUSED_PATH "%s HTTP/1.1\r\nHost: -\r\nConnection: close\r\n\r\n",
			    err_info(why)->code);
	c->forwarding = false;
	evtimer_del(c->timer);
}

/* Feeds what is new at `from` in pending; true when a request was completed and forwarded, so that there may be more. */
static bool feed_once(struct rest_conn *c)
{
	size_t length = evbuffer_get_length(c->pending);
	size_t from = c->guard.seen - c->dropped;
	if (from >= length)
		return false;
	const char *bytes = (const char *)evbuffer_pullup(c->pending, -1);
	size_t taken = 0;
	enum err why = ERR_OK;
	switch (http_guard_feed(&c->guard, bytes + from, length - from, &taken, &why)) {
	case GUARD_COMPLETE:
		forward_request(c, from + taken);
		return true;
	case GUARD_REFUSED:
		forward_refusal(c, why);
		return false;
	case GUARD_MORE:
		break;
	}
	if (c->guard.swallow != ERR_OK) {
		evbuffer_drain(c->pending, length);
		c->dropped += length;
	}
	if (http_guard_awaits_continue(&c->guard) && !c->continued && c->evcon != NULL && !c->set->busy(c->evcon, c->set->arg)) {
		c->continued = true;
		answer_raw(c, STR("HTTP/1.1 100 Continue\r\n\r\n"));
	}
	return false;
}

static void on_input(struct evbuffer *input, const struct evbuffer_cb_info *info, void *arg)
{
	struct rest_conn *c = arg;
	if (c->forwarding || info->n_added == 0)
		return;
	if (c->evcon != NULL && c->guard.seen == 0)
		evtimer_del(c->timer); /* the handshake's; a request has a time of its own */
	/* what stood there before is forwarded requests that evhttp hasn't read yet: keep it in front */
	struct evbuffer *before = NULL;
	c->forwarding = true;
	if (info->orig_size > 0) {
		before = evbuffer_new();
		if (before == NULL || evbuffer_remove_buffer(input, before, info->orig_size) < 0)
			c->refused = true;
	}
	evbuffer_remove_buffer(input, c->pending, evbuffer_get_length(input));
	if (before != NULL) {
		evbuffer_add_buffer(input, before);
		evbuffer_free(before);
	}
	c->forwarding = false;
	if (c->refused) {
		evbuffer_drain(c->pending, evbuffer_get_length(c->pending));
		return;
	}
	while (feed_once(c))
		continue;
	if (!c->refused)
		follow_timer(c);
}

/* ---- life ---- */

void rest_conns_init(struct rest_conns *set, struct event_base *base, struct tls *tls, unsigned max, unsigned receive_timeout_ms,
		     bool (*busy)(struct evhttp_connection *evcon, void *arg), void *arg)
{
	*set = (struct rest_conns){
		.base = base, .tls = tls, .max = max, .receive_timeout_ms = receive_timeout_ms, .busy = busy, .arg = arg};
	list_init(&set->all);
}

struct bufferevent *rest_conn_bufferevent(struct event_base *base, void *arg)
{
	struct rest_conns *set = arg;
	struct bufferevent *bev = tls_bufferevent(set->tls, TLS_HTTP, base, -1);
	struct rest_conn *c = calloc(1, sizeof *c);
	if (bev == NULL || c == NULL)
		goto fail;
	c->set = set;
	c->bev = bev;
	c->pending = evbuffer_new();
	c->timer = evtimer_new(base, on_timer, c);
	http_guard_init(&c->guard);
	if (c->pending == NULL || c->timer == NULL || evbuffer_add_cb(bufferevent_get_input(bev), on_input, c) == NULL)
		goto fail;
	c->over_limit = set->count >= set->max;
	list_append(&set->all, &c->node);
	set->count++;
	bufferevent_incref(bev); /* until attached */
	event_active(c->timer, EV_TIMEOUT, 0);
	return bev;
fail:
	if (c != NULL) {
		if (c->pending != NULL)
			evbuffer_free(c->pending);
		if (c->timer != NULL)
			event_free(c->timer);
		free(c);
	}
	if (bev != NULL)
		bufferevent_free(bev);
	return NULL;
}

static bool is_idle(const struct rest_conn *c)
{
	return c->evcon != NULL && c->guard.seen == 0 && !c->set->busy(c->evcon, c->set->arg) &&
	       evbuffer_get_length(bufferevent_get_input(c->bev)) == 0 && evbuffer_get_length(bufferevent_get_output(c->bev)) == 0;
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
