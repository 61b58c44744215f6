/* One body writer per operation, one per language of errors. */
#include "rest/rest_encode.h"

#include <assert.h>
#include <event2/util.h>
#include <time.h>

#include "base/clock.h"
#include "rest/rest_encode_admin.h"
#include "rest/rest_status.h"
#include "json/json_write.h"

#define REALM "realm=\"m2m-gateway\""

const char *rest_reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 201:
		return "Created";
	case 204:
		return "No Content";
	case 304:
		return "Not Modified";
	case 400:
		return "Bad Request";
	case 401:
		return "Unauthorized";
	case 403:
		return "Forbidden";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 408:
		return "Request Timeout";
	case 409:
		return "Conflict";
	case 413:
		return "Content Too Large";
	case 414:
		return "URI Too Long";
	case 415:
		return "Unsupported Media Type";
	case 417:
		return "Expectation Failed";
	case 422:
		return "Unprocessable Content";
	case 429:
		return "Too Many Requests";
	case 431:
		return "Request Header Fields Too Large";
	case 499:
		/* nobody's standard, and never sent: the client is gone */
		return "Client Closed Request";
	case 501:
		return "Not Implemented";
	case 503:
		return "Service Unavailable";
	case 504:
		return "Gateway Timeout";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Internal Server Error";
	}
}

static void put_claim(struct json_out *o, const char *name, struct str value)
{
	if (value.p != NULL)
		json_put_str(o, name, value);
}

/* RFC 7662 section 2.2 */
static void write_introspected(struct json_out *o, const struct introspected *t)
{
	json_put_bool(o, "active", t->active);
	if (!t->active)
		return;
	put_claim(o, "scope", t->scope);
	put_claim(o, "client_id", t->client_id);
	json_put_str(o, "token_type", STR("Bearer"));
	json_put_int(o, "exp", t->expires_at);
	json_put_int(o, "iat", t->issued_at);
	put_claim(o, "sub", t->subject);
	json_put_word_or_words(o, "aud", t->audience);
	put_claim(o, "iss", t->issuer);
	put_claim(o, "jti", t->jti);
	put_claim(o, "organization_id", t->organization_id);
}

static void write_output(struct json_out *o, const struct op *op)
{
	const struct op_output *out = &op->out;
	switch (op->spec->id) {
	case OP_GET_CLIENT_ID:
		json_put_str(o, "client_id", out->client_id);
		break;
	case OP_GET_CLIENT_SECRET:
	case OP_READ_CLIENT_SECRET:
		json_put_str(o, "client_id", out->client_id);
		json_put_str(o, "client_secret", out->client_secret);
		json_put_int(o, "version", out->version);
		rest_put_time(o, "created_at", out->created_us);
		break;
	case OP_ISSUE_TOKEN:
	case OP_OAUTH_TOKEN:
		json_put_str(o, "access_token", out->access_token);
		json_put_str(o, "token_type", STR("Bearer"));
		json_put_int(o, "expires_in", out->expires_in);
		json_put_str(o, "scope", out->scope);
		break;
	case OP_INTROSPECT_TOKEN:
		write_introspected(o, &out->introspected);
		break;
	case OP_REVOKE_TOKEN: /* RFC 7009 section 2.2: all is in the status */
		break;
	case OP_ROTATE_SECRET:
	case OP_ROTATE_CLIENT:
		json_put_str(o, "client_id", out->client_id);
		json_put_str(o, "client_secret", out->client_secret);
		json_put_int(o, "version", out->version);
		rest_put_time(o, "rotated_at", out->rotated_us);
		rest_put_time(o, "previous_secret_expires_at", out->previous_expires_us);
		break;
	default:
		rest_encode_admin(o, op);
		break;
	}
}

/* RFC 6749 section 5.2. error_description is limited to ASCII without quote and backslash, which
 * our sentences keep to. */
static void write_oauth_error(struct json_out *o, enum err err, const char *detail)
{
	const struct err_info *info = err_info(err);
	json_put_str(o, "error", str_of(info->oauth != NULL ? info->oauth : "invalid_request"));
	json_put_str(o, "error_description", str_of(detail != NULL ? detail : info->text));
}

