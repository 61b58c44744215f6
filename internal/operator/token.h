/* The operator's tokens: minted here rather than on the issuing path, but recorded like any
 * other before anyone sees them. */
#ifndef M2M_OPERATOR_TOKEN_H
#define M2M_OPERATOR_TOKEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/uuid.h"
#include "crypto/master_ring.h"
#include "operator/client.h"
#include "operator/db.h"

#define OPERATOR_TOKEN_LIFETIME_MAX 86400

struct token_spec {
	/* slug or id; absent: the platform's or the operator's token, which stand above
	 * organizations */
	struct str org;
	struct str subject; /* who the operator is */
	struct str issuer, audience;
	struct words roles; /* those without an organization have one: platform or operator */
	int32_t lifetime;   /* seconds, 1 to OPERATOR_TOKEN_LIFETIME_MAX */
};

struct minted_token {
	struct str token;                 /* in the connection's arena */
	struct uuid jti, organization_id; /* the latter zero for the platform's */
	struct str kid;
	/* microseconds since 1970, whole seconds, as in the claims */
	int64_t issued_at, expires_at;
};

/* Commits the token's row and the act's row, then gives the token. ERR_NOT_FOUND: no such
 * organization, or disabled; no signing key; ERR_KEY_MISSING: the ring lacks the key that the
 * signing key is sealed with. */
MUST_CHECK enum err operator_token_mint(struct operator_db *db, const struct master_ring *ring, const struct token_spec *spec,
					struct minted_token *ret);

/* Whether a token could be minted now: *ret_kid is the key that signs, and it opens.
 * ERR_NOT_FOUND: there is none; ERR_KEY_MISSING: the ring lacks the key that it is sealed with;
 * ERR_MISMATCH: it doesn't open. */
MUST_CHECK enum err operator_token_signer(struct operator_db *db, const struct master_ring *ring, struct str *ret_kid);

/* A row of m2m.token_audit. */
struct token_row {
	int64_t issued_at, expires_at;
	bool platform; /* no organization */
	struct uuid organization_id;
	struct str client_id;   /* absent: the operator's */
	int32_t secret_version; /* 0: the operator's */
	char transport;         /* 'r', 'g' or 'c' */
	struct str kid, caller, scope, audience;
	struct str remote_addr;                       /* absent: none */
	struct str auth_method, credential, bound_to; /* each may be absent */
};

/* The row of a token that says it was issued at `iat` (seconds since 1970). ERR_NOT_FOUND. */
MUST_CHECK enum err operator_token_find(struct operator_db *db, const struct uuid *jti, int64_t iat, struct token_row *ret);

/* The database's clock, which decides about expiry, in microseconds since 1970. */
MUST_CHECK enum err operator_now(struct operator_db *db, int64_t *ret);

#endif
