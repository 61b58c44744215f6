/* A version of a secret with all that the database keeps of it. Private to store/. */
#ifndef M2M_STORE_CTL_CREDENTIAL_H
#define M2M_STORE_CTL_CREDENTIAL_H

#include "crypto/secret.h"
#include "store/credential.h"
#include "store/ctl_client.h"
#include "store/ctl_exec.h"

struct ctl_credential {
	uint8_t salt[SECRET_SALT_LEN];
	char secret[SECRET_LEN];
	uint8_t verifier[SHA256_LEN];
	char hint[SECRET_HINT_LEN];
};

/* With a fresh salt. The caller wipes *ret. */
MUST_CHECK enum err ctl_credential_make(struct ctl_db *db, const struct master_key *key, const struct uuid *organization_id,
					struct str client_id, int32_t version, struct ctl_credential *ret);

/* A new client's id and first secret, under the ring's active key, which the database knows afterwards: `fresh` is what it keeps, and borrows nothing. The caller wipes *ret. */
MUST_CHECK enum err ctl_credential_first(struct ctl_db *db, const struct master_ring *ring, const struct uuid *organization_id,
					 struct ctl_credential *ret, struct credential_new *ret_fresh);

/* The same for a person, in the connection's arena. */
struct client_secret ctl_credential_told(struct ctl_db *db, const struct credential_new *fresh, const struct ctl_credential *made,
					 int64_t created_at);

#endif
