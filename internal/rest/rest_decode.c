/* Headers first, then the body by its content type. Everything is copied into the op's arena,
 * since the op may outlive the request. */
#include "rest/rest_decode.h"

#include "base/base64.h"
#include "op/op_input.h"
#include "rest/rest_audit.h"
#include "rest/rest_body.h"
#include "rest/rest_condition.h"
#include "rest/rest_console.h"
#include "rest/rest_decode_admin.h"
#include "rest/rest_portal.h"

enum media { MEDIA_NONE, MEDIA_FORM, MEDIA_JSON, MEDIA_MERGE_PATCH, MEDIA_OTHER };

/* ---- headers ---- */

/* Of a header that may stand once: its value, or absent. */
static struct str only(const struct rest_message *m, enum rest_header h)
{
	return m->headers[h].count == 1 ? m->headers[h].value : STR_NONE;
}

void rest_decode_origin(const struct rest_message *m, struct op *op)
{
	char address[IP_TEXT_MAX];
	op_set_request_id(op, only(m, REST_X_REQUEST_ID));
	op_set_origin(op, 'r', forwarded_text(m->caller, address), m->headers[REST_USER_AGENT].value, only(m, REST_TRACEPARENT));
}

static void decode_bearer(const struct rest_message *m, struct op *op)
{
	op_set_bearer(op, m->headers[REST_AUTHORIZATION].count, m->headers[REST_AUTHORIZATION].value);
}

/* RFC 9449 section 4.3: there is one such field at most. */
static void decode_proof(const struct rest_message *m, struct op *op)
{
	unsigned n = m->headers[REST_DPOP].count;
	if (n == 0 || op->err != ERR_OK)
		return;
	if (n > 1) {
		op_fail(op, ERR_INVALID_DPOP_PROOF, "There is more than one DPoP field (RFC 9449 section 4.3).");
		return;
	}
	op->in.dpop = arena_copy(op->arena, m->headers[REST_DPOP].value);
	op->in.path = arena_copy(op->arena, m->path);
}

/* RFC 6749 section 2.3.1: user and password are form-encoded, then joined, then base64. */
static void decode_basic(const struct rest_message *m, struct op *op)
{
	struct str value = m->headers[REST_AUTHORIZATION].value;
	unsigned n = m->headers[REST_AUTHORIZATION].count;
	if (n == 0)
		return;
	if (n > 1) {
		op_fail(op, ERR_INVALID_REQUEST, "There is more than one Authorization header.");
		return;
	}
	if (!op_take_scheme(&value, STR("Basic"))) {
		op_fail(op, ERR_INVALID_CLIENT, "The client may authenticate with HTTP Basic or in the body.");
		return;
	}
	arena_wipe_on_free(op->arena); /* a secret may be in there, however malformed */
	size_t cap = BASE64_DECODED_MAX(value.n);
	char *bytes = arena_alloc(op->arena, cap);
	size_t length = 0;
	struct str rest;
	if (bytes == NULL || base64_decode(value, bytes, cap, &length) != ERR_OK)
		goto malformed;
	rest = str_from(bytes, length);
	struct str user = str_split(&rest, ':');
	if (rest.p == NULL || form_decode(op->arena, user, true, &op->in.client_id) != ERR_OK ||
	    form_decode(op->arena, rest, true, &op->in.client_secret) != ERR_OK)
		goto malformed;
	op->in.basic = true;
	return;
malformed:
	op_fail(op, ERR_INVALID_REQUEST, "The Authorization header is not well-formed HTTP Basic.");
}

static void decode_bearer_or_basic(const struct rest_message *m, struct op *op)
{
	struct str value = m->headers[REST_AUTHORIZATION].value;
	if (op_take_scheme(&value, STR("Bearer")) || op_take_scheme(&value, STR("DPoP")))
		decode_bearer(m, op);
	else
		decode_basic(m, op);
}

/* RFC 9110 section 8.3: type/subtype in any case, then parameters. None of these changes what we
 * take: neither form nor JSON has a charset, and what isn't UTF-8 is refused by its bytes. */
