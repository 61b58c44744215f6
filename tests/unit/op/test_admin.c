/* The operator's API on a store that answers what the test says; tests/e2e/test_admin.c has the
 * real one. */
#include <criterion/criterion.h>

#include "fakes/fake_clock.h"
#include "op/portal.h"
#include "op_test.h"

TestSuite(admin, .init = op_up, .fini = op_down);

static struct op *prepared(enum op_id id)
{
	struct op *op = new_op(id);
	struct claims c = operator_claims();
	c.organization_id = NULL;
	c.roles = "[\"platform\"]";
	op->in.bearer = token_from(c);
	store.calls = 0;
	store.waiting = FAKE_NONE;
	return op;
}

static void answer_org(int64_t disabled_at)
{
	struct org org = {.slug = STR("acme"), .name = STR("Acme"), .disabled_at = disabled_at};
	cr_assert_eq(uuid_parse(STR(ORGANIZATION), &org.organization_id), ERR_OK);
	struct admin_answer answer = {.orgs = &org, .n = 1};
	fake_admin(&store, ERR_OK, &answer);
}

/* An act is answered once its refusal is recorded, anything else at once. */
static void forbidden(struct op *op)
{
	store.calls = 0;
	op_run(op);
	if (op->act.action == NULL) {
		refused_unasked(op, ERR_FORBIDDEN);
		return;
	}
	cr_assert_not(op->finished);
	cr_assert_eq(store.refusal, ERR_FORBIDDEN);
	cr_assert_eq(op->act.below == NULL, op->platform);
	fake_recorded(&store, ERR_OK);
	answered(op, ERR_FORBIDDEN);
}

Test(admin, every_operation_wants_the_platform_s_role)
{
	for (size_t i = 0; i < OP_COUNT; i++) {
		if (op_specs[i].who != OP_BY_PLATFORM)
			continue;
		struct op *op = new_op((enum op_id)i);
		op->in.bearer = token_from(operator_claims());
		forbidden(op);
		op = new_op((enum op_id)i);
		op->in.bearer = token_from(client_claims());
		forbidden(op);
		op = new_op((enum op_id)i);
		store.calls = 0;
		op_run(op);
		refused_unasked(op, ERR_MISSING_TOKEN);
	}
}

Test(admin, a_platform_token_opens_no_organization_s_route)
{
	for (size_t i = 0; i < OP_COUNT; i++) {
		if (op_specs[i].who != OP_BY_MEMBER && op_specs[i].who != OP_BY_ADMIN)
			continue;
		forbidden(prepared((enum op_id)i));
	}
}

Test(admin, a_refusal_that_can_t_be_recorded_isn_t_told)
{
	struct op *op = prepared(OP_GET_CLIENT_SECRET);
	op_run(op);
	fake_recorded(&store, ERR_STORE_UNAVAILABLE);
	answered(op, ERR_STORE_UNAVAILABLE);
}

/* One that is beyond the bound on rows is told all the same. */
Test(admin, a_refusal_that_the_store_doesn_t_take_is_told_or_not)
{
	store.refuse = ERR_OVERLOADED;
	struct op *op = prepared(OP_GET_CLIENT_SECRET);
	op_run(op);
	answered(op, ERR_OVERLOADED);
	store.refuse = ERR_RATE_LIMITED;
	op = prepared(OP_GET_CLIENT_SECRET);
	op_run(op);
	answered(op, ERR_FORBIDDEN);
	store.refuse = ERR_OK;
}

Test(admin, a_new_organization_s_answer_has_what_the_store_kept_the_verifier_of)
{
	struct op *op = prepared(OP_CREATE_ORGANIZATION);
	op->in.new_org.slug = STR("acme");
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_ORG_CREATE);
	cr_assert(str_eq(store.new_org.name, STR("acme")));
	cr_assert_eq(store.new_org.client.token_lifetime, 86400);
	cr_assert_eq(store.fresh->replaces, 0);
	cr_assert(str_eq(store.origin->actor, STR("ops@example.com")));
	struct secret_params params = {.organization_id = store.organization_id, .client_id = store.fresh->client_id, .version = 1};
	uint8_t verifier[SHA256_LEN];
	memcpy(params.salt, store.fresh->kept.salt, sizeof params.salt);
	answer_org(0);
	answered(op, ERR_OK);
	char secret[SECRET_LEN];
	cr_assert_eq(secret_derive(&config.ring.keys[0], &params, secret), ERR_OK);
	cr_assert(str_eq(op->out.client_secret, str_from(secret, sizeof secret)));
	cr_assert_eq(secret_verifier(&config.ring.keys[0], params.client_id, op->out.client_secret, verifier), ERR_OK);
	cr_assert_arr_eq(verifier, op->fresh.kept.verifier, sizeof verifier);
}

