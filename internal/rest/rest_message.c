#include "rest/rest_message.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <sys/queue.h>

static struct str header_name(enum rest_header h)
{
	switch (h) {
	case REST_ACCEPT_ENCODING:
		return STR("accept-encoding");
	case REST_AUTHORIZATION:
		return STR("authorization");
	case REST_CONTENT_TYPE:
		return STR("content-type");
	case REST_DPOP:
		return STR("dpop");
	case REST_IDEMPOTENCY_KEY:
		return STR("idempotency-key");
	case REST_IF_MATCH:
		return STR("if-match");
	case REST_IF_NONE_MATCH:
		return STR("if-none-match");
	case REST_TRACEPARENT:
		return STR("traceparent");
	case REST_USER_AGENT:
		return STR("user-agent");
	case REST_X_REQUEST_ID:
		return STR("x-request-id");
	case REST_COOKIE:
		return STR("cookie");
	case REST_HOST:
		return STR("host");
	case REST_ORIGIN:
		return STR("origin");
	case REST_SEC_FETCH_SITE:
		return STR("sec-fetch-site");
	case REST_X_M2M_PORTAL:
		return STR("x-m2m-portal");
	case REST_X_M2M_CONSOLE:
		return STR("x-m2m-console");
	default:
		return STR_NONE;
	}
}

static void note_header(struct rest_message *m, struct str name, struct str value)
{
	forwarded_note(m->caller, name, value);
	for (unsigned h = 0; h < REST_HEADERS; h++) {
		struct str known = header_name(h);
		if (known.n != name.n || !str_eq_nocase(known, name))
			continue;
		if (m->headers[h].count++ == 0)
			m->headers[h].value = str_trim(value);
		return;
	}
}

static struct str method_of(const struct evhttp_request *req)
{
	switch (evhttp_request_get_command(req)) {
	case EVHTTP_REQ_GET:
		return STR("GET");
	case EVHTTP_REQ_POST:
		return STR("POST");
	case EVHTTP_REQ_PATCH:
		return STR("PATCH");
	case EVHTTP_REQ_DELETE:
		return STR("DELETE");
	case EVHTTP_REQ_HEAD:
		return STR("HEAD");
	case EVHTTP_REQ_OPTIONS:
		return STR("OPTIONS");
	default:
		return STR("other");
	}
}

bool rest_message_of_evhttp(struct evhttp_request *req, struct forwarded *caller, struct rest_message *ret)
{
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(req);
	const char *path = evhttp_uri_get_path(uri);
	struct evbuffer *body = evhttp_request_get_input_buffer(req);
	size_t n = evbuffer_get_length(body);
	*ret = (struct rest_message){
		.method = method_of(req), .path = str_of(path == NULL ? "" : path), .query = evhttp_uri_get_query(uri), .caller = caller};
	const struct evkeyval *h;
	TAILQ_FOREACH(h, evhttp_request_get_input_headers(req), next)
	{
		note_header(ret, str_of(h->key), str_of(h->value));
	}
	const char *bytes = n == 0 ? "" : (const char *)evbuffer_pullup(body, -1);
	ret->body = str_from(bytes, n);
	return bytes != NULL;
}

/* No '%', and nothing else that a reader of URIs could take for more than a path (RFC 3986
 * section 3.3); the guard has refused one that begins with two slashes. */
static bool is_plain_path(struct str target)
{
	return str_is_word(target, "/-._~");
}

/* What stands before the next CR LF. */
static struct str take_line(struct str *rest)
{
	struct str line = str_split(rest, '\r');
	*rest = rest->n == 0 ? STR_NONE : str_from(rest->p + 1, rest->n - 1);
	return line;
}

bool rest_message_read(struct str request, struct forwarded *caller, struct rest_message *ret)
{
	struct str rest = request;
	struct str line = take_line(&rest);
	struct str method = str_split(&line, ' ');
	struct str target = str_split(&line, ' ');
	if (!(str_eq(method, STR("GET")) || str_eq(method, STR("POST"))) || !is_plain_path(target))
		return false;
	*ret = (struct rest_message){.method = method, .path = target, .caller = caller};
	while ((line = take_line(&rest)).n > 0) {
		struct str name = str_split(&line, ':');
		note_header(ret, name, line);
	}
	ret->body = rest;
	return rest.p != NULL;
}
