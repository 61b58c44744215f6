#include "rest/rest_shed.h"

#include "base/clock.h"
#include "rest/rest_encode.h"

/* The token operation that is asked for, or NULL. */
static const struct op_spec *token_operation(const struct rest_message *m)
{
	static const enum op_id ids[] = {OP_OAUTH_TOKEN, OP_ISSUE_TOKEN};
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++) {
		const struct op_spec *spec = &op_specs[ids[i]];
		if (str_eq(m->path, str_from(spec->path, spec->path_n)) && str_eq(m->method, str_of(spec->method)))
			return spec;
	}
	return NULL;
}

struct str rest_shed(struct rest_shed *s, const struct rest_message *m)
{
	if (!issue_is_full(s->env->store) || m->headers[REST_X_REQUEST_ID].count > 0)
		return STR_NONE;
	const struct op_spec *spec = token_operation(m);
	if (spec == NULL)
		return STR_NONE;
	bool oauth = spec->errors == OP_ERRORS_OAUTH;
	char id[UUID_TEXT_LEN], space[512];
	struct sbuf body = sbuf_fixed(space, sizeof space), out = sbuf_fixed(s->text, sizeof s->text);
	uuid_format(uuid_v7(clock_wall_us()), id);
	struct str request_id = str_from(id, sizeof id);
	rest_error_body(&body, ERR_OVERLOADED, NULL, request_id, oauth);
	sbuf_putz(&out, "HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\nDate: ");
	sbuf_putz(&out, rest_date());
	sbuf_putz(&out, "\r\nCache-Control: no-store\r\nPragma: no-cache\r\nX-Content-Type-Options: nosniff\r\nContent-Type: ");
	sbuf_putz(&out, oauth ? "application/json" : "application/problem+json");
	sbuf_putz(&out, "\r\nX-Request-Id: ");
	sbuf_put(&out, request_id);
	sbuf_putz(&out, "\r\nContent-Length: ");
	sbuf_puti(&out, (int64_t)body.n);
	sbuf_putz(&out, "\r\n\r\n");
	sbuf_put(&out, sbuf_str(&body));
	if (sbuf_str(&body).p == NULL || sbuf_str(&out).p == NULL)
		return STR_NONE;
	op_shed(s->env, spec->id, 'r');
	return sbuf_str(&out);
}
