/* The generations of a set lie side by side, and so do its hashes: a look-up reads few lines of
 * memory, however large what is kept at the places. */
#include "op/token_index.h"

#include <stdlib.h>
#include <string.h>

struct set {
	uint64_t generation[TOKEN_INDEX_WAYS]; /* 0: free */
	int64_t expires_at[TOKEN_INDEX_WAYS];
	uint8_t hash[TOKEN_INDEX_WAYS][SHA256_LEN];
};

struct token_index {
	struct set sets[TOKEN_INDEX_SETS];
};

struct token_index *token_index_new(void)
{
	return calloc(1, sizeof(struct token_index));
}

void token_index_free(struct token_index *i)
{
	free(i);
}

static int number_of(const uint8_t hash[SHA256_LEN])
{
	return (hash[0] << 8 | hash[1]) % TOKEN_INDEX_SETS;
}

static bool is_at(const struct set *s, int way, const uint8_t hash[SHA256_LEN])
{
	return memcmp(s->hash[way], hash, SHA256_LEN) == 0;
}

int token_index_find(const struct token_index *i, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now)
{
	int number = number_of(hash);
	const struct set *s = &i->sets[number];
	for (int way = 0; way < TOKEN_INDEX_WAYS; way++)
		if (s->generation[way] == generation && s->expires_at[way] > now && is_at(s, way, hash))
			return number * TOKEN_INDEX_WAYS + way;
	return -1;
}

static int victim_of(const struct set *s, const uint8_t hash[SHA256_LEN], uint64_t generation)
{
	int victim = 0;
	for (int way = 0; way < TOKEN_INDEX_WAYS; way++)
		if (is_at(s, way, hash))
			return way;
	for (int way = 0; way < TOKEN_INDEX_WAYS; way++) {
		if (s->generation[way] != generation)
			return way;
		if (s->expires_at[way] < s->expires_at[victim])
			victim = way;
	}
	return victim;
}

int token_index_take(struct token_index *i, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t expires_at)
{
	int number = number_of(hash);
	struct set *s = &i->sets[number];
	int way = victim_of(s, hash, generation);
	s->generation[way] = generation;
	s->expires_at[way] = expires_at;
	memcpy(s->hash[way], hash, SHA256_LEN);
	return number * TOKEN_INDEX_WAYS + way;
}
