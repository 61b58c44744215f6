/* DPoP proofs by table: well signed, so that nothing but the claim can be why one is refused. */
#include <criterion/criterion.h>

#include "base/arena.h"
#include "base/sbuf.h"
#include "crypto/signing_key_parts.h"
#include "fakes/private_key.h"
#include "harness/jws.h"
#include "op/dpop_proof.h"

#define NOW 2000000000
#define URL "https://api.example/m2m"

static struct arena *arena;
static struct signing_key *key;
static struct dpop_nonces *nonces;

static void up(void)
{
	struct master_ring ring;

	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(1 << 20);
	cr_assert_eq(signing_key_generate(JWT_ES256, &key), ERR_OK);
	cr_assert_eq(master_ring_parse(STR("k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n"), &ring, NULL), ERR_OK);
	cr_assert_eq(dpop_nonces_new(&ring, 60, &nonces), ERR_OK);
}

static void down(void)
{
	dpop_nonces_free(nonces);
	signing_key_free(key);
	arena_free(arena);
	crypto_fini();
}

TestSuite(dpop_proof, .init = up, .fini = down);

static struct str proof_by(struct signing_key *signer, const char *claims)
{
	struct sbuf jwk = sbuf_in(arena, 1024), out = sbuf_in(arena, 1024);
	cr_assert_eq(signing_key_public_jwk(signer, &jwk), ERR_OK);
	jws_put(&out, signer,
		arena_printf(arena, "{\"typ\":\"dpop+jwt\",\"alg\":\"%s\",\"jwk\":%s}", jwt_alg_name(signing_key_alg(signer)), jwk.p),
		str_of(claims));
	return sbuf_str(&out);
}

static const struct dpop_rules rules = {
	.method = STR("POST"),
	.public_url = STR(URL),
	.path = STR("/oauth2/token"),
	.now_us = NOW * INT64_C(1000000) + 999999,
	.past_s = DPOP_PROOF_PAST_S,
	.future_s = DPOP_PROOF_FUTURE_S,
	.access_token = STR_NONE,
};

/* RFC 6749 section 5.2 */
static bool is_description(const char *s)
{
	for (; *s != '\0'; s++)
		if (*s < 0x20 || *s > 0x7e || *s == '"' || *s == '\\')
			return false;
	return true;
}

/* The sentence of the refusal, which is `refusal`'s; "" if it is granted. */
static const char *answer(struct str proof, const struct dpop_rules *as, enum err refusal)
{
	struct dpop_proof made = {.jti = STR("untouched")};
	const char *why = "";
	enum err err = dpop_proof_check(arena, proof, as, &made, &why);

	cr_assert(err == ERR_OK || (err == refusal && *why != '\0' && is_description(why)), "%s: %s", err_info(err)->code, why);
	cr_assert((err == ERR_OK) == (*why == '\0'));
	cr_assert((err == ERR_OK) != str_eq(made.jti, STR("untouched")));
	return why;
}

#define HTM "\"htm\":\"POST\","
#define HTU "\"htu\":\"" URL "/oauth2/token\","
#define IAT "\"iat\":2000000000,"
#define JTI "\"jti\":\"j\""
#define X64 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

#define HTM_WHY "The proof's htm must be the method of this request (RFC 9449 section 4.3)."
#define HTU_WHY "The proof's htu must be the URL of this request, without query and fragment (RFC 9449 section 4.3)."
#define IAT_NO  "The proof lacks iat, a number of seconds since 1970 (RFC 9449 section 4.2)."
#define IAT_OLD "The proof's iat is too long ago; make a new proof for every request."
#define IAT_NEW "The proof's iat is in the future; check the client's clock."
#define EXP_WHY "The proof has expired: its exp is in the past, or no number."
#define NBF_WHY "The proof isn't valid yet: its nbf is in the future, or no number."
#define JTI_WHY "The proof lacks jti, a string of 1 to 256 bytes that is new in every proof (RFC 9449 section 4.2)."
#define ATH_WHY "The proof's ath must be the hash of the access token (RFC 9449 section 4.3)."

