/* Bearers of an outside issuer: whose key, which claims, which organization. */
#include <criterion/criterion.h>

#include "crypto/jwt.h"
#include "crypto/signing_key_parts.h"
#include "fakes/fake_clock.h"
#include "fakes/fake_trust.h"
#include "harness/jws.h"
#include "op/dpop_proof.h"
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
	signing_key_free(trust.other);
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
	return run_with(id, bearer(claims));
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

/* ---- tokens of other shapes ---- */

/* `header` is what stands beside alg; `claims` the whole payload. */
static struct str composed(const char *header, const char *claims)
{
	struct sbuf token = sbuf_in(arena, JWT_MAX_LEN);
	jws_put(&token, theirs, arena_printf(arena, "{\"alg\":\"ES256\"%s}", header), str_of(claims));
	cr_assert_not(token.overflow);
	return sbuf_str(&token);
}

#define KID         ",\"kid\":\"their-key\""
#define TYP         ",\"typ\":\"JWT\""
#define TIMES       "\"iat\":1767225600,\"nbf\":1767225600,\"exp\":1767229200,"
#define ENTRA_TID   "\"tid\":\"aaaabbbb-0000-cccc-1111-dddd2222eeee\""
#define ENTRA_NAMES "\"name\":\"Abe\",\"oid\":\"o\",\"sub\":\"s\",\"uti\":\"u\",\"rh\":\"0.A\","

/* An issuer's entry, and a token of its as documented. The header's key ids are as long and odd
 * as there. */
struct shape {
	const char *issuer, *audience, *organization_claim, *roles_claim, *admin_role;
	const char *header, *claims;
	const char *organization;
	bool admin;
};

