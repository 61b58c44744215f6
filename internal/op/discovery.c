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

/* RFC 8705 sections 3.3 and 5. */
static void put_certificates(struct json_out *o, struct arena *a, const struct config *config)
{
	if (!config_takes_certificates(config))
		return;
	json_put_bool(o, "tls_client_certificate_bound_access_tokens", true);
	if (config->mtls_url.p == NULL)
		return;
	json_open(o, "mtls_endpoint_aliases", '{');
	put_url(o, "token_endpoint", a, config->mtls_url, OP_OAUTH_TOKEN);
	put_url(o, "introspection_endpoint", a, config->mtls_url, OP_INTROSPECT_TOKEN);
	put_url(o, "revocation_endpoint", a, config->mtls_url, OP_REVOKE_TOKEN);
	json_close(o, '}');
}

/* Of what clients sign. FAPI 2.0 Security Profile section 5.4.1 leaves RS256 out. */
static void put_algs(struct json_out *o, const char *key, const struct config *config)
{
	json_put_raw(o, key,
		     config->fapi2 ? STR("[\"ES256\",\"PS256\",\"EdDSA\",\"Ed25519\"]")
				   : STR("[\"RS256\",\"ES256\",\"PS256\",\"EdDSA\",\"Ed25519\"]"));
}

/* Names count only where somebody vouches for them. */
static void put_certificate_methods(struct json_out *o, const struct config *config)
{
	if (!config_takes_certificates(config))
		return;
	if (config->tls_clients.text.p != NULL)
		json_put_str(o, NULL, STR("tls_client_auth"));
	/* where an authority's signature is required, no other certificate comes */
	if (config->client_certs != CONFIG_CERTS_REQUIRE || config->proxies.certificate_field.p != NULL)
		json_put_str(o, NULL, STR("self_signed_tls_client_auth"));
}

/* How clients authenticate at an endpoint, and with which algorithms they sign: the same at all.
 * FAPI 2.0 Security Profile sections 5.3.2.1 and 5.4.1 leave secrets and RS256 out. */
static void put_client_auth(struct json_out *o, const struct config *config, const char *methods, const char *algs, bool bearer)
{
	json_open(o, methods, '[');
	if (!config->fapi2) {
		json_put_str(o, NULL, STR("client_secret_basic"));
		json_put_str(o, NULL, STR("client_secret_post"));
	}
	json_put_str(o, NULL, STR("private_key_jwt"));
	put_certificate_methods(o, config);
	if (bearer)
		json_put_str(o, NULL, STR("Bearer"));
	json_close(o, ']');
	put_algs(o, algs, config);
}

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
	put_client_auth(&o, config, "token_endpoint_auth_methods_supported", "token_endpoint_auth_signing_alg_values_supported", false);
	put_algs(&o, "dpop_signing_alg_values_supported", config);
	put_url(&o, "introspection_endpoint", a, config->public_url, OP_INTROSPECT_TOKEN);
	put_client_auth(&o, config, "introspection_endpoint_auth_methods_supported",
			"introspection_endpoint_auth_signing_alg_values_supported", true);
	put_url(&o, "revocation_endpoint", a, config->public_url, OP_REVOKE_TOKEN);
	put_client_auth(&o, config, "revocation_endpoint_auth_methods_supported", "revocation_endpoint_auth_signing_alg_values_supported",
			false);
	put_certificates(&o, a, config);
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
