/* Data: on_read takes the socket's bytes to nghttp2, whose callbacks tell the calls; flush takes
 * nghttp2's frames to the socket. Frames are made once per turn of the loop, so that the answers
 * of a whole batch leave in one write. Only the functions that the loop itself calls (on_read,
 * on_written, on_event, on_flush, the tick) may free the connection. */
#include "grpc/grpc_conn.h"

#include <assert.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/peers.h"
#include "grpc/grpc_frames.h"
#include "grpc/grpc_metadata.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"
#include "grpc/h2_memory.h"
#include "loop/tls_bufferevent.h"

/* Bytes for a socket that takes no more; nothing is read meanwhile. */
#define OUTPUT_MAX    (64 * 1024)
#define WINDOW        (1024 * 1024) /* bytes of unfinished requests on one connection */
#define HEADERS_ABUSE (16 * GRPC_HEADER_LIST_MAX)
#define LINGER_US     1000000 /* for the client to read GOAWAY and close */
/* Between the notice and the last GOAWAY: if the client is silent, and if it sends but answers
 * no PING. */
#define GOAWAY_WAIT_US 1000000
#define GOAWAY_MOST_US 30000000
#define CONTINUATIONS  8       /* CVE-2024-28182 */
#define RESETS_FREE    1000000 /* as far as nghttp2 is concerned: they are counted here */
#define STREAMS_KNOWN  32

/* A token bucket: what it holds at most, and what it gains in a second. */
struct rates {
	double max, per_second;
};

struct budget {
	double left;
	int64_t at_us;
};

/* The streams that something happened to last. */
struct streams {
	int32_t ids[STREAMS_KNOWN];
	unsigned next;
};

/* Frames that are no work: what they cost, what fills the budget besides time. */
static const struct rates frame_rates = {1000, 50};
#define BUDGET_PER_ANSWER 10
#define BUDGET_PER_CANCEL 4  /* what may cross it */
#define COST_ACK          20 /* PING and SETTINGS, which want an answer */
#define COST_OTHER        1

/* Resets: a hundred faults at once or 5,000 cancels, then 10 or 500 a second (CVE-2023-44487,
 * CVE-2025-8671). */
static const struct rates reset_rates = {5000, 500};
#define COST_FAULT   50
#define COST_REFUSAL 5
#define COST_CANCEL  1

enum state {
	OPEN,
	LEAVING,   /* GOAWAY was said, nothing more is read */
	CLOSING,   /* no more frames either: what lies in the output goes out */
	LINGERING, /* our side is closed */
};

struct grpc_conn {
	struct list node;
	struct grpc_server *server;
	struct bufferevent *bev;
	nghttp2_session *session;
	struct event *flush;
	enum state state;
	struct remote remote;
	struct peer *peer;
	struct grpc_frames frames;

	struct list calls, orphans;
	unsigned calls_open, own_streams, orphans_n;
	bool waiting;           /* nothing is read, until fewer orphans are left */
	bool heard;             /* a byte has come: before that nothing is sent */
	bool greeted;           /* the client's first SETTINGS have come */
	bool noticed, said_bye; /* draining: the notice, the last GOAWAY */
	bool answered_since_ping;

	struct budget work, resets;
	int32_t last_stream;   /* the highest that the client has opened */
	struct streams reset;  /* by the gateway: they aren't once more */
	struct streams ended;  /* by the client's END_STREAM */
	int64_t idle_since_us; /* since when no call is open */
	int64_t received_us;   /* the last bytes */
	int64_t ping_us;       /* our PING that waits for its answer; 0: none */
	int64_t bye_us;        /* when the notice was sent, or lingering began */
};

#define CONN(node_) LIST_OWNER(node_, struct grpc_conn, node)

struct grpc_conn *grpc_conn_of_node(struct list *node)
{
	return CONN(node);
}

static void wake(struct grpc_conn *c)
{
	event_active(c->flush, EV_WRITE, 0);
}

/* ---- what may end a connection ---- */

/* The client is told why. Answers that are ready still go out before. */
static void go_away(struct grpc_conn *c, uint32_t code, const char *why)
{
	if (c->state != OPEN)
		return;
	c->state = c->heard ? LEAVING : CLOSING;
	log_message(LOG_DEBUG, "grpc_goaway", "%s: %s", c->remote.text, why);
	nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(c->session), code,
			      (const uint8_t *)why, strlen(why));
	wake(c);
}

