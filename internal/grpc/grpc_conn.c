/* nghttp2's callbacks tell the calls what came, and take from them what goes out. */
#include "grpc/grpc_conn.h"

#include <assert.h>

#include "base/clock.h"
#include "base/reserve.h"
#include "grpc/grpc_conn_parts.h"
#include "grpc/grpc_metadata.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"
#include "grpc/h2_memory.h"

#define WINDOW        (1024 * 1024) /* bytes on their way on one connection */
#define HEADERS_ABUSE (16 * GRPC_HEADER_LIST_MAX)
#define CONTINUATIONS 8       /* CVE-2024-28182 */
#define RESETS_FREE   1000000 /* as far as nghttp2 is concerned: grpc_guard.c counts them */

/* ---- calls come and go ---- */

static void lose_call(struct grpc_conn *c, struct grpc_call *call)
{
	nghttp2_session_set_stream_user_data(c->session, grpc_call_stream_id(call), NULL);
	grpc_call_closed(call);
	assert(c->calls_open > 0);
	if (--c->calls_open == 0)
		c->idle_since_us = clock_mono_us();
}

void grpc_conn_drop_calls(struct grpc_conn *c)
{
	for (struct list *node; (node = list_pop(&c->calls)) != NULL;)
		grpc_call_closed(grpc_call_of_conn_node(node));
}

/* True: a call has gone. */
static bool make_room(struct grpc_conn *c, bool of_its_address)
{
	uint32_t code = NGHTTP2_NO_ERROR;
	struct grpc_call *call = grpc_call_in_the_way(c->server, of_its_address ? c->peer : NULL, &code);
	if (call == NULL)
		return false;
	grpc_conn_reset(grpc_call_conn(call), grpc_call_stream_id(call), code);
	lose_call(grpc_call_conn(call), call);
	return true;
}

/* If there is no room, the call that has waited longest for its client is refused: of the same
 * address where that has many, else of all. */
static bool takes_call(struct grpc_conn *c)
{
	bool has_many = false;
	if (reserve_is_low())
		return false;
	return grpc_server_takes_call(c->server, c->peer, &has_many) || make_room(c, has_many);
}

void grpc_conn_drain(struct grpc_conn *c, enum conn_end why)
{
	if (c->phase >= GRPC_NOTICED)
		return;
	conn_end_decide(&c->end, why);
	if (c->phase == GRPC_SILENT) {
		grpc_conn_move(c, GRPC_CLOSING);
		grpc_conn_wake(c);
		return;
	}
	grpc_conn_move(c, GRPC_NOTICED);
	c->bye_us = clock_mono_us();
	c->ping_us = c->bye_us;
	/* streams that are on their way are still served; the answer to the PING tells that the
	 * client knows (RFC 9113 section 6.8) */
	nghttp2_submit_shutdown_notice(c->session);
	LIST_EACH (it, &c->calls)
		grpc_call_drain(grpc_call_of_conn_node(it));
	nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
	grpc_conn_wake(c);
}

/* ---- nghttp2's callbacks ---- */

static struct grpc_call *call_of(nghttp2_session *session, int32_t stream_id)
{
	return nghttp2_session_get_stream_user_data(session, stream_id);
}

