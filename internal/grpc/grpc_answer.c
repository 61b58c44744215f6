/* What goes back to the client, and when a call's status is settled: the answers of operations,
 * those of the server's own methods, and refusals. */
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "grpc/grpc_call_parts.h"
#include "grpc/grpc_encode.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"
#include "grpc/grpc_text.h"

#define OUT_MAX (256 * 1024) /* messages that a client has not read yet */

/* Of all streams of the server's own methods together; a message that is small is sent anyway. */
#define BACKLOG_MAX (16 * 1024 * 1024)
#define SMALL       256

/* ---- pieces, as the client takes them ---- */

size_t grpc_call_trailers(struct grpc_call *call, nghttp2_nv *ret)
{
	return call->not_grpc ? 0 : grpc_reply_trailers(ret, &call->status);
}

bool grpc_call_ends_well(const struct grpc_call *call)
{
	return call->phase == CALL_ENDED && !call->not_grpc && grpc_status_is_plain_ok(&call->status);
}

struct str grpc_call_take_literals(struct grpc_call *call)
{
	struct str literals = call->literals;
	call->literals = STR_NONE;
	return literals;
}

size_t grpc_call_next_piece(struct grpc_call *call, size_t max, bool *ret_end)
{
	size_t n = grpc_out_ready(&call->out, max);
	*ret_end = call->phase == CALL_ENDED && n == call->out.n;
	return n;
}

enum err grpc_call_move_piece(struct grpc_call *call, struct grpc_sink *to, size_t n)
{
	enum err err = grpc_out_move(&call->out, to, n);
	if (err == ERR_OK && call->own_stream)
		*grpc_server_backlog(call->server) -= n;
	if (call->out.n == 0) {
		call->unread_us = 0;
		grpc_call_wait_no_more(call);
	}
	return err;
}

/* ---- what is said first, and last ---- */

static void send_headers(struct grpc_call *call, const nghttp2_nv *fields, size_t n, bool body)
{
	call->responded = true;
	if (!grpc_conn_respond(call->conn, call->stream_id, fields, n, body))
		grpc_conn_reset(call->conn, call->stream_id, NGHTTP2_INTERNAL_ERROR);
}

static void respond(struct grpc_call *call, struct str request_id, const char *coding)
{
	uint8_t *literals = arena_room(call->arena, GRPC_LITERALS_MAX);
	if (literals == NULL) {
		grpc_conn_reset(call->conn, call->stream_id, NGHTTP2_INTERNAL_ERROR);
		return;
	}
	call->literals = str_from(literals, grpc_reply_literals(literals, request_id, coding));
	const nghttp2_nv status = grpc_reply_status_200();
	send_headers(call, &status, 1, true);
}

/* An error before any message has its status in the HEADERS and nothing after (Trailers-Only). */
static void respond_trailers_only(struct grpc_call *call, struct str request_id)
{
	nghttp2_nv fields[GRPC_HEADERS_MAX + GRPC_TRAILERS_MAX];
	size_t n = grpc_reply_headers(fields, request_id);
	n += grpc_call_trailers(call, fields + n);
	send_headers(call, fields, n, false);
}

static void settle(struct grpc_call *call, int status, struct str text)
{
	grpc_call_move(call, CALL_ENDED);
	grpc_call_wait_no_more(call);
	if (call->out.n > 0)
		grpc_call_wait_for_reader(call);
	grpc_status_set_code(&call->status, status);
	if (call->has_deadline)
		evtimer_del(&call->deadline);
	grpc_reader_release(&call->reader);
	grpc_call_give_back(call);
	grpc_conn_credit(call->conn);
	if (status == RPC_OK || text.p == NULL)
		return;
	struct sbuf out = sbuf_in(call->arena, text.n + 16);
	grpc_put_message(&out, text);
	call->status.message = sbuf_str(&out);
}

/* Not a gRPC request at all: HTTP's own status says so (PROTOCOL-HTTP2.md), and a line for the
 * person who sent it. */