#define WITH_HTU(htu) "{" HTM "\"htu\":\"" htu "\"," IAT JTI "}"

static const struct {
	const char *claims, *why;
} cases[] = {
	{"{" HTM HTU IAT JTI "}", ""},
	{"{" HTM HTU IAT JTI ",\"nonce\":\"unasked\",\"ath\":\"unasked\",\"x\":{}}", ""},
	/* htm */
	{"{" HTU IAT JTI "}", HTM_WHY},
	{"{\"htm\":\"GET\"," HTU IAT JTI "}", HTM_WHY},
	{"{\"htm\":\"post\"," HTU IAT JTI "}", HTM_WHY},
	{"{\"htm\":\"\"," HTU IAT JTI "}", HTM_WHY},
	{"{\"htm\":[\"POST\"]," HTU IAT JTI "}", HTM_WHY},
	/* htu */
	{"{" HTM IAT JTI "}", HTU_WHY},
	{"{" HTM "\"htu\":1," IAT JTI "}", HTU_WHY},
	{WITH_HTU("HTTPS://API.example:443/m2m/oauth2/%74oken?a=b#c"), ""},
	{WITH_HTU("https://api.example/m2m/x/../oauth2/token"), ""},
	{WITH_HTU(""), HTU_WHY},
	{WITH_HTU("/m2m/oauth2/token"), HTU_WHY},
	{WITH_HTU("http://api.example/m2m/oauth2/token"), HTU_WHY},
	{WITH_HTU("https://api.example:8443/m2m/oauth2/token"), HTU_WHY},
	{WITH_HTU("https://evil.example/m2m/oauth2/token"), HTU_WHY},
	{WITH_HTU("https://api.example/oauth2/token"), HTU_WHY},
	{WITH_HTU("https://api.example/m2m/oauth2/token/"), HTU_WHY},
	{WITH_HTU("https://api.example/m2m/oauth2/Token"), HTU_WHY},
	{WITH_HTU("https://api.example/m2m/oauth2%2Ftoken"), HTU_WHY},
	{WITH_HTU("https://api.example/m2m/m2m/token"), HTU_WHY},
	{WITH_HTU("https://api.example@evil.example/m2m/oauth2/token"), HTU_WHY},
	/* iat, at 2000000000.999999 */
	{"{" HTM HTU JTI "}", IAT_NO},
	{"{" HTM HTU "\"iat\":\"2000000000\"," JTI "}", IAT_NO},
	{"{" HTM HTU "\"iat\":2000000000000," JTI "}", IAT_NO},
	{"{" HTM HTU "\"iat\":1999999990," JTI "}", ""},
	{"{" HTM HTU "\"iat\":1999999940," JTI "}", ""},
	{"{" HTM HTU "\"iat\":1999999939.9," JTI "}", IAT_OLD},
	{"{" HTM HTU "\"iat\":1999999700," JTI "}", IAT_OLD},
	{"{" HTM HTU "\"iat\":2000000010," JTI "}", ""},
	{"{" HTM HTU "\"iat\":2000000010.1," JTI "}", IAT_NEW},
	{"{" HTM HTU "\"iat\":2000000060," JTI "}", IAT_NEW},
	/* exp, nbf */
	{"{" HTM HTU IAT "\"exp\":2000000060,\"nbf\":2000000000," JTI "}", ""},
	{"{" HTM HTU IAT "\"exp\":1999999991," JTI "}", ""},
	{"{" HTM HTU IAT "\"exp\":1999999990," JTI "}", EXP_WHY},
	{"{" HTM HTU IAT "\"exp\":null," JTI "}", EXP_WHY},
	{"{" HTM HTU IAT "\"nbf\":2000000010," JTI "}", ""},
	{"{" HTM HTU IAT "\"nbf\":2000000011," JTI "}", NBF_WHY},
	{"{" HTM HTU IAT "\"nbf\":\"x\"," JTI "}", NBF_WHY},
	/* jti */
	{"{" HTM HTU "\"iat\":2000000000}", JTI_WHY},
	{"{" HTM HTU IAT "\"jti\":\"\"}", JTI_WHY},
	{"{" HTM HTU IAT "\"jti\":1}", JTI_WHY},
	{"{" HTM HTU IAT "\"jti\":\"" X64 X64 X64 X64 "\"}", ""},
	{"{" HTM HTU IAT "\"jti\":\"" X64 X64 X64 X64 "x\"}", JTI_WHY},
};

