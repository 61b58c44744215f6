/* Tokens of ours that were shown to be told of, as one worker has read them, by their SHA-256: each
 * is taken apart, and its signature checked, once and not at every question. It remembers what the
 * token says, nothing else: what the token is worth is asked in SQL each time. How many, and for
 * how long, token_index says. Private to op/. */
#ifndef M2M_OP_SHOWN_MEMO_H
#define M2M_OP_SHOWN_MEMO_H

#include "op/own_token.h"

#define SHOWN_TEXTS_MAX 1024 /* bytes of texts in one; a token that says more isn't remembered */

struct shown_memo *shown_memo_new(void);    /* NULL: out of memory */
void shown_memo_free(struct shown_memo *m); /* NULL is allowed */

/* False: not remembered, expired at `now` (seconds since 1970), verified under another generation,
 * or no room in `a`, where the texts of *ret will be. */
bool shown_memo_get(const struct shown_memo *m, struct arena *a, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now,
		    struct own_token *ret);
/* One whose signature was verified. Without memory for it nothing is remembered. */
void shown_memo_put(struct shown_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, const struct own_token *t);

#endif
