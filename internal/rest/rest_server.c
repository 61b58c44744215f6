/* A complete request -> an op -> its answer. Nearly all are read and answered on the connection
 * itself (take); those of a rarer form come by way of evhttp (on_request), and go back by it. A
 * request is answered exactly once, also when its client has gone: the connection, or evhttp,
 * finds that out by itself. */
#include "rest/rest_server.h"

#include <event2/buffer.h>
#include <event2/http.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/queue.h>

#include "base/clock.h"
#include "base/reserve.h"
#include "loop/accept.h"
#include "op/portal.h"
#include "op/tls_client_auth.h"
#include "rest/form.h"
#include "rest/http_guard.h"
#include "rest/rest_by_evhttp.h"
#include "rest/rest_conn.h"
#include "rest/rest_decode.h"
#include "rest/rest_encode.h"
#include "rest/rest_path.h"
#include "rest/rest_refusal.h"
#include "rest/rest_shed.h"

#define HEAD_EXPECTED 512

struct rest_server {
	struct op_env *env;
	const struct web *web; /* NULL: no pages */
	struct evhttp *http;
	struct accept_set listeners; /* http's; none once it drains */
	struct evhttp_bound_socket *sockets[CONFIG_LISTEN_MAX];
	struct rest_conns conns;
	struct rest_shed shed;
	struct list working; /* of rest_request */
	bool draining;
	int64_t idle_us; /* how long a connection is idle before it is closed, when draining */
};

struct rest_request {
	struct list node;
	struct rest_server *server;
	struct rest_conn *conn;
	struct evhttp_request *req; /* NULL: the connection was asked, evhttp knows of no request */
	const char *allow;
	/* in the op's arena; NULL: the op says what is answered */
	const struct web_answer *page;
	struct rest_answer answer; /* of an op that is granted, once `composed` */
	bool composed;
	bool preflight;     /* a browser asks whether it may read the document */
	enum conn_end last; /* why the connection ends with the answer; CONN_END_NONE: it goes on */
};

static void free_op_after_sending(const void *data, size_t n, void *op)
{
	(void)data, (void)n;
	op_free(op);
}

/* RFC 9112 section 9.6: `close` among the options of any Connection line. evhttp sees it only
 * alone, and in the first line. */
static bool says_close(struct evhttp_request *req)
{
	const struct evkeyval *h;
	TAILQ_FOREACH(h, evhttp_request_get_input_headers(req), next)
	{
		struct str rest = str_of(strcasecmp(h->key, "Connection") == 0 ? h->value : "");
		for (struct str option; (option = str_split(&rest, ',')).p != NULL;)
			if (str_eq_nocase(str_trim(option), STR("close")))
				return true;
	}
	return false;
}

/* As answer_without_memory does, but that evhttp may have none for the body either. */
static void refuse_by_evhttp(struct evhttp_request *req)
{
	struct rest_refusal_alone r;
	rest_refusal_alone(&r, ERR_OVERLOADED, NULL, false);
	rest_by_evhttp_send(req, &r.answer);
}

/* The body stays in the op's memory until it was sent, so that what held a secret is wiped, not
 * copied. */
static void answer_by_evhttp(struct evhttp_request *req, struct op *op, const struct rest_answer *a)
{
	rest_by_evhttp_fields(req, a);
	if (a->body.n == 0 || evhttp_request_get_command(req) == EVHTTP_REQ_HEAD) {
		rest_by_evhttp_head(req, a);
		op_free(op);
		return;
	}
	struct evbuffer *out = evbuffer_new();
	if (out == NULL || a->body.p == NULL || evbuffer_add_reference(out, a->body.p, a->body.n, free_op_after_sending, op) != 0) {
		op_free(op);
		refuse_by_evhttp(req);
	} else {
		evhttp_send_reply(req, a->status, rest_reason(a->status), out);
	}
	if (out != NULL)
		evbuffer_free(out);
}

/* What there is no memory for is refused without any. */
static void answer_without_memory(struct rest_conn *conn)
{
	struct rest_refusal_alone refusal;
	rest_refusal_alone(&refusal, ERR_OVERLOADED, NULL, false);
	rest_conn_answer(conn, rest_refusal_text(&refusal, true), STR_NONE, CONN_END_NO_MEMORY, NULL, NULL);
}

