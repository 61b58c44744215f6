/* Keys as admins paste them: what is stored of a good one, and one sentence for each bad one. */
#include <criterion/criterion.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "crypto/client_key.h"
#include "crypto/jwt.h"
#include "crypto_test.h"

TestSuite(client_key, .init = crypto_up, .fini = crypto_down);

#define NO_KEY    "This is neither a public JWK nor a public key or certificate in PEM."
#define PRIVATE   "This is a private key, which must stay with the client; register its public key."
#define SYMMETRIC "This is a symmetric key; register a public key: RSA, EC P-256 or Ed25519."
#define UNUSABLE  "The key must be RSA of 2048 to 4096 bits, EC P-256 or Ed25519, and sound."
#define MISFIT    "The JWK's key doesn't fit its alg, or isn't sound."
#define PURPOSE   "The JWK isn't for signatures: its use must be sig, and its key_ops must have verify, if they are there."
#define ALG       "The JWK's alg must be ES256, PS256, EdDSA or RS256."
#define KID       "The JWK's kid must be 1 to 128 visible ASCII characters."
#define MEMBER    "A member of the JWK is missing or is not strict base64url of its number."

/* The JWK with `more` before its closing brace. */
static const char *with(const char *jwk, const char *more)
{
	return arena_printf(arena, "%.*s,%s}", (int)strlen(jwk) - 1, jwk, more).p;
}

static struct client_key good(const char *text)
{
	struct client_key key;
	const char *why = "no sentence";

	cr_assert_eq(client_key_read(arena, str_of(text), &key, &why), ERR_OK, "%s: %s", text, why);
	return key;
}

/* The sentence of the refusal. */
static const char *refused(struct str text)
{
	struct client_key key = {.kid = STR("untouched")};
	const char *why = NULL;

	cr_assert_eq(client_key_read(arena, text, &key, &why), ERR_MALFORMED, "%.*s", STR_ARG(text));
	cr_assert(str_eq(key.kid, STR("untouched")));
	return why;
}

