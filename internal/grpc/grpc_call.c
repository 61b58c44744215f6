/* The call's states, from both sides: what the connection tells it (grpc_stream.h), what an op
 * or a method answers (grpc_call.h). */
#include "grpc/grpc_call.h"

#include <assert.h>
#include <event2/event.h>
#include <event2/event_struct.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/starved.h"
#include "grpc/grpc_decode.h"
#include "grpc/grpc_encode.h"
#include "grpc/grpc_metadata.h"
#include "grpc/grpc_out.h"
#include "grpc/grpc_reader.h"
#include "grpc/grpc_reply.h"
#include "grpc/grpc_server_parts.h"
#include "grpc/grpc_stream.h"
#include "grpc/grpc_text.h"
#include "op/op_shed.h"
#include "op/tls_client_auth.h"

#define ARENA_MAX (GRPC_HEADER_LIST_MAX + 8192) /* the header list, and an error's texts */
#define OUT_MAX   (256 * 1024)                  /* messages that a client has not read yet */

/* Of all streams of the server's own methods together; a message that is small is sent anyway. */
#define BACKLOG_MAX (16 * 1024 * 1024)
#define SMALL       256
/* How long an answer may wait for its client before it makes room for others. */
#define UNREAD_US 1000000

enum google_rpc { RPC_OK = 0, RPC_RESOURCE_EXHAUSTED = 8, RPC_UNAVAILABLE = 14 };

enum phase {
	CALL_HEADERS,
	CALL_REQUEST, /* messages come in */
	CALL_RUNNING, /* an op is under way */
	CALL_ENDED,   /* the status is settled; what is left to send goes out */
};

struct grpc_call {
	struct list node;       /* the connection's; then its orphans' */
	struct grpc_conn *conn; /* NULL: the stream has closed */
	/* of an orphan; NULL: it is none, or the connection has gone too */
	struct grpc_conn *parent;
	struct grpc_server *server;
	struct peer *peer;
	struct list of_all, of_address; /* while it waits for its client: grpc_call_make_room */
	int32_t stream_id;
	enum phase phase;
	int64_t active_us; /* when it began, or its last message came */
	struct arena *arena;

	unsigned long starved; /* starved_count() when it began */
	struct grpc_metadata metadata;
	const struct op_spec *spec; /* one of these two, or neither: there is nothing at its path */
	const struct grpc_method *method;
	bool own_stream; /* it counts as one */
	bool not_grpc;   /* not even gRPC: answered with an HTTP status */
	struct event deadline;
	bool has_deadline;

	struct grpc_reader reader;
	struct str message; /* the one that an operation takes, borrowed from the reader */
	unsigned messages;
	size_t held; /* received, and not yet given back to flow control */

	struct op *op;
	struct list method_node;
	void *method_data;

	bool gzip;      /* the reply as the request was */
	bool responded; /* HEADERS are on their way */
	struct grpc_out out;
	int64_t unread_us;         /* since when there is something in `out`; 0: there isn't */
	struct grpc_status status; /* as it goes into the trailers */
};

/* Asserts that the move is allowed: a call may skip phases, but never goes back. */
static void move(struct grpc_call *call, enum phase to)
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

int32_t grpc_call_stream_id(const struct grpc_call *call)
{
	return call->stream_id;
}

/* ---- birth and death ---- */

static void on_deadline(evutil_socket_t fd, short what, void *arg);

/* ---- what waits for its client ---- */

static void wait_no_more(struct grpc_call *call)
{
	list_remove(&call->of_all);
	list_remove(&call->of_address);
}

static void wait_for_request(struct grpc_call *call)
{
	list_append(grpc_server_waiting(call->server), &call->of_all);
	list_append(&call->peer->waiting, &call->of_address);
}

/* Something was put into `out`. */
static void wait_for_reader(struct grpc_call *call)
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

bool grpc_call_make_room(struct grpc_server *server, struct peer *peer)
{
	uint32_t code = NGHTTP2_REFUSED_STREAM; /* nothing was done: it may be tried again */
	struct grpc_call *call = oldest(grpc_server_waiting(server), peer == NULL ? NULL : &peer->waiting);
	if (call == NULL) {
		code = NGHTTP2_CANCEL;
		call = oldest(grpc_server_unread(server), peer == NULL ? NULL : &peer->unread);
		if (call == NULL || clock_mono_us() - call->unread_us < UNREAD_US)
			return false;
	}
	grpc_conn_drop(call->conn, call, code);
	return true;
}

