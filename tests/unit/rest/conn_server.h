/* What the tests of connections share: evhttp behind rest_conns, on a port of its own. */
#ifndef M2M_TESTS_UNIT_REST_CONN_SERVER_H
#define M2M_TESTS_UNIT_REST_CONN_SERVER_H

#include <event2/http.h>

#include "rest/rest_conn.h"

struct conn_server {
	struct evhttp *http;
	struct evhttp_bound_socket *bound;
};

/* `conns` is set up already. */
struct conn_server conn_server_start(struct event_base *base, struct rest_conns *conns,
				     void (*on_request)(struct evhttp_request *, void *));
int conn_server_dial(const struct conn_server *s);
/* Frees `conns` and `base` too. */
void conn_server_stop(const struct conn_server *s, struct rest_conns *conns, struct event_base *base);

#endif