/* It is sent from a copy. */
static void answer_without_room(struct rest_conn *conn, struct evhttp_request *req, struct op *op, enum conn_end last)
{
	char room[512], text[2048];
	struct rest_answer a;
	struct sbuf whole = sbuf_fixed(text, sizeof text);
	rest_encode_alone(op, room, sizeof room, &a);
	if (last != CONN_END_NONE)
		rest_answer_add(&a, STR("Connection"), STR("close"));
	if (req != NULL) {
		rest_by_evhttp_send(req, &a);
		rest_conn_flush(conn, last);
	} else {
		rest_answer_put_head(&a, &whole);
		sbuf_put(&whole, a.body);
		rest_conn_answer(conn, sbuf_str(&whole), STR_NONE, last, NULL, NULL);
	}
	op_free(op);
}

static void answer_in_place(struct rest_conn *conn, struct op *op, const struct rest_answer *a, enum conn_end last)
{
	struct sbuf head = sbuf_in(op->arena, HEAD_EXPECTED);
	rest_answer_put_head(a, &head);
	if (sbuf_str(&head).p != NULL && (a->body.p != NULL || !rest_has_body(a->status))) {
		rest_conn_answer(conn, sbuf_str(&head), a->body, last, free_op_after_sending, op);
	} else {
		op_free(op);
		answer_without_memory(conn);
	}
}

static void encode(struct op *op, struct rest_request *r)
{
	if (op->err == ERR_OK && r->page != NULL)
		rest_encode_page(op, r->page, &r->answer);
	else if (r->preflight)
		rest_encode_preflight(op, &r->answer);
	else
		rest_encode(op, r->allow, &r->answer);
}

static bool compose(struct op *op, void *transport)
{
	struct rest_request *r = transport;
	encode(op, r);
	r->composed = rest_is_whole(&r->answer);
	return r->composed;
}

static void reply(struct op *op, void *transport)
{
	struct rest_request *r = transport; /* in the op's arena */
	struct rest_conn *conn = r->conn;
	list_remove(&r->node);
	if (r->last == CONN_END_NONE && r->server->draining)
		r->last = CONN_END_DRAINED;
	if (r->last == CONN_END_NONE && r->req != NULL && says_close(r->req))
		r->last = CONN_END_CLOSE_REQUESTED;
	if (op->err == ERR_OVERLOADED)
		rest_conn_cool(conn);
	enum conn_end last = r->last; /* the op, and with it r, may be gone before it is used */
	if (!r->composed)
		encode(op, r);
	if (!rest_is_whole(&r->answer)) {
		answer_without_room(conn, r->req, op, last);
		return;
	}
	if (last != CONN_END_NONE)
		rest_answer_add(&r->answer, STR("Connection"), STR("close"));
	if (r->req == NULL) {
		answer_in_place(conn, op, &r->answer, last);
	} else {
		answer_by_evhttp(r->req, op, &r->answer);
		rest_conn_flush(conn, last);
	}
}

/* The first operation at the path, whose language of errors a wrong method is answered in. */
static const struct op_spec *first_of(struct str path, const char *allow)
{
	struct str methods = str_of(allow);
	struct op_path ignored;
	const char *none = NULL;
	return op_find(str_trim(str_split(&methods, ',')), path, &ignored, &none);
}

/* What another method than the path's gets. Anyone's document has a head too (RFC 9110 section
 * 9.3.2), and browsers' preflights; reading a credential is an act, and has neither. */
static void route_other_method(struct rest_request *r, struct op *op, const struct rest_message *m)
{
	static op_step *const nothing[] = {NULL};
	op->spec = first_of(m->path, r->allow);
	if (str_eq(m->method, STR("HEAD")) && op->spec->who == OP_BY_ANYONE) {
		op->step = op->spec->steps;
	} else if (str_eq(m->method, STR("OPTIONS")) && rest_is_for_browsers(op->spec)) {
		op->step = nothing;
		r->preflight = true;
	} else {
		op_fail(op, ERR_METHOD_NOT_ALLOWED, NULL);
	}
}

/* The pages are no operations of the API, and count as a row of their own. */
static void route_page(struct rest_request *r, struct op *op, const struct rest_message *m)
{
	struct web_answer *page = arena_alloc(op->arena, sizeof *page);
	op->pages = page != NULL && r->server->web != NULL &&
		    web_find(r->server->web, m->path, m->headers[REST_ACCEPT_ENCODING].value, m->headers[REST_IF_NONE_MATCH].value, page);
	if (!op->pages) {
		op_fail(op, ERR_NOT_FOUND, NULL);
	} else if (!str_eq(m->method, STR("GET")) && !str_eq(m->method, STR("HEAD"))) {
		r->allow = "GET, HEAD";
		op_fail(op, ERR_METHOD_NOT_ALLOWED, NULL);
	} else {
		r->page = page;
	}
}

