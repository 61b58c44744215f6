/* Clients that are brought along, from another product or from another installation: many at a
 * time, each with the secrets that it has there. What is there already stays as it is, so that an
 * import that was cut off is simply begun again. */
#ifndef M2M_OPERATOR_CLIENT_IMPORT_H
#define M2M_OPERATOR_CLIENT_IMPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/uuid.h"
#include "crypto/foreign_secret.h"
#include "crypto/master_ring.h"
#include "operator/db.h"
#include "sql/client_credential.h"
#include "sql/org.h"
#include "json/json_write.h"

#define IMPORT_CREDENTIALS_MAX 8 /* of a kind, as SQL_CLIENT_CREDENTIALS_MAX */

/* One version, by our verifier or by another product's hash. All bytes are borrowed. */
struct import_secret {
	int32_t version;
	struct str foreign_hash;        /* as foreign_hash_canonical gives it; absent: ours */
	struct str key_id, verifier;    /* SHA256_LEN bytes */
	struct str salt, hint;          /* absent: it isn't derived */
	int64_t created_at, expires_at; /* microseconds since 1970; 0: now, and no end */
	/* seconds: it ends once it has been unused for so long, counted from now, and at expires_at
	 * at the latest. 0: at expires_at alone. Of a version that was replaced. */
	int32_t unused_for;
};

/* A key, a certificate or a workload. Its end may have come. */
struct import_credential {
	struct client_credential_spec spec;
	int64_t created_at; /* microseconds since 1970; 0: now */
};

struct import_client {
	uint32_t line;
	struct str organization; /* its slug */
	/* of an organization that isn't there: absent members take their defaults. An id that is
	 * given must be the organization's. */
	struct str organization_id, organization_name, issuer, external_id;
	struct networks organization_networks;
	int32_t secret_max_age; /* seconds; 0: none */
	bool organization_disabled;
	struct str client_id;
	/* all but `disabled` and `is_default` as something new has it; these two are ON, OFF, or
	 * not given */
	struct client_spec spec;
	const struct import_secret *secrets; /* by version; the last one is the current one */
	size_t n;
	const struct import_credential *credentials; /* no two have one id */
	size_t credentials_n;
};

/* Makes a secret's verifier under the ring's active key. `out` is SHA256_LEN bytes that `ret`
 * borrows. */
MUST_CHECK enum err import_secret_plain(const struct master_ring *ring, struct str client_id, struct str secret, uint8_t *out,
					struct import_secret *ret);

/* Whether a version that has a salt is the one that this installation would derive of it.
 * ERR_KEY_MISSING, ERR_MISMATCH. */
MUST_CHECK enum err import_secret_check(const struct master_ring *ring, struct str organization_id, struct str client_id,
					const struct import_secret *secret);

/* Writes one element of a batch, which is a JSON array. */
void import_put(struct json_out *o, const struct import_client *client);

enum import_outcome {
	IMPORT_MADE,
	IMPORT_PRESENT,
	IMPORT_TAKEN,
	IMPORT_DELETED,
	IMPORT_NO_ORGANIZATION,
	IMPORT_OTHER_ORGANIZATION,
	IMPORT_CONFLICT,
};

struct import_result {
	uint32_t line;
	enum import_outcome outcome;
	bool new_organization; /* of a look: its organization would be made */
};

/* A batch in one transaction, with its rows in admin_audit; those whose answers are IMPORT_MADE
 * were. *ret_orgs counts the organizations that it made. */
MUST_CHECK enum err operator_client_import(struct operator_db *db, const struct uuid *import_id, struct str batch,
					   const struct import_result **ret, size_t *ret_n, int64_t *ret_orgs);

/* What would become of it. Writes nothing. */
MUST_CHECK enum err operator_client_import_look(struct operator_db *db, struct str batch, const struct import_result **ret, size_t *ret_n);

/* The next clients, as JSON texts that an import takes: all, or of one organization (slug or id;
 * may be absent). *after is the client id before the first, absent to begin with, and is moved on,
 * in the connection's memory. *ret_n 0: there are no more. */
MUST_CHECK enum err operator_client_export(struct operator_db *db, struct str org, struct str *after, const struct str **ret,
					   size_t *ret_n);

/* The row of an export in admin_audit: before anything is given out. `org` may be absent. */
MUST_CHECK enum err operator_client_export_begin(struct operator_db *db, struct str org);

#endif
