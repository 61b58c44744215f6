/* Bearers of an outside issuer: whose key, which claims, which organization. */
#include <criterion/criterion.h>

#include "crypto/jwt.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_trust.h"
#include "op_test.h"

#define OUTSIDE "https://idp.example/"

static struct trust_view trust;
static struct signing_key *theirs;

static void up(void)
{
	op_up();
	cr_assert_eq(signing_key_generate(JWT_ES256, &theirs), ERR_OK);
	trust = (struct trust_view){
		.issuer = {.issuer = STR(OUTSIDE),
			   .audience = STR("api"),
			   .organization_claim = STR("org_id"),
			   .roles_claim = STR("roles"),
			   .admin_role = STR("boss")},
		.kid = signing_key_kid(theirs),
		.key = theirs,
	};
	env.trust = &trust;
}

static void down(void)
{
	op_down();
	signing_key_free(theirs);
}

TestSuite(outsider, .init = up, .fini = down);

static struct str bearer(const char *claims)
{
	struct sbuf json = sbuf_in(arena, 512);
	struct sbuf token = sbuf_in(arena, 1024);
	sbuf_printf(&json, "{\"iss\":\"" OUTSIDE "\",\"aud\":\"api\",\"exp\":1767229200%s}", claims);
	cr_assert_eq(jwt_sign(theirs, false, sbuf_str(&json), &token), ERR_OK);
	return sbuf_str(&token);
}

static struct op *call(enum op_id id, const char *claims)
{
	struct op *op = new_op(id);
	op->in.bearer = bearer(claims);
	store.calls = 0;
	store.waiting = FAKE_NONE;
	op_run(op);
	return op;
}

#define ACME ",\"sub\":\"alice\",\"org_id\":\"org_1\",\"roles\":[\"boss\"]"

static struct org acme(void)
{
	struct org org = {.slug = STR("acme")};
	cr_assert_eq(uuid_parse(STR(ORGANIZATION), &org.organization_id), ERR_OK);
	return org;
}

static void answer_with(const struct org *org)
{
	struct admin_answer answer = {.orgs = org, .n = 1};
	fake_admin(&store, ERR_OK, &answer);
}

Test(outsider, its_organization_is_asked_for_by_the_issuer_s_own_name_for_it)
{
	struct org org = acme();
	struct op *op = call(OP_GET_CLIENT_SECRET, ACME);
	cr_assert_eq(store.waiting, FAKE_ORG_RESOLVE);
	cr_assert(str_eq(store.issuer, STR(OUTSIDE)) && str_eq(store.external, STR("org_1")));
	answer_with(&org);
	cr_assert_eq(store.waiting, FAKE_READ_SECRET);
	cr_assert(op->caller.admin && op->caller.client_id.p == NULL);
	cr_assert_eq(memcmp(&op->caller.organization_id, &org.organization_id, sizeof org.organization_id), 0);
	cr_assert(str_eq(op->origin.actor, STR(OUTSIDE " alice")), "a subject means something only beside its issuer");
	struct credential c = credential_of("k2", 3);
	fake_answer(&store, ERR_OK, &c);
	answered(op, ERR_OK);
}

Test(outsider, who_lacks_the_issuer_s_admin_role_is_a_member)
{
	struct org org = acme();
	struct op *op = call(OP_GET_CLIENT_ID, ",\"sub\":\"bob\",\"org_id\":\"org_1\",\"roles\":[\"admin\"]");
	answer_with(&org);
	cr_assert_not(op->caller.admin);
}

Test(outsider, an_unknown_organization_is_forbidden)
{
	struct op *op = call(OP_GET_CLIENT_ID, ACME);
	fake_admin(&store, ERR_ORGANIZATION_NOT_FOUND, NULL);
	answered(op, ERR_FORBIDDEN);
}

Test(outsider, at_first_sight_an_organization_is_made_where_the_issuer_may)
{
	trust.issuer.create_organizations = true;
	struct op *op = call(OP_GET_CLIENT_ID, ",\"sub\":\"alice\",\"org_id\":\"Org One!\",\"roles\":[]");
	fake_admin(&store, ERR_ORGANIZATION_NOT_FOUND, NULL);
	cr_assert_eq(store.waiting, FAKE_ORG_CREATE);
	cr_assert(str_starts(store.new_org.slug, STR("org-one-")), "%.*s", STR_ARG(store.new_org.slug));
	cr_assert(str_eq(store.new_org.name, STR("Org One!")) && str_eq(store.new_org.external_id, STR("Org One!")));
	cr_assert(str_eq(store.new_org.issuer, STR(OUTSIDE)));
	cr_assert(store.new_org.client.roles.n == 1 && str_eq(store.new_org.client.roles.v[0], STR("admin")));
	cr_assert(client_id_well_formed(store.fresh->client_id));
	struct org org = acme();
	answer_with(&org);
	cr_assert_eq(store.waiting, FAKE_READ_CLIENT_ID);
	cr_assert_neq(secret_well_formed(str_from(op->secret, SECRET_LEN)), true, "nobody asked for the secret");
}

