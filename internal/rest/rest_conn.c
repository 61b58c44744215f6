/* A connection's beginning, its timers, and the set of all.
 *
 * evhttp polls no socket here. Left to itself its bufferevent asks the kernel to watch the
 * socket anew four times a request, and asks how much there is before it reads; so it is given
 * one without a socket, and rest_exchange.c reads and writes: one call each a request. What
 * evhttp does with that bufferevent stays as it is: it parses what stands in the input when
 * bufferevent_trigger says so, leaves its reply in the output, is told when that was sent, and
 * its idle time runs on the bufferevent's timers.
 *
 * evhttp makes a connection's bufferevent through rest_conn_bufferevent before it knows the
 * connection, and tells of a connection's end only through evhttp_connection_set_closecb. The
 * evhttp_connection behind a bufferevent is the argument of its callbacks, known once evhttp has
 * set them: right after rest_conn_bufferevent has returned, so an event activated there finds it
 * before any byte was read. */
#include "rest/rest_conn.h"

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/reserve.h"
#include "rest/rest_conn_parts.h"

#define CONN(node_) LIST_OWNER(node_, struct rest_conn, node)

void rest_conn_ask_caller(const struct rest_conn *c, struct forwarded *ret)
{
	forwarded_begin(ret, c->set->proxies, &c->remote);
}

struct client_certificate *rest_conn_certificate(const struct rest_conn *c)
{
	return c->certificate;
}

struct rest_conn *rest_conn_asking(const struct rest_conns *set, const struct evhttp_connection *evcon)
{
	if (set->asking != NULL)
		return set->asking;
	LIST_EACH (it, &set->all) {
		struct rest_conn *c = CONN(it);
		if (evcon != NULL && c->evcon == evcon)
			return c;
	}
	return NULL;
}

/* ---- the beginning ---- */

static bool take_socket(struct rest_conn *c)
{
	int fd = bufferevent_getfd(c->bev);
	int one = 1;
	bool local = false;
	bool met = rest_doorstep_meet(c, fd, &local);
	if (!local)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (bufferevent_setfd(c->bev, -1) != 0 || tls_stream_init(&c->stream, local ? NULL : c->set->tls, TLS_HTTP, fd) != ERR_OK || !met)
		return false;
	bufferevent_enable(c->bev, EV_READ); /* its idle time */
	c->readable = event_new(c->set->base, fd, EV_READ | EV_PERSIST, rest_exchange_readable, c);
	c->writable = event_new(c->set->base, fd, EV_WRITE, rest_exchange_writable, c);
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) != 0)
		return false;
	c->intake = REST_READING;
	return true;
}

/* evhttp ran out of memory and let go of it. */
static void attach_to_nothing(struct rest_conn *c)
{
	bufferevent_decref(c->bev);
	rest_conn_decide(c, CONN_END_NO_MEMORY);
	rest_conn_move(c, REST_CLOSING);
	rest_conn_forget(c);
}

static void attach(struct rest_conn *c)
{
	void *evcon = NULL;
	bufferevent_getcb(c->bev, NULL, NULL, NULL, &evcon);
	if (evcon == NULL) {
		attach_to_nothing(c);
		return;
	}
	c->evcon = evcon;
	evhttp_connection_set_closecb(c->evcon, rest_conn_on_closed, c);
	bool good = take_socket(c);
	if (c->set->descriptors_max > 0 && c->stream.fd >= c->set->descriptors_max)
		rest_conn_decide(c, CONN_END_TOO_MANY);
	bufferevent_decref(c->bev);
	if (!good) {
		rest_conn_end(c, CONN_END_NO_MEMORY);
	} else if (c->end != CONN_END_NONE) {
		rest_doorstep_turn_away(c);
	} else if (tls_stream_shaking(&c->stream) || c->proxy_header != NULL) {
		rest_conn_move(c, REST_GREETING);
		rest_conn_begin_timer(c);
	} else {
		rest_conn_move(c, REST_RECEIVING);
	}
}

