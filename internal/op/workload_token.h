/* What a workload's token says, held to its age and to what a client was registered with. Knows no
 * key and no database. Private to op/. */
#ifndef M2M_OP_WORKLOAD_TOKEN_H
#define M2M_OP_WORKLOAD_TOKEN_H

#include "crypto/jwt.h"
#include "sql/client_credential.h"

#define WORKLOAD_LEEWAY_S   30
#define WORKLOAD_ONCE_MAX_S 86400 /* that a jti is remembered for at most */

/* jwt_parse_as with typ absent, JWT, application/JWT or JOSE (SPIFFE JWT-SVID section 2.3).
 * ERR_MALFORMED. */
MUST_CHECK enum err workload_token_parse(struct arena *a, struct str token, struct jwt *ret);

struct workload_token {
	struct str subject;   /* 1 to WORKLOAD_SUBJECT_MAX bytes */
	struct str jti;       /* absent: it has none */
	int64_t expires_at;   /* seconds since 1970, rounded down */
	int64_t refused_from; /* exp and the leeway */
	bool long_lived;      /* for longer than what is used once is remembered */
};

/* `now`: seconds since 1970. exp is wanted, less than the leeway ago; iat and nbf may be left out,
 * and are at most the leeway ahead; sub is wanted. NULL, with *ret filled in; or what is wrong,
 * static. */
MUST_CHECK const char *workload_token_read(const struct json *claims, int64_t now, struct workload_token *ret);

/* Whether the token, of `issuer`, is as the terms say. Claims are compared by their text: true and
 * "true" are the same. A name is looked up as trust/claim.h says. `a` is for the terms' claims. */
bool workload_token_fits(struct arena *a, const struct json *claims, struct str issuer, const struct workload_token *token,
			 const struct workload_terms *terms);

#endif
