#include "jwt_test.h"

#include <criterion/criterion.h>

#include "base/base64.h"
#include "crypto/signing_key_parts.h"
#include "fakes/private_key.h"
#include "harness/jws.h"

struct signing_key *keys[JWT_ALG_COUNT];

#define RFC_PAYLOAD "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"

/* RFC 7515 appendices A.2 and A.3, RFC 8037 appendix A.4. PS256 has no example in an RFC: its
 * token was made with the private key of RFC 7515 A.2 by
 *   printf %s <header>.<payload> | openssl dgst -sha256 -sigopt rsa_padding_mode:pss -sigopt
 *   rsa_pss_saltlen:32 -sign key.pem */
const struct known_token known_tokens[JWT_ALG_COUNT] = {
	[JWT_RS256] = {rfc7515_rsa_jwk,
		       "eyJhbGciOiJSUzI1NiJ9." RFC_PAYLOAD "."
		       "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr"
		       "7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--x"
		       "i12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_Ioy"
		       "pGlUPQGe77Rw"},
	[JWT_ES256] = {rfc7515_ec_jwk, "eyJhbGciOiJFUzI1NiJ9." RFC_PAYLOAD "."
				       "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
	[JWT_PS256] = {rfc7515_rsa_jwk,
		       "eyJhbGciOiJQUzI1NiJ9." RFC_PAYLOAD "."
		       "Ph3Z7HGsmeYvv90A36ajHSX_fqYzZ_yFO_zjW67GSgfI8akf57BJGe0rj3uJxrPXBW_7dhamwY4DCcYVQwvky9E2znr5yHHr6ktBEEySJm6Ab3"
		       "3BmAGyG2jLkskm7AL-_R8X5MZ31PjRU2gmfMZNIdpofIsMaw4nEs3AjCZ-YLuP7jUjCMCc_mNud8g3kuiX96RCzIL-AcBcii2E1ywwwK-c0mad"
		       "LA16a6KgzoXKZ1EN5E0g03G6ExQmQtSP4Z8WYZZNzpaMmRRn1YVnjb5L4ZT5VQLNJYGuHPi6K5Nj4Wnkb3TBC-INs3qrJkPpiMt_2Zv5_o1vlx"
		       "yT5k3XtjjVVA"},
	[JWT_EDDSA] = {rfc8037_okp_jwk, "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
					"hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
};

/* From its DER, as a gateway has it. */
static struct signing_key *key_of(enum jwt_alg alg)
{
	struct signing_key *made = private_key(alg), *key = NULL;
	struct str der;
	cr_assert_eq(signing_key_to_der(made, arena, &der), ERR_OK);
	cr_assert_eq(signing_key_from_der(alg, der, &key), ERR_OK);
	signing_key_free(made);
	signing_key_prepare_group(key, SIGNING_BATCHED);
	return key;
}

void jwt_up(void)
{
	crypto_up();
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++)
		keys[alg] = key_of(alg);
}

void jwt_down(void)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++)
		signing_key_free(keys[alg]);
	crypto_down();
}

struct str token_of(struct signing_key *key, struct str header, struct str payload)
{
	struct sbuf out = sbuf_in(arena, 1024);
	jws_put(&out, key, header, payload);
	return sbuf_str(&out);
}

struct str signed_token(struct signing_key *key, bool at_jwt, const char *claims)
{
	struct sbuf out = sbuf_in(arena, 1024);

	cr_assert_eq(jwt_sign(key, at_jwt, str_of(claims), &out), ERR_OK);
	return sbuf_str(&out);
}

struct jwt parsed(struct str token)
{
	struct jwt jwt;

	cr_assert_eq(jwt_parse(arena, token, &jwt), ERR_OK, "%.*s", STR_ARG(token));
	return jwt;
}

struct jwt taken_apart(enum jwt_alg alg, const char *token)
{
	const char *dot = strrchr(token, '.');
	struct jwt jwt = {.token = str_of(token), .signing_input = str_from(token, (size_t)(dot - token)), .alg = alg};
	char *signature = arena_alloc(arena, SIGNATURE_MAX);

	cr_assert_eq(base64url_decode(str_of(dot + 1), signature, SIGNATURE_MAX, &jwt.signature.n), ERR_OK);
	jwt.signature.p = signature;
	return jwt;
}
