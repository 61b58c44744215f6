/* Level by level from the bottom: a node without a neighbour moves up as it is, which gives the
 * tree that RFC 9162 defines from the top. */
#include "crypto/audit_tree.h"

#include <stdlib.h>

static const struct str leaf_prefix = STR("\0"), node_prefix = STR("\1");

enum err audit_leaf_make(struct hasher *h, struct uuid jti, struct str row, struct audit_leaf *ret)
{
	return audit_leaf_join(h, jti, (const struct str[]){row, STR("")}, ret);
}

enum err audit_leaf_join(struct hasher *h, struct uuid jti, const struct str row[2], struct audit_leaf *ret)
{
	const struct str parts[] = {leaf_prefix, row[0], row[1]};
	ret->jti = jti;
	return hasher_sha256(h, parts, 3, ret->hash);
}

static int compare(const void *a, const void *b)
{
	_Static_assert(sizeof(struct audit_leaf) == sizeof(struct uuid) + SHA256_LEN, "the jti, then the hash, and no padding");
	return memcmp(a, b, sizeof(struct audit_leaf));
}

void audit_leaves_sort(struct audit_leaf *leaves, size_t n)
{
	if (n > 1)
		qsort(leaves, n, sizeof *leaves, compare);
}

void audit_leaves_tag(const struct audit_leaf *leaves, size_t n, uint8_t *tags)
{
	for (size_t i = 0; i < n; i++, tags += AUDIT_TAG_LEN) {
		memcpy(tags, leaves[i].jti.b + sizeof leaves[i].jti.b - 4, 4);
		memcpy(tags + 4, leaves[i].hash, 4);
	}
}

static enum err join(struct hasher *h, const uint8_t left[SHA256_LEN], const uint8_t right[SHA256_LEN], uint8_t out[SHA256_LEN])
{
	const struct str parts[] = {node_prefix, str_from(left, SHA256_LEN), str_from(right, SHA256_LEN)};
	return hasher_sha256(h, parts, 3, out);
}

enum err audit_path(struct hasher *h, struct audit_leaf *leaves, size_t n, size_t index, uint8_t root[SHA256_LEN],
		    uint8_t path[AUDIT_PATH_MAX][SHA256_LEN], size_t *ret_n)
{
	size_t path_n = 0;

	if (n == 0)
		return hasher_sha256(h, NULL, 0, root);
	for (; n > 1; n = (n + 1) / 2, index /= 2) {
		if (path != NULL && (index ^ 1) < n)
			memcpy(path[path_n++], leaves[index ^ 1].hash, SHA256_LEN);
		for (size_t i = 0; i + 1 < n; i += 2) {
			enum err err = join(h, leaves[i].hash, leaves[i + 1].hash, leaves[i / 2].hash);
			if (err != ERR_OK)
				return err;
		}
		if (n % 2 == 1)
			memcpy(leaves[n / 2].hash, leaves[n - 1].hash, SHA256_LEN);
	}
	memcpy(root, leaves[0].hash, SHA256_LEN);
	if (ret_n != NULL)
		*ret_n = path_n;
	return ERR_OK;
}

enum err audit_root(struct hasher *h, struct audit_leaf *leaves, size_t n, uint8_t root[SHA256_LEN])
{
	return audit_path(h, leaves, n, 0, root, NULL, NULL);
}

enum err audit_path_check(struct hasher *h, const uint8_t leaf[SHA256_LEN], size_t index, size_t n, const uint8_t path[][SHA256_LEN],
			  size_t path_n, const uint8_t root[SHA256_LEN])
{
	uint8_t hash[SHA256_LEN];
	size_t used = 0;

	if (index >= n)
		return ERR_MISMATCH;
	memcpy(hash, leaf, sizeof hash);
	for (; n > 1; n = (n + 1) / 2, index /= 2) {
		if ((index ^ 1) >= n)
			continue;
		if (used == path_n)
			return ERR_MISMATCH;
		bool right = index % 2 == 1;
		enum err err = join(h, right ? path[used] : hash, right ? hash : path[used], hash);
		if (err != ERR_OK)
			return err;
		used++;
	}
	return used == path_n && crypto_equal(hash, root, sizeof hash) ? ERR_OK : ERR_MISMATCH;
}
