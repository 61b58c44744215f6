/* Spending what may be used once, of requests that get no token for it: the DPoP proof of a bearer
 * (RFC 9449 section 11.1). The issuing statement spends those of requests for tokens itself. */
#ifndef M2M_STORE_USED_ONCE_H
#define M2M_STORE_USED_ONCE_H

#include "store/issue.h"

/* ERR_OK: it is spent, durably, and wasn't before. ERR_PROOF_REPLAYED; ERR_INVALID_DPOP_PROOF: it
 * is too old by the database's clock; ERR_PROFILE_VIOLATED: the client is held to FAPI 2.0, which
 * the proof doesn't do; STORE_UNAVAILABLE, INTERNAL. */
typedef void used_once_done(void *arg, enum err err);

/* `client_id`: who shows it; absent: no client of ours. `fapi2`: it does all that FAPI 2.0 wants.
 * From the loop, exactly once, and never from inside the call; `once` isn't kept. ERR_OVERLOADED,
 * ERR_STORE_UNAVAILABLE: `done` isn't called. */
MUST_CHECK enum err used_once_spend(struct store *s, const struct issue_once *once, struct str client_id, bool fapi2, used_once_done *done,
				    void *arg);

#endif
