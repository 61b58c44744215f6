/* What anyone may read: the public keys, where everything is, and the REST contract. */
#include "op/discovery.h"

#include <assert.h>

#include "op/op_steps.h"
#include "op/openapi.h"
#include "op/workload.h"
#include "json/json_write.h"

#define METADATA_MAX_AGE_S 3600
#define OPENAPI_MAX_AGE_S  3600

static enum op_verdict jwks(struct op *op)
{
	struct keyset *keys = store_keyset(op->env->store);
	if (keys == NULL)
		return op_fail(op, ERR_STORE_UNAVAILABLE, NULL);
	op->out.document = arena_copy(op->arena, keyset_jwks(keys));
	op->out.max_age = (int32_t)op->env->config->jwks_max_age_s;
	return OP_MORE;
}

static enum op_verdict show(struct op *op, struct str text, const char *type, int32_t max_age)
{
	op->out.document = text;
	op->out.document_type = type;
	op->out.max_age = max_age;
	return OP_MORE;
}

/* Whether the jwt-bearer grant is taken: the list of issuers may change any time. */
static bool takes_workloads(const struct op *op)
{
	return op->env->trust != NULL && trust_has_workloads(op->env->trust);
}

static enum op_verdict oauth_metadata(struct op *op)
{
	return show(op, op->env->documents.oauth[takes_workloads(op)], "application/json", METADATA_MAX_AGE_S);
}

static enum op_verdict openid_metadata(struct op *op)
{
	return show(op, op->env->documents.openid[takes_workloads(op)], "application/json", METADATA_MAX_AGE_S);
}

static enum op_verdict contract_yaml(struct op *op)
{
	/* RFC 9512 */
	return show(op, op->env->documents.openapi_yaml, "application/yaml", OPENAPI_MAX_AGE_S);
}

static enum op_verdict contract_json(struct op *op)
{
	return show(op, op->env->documents.openapi_json, "application/json", OPENAPI_MAX_AGE_S);
}

/* RFC 6749 section 4.1.2.1: without a client that is known to it, it tells the person, and sends
 * the browser nowhere. */
static enum op_verdict authorize(struct op *op)
{
	return op_fail(op, ERR_UNSUPPORTED_RESPONSE_TYPE, NULL);
}

/* ---- the metadata ---- */

static void put_url(struct json_out *o, const char *key, struct arena *a, struct str base, enum op_id id)
{
	json_put_str(o, key, arena_printf(a, "%.*s%s", STR_ARG(base), op_specs[id].path));
}

#define CLIENT_AUTH_METHOD_NAMES "\"client_secret_basic\",\"client_secret_post\""
#define CLIENT_AUTH_METHODS      "[" CLIENT_AUTH_METHOD_NAMES "]"

/* OpenID Connect Discovery 1.0 section 3 requires an authorization endpoint, RFC 8414 section 2
 * only where a grant uses it. */
static struct str metadata(struct arena *a, const struct config *config, bool openid, bool workloads)
{
	struct sbuf text = sbuf_in(a, 2048);
	struct json_out o = json_out_start(&text);
	json_open(&o, NULL, '{');
	json_put_str(&o, "issuer", config->issuer);
	if (openid)
		put_url(&o, "authorization_endpoint", a, config->public_url, OP_OAUTH_AUTHORIZE);
	put_url(&o, "token_endpoint", a, config->public_url, OP_OAUTH_TOKEN);
	put_url(&o, "jwks_uri", a, config->public_url, OP_JWKS);
	json_put_raw(&o, "grant_types_supported",
		     workloads ? STR("[\"client_credentials\",\"" WORKLOAD_GRANT "\"]") : STR("[\"client_credentials\"]"));
	/* required and never empty (RFC 8414 sections 2 and 3.2); no authorization endpoint
	 * answers with anything */
	json_put_raw(&o, "response_types_supported", STR("[\"none\"]"));
	json_put_raw(&o, "token_endpoint_auth_methods_supported",
		     STR("[\"client_secret_basic\",\"client_secret_post\",\"private_key_jwt\"]"));
	json_put_raw(&o, "token_endpoint_auth_signing_alg_values_supported", STR("[\"RS256\",\"ES256\",\"PS256\",\"EdDSA\",\"Ed25519\"]"));
	put_url(&o, "introspection_endpoint", a, config->public_url, OP_INTROSPECT_TOKEN);
	json_put_raw(&o, "introspection_endpoint_auth_methods_supported", STR("[" CLIENT_AUTH_METHOD_NAMES ",\"Bearer\"]"));
	put_url(&o, "revocation_endpoint", a, config->public_url, OP_REVOKE_TOKEN);
	json_put_raw(&o, "revocation_endpoint_auth_methods_supported", STR(CLIENT_AUTH_METHODS));
	json_put_raw(&o, "subject_types_supported", STR("[\"public\"]"));
	json_put_raw(&o, "id_token_signing_alg_values_supported", STR("[\"RS256\",\"ES256\",\"PS256\",\"EdDSA\"]"));
	json_close(&o, '}');
	return sbuf_str(&text);
}

/* ---- the contract ---- */

#define YAML_SERVER "\nservers:\n  - url: "
#define JSON_SERVER "\"servers\":[{\"url\":\""

/* `text` with `url` in place of the one slash that stands behind `before`. An issuer has no
 * character that YAML or JSON escapes. */
static struct str with_server(struct arena *a, struct str text, struct str before, struct str url)
{
	const char *at = memmem(text.p, text.n, before.p, before.n);
	assert(at != NULL && at[before.n] == '/');
	size_t head = (size_t)(at - text.p) + before.n;
	size_t tail = text.n - head - 1;
	char *to = arena_room(a, head + url.n + tail);
	if (to == NULL)
		return STR_NONE;
	memcpy(to, text.p, head);
	memcpy(to + head, url.p, url.n);
	memcpy(to + head + url.n, text.p + head + 1, tail);
	return str_from(to, head + url.n + tail);
}

enum err discovery_documents(struct arena *a, const struct config *config, struct documents *ret)
{
	const struct documents made = {
		.oauth = {metadata(a, config, false, false), metadata(a, config, false, true)},
		.openid = {metadata(a, config, true, false), metadata(a, config, true, true)},
		.openapi_yaml = with_server(a, openapi_yaml, STR(YAML_SERVER), config->public_url),
		.openapi_json = with_server(a, openapi_json, STR(JSON_SERVER), config->public_url),
	};
	if (arena_overflowed(a))
		return ERR_NO_MEMORY;
	*ret = made;
	return ERR_OK;
}

size_t discovery_room(void)
{
	return openapi_yaml.n + openapi_json.n + DISCOVERY_ROOM;
}

op_step *const op_jwks_steps[] = {jwks, NULL};
op_step *const op_oauth_metadata_steps[] = {oauth_metadata, NULL};
op_step *const op_openid_metadata_steps[] = {openid_metadata, NULL};
op_step *const op_authorize_steps[] = {authorize, NULL};
op_step *const op_openapi_yaml_steps[] = {contract_yaml, NULL};
op_step *const op_openapi_json_steps[] = {contract_json, NULL};
