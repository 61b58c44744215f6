/* ES256 signatures of any keys that are verified together by libcrypto_mb, eight in a call, each at
 * less than the cost of one verified alone. It may say that a signature is right. What it doesn't
 * say that of, OpenSSL verifies once more, so that a refusal is always OpenSSL's. */
#ifndef M2M_CRYPTO_GROUP_VERIFIER_H
#define M2M_CRYPTO_GROUP_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/str.h"
#include "crypto/signing_key.h"

#define VERIFY_GROUP_MAX 8
#define VERIFY_GROUP_MIN 3 /* fewer cost less one by one: a call costs as much as two */

struct verification {
	struct signing_key *key;
	struct str input, signature; /* as signing_key_verify takes them */
	enum err err;                /* signing_key_verify's answer, once it is verified */
};

/* Whether `allowed` (M2M_SIGNATURES) and this machine have it, and each lane takes what is right
 * and refuses what isn't. It takes some calls' time. */
bool group_verifier_works(enum signing_way allowed);

/* Whether signatures of this key may be verified together: it is ES256's, and OpenSSL's own. */
bool group_verifier_takes(struct signing_key *key);

/* Verifies them all, 1 to VERIFY_GROUP_MAX, where group_verifier_works; each key is one that it
 * takes. */
void verify_together(struct verification *const *group, size_t n);

/* How many libcrypto_mb has found right so, in this process. */
uint64_t signatures_verified_together(void);

#endif
