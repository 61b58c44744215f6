/* The Merkle tree of one batch of audit rows (RFC 9162 section 2.1, SHA-256): leaves are hashes
 * of 0x00 and the row, nodes of 0x01 and their two children.
 *
 * A row is what PostgreSQL's `copy (select ...) to stdout (format binary)` gives for it: a tuple
 * with its number of fields and each field behind its length, the columns of m2m.token_audit that
 * sql/audit_row.h names. Nothing is formatted for hashing, and anybody with psql has the same
 * bytes. A table has no order, so the tree's is that of the jti. */
#ifndef M2M_CRYPTO_AUDIT_TREE_H
#define M2M_CRYPTO_AUDIT_TREE_H

#include "base/uuid.h"
#include "crypto/hasher.h"

#define AUDIT_TAG_LEN 8 /* the jti's last four bytes, the leaf's first four */

struct audit_leaf {
	struct uuid jti;
	uint8_t hash[SHA256_LEN];
};

MUST_CHECK enum err audit_leaf_make(struct hasher *h, struct uuid jti, struct str row, struct audit_leaf *ret);
/* Of a row in two parts. */
MUST_CHECK enum err audit_leaf_join(struct hasher *h, struct uuid jti, const struct str row[2], struct audit_leaf *ret);

/* Sorts the leaves by jti; of equal ones by hash. */
void audit_leaves_sort(struct audit_leaf *leaves, size_t n);

/* AUDIT_TAG_LEN bytes for each sorted leaf. */
void audit_leaves_tag(const struct audit_leaf *leaves, size_t n, uint8_t *tags);

/* The root over sorted leaves, whose hashes are used up. n == 0: SHA-256 of nothing. */
MUST_CHECK enum err audit_root(struct hasher *h, struct audit_leaf *leaves, size_t n, uint8_t root[SHA256_LEN]);

#define AUDIT_PATH_MAX 32

/* The same, and on the way the hashes that prove leaf `index` a part of it (RFC 9162 section
 * 2.1.3), from the bottom up. */
MUST_CHECK enum err audit_path(struct hasher *h, struct audit_leaf *leaves, size_t n, size_t index, uint8_t root[SHA256_LEN],
			       uint8_t path[AUDIT_PATH_MAX][SHA256_LEN], size_t *ret_n);

/* ERR_MISMATCH unless the path leads from leaf `index` of `n` to this root (RFC 9162 section
 * 2.1.3.2). */
MUST_CHECK enum err audit_path_check(struct hasher *h, const uint8_t leaf[SHA256_LEN], size_t index, size_t n,
				     const uint8_t path[][SHA256_LEN], size_t path_n, const uint8_t root[SHA256_LEN]);

#endif
