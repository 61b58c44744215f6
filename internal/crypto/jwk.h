/* JSON Web Keys (RFC 7517, RFC 7518 section 6, RFC 8037 section 2) <-> EVP_PKEY, public parts
 * only; for the files of this folder. */
#ifndef M2M_CRYPTO_JWK_H
#define M2M_CRYPTO_JWK_H

#include <openssl/evp.h>

#include "base/sbuf.h"
#include "base/str.h"
#include "crypto/digest.h"
#include "crypto/signing_key.h"
#include "json/json_read.h"

#define JWK_RSA_MAX_BYTES 512 /* 4096 bits */

/* Appends the members that RFC 7638 makes thumbprints of, in its order and spelling, without the
 * braces. ERR_CRYPTO. */
MUST_CHECK enum err jwk_put_members(const EVP_PKEY *pkey, enum jwt_alg alg, struct sbuf *out);

/* Appends those of the private part (RFC 7518 sections 6.2.2 and 6.3.2, RFC 8037 section 2), each
 * with a comma before it. The caller wipes. ERR_CRYPTO. */
MUST_CHECK enum err jwk_put_private_members(const EVP_PKEY *pkey, enum jwt_alg alg, struct sbuf *out);

/* SHA-256 of them within braces (RFC 7638 section 3). ERR_CRYPTO. */
MUST_CHECK enum err jwk_thumbprint(const EVP_PKEY *pkey, enum jwt_alg alg, uint8_t out[SHA256_LEN]);

/* Neither `use` nor `key_ops` (RFC 7517 sections 4.2 and 4.3) keeps the key from verifying. */
bool jwk_is_for_verifying(const struct json *jwk);

/* Whether it has a member of a private or symmetric key (RFC 7518 sections 6.2.2, 6.3.2, 6.4.1). */
bool jwk_has_private_member(const struct json *jwk);

/* ERR_MALFORMED, ERR_MISMATCH as signing_key_from_jwk says. The caller frees *ret. */
MUST_CHECK enum err jwk_read(enum jwt_alg alg, struct str text, EVP_PKEY **ret);
MUST_CHECK enum err jwk_read_object(enum jwt_alg alg, const struct json *jwk, EVP_PKEY **ret);

/* The algorithm that the key is for: what "alg" says, or else its type's plain one (RSA: RS256,
 * P-256: ES256, Ed25519: EdDSA). ERR_NOT_PRESENT: none of ours. */
MUST_CHECK enum err jwk_alg(const struct json *jwk, enum jwt_alg *ret);

#endif