Test(admin, what_is_wrong_is_told_before_the_store_is_asked)
{
	struct op *op = prepared(OP_CREATE_ORGANIZATION);
	op->in.new_org.slug = STR("Acme");
	op_run(op);
	refused_unasked(op, ERR_INVALID_REQUEST);
	static const struct str platform = {"platform", 8};
	op = prepared(OP_CREATE_CLIENT);
	op->in.organization = STR("acme");
	op->in.client.roles = (struct words){&platform, 1};
	op_run(op);
	refused_unasked(op, ERR_INVALID_REQUEST);
	op = prepared(OP_LIST_CLIENTS);
	op->in.organization = STR("acme");
	op->in.page_size = 101;
	op_run(op);
	refused_unasked(op, ERR_INVALID_REQUEST);
	op = prepared(OP_LIST_CLIENTS);
	op->in.organization = STR("acme");
	op->in.page_token = STR("JyBvciAxPTE");
	op_run(op);
	refused_unasked(op, ERR_INVALID_REQUEST);
}

Test(admin, a_page_goes_on_where_the_one_before_ended)
{
	struct org orgs[] = {{.slug = STR("a")}, {.slug = STR("b-1")}};
	struct admin_answer answer = {.orgs = orgs, .n = 2, .more = true};
	struct op *op = prepared(OP_LIST_ORGANIZATIONS);
	op->in.page_size = 2;
	op_run(op);
	cr_assert_eq(store.limit, 2);
	cr_assert_null(store.after.p);
	fake_admin(&store, ERR_OK, &answer);
	answered(op, ERR_OK);
	struct str token = arena_copy(arena, op->out.next_page_token);
	op = prepared(OP_LIST_ORGANIZATIONS);
	op->in.page_token = token;
	op_run(op);
	cr_assert(str_eq(store.after, STR("b-1")));
	cr_assert_eq(store.limit, 50);
	answer.more = false;
	fake_admin(&store, ERR_OK, &answer);
	answered(op, ERR_OK);
	cr_assert_null(op->out.next_page_token.p);
}

Test(admin, a_secret_is_read_on_behalf_of_the_organization_in_the_path)
{
	struct op *op = prepared(OP_READ_CLIENT_SECRET);
	op->in.organization = STR("acme");
	op->in.client_id = STR(CLIENT);
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_ORG_FIND);
	answer_org(0);
	cr_assert_eq(store.waiting, FAKE_READ_SECRET);
	cr_assert(str_eq(store.client_id, STR(CLIENT)));
	cr_assert(store.bearer->admin && store.bearer->client_id.p == NULL);
	struct credential c = credential_of("k1", 3);
	fake_answer(&store, ERR_OK, &c);
	answered(op, ERR_OK);
	cr_assert(str_eq(op->out.client_secret, secret_of("k1", 3)));

	op = prepared(OP_READ_CLIENT_SECRET);
	op->in.organization = STR("acme");
	op_run(op);
	answer_org(1);
	answered(op, ERR_CONFLICT);
}

#define EC_JWK                                                                                                                             \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                                         \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"
#define EC_ID "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"

static struct op *with_key(const char *kind, const char *text)
{
	struct op *op = prepared(OP_ADD_CREDENTIAL);
	op->in.organization = STR("acme");
	op->in.client_id = STR(CLIENT);
	op->in.new_credential.kind = str_of(kind);
	op->in.new_credential.text = str_of(text);
	return op;
}

Test(admin, a_key_is_registered_under_its_thumbprint)
{
	struct registered_credential made = {.credential_id = STR(EC_ID), .public_jwk = STR(EC_JWK), .kty = STR("EC")};
	struct op *op = with_key("key", EC_JWK);
	op->in.new_credential.name = STR("build");
	op->in.new_credential.expires_at = (NOW + 60) * 1000000;
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_KEY_ADD);
	cr_assert(str_eq(store.org, STR("acme")) && str_eq(store.client_id, STR(CLIENT)));
	cr_assert(str_eq(store.new_credential.credential_id, STR(EC_ID)) && str_eq(store.new_credential.name, STR("build")));
	cr_assert_eq(store.new_credential.expires_at, (NOW + 60) * 1000000);
	cr_assert(str_eq(store.origin->actor, STR("ops@example.com")));
	fake_keys(&store, ERR_OK, &made, 1);
	answered(op, ERR_OK);
	cr_assert_eq(op->out.rows, 1);
	cr_assert(str_eq(op->out.credentials[0].public_jwk, STR(EC_JWK)));
	op = with_key("key", EC_JWK);
	op_run(op);
	fake_keys(&store, ERR_ALREADY_EXISTS, NULL, 0);
	answered(op, ERR_ALREADY_EXISTS);
	cr_assert_str_eq(op->err_detail, "The client has this credential already.");
}