static int on_begin_headers(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct grpc_conn *c = arg;
	if (frame->headers.cat != NGHTTP2_HCAT_REQUEST)
		return 0;
	int32_t id = frame->hd.stream_id;
	struct grpc_call *call = takes_call(c) ? grpc_call_new(c, id, clock_mono_us()) : NULL;
	if (call == NULL) {
		/* nothing of it was looked at: the client may try again without asking itself
		 * whether it was done (RFC 9113 section 8.7) */
		bool told = nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_REFUSED_STREAM) == 0;
		return told ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
	}
	nghttp2_session_set_stream_user_data(session, id, call);
	c->calls_open++;
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n, const uint8_t *value,
		     size_t value_n, uint8_t flags, void *arg)
{
	(void)flags;
	struct grpc_conn *c = arg;
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	if (call != NULL && grpc_call_field(call, str_from(name, name_n), str_from(value, value_n)) > HEADERS_ABUSE)
		grpc_conn_go_away(c, NGHTTP2_ENHANCE_YOUR_CALM, CONN_END_HEADERS_LARGE, NULL);
	return grpc_conn_reads(c) ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct grpc_conn *c = arg;
	struct grpc_call *call = NULL;
	switch (frame->hd.type) {
	case NGHTTP2_SETTINGS:
		if (c->phase == GRPC_HEARD)
			grpc_conn_move(c, GRPC_OPEN);
		else if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
			c->table_changed = true;
		break;
	case NGHTTP2_PING:
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
			break;
		c->ping_us = 0;
		if (c->phase == GRPC_NOTICED)
			grpc_conn_say_bye(c);
		break;
	case NGHTTP2_GOAWAY: /* it goes when its calls have ended */
		conn_end_decide(&c->end, CONN_END_CLIENT_CLOSED);
		break;
	case NGHTTP2_HEADERS:
		call = call_of(session, frame->hd.stream_id);
		if (call != NULL && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
			grpc_call_headers_done(call);
		break;
	case NGHTTP2_DATA:
		call = call_of(session, frame->hd.stream_id);
		break;
	default:
		break;
	}
	if (call != NULL && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		grpc_call_client_done(call);
	return 0;
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t stream_id, const uint8_t *data, size_t n, void *arg)
{
	(void)flags, (void)arg;
	struct grpc_call *call = call_of(session, stream_id);
	/* the connection's window at once, whatever the call waits for: calls that don't end take
	 * nothing from others on the same connection */
	if (nghttp2_session_consume_connection(session, n) != 0)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (call != NULL)
		grpc_call_bytes(call, str_from(data, n));
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *arg)
{
	(void)code;
	struct grpc_conn *c = arg;
	struct grpc_call *call = call_of(session, stream_id);
	if (call != NULL)
		lose_call(c, call);
	return 0;
}

/* The response is complete though the request isn't: the client may stop sending (RFC 9113
 * section 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct grpc_conn *c = arg;
	if (frame->hd.type == NGHTTP2_RST_STREAM && !grpc_guard_reset(c, frame->hd.stream_id, frame->rst_stream.error_code))
		grpc_conn_drain(c, CONN_END_MANY_CANCELS);
	if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA)
		return 0;
	c->answered_since_ping = true;
	if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM && nghttp2_session_get_stream_remote_close(session, frame->hd.stream_id) == 0)
		nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id, NGHTTP2_NO_ERROR);
	return 0;
}

/* NOLINTNEXTLINE(readability-non-const-parameter): nghttp2 says what it is called with */
static ssize_t next_piece(nghttp2_session *session, int32_t stream_id, uint8_t *buf, size_t max, uint32_t *flags,
			  nghttp2_data_source *source, void *arg)
{
	(void)buf, (void)source;
	const struct grpc_conn *c = arg;
	struct grpc_call *call = call_of(session, stream_id);
	if (call == NULL) /* it was dropped */
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	bool end = false;
	size_t n = grpc_call_next_piece(call, max, &end);
	if (n == 0 && !end)
		return NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (end && n > 0 && !c->table_changed && grpc_call_ends_well(call)) {
		*flags |= NGHTTP2_DATA_FLAG_EOF; /* send_piece puts the trailers behind it */
	} else if (end) {
		nghttp2_nv trailers[GRPC_TRAILERS_MAX];
		size_t trailers_n = grpc_call_trailers(call, trailers);
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (trailers_n > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			if (nghttp2_submit_trailer(session, stream_id, trailers, trailers_n) != 0)
				return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
	}
	return (ssize_t)n;
}

static enum err put_head(struct grpc_conn *c, const nghttp2_frame_hd *hd)
{
	uint8_t head[GRPC_FRAME_HEAD];
	grpc_frame_put_head(head, hd);
	return grpc_sink_put(&c->out, str_from(head, sizeof head));
}

static int send_piece(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_header, size_t n, nghttp2_data_source *source,
		      void *arg)
{
	(void)source;
	struct grpc_conn *c = arg;
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	uint8_t trailers[GRPC_OK_FRAME_LEN];
	assert(call != NULL);
	nghttp2_frame_hd hd = grpc_frame_head(frame_header);
	bool well = (hd.flags & NGHTTP2_FLAG_END_STREAM) != 0 && grpc_call_ends_well(call);
	if (well)
		hd.flags &= (uint8_t)~NGHTTP2_FLAG_END_STREAM;
	if (put_head(c, &hd) != ERR_OK || (n > 0 && grpc_call_move_piece(call, &c->out, n) != ERR_OK))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	if (!well)
		return 0;
	grpc_reply_ok_frame(trailers, hd.stream_id);
	return grpc_sink_put(&c->out, str_from(trailers, sizeof trailers)) == ERR_OK ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

/* What its HEADERS lack; absent: nothing, or it is another frame. */
static struct str rest_of(struct grpc_conn *c, const nghttp2_frame_hd *hd)
{
	struct grpc_call *call = hd->type == NGHTTP2_HEADERS ? call_of(c->session, hd->stream_id) : NULL;
	return call == NULL ? STR_NONE : grpc_call_take_literals(call);
}

enum err grpc_conn_put_frame(struct grpc_conn *c, struct str frame)
{
	nghttp2_frame_hd hd = grpc_frame_head((const uint8_t *)frame.p);
	struct str rest = rest_of(c, &hd);
	if (rest.p == NULL)
		return grpc_sink_put(&c->out, frame);
	assert((hd.flags & NGHTTP2_FLAG_END_HEADERS) != 0);
	hd.length += rest.n;
	enum err err = put_head(c, &hd);
	if (err == ERR_OK)
		err = grpc_sink_put(&c->out, str_from(frame.p + GRPC_FRAME_HEAD, frame.n - GRPC_FRAME_HEAD));
	return err == ERR_OK ? grpc_sink_put(&c->out, rest) : err;
}

/* ---- the session ---- */

nghttp2_session *grpc_conn_session(struct grpc_conn *c)
{
	nghttp2_session *session = NULL;
	nghttp2_session_callbacks *callbacks = NULL;
	nghttp2_option *option = NULL;
	const nghttp2_settings_entry settings[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, grpc_server_conn_calls_max(c->server)},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, GRPC_HEADER_LIST_MAX},
	};
	if (nghttp2_session_callbacks_new(&callbacks) != 0 || nghttp2_option_new(&option) != 0)
		goto out;
	c->pieces.read_callback = next_piece;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, send_piece);
	nghttp2_option_set_no_auto_window_update(option, 1);
	nghttp2_option_set_stream_reset_rate_limit(option, RESETS_FREE, RESETS_FREE);
	/* else late DATA would end the connection: note_late */
	nghttp2_option_set_no_closed_streams(option, 1);
	nghttp2_option_set_max_continuations(option, CONTINUATIONS);
	if (nghttp2_session_server_new3(&session, callbacks, c, option, &h2_memory) != 0)
		goto out;
	if (nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, sizeof settings / sizeof *settings) != 0 ||
	    nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, WINDOW) != 0) {
		nghttp2_session_del(session);
		session = NULL;
	}
out:
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(callbacks);
	return session;
}