static void say_bye(struct grpc_conn *c)
{
	c->said_bye = true;
	nghttp2_submit_goaway(c->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(c->session), NGHTTP2_NO_ERROR, NULL,
			      0);
	wake(c);
}

/* What is left afterwards; negative: it was more than there was. */
static double spend(struct budget *b, const struct rates *rates, double cost)
{
	int64_t now_us = clock_mono_us();
	double refill = (double)(now_us - b->at_us) * rates->per_second / 1e6;
	b->at_us = now_us;
	if (b->left < rates->max)
		b->left = b->left + refill < rates->max ? b->left + refill : rates->max;
	b->left -= cost;
	return b->left;
}

static void spend_work(struct grpc_conn *c, double cost, const char *why)
{
	if (spend(&c->work, &frame_rates, cost) < 0)
		go_away(c, NGHTTP2_ENHANCE_YOUR_CALM, why);
}

static void credit(struct grpc_conn *c, double gain)
{
	if (c->work.left < frame_rates.max + GRPC_STREAMS_MAX * BUDGET_PER_ANSWER)
		c->work.left += gain;
}

/* A client that gets a whole batch of answers at once may send a WINDOW_UPDATE or two for each. */
void grpc_conn_credit(struct grpc_conn *c)
{
	credit(c, BUDGET_PER_ANSWER);
}

/* At the end of the budget a fault ends the connection. What an honest client does too ends it
 * with a farewell. Behind that it costs nothing: the client may have sent much before it saw the
 * GOAWAY, no new call is taken, and the open ones end in time. */
static void spend_reset(struct grpc_conn *c, double cost)
{
	bool fault = cost >= COST_FAULT;
	if ((!fault && c->noticed) || spend(&c->resets, &reset_rates, cost) >= 0)
		return;
	if (fault)
		go_away(c, NGHTTP2_ENHANCE_YOUR_CALM, "too_many_resets");
	else
		grpc_conn_drain(c);
}

/* A frame of a stream that has closed, or was not taken. */
static void spend_crossing(struct grpc_conn *c)
{
	if (!c->noticed)
		spend_work(c, COST_OTHER, "too_many_late_frames");
}

/* ---- frames, before nghttp2 sees them ---- */

static bool lives(struct grpc_conn *c, int32_t id)
{
	nghttp2_stream *stream = nghttp2_session_find_stream(c->session, id);
	if (stream == NULL)
		return false;
	int state = (int)nghttp2_stream_get_state(stream);
	return state != NGHTTP2_STREAM_STATE_IDLE && state != NGHTTP2_STREAM_STATE_CLOSED;
}

static bool is_among(const struct streams *s, int32_t id)
{
	for (size_t i = 0; i < STREAMS_KNOWN; i++)
		if (s->ids[i] == id)
			return true;
	return false;
}

static void put_among(struct streams *s, int32_t id)
{
	s->ids[s->next++ % STREAMS_KNOWN] = id;
}

/* It has crossed a reset, or belongs nowhere. A stream is reset once, as far as is known here,
 * and one that a GOAWAY has excluded isn't (RFC 9113 sections 5.1, 5.4.2, 6.8). */
static void note_late(struct grpc_conn *c, int32_t id)
{
	spend_crossing(c);
	if (c->said_bye || c->state != OPEN || is_among(&c->reset, id))
		return;
	nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_STREAM_CLOSED);
	put_among(&c->reset, id);
}

static void note_headers(struct grpc_conn *c, int32_t id)
{
	if (id > c->last_stream)
		c->last_stream = id;
	else if (!lives(c, id) && is_among(&c->ended, id)) /* trailers behind the end cross nothing */
		go_away(c, NGHTTP2_STREAM_CLOSED, "headers_behind_the_end");
	else if (!lives(c, id))
		note_late(c, id);
}

static void note_data(struct grpc_conn *c, const nghttp2_frame_hd *hd)
{
	if (hd->stream_id > 0 && hd->stream_id <= c->last_stream && !lives(c, hd->stream_id))
		note_late(c, hd->stream_id);
	else if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0)
		spend_work(c, COST_OTHER, "too_many_empty_frames");
}

static void note_cancel(struct grpc_conn *c, int32_t id)
{
	if (!lives(c, id)) {
		spend_crossing(c);
		return;
	}
	credit(c, BUDGET_PER_CANCEL);
	spend_reset(c, COST_CANCEL);
}