struct grpc_call *grpc_call_new(struct grpc_conn *conn, int32_t stream_id, int64_t now_us)
{
	struct grpc_call *call = calloc(1, sizeof *call);
	struct arena *arena = arena_new(ARENA_MAX);
	if (call == NULL || arena == NULL) {
		free(call);
		arena_free(arena);
		return NULL;
	}
	call->arena = arena;
	arena_wipe_on_free(arena); /* a bearer is in there */
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

static void free_call(struct grpc_call *call)
{
	if (call->parent != NULL)
		grpc_conn_orphan_gone(call->parent);
	list_remove(&call->node);
	wait_no_more(call);
	drop_output(call);
	if (call->own_stream)
		grpc_server_stream_gone(call->server, call->peer);
	else
		grpc_server_call_gone(call->server, call->peer);
	grpc_reader_release(&call->reader);
	arena_free(call->arena);
	free(call);
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

static void give_back(struct grpc_call *call)
{
	if (call->held > 0)
		grpc_conn_consumed(call->conn, call, call->held);
	call->held = 0;
}

void grpc_call_closed(struct grpc_call *call)
{
	struct grpc_conn *conn = call->conn;
	list_remove(&call->node);
	wait_no_more(call);
	give_back(call);
	call->conn = NULL;
	if (call->own_stream)
		grpc_conn_stream_gone(conn);
	if (call->has_deadline)
		evtimer_del(&call->deadline);
	if (call->method != NULL && call->method->on_gone != NULL)
		call->method->on_gone(call);
	if (call->op == NULL) {
		free_call(call);
		return;
	}
	orphan(call, conn);
	if (call->op->abandoned == ERR_OK)
		op_abandon(call->op, ERR_CANCELLED); /* its reply frees the call, now or later */
}

/* ---- the reply ---- */

size_t grpc_call_trailers(struct grpc_call *call, nghttp2_nv *ret)
{
	return call->not_grpc ? 0 : grpc_reply_trailers(ret, &call->status);
}

static void send_headers(struct grpc_call *call, const nghttp2_nv *fields, size_t n, bool body)
{
	call->responded = true;
	if (!grpc_conn_respond(call->conn, call, fields, n, body))
		grpc_conn_reset(call->conn, call, NGHTTP2_INTERNAL_ERROR);
}

/* An error before any message has its status in the HEADERS and nothing after (Trailers-Only). */
static void respond(struct grpc_call *call, struct str request_id, const char *coding, bool body)
{
	nghttp2_nv fields[GRPC_HEADERS_MAX + GRPC_TRAILERS_MAX];
	size_t n = grpc_reply_headers(fields, request_id, coding);
	if (!body)
		n += grpc_call_trailers(call, fields + n);
	send_headers(call, fields, n, body);
}

size_t grpc_call_next_piece(struct grpc_call *call, size_t max, bool *ret_end)
{
	size_t n = grpc_out_ready(&call->out, max);
	*ret_end = call->phase == CALL_ENDED && n == call->out.n;
	return n;
}

enum err grpc_call_move_piece(struct grpc_call *call, struct evbuffer *to, size_t n)
{
	enum err err = grpc_out_move(&call->out, to, n);
	if (err == ERR_OK && call->own_stream)
		*grpc_server_backlog(call->server) -= n;
	if (call->out.n == 0) {
		call->unread_us = 0;
		wait_no_more(call);
	}
	return err;
}

static void settle(struct grpc_call *call, int status, struct str text)
{
	move(call, CALL_ENDED);
	wait_no_more(call);
	if (call->out.n > 0)
		wait_for_reader(call);
	grpc_status_set_code(&call->status, status);
	if (call->has_deadline)
		evtimer_del(&call->deadline);
	grpc_reader_release(&call->reader);
	give_back(call);
	grpc_conn_credit(call->conn);
	if (status == RPC_OK || text.p == NULL)
		return;
	struct sbuf out = sbuf_in(call->arena, text.n + 16);
	grpc_put_message(&out, text);
	call->status.message = sbuf_str(&out);
}

static void keep(void *static_text)
{
	(void)static_text;
}

/* Not a gRPC request at all: HTTP's own status says so (PROTOCOL-HTTP2.md), and a line for the
 * person who sent it. */
static void respond_http(struct grpc_call *call, enum err err)
{
	static const char text[] = "This port speaks gRPC: POST with content-type application/grpc.\n";
	nghttp2_nv fields[GRPC_HEADERS_MAX];
	char code[12];
	bool body = grpc_out_add(&call->out, str_from(text, sizeof text - 1), keep, NULL) == ERR_OK;
	settle(call, err_info(err)->grpc, STR_NONE);
	send_headers(call, fields, grpc_reply_http(fields, err, code), body);
}

/* ---- an operation's answer ---- */

static void free_op(void *op)
{
	op_free(op);
}

static void respond_error(struct grpc_call *call, const struct grpc_error *error)
{
	call->status.details = grpc_encode_details(call->arena, error);
	settle(call, err_info(error->err)->grpc, error->text);
	respond(call, error->request_id, NULL, false);
}

static void answer(struct grpc_call *call, struct op *op)
{
	struct str message = op->err == ERR_OK ? grpc_encode(op, call->gzip) : STR_NONE;
	if (message.p != NULL && grpc_out_add(&call->out, message, free_op, op) == ERR_OK) {
		settle(call, RPC_OK, STR_NONE);
		respond(call, op->request_id, call->gzip ? "gzip" : NULL, true);
		return;
	}
	if (op->err == ERR_OK)
		op_fail(op, ERR_INTERNAL, NULL); /* out of memory */
	struct grpc_error error = grpc_error_of(op);
	respond_error(call, &error);
	op_free(op);
}

/* op->reply */
static void op_answered(struct op *op, void *transport)
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
		free_call(call);
}

static struct op *new_op(struct grpc_call *call)
{
	struct op *op = op_new(grpc_server_env(call->server), call->spec, op_answered, call);
	if (op == NULL) {
		grpc_call_end(call, RPC_RESOURCE_EXHAUSTED, str_of(err_info(ERR_OVERLOADED)->text));
		return NULL;
	}
	move(call, CALL_RUNNING);
	wait_no_more(call);
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
	respond_error(call, &error);
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
	give_back(call);
	op_run(op);
}

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
	respond_error(call, &error);
}

