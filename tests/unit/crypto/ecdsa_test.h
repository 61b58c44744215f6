/* What the tests of ECDSA share: a published key and its signatures, nonces that a test decides,
 * and a search of the process's memory. BN_generate_dsa_nonce, which is defined here, is found
 * before the library's. */
#ifndef M2M_TESTS_UNIT_ECDSA_TEST_H
#define M2M_TESTS_UNIT_ECDSA_TEST_H

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <stdbool.h>

#include "crypto/digest.h"
#include "crypto/ecdsa_batch.h"

/* RFC 6979 appendix A.2.5: a key, and for each message its digest, the nonce (k) and the
 * signature. */
extern const char ecdsa_vector_public[];
extern const struct ecdsa_vector {
	const char *message, *k, *signature;
} ecdsa_vectors[2];
EVP_PKEY *ecdsa_vector_key(void); /* the caller frees */

extern struct ecdsa_nonces {
	const char *const *scripted; /* as hex, in turn */
	unsigned n, drawn;
	bool broken;
	uint8_t digests[ECDSA_BATCH_MAX][SHA256_LEN]; /* what each was drawn for */
} nonces;

/* How often the bytes stand in this process's writable memory, but for where they are given and
 * where they are looked for. Read as a file is, so that sanitizers don't mind. */
unsigned count_in_memory(const uint8_t *pattern, size_t n);

/* Whether STRIDED_RUN words that follow each other lie in that memory, with `stride` bytes from one
 * to the next. A zero among the words ends a number. */
#define STRIDED_RUN 3
bool find_strided(const uint64_t *words, size_t n, size_t stride);

/* Of the number itself, in Montgomery form, and of its inverse in that form, in the order in
 * which numbers lie in memory. It wipes what it takes. */
unsigned count_forms(BIGNUM *number, const BIGNUM *modulus);
unsigned count_nonce(const char *k_hex, const EC_GROUP *group);

#endif
