/* Bearers whose signature one worker has verified, by their SHA-256, until they expire: a
 * signature is checked once, not at every request. It remembers what the token says, nothing
 * else: no credential check, no role, no revocation; those are asked in SQL each time. How many,
 * and for how long, token_index says. */
#ifndef M2M_OP_BEARER_MEMO_H
#define M2M_OP_BEARER_MEMO_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "crypto/digest.h"
#include "crypto/secret.h"

#define BEARER_SUBJECT_MAX FOREIGN_MAX /* a client's is its id */
#define BEARER_BINDING_MAX 52

struct bearer_facts {
	int64_t expires_at; /* seconds since 1970 */
	bool is_client;     /* else the operator's */
	char client_id[FOREIGN_MAX + 1];
	/* 0: it was obtained with another credential than a secret */
	int32_t secret_version;
	/* else the token is from before there were any, and issued_at counts */
	bool has_tag;
	uint8_t secret_tag[SECRET_TAG_LEN];
	int64_t issued_at; /* seconds since 1970 */
	bool has_jti;
	struct uuid jti;
	struct uuid organization_id;
	bool admin; /* the operator's only */
	/* the operator's only: stands above organizations; organization_id is zero */
	bool platform;
	bool operates; /* the same with the role operator; PostgreSQL is asked whether it is live */
	char subject[BEARER_SUBJECT_MAX + 1];
	/* what the token is bound to, as its audit row says it: "jkt:..." or "x5t#S256:..."; "":
	 * nothing */
	char bound_to[BEARER_BINDING_MAX + 1];
};

struct bearer_memo;

struct bearer_memo *bearer_memo_new(void);    /* NULL: out of memory */
void bearer_memo_free(struct bearer_memo *m); /* NULL is allowed */

/* NULL: not remembered, expired at `now` (seconds since 1970), or verified under another
 * generation. Valid until the next put. */
const struct bearer_facts *bearer_memo_get(struct bearer_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, int64_t now);
void bearer_memo_put(struct bearer_memo *m, const uint8_t hash[SHA256_LEN], uint64_t generation, const struct bearer_facts *facts);

#endif