/* RFC 9457 */
static void write_problem(struct json_out *o, enum err err, const char *detail, struct str request_id)
{
	const struct err_info *info = err_info(err);
	json_put_str(o, "type", STR("about:blank"));
	json_put_str(o, "title", str_of(rest_reason(info->http)));
	json_put_int(o, "status", info->http);
	json_put_str(o, "detail", str_of(detail != NULL ? detail : info->text));
	json_put_str(o, "code", str_of(info->code));
	json_put_str(o, "request_id", request_id);
}

/* Every body ends its last line, for people at a terminal. */
static void end_body(struct json_out *o)
{
	json_close(o, '}');
	sbuf_putc(o->buf, '\n');
}

void rest_error_body(struct sbuf *out, enum err err, const char *detail, struct str request_id, bool oauth)
{
	struct json_out o = json_out_start(out);
	json_open(&o, NULL, '{');
	if (oauth)
		write_oauth_error(&o, err, detail);
	else
		write_problem(&o, err, detail, request_id);
	end_body(&o);
}

static bool speaks_oauth(const struct op *op)
{
	if (op->spec == NULL)
		return false;
	switch (op->err) {
	case ERR_INVALID_REQUEST:
	case ERR_UNSUPPORTED_GRANT_TYPE:
	case ERR_INVALID_CLIENT:
	case ERR_INVALID_SCOPE:
	case ERR_INVALID_TARGET:
		return op->spec->errors != OP_ERRORS_PROBLEM;
	case ERR_NETWORK_NOT_ALLOWED: /* the grant's client's, or the bearer's */
		return op->spec->errors == OP_ERRORS_OAUTH || (op->spec->errors == OP_ERRORS_GRANT && op->client_known);
	default:
		return op->spec->errors == OP_ERRORS_OAUTH;
	}
}

void rest_answer_add(struct rest_answer *a, struct str name, struct str value)
{
	if (value.p == NULL)
		return;
	assert(a->n < REST_FIELDS_MAX);
	a->fields[a->n].name = name;
	a->fields[a->n++].value = value;
}

void rest_answer_put_head(const struct rest_answer *a, struct sbuf *out)
{
	sbuf_put(out, STR("HTTP/1.1 "));
	sbuf_puti(out, a->status);
	sbuf_putc(out, ' ');
	sbuf_putz(out, rest_reason(a->status));
	for (unsigned i = 0; i < a->n; i++) {
		sbuf_put(out, STR("\r\n"));
		sbuf_put(out, a->fields[i].name);
		sbuf_put(out, STR(": "));
		sbuf_put(out, a->fields[i].value);
	}
	if (rest_has_body(a->status)) {
		sbuf_put(out, STR("\r\nContent-Length: "));
		sbuf_puti(out, (int64_t)a->body.n);
	}
	sbuf_put(out, STR("\r\n\r\n"));
}

static void add_error_fields(struct rest_answer *a, const struct op *op, const char *allow)
{
	bool basic =
		op->spec != NULL && (op->spec->who == OP_BY_CLIENT || (op->spec->who == OP_BY_RESOURCE_SERVER && op->in.bearer.p == NULL));
	struct str challenge = STR_NONE;
	if (op->err == ERR_INVALID_TOKEN)
		challenge = STR("Bearer " REALM ", error=\"invalid_token\"");
	else if (op->err == ERR_FORBIDDEN && !basic)
		challenge = STR("Bearer " REALM ", error=\"insufficient_scope\"");
	else if (err_info(op->err)->http == 401)
		challenge = basic ? STR("Basic " REALM) : STR("Bearer " REALM);
	rest_answer_add(a, STR("WWW-Authenticate"), challenge);
	if (op->err == ERR_METHOD_NOT_ALLOWED)
		rest_answer_add(a, STR("Allow"), str_of(allow));
	rest_answer_add(a, STR("Retry-After"), str_of(op->retry_after));
}

/* evhttp would make it anew for every answer. */
const char *rest_date(void)
{
	static _Thread_local int64_t second;
	static _Thread_local char text[40];
	int64_t now = clock_wall_us() / 1000000;
	if (now != second) {
		const time_t t = (time_t)now;
		struct tm tm;
		gmtime_r(&t, &tm);
		evutil_date_rfc1123(text, sizeof text, &tm);
		second = now;
	}
	return text;
}

