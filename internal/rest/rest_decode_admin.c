#include "rest/rest_decode_admin.h"

#include "base/clock.h"
#include "op/op_input.h"
#include "rest/rest_body.h"
#include "json/json_write.h"

int64_t rest_time_of(struct str text)
{
	int64_t us = 0;
	return text.p == NULL || clock_parse_rfc3339(text, &us) == ERR_OK ? us : -1;
}

/* ---- members ---- */

static bool take_text(struct op *op, const struct json *v, void *target)
{
	(void)op;
	return json_string(v, target) == ERR_OK;
}

static bool take_words(struct op *op, const struct json *v, void *target)
{
	struct words *words = target;
	size_t n = 0;
	if (v->type != JSON_ARRAY)
		return false;
	for (const struct json *one = v->child; one != NULL; one = one->next)
		n++;
	struct str *texts = arena_alloc(op->arena, n * sizeof *texts);
	n = 0;
	for (const struct json *one = v->child; texts != NULL && one != NULL; one = one->next)
		if (json_string(one, &texts[n++]) != ERR_OK)
			return false;
	*words = (struct words){texts, n};
	return true;
}

/* null: any. */
static bool take_networks(struct op *op, const struct json *v, void *target)
{
	struct networks *networks = target;
	struct words words = {NULL, 0};
	if (v->type != JSON_NULL && !take_words(op, v, &words))
		return false;
	*networks = (struct networks){.any = v->type == JSON_NULL, .v = words.v, .n = words.n};
	return true;
}

/* What is out of an int's range is out of every range here: op says so. */
bool rest_take_seconds(struct op *op, const struct json *v, void *target)
{
	int64_t seconds = 0;
	(void)op;
	enum err err = json_whole(v, 1, INT32_MAX, &seconds);
	*(int32_t *)target = err == ERR_OK ? (int32_t)seconds : -1;
	return err == ERR_OK || err == ERR_TOO_LARGE;
}

static bool take_token_type(struct op *op, const struct json *v, void *target)
{
	struct str *type = target;
	if (v->type == JSON_NULL)
		*type = STR("default");
	return v->type == JSON_NULL || (take_text(op, v, target) && !str_eq(*type, STR("default")));
}

/* null: none. */
static bool take_word_or_none(struct op *op, const struct json *v, void *target)
{
	struct str *word = target;
	if (v->type == JSON_NULL)
		*word = STR("none");
	return v->type == JSON_NULL || (take_text(op, v, target) && !str_eq(*word, STR("none")));
}

/* null and "" both say: of no outside issuer. */
static bool take_external(struct op *op, const struct json *v, void *target)
{
	if (v->type == JSON_NULL)
		*(struct str *)target = STR("");
	return v->type == JSON_NULL || take_text(op, v, target);
}

static bool take_change(struct op *op, const struct json *v, void *target)
{
	(void)op;
	*(enum change *)target = v->type == JSON_TRUE ? CHANGE_ON : CHANGE_OFF;
	return v->type == JSON_TRUE || v->type == JSON_FALSE;
}

/* ---- bodies ---- */

/* The members of a struct client_spec that a new client and a changed one have in common. */
#define CLIENT_MEMBERS(c)                                                                                                                  \
	{"name", take_text, &(c)->name}, {"roles", take_words, &(c)->roles}, {"scopes", take_words, &(c)->scopes},                         \
		{"audiences", take_words, &(c)->audiences}, {"token_lifetime", rest_take_seconds, &(c)->token_lifetime},                   \
		{"token_type", take_token_type, &(c)->token_type}, {"allowed_networks", take_networks, &(c)->networks},                    \
		{"auth_methods", take_words, &(c)->auth_methods}, {"token_binding", take_word_or_none, &(c)->token_binding},               \
	{                                                                                                                                  \
		"profile", take_word_or_none, &(c)->profile                                                                                \
	}

/* And those of a new one alone. */
#define SECRET_MEMBERS(c)                                                                                                                  \
	{"secret_expires_in", rest_take_seconds, &(c)->secret.in},                                                                         \
	{                                                                                                                                  \
		"secret_expires_at", rest_take_end, &(c)->secret.at                                                                        \
	}

