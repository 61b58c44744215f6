/* evhttp composes the status line and the Date; the rest is the answer's own. */
#include "rest/rest_by_evhttp.h"

#include <event2/buffer.h>
#include <event2/keyvalq_struct.h>
#include <stdio.h>

void rest_by_evhttp_fields(struct evhttp_request *req, const struct rest_answer *a)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(req);
	evhttp_clear_headers(headers);
	for (unsigned i = 0; i < a->n; i++)
		evhttp_add_header(headers, a->fields[i].name.p, a->fields[i].value.p);
}

/* evhttp sends what it is given after a HEAD too, where the client takes it for the beginning of
 * the next answer; and says no length there (RFC 9110 sections 8.6 and 9.3.2). */
void rest_by_evhttp_head(struct evhttp_request *req, const struct rest_answer *a)
{
	char length[24];
	snprintf(length, sizeof length, "%zu", a->body.n);
	if (a->body.p != NULL)
		evhttp_add_header(evhttp_request_get_output_headers(req), "Content-Length", length);
	evhttp_send_reply(req, a->status, rest_reason(a->status), NULL);
}

void rest_by_evhttp_send(struct evhttp_request *req, const struct rest_answer *a)
{
	rest_by_evhttp_fields(req, a);
	if (evhttp_request_get_command(req) == EVHTTP_REQ_HEAD) {
		rest_by_evhttp_head(req, a);
		return;
	}
	struct evbuffer *out = evbuffer_new();
	if (out != NULL)
		evbuffer_add(out, a->body.p, a->body.n);
	evhttp_send_reply(req, a->status, rest_reason(a->status), out);
	if (out != NULL)
		evbuffer_free(out);
}
