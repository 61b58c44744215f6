/* How statements tell whether a token of ours has ended before it expires, and how they end many
 * at once: in this one place. What is asked is the database's state now; nothing of it is
 * remembered anywhere. */
#ifndef M2M_SQL_TOKEN_END_SQL_H
#define M2M_SQL_TOKEN_END_SQL_H

#include "sql/lookup_sql.h"

/* clang-format off */

/* True or false, never null. Each argument may be null: jti uuid, organization uuid, client text
 * (an operator's token has none), version int4 (likewise), iat int8 (an outside issuer's token
 * isn't ours, and has neither jti nor iat here). */
#define TOKEN_HAS_ENDED(jti_, organization, client, version_, iat) \
	"(" ANY_OF("m2m.revoked_token", "rt", "rt.jti = " jti_) " is true or " \
	ANY_OF("m2m.tokens_ended", "te", "te.organization_id = " organization " and te.client_id = any (array['', " client "])" \
		" and te.secret_version = any (array[0, " version_ "]) and te.credential = '' and to_timestamp(" iat ") < te.not_before") " is true)"

/* The first whole second after `at`: iat is in whole seconds, so that a token issued in the same
 * second as `at` counts as issued before it. */
#define TOKENS_NOT_BEFORE(at) "(date_trunc('second', " at ") + interval '1 second')"

/* When the last token that client `c` was given by `at` has expired. The seconds more are for
 * tokens that statements under way at that time still issue. */
#define LAST_TOKEN_EXPIRES(c, at) "greatest(" at " + make_interval(secs => " c ".token_lifetime + 10), " c ".tokens_until)"

/* `rows`: a select of (organization_id, client_id, secret_version, not_before, expires_at), each
 * key once. What ended earlier stays ended. */
#define SQL_END_TOKENS(rows) \
	"insert into m2m.tokens_ended as e (organization_id, client_id, secret_version, not_before, expires_at) " rows \
	" on conflict (organization_id, client_id, secret_version, credential) do update set" \
	" not_before = greatest(e.not_before, excluded.not_before), expires_at = greatest(e.expires_at, excluded.expires_at)," \
	" ended_at = greatest(e.ended_at, excluded.ended_at)"

/* clang-format on */

#endif
