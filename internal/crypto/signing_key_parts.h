/* What a signing key is made of, for jwt.c and jwt_libjwt.c: everything that a signature needs,
 * made ready beforehand. */
#ifndef M2M_CRYPTO_SIGNING_KEY_PARTS_H
#define M2M_CRYPTO_SIGNING_KEY_PARTS_H

#include <openssl/bio.h>
#include <openssl/evp.h>

#include "crypto/hasher.h"
#include "crypto/jwk.h"
#include "crypto/signing_key.h"

#define SIGNATURE_MAX      JWK_RSA_MAX_BYTES
#define ENCODED_HEADER_MAX 128

struct group_signer;

struct signing_key {
	enum jwt_alg alg;
	EVP_PKEY *pkey;
	bool private;
	/* NULL in a public key. OpenSSL lets one initialised context sign any number of digests */
	EVP_PKEY_CTX *sign;
	bool sign_failed; /* the last signature: signing_context_renew before the next */
	EVP_PKEY_CTX *verify;
	struct group_signer *together; /* signing_key_prepare_group made it; else NULL */
	/* EdDSA's in their place, which take the message itself: keyed, to be copied for each
	 * use */
	EVP_MD_CTX *sign_message;
	EVP_MD_CTX *verify_message;
	struct hasher *hasher;
	BIO *public_pem; /* in memory; libjwt parses it at every call. NULL in a known key */
	/* ES256's point, for whoever verifies several signatures together; group_verifier.c's */
	struct {
		enum { POINT_UNASKED, POINT_NONE, POINT_KNOWN } state;
		uint64_t x[4], y[4];
	} point;
	unsigned holders;               /* besides who made it: signing_key_hold */
	uint8_t thumbprint[SHA256_LEN]; /* RFC 7638 */
	char kid[KID_LEN + 1];
	/* base64url of {"alg","typ","kid"}, indexed by at_jwt, NUL-terminated */
	char headers[2][ENCODED_HEADER_MAX];
};

/* A public key that was parsed elsewhere; `pkey` is taken over, also on failure. ERR_MISMATCH as
 * signing_key_from_jwk. */
MUST_CHECK enum err signing_key_of_public(enum jwt_alg alg, EVP_PKEY *pkey, struct signing_key **ret);
/* As signing_key_from_known_jwk. */
MUST_CHECK enum err signing_key_of_known(enum jwt_alg alg, EVP_PKEY *pkey, struct signing_key **ret);
/* The same as of_public for one with its private part. */
MUST_CHECK enum err signing_key_of_private(enum jwt_alg alg, EVP_PKEY *pkey, struct signing_key **ret);

/* Signs the bytes in the form JOSE wants (RFC 7518 sections 3.3 to 3.5, RFC 8037 section 3.1).
 * ERR_NOT_PRESENT for a public key; ERR_NO_MEMORY, also where OpenSSL made one without noticing;
 * ERR_CRYPTO. */
MUST_CHECK enum err signing_key_sign(struct signing_key *key, struct str input, uint8_t signature[SIGNATURE_MAX], size_t *ret_n);

/* The same for each of `n` inputs, 1 to signing_key_group(key), into signatures[i] of lengths[i]
 * bytes. On an error there is none of them. */
MUST_CHECK enum err signing_key_sign_all(struct signing_key *key, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX],
					 size_t *lengths);

/* All of them in one call of key->together, which is there and takes so many. ERR_NO_MEMORY,
 * ERR_CRYPTO. */
MUST_CHECK enum err signing_key_sign_together(struct signing_key *key, const struct str *inputs, size_t n,
					      uint8_t (*signatures)[SIGNATURE_MAX], size_t *lengths);

/* ERR_MISMATCH: not this key's signature of `input`. */
MUST_CHECK enum err signing_key_verify(struct signing_key *key, struct str input, struct str signature);

#endif
