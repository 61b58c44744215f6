#include <criterion/criterion.h>

#include "op/bearer_memo.h"

static struct bearer_memo *memo;

static void up(void)
{
	memo = bearer_memo_new();
	cr_assert_not_null(memo);
}

static void down(void)
{
	bearer_memo_free(memo);
}

TestSuite(bearer_memo, .init = up, .fini = down);

/* Hashes with the same first bytes share a set. */
struct hash {
	uint8_t b[SHA256_LEN];
};
static struct hash hash_of(uint16_t set, uint8_t tail)
{
	return (struct hash){{(uint8_t)(set >> 8), (uint8_t)set, [SHA256_LEN - 1] = tail}};
}

static void put(struct hash h, uint64_t generation, int64_t expires_at)
{
	struct bearer_facts facts = {.expires_at = expires_at, .is_client = true, .secret_version = h.b[SHA256_LEN - 1]};
	bearer_memo_put(memo, h.b, generation, &facts);
}

static bool remembers(struct hash h, uint64_t generation, int64_t now)
{
	const struct bearer_facts *f = bearer_memo_get(memo, h.b, generation, now);
	if (f != NULL)
		cr_assert_eq(f->secret_version, h.b[SHA256_LEN - 1], "another bearer's facts");
	return f != NULL;
}

Test(bearer_memo, remembers_what_was_put)
{
	struct hash h = hash_of(7, 1);
	struct bearer_facts facts = {.expires_at = 100, .admin = true, .organization_id = {{1, 2}}, .subject = "ops"};
	bearer_memo_put(memo, h.b, 1, &facts);
	const struct bearer_facts *got = bearer_memo_get(memo, h.b, 1, 99);
	cr_assert_not_null(got);
	cr_assert(got->admin && !got->is_client);
	cr_assert_eq(got->organization_id.b[1], 2);
	cr_assert_str_eq(got->subject, "ops");
}

Test(bearer_memo, knows_nobody_at_first)
{
	cr_assert_not(remembers(hash_of(0, 0), 1, 0));
	cr_assert_not(remembers((struct hash){{0}}, 0, 0), "an unused entry is nobody's");
}

Test(bearer_memo, every_byte_of_the_hash_counts)
{
	struct hash h = hash_of(7, 1);
	put(h, 1, 100);
	for (size_t i = 0; i < SHA256_LEN; i++) {
		struct hash other = h;
		other.b[i] ^= 0x80;
		cr_assert_null(bearer_memo_get(memo, other.b, 1, 0), "byte %zu", i);
	}
}

Test(bearer_memo, forgets_at_the_second_of_expiry)
{
	put(hash_of(7, 1), 1, 100);
	cr_assert(remembers(hash_of(7, 1), 1, 99));
	cr_assert_not(remembers(hash_of(7, 1), 1, 100));
}

Test(bearer_memo, counts_only_under_the_generation_that_verified_it)
{
	put(hash_of(7, 1), 1, 100);
	cr_assert_not(remembers(hash_of(7, 1), 2, 0));
	cr_assert(remembers(hash_of(7, 1), 1, 0));
	put(hash_of(7, 1), 2, 100);
	cr_assert(remembers(hash_of(7, 1), 2, 0));
}