Test(admin, what_is_no_key_to_register_is_told_and_asks_nothing)
{
	static const struct {
		const char *kind, *text;
		int64_t expires_at;
		const char *says;
	} cases[] = {
		{NULL, EC_JWK, 0, "kind must be key, certificate or workload."},
		{"secret", EC_JWK, 0, "kind must be key, certificate or workload."},
		{"key", NULL, 0, "public_key must be"},
		{"key", "{\"kty\":\"oct\",\"k\":\"AAAA\"}", 0, "symmetric"},
		{"key", "-----BEGIN PRIVATE KEY-----\n", 0, "private key"},
		{"key", EC_JWK, -1, "expires_at must be"},
		{"key", EC_JWK, NOW * 1000000, "expires_at must be"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct op *op = with_key(cases[i].kind, cases[i].text);
		op->in.new_credential.expires_at = cases[i].expires_at;
		op_run(op);
		refused_unasked(op, ERR_INVALID_REQUEST);
		cr_expect_not_null(strstr(op->err_detail, cases[i].says), "%s", op->err_detail);
	}
}

Test(admin, a_client_s_keys_are_listed_and_removed)
{
	struct registered_credential keys[] = {{.credential_id = STR("a")}, {.credential_id = STR("b"), .alg = STR("ES256")}};
	struct op *op = prepared(OP_LIST_CREDENTIALS);
	op->in.client_id = STR(CLIENT);
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_KEY_LIST);
	fake_keys(&store, ERR_OK, keys, 2);
	answered(op, ERR_OK);
	cr_assert(op->out.rows == 2 && str_eq(op->out.credentials[1].alg, STR("ES256")));
	op = prepared(OP_GET_CREDENTIAL);
	op->in.credential_id = STR("tls_client_auth_san_dns:host.example");
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_KEY_GET);
	cr_assert(str_eq(store.credential_id, op->in.credential_id));
	keys[0].last_use = (struct last_use){.at = 1, .remote_addr = STR("192.0.2.1"), .user_agent = STR("curl"), .unknown_until = 2};
	fake_keys(&store, ERR_OK, keys, 1);
	answered(op, ERR_OK);
	cr_assert(op->out.rows == 1 && op->out.credentials[0].last_use.at == 1 && op->out.credentials[0].last_use.unknown_until == 2);
	cr_assert(str_eq(op->out.credentials[0].last_use.remote_addr, STR("192.0.2.1")));
	cr_assert_neq(op->out.credentials[0].last_use.user_agent.p, keys[0].last_use.user_agent.p, "the row is gone by then");
	op = prepared(OP_REMOVE_CREDENTIAL);
	op->in.credential_id = STR("b");
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_KEY_REMOVE);
	cr_assert(str_eq(store.credential_id, STR("b")));
	fake_keys(&store, ERR_CREDENTIAL_NOT_FOUND, NULL, 0);
	answered(op, ERR_CREDENTIAL_NOT_FOUND);
}

Test(admin, a_store_that_is_away_is_said_to_be)
{
	store.refuse = ERR_STORE_UNAVAILABLE;
	for (size_t i = 0; i < OP_COUNT; i++) {
		if (op_specs[i].who != OP_BY_PLATFORM)
			continue;
		struct op *op = prepared((enum op_id)i);
		op->in.organization = STR("acme");
		op->in.client_id = STR(CLIENT);
		op->in.new_org.slug = STR("acme");
		op->in.new_credential = (struct op_new_credential){.kind = STR("key"), .text = STR(EC_JWK)};
		op_portal_of(op)->session_id = STR("01a2081a-5c1d-7c7e-8a1b-0f9d5f0c1a2b");
		op_run(op);
		cr_assert_eq(op->err, ERR_STORE_UNAVAILABLE, "%s: %s", op_specs[i].name, err_info(op->err)->code);
		cr_assert_null(op->out.client_secret.p);
	}
}