Test(dpop_proof, each_claim_out_of_its_rule_is_refused_with_its_own_sentence)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_str_eq(answer(proof_by(key, cases[i].claims), &rules, ERR_INVALID_DPOP_PROOF), cases[i].why, "%s",
				 cases[i].claims);
}

Test(dpop_proof, the_url_is_the_public_one_with_its_path_or_without)
{
	static const struct {
		const char *url, *path, *htu;
	} fits[] = {
		{"https://api.example", "/oauth2/token", "https://api.example/oauth2/token"},
		{"https://api.example/", "/oauth2/token", "https://api.example/oauth2/token"},
		{"https://API.example:443/a/b/", "/oauth2/token?x=y", "https://api.example/a/b/oauth2/token"},
		{"http://[::1]:8080", "/m2m/client-id", "http://[::1]:8080/m2m/client-id"},
	};

	for (size_t i = 0; i < sizeof fits / sizeof *fits; i++) {
		struct dpop_rules as = rules;
		as.public_url = str_of(fits[i].url);
		as.path = str_of(fits[i].path);
		const char *claims = arena_printf(arena, "{" HTM "\"htu\":\"%s\"," IAT JTI "}", fits[i].htu).p;
		cr_expect_str_eq(answer(proof_by(key, claims), &as, ERR_INVALID_DPOP_PROOF), "", "%s", fits[i].htu);
	}
}

Test(dpop_proof, with_an_access_token_the_proof_is_made_for_this_one)
{
	struct dpop_rules as = rules;
	char ath[THUMBPRINT_TEXT_LEN + 1], other[THUMBPRINT_TEXT_LEN + 1];
	cr_assert_eq(dpop_ath(STR("token"), ath), ERR_OK);
	cr_assert_eq(dpop_ath(STR("another"), other), ERR_OK);
	as.access_token = STR("token");

	const char *good = arena_printf(arena, "{" HTM HTU IAT "\"ath\":\"%s\"," JTI "}", ath).p;
	const char *bad = arena_printf(arena, "{" HTM HTU IAT "\"ath\":\"%s\"," JTI "}", other).p;
	cr_expect_str_eq(answer(proof_by(key, good), &as, ERR_INVALID_DPOP_PROOF), "");
	cr_expect_str_eq(answer(proof_by(key, bad), &as, ERR_INVALID_DPOP_PROOF), ATH_WHY);
	cr_expect_str_eq(answer(proof_by(key, "{" HTM HTU IAT JTI "}"), &as, ERR_INVALID_DPOP_PROOF), ATH_WHY);
	cr_expect_str_eq(answer(proof_by(key, "{" HTM HTU IAT "\"ath\":null," JTI "}"), &as, ERR_INVALID_DPOP_PROOF), ATH_WHY);
}

