/* The outside issuers under the test's control. A program that compiles fake_trust.c gets these
 * symbols instead of those of internal/trust/view.c. */
#ifndef M2M_FAKES_FAKE_TRUST_H
#define M2M_FAKES_FAKE_TRUST_H

#include "trust/trust.h"

/* Zeroed by the test before use. One issuer, with one key. */
struct trust_view {
	struct trust_issuer issuer;
	struct str kid;
	struct signing_key *key;
	struct signing_key *other; /* NULL: none; a second key, for tokens without kid */
	bool too_many;             /* keys fit a token without kid */
	/* what is answered for another kid or key; ERR_OK: ERR_NOT_PRESENT */
	enum err find;
	enum err wait; /* what trust_wait answers */

	unsigned waits;
	trust_done *done; /* who waits */
	void *arg;
};

/* Calls back who waits. */
void fake_trust_fetched(struct trust_view *v, enum err err);

#endif
