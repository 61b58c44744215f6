/* Accepts connections, ticks them, and tells them when it is time to go. */
#include "grpc/grpc_server.h"

#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/reserve.h"
#include "grpc/grpc_conn.h"
#include "grpc/grpc_reflection.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"

#define TICK_MS        100
#define REFLECTION_MAX (1024 * 1024)

/* ---- the listener ---- */

/* From the doorstep. Who the proxy speaks for isn't asked whom it speaks for. */
static void enter(void *arg, int fd, const struct ip *source)
{
	struct grpc_server *s = arg;
	const struct remote remote = remote_of(&s->env->config->proxies, source);
	grpc_conn_open(s, &s->conns, fd, socket_is_local(fd) ? NULL : s->tls, &remote);
}

static void admit(struct grpc_server *s, int fd, const struct sockaddr *address)
{
	int one = 1;
	const struct config *config = s->env->config;
	const struct ip ip = ip_of_sockaddr(address);
	const struct remote remote = remote_of(&config->proxies, &ip);
	const bool local = address->sa_family == AF_UNIX;
	const bool low = reserve_is_low();
	if (low)
		accept_disable(&s->listeners); /* the tick enables them again */
	if (low || (config->descriptors_max > 0 && fd >= config->descriptors_max)) {
		grpc_server_turn_away(s, fd, low ? CONN_END_NO_MEMORY : CONN_END_TOO_MANY);
		return;
	}
	if (!local)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (config->proxies.form == FORWARDED_PROXY_V2 && remote.is_proxy)
		grpc_doorstep_wait(&s->doorstep, fd, &remote);
	else
		grpc_conn_open(s, &s->conns, fd, local ? NULL : s->tls, &remote);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int n, void *arg)
{
	(void)listener, (void)n;
	struct grpc_server *s = arg;
	if (s->place == NULL || !s->place(s->place_arg, fd))
		admit(s, fd, address);
}

void grpc_server_place_by(struct grpc_server *s, bool (*place)(void *arg, int fd), void *arg)
{
	s->place = place;
	s->place_arg = arg;
}

void grpc_server_announce(struct grpc_server *s, bool coming)
{
	atomic_fetch_add_explicit(&s->coming_count, coming ? 1U : -1U, memory_order_relaxed);
}

void grpc_server_take(struct grpc_server *s, int fd)
{
	struct sockaddr_storage address = {.ss_family = AF_UNSPEC};
	socklen_t n = sizeof address;
	grpc_server_announce(s, false);
	if (s->listeners.n == 0)
		grpc_server_turn_away(s, fd, CONN_END_DRAINED);
	else if (getpeername(fd, (struct sockaddr *)&address, &n) != 0)
		grpc_server_turn_away(s, fd, CONN_END_CLIENT_CLOSED);
	else
		admit(s, fd, (struct sockaddr *)&address);
}

unsigned grpc_server_load(const struct grpc_server *s)
{
	return atomic_load_explicit(&s->conn_count, memory_order_relaxed) + atomic_load_explicit(&s->coming_count, memory_order_relaxed);
}

static void on_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct grpc_server *s = arg;
	int64_t now_us = clock_mono_us();
	for (struct list *it = s->conns.next, *next; it != &s->conns; it = next) {
		next = it->next;
		grpc_conn_tick(grpc_conn_of_node(it), now_us);
	}
	if (s->accepting && !reserve_is_low())
		accept_enable(&s->listeners);
}

/* Those that are woken meanwhile have an event of their own. */
void grpc_server_flush(struct grpc_server *s)
{
	struct list now;
	list_init(&now);
	for (struct list *node; (node = list_pop(&s->awake)) != NULL;)
		list_append(&now, node);
	for (struct list *node; (node = list_pop(&now)) != NULL;)
		grpc_conn_flush(node);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	grpc_server_flush(arg);
}

void grpc_server_accept(struct grpc_server *s)
{
	s->accepting = true;
	accept_enable(&s->listeners);
}

/* ---- life ---- */

static bool has_room(void *arg)
{
	const struct op_env *env = arg;
	return issue_has_room(env->store);
}

struct grpc_server *grpc_server_new(struct event_base *base, struct op_env *env, struct tls *tls, const int *fds, unsigned n)
{
	struct grpc_server *s = calloc(1, sizeof *s);
	struct accept_set listeners;
	if (accept_open(&listeners, base, on_accept, s, fds, n) != ERR_OK || s == NULL) {
		accept_close(&listeners);
		free(s);
		return NULL;
	}
	s->listeners = listeners; /* the tick enables them again when they have paused */
	s->base = base;
	s->env = env;
	s->tls = tls;
	list_init(&s->conns);
	list_init(&s->awake);
	list_init(&s->waiting);
	list_init(&s->unread);
	grpc_health_init(&s->health);
	s->doorstep = (struct grpc_doorstep){.base = base,
					     .max = env->config->connections_max,
					     .receive_timeout_ms = env->config->receive_timeout_ms,
					     .ends = &s->ends,
					     .enter = enter,
					     .arg = s};
	list_init(&s->doorstep.waiting);
	s->methods[0] = (struct grpc_methods){grpc_health_methods, grpc_health_methods_n};
	s->methods[1] = (struct grpc_methods){grpc_reflection_methods, grpc_reflection_methods_n};
	s->tick = event_new(base, -1, EV_PERSIST, on_tick, s);
	s->flush = event_new(base, -1, 0, on_flush, s);
	enum err err = cooling_init(&s->cooling, base, grpc_conn_read_on);
	s->cooling.has_room = has_room;
	s->cooling.arg = env;
	s->arena = arena_new(REFLECTION_MAX);
	s->reflection = s->arena == NULL ? NULL : grpc_reflection_new(s->arena);
	if (err != ERR_OK || s->tick == NULL || s->flush == NULL || s->reflection == NULL || peers_init(&s->peers) != ERR_OK ||
	    event_add(s->tick, &(struct timeval){0, TICK_MS * 1000}) != 0) {
		grpc_server_free(s);
		return NULL;
	}
	return s;
}

void grpc_server_note_ready(struct grpc_server *s, bool ready)
{
	grpc_health_set(&s->health, ready);
}

void grpc_server_drain(struct grpc_server *s)
{
	accept_close(&s->listeners);
	grpc_doorstep_clear(&s->doorstep);
	grpc_health_end_watches(&s->health);
	LIST_EACH (it, &s->conns)
		grpc_conn_drain(grpc_conn_of_node(it), CONN_END_DRAINED);
}

bool grpc_server_idle(const struct grpc_server *s)
{
	return s->conn_count == 0 && s->call_count == 0 && s->stream_count == 0;
}

const struct conn_ends *grpc_server_ends(const struct grpc_server *s)
{
	return &s->ends;
}

unsigned grpc_server_connections(const struct grpc_server *s)
{
	return s->conn_count;
}

void grpc_server_free(struct grpc_server *s)
{
	if (s == NULL)
		return;
	while (!list_empty(&s->conns))
		grpc_conn_end(grpc_conn_of_node(s->conns.next), CONN_END_STOPPED);
	grpc_doorstep_clear(&s->doorstep);
	accept_close(&s->listeners);
	cooling_free(&s->cooling);
	if (s->tick != NULL)
		event_free(s->tick);
	if (s->flush != NULL)
		event_free(s->flush);
	arena_free(s->arena);
	grpc_call_free_spares(&s->spares);
	free(s);
}
