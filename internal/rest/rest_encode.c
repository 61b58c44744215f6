/* One body writer per operation. */
#include "rest/rest_encode.h"

#include "op/confirmation.h"
#include "rest/rest_audit.h"
#include "rest/rest_console.h"
#include "rest/rest_encode_admin.h"
#include "rest/rest_portal.h"
#include "rest/rest_refusal.h"
#include "rest/rest_status.h"
#include "json/json_write.h"

#define REALM "realm=\"m2m-gateway\""

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
	json_put_str(o, "token_type", str_starts(t->bound_to, STR("jkt:")) ? STR("DPoP") : STR("Bearer"));
	json_put_int(o, "exp", t->expires_at);
	json_put_int(o, "iat", t->issued_at);
	put_claim(o, "sub", t->subject);
	json_put_word_or_words(o, "aud", t->audience);
	put_claim(o, "iss", t->issuer);
	put_claim(o, "jti", t->jti);
	put_claim(o, "organization_id", t->organization_id);
	op_put_confirmation(o, t->bound_to);
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
		rest_put_time_or_null(o, "expires_at", out->expires_us);
		break;
	case OP_ISSUE_TOKEN:
	case OP_OAUTH_TOKEN:
		json_put_str(o, "access_token", out->access_token);
		json_put_str(o, "token_type", out->token_needs_proof ? STR("DPoP") : STR("Bearer"));
		json_put_int(o, "expires_in", out->expires_in);
		json_put_str(o, "scope", out->scope);
		break;
	case OP_INTROSPECT_TOKEN:
		write_introspected(o, &out->introspected);
		break;
	case OP_CREATE_PORTAL_LINK:
	case OP_LIST_PORTAL_SESSIONS:
	case OP_OPEN_PORTAL_SESSION:
	case OP_GET_PORTAL_SESSION:
		rest_portal_write(o, op);
		break;
	case OP_LIST_ACTS:
	case OP_LIST_ALL_ACTS:
		rest_write_acts(o, op);
		break;
	case OP_SUM_TOKENS:
		rest_write_sums(o, op);
		break;
	case OP_OPEN_CONSOLE_SESSION:
	case OP_GET_CONSOLE_SESSION:
	case OP_LIST_ALL_CLIENTS:
	case OP_LIST_SESSIONS:
	case OP_LIST_SIGNING_KEYS:
	case OP_ROTATE_SIGNING_KEY:
	case OP_REVOKE_SIGNING_KEY:
	case OP_LIST_MASTER_KEYS:
	case OP_LIST_DENIED_AUDIT:
	case OP_GET_HEALTH:
		rest_console_write(o, op);
		break;
	case OP_REVOKE_TOKEN: /* RFC 7009 section 2.2: all is in the status */
		break;
	case OP_ROTATE_SECRET:
	case OP_ROTATE_CLIENT:
		json_put_str(o, "client_id", out->client_id);
		json_put_str(o, "client_secret", out->client_secret);
		json_put_int(o, "version", out->version);
		rest_put_time(o, "rotated_at", out->rotated_us);
		rest_put_time_or_null(o, "expires_at", out->expires_us);
		rest_put_time(o, "previous_secret_expires_at", out->previous_expires_us);
		rest_put_int_or_null(o, "previous_secret_unused_for", out->previous_unused_for);
		break;
	default:
		rest_encode_admin(o, op);
		break;
	}
}

/* Every body ends its last line, for people at a terminal. */
static void end_body(struct json_out *o)
{
	json_close(o, '}');
	sbuf_putc(o->buf, '\n');
}

static bool speaks_oauth(const struct op *op)
{
	if (op->spec == NULL)
		return false;
	switch (op->err) {
	case ERR_INVALID_REQUEST:
	case ERR_UNSUPPORTED_GRANT_TYPE:
	case ERR_INVALID_CLIENT:
	case ERR_ASSERTION_REPLAYED:
	case ERR_AUTH_METHOD_NOT_ALLOWED:
	case ERR_INVALID_SCOPE:
	case ERR_INVALID_TARGET:
	case ERR_BINDING_REQUIRED:
		return op->spec->errors != OP_ERRORS_PROBLEM;
	case ERR_NETWORK_NOT_ALLOWED: /* the grant's client's, or the bearer's */
		return op->spec->errors == OP_ERRORS_OAUTH || (op->spec->errors == OP_ERRORS_GRANT && op->client_known);
	default:
		return op->spec->errors == OP_ERRORS_OAUTH;
	}
}

