#include <criterion/criterion.h>

#include "fakes/fake_trust.h"
#include "op/discovery.h"
#include "op/openapi.h"
#include "op_test.h"
#include "json/json_read.h"

TestSuite(discovery, .init = op_up, .fini = op_down);

static struct op *ask(enum op_id id)
{
	struct op *op = new_op(id);
	op_run(op);
	return op;
}

Test(discovery, the_keys_are_the_snapshot_s)
{
	struct op *op = ask(OP_JWKS);
	answered(op, ERR_OK);
	cr_assert(str_eq(op->out.document, keyset_jwks(store.keys)));
	cr_assert_neq(op->out.document.p, keyset_jwks(store.keys).p, "the snapshot may go before the reply has left");
	cr_assert_eq(op->out.max_age, 300);
}

Test(discovery, without_a_snapshot_there_are_no_keys_to_tell)
{
	struct keyset *keys = store.keys;
	store.keys = NULL;
	answered(ask(OP_JWKS), ERR_STORE_UNAVAILABLE);
	store.keys = keys;
}

static void member_is(const struct json *object, const char *name, const char *want)
{
	struct str got = STR_NONE;
	cr_assert_eq(json_string(json_get(object, name), &got), ERR_OK, "%s", name);
	cr_assert(str_eq(got, str_of(want)), "%s is %.*s", name, STR_ARG(got));
}

#define METHODS "client_secret_basic client_secret_post private_key_jwt"
#define ALGS    "RS256 ES256 PS256 EdDSA Ed25519"

static void words_are(const struct json *object, const char *name, const char *want)
{
	struct str rest = str_of(want);
	const struct json *list = json_get(object, name);
	cr_assert_not_null(list, "%s", name);
	for (const struct json *one = list->child; one != NULL; one = one->next)
		cr_assert(str_eq(one->text, str_split(&rest, ' ')), "%s has %.*s", name, STR_ARG(one->text));
	cr_assert_null(rest.p, "%s lacks %.*s", name, STR_ARG(rest));
}

/* RFC 8414 section 2 */
static void make_documents(void)
{
	config.public_url = config.issuer;
	cr_assert_eq(discovery_documents(arena, &config, &env.documents), ERR_OK);
}

Test(discovery, the_metadata_names_our_endpoints_at_both_paths)
{
	make_documents();
	static const enum op_id paths[] = {OP_OAUTH_METADATA, OP_OPENID_METADATA};
	for (int i = 0; i < 2; i++) {
		const struct json *object = NULL;
		struct op *op = ask(paths[i]);
		answered(op, ERR_OK);
		cr_assert_eq(op->out.max_age, 3600);
		cr_assert_eq(json_parse(arena, op->out.document, (struct json_limits){.max_depth = 2, .max_values = 64}, &object), ERR_OK);
		member_is(object, "issuer", ISSUER);
		member_is(object, "token_endpoint", ISSUER "/oauth2/token");
		member_is(object, "introspection_endpoint", ISSUER "/oauth2/introspect");
		member_is(object, "revocation_endpoint", ISSUER "/oauth2/revoke");
		words_are(object, "token_endpoint_auth_methods_supported", METHODS);
		words_are(object, "introspection_endpoint_auth_methods_supported", METHODS " Bearer");
		words_are(object, "revocation_endpoint_auth_methods_supported", METHODS);
		words_are(object, "token_endpoint_auth_signing_alg_values_supported", ALGS);
		words_are(object, "introspection_endpoint_auth_signing_alg_values_supported", ALGS);
		words_are(object, "revocation_endpoint_auth_signing_alg_values_supported", ALGS);
		member_is(object, "jwks_uri", ISSUER "/.well-known/jwks.json");
		cr_assert(str_eq(json_get(object, "grant_types_supported")->child->text, STR("client_credentials")));
		cr_assert_not_null(json_get(object, "response_types_supported"), "REQUIRED, though there is none");
	}
}

