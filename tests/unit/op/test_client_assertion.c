/* Client assertions by table: one claim or header member is changed, and nothing but that can be
 * why it is refused. */
#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/sbuf.h"
#include "crypto/digest.h"
#include "op/client_assertion.h"

#define ISSUER "https://m2m.example"
#define CLIENT "m2m_0123456789012345678901"
#define NOW    2000000000

static struct arena *arena;

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(1 << 20);
}

static void down(void)
{
	arena_free(arena);
	crypto_fini();
}

TestSuite(client_assertion, .init = up, .fini = down);

/* Nobody looks at the signature here. */
static struct str token_of(const char *header, const char *claims)
{
	struct sbuf out = sbuf_in(arena, 1024);

	sbuf_put_base64url(&out, str_of(header));
	sbuf_putc(&out, '.');
	sbuf_put_base64url(&out, str_of(claims));
	sbuf_putz(&out, ".c2lnbmF0dXJl");
	return sbuf_str(&out);
}

/* ---- header ---- */

static enum err parse_header(const char *header)
{
	struct jwt jwt = {.kid = STR("untouched")};
	enum err err = client_assertion_parse(arena, token_of(header, "{}"), &jwt);

	cr_assert(err == ERR_OK || str_eq(jwt.kid, STR("untouched")));
	return err;
}

Test(client_assertion, a_typ_of_its_own_kind_or_of_any_jwt_is_taken)
{
	static const char *const typs[] = {"JWT",
					   "jwt",
					   "application/jwt",
					   "client-authentication+jwt",
					   "Client-Authentication+JWT",
					   "application/client-authentication+jwt",
					   "APPLICATION/client-authentication+jwt"};

	cr_expect_eq(parse_header("{\"alg\":\"ES256\"}"), ERR_OK);
	for (size_t i = 0; i < sizeof typs / sizeof *typs; i++)
		cr_expect_eq(parse_header(arena_printf(arena, "{\"alg\":\"ES256\",\"typ\":\"%s\"}", typs[i]).p), ERR_OK, "%s", typs[i]);
}

Test(client_assertion, a_token_of_another_kind_is_none)
{
	static const char *const typs[] = {
		"at+jwt",   "application/at+jwt",   "dpop+jwt", "oauth-authz-req+jwt", "logout+jwt", "", "JWE", "JWT ",
		"text/jwt", "client-authentication"};

	for (size_t i = 0; i < sizeof typs / sizeof *typs; i++)
		cr_expect_eq(parse_header(arena_printf(arena, "{\"alg\":\"ES256\",\"typ\":\"%s\"}", typs[i]).p), ERR_MALFORMED, "%s",
			     typs[i]);
	cr_expect_eq(parse_header("{\"alg\":\"ES256\",\"typ\":null}"), ERR_MALFORMED);
}