static void respond_http(struct grpc_call *call, enum err err)
{
	static const char text[] = "This port speaks gRPC: POST with content-type application/grpc.\n";
	nghttp2_nv fields[GRPC_HEADERS_MAX];
	char code[12];
	struct grpc_message *m = malloc(sizeof *m);
	if (m != NULL)
		grpc_out_add(&call->out, m, str_from(text, sizeof text - 1), free, m);
	settle(call, err_info(err)->grpc, STR_NONE);
	send_headers(call, fields, grpc_reply_http(fields, err, code), m != NULL);
}

void grpc_answer_error(struct grpc_call *call, const struct grpc_error *error)
{
	if (error->err == ERR_OVERLOADED)
		grpc_conn_cool(call->conn);
	call->status.details = grpc_encode_details(call->arena, error);
	settle(call, err_info(error->err)->grpc, error->text);
	respond_trailers_only(call, error->request_id);
}

/* ---- what an operation answers ---- */

static void free_op(void *op)
{
	op_free(op);
}

static void answer(struct grpc_call *call, struct op *op)
{
	struct str message = op->err == ERR_OK ? grpc_encode(op, call->gzip) : STR_NONE;
	struct grpc_message *m = message.p == NULL ? NULL : arena_alloc(op->arena, sizeof *m);
	if (m != NULL) {
		grpc_out_add(&call->out, m, message, free_op, op);
		settle(call, RPC_OK, STR_NONE);
		respond(call, op->request_id, call->gzip ? "gzip" : NULL);
		return;
	}
	if (op->err == ERR_OK)
		op_fail(op, ERR_INTERNAL, NULL); /* out of memory */
	struct grpc_error error = grpc_error_of(op);
	grpc_answer_error(call, &error);
	op_free(op);
}

/* op->reply */
void grpc_answer_op(struct op *op, void *transport)
{
	struct grpc_call *call = transport;
	bool waited_for = call->conn != NULL && call->phase != CALL_ENDED;
	call->op = NULL;
	if (!waited_for) {
		op_free(op);
	} else if (call->not_grpc) {
		respond_http(call, op->err);
		op_free(op);
	} else {
		answer(call, op);
	}
	if (call->conn == NULL)
		grpc_call_free(call);
}

/* ---- what a method answers ---- */

void grpc_call_end(struct grpc_call *call, int status, struct str message)
{
	if (call->conn == NULL || call->phase == CALL_ENDED)
		return;
	settle(call, status, message);
	if (call->responded)
		grpc_conn_more(call->conn, call->stream_id);
	else
		respond_trailers_only(call, STR_NONE);
}

struct sent {
	struct grpc_message message;
	uint8_t bytes[];
};

bool grpc_call_send(struct grpc_call *call, struct str message)
{
	if (call->conn == NULL || call->phase == CALL_ENDED)
		return false;
	size_t n = GRPC_PREFIX_LEN + message.n;
	bool room = call->out.n + n <= OUT_MAX && (n <= SMALL || *grpc_server_backlog(call->server) + n <= BACKLOG_MAX);
	struct sent *sent = room ? malloc(sizeof *sent + n) : NULL;
	if (sent == NULL) {
		grpc_call_end(call, RPC_RESOURCE_EXHAUSTED, STR("The client doesn't read what it asked for."));
		return false;
	}
	const uint8_t prefix[GRPC_PREFIX_LEN] = {0, (uint8_t)(message.n >> 24), (uint8_t)(message.n >> 16), (uint8_t)(message.n >> 8),
						 (uint8_t)message.n};
	memcpy(sent->bytes, prefix, sizeof prefix);
	memcpy(sent->bytes + sizeof prefix, message.p, message.n);
	grpc_out_add(&call->out, &sent->message, str_from(sent->bytes, n), free, sent);
	if (call->own_stream)
		*grpc_server_backlog(call->server) += n;
	grpc_call_wait_for_reader(call);
	if (call->responded)
		grpc_conn_more(call->conn, call->stream_id);
	else
		respond(call, STR_NONE, NULL);
	return true;
}

void grpc_call_drain(struct grpc_call *call)
{
	if (call->method != NULL)
		grpc_call_end(call, RPC_UNAVAILABLE, str_of(err_info(ERR_SHUTTING_DOWN)->text));
}