static enum media media_of(const struct rest_message *m)
{
	struct str value = m->headers[REST_CONTENT_TYPE].value;
	unsigned n = m->headers[REST_CONTENT_TYPE].count;
	if (n == 0)
		return MEDIA_NONE;
	struct str type = str_trim(str_split(&value, ';'));
	if (n == 1 && str_eq_nocase(type, STR("application/x-www-form-urlencoded")))
		return MEDIA_FORM;
	if (n == 1 && str_eq_nocase(type, STR("application/merge-patch+json")))
		return MEDIA_MERGE_PATCH;
	return n == 1 && str_eq_nocase(type, STR("application/json")) ? MEDIA_JSON : MEDIA_OTHER;
}

static void refuse_media(const struct rest_message *m, struct op *op)
{
	unsigned n = m->headers[REST_CONTENT_TYPE].count;
	op_fail(op, ERR_UNSUPPORTED_MEDIA_TYPE,
		n == 0  ? "The body has no Content-Type."
		: n > 1 ? "There is more than one Content-Type."
			: NULL);
}

/* ---- bodies ---- */

/* A copy, since the op outlives the message. */
static struct str body_of(const struct rest_message *m, struct op *op)
{
	struct str body = arena_copy(op->arena, m->body);
	if (body.p == NULL)
		op_fail(op, ERR_BODY_TOO_LARGE, NULL);
	return body;
}

struct grant {
	struct str grant_type, client_id, client_secret, scope, audience, resource;
	struct str client_assertion, client_assertion_type; /* RFC 7521 section 4.2 */
	struct str token;                                   /* that is asked about, or to be revoked */
	struct str assertion;                               /* RFC 7523 section 2.1 */
};

static void grant_from_form(struct op *op, struct str body, struct grant *g)
{
	struct form form;
	/* RFC 8707 section 2 lets it stand more than once */
	if (!rest_read_form(op, body, "resource", &form))
		return;
	*g = (struct grant){form_get(&form, "grant_type"),
			    form_get(&form, "client_id"),
			    form_get(&form, "client_secret"),
			    form_get(&form, "scope"),
			    form_get(&form, "audience"),
			    form_get_all(op->arena, &form, "resource"),
			    form_get(&form, "client_assertion"),
			    form_get(&form, "client_assertion_type"),
			    form_get(&form, "token"),
			    form_get(&form, "assertion")};
}

static void wrong_type(struct op *op, const char *name)
{
	op_refuse_name(op, "The member ", str_of(name), " is of the wrong type.");
}

/* A string, or an array of them. */
static void resource_from_json(struct op *op, const struct json *v, struct str *ret)
{
	if (v == NULL || (v->type == JSON_STRING && v->text.n == 0))
		return;
	if (v->type == JSON_STRING) {
		*ret = v->text;
		return;
	}
	if (v->type != JSON_ARRAY)
		wrong_type(op, "resource");
	for (const struct json *one = v->child; one != NULL; one = one->next) {
		if (one->type != JSON_STRING || one->text.n == 0)
			wrong_type(op, "resource");
		else
			*ret = ret->p == NULL ? one->text : arena_printf(op->arena, "%.*s %.*s", STR_ARG(*ret), STR_ARG(one->text));
	}
}

static void grant_from_json(struct op *op, struct str body, struct grant *g)
{
	const struct json *object = rest_read_object(op, body);
	const struct {
		const char *name;
		struct str *value;
	} members[] = {{"grant_type", &g->grant_type},
		       {"client_id", &g->client_id},
		       {"client_secret", &g->client_secret},
		       {"scope", &g->scope},
		       {"audience", &g->audience},
		       {"client_assertion", &g->client_assertion},
		       {"client_assertion_type", &g->client_assertion_type}};
	for (size_t i = 0; object != NULL && i < sizeof members / sizeof *members; i++) {
		enum err err = json_string(json_get(object, members[i].name), members[i].value);
		if (err != ERR_OK && err != ERR_NOT_PRESENT)
			wrong_type(op, members[i].name);
		else if (members[i].value->p != NULL && members[i].value->n == 0)
			*members[i].value = STR_NONE;
	}
	resource_from_json(op, json_get(object, "resource"), &g->resource);
}

