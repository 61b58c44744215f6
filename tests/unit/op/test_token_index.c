/* The places that two memories of tokens share; see test_bearer_memo.c and test_shown_memo.c. */
#include <criterion/criterion.h>

#include "crypto/algorithms.h"
#include "op/token_index.h"

#define WAYS TOKEN_INDEX_WAYS

static struct token_index token_index; /* each test is a process, and has an empty one */

/* Hashes with the same first bytes share a set. */
struct hash {
	uint8_t b[SHA256_LEN];
};
static struct hash hash_of(uint16_t set, uint8_t tail)
{
	return (struct hash){{(uint8_t)(set >> 8), (uint8_t)set, [SHA256_LEN - 1] = tail}};
}

static bool has(struct hash h, uint64_t generation)
{
	size_t place = 0;
	return token_index_find(&token_index, h.b, generation, 0, &place);
}

static size_t put(struct hash h, uint64_t generation, int64_t expires_at)
{
	size_t place = token_index_take(&token_index, h.b, generation, expires_at), found = SIZE_MAX;
	cr_assert_lt(place, TOKEN_INDEX_PLACES);
	cr_assert(token_index_find(&token_index, h.b, generation, expires_at - 1, &found) && found == place);
	cr_assert_not(token_index_find(&token_index, h.b, generation, expires_at, &found), "it has expired");
	return place;
}

Test(token_index, the_one_that_expires_first_makes_room)
{
	for (uint8_t i = 0; i < WAYS; i++)
		put(hash_of(7, i), 1, i == 1 ? 100 : i == 3 ? 200 : 300 + i);
	put(hash_of(7, WAYS), 1, 500);
	put(hash_of(7, WAYS + 1), 1, 500);
	for (uint8_t i = 0; i < WAYS + 2; i++)
		cr_assert_eq(has(hash_of(7, i), 1), i != 1 && i != 3, "%u", i);
}

Test(token_index, an_older_generation_makes_room_first)
{
	put(hash_of(7, WAYS), 1, 900);
	for (uint8_t i = 0; i < WAYS; i++)
		put(hash_of(7, i), 2, 100);
	for (uint8_t i = 0; i < WAYS; i++)
		cr_assert(has(hash_of(7, i), 2));
	cr_assert_not(has(hash_of(7, WAYS), 1));
}

Test(token_index, the_same_token_again_takes_its_own_place)
{
	size_t places[WAYS];
	for (uint8_t i = 0; i < WAYS; i++)
		places[i] = put(hash_of(7, i), 1, 100 + i);
	cr_assert_eq(put(hash_of(7, 2), 1, 900), places[2]);
	cr_assert_eq(put(hash_of(7, 5), 2, 900), places[5], "under another generation too");
	for (uint8_t i = 0; i < WAYS; i++)
		cr_assert_eq(has(hash_of(7, i), 1), i != 5, "%u", i);
}

Test(token_index, each_place_is_one_tokens)
{
	static bool taken[TOKEN_INDEX_PLACES];
	for (unsigned i = 0; i < TOKEN_INDEX_PLACES; i++) {
		size_t place = put(hash_of((uint16_t)(i % TOKEN_INDEX_SETS), (uint8_t)(i / TOKEN_INDEX_SETS)), 1, 100);
		cr_assert_not(taken[place], "%zu", place);
		taken[place] = true;
	}
}

Test(token_index, holds_a_bounded_number_however_many_come)
{
	unsigned held = 0;
	for (unsigned i = 0; i < 65536; i++)
		put(hash_of((uint16_t)i, (uint8_t)(i >> 8)), 1, 100 + i);
	for (unsigned i = 0; i < 65536; i++)
		held += has(hash_of((uint16_t)i, (uint8_t)(i >> 8)), 1);
	cr_assert_eq(held, TOKEN_INDEX_PLACES);
	cr_assert(has(hash_of(65535, 255), 1), "the last one is there");
}

Test(token_index, of_a_thousand_tokens_one_at_most_loses_its_place)
{
	unsigned held = 0;
	struct hash h[1000];
	cr_assert_eq(crypto_init(), ERR_OK);
	for (uint32_t i = 0; i < 1000; i++) {
		cr_assert_eq(sha256(&i, sizeof i, h[i].b), ERR_OK);
		put(h[i], 1, 100);
	}
	for (unsigned i = 0; i < 1000; i++)
		held += has(h[i], 1);
	cr_assert_geq(held, 999);
	crypto_fini();
}
