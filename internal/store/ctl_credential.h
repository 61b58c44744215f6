/* A version of a secret with all that the database keeps of it. Private to store/. */
#ifndef M2M_STORE_CTL_CREDENTIAL_H
#define M2M_STORE_CTL_CREDENTIAL_H

#include "crypto/secret.h"
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

#endif