Test(client_assertion, what_a_bearer_may_not_say_an_assertion_may_not_either)
{
	static const char *const bad[] = {
		"{\"alg\":\"none\"}",
		"{\"alg\":\"HS256\"}",
		"{\"alg\":\"ES384\"}",
		"{\"typ\":\"JWT\"}",
		"{\"alg\":\"ES256\",\"crit\":[\"exp\"],\"exp\":1}",
		"{\"alg\":\"ES256\",\"jku\":\"https://evil.example/\"}",
		"{\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\"}}",
		"{\"alg\":\"ES256\",\"x5u\":\"https://evil.example/\"}",
		"{\"alg\":\"ES256\",\"x5c\":[\"MIIB\"]}",
		"{\"alg\":\"ES256\",\"b64\":true}",
		"{\"alg\":\"ES256\",\"zip\":\"DEF\"}",
		"{\"alg\":\"ES256\",\"kid\":\"\"}",
		"{\"alg\":\"ES256\",\"alg\":\"ES256\"}",
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		cr_expect_eq(parse_header(bad[i]), ERR_MALFORMED, "%s", bad[i]);
}

/* An assertion that is stolen from a log is no bearer, and the other way round. */
Test(client_assertion, an_assertion_that_says_so_is_no_bearer)
{
	struct jwt jwt;

	cr_expect_eq(jwt_parse(arena, token_of("{\"alg\":\"ES256\",\"typ\":\"client-authentication+jwt\"}", "{}"), &jwt), ERR_MALFORMED);
	cr_expect_eq(jwt_parse(arena, token_of("{\"alg\":\"ES256\",\"typ\":\"application/jwt\"}", "{}"), &jwt), ERR_MALFORMED);
}

/* ---- claims ---- */

static struct jwt assertion(enum jwt_alg alg, const char *claims)
{
	struct jwt jwt;
	struct str header = arena_printf(arena, "{\"alg\":\"%s\"}", jwt_alg_name(alg));

	cr_assert_eq(client_assertion_parse(arena, token_of(header.p, claims), &jwt), ERR_OK, "%s", claims);
	return jwt;
}

Test(client_assertion, iss_and_sub_are_one_client_id)
{
	static const char *const bad[] = {
		"{}",
		"{\"iss\":\"" CLIENT "\"}",
		"{\"sub\":\"" CLIENT "\"}",
		"{\"iss\":\"" CLIENT "\",\"sub\":\"m2m_0123456789012345678902\"}",
		"{\"iss\":[\"" CLIENT "\"],\"sub\":[\"" CLIENT "\"]}",
		"{\"iss\":\"" CLIENT "\",\"sub\":null}",
		"{\"iss\":\"\",\"sub\":\"\"}",
		"{\"iss\":\"x\",\"sub\":\"x\"}",
		"{\"iss\":\"" CLIENT "x\",\"sub\":\"" CLIENT "x\"}",
		"{\"iss\":\"m2m_0123456789'or'78901ab\",\"sub\":\"m2m_0123456789'or'78901ab\"}",
		"{\"iss\":1,\"sub\":1}",
	};
	struct str client_id = STR("untouched");

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct jwt jwt = assertion(JWT_ES256, bad[i]);
		cr_expect_eq(client_assertion_subject(&jwt, false, &client_id), ERR_INVALID_CLIENT, "%s", bad[i]);
		cr_expect(str_eq(client_id, STR("untouched")));
	}
	struct jwt jwt = assertion(JWT_ES256, "{\"iss\":\"" CLIENT "\",\"sub\":\"" CLIENT "\"}");
	cr_assert_eq(client_assertion_subject(&jwt, false, &client_id), ERR_OK);
	cr_assert(str_eq(client_id, STR(CLIENT)));
}

static const struct client_assertion_rules rules = {
	.issuer = STR(ISSUER),
	.now_us = NOW * INT64_C(1000000) + 999999,
	.max_lifetime_s = CLIENT_ASSERTION_LIFETIME_MAX,
	.leeway_s = CLIENT_ASSERTION_LEEWAY,
};

/* RFC 6749 section 5.2 */
static bool is_description(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s > 0x7e || *s == '"' || *s == '\\')
			return false;
	return true;
}

/* The sentence of the refusal; "" if it is granted. `fapi2`: also what that profile forbids. */
static const char *answer(enum jwt_alg alg, const char *claims, bool fapi2)
{
	struct client_assertion made = {.jti = STR("untouched")};
	struct jwt jwt = assertion(alg, claims);
	const char *why = "";

	enum err err = client_assertion_check(&jwt, &rules, &made, &why);
	cr_assert(err == ERR_OK || (err == ERR_INVALID_CLIENT && *why != '\0' && is_description(why)), "%s: %s", claims, why);
	cr_assert((err == ERR_OK) == (*why == '\0'));
	cr_assert((err == ERR_OK) != str_eq(made.jti, STR("untouched")), "%s", claims);
	if (fapi2 && made.fapi2_fault != NULL) {
		cr_assert(is_description(made.fapi2_fault));
		return made.fapi2_fault;
	}
	return why;
}

#define AUD "\"aud\":\"" ISSUER "\","
#define EXP "\"exp\":2000000060,"
#define JTI "\"jti\":\"j\""
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

