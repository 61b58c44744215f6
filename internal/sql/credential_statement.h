/* The statements about one client's credentials as C: their parameters, and the row that each
 * answers. */
#ifndef M2M_SQL_CREDENTIAL_STATEMENT_H
#define M2M_SQL_CREDENTIAL_STATEMENT_H

#include <libpq-fe.h>

#include "crypto/credential.h"
#include "sql/bearer.h"
#include "sql/org.h"
#include "sql/origin.h"

/* What a statement answered. Strings are borrowed from its result. */
struct credential {
	struct str client_id;
	struct str key_id;
	struct secret_params params; /* client_id inside is the same borrowed text */
	struct str verifier;         /* SHA256_LEN bytes */
	int64_t created_us;          /* when this version was made, microseconds since 1970 */
	int64_t expires_us;          /* 0: it has no end */
	int64_t previous_expires_us; /* of a rotation; INT64_MIN: at once */
	/* the answer to an earlier request with the same Idempotency-Key */
	bool replay;
};

struct credential_rotation {
	struct str client_id; /* absent: the organization's default client */
	int32_t grace_seconds;
	/* seconds without a token after which the version that is replaced ends, within its
	 * grace; 0: that doesn't end it */
	int32_t unused_for;
	bool revoke_tokens;         /* of the versions that it ends */
	struct secret_end end;      /* of the new version */
	struct str idempotency_key; /* absent: none, and the hashes don't count */
	/* what a repeat must have in common with the first request */
	uint8_t request_hash[SHA256_LEN];
	uint8_t bearer_hash[SHA256_LEN]; /* of the bearer, which the rotation may end */
};

/* A new client's first secret, or a version that replaces another. */
struct credential_new {
	struct str client_id;
	int32_t replaces; /* the version that the rotation read; 0: none */
	struct credential_kept kept;
};

/* Four parameters: what is kept of a secret. */
void credential_put_kept(struct pg_params *p, const struct credential_kept *kept);
/* Two parameters: seconds and time; one at most is given. */
void credential_put_end(struct pg_params *p, const struct secret_end *end);
/* Of read_secret.sql. client_id absent: the organization's default client. */
void credential_put_read(struct pg_params *p, const struct bearer *bearer, const struct origin *origin, struct str client_id,
			 const struct master_ring *ring);
/* Of rotate_begin.sql and of rotate.sql. */
void credential_put_rotate_begin(struct pg_params *p, const struct bearer *bearer, const struct origin *origin,
				 const struct credential_rotation *rotation, const struct master_ring *ring);
void credential_put_rotate(struct pg_params *p, const struct bearer *bearer, const struct origin *origin,
			   const struct credential_rotation *rotation, const struct credential_new *fresh);

/* The one row of read_client_id.sql, of read_secret.sql, of rotate_begin.sql and of rotate.sql,
 * whose outcome is that it was granted or is a replay. Each fills in what its statement answers. */
void credential_take_client_id(struct credential *c, const PGresult *r);
void credential_take_secret(struct credential *c, const PGresult *r);
void credential_take_rotate_begin(struct credential *c, const PGresult *r);
void credential_take_rotated(struct credential *c, const PGresult *r);

#endif