static const struct shape shapes[] = {
	/* Entra ID, version 1: aud is the application's URI */
	{"https://sts.windows.net/{tenantid}/", "api://6e74172b", "tid", "roles", "M2M.Admin", TYP KID ",\"x5t\":\"their-key\"",
	 "{\"aud\":\"api://6e74172b\",\"iss\":\"https://sts.windows.net/{tenantid}/\"," TIMES ENTRA_NAMES "\"acr\":\"1\",\"aio\":\"A\","
	 "\"amr\":[\"pwd\",\"mfa\"],\"appid\":\"04b0\",\"appidacr\":\"0\",\"ipaddr\":\"192.0.2.7\",\"roles\":[\"Reader\",\"M2M.Admin\"],"
	 "\"scp\":\"user_impersonation\",\"upn\":\"abe@example.com\",\"ver\":\"1.0\"," ENTRA_TID "}",
	 "aaaabbbb-0000-cccc-1111-dddd2222eeee", true},
	/* Entra ID, version 2: aud is its GUID; too many groups to be listed */
	{"https://login.microsoftonline.com/{tenantid}/v2.0", "6e74172b-be56", "tid", "groups", "8e7f2b0c", TYP KID,
	 "{\"aud\":\"6e74172b-be56\",\"iss\":\"https://login.microsoftonline.com/{tenantid}/v2.0\"," TIMES ENTRA_NAMES
	 "\"_claim_names\":{\"groups\":\"src1\"},\"_claim_sources\":{\"src1\":{\"endpoint\":\"https://graph.windows.net/t/users/o/"
	 "getMemberObjects\"}},\"azp\":\"04b0\",\"azpacr\":\"1\",\"ver\":\"2.0\"," ENTRA_TID "}",
	 "aaaabbbb-0000-cccc-1111-dddd2222eeee", false},
	{"https://login.microsoftonline.com/{tenantid}/v2.0", "6e74172b-be56", "tid", "groups", "8e7f2b0c", TYP KID,
	 "{\"aud\":\"6e74172b-be56\",\"iss\":\"https://login.microsoftonline.com/{tenantid}/v2.0\"," TIMES ENTRA_NAMES
	 "\"groups\":[\"11112222\",\"8e7f2b0c\"],\"azp\":\"04b0\",\"azpacr\":\"1\",\"ver\":\"2.0\"," ENTRA_TID "}",
	 "aaaabbbb-0000-cccc-1111-dddd2222eeee", true},
	/* Auth0 */
	{"https://tenant.eu.auth0.com/", "https://api.example.com", "org_id", "permissions", "manage:m2m", TYP KID,
	 "{\"iss\":\"https://tenant.eu.auth0.com/\",\"sub\":\"auth0|507f\",\"aud\":[\"https://api.example.com\","
	 "\"https://tenant.eu.auth0.com/userinfo\"],\"iat\":1767225600,\"exp\":1767312000,\"azp\":\"c\",\"scope\":\"openid profile\","
	 "\"org_id\":\"org_9ybsU1dN2dKfDkBi\",\"org_name\":\"acme\",\"permissions\":[\"read:m2m\",\"manage:m2m\"]}",
	 "org_9ybsU1dN2dKfDkBi", true},
	{"https://tenant.eu.auth0.com/", "https://api.example.com", "https://example.com/org", "https://example.com/roles", "admin",
	 ",\"typ\":\"at+jwt\"" KID,
	 "{\"iss\":\"https://tenant.eu.auth0.com/\",\"sub\":\"c@clients\",\"aud\":\"https://api.example.com\",\"iat\":1767225600.125,"
	 "\"exp\":1767312000.75,\"gty\":\"client-credentials\",\"client_id\":\"c\",\"jti\":\"j\",\"https://example.com/org\":\"acme\","
	 "\"https://example.com/roles\":[\"admin\"]}",
	 "acme", true},
	/* Keycloak */
	{"https://sso.example.com/realms/r", "m2m", "organization", "realm_access.roles", "m2m-admin", TYP KID,
	 "{\"exp\":1767225900,\"iat\":1767225600,\"auth_time\":1767225590,\"jti\":\"onrtac:8d3\",\"iss\":\"https://sso.example.com/realms/"
	 "r\","
	 "\"aud\":[\"m2m\",\"account\"],\"sub\":\"f1c6\",\"typ\":\"Bearer\",\"azp\":\"portal\",\"sid\":\"s\",\"acr\":\"1\",\"allowed-"
	 "origins\":[\"*\"],"
	 "\"realm_access\":{\"roles\":[\"offline_access\",\"m2m-admin\"]},\"resource_access\":{\"account\":{\"roles\":[\"view-profile\"]}},"
	 "\"scope\":\"openid organization\",\"organization\":{\"acme\":{\"id\":\"42c3e46f\"}}}",
	 "acme", true},
	{"https://sso.example.com/realms/r", "m2m", "organization", "/resource_access/m2m.example/roles", "m2m-admin", TYP KID,
	 "{\"exp\":1767225900,\"iat\":1767225600,\"iss\":\"https://sso.example.com/realms/"
	 "r\",\"aud\":\"m2m\",\"sub\":\"f1c6\",\"typ\":\"Bearer\","
	 "\"azp\":\"portal\",\"realm_access\":{\"roles\":[\"offline_access\"]},\"resource_access\":{\"account\":{\"roles\":[\"m2m-admin\"]}"
	 ","
	 "\"m2m.example\":{\"roles\":[\"reader\"]}},\"organization\":[\"acme\"]}",
	 "acme", false},
	{"https://sso.example.com/realms/r", "m2m", "organization", "/resource_access/m2m.example/roles", "m2m-admin", TYP KID,
	 "{\"exp\":1767225900,\"iat\":1767225600,\"iss\":\"https://sso.example.com/realms/"
	 "r\",\"aud\":\"m2m\",\"sub\":\"f1c6\",\"azp\":\"portal\","
	 "\"resource_access\":{\"m2m.example\":{\"roles\":[\"m2m-admin\"]}},\"organization\":[\"acme\"]}",
	 "acme", true},
	/* Okta: no typ */
	{"https://acme.okta.com/oauth2/default", "api://default", "organization", "groups", "M2M Admins", KID,
	 "{\"ver\":1,\"jti\":\"AT.0mP4\",\"iss\":\"https://acme.okta.com/oauth2/default\",\"aud\":\"api://default\",\"iat\":1767225600,"
	 "\"exp\":1767229200,\"cid\":\"0oa1\",\"uid\":\"00u1\",\"scp\":[\"openid\",\"m2m.manage\"],\"auth_time\":1767225500,\"sub\":\"a@"
	 "example.com\","
	 "\"groups\":[\"Everyone\",\"M2M Admins\"],\"organization\":\"acme\"}",
	 "acme", true},
	{"https://acme.okta.com/oauth2/default", "api://default", "organization", "scp", "m2m.manage", KID,
	 "{\"ver\":1,\"jti\":\"AT.0mP4\",\"iss\":\"https://acme.okta.com/oauth2/default\",\"aud\":\"api://default\",\"iat\":1767225600,"
	 "\"exp\":1767229200,\"cid\":\"0oa1\",\"scp\":[\"m2m.manage\"],\"sub\":\"0oa1\",\"organization\":\"acme\"}",
	 "acme", true},
	/* Zitadel: a role names the organizations in which it was given */
	{"https://acme.zitadel.cloud", "1001", "urn:zitadel:iam:user:resourceowner:id", "urn:zitadel:iam:org:project:roles", "admin", KID,
	 "{\"iss\":\"https://acme.zitadel.cloud\",\"sub\":\"2002\",\"aud\":[\"2002@p\",\"1001\"],\"jti\":\"j\"," TIMES
	 "\"urn:zitadel:iam:org:project:roles\":{\"admin\":{\"3003\":\"acme.zitadel.cloud\"}},\"urn:zitadel:iam:user:resourceowner:id\":"
	 "\"3003\","
	 "\"urn:zitadel:iam:user:resourceowner:primary_domain\":\"acme.zitadel.cloud\"}",
	 "3003", true},
	{"https://acme.zitadel.cloud", "1001", "urn:zitadel:iam:user:resourceowner:id", "urn:zitadel:iam:org:project:1001:roles", "admin",
	 KID,
	 "{\"iss\":\"https://acme.zitadel.cloud\",\"sub\":\"2002\",\"aud\":[\"1001\"]," TIMES
	 "\"urn:zitadel:iam:org:project:1001:roles\":{\"reader\":{\"3003\":\"x\"},\"admin\":{\"4004\":\"other.zitadel.cloud\"}},"
	 "\"urn:zitadel:iam:user:resourceowner:id\":\"3003\"}",
	 "3003", false},
	/* Google */
	{"https://accounts.google.com", "1234.apps.googleusercontent.com", "hd", "email", "admin@example.com", TYP KID,
	 "{\"iss\":\"https://accounts.google.com\",\"azp\":\"1234.apps.googleusercontent.com\",\"aud\":\"1234.apps.googleusercontent.com\","
	 "\"sub\":\"10769150350006150715113082367\",\"hd\":\"example.com\",\"email\":\"admin@example.com\",\"email_verified\":true,"
	 "\"at_hash\":\"HK6E\",\"iat\":1767225600,\"exp\":1767229200}",
	 "example.com", true},
	/* Kubernetes: a service account's projected token, without typ */
	{"https://kubernetes.default.svc.cluster.local", "m2m", "/kubernetes.io/namespace", "sub", "system:serviceaccount:shop:admin", KID,
	 "{\"aud\":[\"m2m\"]," TIMES
	 "\"iss\":\"https://kubernetes.default.svc.cluster.local\",\"jti\":\"j\",\"kubernetes.io\":{\"namespace\":\"shop\","
	 "\"node\":{\"name\":\"n\",\"uid\":\"u\"},\"pod\":{\"name\":\"p\",\"uid\":\"u\"},\"serviceaccount\":{\"name\":\"admin\",\"uid\":"
	 "\"u\"},"
	 "\"warnafter\":1767229207},\"sub\":\"system:serviceaccount:shop:admin\"}",
	 "shop", true},
};

