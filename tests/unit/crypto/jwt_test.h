/* Tokens for the tests of jwt: well-signed ones whatever their header says, so that nothing but
 * the header can be why one is refused. */
#ifndef M2M_TESTS_UNIT_CRYPTO_JWT_TEST_H
#define M2M_TESTS_UNIT_CRYPTO_JWT_TEST_H

#include "crypto/jwt.h"
#include "crypto_test.h"

#define CLAIMS "{\"iss\":\"https://issuer.example\",\"aud\":[\"a\",\"b\"],\"exp\":4102444800,\"sub\":\"m2m_x\"}"

/* One private key for each algorithm. */
extern struct signing_key *keys[JWT_ALG_COUNT];

void jwt_up(void);
void jwt_down(void);

/* base64url(header).base64url(payload).signature, in the arena. */
struct str token_of(struct signing_key *key, struct str header, struct str payload);

/* A token from jwt_sign, in the arena. */
struct str signed_token(struct signing_key *key, bool at_jwt, const char *claims);

struct jwt parsed(struct str token);

/* Tokens that others made, one for each algorithm, with the public JWK that they verify under. */
struct known_token {
	const char *jwk;
	const char *token;
};
extern const struct known_token known_tokens[JWT_ALG_COUNT];

/* What jwt_parse would make of a known token, which it refuses because its header has no kid.
 * The signature's bytes are the test's to change. */
struct jwt taken_apart(enum jwt_alg alg, const char *token);

#endif
