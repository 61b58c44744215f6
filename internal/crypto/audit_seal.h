/* A seal of the audit: what a writer signs of the batch before, so that its rows can't change
 * unseen. m2m.audit_seal tells what it stands for.
 *
 * Its hash is the SHA-256 of these bytes, numbers big-endian, times in microseconds since 1970:
 *     1    0x02
 *    25    "m2m-gateway audit seal v" and the version, "1" or "2": which fields of a row are hashed
 *    (sql/audit_row.h)
 *    32 previous the hash of the writer's seal before; of a writer that goes on for another one,
 *    that one's last; zeros: none
 *    16    writer
 *     8    seq           from 1
 *     8 previous_at when that seal was written, and issued_at of the rows sealed here; 0:
 *     neither is there
 *    16    batch_id      of the rows written with this seal; zeros: none
 *    16    sealed_batch  of the rows sealed by it; zeros: none
 *     1    last          1: the writer ends with it
 *    32    root          of their tree (audit_tree.h)
 *   8*n    tags
 * The signature is ES256 of the hash. */
#ifndef M2M_CRYPTO_AUDIT_SEAL_H
#define M2M_CRYPTO_AUDIT_SEAL_H

#include <stdbool.h>

#include "base/sbuf.h"
#include "base/uuid.h"
#include "crypto/audit_tree.h"
#include "crypto/master_ring.h"
#include "crypto/signing_key.h"

#define AUDIT_SIGNATURE_LEN 64
#define AUDIT_SEAL_HEAD_LEN 155 /* without the tags */
#define AUDIT_SEAL_VERSION  2   /* of what is sealed now */

struct audit_seal {
	int version; /* 1 or 2; what has another one fits no signature */
	uint8_t previous[SHA256_LEN];
	struct uuid writer;
	uint64_t seq;
	int64_t previous_at;
	struct uuid batch_id;
	struct uuid sealed_batch;
	bool last;
	uint8_t root[SHA256_LEN];
	struct str tags; /* borrowed */
};

/* The key that a master key's holders sign seals with: P-256, derived as the secrets are, so
 * that every gateway has it and the database never does. d = 1 + (64 bytes of KBKDF, label
 * "m2m-gateway audit key v1", contexts "1" and "2") mod (order - 1) (FIPS 186-5 A.2.1).
 * ERR_CRYPTO, ERR_NO_MEMORY. */
MUST_CHECK enum err audit_key_derive(const struct master_key *master, struct signing_key **ret);

/* The bytes that stand before the tags. */
void audit_seal_head(const struct audit_seal *seal, uint8_t head[AUDIT_SEAL_HEAD_LEN]);

MUST_CHECK enum err audit_seal_hash(struct hasher *h, const struct audit_seal *seal, uint8_t hash[SHA256_LEN]);
MUST_CHECK enum err audit_seal_sign(struct signing_key *key, const uint8_t hash[SHA256_LEN], uint8_t signature[AUDIT_SIGNATURE_LEN]);
/* ERR_MISMATCH. */
MUST_CHECK enum err audit_seal_verify(struct signing_key *key, const uint8_t hash[SHA256_LEN], struct str signature);

#endif
