#include "rest/rest_encode_admin.h"

#include "base/clock.h"
#include "rest/rest_path.h"

void rest_put_time(struct json_out *o, const char *key, int64_t us)
{
	char text[CLOCK_RFC3339_LEN];
	clock_rfc3339(us, text);
	json_put_str(o, key, str_from(text, sizeof text));
}

void rest_put_time_or_null(struct json_out *o, const char *key, int64_t us)
{
	if (us != 0)
		rest_put_time(o, key, us);
	else
		json_put_str(o, key, STR_NONE);
}

void rest_put_int_or_null(struct json_out *o, const char *key, int64_t n)
{
	if (n != 0)
		json_put_int(o, key, n);
	else
		json_put_str(o, key, STR_NONE);
}

void rest_put_uuid(struct json_out *o, const char *key, struct uuid id)
{
	char text[UUID_TEXT_LEN];
	uuid_format(id, text);
	json_put_str(o, key, str_from(text, sizeof text));
}

static void put_words(struct json_out *o, const char *key, struct str joined)
{
	json_open(o, key, '[');
	if (joined.n > 0)
		for (struct str word; (word = str_split(&joined, ' ')).p != NULL;)
			json_put_str(o, NULL, word);
	json_close(o, ']');
}

/* null: any. */
static void put_networks(struct json_out *o, struct str joined)
{
	if (joined.p != NULL)
		put_words(o, "allowed_networks", joined);
	else
		json_put_str(o, "allowed_networks", STR_NONE);
}

static void put_disabled(struct json_out *o, int64_t disabled_at)
{
	json_put_bool(o, "disabled", disabled_at != 0);
	if (disabled_at != 0)
		rest_put_time(o, "disabled_at", disabled_at);
	else
		json_put_str(o, "disabled_at", STR_NONE);
}

static void write_org(struct json_out *o, const struct org *org)
{
	bool outside = org->external_id.p != NULL;
	rest_put_uuid(o, "organization_id", org->organization_id);
	json_put_str(o, "slug", org->slug);
	json_put_str(o, "name", org->name);
	json_put_str(o, "issuer", outside ? org->issuer : STR_NONE);
	json_put_str(o, "external_id", org->external_id);
	json_put_str(o, "client_id", org->client_id);
	put_networks(o, org->networks);
	if (org->secret_max_age != 0)
		json_put_int(o, "secret_max_age", org->secret_max_age);
	else
		json_put_str(o, "secret_max_age", STR_NONE);
	rest_put_time(o, "created_at", org->created_at);
	put_disabled(o, org->disabled_at);
	if (org->clients >= 0)
		json_put_int(o, "clients", org->clients);
}

static void write_client(struct json_out *o, const struct client *c)
{
	json_put_str(o, "client_id", c->client_id);
	rest_put_uuid(o, "organization_id", c->organization_id);
	json_put_str(o, "organization", c->organization);
	json_put_bool(o, "default", c->is_default);
	json_put_str(o, "name", c->name);
	put_words(o, "roles", c->roles);
	put_words(o, "scopes", c->scopes);
	put_words(o, "audiences", c->audiences);
	json_put_int(o, "token_lifetime", c->token_lifetime);
	json_put_str(o, "token_type", c->token_type);
	put_networks(o, c->networks);
	put_words(o, "auth_methods", c->auth_methods);
	json_put_str(o, "token_binding", c->token_binding);
	json_put_str(o, "profile", c->profile);
	json_put_int(o, "secret_version", c->secret_version);
	json_put_str(o, "secret_hint", c->hint);
	rest_put_time(o, "secret_created_at", c->secret_created_at);
	json_put_str(o, "secret_created_by", c->secret_created_by);
	rest_put_time_or_null(o, "secret_expires_at", c->secret_expires_at);
	rest_put_time(o, "created_at", c->created_at);
	put_disabled(o, c->disabled_at);
}

static void put_last_use(struct json_out *o, const struct last_use *use)
{
	json_open(o, "last_use", '{');
	rest_put_time_or_null(o, "at", use->at);
	json_put_str(o, "remote_addr", use->remote_addr);
	json_put_str(o, "user_agent", use->user_agent);
	rest_put_time_or_null(o, "unknown_until", use->unknown_until);
	json_close(o, '}');
}

static void write_key(struct json_out *o, const struct registered_credential *k)
{
	json_put_str(o, "kty", k->kty);
	json_put_str(o, "alg", k->alg);
	json_put_raw(o, "public_key", k->public_jwk);
}