#define AUD_WHY "The assertion's aud must be the issuer identifier and nothing else (RFC 10070)."
#define AUD_NO  "The assertion lacks aud, which must be the issuer identifier (RFC 7523 section 3)."
#define EXP_NO  "The assertion lacks exp (RFC 7523 section 3)."
#define EXP_BAD "The assertion's exp must be a number of seconds since 1970 (RFC 7519 section 4.1.4)."
#define EXP_OLD "The assertion has expired: its exp is in the past (RFC 7523 section 3)."
#define EXP_FAR "The assertion's exp is unreasonably far in the future (RFC 7523 section 3)."
#define NBF_WHY "The assertion isn't valid yet: its nbf is in the future or no number."
#define IAT_WHY "The assertion's iat is in the future or no number."
#define JTI_NO  "The assertion lacks jti, which must be new in every assertion (RFC 7523 section 3)."
#define JTI_WHY "The assertion's jti must be a string of 1 to 256 bytes."

static const struct {
	const char *claims, *why;
} cases[] = {
	{"{" AUD EXP JTI "}", ""},
	{"{\"iss\":\"a\",\"sub\":\"b\",\"client_id\":7,\"x\":[1]," AUD EXP JTI "}", ""},
	/* aud */
	{"{" EXP JTI "}", AUD_NO},
	{"{\"aud\":[\"" ISSUER "\"]," EXP JTI "}", ""},
	{"{\"aud\":\"" ISSUER "/oauth2/token\"," EXP JTI "}", AUD_WHY},
	{"{\"aud\":\"" ISSUER "/\"," EXP JTI "}", AUD_WHY},
	{"{\"aud\":\"https://M2M.example\"," EXP JTI "}", AUD_WHY},
	{"{\"aud\":\"https://m2m.exampl\"," EXP JTI "}", AUD_WHY},
	{"{\"aud\":\"\"," EXP JTI "}", AUD_WHY},
	{"{\"aud\":null," EXP JTI "}", AUD_WHY},
	{"{\"aud\":[]," EXP JTI "}", AUD_WHY},
	{"{\"aud\":{}," EXP JTI "}", AUD_WHY},
	{"{\"aud\":{\"a\":\"" ISSUER "\"}," EXP JTI "}", AUD_WHY},
	{"{\"aud\":[[\"" ISSUER "\"]]," EXP JTI "}", AUD_WHY},
	{"{\"aud\":[\"" ISSUER "\",\"" ISSUER "\"]," EXP JTI "}", AUD_WHY},
	{"{\"aud\":[\"" ISSUER "\",\"" ISSUER "/oauth2/token\"]," EXP JTI "}", AUD_WHY},
	{"{\"aud\":[\"https://other.example\",\"" ISSUER "\"]," EXP JTI "}", AUD_WHY},
	{"{\"aud\":[\"https://other.example\"]," EXP JTI "}", AUD_WHY},
	/* exp, at 2000000000.999999 */
	{"{" AUD JTI "}", EXP_NO},
	{"{" AUD "\"exp\":\"2000000060\"," JTI "}", EXP_BAD},
	{"{" AUD "\"exp\":null," JTI "}", EXP_BAD},
	{"{" AUD "\"exp\":-1," JTI "}", EXP_BAD},
	{"{" AUD "\"exp\":1e300," JTI "}", EXP_BAD},
	{"{" AUD "\"exp\":2000000060000000," JTI "}", EXP_BAD}, /* microseconds */
	{"{" AUD "\"exp\":0," JTI "}", EXP_OLD},
	{"{" AUD "\"exp\":1999999700," JTI "}", EXP_OLD}, /* five minutes ago */
	{"{" AUD "\"exp\":1999999970," JTI "}", EXP_OLD},
	{"{" AUD "\"exp\":1999999970.999," JTI "}", EXP_OLD},
	{"{" AUD "\"exp\":1999999971," JTI "}", ""},
	{"{" AUD "\"exp\":2000000060.5," JTI "}", ""},
	{"{" AUD "\"exp\":2.00000006e9," JTI "}", ""},
	{"{" AUD "\"exp\":2000000330," JTI "}", ""},
	{"{" AUD "\"exp\":2000000331," JTI "}", EXP_FAR},
	{"{" AUD "\"exp\":2000003600," JTI "}", EXP_FAR},
	{"{" AUD "\"exp\":2000000060000," JTI "}", EXP_BAD}, /* milliseconds */
	/* nbf, iat */
	{"{" AUD EXP "\"nbf\":1," JTI "}", ""},
	{"{" AUD EXP "\"nbf\":2000000010," JTI "}", ""},
	{"{" AUD EXP "\"nbf\":2000000030," JTI "}", ""},
	{"{" AUD EXP "\"nbf\":2000000030.1," JTI "}", NBF_WHY},
	{"{" AUD EXP "\"nbf\":2000000061," JTI "}", NBF_WHY},
	{"{" AUD EXP "\"nbf\":\"1\"," JTI "}", NBF_WHY},
	{"{" AUD EXP "\"nbf\":null," JTI "}", NBF_WHY},
	{"{" AUD EXP "\"iat\":1," JTI "}", ""},
	{"{" AUD EXP "\"iat\":2000000010," JTI "}", ""},
	{"{" AUD EXP "\"iat\":2000000030," JTI "}", ""},
	{"{" AUD EXP "\"iat\":2000000030.1," JTI "}", IAT_WHY},
	{"{" AUD EXP "\"iat\":2000000061," JTI "}", IAT_WHY},
	{"{" AUD EXP "\"iat\":true," JTI "}", IAT_WHY},
	/* jti */
	{"{" AUD "\"exp\":2000000060}", JTI_NO},
	{"{" AUD EXP "\"jti\":\"\"}", JTI_WHY},
	{"{" AUD EXP "\"jti\":1}", JTI_WHY},
	{"{" AUD EXP "\"jti\":null}", JTI_WHY},
	{"{" AUD EXP "\"jti\":\"" X64 X64 X64 X64 "\"}", ""},
	{"{" AUD EXP "\"jti\":\"" X64 X64 X64 X64 "x\"}", JTI_WHY},
};

