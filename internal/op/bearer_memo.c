/* 512 sets of 4: the first bytes of the SHA-256 choose the set. */
#include "op/bearer_memo.h"

#include <stdlib.h>
#include <string.h>

#define SETS 512
#define WAYS 4

struct entry {
	uint8_t hash[SHA256_LEN];
	uint64_t generation; /* 0: free */
	struct bearer_facts facts;
};

struct bearer_memo {
	struct entry sets[SETS][WAYS];
};

struct bearer_memo *bearer_memo_new(void)
{
	return calloc(1, sizeof(struct bearer_memo));
}
void bearer_memo_free(struct bearer_memo *m)
{
	free(m);
}

static struct entry *set_of(struct bearer_memo *m, const uint8_t hash[SHA256_LEN])
{
	return m->sets[(hash[0] << 8 | hash[1]) % SETS];
}

const struct bearer_facts *bearer_memo_get(struct bearer_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now)
{
	struct entry *set = set_of(m, hash);
	for (int i = 0; i < WAYS; i++)
		if (set[i].generation == generation && set[i].facts.expires_at > now && memcmp(set[i].hash, hash, SHA256_LEN) == 0)
			return &set[i].facts;
	return NULL;
}

void bearer_memo_put(struct bearer_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, const struct bearer_facts *facts)
{
	struct entry *set = set_of(m, hash);
	struct entry *victim = &set[0];
	for (int i = 0; i < WAYS; i++) {
		if (set[i].generation != generation || memcmp(set[i].hash, hash, SHA256_LEN) == 0) {
			victim = &set[i];
			break;
		}
		if (set[i].facts.expires_at < victim->facts.expires_at)
			victim = &set[i];
	}
	memcpy(victim->hash, hash, SHA256_LEN);
	victim->generation = generation;
	victim->facts = *facts;
}