static bool is_malformed(struct op *op, struct str segment, struct str *ret)
{
	return segment.p != NULL && form_decode(op->arena, segment, false, ret) == ERR_MALFORMED;
}

static void take_parameters(struct op *op, const struct op_path *parameters)
{
	op->in.organization = arena_copy(op->arena, parameters->organization);
	op->in.kid = arena_copy(op->arena, parameters->kid);
	if (is_malformed(op, parameters->client_id, &op->in.client_id))
		op_fail(op, ERR_INVALID_REQUEST, "The path's client_id must be percent-encoded UTF-8 without control characters.");
	if (is_malformed(op, parameters->credential_id, &op->in.credential_id))
		op_fail(op, ERR_INVALID_REQUEST, "The path's credential_id must be percent-encoded UTF-8 without control characters.");
	if (parameters->session_id.p != NULL && op_portal_of(op) != NULL)
		op->portal->session_id = arena_copy(op->arena, parameters->session_id);
}

static void route(struct rest_request *r, struct op *op, const struct rest_message *m)
{
	struct op_path parameters = {STR_NONE, STR_NONE, STR_NONE, STR_NONE, STR_NONE};
	op->spec = op_find(m->method, m->path, &parameters, &r->allow);
	if (op->spec != NULL) {
		take_parameters(op, &parameters);
	} else if (r->allow == NULL) {
		route_page(r, op, m);
		return;
	} else {
		route_other_method(r, op, m);
		return;
	}
	op->step = op->spec->steps;
	rest_decode(m, op);
}

/* Without its spec. NULL: out of memory. */
static struct op *begin(struct rest_server *s, struct rest_conn *conn, struct evhttp_request *req)
{
	struct op *op = op_new(s->env, NULL, reply, NULL);
	struct rest_request *r = op == NULL ? NULL : arena_alloc(op->arena, sizeof *r);
	if (r == NULL) {
		op_free(op);
		return NULL;
	}
	*r = (struct rest_request){.server = s, .conn = conn, .req = req};
	op->transport = r;
	op->compose = compose;
	list_append(&s->working, &r->node);
	return op;
}

/* False: out of memory, and nobody answers. */
static bool serve(struct rest_server *s, struct rest_conn *conn, struct evhttp_request *req, const struct rest_message *m)
{
	struct op *op = begin(s, conn, req);
	if (op == NULL)
		return false;
	rest_decode_origin(m, op);
	route(op->transport, op, m);
	op_note_certificate(op, m->caller, rest_conn_certificate(conn));
	op_run(op);
	return true;
}

/* No field of such a request is believed, so it comes from the connection's other end. */
static void refuse(void *arg, struct rest_conn *conn, enum err why)
{
	struct op *op = begin(arg, conn, NULL);
	struct forwarded caller;
	const struct rest_message nothing = {.caller = &caller};
	if (op == NULL) {
		answer_without_memory(conn);
		return;
	}
	rest_conn_ask_caller(conn, &caller);
	rest_decode_origin(&nothing, op);
	((struct rest_request *)op->transport)->last = CONN_END_MALFORMED;
	op_fail(op, why,
		why == ERR_INVALID_REQUEST ? "The request is not well-formed HTTP/1.1, or has a body with a method that takes none."
					   : NULL);
	op_run(op);
}

static void on_request(struct evhttp_request *req, void *arg)
{
	struct rest_server *s = arg;
	struct rest_message m;
	struct rest_conn *conn = rest_conn_asking(&s->conns, evhttp_request_get_connection(req));
	struct forwarded caller;
	if (conn != NULL)
		rest_conn_ask_caller(conn, &caller);
	bool read = conn != NULL && rest_message_of_evhttp(req, &caller, &m);
	if (read)
		m.path = rest_path_of_route(s->env->config->public_path, m.path);
	if (read && serve(s, conn, req, &m))
		return;
	refuse_by_evhttp(req);
	if (conn != NULL)
		rest_conn_flush(conn, CONN_END_NONE);
}

