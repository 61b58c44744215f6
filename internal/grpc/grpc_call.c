/* The life of a call: its beginning, its phases, what it waits for, its end. grpc_call_parts.h
 * tells which file does what. */
#include "grpc/grpc_call.h"

#include <assert.h>
#include <event2/event.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/starved.h"
#include "grpc/grpc_call_parts.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"

#define ARENA_MAX (GRPC_HEADER_LIST_MAX + 8192) /* the header list, and an error's texts */
/* How long an answer may wait for its client before it makes room for others. */
#define UNREAD_US 1000000

void grpc_call_move(struct grpc_call *call, enum grpc_call_phase to)
{
	assert(to > call->phase);
	call->phase = to;
}

struct grpc_call *grpc_call_of_conn_node(struct list *node)
{
	return LIST_OWNER(node, struct grpc_call, node);
}

struct grpc_call *grpc_call_of_node(struct list *node)
{
	return LIST_OWNER(node, struct grpc_call, method_node);
}

struct list *grpc_call_node(struct grpc_call *call)
{
	return &call->method_node;
}

void **grpc_call_data(struct grpc_call *call)
{
	return &call->method_data;
}

struct grpc_server *grpc_call_server(struct grpc_call *call)
{
	return call->server;
}

struct grpc_conn *grpc_call_conn(const struct grpc_call *call)
{
	return call->conn;
}

int32_t grpc_call_stream_id(const struct grpc_call *call)
{
	return call->stream_id;
}

/* ---- what waits for its client ---- */

void grpc_call_wait_no_more(struct grpc_call *call)
{
	list_remove(&call->of_all);
	list_remove(&call->of_address);
}

static void wait_for_request(struct grpc_call *call)
{
	list_append(grpc_server_waiting(call->server), &call->of_all);
	list_append(&call->peer->waiting, &call->of_address);
}

void grpc_call_wait_for_reader(struct grpc_call *call)
{
	if (call->unread_us == 0)
		call->unread_us = clock_mono_us();
	if (call->own_stream || !list_empty(&call->of_all))
		return;
	list_append(grpc_server_unread(call->server), &call->of_all);
	list_append(&call->peer->unread, &call->of_address);
}

static struct grpc_call *oldest(const struct list *of_all, const struct list *of_address)
{
	if (of_address != NULL)
		return list_empty(of_address) ? NULL : LIST_OWNER(of_address->next, struct grpc_call, of_address);
	return list_empty(of_all) ? NULL : LIST_OWNER(of_all->next, struct grpc_call, of_all);
}

struct grpc_call *grpc_call_in_the_way(struct grpc_server *server, struct peer *peer, uint32_t *ret_code)
{
	struct grpc_call *call = oldest(grpc_server_waiting(server), peer == NULL ? NULL : &peer->waiting);
	if (call != NULL) {
		*ret_code = NGHTTP2_REFUSED_STREAM; /* nothing was done: it may be tried again */
		return call;
	}
	call = oldest(grpc_server_unread(server), peer == NULL ? NULL : &peer->unread);
	if (call == NULL || clock_mono_us() - call->unread_us < UNREAD_US)
		return NULL;
	*ret_code = NGHTTP2_CANCEL;
	return call;
}

/* ---- birth and death ---- */

static struct grpc_call *make(void)
{
	struct grpc_call *call = malloc(sizeof *call);
	struct arena *arena = arena_new(ARENA_MAX);
	if (call == NULL || arena == NULL) {
		free(call);
		arena_free(arena);
		return NULL;
	}
	call->arena = arena;
	return call;
}

static void unmake(struct grpc_call *call)
{
	arena_free(call->arena);
	free(call);
}

struct grpc_call *grpc_call_new(struct grpc_conn *conn, int32_t stream_id, int64_t now_us)
{
	struct grpc_spares *spares = grpc_server_spares(grpc_conn_server(conn));
	struct grpc_call *call = spares->n > 0 ? spares->calls[--spares->n] : make();
	if (call == NULL)
		return NULL;
	*call = (struct grpc_call){.arena = call->arena};
	arena_wipe_on_free(call->arena); /* a bearer is in there */
	call->conn = conn;
	call->server = grpc_conn_server(conn);
	grpc_metadata_init(&call->metadata, &grpc_server_env(call->server)->config->proxies, grpc_conn_remote(conn));
	call->peer = grpc_conn_peer(conn);
	call->stream_id = stream_id;
	call->active_us = now_us;
	call->starved = starved_count();
	list_init(&call->method_node);
	list_init(&call->of_all);
	list_init(&call->of_address);
	grpc_out_init(&call->out);
	list_append(grpc_conn_calls(conn), &call->node);
	grpc_server_call_opened(call->server, call->peer);
	wait_for_request(call);
	return call;
}

static void drop_output(struct grpc_call *call)
{
	if (call->own_stream)
		*grpc_server_backlog(call->server) -= call->out.n;
	grpc_out_drop(&call->out);
}

static bool keep_spare(struct grpc_spares *spares, struct grpc_call *call)
{
#ifdef M2M_ARENA_SEPARATE
	(void)spares, (void)call; /* sanitizers shall see whatever uses it once more */
	return false;
#else
	if (spares->n == GRPC_SPARES_MAX)
		return false;
	arena_reset(call->arena);
	spares->calls[spares->n++] = call;
	return true;
#endif
}

void grpc_call_free(struct grpc_call *call)
{
	if (call->parent != NULL)
		grpc_conn_orphan_gone(call->parent);
	list_remove(&call->node);
	grpc_call_wait_no_more(call);
	drop_output(call);
	if (call->own_stream)
		grpc_server_stream_gone(call->server, call->peer);
	else
		grpc_server_call_gone(call->server, call->peer);
	grpc_reader_release(&call->reader);
	if (!keep_spare(grpc_server_spares(call->server), call))
		unmake(call);
}

void grpc_call_free_spares(struct grpc_spares *spares)
{
	while (spares->n > 0)
		unmake(spares->calls[--spares->n]);
}

/* The call goes on without a stream until its op has been answered. */
static void orphan(struct grpc_call *call, struct grpc_conn *parent)
{
	call->parent = parent;
	list_append(grpc_conn_orphans(parent), &call->node);
	grpc_conn_orphaned(parent);
}

void grpc_call_forget_parent(struct grpc_call *call)
{
	list_remove(&call->node);
	call->parent = NULL;
}

void grpc_call_give_back(struct grpc_call *call)
{
	if (call->held > 0)
		grpc_conn_consumed(call->conn, call->stream_id, call->held);
	call->held = 0;
}

void grpc_call_closed(struct grpc_call *call)
{
	struct grpc_conn *conn = call->conn;
	list_remove(&call->node);
	grpc_call_wait_no_more(call);
	grpc_call_give_back(call);
	call->conn = NULL;
	if (call->own_stream)
		grpc_conn_stream_gone(conn);
	if (call->has_deadline)
		evtimer_del(&call->deadline);
	if (call->method != NULL && call->method->on_gone != NULL)
		call->method->on_gone(call);
	if (call->op == NULL) {
		grpc_call_free(call);
		return;
	}
	orphan(call, conn);
	if (call->op->abandoned == ERR_OK)
		op_abandon(call->op, ERR_CANCELLED); /* its reply frees the call, now or later */
}
