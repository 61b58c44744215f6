/* What crypto_init fetched, for the files of this folder only. Read-only from crypto_init to
 * crypto_fini, so that threads may share it. */
#ifndef M2M_CRYPTO_ALGORITHMS_H
#define M2M_CRYPTO_ALGORITHMS_H

#include <openssl/evp.h>

struct crypto_algorithms {
	EVP_MD *sha256;
	EVP_MAC *hmac;
	/* keyless: to be duplicated, since naming the digest again would cost a fetch */
	EVP_MAC_CTX *hmac_sha256;
	EVP_KDF *kbkdf;
	EVP_CIPHER *aes_256_gcm;
};

const struct crypto_algorithms *crypto_algorithms(void);

#endif