/* RFC 6750 section 3, RFC 9449 section 7.1. `algs` is what discovery has as
 * dpop_signing_alg_values_supported. */
#define ALGS                "ES256 PS256 EdDSA Ed25519\""
#define BEARER_ERROR(error) STR("Bearer " REALM ", error=\"" error "\"")
#define DPOP(fapi2, before, more)                                                                                                          \
	((fapi2) ? STR(before "DPoP " REALM more ", algs=\"" ALGS) : STR(before "DPoP " REALM more ", algs=\"RS256 " ALGS))
#define DPOP_ERROR(fapi2, error) DPOP(fapi2, "", ", error=\"" error "\"")

static bool is_dpop(const struct op *op)
{
	return op->in.dpop_scheme || op->bearer_proof.wanted;
}

/* Of a bearer. */
static struct str bearer_challenge(const struct op *op)
{
	bool fapi2 = op->env->config->fapi2;
	switch (op->err) {
	case ERR_INVALID_TOKEN:
		return is_dpop(op) ? DPOP_ERROR(fapi2, "invalid_token") : BEARER_ERROR("invalid_token");
	case ERR_FORBIDDEN:
		return is_dpop(op) ? DPOP_ERROR(fapi2, "insufficient_scope") : BEARER_ERROR("insufficient_scope");
	case ERR_INVALID_DPOP_PROOF:
	case ERR_PROOF_REPLAYED:
		return DPOP_ERROR(fapi2, "invalid_dpop_proof");
	case ERR_USE_DPOP_NONCE:
		return DPOP_ERROR(fapi2, "use_dpop_nonce");
	case ERR_MISSING_TOKEN:
		return DPOP(fapi2, "Bearer " REALM ", ", "");
	default:
		return is_dpop(op) ? DPOP(fapi2, "", "") : STR("Bearer " REALM);
	}
}

static struct str challenge_of(const struct op *op)
{
	bool basic =
		op->spec != NULL && (op->spec->who == OP_BY_CLIENT || (op->spec->who == OP_BY_RESOURCE_SERVER && op->in.bearer.p == NULL));
	if (rest_status(op) != 401 && op->err != ERR_FORBIDDEN)
		return STR_NONE;
	if (!basic)
		return bearer_challenge(op);
	return op->err == ERR_FORBIDDEN ? STR_NONE : STR("Basic " REALM);
}

static void encode_refusal(struct op *op, const char *allow, struct rest_answer *ret)
{
	struct sbuf body = sbuf_in(op->arena, 2048);
	rest_refusal_compose(&(struct rest_refusal){.err = op->err,
						    .status = rest_status(op),
						    .detail = op->err_detail,
						    .request_id = op->request_id,
						    .oauth = speaks_oauth(op),
						    .challenge = challenge_of(op),
						    .allow = allow,
						    .retry_after = op->retry_after},
			     &body, ret);
	rest_answer_add(ret, STR("DPoP-Nonce"), op->dpop_nonce);
}

/* Where what was made can be read (RFC 9110 section 10.2.2). */
static void add_location(struct rest_answer *a, struct op *op)
{
	bool readable = op->portal == NULL && op->spec->who != OP_BY_CODE &&
			op->spec->who != OP_BY_OPERATOR; /* neither a link nor a session is to be read there */
	if (a->status == 201 && readable)
		rest_answer_add(a, STR("Location"), rest_path_of_created(op));
}

static bool has_document(const struct op *op)
{
	return op->out.document.p != NULL;
}