/* A token endpoint may have a query (RFC 6749 section 3.2). What makes a token request stays out
 * of it, in whatever case: queries end in logs (section 2.3.1). */
static void refuse_grant_in_query(struct op *op, const char *query)
{
	static const char *const names[] = {"grant_type", "client_id", "client_secret", "client_assertion", "client_assertion_type",
					    "scope",      "audience",  "resource",      "assertion",        "access_token",
					    "username",   "password",  "code",          "refresh_token",    "token"};
	struct form form;
	if (query == NULL || !rest_read_form(op, str_of(query), NULL, &form))
		return;
	for (unsigned i = 0; i < form.n; i++)
		for (size_t k = 0; k < sizeof names / sizeof *names; k++)
			if (str_eq_nocase(form.fields[i].name, str_of(names[k])))
				op_refuse_name(op, "The parameter ", form.fields[i].name,
					       " stands in the query; it is taken from the body only (RFC 6749 section 2.3.1).");
}

/* HTTP Basic came first: one method only, and one client (RFC 6749 section 2.3). */
static void set_credentials(struct op *op, const struct grant *g)
{
	bool asserts = g->client_assertion.p != NULL || g->client_assertion_type.p != NULL;
	if (asserts && (op->in.basic || g->client_secret.p != NULL)) {
		op_fail(op, ERR_INVALID_REQUEST, "The client must not authenticate in more than one way.");
		return;
	}
	op->in.client_assertion = g->client_assertion;
	op->in.client_assertion_type = g->client_assertion_type;
	if (op->in.client_id.p == NULL) {
		op->in.client_id = g->client_id;
		op->in.client_secret = g->client_secret;
	} else if (g->client_secret.p != NULL) {
		op_fail(op, ERR_INVALID_REQUEST, "The client must not authenticate in more than one way.");
	} else if (g->client_id.p != NULL && !str_eq(g->client_id, op->in.client_id)) {
		op_fail(op, ERR_INVALID_REQUEST, "The parameter client_id names another client than HTTP Basic.");
	}
}

static void decode_grant(const struct rest_message *m, struct op *op, bool json_allowed)
{
	struct grant g = {.grant_type = STR_NONE};
	struct str body = body_of(m, op);
	enum media media = media_of(m);
	arena_wipe_on_free(op->arena); /* a secret is in there */
	if (op->err == ERR_OK)
		refuse_grant_in_query(op, m->query);
	if (op->err != ERR_OK)
		return;
	if (media == MEDIA_JSON && json_allowed)
		grant_from_json(op, body, &g);
	else if (media == MEDIA_FORM || (media == MEDIA_NONE && body.n == 0))
		grant_from_form(op, body, &g);
	else
		refuse_media(m, op);
	if (op->err == ERR_OK)
		set_credentials(op, &g);
	if (op->err != ERR_OK)
		return;
	op->in.token = g.token;
	op->in.grant_type = g.grant_type;
	op->in.assertion = g.assertion;
	op->in.scope = g.scope;
	op->in.audience = g.audience;
	op->in.resource = g.resource;
}

/* One that isn't an integer is refused like one out of range. */
static int64_t whole_or_refused(const struct json *v)
{
	int64_t n = -1;
	enum err err = json_whole(v, INT64_MIN, INT64_MAX, &n);
	return err == ERR_OK ? n : -1;
}

static bool take_grace(struct op *op, const struct json *v, void *target)
{
	(void)target;
	op_set_grace(op, whole_or_refused(v));
	return true;
}

static bool take_until_unused(struct op *op, const struct json *v, void *target)
{
	(void)target;
	op_set_until_unused(op, whole_or_refused(v));
	return true;
}

static bool take_at_most(struct op *op, const struct json *v, void *target)
{
	(void)target;
	op_set_at_most(op, whole_or_refused(v));
	return true;
}

static bool take_prolonged(struct op *op, const struct json *v, void *target)
{
	(void)target;
	op_set_prolonged(op, whole_or_refused(v));
	return true;
}

static bool take_secret_version(struct op *op, const struct json *v, void *target)
{
	(void)target;
	op_set_secret_version(op, whole_or_refused(v));
	return true;
}