/* RFC 7638 section 3.1, and RFC 8037 appendix A.3. */
Test(client_key, thumbprints_are_the_rfcs)
{
	static const char rsa[] = "{\"kty\":\"RSA\",\"n\":\"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFF"
				  "xuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ"
				  "R0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
				  "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw\",\"e\":\"AQAB\",\"alg\":"
				  "\"RS256\",\"kid\":\"2011-04-29\"}";

	cr_expect_str_eq(good(rsa).thumbprint_text, "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
	struct client_key okp = good(rfc8037_okp_jwk);
	cr_expect_str_eq(okp.thumbprint_text, "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
	cr_expect_str_eq(hex(okp.thumbprint, 32), "90facafea9b1556698540f70c0117a22ea37bd5cf3ed3c47093c1707282b4b89");
}

Test(client_key, only_public_members_and_what_pins_the_key_are_stored)
{
	struct client_key key = good(with(rfc7515_ec_jwk, "\"alg\":\"ES256\",\"kid\":\"a\\\"b\",\"use\":\"sig\",\"key_ops\":[\"verify\"],"
							  "\"x5c\":[\"MIIB\"],\"exp\":1,\"ext\":true"));

	cr_expect(str_eq(key.jwk, STR("{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
				      "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"alg\":\"ES256\",\"kid\":\"a\\\"b\"}")));
	cr_expect(str_eq(key.kid, STR("a\"b")));
	cr_expect_str_eq(key.type, "P-256");
	cr_expect_eq(key.bits, 256);
	cr_expect(str_eq(good(rfc8037_okp_jwk).jwk, str_of("{\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiM"
							   "lrwIaaPcHURo\"}")));
	cr_expect_null(good(rfc8037_okp_jwk).kid.p);
	cr_expect_str_eq(good(rfc7515_rsa_jwk).type, "RSA");
	cr_expect_eq(good(rfc7515_rsa_jwk).bits, 2048);
}

/* Both what the key says and what verifying with the stored text does. */
static void expect_algs(const char *text, const char *algs)
{
	struct client_key key = good(text);

	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		struct signing_key *verifier = NULL;
		bool wanted = strstr(algs, jwt_alg_name(alg)) != NULL;
		cr_expect_eq(client_key_takes(&key, alg), wanted, "%s %s", text, jwt_alg_name(alg));
		cr_expect_eq(signing_key_from_jwk(alg, key.jwk, &verifier), wanted ? ERR_OK : ERR_MISMATCH, "%s", jwt_alg_name(alg));
		signing_key_free(verifier);
	}
}

Test(client_key, alg_pins_the_key_and_else_its_type_does)
{
	expect_algs(rfc7515_rsa_jwk, "RS256 PS256");
	expect_algs(with(rfc7515_rsa_jwk, "\"alg\":\"RS256\""), "RS256");
	expect_algs(with(rfc7515_rsa_jwk, "\"alg\":\"PS256\""), "PS256");
	expect_algs(rfc7515_ec_jwk, "ES256");
	expect_algs(with(rfc7515_ec_jwk, "\"alg\":\"ES256\""), "ES256");
	expect_algs(rfc8037_okp_jwk, "EdDSA");
	expect_algs(with(rfc8037_okp_jwk, "\"alg\":\"Ed25519\""), "EdDSA"); /* RFC 9864 */
}

Test(client_key, a_jwk_that_must_not_be_registered_is_refused_with_a_sentence)
{
	const struct {
		const char *text, *why;
	} cases[] = {
		{"", NO_KEY},
		{"{", NO_KEY},
		{"null", NO_KEY},
		{"[]", NO_KEY},
		{"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI", NO_KEY},
		{arena_printf(arena, "%s%s", rfc7515_ec_jwk, rfc7515_ec_jwk).p, NO_KEY},
		{arena_printf(arena, "[%s]", rfc7515_ec_jwk).p, NO_KEY},
		{arena_printf(arena, "{\"keys\":[%s]}", rfc7515_ec_jwk).p, "This is a JWK Set; register its keys one by one."},
		{with(rfc7515_ec_jwk, "\"d\":\"AQ\""), PRIVATE},
		{with(rfc8037_okp_jwk, "\"d\":\"AQ\""), PRIVATE},
		{with(rfc7515_rsa_jwk, "\"p\":\"AQ\""), PRIVATE},
		{"{\"kty\":\"oct\",\"k\":\"AQ\"}", SYMMETRIC},
		{"{\"kty\":\"oct\",\"k\":\"AQ\",\"alg\":\"HS256\"}", SYMMETRIC},
		{with(rfc7515_ec_jwk, "\"use\":\"enc\""), PURPOSE},
		{with(rfc7515_ec_jwk, "\"use\":1"), PURPOSE},
		{with(rfc7515_ec_jwk, "\"key_ops\":[]"), PURPOSE},
		{with(rfc7515_ec_jwk, "\"key_ops\":[\"sign\"]"), PURPOSE},
		{with(rfc7515_ec_jwk, "\"key_ops\":\"verify\""), PURPOSE},
		{with(rfc7515_ec_jwk, "\"alg\":\"ES384\""), ALG},
		{with(rfc7515_ec_jwk, "\"alg\":\"none\""), ALG},
		{with(rfc7515_ec_jwk, "\"alg\":1"), ALG},
		{with(rfc7515_rsa_jwk, "\"alg\":\"RSA-OAEP\""), ALG},
		{with(rfc7515_ec_jwk, "\"alg\":\"EdDSA\""), MISFIT},
		{with(rfc7515_rsa_jwk, "\"alg\":\"ES256\""), MISFIT},
		{with(rfc7515_ec_jwk, "\"kid\":\"\""), KID},
		{with(rfc7515_ec_jwk, "\"kid\":1"), KID},
		{with(rfc7515_ec_jwk, "\"kid\":\"a b\""), KID},
		{with(rfc7515_ec_jwk, "\"kid\":\"\\u00e9\""), KID},
		{"{\"kty\":\"EC\",\"crv\":\"P-384\",\"x\":\"AA\",\"y\":\"AA\"}", UNUSABLE},
		{"{\"kty\":\"OKP\",\"crv\":\"X25519\",\"x\":\"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo\"}", UNUSABLE},
		{"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		 "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1\"}",
		 MEMBER}, /* a stray bit at the end */
		{"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}", MEMBER},
		{"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
		 "\"y\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\"}",
		 UNUSABLE}, /* not on the curve */
		{"{\"kty\":\"RSA\",\"e\":\"AQAB\",\"n\":\"oEybyhiGpa1mhKRLwZHvSc7U8YarO60Ue2KSq3gq7XBavx2aPnqMf-q-lXYUcbEk4SjlETR1W8gyVf8z"
		 "awOVMFCyKAh8cUs1jQwZ_hxtmvkpj2VMm27eQGO8vXPSi2hQdyckjWin7_D6GKmgRyOpFUkWRUgvkx8Wy2pbJTzygks\"}",
		 UNUSABLE}, /* 1024 bits */
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_str_eq(refused(str_of(cases[i].text)), cases[i].why, "%s", cases[i].text);
}

/* ---- PEM ---- */

static const char *pem_of(EVP_PKEY *pkey, int (*write)(BIO *, EVP_PKEY *))
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p = NULL;

	cr_assert_eq(write(out, pkey), 1);
	long n = BIO_get_mem_data(out, &p);
	const char *text = arena_copy(arena, str_from(p, (size_t)n)).p;
	BIO_free(out);
	return text;
}

static int write_public(BIO *out, EVP_PKEY *pkey)
{
	return PEM_write_bio_PUBKEY(out, pkey);
}

static int write_private(BIO *out, EVP_PKEY *pkey)
{
	return PEM_write_bio_PrivateKey(out, pkey, NULL, NULL, 0, NULL, NULL);
}

static int write_certificate(BIO *out, EVP_PKEY *pkey)
{
	X509 *certificate = X509_new();
	int done;

	X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
	X509_set_pubkey(certificate, pkey);
	X509_sign(certificate, pkey, EVP_PKEY_is_a(pkey, "ED25519") == 1 ? NULL : EVP_sha256());
	done = PEM_write_bio_X509(out, certificate);
	X509_free(certificate);
	return done;
}

Test(client_key, pem_of_a_public_key_or_a_certificate_gives_the_same_key)
{
	static const struct {
		const char *type, *name, *param;
	} kinds[] = {{"RSA", "RSA", NULL}, {"EC", "P-256", "P-256"}, {"ED25519", "Ed25519", NULL}};

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		EVP_PKEY *pkey = i == 0   ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048)
				 : i == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256")
					  : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
		struct client_key plain = good(pem_of(pkey, write_public));
		struct client_key certified = good(pem_of(pkey, write_certificate));

		cr_expect_str_eq(plain.type, kinds[i].name);
		cr_expect_str_eq(plain.thumbprint_text, certified.thumbprint_text);
		cr_expect(str_eq(plain.jwk, certified.jwk));
		cr_expect_str_eq(good(plain.jwk.p).thumbprint_text, plain.thumbprint_text);
		cr_expect(!plain.alg_pinned);
		cr_expect_str_eq(refused(str_of(pem_of(pkey, write_private))), PRIVATE);
		EVP_PKEY_free(pkey);
	}
}

