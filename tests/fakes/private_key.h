/* Private keys where it doesn't matter who made them. RSA's are always the same: to make one takes
 * a tenth of a second. */
#ifndef M2M_TESTS_FAKES_PRIVATE_KEY_H
#define M2M_TESTS_FAKES_PRIVATE_KEY_H

#include <openssl/evp.h>

#include "crypto/signing_key.h"

enum rsa_key { RSA_KEY_2048, RSA_KEY_2048_OTHER, RSA_KEY_3072, RSA_KEY_4096 };

/* Freed with EVP_PKEY_free. */
EVP_PKEY *rsa_key(enum rsa_key which);

/* A new one, or RSA_KEY_2048 for JWT_RS256 and the other for JWT_PS256. Freed with
 * signing_key_free. */
struct signing_key *private_key(enum jwt_alg alg);

#endif
