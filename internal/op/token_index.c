/* The generations of a set lie side by side, and so do its hashes: a look-up reads few lines of
 * memory, however large what is kept at the places. */
#include "op/token_index.h"

#include <assert.h>
#include <string.h>

static size_t set_of(const uint8_t hash[SHA256_LEN])
{
	return (size_t)(hash[0] << 8 | hash[1]) % TOKEN_INDEX_SETS;
}

static bool is_at(const struct token_set *s, size_t way, const uint8_t hash[SHA256_LEN])
{
	return memcmp(s->hash[way], hash, SHA256_LEN) == 0;
}

bool token_index_find(const struct token_index *i, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now, size_t *ret_place)
{
	const struct token_set *s = &i->sets[set_of(hash)];
	for (size_t way = 0; way < TOKEN_INDEX_WAYS; way++)
		if (s->generation[way] == generation && s->expires_at[way] > now && is_at(s, way, hash)) {
			*ret_place = set_of(hash) * TOKEN_INDEX_WAYS + way;
			return true;
		}
	return false;
}

static size_t victim_of(const struct token_set *s, const uint8_t hash[SHA256_LEN], uint64_t generation)
{
	size_t victim = 0;
	for (size_t way = 0; way < TOKEN_INDEX_WAYS; way++)
		if (is_at(s, way, hash))
			return way;
	for (size_t way = 0; way < TOKEN_INDEX_WAYS; way++) {
		if (s->generation[way] != generation)
			return way;
		if (s->expires_at[way] < s->expires_at[victim])
			victim = way;
	}
	return victim;
}

size_t token_index_take(struct token_index *i, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t expires_at)
{
	assert(generation != 0);
	struct token_set *s = &i->sets[set_of(hash)];
	size_t way = victim_of(s, hash, generation);
	s->generation[way] = generation;
	s->expires_at[way] = expires_at;
	memcpy(s->hash[way], hash, SHA256_LEN);
	return set_of(hash) * TOKEN_INDEX_WAYS + way;
}
