/* Where a worker keeps what it has read of a token of ours, by the token's SHA-256: the places of
 * shown_memo and bearer_memo. Bounded: a set-associative table; the token that expires first makes
 * room. A token counts only under the key set's generation that verified it, so a key that leaves
 * makes it miss. Private to op/. */
#ifndef M2M_OP_TOKEN_INDEX_H
#define M2M_OP_TOKEN_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/digest.h"

#define TOKEN_INDEX_SETS   512 /* the first bytes of the hash choose the set */
#define TOKEN_INDEX_WAYS   8   /* a thousand tokens seldom put more into one set */
#define TOKEN_INDEX_PLACES (TOKEN_INDEX_SETS * TOKEN_INDEX_WAYS)

struct token_set {
	uint64_t generation[TOKEN_INDEX_WAYS]; /* 0: free */
	int64_t expires_at[TOKEN_INDEX_WAYS];  /* seconds since 1970 */
	uint8_t hash[TOKEN_INDEX_WAYS][SHA256_LEN];
};

/* All zero: empty. */
struct token_index {
	struct token_set sets[TOKEN_INDEX_SETS];
};

/* Finds its place, below TOKEN_INDEX_PLACES. False: it has none, has expired at `now` (seconds
 * since 1970), or was verified under another generation. */
bool token_index_find(const struct token_index *i, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now, size_t *ret_place);
/* Gives it a place, the one that it had or another token's, which has none from then on.
 * `generation` isn't 0. */
size_t token_index_take(struct token_index *i, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t expires_at);

#endif