Test(dpop_proof, where_a_nonce_is_wanted_a_fresh_one_of_ours_is)
{
#define NONCE_NO  "The proof needs a nonce: the one in DPoP-Nonce (RFC 9449 section 8)."
#define NONCE_OLD "The proof's nonce isn't fresh: take the one in DPoP-Nonce (RFC 9449 section 8)."
	struct dpop_rules as = rules;
	char nonce[DPOP_NONCE_LEN + 1], old[DPOP_NONCE_LEN + 1];
	cr_assert_eq(dpop_nonce_make(nonces, as.now_us, nonce), ERR_OK);
	cr_assert_eq(dpop_nonce_make(nonces, as.now_us - 3600 * INT64_C(1000000), old), ERR_OK);
	as.nonces = nonces;

#define WITH_NONCE(n) proof_by(key, arena_printf(arena, "{" HTM HTU IAT "\"nonce\":\"%s\"," JTI "}", n).p)
	struct str fresh = WITH_NONCE(nonce), stale = WITH_NONCE(old);
	cr_expect_str_eq(answer(fresh, &as, ERR_USE_DPOP_NONCE), "");
	cr_expect_str_eq(answer(stale, &as, ERR_USE_DPOP_NONCE), NONCE_OLD);
	cr_expect_str_eq(answer(proof_by(key, "{" HTM HTU IAT JTI "}"), &as, ERR_USE_DPOP_NONCE), NONCE_NO);
	cr_expect_str_eq(answer(proof_by(key, "{" HTM HTU IAT "\"nonce\":1," JTI "}"), &as, ERR_USE_DPOP_NONCE), NONCE_OLD);
	/* who would be refused with a nonce too isn't sent for one */
	cr_expect_str_eq(answer(proof_by(key, "{" HTU IAT JTI "}"), &as, ERR_INVALID_DPOP_PROOF), HTM_WHY);
}

Test(dpop_proof, what_is_no_proof_is_refused)
{
	static const char form[] =
		"The proof must be one JWT with typ dpop+jwt, its public key in jwk, and an alg of ES256, PS256, EdDSA or "
		"RS256 (RFC 9449 section 4.2).";
	struct str good = proof_by(key, "{" HTM HTU IAT JTI "}");
	struct str two = arena_printf(arena, "%.*s, %.*s", STR_ARG(good), STR_ARG(good));
	char *forged = arena_alloc(arena, good.n);

	cr_expect_str_eq(answer(STR(""), &rules, ERR_INVALID_DPOP_PROOF), form);
	cr_expect_str_eq(answer(STR("x"), &rules, ERR_INVALID_DPOP_PROOF), form);
	cr_expect_str_eq(answer(two, &rules, ERR_INVALID_DPOP_PROOF), form);
	memcpy(forged, good.p, good.n);
	forged[good.n - 10] = forged[good.n - 10] == 'A' ? 'B' : 'A';
	cr_expect_str_eq(answer(str_from(forged, good.n), &rules, ERR_INVALID_DPOP_PROOF),
			 "The proof's signature isn't of its jwk, or the jwk is no public key for its alg.");
}

Test(dpop_proof, it_gives_the_thumbprint_the_jti_and_how_long_that_has_to_be_remembered)
{
	struct dpop_proof made;
	struct dpop_rules later = rules;
	const char *why;
	struct str proof = proof_by(key, "{" HTM HTU "\"iat\":1999999999.5," JTI "}");

	cr_assert_eq(dpop_proof_check(arena, proof, &rules, &made, &why), ERR_OK);
	cr_assert(str_eq(made.jti, STR("j")));
	cr_assert_eq(strlen(made.jkt), THUMBPRINT_TEXT_LEN);
	cr_assert(str_starts(str_of(made.jkt), signing_key_kid(key)));
	cr_assert_eq(made.issued_at, 1999999999);
	later.now_us = made.refused_from * 1000000 - 1;
	cr_assert_eq(dpop_proof_check(arena, proof, &later, &made, &why), ERR_OK);
	later.now_us++;
	cr_assert_eq(dpop_proof_check(arena, proof, &later, &made, &why), ERR_INVALID_DPOP_PROOF);
}

Test(dpop_proof, rs256_is_a_fault_for_fapi2_alone)
{
	struct signing_key *rsa = private_key(JWT_RS256);
	struct dpop_proof made;
	const char *why;

	cr_assert_eq(dpop_proof_check(arena, proof_by(rsa, "{" HTM HTU IAT JTI "}"), &rules, &made, &why), ERR_OK);
	cr_expect_str_eq(made.fapi2_fault, "The proof's alg must be PS256, ES256 or EdDSA (FAPI 2.0 section 5.4.1).");
	cr_assert_eq(dpop_proof_check(arena, proof_by(key, "{" HTM HTU IAT JTI "}"), &rules, &made, &why), ERR_OK);
	cr_expect_null(made.fapi2_fault);
	signing_key_free(rsa);
}
