/* Where a worker keeps what it has read of a token of ours, by the token's SHA-256: the places of
 * shown_memo and bearer_memo. Bounded: a set-associative table; the token that expires first makes
 * room. A token counts only under the key set's generation that verified it, so a key that leaves
 * makes it miss. Private to op/. */
#ifndef M2M_OP_TOKEN_INDEX_H
#define M2M_OP_TOKEN_INDEX_H

#include <stdint.h>

#include "crypto/digest.h"

#define TOKEN_INDEX_SETS   512 /* the first bytes of the hash choose the set */
#define TOKEN_INDEX_WAYS   8   /* a thousand tokens seldom put more into one set */
#define TOKEN_INDEX_PLACES (TOKEN_INDEX_SETS * TOKEN_INDEX_WAYS)

struct token_index;

struct token_index *token_index_new(void);    /* NULL: out of memory */
void token_index_free(struct token_index *i); /* NULL is allowed */

/* Its place, below TOKEN_INDEX_PLACES; -1: it has none, has expired at `now` (seconds since 1970),
 * or was verified under another generation. */
int token_index_find(const struct token_index *i, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now);
/* Gives it a place, the one that it had or another token's, which has none from then on.
 * `generation` isn't 0. */
int token_index_take(struct token_index *i, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t expires_at);

#endif