/* "tls_client_auth_san_dns:host.example" is a member and its value, and "x5t#S256:..." is too. */
static void write_certificate(struct json_out *o, struct str credential_id)
{
	struct str value = credential_id;
	struct str kind = str_split(&value, ':');
	for (int i = 0; i < CERTIFICATE_NAME_COUNT; i++) {
		const char *parameter = certificate_name_parameter((enum certificate_name)i);
		if (str_eq(kind, str_of(parameter)))
			json_put_str(o, parameter, value);
	}
	if (str_eq(kind, STR("x5t#S256")))
		json_put_str(o, "x5t#S256", value);
}

static void write_workload(struct json_out *o, const struct workload_terms *t)
{
	json_put_str(o, "issuer", t->issuer);
	json_put_str(o, "subject", t->subject);
	json_put_str(o, "audience", t->audience);
	json_put_raw(o, "claims", t->claims);
	json_put_bool(o, "may_replay", t->may_replay);
}

static void write_credential(struct json_out *o, const struct registered_credential *k)
{
	json_put_str(o, "credential_id", k->credential_id);
	json_put_str(o, "kind", k->kind);
	json_put_str(o, "name", k->name);
	if (k->public_jwk.p != NULL)
		write_key(o, k);
	if (str_eq(k->kind, STR("certificate")))
		write_certificate(o, k->credential_id);
	if (k->workload.issuer.p != NULL)
		write_workload(o, &k->workload);
	put_last_use(o, &k->last_use);
	rest_put_time(o, "created_at", k->created_at);
	rest_put_time_or_null(o, "expires_at", k->expires_at);
}

/* Its id is its version. */
static void write_secret(struct json_out *o, const struct registered_credential *k)
{
	json_put_raw(o, "version", k->credential_id);
	json_put_str(o, "hint", k->hint);
	put_last_use(o, &k->last_use);
	rest_put_time(o, "created_at", k->created_at);
	json_put_str(o, "created_by", k->created_by);
	rest_put_time_or_null(o, "expires_at", k->expires_at);
}

/* The secrets, or all others. */
static void write_those(struct json_out *o, const struct op_output *out, bool secrets)
{
	for (size_t i = 0; i < out->rows; i++) {
		const struct registered_credential *k = &out->credentials[i];
		if (str_eq(k->kind, STR("secret")) != secrets)
			continue;
		json_open(o, NULL, '{');
		if (secrets)
			write_secret(o, k);
		else
			write_credential(o, k);
		json_close(o, '}');
	}
}

static void write_secrets(struct json_out *o, const struct op_output *out)
{
	json_open(o, "secrets", '[');
	write_those(o, out, true);
	json_close(o, ']');
}

static void write_credentials(struct json_out *o, const struct op_output *out)
{
	json_open(o, "credentials", '[');
	write_those(o, out, false);
	json_close(o, ']');
	write_secrets(o, out);
}

static void write_users(struct json_out *o, const struct secret_in_grace *s)
{
	json_open(o, "used_by", '[');
	for (size_t i = 0; i < s->users_n; i++) {
		json_open(o, NULL, '{');
		json_put_str(o, "remote_addr", s->users[i].remote_addr);
		json_put_str(o, "user_agent", s->users[i].user_agent);
		json_put_int(o, "tokens", s->users[i].tokens);
		rest_put_time(o, "first_issued_at", s->users[i].first_issued_at);
		rest_put_time(o, "last_issued_at", s->users[i].last_issued_at);
		json_close(o, '}');
	}
	json_close(o, ']');
}

static void write_secrets_in_grace(struct json_out *o, const struct op_output *out)
{
	json_put_str(o, "client_id", out->client_id);
	json_open(o, "previous_secrets", '[');
	for (size_t i = 0; i < out->rows; i++) {
		const struct secret_in_grace *s = &out->secrets_in_grace[i];
		json_open(o, NULL, '{');
		json_put_int(o, "version", s->version);
		json_put_str(o, "hint", s->hint);
		rest_put_time(o, "created_at", s->created_at);
		rest_put_time(o, "replaced_at", s->replaced_at);
		rest_put_time(o, "expires_at", s->expires_at);
		rest_put_int_or_null(o, "unused_for", s->unused_for);
		rest_put_time_or_null(o, "counted_since", s->counted_since);
		write_users(o, s);
		json_close(o, '}');
	}
	json_close(o, ']');
}

static void write_token(struct json_out *o, const struct listed_token *t)
{
	rest_put_uuid(o, "jti", t->jti);
	rest_put_time(o, "issued_at", t->issued_at);
	rest_put_time(o, "expires_at", t->expires_at);
	json_put_str(o, "client_id", t->client_id);
	if (t->secret_version != 0)
		json_put_int(o, "secret_version", t->secret_version);
	else
		json_put_str(o, "secret_version", STR_NONE);
	json_put_str(o, "auth_method", t->auth_method);
	json_put_str(o, "credential", t->credential);
	json_put_str(o, "bound_to", t->bound_to);
	json_put_str(o, "kid", t->kid);
	json_put_str(o, "caller", t->caller);
	json_put_str(o, "scope", t->scope);
	json_put_str(o, "audience", t->audience);
	json_put_str(o, "transport", str_of(op_transport_name(t->transport)));
	json_put_str(o, "remote_addr", t->remote_addr);
	json_put_str(o, "user_agent", t->user_agent);
	rest_put_uuid(o, "request_id", t->request_id);
}

