/* What the client sends, until an operation or a method has it, or it is refused; and the time
 * that it has for that. */
#include <event2/event.h>

#include "base/clock.h"
#include "base/starved.h"
#include "grpc/grpc_call_parts.h"
#include "grpc/grpc_decode.h"
#include "grpc/grpc_encode.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"
#include "grpc/grpc_text.h"
#include "op/op_shed.h"
#include "op/tls_client_auth.h"

/* ---- to an operation ---- */

static struct op *new_op(struct grpc_call *call)
{
	struct op *op = op_new(grpc_server_env(call->server), call->spec, grpc_answer_op, call);
	if (op == NULL) {
		grpc_call_end(call, RPC_RESOURCE_EXHAUSTED, str_of(err_info(ERR_OVERLOADED)->text));
		return NULL;
	}
	grpc_call_move(call, CALL_RUNNING);
	grpc_call_wait_no_more(call);
	call->op = op;
	grpc_metadata_apply(&call->metadata, op);
	return op;
}

/* Fields of its request may be missing. */
static bool is_starved(const struct grpc_call *call)
{
	return call->starved != starved_count();
}

/* What can't be read: answered, counted and logged as the operation that it would have been. */
static void refuse(struct grpc_call *call, enum err err, const char *detail)
{
	if (call->phase == CALL_ENDED || call->phase == CALL_RUNNING)
		return;
	if (is_starved(call)) { /* then no other reason can be believed */
		call->not_grpc = false;
		err = ERR_OVERLOADED;
		detail = NULL;
	}
	if (call->method != NULL) {
		grpc_call_end(call, err_info(err)->grpc, str_of(detail != NULL ? detail : err_info(err)->text));
		return;
	}
	struct op *op = new_op(call);
	if (op == NULL)
		return;
	op->starved = call->starved;
	op_fail(op, err, detail);
	op_run(op);
}

/* What op_shed.h tells of. True: it is answered. */
static bool shed(struct grpc_call *call)
{
	struct op_env *env = grpc_server_env(call->server);
	if (call->spec->id != OP_ISSUE_TOKEN || !issue_is_full(env->store) || call->metadata.request_id.count > 0)
		return false;
	char id[UUID_TEXT_LEN];
	uuid_format(uuid_v7(clock_wall_us()), id);
	const struct grpc_error error = {.err = ERR_OVERLOADED,
					 .text = str_of(err_info(ERR_OVERLOADED)->text),
					 .request_id = str_from(id, sizeof id),
					 .retry_after = "1"};
	op_shed(env, OP_ISSUE_TOKEN, 'g');
	grpc_answer_error(call, &error);
	return true;
}

static void run(struct grpc_call *call)
{
	struct op *op = new_op(call);
	if (op == NULL)
		return;
	if (op->err == ERR_OK)
		grpc_decode(op, call->message);
	op_note_certificate(op, &call->metadata.caller, grpc_conn_certificate(call->conn));
	call->message = STR_NONE;
	call->gzip = call->reader.compressed && grpc_names_coding(call->metadata.accept_encoding, STR("gzip"));
	grpc_reader_release(&call->reader); /* the op has its own copy */
	grpc_call_give_back(call);
	op_run(op);
}

/* ---- time ---- */

/* The client has stopped waiting by now. What is still queued is withdrawn and answered by its
 * op; what is under way is answered here, and completes for the audit alone. */
static void on_deadline(evutil_socket_t fd, short what, void *arg)
{
	(void)fd, (void)what;
	struct grpc_call *call = arg;
	if (call->method != NULL) {
		grpc_call_end(call, err_info(ERR_DEADLINE_EXCEEDED)->grpc, str_of(err_info(ERR_DEADLINE_EXCEEDED)->text));
		return;
	}
	if (call->op == NULL) {
		refuse(call, ERR_DEADLINE_EXCEEDED, NULL);
		return;
	}
	op_abandon(call->op, ERR_DEADLINE_EXCEEDED);
	if (call->phase == CALL_ENDED)
		return;
	const struct grpc_error error = {
		.err = ERR_DEADLINE_EXCEEDED, .text = str_of(err_info(ERR_DEADLINE_EXCEEDED)->text), .request_id = call->op->request_id};
	grpc_answer_error(call, &error);
}

static void set_deadline(struct grpc_call *call)
{
	int64_t us = 0;
	if (call->metadata.timeout.p == NULL)
		return;
	if (grpc_timeout_us(call->metadata.timeout, &us) != ERR_OK) {
		refuse(call, ERR_INVALID_REQUEST, "The grpc-timeout is malformed.");
		return;
	}
	if (us == 0) {
		refuse(call, ERR_DEADLINE_EXCEEDED, NULL);
		return;
	}
	const struct timeval tv = {us / 1000000, us % 1000000};
	evtimer_assign(&call->deadline, grpc_server_base(call->server), on_deadline, call);
	call->has_deadline = evtimer_add(&call->deadline, &tv) == 0;
}

