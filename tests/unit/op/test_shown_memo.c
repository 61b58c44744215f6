/* The memory of tokens that were shown; what it remembers of real ones is in test_token_state.c. */
#include <criterion/criterion.h>

#include "op/shown_memo.h"
#include "op/token_index.h"

static struct shown_memo *memo;
static struct arena *room;

static void up(void)
{
	memo = shown_memo_new();
	room = arena_new(1 << 20);
	cr_assert(memo != NULL && room != NULL);
}

static void down(void)
{
	shown_memo_free(memo);
	arena_free(room);
}

TestSuite(shown_memo, .init = up, .fini = down);

struct hash {
	uint8_t b[SHA256_LEN];
};

/* Hashes with the same first bytes share a set. */
static struct hash hash_of(uint16_t set, uint8_t tail)
{
	return (struct hash){{(uint8_t)(set >> 8), (uint8_t)set, [SHA256_LEN - 1] = tail}};
}

static void put(struct hash h, uint64_t generation, int64_t expires_at)
{
	struct own_token t = {.kid = STR("kid"),
			      .verified = true,
			      .facts = {.expires_at = expires_at},
			      .said = {.scope = STR(""), .jti = arena_printf(room, "jti %d", h.b[SHA256_LEN - 1])}};
	shown_memo_put(memo, h.b, generation, &t);
}

static bool remembers(struct hash h, uint64_t generation, int64_t now)
{
	struct own_token t;
	if (!shown_memo_get(memo, room, h.b, generation, now, &t))
		return false;
	cr_assert(str_eq(t.kid, STR("kid")) && t.verified);
	cr_assert(t.said.scope.p != NULL && t.said.scope.n == 0 && t.said.subject.p == NULL, "empty isn't absent");
	cr_assert(str_eq(t.said.jti, arena_printf(room, "jti %d", h.b[SHA256_LEN - 1])), "another token's");
	return true;
}

Test(shown_memo, remembers_until_it_expires_under_one_generation)
{
	cr_assert_not(remembers(hash_of(1, 1), 1, 0));
	put(hash_of(1, 1), 1, 100);
	cr_assert(remembers(hash_of(1, 1), 1, 99));
	cr_assert_not(remembers(hash_of(1, 1), 1, 100));
	cr_assert_not(remembers(hash_of(1, 1), 2, 99));
	cr_assert_not(remembers(hash_of(1, 2), 1, 99), "another hash in the same set");
	put(hash_of(1, 1), 2, 200);
	cr_assert(remembers(hash_of(1, 1), 2, 199));
}

/* With the texts of the one that was there. */
Test(shown_memo, another_takes_the_place_of_the_one_that_expires_first)
{
	for (uint8_t i = 1; i <= TOKEN_INDEX_WAYS; i++)
		put(hash_of(7, i), 1, i == 2 ? 10 : 100 + i);
	put(hash_of(7, TOKEN_INDEX_WAYS + 1), 1, 200);
	for (uint8_t i = 1; i <= TOKEN_INDEX_WAYS + 1; i++)
		cr_assert_eq(remembers(hash_of(7, i), 1, 0), i != 2, "%u", i);
}

Test(shown_memo, without_room_for_the_texts_nothing_is_told)
{
	struct arena *none = arena_new_sized(1, 2);
	struct own_token t;
	put(hash_of(3, 1), 1, 100);
	cr_assert_not(shown_memo_get(memo, none, hash_of(3, 1).b, 1, 0, &t));
	arena_free(none);
}