static void grants_are(const char *want)
{
	static const enum op_id paths[] = {OP_OAUTH_METADATA, OP_OPENID_METADATA};
	for (int i = 0; i < 2; i++) {
		const struct json *object = NULL;
		struct op *op = ask(paths[i]);
		answered(op, ERR_OK);
		cr_assert_eq(json_parse(arena, op->out.document, (struct json_limits){.max_depth = 2, .max_values = 64}, &object), ERR_OK);
		words_are(object, "grant_types_supported", want);
	}
}

Test(discovery, the_jwt_bearer_grant_is_named_only_while_an_issuer_of_workloads_is_trusted)
{
	struct trust_view trust = {.issuer = {.issuer = STR("https://platform.example")}};
	make_documents();
	grants_are("client_credentials");
	env.trust = &trust;
	grants_are("client_credentials");
	trust.issuer.workloads = true;
	grants_are("client_credentials urn:ietf:params:oauth:grant-type:jwt-bearer");
	trust.issuer.workloads = false;
	grants_are("client_credentials");
	env.trust = NULL;
}

Test(discovery, an_installation_of_fapi2_takes_neither_secrets_nor_rs256)
{
	const struct json *object = NULL;
	config.fapi2 = true;
	make_documents();
	struct op *op = ask(OP_OAUTH_METADATA);
	answered(op, ERR_OK);
	cr_assert_eq(json_parse(arena, op->out.document, (struct json_limits){.max_depth = 2, .max_values = 64}, &object), ERR_OK);
	words_are(object, "token_endpoint_auth_methods_supported", "private_key_jwt");
	words_are(object, "introspection_endpoint_auth_methods_supported", "private_key_jwt Bearer");
	words_are(object, "revocation_endpoint_auth_methods_supported", "private_key_jwt");
	words_are(object, "token_endpoint_auth_signing_alg_values_supported", "ES256 PS256 EdDSA Ed25519");
}

Test(discovery, the_contract_is_told_in_yaml_and_in_json)
{
	make_documents();
	struct op *op = ask(OP_OPENAPI_YAML);
	answered(op, ERR_OK);
	cr_assert(str_starts(op->out.document, STR("# ")) && op->out.document.p == env.documents.openapi_yaml.p, "not copied");
	cr_assert_str_eq(op->out.document_type, "application/yaml");
	cr_assert_eq(op->out.max_age, 3600);

	op = ask(OP_OPENAPI_JSON);
	answered(op, ERR_OK);
	cr_assert(str_starts(op->out.document, STR("{\"openapi\":\"3.1.0\",")) && op->out.document.p == env.documents.openapi_json.p);
	cr_assert_str_eq(op->out.document_type, "application/json");
	cr_assert_eq(op->out.max_age, 3600);
}

Test(discovery, the_contract_differs_by_the_server_alone)
{
	const struct str server = STR(ISSUER);
	make_documents();
	const struct str made[] = {env.documents.openapi_yaml, env.documents.openapi_json}, source[] = {openapi_yaml, openapi_json};
	for (int i = 0; i < 2; i++) {
		size_t same = 0;
		while (made[i].p[same] == source[i].p[same])
			same++;
		size_t tail = source[i].n - same - 1;
		cr_assert_eq(made[i].n, source[i].n - 1 + server.n);
		cr_assert(str_starts(str_from(made[i].p + same, made[i].n - same), server));
		cr_assert_eq(memcmp(made[i].p + made[i].n - tail, source[i].p + source[i].n - tail, tail), 0);
	}
}

Test(discovery, there_is_no_authorization_endpoint_to_use)
{
	answered(ask(OP_OAUTH_AUTHORIZE), ERR_UNSUPPORTED_RESPONSE_TYPE);
}

Test(discovery, documents_that_do_not_fit_are_an_error)
{
	struct arena *small = arena_new(64);
	struct documents untouched = {.oauth = {STR("x")}};
	cr_assert_eq(discovery_documents(small, &config, &untouched), ERR_NO_MEMORY);
	cr_assert(str_eq(untouched.oauth[0], STR("x")));
	arena_free(small);
}