/* ---- what the connection tells ---- */

size_t grpc_call_field(struct grpc_call *call, struct str name, struct str value)
{
	grpc_metadata_add(&call->metadata, call->arena, name, value);
	return call->metadata.size;
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
	wait_no_more(call);
	grpc_server_call_gone(call->server, call->peer);
	call->own_stream = true;
}

void grpc_call_headers_done(struct grpc_call *call)
{
	const struct grpc_metadata *m = &call->metadata;
	call->metadata.whole = true;
	move(call, CALL_REQUEST);
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
		give_back(call);
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
		give_back(call);
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
		move(call, CALL_RUNNING);
		wait_no_more(call);
		give_back(call);
		call->method->on_message(call, message);
	} else if (!shed(call)) {
		run(call);
	}
}

bool grpc_call_tick(struct grpc_call *call, int64_t now_us)
{
	const struct config *config = grpc_server_env(call->server)->config;
	int64_t waited_us = now_us - call->active_us;
	bool many = call->method != NULL && call->method->many;
	if (call->phase == CALL_HEADERS)
		return waited_us <= (int64_t)config->receive_timeout_ms * 1000;
	if (call->unread_us != 0 && now_us - call->unread_us > (int64_t)config->receive_timeout_ms * 1000)
		grpc_conn_reset(call->conn, call, NGHTTP2_CANCEL);
	else if (call->phase == CALL_REQUEST && waited_us > (int64_t)(many ? config->idle_timeout_ms : config->receive_timeout_ms) * 1000)
		refuse(call, ERR_REQUEST_TIMEOUT, NULL);
	return true;
}

void grpc_call_drain(struct grpc_call *call)
{
	if (call->method != NULL)
		grpc_call_end(call, RPC_UNAVAILABLE, str_of(err_info(ERR_SHUTTING_DOWN)->text));
}

/* ---- what a method answers ---- */

bool grpc_call_send(struct grpc_call *call, struct str message)
{
	if (call->conn == NULL || call->phase == CALL_ENDED)
		return false;
	size_t n = GRPC_PREFIX_LEN + message.n;
	bool room = call->out.n + n <= OUT_MAX && (n <= SMALL || *grpc_server_backlog(call->server) + n <= BACKLOG_MAX);
	char *bytes = room ? malloc(n) : NULL;
	if (bytes == NULL || grpc_out_add(&call->out, str_from(bytes, n), free, bytes) != ERR_OK) {
		free(bytes);
		grpc_call_end(call, RPC_RESOURCE_EXHAUSTED, STR("The client doesn't read what it asked for."));
		return false;
	}
	const uint8_t prefix[GRPC_PREFIX_LEN] = {0, (uint8_t)(message.n >> 24), (uint8_t)(message.n >> 16), (uint8_t)(message.n >> 8),
						 (uint8_t)message.n};
	memcpy(bytes, prefix, sizeof prefix);
	memcpy(bytes + sizeof prefix, message.p, message.n);
	if (call->own_stream)
		*grpc_server_backlog(call->server) += n;
	wait_for_reader(call);
	if (call->responded)
		grpc_conn_more(call->conn, call);
	else
		respond(call, STR_NONE, NULL, true);
	return true;
}

void grpc_call_end(struct grpc_call *call, int status, struct str message)
{
	if (call->conn == NULL || call->phase == CALL_ENDED)
		return;
	settle(call, status, message);
	if (call->responded)
		grpc_conn_more(call->conn, call);
	else
		respond(call, STR_NONE, NULL, false);
}
