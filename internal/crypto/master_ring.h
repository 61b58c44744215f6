/* The ring of master keys: the first line is active (makes new secrets, wraps signing keys), the
 * others still verify, derive and open.
 *
 * Text form (M2M_MASTER_KEYS_FILE): lines `key_id: base64`, blank lines and lines that start
 * with '#' skipped. key_id is 1 to 32 of [A-Za-z0-9_-], unique; the value is standard base64 of
 * exactly 32 bytes. At most MASTER_RING_MAX keys. From each master key the subkeys are derived
 * with KBKDF-HMAC-SHA256 in counter mode (NIST SP 800-108; OpenSSL EVP_KDF "KBKDF": `salt` is
 * the label, `info` the context), 32 bytes each:
 *   verifier key  label "m2m-gateway verifier key v1",  empty context
 *   wrapping key  label "m2m-gateway seal key v1",      empty context
 *   key check label "m2m-gateway key check v1", empty context (public: stored in m2m.key_check) */
#ifndef M2M_CRYPTO_MASTER_RING_H
#define M2M_CRYPTO_MASTER_RING_H

#include <stdint.h>

#include "base/sbuf.h"
#include "base/str.h"

#define MASTER_RING_MAX   8
#define MASTER_KEY_ID_MAX 32

struct master_key {
	char key_id[MASTER_KEY_ID_MAX + 1];
	uint8_t master[32];
	uint8_t verifier_key[32];
	uint8_t wrap_key[32];
	uint8_t check[32];
};

struct master_ring {
	unsigned n; /* >= 1; keys[0] is active */
	struct master_key keys[MASTER_RING_MAX];
};

/* Fills *ret. On failure *ret is wiped and, if `why` isn't NULL, a sentence without key material
 * is appended to it ("line 2: ..."). */
MUST_CHECK enum err master_ring_parse(struct str text, struct master_ring *ret, struct sbuf *why);
void master_ring_wipe(struct master_ring *ring);
/* NULL: not on the ring */
const struct master_key *master_ring_find(const struct master_ring *ring, struct str key_id);

#endif