/* Each frame whose type is known; all before it has been worked on. */
static void note_frame(struct grpc_conn *c, const nghttp2_frame_hd *hd)
{
	bool may_end = hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_DATA;
	switch (hd->type) {
	case NGHTTP2_HEADERS:
		note_headers(c, hd->stream_id);
		break;
	case NGHTTP2_DATA:
		note_data(c, hd);
		break;
	case NGHTTP2_RST_STREAM:
		note_cancel(c, hd->stream_id);
		break;
	case NGHTTP2_PING:
		/* as gRPC servers do: a PING for each answer is a client measuring the
		 * bandwidth, more is an idle client that keeps us busy */
		if ((hd->flags & NGHTTP2_FLAG_ACK) == 0 && !c->answered_since_ping)
			spend_work(c, COST_ACK, "too_many_pings");
		c->answered_since_ping = false;
		break;
	case NGHTTP2_SETTINGS:
		if ((hd->flags & NGHTTP2_FLAG_ACK) == 0)
			spend_work(c, COST_ACK, "too_many_settings");
		break;
	default:
		if (hd->type <= NGHTTP2_CONTINUATION)
			spend_work(c, COST_OTHER, "too_many_frames");
		break;
	}
	if (may_end && (hd->flags & NGHTTP2_FLAG_END_STREAM) != 0)
		put_among(&c->ended, hd->stream_id);
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
	struct grpc_call *call = grpc_server_takes_call(c->server, c->peer) ? grpc_call_new(c, id, clock_mono_us()) : NULL;
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
		go_away(c, NGHTTP2_ENHANCE_YOUR_CALM, "header_list_too_large");
	return c->state == OPEN ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct grpc_conn *c = arg;
	struct grpc_call *call = NULL;
	switch (frame->hd.type) {
	case NGHTTP2_SETTINGS:
		c->greeted = true;
		break;
	case NGHTTP2_PING:
		if ((frame->hd.flags & NGHTTP2_FLAG_ACK) == 0)
			break;
		c->ping_us = 0;
		if (c->noticed && !c->said_bye)
			say_bye(c);
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
	if (call != NULL)
		grpc_call_bytes(call, str_from(data, n));
	else
		return nghttp2_session_consume_connection(session, n) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

static void lose_call(struct grpc_conn *c, struct grpc_call *call);

static int on_stream_close(nghttp2_session *session, int32_t stream_id, uint32_t code, void *arg)
{
	(void)code;
	struct grpc_conn *c = arg;
	struct grpc_call *call = call_of(session, stream_id);
	if (call != NULL)
		lose_call(c, call);
	return 0;
}

/* STREAM_CLOSED answers a late frame, which was counted when it came. */
static void note_our_reset(struct grpc_conn *c, int32_t id, uint32_t code)
{
	put_among(&c->reset, id);
	switch (code) {
	case NGHTTP2_NO_ERROR:
	case NGHTTP2_STREAM_CLOSED:
	case NGHTTP2_INTERNAL_ERROR:
		break;
	case NGHTTP2_REFUSED_STREAM:
		spend_reset(c, COST_REFUSAL);
		break;
	default:
		spend_reset(c, COST_FAULT);
		break;
	}
}

/* The response is complete though the request isn't: the client may stop sending (RFC 9113
 * section 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct grpc_conn *c = arg;
	if (frame->hd.type == NGHTTP2_RST_STREAM)
		note_our_reset(c, frame->hd.stream_id, frame->rst_stream.error_code);
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
	(void)buf, (void)arg, (void)source;
	struct grpc_call *call = call_of(session, stream_id);
	if (call == NULL) /* it was dropped */
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	bool end = false;
	size_t n = grpc_call_next_piece(call, max, &end);
	if (n == 0 && !end)
		return NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (end) {
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

static int send_piece(nghttp2_session *session, nghttp2_frame *frame, const uint8_t *frame_header, size_t n, nghttp2_data_source *source,
		      void *arg)
{
	(void)source;
	struct grpc_conn *c = arg;
	struct grpc_call *call = call_of(session, frame->hd.stream_id);
	struct evbuffer *out = bufferevent_get_output(c->bev);
	assert(call != NULL);
	if (evbuffer_add(out, frame_header, GRPC_FRAME_HEAD) != 0 || (n > 0 && grpc_call_move_piece(call, out, n) != ERR_OK))
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	return 0;
}

/* A frame without which a call would wait for ever can't be had: memory is out. Every call ends
 * with the connection. */
static void give_up(struct grpc_conn *c)
{
	if (c->state <= LEAVING)
		c->state = CLOSING;
	wake(c);
}

/* ---- for the calls ---- */

struct grpc_server *grpc_conn_server(struct grpc_conn *c)
{
	return c->server;
}

const struct remote *grpc_conn_remote(const struct grpc_conn *c)
{
	return &c->remote;
}

struct list *grpc_conn_calls(struct grpc_conn *c)
{
	return &c->calls;
}

bool grpc_conn_respond(struct grpc_conn *c, struct grpc_call *call, const nghttp2_nv *fields, size_t n, bool body)
{
	nghttp2_data_provider source = {.read_callback = next_piece};
	wake(c);
	return nghttp2_submit_response(c->session, grpc_call_stream_id(call), fields, n, body ? &source : NULL) == 0;
}

void grpc_conn_more(struct grpc_conn *c, struct grpc_call *call)
{
	/* an error of another kind: it wasn't deferred, and is being sent anyway */
	if (nghttp2_session_resume_data(c->session, grpc_call_stream_id(call)) == NGHTTP2_ERR_NOMEM)
		give_up(c);
	wake(c);
}

void grpc_conn_consumed(struct grpc_conn *c, struct grpc_call *call, size_t n)
{
	if (nghttp2_session_consume(c->session, grpc_call_stream_id(call), n) != 0)
		give_up(c);
}

void grpc_conn_reset(struct grpc_conn *c, struct grpc_call *call, uint32_t code)
{
	if (nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, grpc_call_stream_id(call), code) != 0)
		give_up(c);
	wake(c);
}

static void lose_call(struct grpc_conn *c, struct grpc_call *call)
{
	nghttp2_session_set_stream_user_data(c->session, grpc_call_stream_id(call), NULL);
	grpc_call_closed(call);
	assert(c->calls_open > 0);
	if (--c->calls_open == 0)
		c->idle_since_us = clock_mono_us();
}

void grpc_conn_drop(struct grpc_conn *c, struct grpc_call *call, uint32_t code)
{
	grpc_conn_reset(c, call, code);
	lose_call(c, call);
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
		wake(c);
}

/* ---- the loop's calls ---- */

static void drop_calls(struct grpc_conn *c)
{
	for (struct list *node; (node = list_pop(&c->calls)) != NULL;)
		grpc_call_closed(grpc_call_of_conn_node(node));
}

void grpc_conn_free(struct grpc_conn *c)
{
	list_remove(&c->node);
	drop_calls(c);
	while (!list_empty(&c->orphans))
		grpc_call_forget_parent(grpc_call_of_conn_node(c->orphans.next));
	grpc_server_conn_gone(c->server, c->peer);
	nghttp2_session_del(c->session);
	if (c->flush != NULL)
		event_free(c->flush);
	if (c->bev != NULL) {
		tls_say_bye(grpc_server_tls(c->server), c->bev);
		bufferevent_free(c->bev);
	}
	free(c);
}

/* A close with unread bytes would make the kernel send a reset, which can overtake the GOAWAY:
 * so our side is closed first, and what still comes is thrown away for a moment. */
static void linger(struct grpc_conn *c)
{
	c->state = LINGERING;
	c->bye_us = clock_mono_us();
	drop_calls(c);
	tls_say_bye(grpc_server_tls(c->server), c->bev);
	shutdown(bufferevent_getfd(c->bev), SHUT_WR);
	bufferevent_enable(c->bev, EV_READ);
}

/* Frames -> socket. False: the connection is freed. */
static bool flush(struct grpc_conn *c)
{
	struct evbuffer *out = bufferevent_get_output(c->bev);
	while (c->heard && c->state <= LEAVING && evbuffer_get_length(out) < OUTPUT_MAX) {
		const uint8_t *bytes = NULL;
		ssize_t n = nghttp2_session_mem_send(c->session, &bytes);
		if (n < 0 || (n > 0 && evbuffer_add(out, bytes, (size_t)n) != 0)) {
			grpc_conn_free(c);
			return false;
		}
		if (n == 0)
			break;
	}
	if (evbuffer_get_length(out) >= OUTPUT_MAX)
		bufferevent_disable(c->bev, EV_READ);
	if (evbuffer_get_length(out) > 0 || c->state == LINGERING)
		return true;
	bool over = c->state == CLOSING || !nghttp2_session_want_write(c->session);
	if (over && (c->state != OPEN || !nghttp2_session_want_read(c->session)))
		linger(c);
	return true;
}

static void on_read(struct bufferevent *bev, void *arg);

/* Reads again, if there is nothing any more that keeps it from that. May free the connection. */
static void read_on(struct grpc_conn *c)
{
	if (c->waiting && c->orphans_n <= grpc_server_conn_calls_max(c->server) / 2)
		c->waiting = false;
	if (c->waiting || evbuffer_get_length(bufferevent_get_output(c->bev)) >= OUTPUT_MAX)
		return;
	bufferevent_enable(c->bev, EV_READ);
	if (evbuffer_get_length(bufferevent_get_input(c->bev)) > 0)
		on_read(c->bev, c);
}

static void on_flush(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct grpc_conn *c = arg;
	if (flush(c) && c->waiting)
		read_on(c);
}

/* Everything lies with the kernel. */
static void on_written(struct bufferevent *bev, void *arg)
{
	(void)bev;
	struct grpc_conn *c = arg;
	if (flush(c))
		read_on(c);
}

/* A person with curl, or a probe at the wrong port, should not have to guess. Our SETTINGS wait
 * for the client's, so nothing has been sent yet. */
static void answer_stranger(struct grpc_conn *c, struct str said)
{
	static const char *const methods[] = {"GET ", "HEAD ", "POST ", "PUT ", "OPTIONS ", "DELETE ", "PATCH "};
	static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\n"
				   "This port speaks gRPC, over HTTP/2 with prior knowledge only.\n";
	c->state = CLOSING;
	for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
		if (str_starts(said, str_of(methods[i])))
			evbuffer_add(bufferevent_get_output(c->bev), text, sizeof text - 1);
}

/* Too many calls that were cancelled are still being worked on: what the client sends waits for
 * them. */
static bool must_wait(struct grpc_conn *c)
{
	if (c->orphans_n < grpc_server_conn_calls_max(c->server))
		return false;
	c->waiting = true;
	bufferevent_disable(c->bev, EV_READ);
	return true;
}

/* Frame by frame, as far as the connection goes on. Returns how many bytes were worked on. */
static size_t feed(struct grpc_conn *c, struct str in)
{
	size_t done = 0;
	while (done < in.n && c->state == OPEN && !must_wait(c)) {
		const struct str rest = str_from(in.p + done, in.n - done);
		nghttp2_frame_hd hd;
		bool begins = false;
		size_t n = grpc_frames_next(&c->frames, rest, &hd, &begins);
		if (begins)
			note_frame(c, &hd);
		if (c->state != OPEN)
			break;
		ssize_t taken = nghttp2_session_mem_recv(c->session, (const uint8_t *)rest.p, n);
		if (taken == NGHTTP2_ERR_BAD_CLIENT_MAGIC)
			answer_stranger(c, rest);
		else if (taken < 0)
			go_away(c, NGHTTP2_ENHANCE_YOUR_CALM, nghttp2_strerror((int)taken));
		done += n;
	}
	return done;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct grpc_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer_iovec piece;
	c->heard = true;
	c->received_us = clock_mono_us();
	while (c->state == OPEN && !c->waiting && evbuffer_peek(in, -1, NULL, &piece, 1) > 0)
		evbuffer_drain(in, feed(c, str_from(piece.iov_base, piece.iov_len)));
	if (c->state != OPEN)
		evbuffer_drain(in, evbuffer_get_length(in));
	flush(c);
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	(void)bev;
	/* Else end of file, an error, or a client that takes too long to read. */
	bool handshake_ended = (what & BEV_EVENT_CONNECTED) != 0;
	if (!handshake_ended)
		grpc_conn_free(arg);
}

/* ---- time ---- */

void grpc_conn_drain(struct grpc_conn *c)
{
	if (c->noticed || c->state != OPEN)
		return;
	c->noticed = true;
	if (!c->heard) {
		c->state = CLOSING;
		wake(c);
		return;
	}
	c->bye_us = clock_mono_us();
	c->ping_us = c->bye_us;
	/* streams that are on their way are still served; the answer to the PING tells that the
	 * client knows (RFC 9113 section 6.8) */
	nghttp2_submit_shutdown_notice(c->session);
	LIST_EACH (it, &c->calls)
		grpc_call_drain(grpc_call_of_conn_node(it));
	nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
	wake(c);
}

/* What the client has sent lies unread, here or in the kernel: its answer to the PING may stand
 * behind it. */
static bool has_unread(const struct grpc_conn *c)
{
	char next;
	return c->waiting || recv(bufferevent_getfd(c->bev), &next, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

/* It is time for the last GOAWAY. Streams that the client opened before it knew are taken, so an
 * honest client loses none of them, however far behind either side is. */
static bool knows_the_notice(const struct grpc_conn *c, int64_t now_us)
{
	int64_t heard_us = c->received_us > c->bye_us ? c->received_us : c->bye_us;
	if (c->ping_us == 0 || now_us - c->bye_us > GOAWAY_MOST_US)
		return true;
	return now_us - heard_us > GOAWAY_WAIT_US && !has_unread(c);
}

void grpc_conn_tick(struct grpc_conn *c, int64_t now_us)
{
	const struct config *config = grpc_server_env(c->server)->config;
	const int64_t receive_us = (int64_t)config->receive_timeout_ms * 1000;
	const int64_t idle_us = (int64_t)config->idle_timeout_ms * 1000;
	if (c->state == LINGERING) {
		if (now_us - c->bye_us > LINGER_US)
			grpc_conn_free(c);
		return;
	}
	if (c->state != OPEN)
		return;
	if (!c->greeted && now_us - c->idle_since_us > receive_us) {
		go_away(c, NGHTTP2_SETTINGS_TIMEOUT, "no_settings");
		return;
	}
	for (struct list *it = c->calls.next, *next; it != &c->calls && c->state == OPEN; it = next) {
		next = it->next;
		if (!grpc_call_tick(grpc_call_of_conn_node(it), now_us))
			go_away(c, NGHTTP2_ENHANCE_YOUR_CALM, "headers_too_slow");
	}
	if (c->noticed && !c->said_bye && knows_the_notice(c, now_us))
		say_bye(c);
	if (c->calls_open == 0) {
		if (now_us - c->idle_since_us > idle_us)
			grpc_conn_drain(c);
	} else if (c->waiting) {
		return; /* its answer to a PING would not be read */
	} else if (c->ping_us == 0 && now_us - c->received_us > idle_us) {
		/* calls are open and the client is silent: is it there? */
		c->ping_us = now_us;
		nghttp2_submit_ping(c->session, NGHTTP2_FLAG_NONE, NULL);
		wake(c);
	} else if (c->ping_us != 0 && !c->noticed && c->received_us < c->ping_us && now_us - c->ping_us > receive_us) {
		grpc_conn_free(c);
	}
}

/* ---- the beginning ---- */

static nghttp2_session *new_session(struct grpc_conn *c)
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

bool grpc_conn_open(struct grpc_server *server, struct list *list, int fd, struct tls *tls, const struct remote *remote)
{
	const struct config *config = grpc_server_env(server)->config;
	const struct timeval write_timeout = {config->receive_timeout_ms / 1000, (config->receive_timeout_ms % 1000) * 1000};
	struct event_base *base = grpc_server_base(server);
	struct grpc_conn *c = calloc(1, sizeof *c);
	if (c == NULL) {
		close(fd);
		return false;
	}
	c->peer = grpc_server_conn_opened(server, remote_text(remote));
	if (c->peer == NULL) {
		free(c);
		close(fd);
		return false;
	}
	list_init(&c->calls);
	list_init(&c->orphans);
	grpc_frames_init(&c->frames);
	c->server = server;
	c->remote = *remote;
	c->idle_since_us = c->received_us = clock_mono_us();
	c->work = (struct budget){frame_rates.max, c->received_us};
	c->resets = (struct budget){reset_rates.max, c->received_us};
	c->flush = event_new(base, -1, 0, on_flush, c);
	c->session = new_session(c);
	c->bev = tls_bufferevent(tls, TLS_GRPC, base, fd);
	list_append(list, &c->node);
	if (c->bev == NULL)
		close(fd);
	if (c->bev == NULL || c->session == NULL || c->flush == NULL) {
		grpc_conn_free(c);
		return false;
	}
	bufferevent_setcb(c->bev, on_read, on_written, on_event, c);
	bufferevent_set_timeouts(c->bev, NULL, &write_timeout);
	bufferevent_enable(c->bev, EV_READ | EV_WRITE);
	return true;
}
