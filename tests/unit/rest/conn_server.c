#include "conn_server.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <event2/event.h>
#include <sys/socket.h>

struct conn_server conn_server_start(struct event_base *base, struct rest_conns *conns, void (*on_request)(struct evhttp_request *, void *))
{
	struct conn_server s = {.http = evhttp_new(base)};
	evhttp_set_allowed_methods(s.http, UINT16_MAX);
	evhttp_set_bevcb(s.http, rest_conn_bufferevent, conns);
	evhttp_set_gencb(s.http, on_request, NULL);
	s.bound = evhttp_bind_socket_with_handle(s.http, "127.0.0.1", 0);
	cr_assert_not_null(s.bound);
	return s;
}

int conn_server_dial(const struct conn_server *s)
{
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	cr_assert_eq(getsockname(evhttp_bound_socket_get_fd(s->bound), (struct sockaddr *)&address, &length), 0);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(connect(fd, (struct sockaddr *)&address, length), 0);
	return fd;
}

void conn_server_stop(const struct conn_server *s, struct rest_conns *conns, struct event_base *base)
{
	rest_conns_settle(conns);
	evhttp_free(s->http);
	rest_conns_clear(conns);
	event_base_free(base);
}