Test(outsider, tokens_are_taken_in_the_shapes_that_issuers_give_them)
{
	trust.kid = STR("their-key");
	for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
		const struct shape *s = &shapes[i];
		struct org org = acme();
		trust.issuer = (struct trust_issuer){.issuer = str_of(s->issuer),
						     .audience = str_of(s->audience),
						     .organization_claim = str_of(s->organization_claim),
						     .roles_claim = str_of(s->roles_claim),
						     .admin_role = str_of(s->admin_role)};
		struct op *op = run_with(OP_GET_CLIENT_SECRET, composed(s->header, s->claims));
		cr_assert_eq(store.waiting, FAKE_ORG_RESOLVE, "%zu, %s: %s", i, s->issuer, err_info(op->err)->code);
		cr_expect(str_eq(store.external, str_of(s->organization)), "%zu, %s", i, s->issuer);
		cr_expect_eq(op->caller.admin, s->admin, "%zu, %s", i, s->issuer);
		answer_with(&org);
		struct credential c = credential_of("k2", 3);
		if (store.waiting == FAKE_READ_SECRET)
			fake_answer(&store, ERR_OK, &c);
	}
}

Test(outsider, times_may_have_a_fraction_or_an_exponent)
{
	static const struct {
		const char *times;
		bool want;
	} cases[] = {
		{"\"exp\":1767225600.25", true},
		{"\"exp\":1.7672256e9", true},
		{"\"exp\":17672256000e-1,\"iat\":1767225600.999999,\"nbf\":1767225600.5", true},
		{"\"exp\":1767225571.01", true},                    /* half a minute ago, less a second */
		{"\"exp\":1767225570.99", false},                   /* half a minute ago */
		{"\"exp\":1767225700,\"nbf\":1767225629.5", true},  /* in half a minute */
		{"\"exp\":1767225700,\"nbf\":1767225630.5", false}, /* and more */
		{"\"exp\":1e99", false},
		{"\"exp\":1767225700,\"iat\":-0.5", false},
		{"\"exp\":1767225700,\"iat\":1e400", false},
		{"\"exp\":\"1767225700.5\"", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct str claims =
			arena_printf(arena, "{\"iss\":\"" OUTSIDE "\",\"aud\":\"api\",\"sub\":\"a\",\"org_id\":\"o\",%s}", cases[i].times);
		trust.kid = STR("their-key");
		struct op *op = run_with(OP_GET_CLIENT_ID, composed(KID, claims.p));
		cr_expect_eq(store.waiting == FAKE_ORG_RESOLVE, cases[i].want, "%s", cases[i].times);
		cr_expect(cases[i].want || op->err == ERR_INVALID_TOKEN, "%s", cases[i].times);
		if (cases[i].want)
			fake_admin(&store, ERR_ORGANIZATION_NOT_FOUND, NULL);
	}
}

Test(outsider, a_token_without_kid_is_tried_with_the_few_keys_that_fit)
{
	static const char claims[] = "{\"iss\":\"" OUTSIDE "\",\"aud\":\"api\",\"exp\":1767229200,\"sub\":\"a\",\"org_id\":\"o\"}";
	struct str good = composed(TYP, claims);
	run_with(OP_GET_CLIENT_ID, good);
	cr_assert_eq(store.waiting, FAKE_ORG_RESOLVE);
	fake_admin(&store, ERR_ORGANIZATION_NOT_FOUND, NULL);

	cr_assert_eq(signing_key_generate(JWT_ES256, &trust.other), ERR_OK);
	run_with(OP_GET_CLIENT_ID, good);
	cr_assert_eq(store.waiting, FAKE_ORG_RESOLVE, "the second key fits");
	fake_admin(&store, ERR_ORGANIZATION_NOT_FOUND, NULL);

	trust.key = NULL;
	refused_unasked(run_with(OP_GET_CLIENT_ID, good), ERR_INVALID_TOKEN);
	trust.find = ERR_AGAIN; /* younger keys may be had */
	run_with(OP_GET_CLIENT_ID, good);
	cr_assert_eq(trust.waits, 1);
	trust.key = theirs;
	fake_trust_fetched(&trust, ERR_OK);
	cr_assert_eq(store.waiting, FAKE_ORG_RESOLVE);
	fake_admin(&store, ERR_ORGANIZATION_NOT_FOUND, NULL);

	trust.too_many = true;
	struct op *op = run_with(OP_GET_CLIENT_ID, good);
	refused_unasked(op, ERR_INVALID_TOKEN);
	cr_assert(op->err_detail != NULL && strstr(op->err_detail, "kid") != NULL);
}

/* ---- tokens that their issuer has bound ---- */

#define JKT "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I"

Test(outsider, a_bound_token_s_bearer_proves_to_hold_the_key_before_anything_is_asked)
{
	static const char *const claims[] = {
		ACME ",\"cnf\":{\"jkt\":\"" JKT "\"}",
		ACME ",\"cnf\":{\"x5t#S256\":\"" JKT "\"}",
		ACME ",\"cnf\":{\"jwk\":{}}",
	};
	for (size_t i = 0; i < sizeof claims / sizeof *claims; i++)
		refused_unasked(call(OP_GET_CLIENT_ID, claims[i]), ERR_INVALID_TOKEN);
}

Test(outsider, its_proof_is_spent_before_its_organization_is_asked_for)
{
	struct org org = acme();
	struct dpop_proof made;
	char ath[THUMBPRINT_TEXT_LEN + 1];
	struct signing_key *holder;
	const char *why = "";
	const struct dpop_rules rules = {.method = STR("GET"),
					 .public_url = STR(ISSUER),
					 .path = STR("/m2m/client-id"),
					 .now_us = NOW * 1000000,
					 .past_s = 60,
					 .future_s = 10};
	config.public_url = STR(ISSUER);
	cr_assert_eq(signing_key_generate(JWT_ES256, &holder), ERR_OK);
	struct str any = proof_by(holder, "{\"htm\":\"GET\",\"htu\":\"" ISSUER "/m2m/client-id\",\"iat\":1767225600,\"jti\":\"j\"}");
	cr_assert_eq(dpop_proof_check(arena, any, &rules, &made, &why), ERR_OK, "%s", why);
	struct op *op = new_op(OP_GET_CLIENT_ID);
	op->in.bearer = bearer(arena_printf(arena, ACME ",\"cnf\":{\"jkt\":\"%s\"}", made.jkt).p);
	cr_assert_eq(dpop_ath(op->in.bearer, ath), ERR_OK);
	op->in.dpop_scheme = true;
	op->in.path = STR("/m2m/client-id");
	op->in.dpop = proof_by(holder, arena_printf(arena,
						    "{\"htm\":\"GET\",\"htu\":\"" ISSUER
						    "/m2m/client-id\",\"iat\":1767225600,\"jti\":\"j\",\"ath\":\"%s\"}",
						    ath)
					       .p);
	op_run(op);
	cr_assert_eq(store.waiting, FAKE_USED_ONCE, "%s", op->err_detail);
	fake_used_once(&store, ERR_OK);
	cr_assert_eq(store.waiting, FAKE_ORG_RESOLVE);
	answer_with(&org);
	cr_assert_eq(store.waiting, FAKE_READ_CLIENT_ID);
	signing_key_free(holder);
}