/* What was made before such names were refused is found by them all the same. */
Test(outsider, none_is_made_with_a_name_that_hides_something)
{
	static const char claims[] = ",\"sub\":\"alice\",\"org_id\":\"a\\u202eb\",\"roles\":[]";
	struct org org = acme();
	trust.issuer.create_organizations = true;
	struct op *op = call(OP_GET_CLIENT_ID, claims);
	fake_admin(&store, ERR_ORGANIZATION_NOT_FOUND, NULL);
	answered(op, ERR_FORBIDDEN);
	call(OP_GET_CLIENT_ID, claims);
	cr_assert(str_eq(store.external, STR("a\xe2\x80\xae"
					     "b")));
	answer_with(&org);
	cr_assert_eq(store.waiting, FAKE_READ_CLIENT_ID);
}

Test(outsider, of_two_first_sights_at_once_one_makes_it)
{
	trust.issuer.create_organizations = true;
	call(OP_GET_CLIENT_ID, ACME);
	fake_admin(&store, ERR_ORGANIZATION_NOT_FOUND, NULL);
	fake_admin(&store, ERR_ALREADY_EXISTS, NULL);
	cr_assert_eq(store.waiting, FAKE_ORG_RESOLVE);
	struct org org = acme();
	answer_with(&org);
	cr_assert_eq(store.waiting, FAKE_READ_CLIENT_ID);
}

Test(outsider, keys_that_are_being_fetched_are_waited_for_once)
{
	trust.key = NULL;
	trust.find = ERR_AGAIN;
	struct op *op = call(OP_GET_CLIENT_ID, ACME);
	cr_assert_eq(trust.waits, 1);
	trust.key = theirs;
	fake_trust_fetched(&trust, ERR_OK);
	cr_assert_eq(store.waiting, FAKE_ORG_RESOLVE);

	trust.key = NULL;
	op = call(OP_GET_CLIENT_ID, ACME);
	fake_trust_fetched(&trust, ERR_OK);
	refused_unasked(op, ERR_ISSUER_UNAVAILABLE);
	cr_assert_eq(trust.waits, 2);

	op = call(OP_GET_CLIENT_ID, ACME);
	fake_trust_fetched(&trust, ERR_ISSUER_UNAVAILABLE);
	refused_unasked(op, ERR_ISSUER_UNAVAILABLE);
	trust.wait = ERR_OVERLOADED;
	refused_unasked(call(OP_GET_CLIENT_ID, ACME), ERR_OVERLOADED);
	trust.find = ERR_ISSUER_UNAVAILABLE;
	refused_unasked(call(OP_GET_CLIENT_ID, ACME), ERR_ISSUER_UNAVAILABLE);
	trust.find = ERR_NOT_PRESENT;
	refused_unasked(call(OP_GET_CLIENT_ID, ACME), ERR_INVALID_TOKEN);
}

Test(outsider, claims_that_don_t_hold_are_refused)
{
	static const char *const bad[] = {
		"",
		",\"sub\":\"\",\"org_id\":\"o\"",
		",\"sub\":7,\"org_id\":\"o\"",
		",\"sub\":\"a\\nb\",\"org_id\":\"o\"",
		",\"sub\":\"a\\u009bb\",\"org_id\":\"o\"",
		",\"sub\":\"a\\u202eb\",\"org_id\":\"o\"",
		",\"sub\":\"a\",\"org_id\":[\"o\",\"p\"]",
		",\"sub\":\"a\",\"org_id\":7",
		",\"sub\":\"a\",\"org_id\":\"o\",\"nbf\":1767229000",
		",\"sub\":\"a\",\"org_id\":\"o\",\"nbf\":\"x\"",
		",\"sub\":\"a\",\"org_id\":\"o\",\"tid\":7",
	};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct op *op = call(OP_GET_CLIENT_ID, bad[i]);
		cr_expect(op->err == ERR_INVALID_TOKEN && store.calls == 0, "%s: %s", bad[i], err_info(op->err)->code);
	}
	struct op *op = call(OP_GET_CLIENT_ID, ",\"sub\":\"a\"");
	refused_unasked(op, ERR_FORBIDDEN);
	trust.issuer.audience = STR("other");
	refused_unasked(call(OP_GET_CLIENT_ID, ACME), ERR_INVALID_TOKEN);
}

Test(outsider, another_s_signature_is_refused)
{
	struct signing_key *mine = key;
	struct signing_key *kept = theirs;
	theirs = mine; /* signs, but the issuer's key under that kid is another */
	trust.kid = signing_key_kid(mine);
	refused_unasked(call(OP_GET_CLIENT_ID, ACME), ERR_INVALID_TOKEN);
	theirs = kept;
}

Test(outsider, the_platform_s_role_is_the_issuer_s_to_give_only_where_it_has_one)
{
	struct op *op = call(OP_LIST_ORGANIZATIONS, ",\"sub\":\"a\",\"roles\":[\"platform\",\"boss\"]");
	refused_unasked(op, ERR_FORBIDDEN);
	trust.issuer.platform_role = STR("saas");
	op = call(OP_LIST_ORGANIZATIONS, ",\"sub\":\"a\",\"roles\":[\"saas\"]");
	cr_assert_eq(store.waiting, FAKE_ORG_LIST);
	cr_assert(op->platform);
}
