/* Every connection moves here, and every one ends here, for a reason that is counted.
 *
 * Who wants it to end calls rest_conn_end, which has evhttp let go of it. evhttp also ends some
 * by itself: those whose idle time is over, and those whose answer was the last. Either way its
 * callback, rest_conn_on_closed, is where a connection leaves. */
#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <stdlib.h>

#include "base/reserve.h"
#include "crypto/client_certificate.h"
#include "rest/rest_conn_parts.h"

void rest_conn_move(struct rest_conn *c, enum rest_phase to)
{
	assert(rest_phase_may_become(c->phase, to));
	c->phase = to;
}

void rest_conn_decide(struct rest_conn *c, enum conn_end why)
{
	conn_end_decide(&c->end, why);
}

void rest_conn_end(struct rest_conn *c, enum conn_end why)
{
	rest_conn_decide(c, why);
	rest_conn_move(c, REST_CLOSING);
	evhttp_connection_free(c->evcon); /* calls rest_conn_on_closed */
}

/* Why evhttp ends a connection by itself, where nobody has decided it. */
static enum conn_end evhttps_reason(const struct rest_conn *c)
{
	switch (c->phase) {
	case REST_GREETING:
	case REST_RECEIVING:
		return CONN_END_IDLE;
	case REST_SENDING:
		return evbuffer_get_length(bufferevent_get_output(c->bev)) > 0 ? CONN_END_UNREAD : CONN_END_CLOSE_REQUESTED;
	default:
		return CONN_END_NO_MEMORY;
	}
}

void rest_conn_leave_peer(struct rest_conn *c)
{
	if (c->peer == NULL)
		return;
	assert(c->set->held > 0 && c->peer->connections > 0);
	c->set->held--;
	c->peer->connections--;
	peer_release(c->peer);
	c->peer = NULL;
}

void rest_conn_forget(struct rest_conn *c)
{
	struct event *const events[] = {c->readable, c->writable, c->timer, c->again};
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		if (events[i] != NULL)
			event_del(events[i]);
	cooling_end(&c->cooled);
	rest_conn_move(c, REST_GONE);
	conn_ends_note(&c->set->ends, c->end);
	c->set->count--;
	rest_conn_leave_peer(c);
	list_remove(&c->node);
	list_append(&c->set->gone, &c->node);
	event_active(c->set->bury, EV_TIMEOUT, 0);
}

/* The socket is evhttp's to close, right after this. */
void rest_conn_on_closed(struct evhttp_connection *evcon, void *conn)
{
	(void)evcon;
	struct rest_conn *c = conn;
	if (c->phase != REST_CLOSING) {
		if (c->end == CONN_END_NONE)
			rest_conn_decide(c, evhttps_reason(c));
		rest_conn_move(c, REST_CLOSING);
	}
	tls_stream_end(&c->stream);
	rest_conn_forget(c);
}

void rest_conn_destroy(struct rest_conn *c)
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
	client_certificate_free(c->certificate);
	reserve_free(c);
}

void rest_conns_bury(struct rest_conns *set)
{
	struct list *next;
	for (struct list *it = set->gone.next; it != &set->gone; it = next) {
		next = it->next;
		rest_conn_destroy(LIST_OWNER(it, struct rest_conn, node));
	}
	list_init(&set->gone);
}

void rest_conn_begin_timer(struct rest_conn *c)
{
	const struct timeval limit = {c->set->receive_timeout_ms / 1000, (c->set->receive_timeout_ms % 1000) * 1000};
	evtimer_add(c->timer, &limit);
}
