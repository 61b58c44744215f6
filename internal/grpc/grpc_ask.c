/* What a call asks of its connection: that frames are made, that bytes are given back, and who the
 * client is. */
#include <assert.h>

#include "grpc/grpc_conn_parts.h"
#include "grpc/grpc_server_parts.h"

struct grpc_server *grpc_conn_server(struct grpc_conn *c)
{
	return c->server;
}

const struct remote *grpc_conn_remote(const struct grpc_conn *c)
{
	return &c->remote;
}

struct client_certificate *grpc_conn_certificate(const struct grpc_conn *c)
{
	return c->certificate;
}

struct list *grpc_conn_calls(struct grpc_conn *c)
{
	return &c->calls;
}

bool grpc_conn_respond(struct grpc_conn *c, int32_t stream_id, const nghttp2_nv *fields, size_t n, bool body)
{
	grpc_conn_wake(c);
	return nghttp2_submit_response(c->session, stream_id, fields, n, body ? &c->pieces : NULL) == 0;
}

void grpc_conn_more(struct grpc_conn *c, int32_t stream_id)
{
	/* an error of another kind: it wasn't deferred, and is being sent anyway */
	if (nghttp2_session_resume_data(c->session, stream_id) == NGHTTP2_ERR_NOMEM)
		grpc_conn_give_up(c);
	grpc_conn_wake(c);
}

void grpc_conn_consumed(struct grpc_conn *c, int32_t stream_id, size_t n)
{
	if (nghttp2_session_consume_stream(c->session, stream_id, n) != 0)
		grpc_conn_give_up(c);
}

void grpc_conn_reset(struct grpc_conn *c, int32_t stream_id, uint32_t code)
{
	if (nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, stream_id, code) != 0)
		grpc_conn_give_up(c);
	grpc_conn_wake(c);
}

struct peer *grpc_conn_peer(struct grpc_conn *c)
{
	return c->peer;
}

bool grpc_conn_takes_stream(struct grpc_conn *c)
{
	if (c->own_streams >= GRPC_OWN_STREAMS_MAX || !grpc_server_takes_stream(c->server, c->peer))
		return false;
	c->own_streams++;
	return true;
}

void grpc_conn_stream_gone(struct grpc_conn *c)
{
	assert(c->own_streams > 0);
	c->own_streams--;
}

void grpc_conn_cool(struct grpc_conn *c)
{
	cooling_begin(&c->server->cooling, &c->cooled);
}

struct list *grpc_conn_orphans(struct grpc_conn *c)
{
	return &c->orphans;
}

void grpc_conn_orphaned(struct grpc_conn *c)
{
	c->orphans_n++;
}

void grpc_conn_orphan_gone(struct grpc_conn *c)
{
	assert(c->orphans_n > 0);
	c->orphans_n--;
	if (c->waiting)
		grpc_conn_wake(c);
}
