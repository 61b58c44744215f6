/* JSON Web Keys (RFC 7517, RFC 7518 section 6) <-> EVP_PKEY, public parts only; for the files of this folder. */
#ifndef M2M_CRYPTO_JWK_H
#define M2M_CRYPTO_JWK_H

#include <openssl/evp.h>

#include "base/sbuf.h"
#include "base/str.h"
#include "crypto/signing_key.h"

#define JWK_RSA_MAX_BYTES 512 /* 4096 bits */

/* Appends the members that RFC 7638 makes thumbprints of, in its order and spelling, without the braces. ERR_CRYPTO. */
MUST_CHECK enum err jwk_put_members(const EVP_PKEY *pkey, enum jwt_alg alg, struct sbuf *out);

/* ERR_MALFORMED, ERR_MISMATCH as signing_key_from_jwk says. The caller frees *ret. */
MUST_CHECK enum err jwk_read(enum jwt_alg alg, struct str text, EVP_PKEY **ret);

#endif