static bool take_client(struct op *op, const struct json *v, void *target)
{
	struct client_spec *c = target;
	const struct rest_member members[] = {
		CLIENT_MEMBERS(c),
		SECRET_MEMBERS(c),
		{NULL, NULL, NULL},
	};
	if (v->type != JSON_OBJECT)
		return false;
	rest_take_members(op, v, "client.", members);
	return true;
}

static void take_new_client(struct op *op, const struct json *object)
{
	const struct rest_member members[] = {
		CLIENT_MEMBERS(&op->in.client),
		SECRET_MEMBERS(&op->in.client),
		{NULL, NULL, NULL},
	};
	rest_take_members(op, object, "", members);
}

static void take_client_change(struct op *op, const struct json *object)
{
	struct client_spec *c = &op->in.client;
	const struct rest_member members[] = {
		CLIENT_MEMBERS(c),
		{"disabled", take_change, &c->disabled},
		{"default", take_change, &c->is_default},
		{NULL, NULL, NULL},
	};
	rest_take_members(op, object, "", members);
}

/* null: none. */
static bool take_max_age(struct op *op, const struct json *v, void *target)
{
	return v->type == JSON_NULL || rest_take_seconds(op, v, target);
}

static bool take_max_age_change(struct op *op, const struct json *v, void *target)
{
	struct org_change *c = target;
	c->has_secret_max_age = true;
	return take_max_age(op, v, &c->secret_max_age);
}

static void take_new_org(struct op *op, const struct json *object)
{
	struct org_spec *o = &op->in.new_org;
	const struct rest_member members[] = {
		{"slug", take_text, &o->slug},
		{"name", take_text, &o->name},
		{"issuer", take_text, &o->issuer},
		{"external_id", take_text, &o->external_id},
		{"client", take_client, &op->in.client},
		{"allowed_networks", take_networks, &o->networks},
		{"secret_max_age", take_max_age, &o->secret_max_age},
		{NULL, NULL, NULL},
	};
	rest_take_members(op, object, "", members);
}

static void take_org_change(struct op *op, const struct json *object)
{
	struct org_change *c = &op->in.org_change;
	const struct rest_member members[] = {
		{"name", take_text, &c->name},
		{"issuer", take_external, &c->issuer},
		{"external_id", take_external, &c->external_id},
		{"disabled", take_change, &c->disabled},
		{"allowed_networks", take_networks, &c->networks},
		{"secret_max_age", take_max_age_change, c},
		{NULL, NULL, NULL},
	};
	rest_take_members(op, object, "", members);
}

/* A JWK as it is, or PEM in a string. What is a private key by mistake doesn't stay in memory. */
static bool take_public_key(struct op *op, const struct json *v, void *target)
{
	arena_wipe_on_free(op->arena);
	if (v->type != JSON_OBJECT)
		return take_text(op, v, target);
	struct sbuf out = sbuf_in(op->arena, 1024);
	struct json_out o = json_out_start(&out);
	json_put_value(&o, v);
	*(struct str *)target = sbuf_str(&out);
	return true;
}

/* null: no end of its own. op says what it may be. */
bool rest_take_end(struct op *op, const struct json *v, void *target)
{
	struct str text = STR_NONE;
	(void)op;
	if (v->type != JSON_NULL && json_string(v, &text) != ERR_OK)
		return false;
	*(int64_t *)target = rest_time_of(text);
	return true;
}

/* JSON, as the database keeps it. */
static bool take_claims(struct op *op, const struct json *v, void *target)
{
	struct sbuf out = sbuf_in(op->arena, 1024);
	struct json_out o = json_out_start(&out);
	if (v->type != JSON_OBJECT)
		return false;
	json_put_value(&o, v);
	*(struct str *)target = sbuf_str(&out);
	return true;
}

static bool take_flag(struct op *op, const struct json *v, void *target)
{
	(void)op;
	*(bool *)target = v->type == JSON_TRUE;
	return v->type == JSON_TRUE || v->type == JSON_FALSE;
}

/* null: any. */
static bool take_subject(struct op *op, const struct json *v, void *target)
{
	return v->type == JSON_NULL || take_text(op, v, target);
}