static bool take(void *arg, struct rest_conn *conn, struct str request)
{
	struct rest_server *s = arg;
	struct rest_message m;
	struct forwarded caller;
	rest_conn_ask_caller(conn, &caller);
	if (s->draining || !rest_message_read(request, &caller, &m))
		return false;
	m.path = rest_path_of_route(s->env->config->public_path, m.path);
	struct str refusal = rest_shed(&s->shed, &m);
	if (refusal.p != NULL) {
		rest_conn_cool(conn);
		rest_conn_answer(conn, refusal, STR_NONE, CONN_END_NONE, NULL, NULL);
		return true;
	}
	if (!serve(s, conn, NULL, &m))
		answer_without_memory(conn);
	return true;
}

static bool has_room(void *arg)
{
	struct rest_server *s = arg;
	return issue_has_room(s->env->store);
}

/* What is bound is evhttp's to close. */
static bool bind_all(struct rest_server *s, struct accept_set *unbound)
{
	while (unbound->n > 0) {
		unsigned i = unbound->n - 1;
		s->sockets[i] = evhttp_bind_listener(s->http, unbound->at[i]);
		if (s->sockets[i] == NULL)
			return false;
		unbound->n = i;
	}
	return true;
}

struct rest_server *rest_server_new(struct event_base *base, struct op_env *env, struct tls *tls, const struct web *web, const int *fds,
				    unsigned n)
{
	struct rest_server *s = calloc(1, sizeof *s);
	struct accept_set unbound;
	if (accept_open(&unbound, base, NULL, NULL, fds, n) != ERR_OK || s == NULL || (s->http = evhttp_new(base)) == NULL)
		goto fail;
	s->env = env;
	s->web = web;
	list_init(&s->working);
	if (rest_conns_init(&s->conns, base, tls, &env->config->proxies, env->config->connections_max, env->config->receive_timeout_ms) !=
	    ERR_OK)
		goto fail;
	s->conns.descriptors_max = env->config->descriptors_max;
	s->shed.env = env;
	s->conns.take = take;
	s->conns.take_arg = s;
	s->conns.cooling.has_room = has_room;
	s->conns.cooling.arg = s;
	s->conns.refuse = refuse;
	const struct timeval idle = {env->config->idle_timeout_ms / 1000, (env->config->idle_timeout_ms % 1000) * 1000};
	/* a queue: each request sets and clears it a few times */
	const struct timeval *common = event_base_init_common_timeout(base, &idle);
	evhttp_set_timeout_tv(s->http, common == NULL ? &idle : common);
	evhttp_set_max_headers_size(s->http, HTTP_HEAD_MAX + 1024);
	evhttp_set_max_body_size(s->http, HTTP_BODY_MAX + 1024);
	evhttp_set_allowed_methods(s->http, UINT16_MAX); /* we answer 405 ourselves */
	evhttp_set_default_content_type(s->http, NULL);
	evhttp_set_bevcb(s->http, rest_conn_bufferevent, &s->conns);
	evhttp_set_gencb(s->http, on_request, s);
	s->listeners = unbound;
	if (!bind_all(s, &unbound))
		goto fail;
	s->conns.listeners = &s->listeners;
	return s;
fail:
	accept_close(&unbound);
	if (s != NULL && s->http != NULL)
		evhttp_free(s->http);
	if (s != NULL)
		rest_conns_clear(&s->conns);
	free(s);
	return NULL;
}

void rest_server_accept(struct rest_server *s)
{
	if (!reserve_is_low())
		accept_enable(&s->listeners);
}

void rest_server_drain(struct rest_server *s, unsigned idle_ms)
{
	s->draining = true;
	s->idle_us = (int64_t)idle_ms * 1000;
	for (unsigned i = 0; i < s->listeners.n; i++)
		evhttp_del_accept_socket(s->http, s->sockets[i]);
	s->listeners.n = 0;
}

bool rest_server_drained(struct rest_server *s)
{
	rest_conns_close_idle(&s->conns, clock_mono_us(), s->idle_us);
	return list_empty(&s->working) && s->conns.count == 0;
}

const struct conn_ends *rest_server_ends(const struct rest_server *s)
{
	return &s->conns.ends;
}

unsigned rest_server_connections(const struct rest_server *s)
{
	return s->conns.count;
}

void rest_server_free(struct rest_server *s)
{
	if (s == NULL)
		return;
	rest_conns_settle(&s->conns);
	evhttp_free(s->http);
	rest_conns_clear(&s->conns);
	free(s);
}
