/* Who asks, as parameters of a statement. */
#ifndef M2M_SQL_BEARER_H
#define M2M_SQL_BEARER_H

#include <stdbool.h>

#include "base/uuid.h"
#include "crypto/master_ring.h"
#include "sql/pg_value.h"

/* Who asks, as a bearer token says it. A client's own token: client_id and secret_version, the
 * rest is looked up. The operator's: client_id absent. */
struct bearer {
	struct str client_id;
	/* 0: it was obtained with another credential than a secret */
	int32_t secret_version;
	/* SECRET_TAG_LEN bytes, of whichever credential; absent: a token from before there were
	 * any */
	struct str secret_tag;
	int64_t issued_at; /* its iat, seconds since 1970; 0: not a token of ours */
	/* its id, 16 bytes; absent: not a token of ours, or one without */
	struct str jti;
	struct uuid organization_id; /* the operator's only */
	bool admin;                  /* the operator's only */
	/* where it came from; absent: unknown, which is in no network */
	struct str remote_addr;
	/* an operator's act from above the organization, whose networks don't hold for it */
	bool anywhere;
	/* a portal session in a bearer's place: the hash of its token, and the word of the right
	 * that is needed; absent: it is a bearer */
	struct str session, session_right;
};

/* Four parameters: client_id text, secret_version int4, organization_id uuid, admin bool. The
 * first two are null for the operator's token, the third for a client's. */
void bearer_put(struct pg_params *p, const struct bearer *b);

/* The last seven parameters of what begins with the part caller: tag bytea, issued_at int8,
 * remote_addr text, anywhere bool, jti uuid, and the session's two. */
void bearer_put_proof(struct pg_params *p, const struct bearer *b);
/* Two parameters: session bytea, session_right text. NULL: none. */
void bearer_put_session(struct pg_params *p, const struct bearer *b);

/* One parameter: the names of the master keys that this program has (text[]), in the ring's
 * order. */
void master_ring_put(struct pg_params *p, const struct master_ring *ring);

#endif