/* ---- time ---- */

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct rest_conn *c = arg;
	switch (c->phase) {
	case REST_ATTACHING:
		attach(c);
		break;
	case REST_GREETING:
		rest_conn_end(c, CONN_END_GREETING_TIMEOUT);
		break;
	case REST_RECEIVING:
		if (c->guard.seen == 0)
			break;
		rest_write_refusal(c, ERR_REQUEST_TIMEOUT, NULL);
		rest_conn_end(c, CONN_END_REQUEST_TIMEOUT);
		break;
	default:
		break;
	}
}

static bool is_idle(const struct rest_conn *c)
{
	char next; /* what has come and isn't read yet is seen only in the socket */
	bool silent = c->phase == REST_GREETING ? c->proxy_header == NULL || c->proxy_header->seen == 0
						: c->phase == REST_RECEIVING && c->guard.seen == 0 && evbuffer_get_length(c->pending) == 0;
	return silent && recv(c->stream.fd, &next, 1, MSG_PEEK | MSG_DONTWAIT) <= 0;
}

void rest_conns_close_idle(struct rest_conns *set, int64_t now_us, int64_t idle_us)
{
	struct list *next;
	for (struct list *it = set->all.next; it != &set->all; it = next) {
		struct rest_conn *c = CONN(it);
		next = it->next;
		if (!is_idle(c)) {
			c->idle_us = 0;
			continue;
		}
		if (c->idle_us == 0)
			c->idle_us = now_us;
		if (now_us - c->idle_us >= idle_us)
			rest_conn_end(c, CONN_END_DRAINED);
	}
}

/* ---- the set ---- */

static void on_bury(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	rest_conns_bury(arg);
}

static void read_on(struct cooled *cooled)
{
	struct rest_conn *c = LIST_OWNER(cooled, struct rest_conn, cooled);
	rest_exchange_again(c->stream.fd, EV_READ, c);
}

void rest_conn_cool(struct rest_conn *c)
{
	cooling_begin(&c->set->cooling, &c->cooled);
}

enum err rest_conns_init(struct rest_conns *set, struct event_base *base, struct tls *tls, const struct proxies *proxies, unsigned max,
			 unsigned receive_timeout_ms)
{
	*set = (struct rest_conns){.base = base, .tls = tls, .proxies = proxies, .max = max, .receive_timeout_ms = receive_timeout_ms};
	list_init(&set->all);
	list_init(&set->gone);
	enum err err = peers_init(&set->peers);
	if (err == ERR_OK)
		err = cooling_init(&set->cooling, base, read_on);
	if (err != ERR_OK)
		return err;
	set->bury = event_new(base, -1, 0, on_bury, set);
	return set->bury == NULL ? ERR_NO_MEMORY : ERR_OK;
}

void rest_conns_clear(struct rest_conns *set)
{
	cooling_free(&set->cooling);
	if (set->bury == NULL)
		return;
	rest_conns_bury(set);
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
	c->phase = REST_ATTACHING;
	if (reserve_is_low()) {
		rest_conn_decide(c, CONN_END_NO_MEMORY);
		if (set->listeners != NULL)
			accept_disable(set->listeners); /* their owner enables them again */
	}
	c->pending = evbuffer_new();
	c->timer = evtimer_new(base, on_timer, c);
	c->again = evtimer_new(base, rest_exchange_again, c);
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
		rest_conn_destroy(c);
	if (bev != NULL)
		bufferevent_free(bev);
	return NULL;
}

void rest_conns_settle(struct rest_conns *set)
{
	struct list *next;
	for (struct list *it = set->all.next; it != &set->all; it = next) {
		struct rest_conn *c = CONN(it);
		next = it->next;
		if (c->phase == REST_ATTACHING)
			attach(c);
		if (c->phase != REST_GONE)
			rest_conn_decide(c, CONN_END_STOPPED);
	}
}
