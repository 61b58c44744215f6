/* OpenSSL's contexts, made ready once, so that a signature fetches and sets nothing. */
#ifndef M2M_CRYPTO_SIGNING_CONTEXT_H
#define M2M_CRYPTO_SIGNING_CONTEXT_H

#include <openssl/evp.h>

#include "crypto/signing_key_parts.h"

/* One that `init` makes ready for any number of SHA-256 digests. NULL on failure. */
EVP_PKEY_CTX *signing_context_of_digests(EVP_PKEY *pkey, enum jwt_alg alg, int (*init)(EVP_PKEY_CTX *));

/* One for a whole message, which EdDSA digests itself; it is copied for each. NULL on failure. */
typedef int signing_context_init(EVP_MD_CTX *, EVP_PKEY_CTX **, const EVP_MD *, ENGINE *, EVP_PKEY *);
EVP_MD_CTX *signing_context_of_messages(EVP_PKEY *pkey, signing_context_init *init);

/* Gives a key that signs digests another context, after a signature that failed. OpenSSL blinds
 * what an RSA key signs by a factor and the factor's inverse, and changes both for each signature.
 * A lack of memory in between leaves two that don't belong together, and every signature behind it
 * is wrong. A copy of the key has no such pair yet. False: out of memory, and nothing has
 * changed. */
bool signing_context_renew(struct signing_key *key);

#endif