static void take_new_credential(struct op *op, const struct json *object)
{
	struct op_new_credential *k = &op->in.new_credential;
	const struct rest_member members[] = {
		{"kind", take_text, &k->kind},
		{"public_key", take_public_key, &k->text},
		{"certificate", take_text, &k->certificate.pem},
		{"tls_client_auth_subject_dn", take_text, &k->certificate.names[CERTIFICATE_SUBJECT_DN]},
		{"tls_client_auth_san_dns", take_text, &k->certificate.names[CERTIFICATE_SAN_DNS]},
		{"tls_client_auth_san_uri", take_text, &k->certificate.names[CERTIFICATE_SAN_URI]},
		{"tls_client_auth_san_ip", take_text, &k->certificate.names[CERTIFICATE_SAN_IP]},
		{"tls_client_auth_san_email", take_text, &k->certificate.names[CERTIFICATE_SAN_EMAIL]},
		{"name", take_text, &k->name},
		{"expires_at", rest_take_end, &k->expires_at},
		{"issuer", take_text, &k->workload.issuer},
		{"subject", take_subject, &k->workload.subject},
		{"audience", take_text, &k->workload.audience},
		{"claims", take_claims, &k->workload.claims},
		{"may_replay", take_flag, &k->workload.may_replay},
		{NULL, NULL, NULL},
	};
	rest_take_members(op, object, "", members);
}

void rest_decode_admin(struct op *op, struct str body)
{
	const struct json *object = rest_read_object(op, body);
	if (object == NULL)
		return;
	switch (op->spec->id) {
	case OP_CREATE_ORGANIZATION:
		take_new_org(op, object);
		break;
	case OP_UPDATE_ORGANIZATION:
		take_org_change(op, object);
		break;
	case OP_CREATE_CLIENT:
		take_new_client(op, object);
		break;
	case OP_ADD_CREDENTIAL:
		take_new_credential(op, object);
		break;
	default:
		take_client_change(op, object);
		break;
	}
}

/* ---- queries ---- */

void rest_take_page_size(struct op *op, struct str text)
{
	int64_t size = 0;
	if (text.p != NULL && str_to_i64(text, 1, INT32_MAX, &size) != ERR_OK)
		op->in.page_size = -1; /* op says what it may be */
	else
		op->in.page_size = (int32_t)size;
}

/* 0: not given. */
static int32_t seconds_of(struct str text)
{
	int64_t seconds = 0;
	if (text.p != NULL && str_to_i64(text, 1, SECRET_END_IN_MAX, &seconds) != ERR_OK)
		seconds = -1; /* op says what it may be */
	return (int32_t)seconds;
}

/* ". It knows a, b and c." */
static const char *what_is_known(struct op *op, const char *const *known)
{
	struct sbuf out = sbuf_in(op->arena, 256);
	sbuf_putz(&out, ". It knows ");
	for (const char *const *k = known; *k != NULL; k++) {
		sbuf_putz(&out, k == known ? "" : k[1] == NULL ? " and " : ", ");
		sbuf_putz(&out, *k);
	}
	sbuf_putc(&out, '.');
	return sbuf_str(&out).p != NULL ? out.p : ".";
}

bool rest_take_query(struct op *op, const char *query, const char *const *known, struct form *ret)
{
	if (!rest_read_form(op, str_of(query), NULL, ret))
		return false;
	for (unsigned i = 0; i < ret->n; i++) {
		const char *const *k = known;
		while (*k != NULL && !str_eq(ret->fields[i].name, str_of(*k)))
			k++;
		if (*k == NULL) {
			op_refuse_name(op, "This operation doesn't know the parameter ", ret->fields[i].name, what_is_known(op, known));
			return false;
		}
	}
	return true;
}

