/* What a server has to give, and who has it; what connections, calls and methods ask of it. */
#include "grpc/grpc_server_parts.h"

#include <assert.h>
#include <unistd.h>

/* ---- for connections, calls and methods ---- */

struct op_env *grpc_server_env(struct grpc_server *s)
{
	return s->env;
}

struct event_base *grpc_server_base(struct grpc_server *s)
{
	return s->base;
}

struct str grpc_server_chunk(struct grpc_server *s)
{
	return str_from(s->chunk, sizeof s->chunk);
}

struct grpc_gathered *grpc_server_gathered(struct grpc_server *s)
{
	return &s->gathered;
}

struct grpc_spares *grpc_server_spares(struct grpc_server *s)
{
	return &s->spares;
}

void grpc_server_flush_soon(struct grpc_server *s, struct list *conn)
{
	if (!list_empty(conn))
		return;
	list_append(&s->awake, conn);
	event_active(s->flush, EV_WRITE, 0);
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

const struct grpc_method *grpc_server_method(struct grpc_server *s, struct str path)
{
	const struct grpc_method *found = NULL;
	for (size_t i = 0; i < GRPC_METHODS && found == NULL; i++)
		found = find(s->methods[i].at, s->methods[i].n, path);
	return found;
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

void grpc_server_turn_away(struct grpc_server *s, int fd, enum conn_end why)
{
	conn_ends_note(&s->ends, why);
	close(fd);
}

void grpc_server_conn_gone(struct grpc_server *s, struct peer *peer, enum conn_end why)
{
	conn_ends_note(&s->ends, why);
	assert(s->conn_count > 0 && peer->connections > 0);
	s->conn_count--;
	peer->connections--;
	peer_release(peer);
}

bool grpc_server_takes_call(const struct grpc_server *s, const struct peer *peer, bool *ret_has_many)
{
	*ret_has_many = peer->calls > calls_max(s) / 16;
	return fair_share(peer->calls, s->call_count, calls_max(s));
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
