/* Whatever bytes stand where a token should: jwt_parse refuses them or keeps every promise of
 * jwt.h, and then both verifiers agree that a key whose private half nobody here has did not
 * sign them (but for RFC 7515's own example, which has no kid and never gets this far). */
#include <stdint.h>
#include <stdlib.h>

#include "crypto/digest.h"
#include "crypto/jwt.h"
#include "json/json_read.h"

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool within(struct str part, const uint8_t *data, size_t size)
{
	return (uintptr_t)part.p >= (uintptr_t)data && (uintptr_t)part.p + part.n <= (uintptr_t)data + size;
}

static bool is_visible(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return true;
}

/* RFC 7515 appendix A.3 */
static struct signing_key *public_key(void)
{
	static const char jwk[] = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","
				  "\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}";
	static struct signing_key *key;

	if (key == NULL) {
		must(crypto_init() == ERR_OK);
		must(signing_key_from_jwk(JWT_ES256, str_of(jwk), &key) == ERR_OK);
	}
	return key;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct signing_key *key = public_key();
	struct arena *a = arena_new(65536);
	struct jwt jwt = {.kid = STR_NONE};

	must(a != NULL);
	if (jwt_parse(a, str_from(data, size), &jwt) == ERR_OK) {
		must(size <= JWT_MAX_LEN);
		must(within(jwt.token, data, size) && within(jwt.signing_input, data, size));
		must(jwt.alg < JWT_ALG_COUNT && jwt.signature.n > 0);
		must(jwt.kid.p == NULL || (jwt.kid.n >= 1 && jwt.kid.n <= KID_MAX && is_visible(jwt.kid)));
		must(jwt.typ.p == NULL || str_eq_nocase(jwt.typ, STR("JWT")) || str_eq_nocase(jwt.typ, STR("at+jwt")) ||
		     str_eq_nocase(jwt.typ, STR("application/at+jwt")));
		must(jwt.claims_json->type == JSON_OBJECT);
		must(jwt_verify(key, &jwt) == ERR_MISMATCH);
		must(jwt_verify_libjwt(key, &jwt) == ERR_MISMATCH);
	} else {
		must(jwt.kid.p == NULL && !arena_overflowed(a));
	}
	arena_free(a);
	return 0;
}
