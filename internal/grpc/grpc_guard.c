/* Frames, before nghttp2 sees them: what they cost their client, and which of them end the
 * connection. grpc_conn.h tells the rules. */
#include "base/clock.h"
#include "grpc/grpc_conn_parts.h"
#include "grpc/grpc_server_parts.h"

/* Frames that are no work: what they cost, what fills the budget besides time. */
static const struct grpc_rates frame_rates = {1000, 50};
#define BUDGET_PER_ANSWER 10
#define BUDGET_PER_CANCEL 4  /* what may cross it */
#define COST_ACK          20 /* PING and SETTINGS, which want an answer */
#define COST_OTHER        1

/* Resets: a hundred faults at once or 5,000 cancels, then 10 or 500 a second (CVE-2023-44487,
 * CVE-2025-8671). */
static const struct grpc_rates reset_rates = {5000, 500};
#define COST_FAULT   50
#define COST_REFUSAL 5
#define COST_CANCEL  1

void grpc_guard_init(struct grpc_conn *c, int64_t now_us)
{
	c->work = (struct grpc_budget){frame_rates.max, now_us};
	c->resets = (struct grpc_budget){reset_rates.max, now_us};
}

/* ---- what it costs ---- */

static void spend_work(struct grpc_conn *c, double cost, enum conn_end why)
{
	if (grpc_budget_spend(&c->work, &frame_rates, cost, clock_mono_us()) < 0)
		grpc_conn_go_away(c, NGHTTP2_ENHANCE_YOUR_CALM, why, NULL);
}

static void credit(struct grpc_conn *c, double gain)
{
	grpc_budget_credit(&c->work, &frame_rates, gain, GRPC_STREAMS_MAX * BUDGET_PER_ANSWER);
}

/* A client that gets a whole batch of answers at once may send a WINDOW_UPDATE or two for each. */
void grpc_conn_credit(struct grpc_conn *c)
{
	credit(c, BUDGET_PER_ANSWER);
}

/* At the end of the budget a fault ends the connection. What an honest client does too ends it
 * with a farewell: false. Behind that it costs nothing: the client may have sent much before it
 * saw the GOAWAY, no new call is taken, and the open ones end in time. */
static bool spend_reset(struct grpc_conn *c, double cost)
{
	bool fault = cost >= COST_FAULT;
	if ((!fault && c->phase >= GRPC_NOTICED) || grpc_budget_spend(&c->resets, &reset_rates, cost, clock_mono_us()) >= 0)
		return true;
	if (fault)
		grpc_conn_go_away(c, NGHTTP2_ENHANCE_YOUR_CALM, CONN_END_MANY_RESETS, NULL);
	return fault;
}

/* A frame of a stream that has closed, or was not taken. */
static void spend_crossing(struct grpc_conn *c)
{
	if (c->phase < GRPC_NOTICED)
		spend_work(c, COST_OTHER, CONN_END_MANY_LATE);
}

/* ---- by type ---- */

static bool lives(struct grpc_conn *c, int32_t id)
{
	nghttp2_stream *stream = nghttp2_session_find_stream(c->session, id);
	if (stream == NULL)
		return false;
	int state = (int)nghttp2_stream_get_state(stream);
	return state != NGHTTP2_STREAM_STATE_IDLE && state != NGHTTP2_STREAM_STATE_CLOSED;
}

/* It has crossed a reset, or belongs nowhere. A stream is reset once, as far as is known here,
 * and one that a GOAWAY has excluded isn't (RFC 9113 sections 5.1, 5.4.2, 6.8). */
static void note_late(struct grpc_conn *c, int32_t id)
{
	spend_crossing(c);
	if (c->phase >= GRPC_FAREWELL || grpc_streams_has(&c->reset, id))
		return;
	nghttp2_submit_rst_stream(c->session, NGHTTP2_FLAG_NONE, id, NGHTTP2_STREAM_CLOSED);
	grpc_streams_put(&c->reset, id);
}

static void note_headers(struct grpc_conn *c, int32_t id)
{
	if (id > c->last_stream)
		c->last_stream = id;
	else if (!lives(c, id) && grpc_streams_has(&c->ended, id)) /* trailers behind the end cross nothing */
		grpc_conn_go_away(c, NGHTTP2_STREAM_CLOSED, CONN_END_HEADERS_LATE, NULL);
	else if (!lives(c, id))
		note_late(c, id);
}

static void note_data(struct grpc_conn *c, const nghttp2_frame_hd *hd)
{
	if (hd->stream_id > 0 && hd->stream_id <= c->last_stream && !lives(c, hd->stream_id))
		note_late(c, hd->stream_id);
	else if (hd->length == 0 && (hd->flags & NGHTTP2_FLAG_END_STREAM) == 0)
		spend_work(c, COST_OTHER, CONN_END_MANY_EMPTY);
}

static bool note_cancel(struct grpc_conn *c, int32_t id)
{
	if (!lives(c, id)) {
		spend_crossing(c);
		return true;
	}
	credit(c, BUDGET_PER_CANCEL);
	return spend_reset(c, COST_CANCEL);
}

/* As gRPC servers do: a PING for each answer is a client measuring the bandwidth, more is an
 * idle client that keeps us busy. */
static void note_ping(struct grpc_conn *c, const nghttp2_frame_hd *hd)
{
	if ((hd->flags & NGHTTP2_FLAG_ACK) == 0 && !c->answered_since_ping)
		spend_work(c, COST_ACK, CONN_END_MANY_PINGS);
	c->answered_since_ping = false;
}

bool grpc_guard_frame(struct grpc_conn *c, const nghttp2_frame_hd *hd)
{
	bool may_end = hd->type == NGHTTP2_HEADERS || hd->type == NGHTTP2_DATA;
	bool goes_on = true;
	switch (hd->type) {
	case NGHTTP2_HEADERS:
		note_headers(c, hd->stream_id);
		break;
	case NGHTTP2_DATA:
		note_data(c, hd);
		break;
	case NGHTTP2_RST_STREAM:
		goes_on = note_cancel(c, hd->stream_id);
		break;
	case NGHTTP2_PING:
		note_ping(c, hd);
		break;
	case NGHTTP2_SETTINGS:
		if ((hd->flags & NGHTTP2_FLAG_ACK) == 0)
			spend_work(c, COST_ACK, CONN_END_MANY_SETTINGS);
		break;
	default:
		if (hd->type <= NGHTTP2_CONTINUATION)
			spend_work(c, COST_OTHER, CONN_END_MANY_FRAMES);
		break;
	}
	if (may_end && (hd->flags & NGHTTP2_FLAG_END_STREAM) != 0)
		grpc_streams_put(&c->ended, hd->stream_id);
	return goes_on;
}

/* STREAM_CLOSED answers a late frame, which was counted when it came. */
bool grpc_guard_reset(struct grpc_conn *c, int32_t id, uint32_t code)
{
	grpc_streams_put(&c->reset, id);
	switch (code) {
	case NGHTTP2_NO_ERROR:
	case NGHTTP2_STREAM_CLOSED:
	case NGHTTP2_INTERNAL_ERROR:
		return true;
	case NGHTTP2_REFUSED_STREAM:
		return spend_reset(c, COST_REFUSAL);
	default:
		return spend_reset(c, COST_FAULT);
	}
}