Test(client_assertion, each_claim_out_of_its_rule_is_refused_with_its_own_sentence)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_str_eq(answer(JWT_ES256, cases[i].claims, false), cases[i].why, "%s", cases[i].claims);
}

Test(client_assertion, rs256_and_an_aud_in_an_array_are_told_to_break_fapi2_alone)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		cr_expect_str_eq(answer(alg, "{" AUD EXP JTI "}", false), "");
		cr_expect_str_eq(answer(alg, "{" AUD EXP JTI "}", true),
				 alg == JWT_RS256
					 ? "The assertion's alg must be PS256, ES256 or EdDSA (FAPI 2.0 Security Profile section 5.4.1)."
					 : "");
	}
	cr_expect_str_eq(answer(JWT_PS256, "{\"aud\":[\"" ISSUER "\"]," EXP JTI "}", true),
			 "The assertion's aud must be a string, no array (FAPI 2.0 Security Profile section 5.3.2.1).");
}

Test(client_assertion, it_gives_the_jti_and_how_long_it_has_to_be_remembered)
{
	struct jwt jwt = assertion(JWT_ES256, "{" AUD "\"exp\":2000000060.9,\"jti\":\"a\\u00e9\"}");
	struct client_assertion made;
	const char *why;

	cr_assert_eq(client_assertion_check(&jwt, &rules, &made, &why), ERR_OK);
	cr_assert(str_eq(made.jti, STR("a\xc3\xa9")));
	cr_assert_eq(made.expires_at, 2000000060);
	cr_assert_eq(made.refused_from, 2000000090);
	/* and then it is */
	struct client_assertion_rules later = rules;
	later.now_us = made.refused_from * 1000000 - 1;
	cr_assert_eq(client_assertion_check(&jwt, &later, &made, &why), ERR_OK);
	later.now_us++;
	cr_assert_eq(client_assertion_check(&jwt, &later, &made, &why), ERR_INVALID_CLIENT);
	cr_assert_str_eq(why, EXP_OLD);
}

Test(client_assertion, the_lifetime_is_a_setting)
{
	struct jwt jwt = assertion(JWT_ES256, "{" AUD "\"exp\":2000003600," JTI "}");
	struct client_assertion_rules longer = rules;
	struct client_assertion made;
	const char *why;

	longer.max_lifetime_s = 3600;
	cr_assert_eq(client_assertion_check(&jwt, &longer, &made, &why), ERR_OK);
}
