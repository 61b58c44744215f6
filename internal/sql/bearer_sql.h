/* How statements tell whether the credential that a client's bearer was obtained with is still
 * live: in this one place. */
#ifndef M2M_SQL_BEARER_SQL_H
#define M2M_SQL_BEARER_SQL_H

#include "sql/client_credential_sql.h"
#include "sql/secret_sql.h"

/* How many bytes of a version's verifier a token carries. */
#define BEARER_TAG_BYTES "6"

/* What the token's secret_tag is made of. The verifier is an HMAC over a random secret: two
 * versions have the same bytes by chance alone, and they tell nothing of the secret. */
#define BEARER_TAG(s) "substr(" s ".verifier, 1, " BEARER_TAG_BYTES ")"

/* The condition for row `s` of m2m.client_secret. A version's number alone doesn't do: after a
 * restore, or a failover that lost rotations, the same number is given again, to another secret.
 * A token without a tag was made by a gateway that gave none; it must not be older than its
 * version, whose first second is in doubt, since `iat` is in whole seconds. */
#define BEARER_SECRET_IS_LIVE(s, client_id, version, tag, iat)                                                                             \
	s ".client_id = " client_id " and " s ".version = " version                                                                        \
	  " and " SECRET_IS_LIVE(s) " and case when " tag " is null then date_trunc('second', " s ".created_at) <= to_timestamp(" iat ")"  \
				    " else " BEARER_TAG(s) " = " tag " end"

/* The condition for row `k` of m2m.client_credential. `version` is 0: no secret has that. A key
 * that was removed and added again has another tag, so that what was obtained with it before
 * stays refused. */
#define BEARER_CREDENTIAL_IS_LIVE(k, client_id, version, tag)                                                                              \
	version " = 0 and " k ".client_id = " client_id " and " k ".tag = " tag " and " CREDENTIAL_IS_LIVE(k)

#endif
