#include "op/bearer_memo.h"

#include <stdlib.h>

#include "op/token_index.h"

struct bearer_memo {
	struct token_index *index;
	struct bearer_facts facts[TOKEN_INDEX_PLACES];
};

struct bearer_memo *bearer_memo_new(void)
{
	struct bearer_memo *m = calloc(1, sizeof *m);
	if (m != NULL)
		m->index = token_index_new();
	if (m == NULL || m->index == NULL) {
		free(m);
		return NULL;
	}
	return m;
}

void bearer_memo_free(struct bearer_memo *m)
{
	if (m == NULL)
		return;
	token_index_free(m->index);
	free(m);
}

const struct bearer_facts *bearer_memo_get(struct bearer_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now)
{
	int place = token_index_find(m->index, hash, generation, now);
	return place < 0 ? NULL : &m->facts[place];
}

void bearer_memo_put(struct bearer_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, const struct bearer_facts *facts)
{
	m->facts[token_index_take(m->index, hash, generation, facts->expires_at)] = *facts;
}
