/* The algorithms that tokens are signed with (RFC 7518 section 3.1, RFC 8037 section 3.1), and
 * the keys that they take. */
#ifndef M2M_CRYPTO_JWT_ALG_H
#define M2M_CRYPTO_JWT_ALG_H

#include "base/err.h"
#include "base/str.h"

enum jwt_alg { JWT_RS256, JWT_ES256, JWT_PS256, JWT_EDDSA, JWT_ALG_COUNT };

const char *jwt_alg_name(enum jwt_alg alg); /* "RS256" */
/* exact case; ERR_NOT_PRESENT otherwise */
MUST_CHECK enum err jwt_alg_of(struct str name, enum jwt_alg *ret);
/* As others' tokens and keys name it: also by the fully-specified name of RFC 9864 section 2.2,
 * "Ed25519", which is EdDSA with the one curve that we take. */
MUST_CHECK enum err jwt_alg_named(struct str name, enum jwt_alg *ret);

const char *jwt_alg_key_type(enum jwt_alg alg); /* OpenSSL's name: "RSA" */
int jwt_alg_rsa_padding(enum jwt_alg alg);      /* OpenSSL's RSA_..._PADDING; 0: not RSA */

#endif
