#include "op/bearer_memo.h"

#include <stdlib.h>

#include "op/token_index.h"

struct bearer_memo {
	struct token_index index;
	struct bearer_facts facts[TOKEN_INDEX_PLACES];
};

struct bearer_memo *bearer_memo_new(void)
{
	return calloc(1, sizeof(struct bearer_memo));
}

void bearer_memo_free(struct bearer_memo *m)
{
	free(m);
}

const struct bearer_facts *bearer_memo_get(struct bearer_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now)
{
	size_t place = 0;
	return token_index_find(&m->index, hash, generation, now, &place) ? &m->facts[place] : NULL;
}

void bearer_memo_put(struct bearer_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, const struct bearer_facts *facts)
{
	m->facts[token_index_take(&m->index, hash, generation, facts->expires_at)] = *facts;
}
