/* What anyone may read: the public keys, where everything is, and the REST contract. */
#include "op/discovery.h"

#include "op/op_steps.h"
#include "op/openapi.h"
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

static enum op_verdict metadata(struct op *op)
{
	op->out.document = op->env->metadata;
	op->out.max_age = METADATA_MAX_AGE_S;
	return OP_MORE;
}

static enum op_verdict contract(struct op *op, struct str text, const char *type)
{
	op->out.document = text;
	op->out.document_type = type;
	op->out.max_age = OPENAPI_MAX_AGE_S;
	return OP_MORE;
}

static enum op_verdict contract_yaml(struct op *op)
{
	return contract(op, openapi_yaml, "application/yaml"); /* RFC 9512 */
}

static enum op_verdict contract_json(struct op *op)
{
	return contract(op, openapi_json, "application/json");
}

static void put_url(struct json_out *o, const char *key, struct arena *a, struct str issuer, const char *path)
{
	json_put_str(o, key, arena_printf(a, "%.*s%s", STR_ARG(issuer), path));
}

struct str discovery_document(struct arena *a, const struct config *config)
{
	struct sbuf text = sbuf_in(a, 1024);
	struct json_out o = json_out_start(&text);
	json_open(&o, NULL, '{');
	json_put_str(&o, "issuer", config->issuer);
	put_url(&o, "token_endpoint", a, config->issuer, op_specs[OP_OAUTH_TOKEN].path);
	put_url(&o, "jwks_uri", a, config->issuer, op_specs[OP_JWKS].path);
	json_put_raw(&o, "grant_types_supported", STR("[\"client_credentials\"]"));
	/* required and never empty (RFC 8414 section 2); there is no authorization endpoint to answer with anything */
	json_put_raw(&o, "response_types_supported", STR("[\"none\"]"));
	json_put_raw(&o, "token_endpoint_auth_methods_supported", STR("[\"client_secret_basic\",\"client_secret_post\"]"));
	json_put_raw(&o, "subject_types_supported", STR("[\"public\"]"));
	json_put_raw(&o, "id_token_signing_alg_values_supported", STR("[\"RS256\",\"ES256\",\"PS256\",\"EdDSA\"]"));
	json_close(&o, '}');
	return sbuf_str(&text);
}

op_step *const op_jwks_steps[] = {jwks, NULL};
op_step *const op_metadata_steps[] = {metadata, NULL};
op_step *const op_openapi_yaml_steps[] = {contract_yaml, NULL};
op_step *const op_openapi_json_steps[] = {contract_json, NULL};
