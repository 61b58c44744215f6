/* The texts of an entry lie in one piece, in the order of texts_of. */
#include "op/shown_memo.h"

#include <stdlib.h>
#include <string.h>

#include "op/token_index.h"

#define TEXTS 8

struct entry {
	struct own_token token;
	char *texts; /* NULL: free */
	size_t texts_n;
};

struct shown_memo {
	struct token_index index;
	struct entry entries[TOKEN_INDEX_PLACES];
};

struct shown_memo *shown_memo_new(void)
{
	return calloc(1, sizeof(struct shown_memo));
}

void shown_memo_free(struct shown_memo *m)
{
	for (size_t i = 0; m != NULL && i < TOKEN_INDEX_PLACES; i++)
		free(m->entries[i].texts);
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

bool shown_memo_get(const struct shown_memo *m, struct arena *a, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now,
		    struct own_token *ret)
{
	size_t place = 0;
	if (!token_index_find(&m->index, hash, generation, now, &place))
		return false;
	const struct entry *e = &m->entries[place];
	char *texts = arena_room(a, e->texts_n);
	if (texts == NULL)
		return false;
	memcpy(texts, e->texts, e->texts_n);
	*ret = e->token;
	move_texts(ret, texts);
	return true;
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
	struct own_token kept = *t;
	size_t n = 0;
	char *texts = copy_texts(&kept, &n);
	if (texts == NULL)
		return;
	move_texts(&kept, texts);
	struct entry *e = &m->entries[token_index_take(&m->index, hash, generation, kept.facts.expires_at)];
	free(e->texts);
	*e = (struct entry){.token = kept, .texts = texts, .texts_n = n};
}
