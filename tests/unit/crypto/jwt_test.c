#include "jwt_test.h"

#include <criterion/criterion.h>

#include "crypto/signing_key_parts.h"

struct signing_key *keys[JWT_ALG_COUNT];

void jwt_up(void)
{
	crypto_up();
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++)
		cr_assert_eq(signing_key_generate(alg, &keys[alg]), ERR_OK);
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
	uint8_t signature[SIGNATURE_MAX];
	size_t n;

	sbuf_put_base64url(&out, header);
	sbuf_putc(&out, '.');
	sbuf_put_base64url(&out, payload);
	cr_assert_eq(signing_key_sign(key, sbuf_str(&out), signature, &n), ERR_OK);
	sbuf_putc(&out, '.');
	sbuf_put_base64url(&out, str_from(signature, n));
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