static bool take_revoke_tokens(struct op *op, const struct json *v, void *target)
{
	(void)target;
	op->in.revoke_tokens = v->type == JSON_TRUE;
	return v->type == JSON_TRUE || v->type == JSON_FALSE;
}

/* op says what they may be. */
static bool take_expires_in(struct op *op, const struct json *v, void *target)
{
	(void)target;
	return rest_take_seconds(op, v, &op->in.secret_end.in);
}

static bool take_expires_at(struct op *op, const struct json *v, void *target)
{
	(void)target;
	return rest_take_end(op, v, &op->in.secret_end.at);
}

static void decode_rotate(const struct rest_message *m, struct op *op)
{
	static const struct rest_member members[] = {
		{"grace_seconds", take_grace, NULL},
		{"until_unused_seconds", take_until_unused, NULL},
		{"at_most_seconds", take_at_most, NULL},
		{"revoke_tokens", take_revoke_tokens, NULL},
		{"expires_in", take_expires_in, NULL},
		{"expires_at", take_expires_at, NULL},
		{NULL, NULL, NULL},
	};
	struct str body = body_of(m, op);
	op_set_idempotency_key(op, m->headers[REST_IDEMPOTENCY_KEY].count, m->headers[REST_IDEMPOTENCY_KEY].value);
	if (op->err != ERR_OK || body.n == 0)
		return;
	if (media_of(m) != MEDIA_JSON) {
		refuse_media(m, op);
		return;
	}
	const struct json *object = rest_read_object(op, body);
	if (object != NULL)
		rest_take_members(op, object, "", members);
}

static void decode_prolonged(const struct rest_message *m, struct op *op)
{
	static const struct rest_member members[] = {
		{"grace_seconds", take_prolonged, NULL},
		{"secret_version", take_secret_version, NULL},
		{NULL, NULL, NULL},
	};
	struct str body = body_of(m, op);
	enum media media = media_of(m);
	if (op->err == ERR_OK && media != MEDIA_JSON && media != MEDIA_MERGE_PATCH)
		refuse_media(m, op);
	const struct json *object = op->err == ERR_OK ? rest_read_object(op, body) : NULL;
	if (object != NULL)
		rest_take_members(op, object, "", members);
}

static void decode_admin(const struct rest_message *m, struct op *op)
{
	bool patch = op->spec->id == OP_UPDATE_ORGANIZATION || op->spec->id == OP_UPDATE_CLIENT;
	struct str body = body_of(m, op);
	enum media media = media_of(m);
	if (op->err == ERR_OK && media != MEDIA_JSON && !(patch && media == MEDIA_MERGE_PATCH))
		refuse_media(m, op);
	if (op->err == ERR_OK)
		rest_decode_admin(op, body);
}

static void decode_portal(const struct rest_message *m, struct op *op)
{
	arena_wipe_on_free(op->arena); /* a code may be in there, whatever its type */
	struct str body = body_of(m, op);
	if (op->err == ERR_OK && media_of(m) != MEDIA_JSON)
		refuse_media(m, op);
	if (op->err != ERR_OK)
		return;
	if (op->spec->id == OP_OPEN_CONSOLE_SESSION)
		rest_console_decode_body(op, body);
	else
		rest_portal_decode_body(op, body);
}

/* Without a body: as the settings have it. */
static void decode_key_act(const struct rest_message *m, struct op *op)
{
	struct str body = body_of(m, op);
	if (op->err == ERR_OK && body.n > 0 && media_of(m) != MEDIA_JSON)
		refuse_media(m, op);
	if (op->err == ERR_OK && body.n > 0)
		rest_console_decode_key(op, body);
}

/* A parameter that is passed over must not make an act a greater one than was meant. */
static bool takes_query(const struct op_spec *spec)
{
	switch (spec->id) {
	case OP_LIST_ORGANIZATIONS:
	case OP_LIST_CLIENTS:
	case OP_LIST_ALL_ACTS:
	case OP_LIST_ALL_CLIENTS:
	case OP_LIST_SESSIONS:
	case OP_LIST_ALL_TOKEN_AUDIT:
	case OP_LIST_DENIED_AUDIT:
	case OP_CANCEL_ROTATION:
	case OP_CANCEL_CLIENT_ROTATION:
		return true;
	case OP_GET_ROTATION:
	case OP_PROLONG_ROTATION:
		return false;
	default:
		return spec->who != OP_BY_PLATFORM && spec->who != OP_BY_OPERATOR && spec->who != OP_BY_KEEPER && spec->who != OP_BY_CODE &&
		       spec->who != OP_BY_SESSION && spec->id != OP_ROTATE_SECRET;
	}
}

