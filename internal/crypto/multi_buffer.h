/* Eight signatures at once, each in one lane of the CPU's vectors (AVX-512 or AVX2 with IFMA), by
 * Intel's libcrypto_mb: RSA of 2048, 3072 and 4096 bits with the exponent 65537, ES256, and EdDSA
 * (AVX-512 alone). A call takes as long with one input as with eight.
 *
 * Each RSA signature is opened with the public key before it leaves: one that a fault spoiled
 * would give the private key away (Boneh, DeMillo and Lipton 1997). ECDSA's nonces are OpenSSL's,
 * of its generator, the key and the digest. What the library leaves in memory is wiped. */
#ifndef M2M_CRYPTO_MULTI_BUFFER_H
#define M2M_CRYPTO_MULTI_BUFFER_H

#include "crypto/group_signer.h"

#define MULTI_BUFFER_LANES 8

/* An ES256 signature, of any key. */
struct ecdsa_claim {
	const uint8_t *digest;    /* SHA256_LEN bytes */
	const uint8_t *signature; /* ECDSA_RAW_LEN bytes */
	/* of the key, whose point is on the curve: numbers of four words, little-endian */
	const uint64_t *x, *y;
};

/* NULL: the build lacks the library, the CPU the instructions, or the key isn't one of these; or
 * no memory. group_signer_new asks whether the key's provider leaves us its arithmetic. */
struct group_signer *multi_buffer_new(enum jwt_alg alg, EVP_PKEY *pkey);

/* Whether claims are verified here. */
bool multi_buffer_has_ecdsa(void);
/* Verifies `n` claims, 1 to MULTI_BUFFER_LANES, each for itself: bit i is set when claims[i] is
 * right. One that isn't set may be right all the same, since the library takes no digest that is
 * zero or isn't below the order. */
unsigned multi_buffer_verify_ecdsa(const struct ecdsa_claim *claims, size_t n);

#endif
