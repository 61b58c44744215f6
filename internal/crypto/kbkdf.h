/* The one key derivation of this program: KBKDF-HMAC-SHA256 in counter mode (NIST SP 800-108),
 * for the files of this folder. */
#ifndef M2M_CRYPTO_KBKDF_H
#define M2M_CRYPTO_KBKDF_H

#include <stdint.h>

#include "base/str.h"

#define KBKDF_KEY_LEN 32

/* Counter and length are 32 bits each, the counter stands first: [i] label 0x00 context [L].
 * `context` may be empty. */
MUST_CHECK enum err kbkdf_hmac_sha256(const uint8_t key[KBKDF_KEY_LEN], struct str label, struct str context, uint8_t out[KBKDF_KEY_LEN]);

#endif
