/* Client ids and client secrets: made, derived again, checked for shape, and turned into the
 * verifier that the database keeps.
 *
 *   client id       m2m_<22 base62>                     16 random bytes
 *   client secret m2ms_<43 base62>_<6 base62> 32 derived bytes, CRC-32/ISO-HDLC of all before
 *   the last underscore
 *
 * base62 is 0-9A-Za-z, big-endian, left-padded with '0'.
 * derived = KBKDF-HMAC-SHA256(master key, label "m2m-gateway client secret v1", context), where
 * context is the concatenation of four fields, each preceded by its length as a 32-bit
 * big-endian number: organization id (36 lower-case characters), client id, version (decimal),
 * salt (32 bytes). verifier = HMAC-SHA-256(verifier_key, client id || 0x00 || secret). */
#ifndef M2M_CRYPTO_SECRET_H
#define M2M_CRYPTO_SECRET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/uuid.h"
#include "crypto/digest.h"
#include "crypto/foreign_secret.h"
#include "crypto/master_ring.h"

/* Bytes of a version's verifier that its tokens carry (claim secret_tag), base64url-encoded
 * without padding. */
#define SECRET_TAG_LEN      6
#define SECRET_TAG_TEXT_LEN 8

#define CLIENT_ID_LEN   26
#define SECRET_LEN      55
#define SECRET_SALT_LEN 32
#define SECRET_HINT_LEN 4

struct secret_params {
	struct uuid organization_id;
	struct str client_id;
	int32_t version; /* >= 1 */
	uint8_t salt[SECRET_SALT_LEN];
};

MUST_CHECK enum err client_id_make(char out[CLIENT_ID_LEN]); /* no NUL */
bool client_id_well_formed(struct str s);

/* Writes SECRET_LEN characters, no NUL. The caller wipes them. */
MUST_CHECK enum err secret_derive(const struct master_key *key, const struct secret_params *params, char out[SECRET_LEN]);

/* Prefix, length, alphabet and checksum. A secret that fails here can't be anyone's. */
bool secret_well_formed(struct str s);

/* The last four characters before the checksum's underscore: shown to people to tell secrets
 * apart. */
void secret_hint(const char secret[SECRET_LEN], char out[SECRET_HINT_LEN]);

/* What a verifier is the HMAC of: *ret_n bytes, which the caller wipes. Of ours, and of what was
 * brought along. ERR_MALFORMED: client_id or secret has not the length of one. */
#define SECRET_MESSAGE_MAX (FOREIGN_MAX + 1 + FOREIGN_MAX)
MUST_CHECK enum err secret_message(struct str client_id, struct str secret, char out[SECRET_MESSAGE_MAX], size_t *ret_n);

/* Both must be well formed, as ours or as brought along. */
MUST_CHECK enum err secret_verifier(const struct master_key *key, struct str client_id, struct str secret, uint8_t out[SHA256_LEN]);

/* Exposed for its vectors: `n` bytes as exactly `width` base62 digits. False when they don't
 * fit; out is then undefined. n <= 64. */
bool base62_encode(const uint8_t *bytes, size_t n, char *out, size_t width);
uint32_t crc32_iso_hdlc(const void *p, size_t n);

#endif