void rest_decode(const struct rest_message *m, struct op *op)
{
	switch (op->spec->who) {
	case OP_BY_MEMBER:
	case OP_BY_ADMIN:
	case OP_BY_PLATFORM:
	case OP_BY_KEEPER:
	case OP_BY_OPERATOR:
	case OP_BY_SESSION:
		decode_bearer(m, op);
		if (m->headers[REST_COOKIE].count > 0 && m->headers[REST_AUTHORIZATION].count == 0)
			rest_portal_decode_session(m, op);
		break;
	case OP_BY_CODE:
		rest_portal_hold_to_page(m, op);
		break;
	case OP_BY_CLIENT:
		decode_basic(m, op);
		break;
	case OP_BY_RESOURCE_SERVER:
		decode_bearer_or_basic(m, op);
		break;
	case OP_BY_ANYONE:
		break;
	}
	if (op->spec->who != OP_BY_ANYONE && op->spec->who != OP_BY_CODE)
		decode_proof(m, op);
	if (op->err == ERR_OK && !takes_query(op->spec))
		rest_refuse_query(op, m->query);
	if (op->err == ERR_OK)
		rest_take_if_match(m, op);
	if (op->err != ERR_OK)
		return;
	switch (op->spec->id) {
	case OP_ISSUE_TOKEN:
		decode_grant(m, op, true);
		break;
	case OP_OAUTH_TOKEN:
	case OP_INTROSPECT_TOKEN:
	case OP_REVOKE_TOKEN:
		decode_grant(m, op, false);
		break;
	case OP_LIST_REVOCATIONS:
		rest_take_if_none_match(m, op);
		rest_decode_asking_client(op, m->query);
		break;
	case OP_ROTATE_SECRET:
	case OP_ROTATE_CLIENT:
		decode_rotate(m, op);
		break;
	case OP_PROLONG_ROTATION:
	case OP_PROLONG_CLIENT_ROTATION:
		decode_prolonged(m, op);
		break;
	case OP_CANCEL_ROTATION:
	case OP_CANCEL_CLIENT_ROTATION:
		rest_decode_version(op, m->query);
		break;
	case OP_LIST_DENIED_AUDIT:
		rest_decode_denied_list(op, m->query);
		break;
	case OP_ROTATE_SIGNING_KEY:
	case OP_REVOKE_SIGNING_KEY:
		decode_key_act(m, op);
		break;
	case OP_LIST_TOKEN_AUDIT:
	case OP_LIST_ALL_TOKEN_AUDIT:
		rest_decode_token_list(op, m->query);
		break;
	case OP_LIST_ACTS:
	case OP_LIST_ALL_ACTS:
		rest_decode_acts(op, m->query);
		break;
	case OP_SUM_TOKENS:
		rest_decode_sums(op, m->query);
		break;
	case OP_LIST_ORGANIZATIONS:
	case OP_LIST_CLIENTS:
	case OP_LIST_ALL_CLIENTS:
	case OP_LIST_SESSIONS:
		rest_decode_page(op, m->query);
		break;
	case OP_CREATE_PORTAL_LINK:
	case OP_OPEN_PORTAL_SESSION:
	case OP_OPEN_CONSOLE_SESSION:
		decode_portal(m, op);
		break;
	case OP_UPDATE_ORGANIZATION:
	case OP_UPDATE_CLIENT:
	case OP_CREATE_ORGANIZATION:
	case OP_CREATE_CLIENT:
	case OP_ADD_CREDENTIAL:
		decode_admin(m, op);
		break;
	case OP_GET_ORGANIZATION:
	case OP_GET_CLIENT:
		rest_take_if_none_match(m, op);
		break;
	default:
		break;
	}
}