void rest_decode_token_list(struct op *op, const char *query)
{
	static const char *const known[] = {"client_id",    "jti",           "secret_version", "auth_method", "credential", "remote_addr",
					    "issued_after", "issued_before", "page_size",      "page_token",  NULL};
	static const char *const all[] = {"organization", "client_id",    "jti",           "secret_version", "auth_method", "credential",
					  "remote_addr",  "issued_after", "issued_before", "page_size",      "page_token",  NULL};
	struct form form;
	int64_t version = 0;
	if (query == NULL || !rest_take_query(op, query, op->spec->id == OP_LIST_ALL_TOKEN_AUDIT ? all : known, &form))
		return;
	op->in.organization = form_get(&form, "organization");
	struct str version_text = form_get(&form, "secret_version");
	if (version_text.p != NULL && str_to_i64(version_text, 1, INT32_MAX, &version) != ERR_OK)
		version = -1;
	op->in.secret_version = (int32_t)version;
	op->in.client_id = form_get(&form, "client_id");
	op->in.jti = form_get(&form, "jti");
	op->in.auth_method = form_get(&form, "auth_method");
	op->in.credential = form_get(&form, "credential");
	op->in.remote_addr = form_get(&form, "remote_addr");
	op->in.issued_after = rest_time_of(form_get(&form, "issued_after"));
	op->in.issued_before = rest_time_of(form_get(&form, "issued_before"));
	op->in.page_token = form_get(&form, "page_token");
	rest_take_page_size(op, form_get(&form, "page_size"));
}

void rest_decode_denied_list(struct op *op, const char *query)
{
	static const char *const known[] = {"organization",  "client_id", "reason",     "remote_addr", "denied_after",
					    "denied_before", "page_size", "page_token", NULL};
	struct form form;
	if (query == NULL || !rest_take_query(op, query, known, &form))
		return;
	op->in.organization = form_get(&form, "organization");
	op->in.client_id = form_get(&form, "client_id");
	op->in.reason = form_get(&form, "reason");
	op->in.remote_addr = form_get(&form, "remote_addr");
	op->in.denied_after = rest_time_of(form_get(&form, "denied_after"));
	op->in.denied_before = rest_time_of(form_get(&form, "denied_before"));
	op->in.page_token = form_get(&form, "page_token");
	rest_take_page_size(op, form_get(&form, "page_size"));
}

void rest_decode_version(struct op *op, const char *query)
{
	static const char *const known[] = {"secret_version", NULL};
	struct form form;
	int64_t version = 0;
	if (query == NULL || !rest_take_query(op, query, known, &form))
		return;
	struct str text = form_get(&form, "secret_version");
	if (text.p != NULL)
		op_set_secret_version(op, str_to_i64(text, 1, INT32_MAX, &version) == ERR_OK ? version : -1);
}

static const char *const *known_of_page(const struct op *op)
{
	static const char *const orgs[] = {"search", "state", "page_size", "page_token", NULL};
	static const char *const clients[] = {"search", "page_size", "page_token", "expiring_within", NULL};
	static const char *const all[] = {"search", "page_size", "page_token", NULL};
	static const char *const sessions[] = {"kind", "page_size", "page_token", NULL};
	switch (op->spec->id) {
	case OP_LIST_CLIENTS:
		return clients;
	case OP_LIST_ALL_CLIENTS:
		return all;
	case OP_LIST_SESSIONS:
		return sessions;
	default:
		return orgs;
	}
}

void rest_decode_page(struct op *op, const char *query)
{
	struct form form;
	if (query == NULL || !rest_take_query(op, query, known_of_page(op), &form))
		return;
	op->in.search = form_get(&form, "search");
	op->in.state = form_get(&form, "state");
	op->in.kind = form_get(&form, "kind");
	op->in.page_token = form_get(&form, "page_token");
	op->in.expiring = seconds_of(form_get(&form, "expiring_within"));
	rest_take_page_size(op, form_get(&form, "page_size"));
}

/* HTTP Basic came first. What may stand in logs names the client; what proves it doesn't (RFC 6749
 * section 2.3.1), and a GET has no body of meaning (RFC 9110 section 9.3.1). */
void rest_decode_asking_client(struct op *op, const char *query)
{
	static const char *const known[] = {"client_id", "page_size", "page_token", NULL};
	struct form form;
	if (query == NULL || !rest_take_query(op, query, known, &form))
		return;
	op->in.page_token = form_get(&form, "page_token");
	rest_take_page_size(op, form_get(&form, "page_size"));
	struct str client_id = form_get(&form, "client_id");
	if (op->in.client_id.p == NULL)
		op->in.client_id = client_id;
	else if (client_id.p != NULL && !str_eq(client_id, op->in.client_id))
		op_fail(op, ERR_INVALID_REQUEST, "The parameter client_id names another client than HTTP Basic.");
}