bool grpc_call_tick(struct grpc_call *call, int64_t now_us)
{
	const struct config *config = grpc_server_env(call->server)->config;
	int64_t waited_us = now_us - call->active_us;
	bool many = call->method != NULL && call->method->many;
	if (call->phase == CALL_HEADERS)
		return waited_us <= (int64_t)config->receive_timeout_ms * 1000;
	if (call->unread_us != 0 && now_us - call->unread_us > (int64_t)config->receive_timeout_ms * 1000)
		grpc_conn_reset(call->conn, call->stream_id, NGHTTP2_CANCEL);
	else if (call->phase == CALL_REQUEST && waited_us > (int64_t)(many ? config->idle_timeout_ms : config->receive_timeout_ms) * 1000)
		refuse(call, ERR_REQUEST_TIMEOUT, NULL);
	return true;
}

/* ---- headers, messages, their end ---- */

size_t grpc_call_field(struct grpc_call *call, struct str name, struct str value)
{
	grpc_metadata_add(&call->metadata, call->arena, name, value);
	return call->metadata.size;
}

static bool is_post(const struct grpc_call *call)
{
	return str_eq(call->metadata.method, STR("POST"));
}

/* The call has left those that every other waits with, and their number. */
static void become_own_stream(struct grpc_call *call)
{
	if (!grpc_conn_takes_stream(call->conn)) {
		grpc_call_end(call, RPC_RESOURCE_EXHAUSTED, STR("This connection, or this address, has too many open streams."));
		return;
	}
	grpc_call_wait_no_more(call);
	grpc_server_call_gone(call->server, call->peer);
	call->own_stream = true;
}

void grpc_call_headers_done(struct grpc_call *call)
{
	const struct grpc_metadata *m = &call->metadata;
	call->metadata.whole = true;
	grpc_call_move(call, CALL_REQUEST);
	call->spec = grpc_find_op(m->path);
	call->method = call->spec == NULL ? grpc_server_method(call->server, m->path) : NULL;
	call->not_grpc = !is_post(call) || !grpc_content_type_ok(m->content_type);
	if (is_starved(call)) {
		refuse(call, ERR_OVERLOADED, NULL);
	} else if (grpc_metadata_too_large(m)) {
		call->not_grpc = false; /* what was left out may have been the content type */
		refuse(call, ERR_HEADERS_TOO_LARGE, NULL);
	} else if (call->not_grpc) {
		call->method = NULL; /* whatever it is, it may finish, and is then told */
	} else if (call->spec == NULL && call->method == NULL) {
		refuse(call, ERR_UNIMPLEMENTED, NULL);
	} else if (m->encoding.p != NULL && !str_eq(m->encoding, STR("identity")) && !str_eq(m->encoding, STR("gzip"))) {
		refuse(call, ERR_UNIMPLEMENTED, "The grpc-encoding is not one that this server takes; see grpc-accept-encoding.");
	} else {
		call->reader.gzip = str_eq(m->encoding, STR("gzip"));
		set_deadline(call);
	}
	if (call->method != NULL && call->method->own_stream && call->phase == CALL_REQUEST)
		become_own_stream(call);
}

static void take_message(struct grpc_call *call, struct str message)
{
	call->messages++;
	call->active_us = clock_mono_us();
	if (call->method != NULL && call->method->many) {
		grpc_call_give_back(call);
		call->method->on_message(call, message);
	} else {
		/* stays in the reader until the client is done, or sends what it must not */
		call->message = message;
	}
}

void grpc_call_bytes(struct grpc_call *call, struct str bytes)
{
	call->held += bytes.n;
	while (bytes.n > 0 && call->phase == CALL_REQUEST && !call->not_grpc) {
		struct str message = STR_NONE;
		if (call->message.p != NULL) {
			refuse(call, ERR_UNIMPLEMENTED, "This method takes one request message.");
			break;
		}
		enum err err = grpc_reader_take(&call->reader, &bytes, &message);
		if (err != ERR_OK)
			refuse(call, err == ERR_NO_MEMORY ? ERR_OVERLOADED : err, NULL);
		else if (message.p != NULL)
			take_message(call, message);
	}
	if (call->phase != CALL_REQUEST || call->not_grpc)
		grpc_call_give_back(call);
}

void grpc_call_client_done(struct grpc_call *call)
{
	if (call->phase != CALL_REQUEST)
		return;
	if (call->not_grpc) {
		refuse(call, is_post(call) ? ERR_UNSUPPORTED_MEDIA_TYPE : ERR_METHOD_NOT_ALLOWED, NULL);
	} else if (!grpc_reader_at_boundary(&call->reader)) {
		refuse(call, ERR_MALFORMED_MESSAGE, "The request ended inside a message.");
	} else if (call->method != NULL && call->method->many) {
		if (call->method->on_client_done != NULL)
			call->method->on_client_done(call);
		else
			grpc_call_end(call, RPC_OK, STR_NONE);
	} else if (call->message.p == NULL) {
		refuse(call, ERR_UNIMPLEMENTED, "This method takes one request message.");
	} else if (call->method != NULL) {
		struct str message = call->message;
		call->message = STR_NONE;
		grpc_call_move(call, CALL_RUNNING);
		grpc_call_wait_no_more(call);
		grpc_call_give_back(call);
		call->method->on_message(call, message);
	} else if (!shed(call)) {
		run(call);
	}
}
