/* How statements tell whether a client has authenticated, with a secret or with another
 * credential: in this one place, for what issues tokens and for what tells and ends them.
 *
 * `a` is the row of what was shown:
 *   client_id text
 *   verifiers bytea     a 32-byte verifier for each key of `ring` (key ids, text[]), in its order;
 *                       null with another credential
 * and, where credentials may be shown:
 *   auth_method "char"  as m2m.auth_method_name has it
 *   credentials text    the ids that would do, one in a line (a certificate has several names);
 *                       null: a secret
 *   used_once bytea, used_until int8   what may be used once, and the second from which on it is
 *                       refused for its age; may be null
 *   fapi2 bool          the request alone does all that FAPI 2.0 wants
 * The worker has checked signatures and ages; whether this very credential is live now, of this
 * client, and may be shown by it, is found here. Rows `c` of m2m.client, `s` of
 * m2m.client_secret and `k` of m2m.client_credential come from the look-ups. */
#ifndef M2M_SQL_CLIENT_AUTH_SQL_H
#define M2M_SQL_CLIENT_AUTH_SQL_H

#include "sql/client_credential_sql.h"
#include "sql/lookup_sql.h"
#include "sql/secret_sql.h"

/* clang-format off */

/* ---- a secret ---- */

#define LIVE_SECRET(a, s) s ".client_id = " a ".client_id and " SECRET_MAY_BE_LIVE(s) " and " SECRET_IS_LIVE(s)
#define RIGHT_SECRET(a, ring) \
	LIVE_SECRET(a, "s") " and s.verifier = substr(" a ".verifiers, 32 * array_position(" ring "::text[], s.key_id) - 31, 32)"
#define OTHER_KEYS_SECRET(a, ring) ANY_OF("m2m.client_secret", "v", LIVE_SECRET(a, "v") " and v.key_id <> all(" ring "::text[])")
/* One that was brought along and never shown yet: only its hash of the other product is known. */
#define SECRET_TO_ADOPT(a) ANY_OF("m2m.client_secret", "v", LIVE_SECRET(a, "v") " and v.foreign_hash is not null")
#define SECRET_LOOKUP(a, ring) LOOKUP("s", "m2m.client_secret", RIGHT_SECRET(a, ring))

/* Of a statement in which all show secrets. */
#define SECRET_CASES(a, ring) \
	"   when s.version is null and " OTHER_KEYS_SECRET(a, ring) " then 'key_missing'" \
	"   when s.version is null and " SECRET_TO_ADOPT(a) " then 'secret_not_adopted'" \
	"   when s.version is null then 'invalid_client'" \
	"   when not (c.auth_methods is null or " KIND_ALLOWED("c", "secret") ") then 'auth_method_not_allowed'"

/* Of what issues tokens: a version that ends once it is unused is kept from being found so
 * until this transaction is over. */
#define SECRET_USE_CASE "   when s.unused_for is not null and not m2m.secret_is_used(s.client_id, s.version) then 'invalid_client'"

/* ---- any credential ---- */

#define SHOWN_KIND(a) \
	"case " a ".auth_method when 'k' then 'key' when 't' then 'certificate' when 's' then 'certificate' when 'w' then 'workload'" \
	" when 'j' then 'workload' end"
#define LIVE_CREDENTIAL(a) \
	"k.client_id = " a ".client_id and k.credential_id = any (string_to_array(" a ".credentials, e'\\n')) and k.kind = " SHOWN_KIND(a) \
	" and " CREDENTIAL_IS_LIVE("k")
#define CREDENTIAL_LOOKUP(a) LOOKUP("k", "m2m.client_credential", LIVE_CREDENTIAL(a))

/* `held`: every client is held to FAPI 2.0, whatever its own profile. */
#define CREDENTIAL_CASES(a, ring, held) \
	"   when " a ".credentials is null and s.version is null and " OTHER_KEYS_SECRET(a, ring) " then 'key_missing'" \
	"   when " a ".credentials is null and s.version is null and " SECRET_TO_ADOPT(a) " then 'secret_not_adopted'" \
	"   when case when " a ".credentials is null then s.version is null else k.client_id is null end then 'invalid_client'" \
	"   when " a ".used_until <= extract(epoch from statement_timestamp()) then 'invalid_client'" \
	"   when not (coalesce(" SHOWN_KIND(a) ", 'secret') = any (coalesce(c.auth_methods, '{secret}'))) then 'auth_method_not_allowed'" \
	"   when " held " and coalesce(" SHOWN_KIND(a) ", 'secret') not in ('key', 'certificate') then 'auth_method_not_allowed'" \
	"   when (" held " or c.profile = 'fapi2') and not " a ".fapi2 then 'profile_violated'"

/* ---- used once ---- */

/* Whether something was shown before is asked last, of those alone that would be granted: so each
 * opens one thing at most, and one that was refused for something else isn't used up. Of several
 * that show the same in one batch the first one counts. Hashes are inserted in their order: two
 * batches that share some can't wait for each other. A hash that wasn't inserted was there before,
 * or is another batch's that has committed. */

/* Whether a row of `one` is the first that is granted with its `hash`. */
#define IS_FIRST(hash) "row_number() over (partition by " hash ", outcome order by ord) = 1"
/* Rows (hash, until) of `one`, those granted. */
#define HASHES(hash, until, first) \
	"select " hash " as hash, " until " as until from one where outcome = 'granted' and " hash " is not null and " first
/* A statement of its own in `with`, called `used`. */
#define USE_UP(hashes) \
	"insert into m2m.used_once (slot, hash, expires_at) select mod(until / 3600, 32)::int2, hash, to_timestamp(until) from (" hashes ") h" \
	" order by hash on conflict do nothing returning hash"
#define WAS_SHOWN(hash, first) hash " is not null and not (" first " and " hash " in (select hash from used))"

/* From rows `dec` (outcome, used_once, used_until, ord, ...) to rows `fin`: the same, and
 * `verdict`. */
#define USED_ONCE_BY_ASSERTION \
	" one as (select dec.*, " IS_FIRST("used_once") " as used_first from dec)," \
	" used as (" USE_UP(HASHES("used_once", "used_until", "used_first")) ")," \
	" fin as (select one.*, case when outcome <> 'granted' then outcome when " WAS_SHOWN("used_once", "used_first") \
	" then 'assertion_replayed' else outcome end as verdict from one)"

/* The same where `dec` has proof_once and proof_until, of a DPoP proof, too. */
#define USED_ONCE_WITH_PROOF \
	" one as (select dec.*, " IS_FIRST("used_once") " as used_first, " IS_FIRST("proof_once") " as proof_first from dec)," \
	" used as (" USE_UP(HASHES("used_once", "used_until", "used_first") " union all " HASHES("proof_once", "proof_until", "proof_first")) ")," \
	" fin as (select one.*, case when outcome <> 'granted' then outcome when " WAS_SHOWN("used_once", "used_first") \
	" then 'assertion_replayed' when " WAS_SHOWN("proof_once", "proof_first") " then 'proof_replayed' else outcome end as verdict from one),"

/* clang-format on */

#endif