static void put_organization(struct json_out *o, const struct listed_token *t)
{
	if (t->slug.p == NULL) {
		json_put_str(o, "organization", STR_NONE);
		return;
	}
	json_open(o, "organization", '{');
	rest_put_uuid(o, "id", t->organization_id);
	json_put_str(o, "slug", t->slug);
	json_put_str(o, "name", t->organization_name);
	json_close(o, '}');
}

static void write_tokens(struct json_out *o, const struct op *op)
{
	const struct op_output *out = &op->out;
	json_open(o, "tokens", '[');
	for (size_t i = 0; i < out->rows; i++) {
		json_open(o, NULL, '{');
		write_token(o, &out->tokens[i]);
		if (op->spec->id == OP_LIST_ALL_TOKEN_AUDIT)
			put_organization(o, &out->tokens[i]);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_put_str(o, "next_page_token", out->next_page_token);
}

static void write_page(struct json_out *o, const struct op *op)
{
	const struct op_output *out = &op->out;
	json_open(o, op->spec->id == OP_LIST_CLIENTS ? "clients" : "organizations", '[');
	for (size_t i = 0; i < out->rows; i++) {
		json_open(o, NULL, '{');
		if (op->spec->id == OP_LIST_CLIENTS)
			write_client(o, &out->clients[i]);
		else
			write_org(o, &out->orgs[i]);
		json_close(o, '}');
	}
	json_close(o, ']');
	json_put_str(o, "next_page_token", out->next_page_token);
}

void rest_encode_admin(struct json_out *o, const struct op *op)
{
	const struct op_output *out = &op->out;
	switch (op->spec->id) {
	case OP_LIST_SECRETS:
		write_secrets(o, out);
		break;
	case OP_LIST_TOKEN_AUDIT:
	case OP_LIST_ALL_TOKEN_AUDIT:
		write_tokens(o, op);
		break;
	case OP_GET_ROTATION:
	case OP_PROLONG_ROTATION:
	case OP_CANCEL_ROTATION:
	case OP_GET_CLIENT_ROTATION:
	case OP_PROLONG_CLIENT_ROTATION:
	case OP_CANCEL_CLIENT_ROTATION:
		write_secrets_in_grace(o, out);
		break;
	case OP_LIST_ORGANIZATIONS:
	case OP_LIST_CLIENTS:
		write_page(o, op);
		break;
	case OP_CREATE_ORGANIZATION:
		write_org(o, &out->orgs[0]);
		json_put_str(o, "client_secret", out->client_secret);
		break;
	case OP_GET_ORGANIZATION:
	case OP_UPDATE_ORGANIZATION:
		write_org(o, &out->orgs[0]);
		break;
	case OP_CREATE_CLIENT:
		write_client(o, &out->clients[0]);
		json_put_str(o, "client_secret", out->client_secret);
		break;
	case OP_GET_CLIENT:
	case OP_UPDATE_CLIENT:
		write_client(o, &out->clients[0]);
		break;
	case OP_LIST_CREDENTIALS:
		write_credentials(o, out);
		break;
	case OP_ADD_CREDENTIAL:
	case OP_GET_CREDENTIAL:
		write_credential(o, &out->credentials[0]);
		break;
	default:
		break;
	}
}

static struct str path_of_credential(struct op *op, struct str below, struct str credential_id)
{
	struct sbuf out = sbuf_in(op->arena, 512);
	sbuf_printf(&out, "%.*s/admin/organizations/%.*s/clients/", STR_ARG(below), STR_ARG(op->in.organization));
	rest_path_put_segment(&out, op->in.client_id);
	sbuf_putz(&out, "/credentials/");
	rest_path_put_segment(&out, credential_id);
	return sbuf_str(&out);
}

struct str rest_path_of_created(struct op *op)
{
	const struct op_output *out = &op->out;
	struct str below = op->env->config->public_path;
	switch (op->spec->id) {
	case OP_CREATE_ORGANIZATION:
		return arena_printf(op->arena, "%.*s/admin/organizations/%.*s", STR_ARG(below), STR_ARG(out->orgs[0].slug));
	case OP_ADD_CREDENTIAL:
		return path_of_credential(op, below, out->credentials[0].credential_id);
	default:
		return arena_printf(op->arena, "%.*s/admin/organizations/%.*s/clients/%.*s", STR_ARG(below),
				    STR_ARG(out->clients[0].organization), STR_ARG(out->clients[0].client_id));
	}
}
