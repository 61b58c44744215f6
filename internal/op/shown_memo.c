/* 512 sets of 4: the first bytes of the SHA-256 choose the set. The texts of an entry lie in one
 * piece, in the order of texts_of. */
#include "op/shown_memo.h"

#include <stdlib.h>
#include <string.h>

#define SETS  512
#define WAYS  4
#define TEXTS 8

struct entry {
	uint8_t hash[SHA256_LEN];
	uint64_t generation; /* 0: free */
	struct own_token token;
	char *texts;
	size_t texts_n;
};

struct shown_memo {
	struct entry sets[SETS][WAYS];
};

struct shown_memo *shown_memo_new(void)
{
	return calloc(1, sizeof(struct shown_memo));
}

void shown_memo_free(struct shown_memo *m)
{
	for (size_t i = 0; m != NULL && i < SETS; i++)
		for (size_t j = 0; j < WAYS; j++)
			free(m->sets[i][j].texts);
	free(m);
}

static void texts_of(struct own_token *t, struct str *ret[TEXTS])
{
	struct introspected *said = &t->said;
	struct str *const all[TEXTS] = {&t->kid,       &said->scope, &said->client_id,       &said->subject,
					&said->issuer, &said->jti,   &said->organization_id, &said->audience};
	memcpy(ret, all, sizeof all);
}

/* They shall be found at `to`, one behind the other. */
static void move_texts(struct own_token *t, const char *to)
{
	struct str *texts[TEXTS];
	texts_of(t, texts);
	for (size_t i = 0; i < TEXTS; i++) {
		if (texts[i]->p == NULL)
			continue;
		texts[i]->p = to;
		to += texts[i]->n;
	}
}

static const struct entry *find(const struct shown_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation)
{
	const struct entry *set = m->sets[(hash[0] << 8 | hash[1]) % SETS];
	for (int i = 0; i < WAYS; i++)
		if (set[i].generation == generation && memcmp(set[i].hash, hash, SHA256_LEN) == 0)
			return &set[i];
	return NULL;
}

bool shown_memo_get(const struct shown_memo *m, struct arena *a, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now,
		    struct own_token *ret)
{
	const struct entry *e = find(m, hash, generation);
	if (e == NULL || e->token.facts.expires_at <= now)
		return false;
	char *texts = arena_room(a, e->texts_n);
	if (texts == NULL)
		return false;
	memcpy(texts, e->texts, e->texts_n);
	*ret = e->token;
	move_texts(ret, texts);
	return true;
}

static struct entry *victim_of(struct shown_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation)
{
	struct entry *set = m->sets[(hash[0] << 8 | hash[1]) % SETS];
	struct entry *victim = &set[0];
	for (int i = 0; i < WAYS; i++) {
		if (set[i].generation != generation || memcmp(set[i].hash, hash, SHA256_LEN) == 0)
			return &set[i];
		if (set[i].token.facts.expires_at < victim->token.facts.expires_at)
			victim = &set[i];
	}
	return victim;
}

/* NULL: too many, or out of memory. */
static char *copy_texts(struct own_token *t, size_t *ret_n)
{
	struct str *texts[TEXTS];
	size_t n = 0;
	texts_of(t, texts);
	for (size_t i = 0; i < TEXTS; i++)
		n += texts[i]->n;
	char *copy = n > SHOWN_TEXTS_MAX ? NULL : malloc(n + 1);
	if (copy == NULL)
		return NULL;
	*ret_n = n;
	n = 0;
	for (size_t i = 0; i < TEXTS; i++) {
		if (texts[i]->n > 0)
			memcpy(copy + n, texts[i]->p, texts[i]->n);
		n += texts[i]->n;
	}
	return copy;
}

void shown_memo_put(struct shown_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, const struct own_token *t)
{
	struct entry *e = victim_of(m, hash, generation);
	struct own_token kept = *t;
	size_t n = 0;
	char *texts = copy_texts(&kept, &n);
	if (texts == NULL)
		return;
	move_texts(&kept, texts);
	free(e->texts);
	*e = (struct entry){.generation = generation, .token = kept, .texts = texts, .texts_n = n};
	memcpy(e->hash, hash, SHA256_LEN);
}