static void add_caching(struct rest_answer *a, const struct op *op)
{
	/* RFC 9449 section 8.2: nobody gets a stale nonce out of a cache */
	if (has_document(op) && op->out.etag.p != NULL && op->dpop_nonce.p == NULL) {
		rest_answer_add(a, STR("Cache-Control"), arena_printf(op->arena, "private, max-age=%d", op->out.max_age));
		rest_answer_add(a, STR("ETag"), op->out.etag);
		return;
	}
	if (has_document(op) && op->dpop_nonce.p == NULL) {
		rest_answer_add(a, STR("Cache-Control"), arena_printf(op->arena, "public, max-age=%d", op->out.max_age));
		return;
	}
	rest_answer_add(a, STR("Cache-Control"), STR("no-store"));
	rest_answer_add(a, STR("Pragma"), STR("no-cache")); /* RFC 6749 section 5.1 */
	if (!has_document(op))
		rest_answer_add(a, STR("ETag"), op->out.etag);
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

static struct str written_body(const struct op *op)
{
	struct sbuf body = sbuf_in(op->arena, 2048);
	struct json_out o = json_out_start(&body);
	json_open(&o, NULL, '{');
	write_output(&o, op);
	end_body(&o);
	return sbuf_str(&body);
}

static struct str media_type(const struct op *op)
{
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

/* A page belongs to itself: it is in no other site's frame, process or cache, and tells no other
 * site where its person came from. */
void rest_encode_page(const struct op *op, const struct web_answer *page, struct rest_answer *ret)
{
	*ret = (struct rest_answer){.status = page->not_modified ? 304 : 200, .body = page->body};
	rest_answer_add(ret, STR("Date"), str_of(rest_date()));
	rest_answer_add(ret, STR("Cache-Control"), str_of(page->cache));
	rest_answer_add(ret, STR("ETag"), page->etag);
	rest_answer_add(ret, STR("Vary"), STR("Accept-Encoding"));
	rest_answer_add(ret, STR("Content-Security-Policy"), str_of(page->policy));
	rest_answer_add(ret, STR("Referrer-Policy"), STR("no-referrer"));
	rest_answer_add(ret, STR("Cross-Origin-Opener-Policy"), STR("same-origin"));
	rest_answer_add(ret, STR("Cross-Origin-Resource-Policy"), STR("same-origin"));
	rest_answer_add(ret, STR("X-Content-Type-Options"), STR("nosniff"));
	rest_answer_add(ret, STR("X-Request-Id"), op->request_id);
	if (page->not_modified)
		return;
	rest_answer_add(ret, STR("Content-Type"), str_of(page->type));
	rest_answer_add(ret, STR("Content-Encoding"), page->gzip ? STR("gzip") : STR_NONE);
}

static void encode_success(struct op *op, struct rest_answer *ret)
{
	ret->status = rest_status(op);
	ret->n = 0;
	ret->body = STR_NONE;
	rest_answer_add(ret, STR("Date"), str_of(rest_date()));
	add_caching(ret, op);
	rest_answer_add(ret, STR("DPoP-Nonce"), op->dpop_nonce);
	add_location(ret, op);
	rest_portal_add_cookie(ret, op);
	rest_answer_add(ret, STR("X-Content-Type-Options"), STR("nosniff"));
	rest_answer_add(ret, STR("X-Request-Id"), op->request_id);
	if (!rest_has_body(ret->status))
		return;
	rest_answer_add(ret, STR("Content-Type"), media_type(op));
	ret->body = has_document(op) ? document_body(op) : written_body(op);
}

void rest_encode(struct op *op, const char *allow, struct rest_answer *ret)
{
	if (op->err != ERR_OK)
		encode_refusal(op, allow, ret);
	else
		encode_success(op, ret);
	if (rest_is_for_browsers(op->spec))
		rest_answer_add(ret, STR("Access-Control-Allow-Origin"), STR("*"));
}

void rest_encode_alone(const struct op *op, char *room, size_t n, struct rest_answer *ret)
{
	struct sbuf body = sbuf_fixed(room, n);
	enum err err = op->err == ERR_OK ? ERR_INTERNAL : op->err;
	rest_refusal_compose(&(struct rest_refusal){.err = err, .request_id = op->request_id, .retry_after = op->retry_after}, &body, ret);
}
