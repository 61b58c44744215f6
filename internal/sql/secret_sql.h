/* How statements tell which versions of a secret, and which other credentials, are live: in this
 * one place. */
#ifndef M2M_SQL_SECRET_SQL_H
#define M2M_SQL_SECRET_SQL_H

/* The condition for row `s` of m2m.client_secret: it opens now. */
#define SECRET_IS_LIVE(s) "(" s ".expires_at is null or " s ".expires_at > statement_timestamp())"

/* It wasn't ended without grace: what the index of versions that may be live holds. Its planner
 * recognises these words alone, so a look-up for a live version has both conditions where it may
 * meet many ended ones. */
#define SECRET_MAY_BE_LIVE(s) "(" s ".expires_at is null or " s ".expires_at > '-infinity')"

/* It is the version that a rotation would replace. */
#define SECRET_IS_CURRENT(s) s ".expires_at is null"

/* The condition for row `k` of m2m.client_credential: the client may show it now. */
#define CREDENTIAL_IS_LIVE(k) k ".ended_at is null and (" k ".expires_at is null or " k ".expires_at > statement_timestamp())"

#endif
