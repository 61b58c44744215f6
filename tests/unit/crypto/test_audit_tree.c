#include <criterion/criterion.h>

#include "crypto/audit_tree.h"
#include "crypto_test.h"

/* The leaves and roots that Certificate Transparency's own implementations are tested with (RFC
 * 6962, whose tree RFC 9162 keeps). */
static const char *const rows[8] = {
	"", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f",
};
static const char *const roots[9] = {
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
	"fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
	"aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
	"d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
	"4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
	"76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
	"ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
	"5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
};

static struct hasher *hasher;

static void up(void)
{
	crypto_up();
	hasher = hasher_new();
	cr_assert_not_null(hasher);
}

static void down(void)
{
	hasher_free(hasher);
	crypto_down();
}

TestSuite(audit_tree, .init = up, .fini = down);

/* The rows' jtis are in their order. */
static void grow(struct audit_leaf *leaves, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		struct uuid jti = {{[14] = (uint8_t)(i >> 8), [15] = (uint8_t)i}};
		cr_assert_eq(audit_leaf_make(hasher, jti, unhex(rows[i % 8]), &leaves[i]), ERR_OK);
	}
}

Test(audit_tree, has_the_roots_of_certificate_transparency)
{
	for (size_t n = 0; n <= 8; n++) {
		struct audit_leaf leaves[8];
		uint8_t root[SHA256_LEN];
		grow(leaves, n);
		cr_assert_eq(audit_root(hasher, leaves, n, root), ERR_OK);
		cr_expect_str_eq(hex(root, sizeof root), roots[n], "of %zu leaves", n);
	}
}

Test(audit_tree, the_order_is_that_of_the_jti_however_rows_come)
{
	struct audit_leaf leaves[5], shuffled[5];
	uint8_t root[SHA256_LEN];
	grow(leaves, 5);
	for (size_t i = 0; i < 5; i++)
		shuffled[i] = leaves[(i * 3 + 4) % 5];
	audit_leaves_sort(shuffled, 5);
	cr_assert_eq(audit_root(hasher, shuffled, 5, root), ERR_OK);
	cr_expect_str_eq(hex(root, sizeof root), roots[5]);
}

Test(audit_tree, every_leaf_of_every_size_can_be_proven_and_no_other)
{
	enum { MOST = 70 };
	static struct audit_leaf leaves[MOST], used[MOST];
	for (size_t n = 1; n <= MOST; n++) {
		grow(leaves, n);
		for (size_t i = 0; i < n; i++) {
			uint8_t root[SHA256_LEN], path[AUDIT_PATH_MAX][SHA256_LEN];
			size_t path_n = 99;
			memcpy(used, leaves, sizeof used);
			cr_assert_eq(audit_path(hasher, used, n, i, root, path, &path_n), ERR_OK);
			cr_assert_eq(audit_path_check(hasher, leaves[i].hash, i, n, path, path_n, root), ERR_OK, "%zu of %zu", i, n);
			cr_assert_eq(audit_path_check(hasher, leaves[i].hash, i + 1, n, path, path_n, root), ERR_MISMATCH);
			cr_assert_eq(audit_path_check(hasher, root, i, n, path, path_n, n == 1 ? path[0] : root), ERR_MISMATCH);
			if (path_n > 0) {
				cr_assert_eq(audit_path_check(hasher, leaves[i].hash, i, n, path, path_n - 1, root), ERR_MISMATCH);
				path[path_n - 1][0] ^= 1;
				cr_assert_eq(audit_path_check(hasher, leaves[i].hash, i, n, path, path_n, root), ERR_MISMATCH);
			}
		}
	}
}

Test(audit_tree, a_tag_is_the_end_of_the_jti_and_the_begin_of_the_leaf)
{
	struct audit_leaf leaf = {.jti = {{[11] = 9, [12] = 1, [13] = 2, [14] = 3, [15] = 4}}, .hash = {5, 6, 7, 8, 9}};
	uint8_t tag[AUDIT_TAG_LEN];
	audit_leaves_tag(&leaf, 1, tag);
	cr_expect_str_eq(hex(tag, sizeof tag), "0102030405060708");
}
