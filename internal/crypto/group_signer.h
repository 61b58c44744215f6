/* Signatures of one key that are made together, each at less than the cost of one made alone.
 * There are two ways, and each fills one struct: libcrypto_mb (multi_buffer.h) and our own batches
 * for P-256 (ecdsa_batch.h). */
#ifndef M2M_CRYPTO_GROUP_SIGNER_H
#define M2M_CRYPTO_GROUP_SIGNER_H

#include <stdbool.h>

#include <openssl/evp.h>

#include "crypto/signing_key_parts.h"
#include "crypto/signing_way.h"

struct group_signer {
	enum signing_way way;
	size_t min;   /* fewer cost less one by one */
	size_t max;   /* inputs of one call */
	size_t group; /* how many are best handed over at once; SIGNING_GROUP_MAX at most */
	/* Signs `n` inputs, `min` to `max`: SHA-256 digests, of EdDSA whole messages. ERR_CRYPTO:
	 * all signatures are undefined; each may still be made alone. */
	enum err (*sign)(struct group_signer *g, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX], size_t *lengths);
	void (*free)(struct group_signer *g);
};

/* The fastest way of those up to `way` that this private key, this build and this CPU have. NULL:
 * there is none, or no memory, or the key isn't OpenSSL's default provider's: whoever has put
 * another one in charge (the FIPS module, say) has all signatures made there. It copies what it
 * takes of the key. */
struct group_signer *group_signer_new(enum jwt_alg alg, EVP_PKEY *pkey, enum signing_way way);
void group_signer_free(struct group_signer *g); /* NULL is allowed */

/* Whether OpenSSL's default provider has the key, and leaves us its arithmetic. */
bool is_openssl_own(const EVP_PKEY *pkey);

#endif
