#include <criterion/criterion.h>

#include "crypto/audit_seal.h"
#include "crypto_test.h"

TestSuite(audit_seal, .init = crypto_up, .fini = crypto_down);

static struct audit_seal example(void)
{
	struct audit_seal s = {.version = 1,
			       .writer = {{1, 0x97}},
			       .seq = 7,
			       .previous_at = INT64_C(1795524613719269),
			       .root = {0},
			       .tags = unhex("000102030405060708090a0b0c0d0e0f")};
	for (uint8_t i = 0; i < SHA256_LEN; i++)
		s.previous[i] = i;
	memset(s.batch_id.b, 0xaa, sizeof s.batch_id.b);
	memset(s.sealed_batch.b, 0xbb, sizeof s.sealed_batch.b);
	cr_assert_eq(sha256("root", 4, s.root), ERR_OK);
	return s;
}

static void hash_of(const struct audit_seal *s, uint8_t out[SHA256_LEN])
{
	struct hasher *h = hasher_new();
	cr_assert_not_null(h);
	cr_assert_eq(audit_seal_hash(h, s, out), ERR_OK);
	hasher_free(h);
}

/* python3: hashlib.sha256(b"\x02m2m-gateway audit seal v1" (or v2) + previous + writer
 * + seq.to_bytes(8, "big") + at.to_bytes(8, "big") + batch + sealed + b"\0" + root + tags) */
Test(audit_seal, its_hash_is_of_the_bytes_that_the_header_lays_out)
{
	struct audit_seal s = example();
	uint8_t hash[SHA256_LEN], head[AUDIT_SEAL_HEAD_LEN];
	hash_of(&s, hash);
	cr_expect_str_eq(hex(hash, sizeof hash), "db0475ab14b2b3842177e6938befb44c0872136423f2935e6d1fb0771c976d8d");
	s.version = 2;
	hash_of(&s, hash);
	cr_expect_str_eq(hex(hash, sizeof hash), "1e311525ba16716f583dfc8848b2093066e6274a9e51f5713aceb9f0f093f604");
	audit_seal_head(&s, head);
	cr_expect_arr_eq(head + 123, s.root, sizeof s.root, "where README says that the root stands");
}

Test(audit_seal, every_field_is_part_of_the_hash)
{
	uint8_t first[SHA256_LEN];
	struct audit_seal base = example();
	hash_of(&base, first);
	for (int field = 0; field < 11; field++) {
		struct audit_seal s = example();
		uint8_t hash[SHA256_LEN];
		switch (field) {
		case 0:
			s.previous[31] ^= 1;
			break;
		case 1:
			s.writer.b[15] ^= 1;
			break;
		case 2:
			s.seq++;
			break;
		case 3:
			s.previous_at++;
			break;
		case 4:
			s.batch_id.b[0] ^= 1;
			break;
		case 5:
			s.sealed_batch.b[0] ^= 1;
			break;
		case 6:
			s.last = true;
			break;
		case 7:
			s.root[0] ^= 1;
			break;
		case 8:
			s.version = 2;
			break;
		case 9:
			s.version = 0; /* none that there is */
			break;
		default:
			s.tags.n -= 8;
		}
		hash_of(&s, hash);
		cr_expect_neq(memcmp(hash, first, sizeof hash), 0, "field %d", field);
	}
}

/* python3, with cryptography's KBKDFHMAC: d = 1 + int(kdf(b"1") + kdf(b"2")) % (n - 1), and d's
 * point. */
Test(audit_seal, the_key_is_the_one_that_another_implementation_derives)
{
	struct signing_key *key;
	struct sbuf jwk = sbuf_in(arena, 512);
	cr_assert_eq(audit_key_derive(&ring.keys[0], &key), ERR_OK);
	cr_assert_eq(signing_key_public_jwk(key, &jwk), ERR_OK);
	cr_expect_not_null(strstr(jwk.p, "\"x\":\"wOLcq2prFMUvzbJ_Lj2rZsbOCJMZlmz86Jj-98rbM0c\""), "%s", jwk.p);
	cr_expect_not_null(strstr(jwk.p, "\"y\":\"odxxUZctP1FBvjQz07BDr4YhLGa0bnDz685Oo_jrvME\""), "%s", jwk.p);
	signing_key_free(key);
}

Test(audit_seal, a_signature_is_of_one_hash_and_one_key)
{
	struct signing_key *key, *other;
	struct audit_seal s = example();
	uint8_t hash[SHA256_LEN], signature[AUDIT_SIGNATURE_LEN];
	hash_of(&s, hash);
	cr_assert_eq(audit_key_derive(&ring.keys[0], &key), ERR_OK);
	ring.keys[0].master[0] ^= 1;
	cr_assert_eq(audit_key_derive(&ring.keys[0], &other), ERR_OK);
	cr_assert_eq(audit_seal_sign(key, hash, signature), ERR_OK);
	struct str made = str_from(signature, sizeof signature);
	cr_expect_eq(audit_seal_verify(key, hash, made), ERR_OK);
	cr_expect_eq(audit_seal_verify(other, hash, made), ERR_MISMATCH);
	hash[0] ^= 1;
	cr_expect_eq(audit_seal_verify(key, hash, made), ERR_MISMATCH);
	cr_expect_eq(audit_seal_verify(key, hash, STR("")), ERR_MISMATCH);
	signing_key_free(key);
	signing_key_free(other);
}