Test(client_key, pem_of_anything_else_is_refused_with_a_sentence)
{
	EVP_PKEY *small = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)1024);
	EVP_PKEY *curve = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-384");
	EVP_PKEY *agreement = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
	EVP_PKEY *fine = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	const char *one = pem_of(fine, write_public);

	cr_expect_str_eq(refused(str_of(pem_of(small, write_public))), UNUSABLE);
	cr_expect_str_eq(refused(str_of(pem_of(curve, write_public))), UNUSABLE);
	cr_expect_str_eq(refused(str_of(pem_of(agreement, write_public))), UNUSABLE);
	cr_expect_str_eq(refused(arena_printf(arena, "%s%s", one, one)),
			 "The PEM text holds more than one key or certificate; register one.");
	cr_expect_str_eq(refused(arena_printf(arena, "%s%s", one, pem_of(fine, write_private))), PRIVATE);
	cr_expect_str_eq(refused(STR("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n")), NO_KEY);
	cr_expect_str_eq(refused(STR("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")), NO_KEY);
	cr_expect_str_eq(refused(STR("-----BEGIN PUBLIC KEY-----\nProc-Type: 4,ENCRYPTED\n"
				     "DEK-Info: AES-128-CBC,00112233445566778899AABBCCDDEEFF\n\n"
				     "AAAAAAAAAAAAAAAAAAAAAA==\n-----END PUBLIC KEY-----\n")),
			 NO_KEY, "and no terminal is asked for a passphrase");
	EVP_PKEY_free(small);
	EVP_PKEY_free(curve);
	EVP_PKEY_free(agreement);
	EVP_PKEY_free(fine);
}

Test(client_key, a_text_beyond_16_kib_is_refused)
{
	struct sbuf text = sbuf_in(arena, CLIENT_KEY_TEXT_MAX + 2);

	sbuf_putz(&text, rfc7515_ec_jwk);
	while (text.n < CLIENT_KEY_TEXT_MAX)
		sbuf_putc(&text, ' ');
	(void)good(text.p);
	sbuf_putc(&text, ' ');
	cr_expect_str_eq(refused(sbuf_str(&text)), "The text is longer than 16 KiB.");
}
