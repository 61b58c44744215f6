/* Accepts connections, ticks them, finds the server's own methods. */
#include "grpc/grpc_server.h"

#include <assert.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/reserve.h"
#include "grpc/grpc_conn.h"
#include "grpc/grpc_doorstep.h"
#include "grpc/grpc_health.h"
#include "grpc/grpc_reflection.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"
#include "loop/accept.h"

#define TICK_MS        100
#define REFLECTION_MAX (1024 * 1024)

struct grpc_server {
	struct event_base *base;
	struct op_env *env;
	struct tls *tls;             /* NULL: plaintext */
	struct accept_set listeners; /* none: draining */
	bool accepting;
	struct grpc_doorstep doorstep;
	struct event *tick;
	struct list conns;
	struct peers peers;
	unsigned conn_count, call_count, stream_count;
	struct list waiting, unread; /* of calls */
	size_t backlog;
	struct arena *arena; /* the reflection's */
	struct grpc_reflection *reflection;
	struct grpc_health health;
};

/* ---- for connections, calls and methods ---- */

struct op_env *grpc_server_env(struct grpc_server *s)
{
	return s->env;
}

struct event_base *grpc_server_base(struct grpc_server *s)
{
	return s->base;
}

struct tls *grpc_server_tls(struct grpc_server *s)
{
	return s->tls;
}

struct grpc_health *grpc_server_health(struct grpc_server *s)
{
	return &s->health;
}

struct grpc_reflection *grpc_server_reflection(struct grpc_server *s)
{
	return s->reflection;
}

static const struct grpc_method *find(const struct grpc_method *methods, size_t n, struct str path)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(path, str_of(methods[i].path)))
			return &methods[i];
	return NULL;
}

const struct grpc_method *grpc_server_method(struct str path)
{
	const struct grpc_method *found = find(grpc_health_methods, grpc_health_methods_n, path);
	return found != NULL ? found : find(grpc_reflection_methods, grpc_reflection_methods_n, path);
}

/* ---- what there is, and who has it ---- */

/* A call takes no more memory than a connection of REST does, so one setting bounds both. */
static unsigned calls_max(const struct grpc_server *s)
{
	return s->env->config->connections_max;
}

static unsigned streams_max(const struct grpc_server *s)
{
	return calls_max(s) < 4 ? 1 : calls_max(s) / 4;
}

unsigned grpc_server_conn_calls_max(const struct grpc_server *s)
{
	unsigned share = calls_max(s) / 8;
	return share < 16 ? 16 : share < GRPC_STREAMS_MAX ? share : GRPC_STREAMS_MAX;
}

struct peer *grpc_server_conn_opened(struct grpc_server *s, struct str remote_addr)
{
	struct peer *peer = peers_take(&s->peers, remote_addr);
	if (peer == NULL || !fair_share(peer->connections, s->conn_count, s->env->config->connections_max)) {
		peer_release(peer);
		return NULL;
	}
	s->conn_count++;
	peer->connections++;
	return peer;
}

void grpc_server_conn_gone(struct grpc_server *s, struct peer *peer)
{
	assert(s->conn_count > 0 && peer->connections > 0);
	s->conn_count--;
	peer->connections--;
	peer_release(peer);
}

bool grpc_server_takes_call(struct grpc_server *s, struct peer *peer)
{
	if (reserve_is_low())
		return false;
	if (fair_share(peer->calls, s->call_count, calls_max(s)))
		return true;
	/* an address that has many gives up one of its own; to one that has few all give */
	bool many = peer->calls > calls_max(s) / 16;
	return grpc_call_make_room(s, many ? peer : NULL);
}

void grpc_server_call_opened(struct grpc_server *s, struct peer *peer)
{
	s->call_count++;
	peer_keep(peer)->calls++;
}

void grpc_server_call_gone(struct grpc_server *s, struct peer *peer)
{
	assert(s->call_count > 0 && peer->calls > 0);
	s->call_count--;
	peer->calls--;
	peer_release(peer);
}

bool grpc_server_takes_stream(struct grpc_server *s, struct peer *peer)
{
	if (!fair_share(peer->streams, s->stream_count, streams_max(s)))
		return false;
	s->stream_count++;
	peer_keep(peer)->streams++;
	return true;
}

void grpc_server_stream_gone(struct grpc_server *s, struct peer *peer)
{
	assert(s->stream_count > 0 && peer->streams > 0);
	s->stream_count--;
	peer->streams--;
	peer_release(peer);
}

struct list *grpc_server_waiting(struct grpc_server *s)
{
	return &s->waiting;
}

struct list *grpc_server_unread(struct grpc_server *s)
{
	return &s->unread;
}

size_t *grpc_server_backlog(struct grpc_server *s)
{
	return &s->backlog;
}

/* ---- the listener ---- */

static void open_conn(struct grpc_server *s, int fd, struct tls *tls, const struct remote *remote)
{
	bool opened = grpc_conn_open(s, &s->conns, fd, tls, remote);
	(void)opened; /* if not, the client sees a closed connection */
}

/* From the doorstep. Who the proxy speaks for isn't asked whom it speaks for. */
static void enter(void *arg, int fd, const struct ip *source)
{
	struct grpc_server *s = arg;
	const struct remote remote = remote_of(&s->env->config->proxies, source);
	open_conn(s, fd, socket_is_local(fd) ? NULL : s->tls, &remote);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *address, int n, void *arg)
{
	(void)n;
	struct grpc_server *s = arg;
	int one = 1;
	const struct config *config = s->env->config;
	const struct ip ip = ip_of_sockaddr(address);
	const struct remote remote = remote_of(&config->proxies, &ip);
	const bool local = address->sa_family == AF_UNIX;
	const bool low = reserve_is_low();
	if (low)
		evconnlistener_disable(listener); /* the tick enables it again */
	if (low || (config->descriptors_max > 0 && fd >= config->descriptors_max)) {
		close(fd);
		return;
	}
	if (!local)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (config->proxies.form == FORWARDED_PROXY_V2 && remote.is_proxy)
		grpc_doorstep_wait(&s->doorstep, fd, &remote);
	else
		open_conn(s, fd, local ? NULL : s->tls, &remote);
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

void grpc_server_accept(struct grpc_server *s)
{
	s->accepting = true;
	accept_enable(&s->listeners);
}

/* ---- life ---- */

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
	list_init(&s->waiting);
	list_init(&s->unread);
	grpc_health_init(&s->health);
	s->doorstep = (struct grpc_doorstep){.base = base,
					     .max = env->config->connections_max,
					     .receive_timeout_ms = env->config->receive_timeout_ms,
					     .enter = enter,
					     .arg = s};
	list_init(&s->doorstep.waiting);
	s->tick = event_new(base, -1, EV_PERSIST, on_tick, s);
	s->arena = arena_new(REFLECTION_MAX);
	s->reflection = s->arena == NULL ? NULL : grpc_reflection_new(s->arena);
	if (s->tick == NULL || s->reflection == NULL || peers_init(&s->peers) != ERR_OK ||
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
		grpc_conn_drain(grpc_conn_of_node(it));
}

bool grpc_server_idle(const struct grpc_server *s)
{
	return s->conn_count == 0 && s->call_count == 0 && s->stream_count == 0;
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
		grpc_conn_free(grpc_conn_of_node(s->conns.next));
	grpc_doorstep_clear(&s->doorstep);
	accept_close(&s->listeners);
	if (s->tick != NULL)
		event_free(s->tick);
	arena_free(s->arena);
	free(s);
}