/* Where what was made can be read (RFC 9110 section 10.2.2). */
static void add_location(struct rest_answer *a, struct op *op)
{
	if (a->status == 201)
		rest_answer_add(a, STR("Location"), rest_path_of_created(op));
}

static bool has_document(const struct op *op)
{
	return op->err == ERR_OK && op->out.document.p != NULL;
}

static void add_caching(struct rest_answer *a, const struct op *op)
{
	if (op->err == ERR_OK && op->out.etag.p != NULL) {
		rest_answer_add(a, STR("Cache-Control"), arena_printf(op->arena, "max-age=%d", op->out.max_age));
		rest_answer_add(a, STR("ETag"), op->out.etag);
		return;
	}
	if (has_document(op)) {
		rest_answer_add(a, STR("Cache-Control"), arena_printf(op->arena, "public, max-age=%d", op->out.max_age));
		return;
	}
	rest_answer_add(a, STR("Cache-Control"), STR("no-store"));
	rest_answer_add(a, STR("Pragma"), STR("no-cache")); /* RFC 6749 section 5.1 */
}

/* A text that ends its last line already goes out as it stands: the contract is not copied for
 * each reader. */
static struct str document_body(const struct op *op)
{
	struct str document = op->out.document;
	if (document.n > 0 && document.p[document.n - 1] == '\n')
		return document;
	return arena_printf(op->arena, "%.*s\n", STR_ARG(document));
}

static struct str written_body(const struct op *op, bool oauth)
{
	struct sbuf body = sbuf_in(op->arena, 2048);
	struct json_out o = json_out_start(&body);
	if (op->err != ERR_OK) {
		rest_error_body(&body, op->err, op->err_detail, op->request_id, oauth);
		return sbuf_str(&body);
	}
	json_open(&o, NULL, '{');
	write_output(&o, op);
	end_body(&o);
	return sbuf_str(&body);
}

static struct str media_type(const struct op *op, bool oauth)
{
	if (op->err != ERR_OK && !oauth)
		return STR("application/problem+json");
	return has_document(op) && op->out.document_type != NULL ? str_of(op->out.document_type) : STR("application/json");
}

bool rest_is_for_browsers(const struct op_spec *spec)
{
	if (spec == NULL)
		return false;
	switch (spec->id) {
	case OP_JWKS:
	case OP_OAUTH_METADATA:
	case OP_OPENID_METADATA:
	case OP_OPENAPI_YAML:
	case OP_OPENAPI_JSON:
		return true;
	default:
		return false;
	}
}

void rest_encode_preflight(struct op *op, struct rest_answer *ret)
{
	*ret = (struct rest_answer){.status = rest_status(op), .body = STR("")};
	rest_answer_add(ret, STR("Date"), str_of(rest_date()));
	rest_answer_add(ret, STR("Allow"), STR("GET, HEAD, OPTIONS"));
	rest_answer_add(ret, STR("Access-Control-Allow-Origin"), STR("*"));
	rest_answer_add(ret, STR("Access-Control-Allow-Methods"), STR("GET, HEAD"));
	rest_answer_add(ret, STR("Access-Control-Allow-Headers"), STR("*"));
	rest_answer_add(ret, STR("Access-Control-Max-Age"), STR("86400"));
	rest_answer_add(ret, STR("X-Request-Id"), op->request_id);
}

void rest_encode(struct op *op, const char *allow, struct rest_answer *ret)
{
	bool oauth = op->err != ERR_OK && speaks_oauth(op);
	ret->status = rest_status(op);
	ret->n = 0;
	if (op->err != ERR_OK)
		add_error_fields(ret, op, allow);
	rest_answer_add(ret, STR("Date"), str_of(rest_date()));
	add_caching(ret, op);
	add_location(ret, op);
	if (rest_is_for_browsers(op->spec))
		rest_answer_add(ret, STR("Access-Control-Allow-Origin"), STR("*"));
	if (rest_has_body(ret->status))
		rest_answer_add(ret, STR("Content-Type"), media_type(op, oauth));
	rest_answer_add(ret, STR("X-Content-Type-Options"), STR("nosniff"));
	rest_answer_add(ret, STR("X-Request-Id"), op->request_id);
	if (!rest_has_body(ret->status))
		ret->body = STR_NONE;
	else
		ret->body = has_document(op) ? document_body(op) : written_body(op, oauth);
}
