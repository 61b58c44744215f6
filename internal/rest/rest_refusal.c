/* One writer of fields, one body writer per language of errors. */
#include "rest/rest_refusal.h"

#include "base/clock.h"
#include "json/json_write.h"

static int status_of(const struct rest_refusal *r)
{
	return r->status != 0 ? r->status : err_info(r->err)->http;
}

/* RFC 6749 section 5.2. error_description is limited to ASCII without quote and backslash, which
 * our sentences keep to. */
static void write_oauth_error(struct json_out *o, const struct rest_refusal *r)
{
	const struct err_info *info = err_info(r->err);
	json_put_str(o, "error", str_of(info->oauth != NULL ? info->oauth : "invalid_request"));
	json_put_str(o, "error_description", str_of(r->detail != NULL ? r->detail : info->text));
}

/* RFC 9457 */
static void write_problem(struct json_out *o, const struct rest_refusal *r)
{
	const struct err_info *info = err_info(r->err);
	int status = status_of(r);
	json_put_str(o, "type", STR("about:blank"));
	json_put_str(o, "title", str_of(rest_reason(status)));
	json_put_int(o, "status", status);
	json_put_str(o, "detail", str_of(r->detail != NULL ? r->detail : info->text));
	json_put_str(o, "code", str_of(info->code));
	json_put_str(o, "request_id", r->request_id);
}

static void write_body(const struct rest_refusal *r, struct sbuf *body)
{
	struct json_out o = json_out_start(body);
	json_open(&o, NULL, '{');
	if (r->oauth)
		write_oauth_error(&o, r);
	else
		write_problem(&o, r);
	json_close(&o, '}');
	sbuf_putc(body, '\n');
}

void rest_refusal_compose(const struct rest_refusal *r, struct sbuf *body, struct rest_answer *ret)
{
	write_body(r, body);
	ret->status = status_of(r);
	ret->n = 0;
	ret->body = sbuf_str(body);
	rest_answer_add(ret, STR("WWW-Authenticate"), r->challenge);
	if (r->err == ERR_METHOD_NOT_ALLOWED)
		rest_answer_add(ret, STR("Allow"), str_of(r->allow));
	rest_answer_add(ret, STR("Retry-After"), str_of(r->retry_after));
	rest_answer_add(ret, STR("Date"), str_of(rest_date()));
	rest_answer_add(ret, STR("Cache-Control"), STR("no-store"));
	rest_answer_add(ret, STR("Pragma"), STR("no-cache")); /* RFC 6749 section 5.1 */
	rest_answer_add(ret, STR("Content-Type"), r->oauth ? STR("application/json") : STR("application/problem+json"));
	rest_answer_add(ret, STR("X-Content-Type-Options"), STR("nosniff"));
	rest_answer_add(ret, STR("X-Request-Id"), r->request_id);
}

void rest_refusal_alone(struct rest_refusal_alone *r, enum err err, const char *detail, bool oauth)
{
	struct sbuf body = sbuf_fixed(r->body, sizeof r->body);
	uuid_format(uuid_v7(clock_wall_us()), r->id);
	r->id[UUID_TEXT_LEN] = '\0';
	const struct rest_refusal refusal = {.err = err,
					     .detail = detail,
					     .request_id = str_from(r->id, UUID_TEXT_LEN),
					     .oauth = oauth,
					     .challenge = STR_NONE,
					     .retry_after = "1"};
	rest_refusal_compose(&refusal, &body, &r->answer);
}

struct str rest_refusal_text(struct rest_refusal_alone *r, bool last)
{
	struct sbuf out = sbuf_fixed(r->text, sizeof r->text);
	if (last)
		rest_answer_add(&r->answer, STR("Connection"), STR("close"));
	rest_answer_put_head(&r->answer, &out);
	sbuf_put(&out, r->answer.body);
	return sbuf_str(&out);
}
