/* Reading and rotating an organization's credentials. Each is one statement, so that the act and its audit row commit together (credential_sql.h). */
#ifndef M2M_STORE_CREDENTIAL_H
#define M2M_STORE_CREDENTIAL_H

#include "crypto/secret.h"
#include "store/store.h"

/* What a statement answered. Strings are borrowed and end when the callback returns. */
struct credential {
	struct str client_id;
	struct str key_id;
	struct secret_params params; /* client_id inside is the same borrowed text */
	struct str verifier;         /* SHA256_LEN bytes */
	int64_t created_us;          /* when this version was made, microseconds since 1970 */
	int64_t previous_expires_us; /* of a rotation; INT64_MIN: at once */
	bool replay;                 /* of credential_rotate_begin: the answer to an earlier request with the same Idempotency-Key */
};

/* err: ERR_OK, INVALID_TOKEN, FORBIDDEN, CLIENT_NOT_FOUND, KEY_MISSING, IDEMPOTENCY_KEY_REUSED, CONFLICT, STORE_UNAVAILABLE, INTERNAL. `c` is NULL unless ERR_OK. */
typedef void credential_done(void *arg, enum err err, const struct credential *c);

/* Each answers ERR_OK when the statement is on its way, else ERR_STORE_UNAVAILABLE, ERR_OVERLOADED or ERR_TOO_LARGE, and `done` isn't called. client_id: one of the clients of the bearer's
 * organization; absent: its default one. */
MUST_CHECK enum err credential_read_client_id(struct store *s, const struct store_bearer *bearer, credential_done *done, void *arg);
MUST_CHECK enum err credential_read_secret(struct store *s, const struct store_bearer *bearer, const struct store_origin *origin,
					   struct str client_id, credential_done *done, void *arg);

struct credential_rotation {
	struct str client_id; /* absent: the organization's default client */
	int32_t grace_seconds;
	struct str idempotency_key; /* absent: none */
	uint8_t request_hash[SHA256_LEN];
	uint8_t bearer_hash[SHA256_LEN];
};

/* Answers the version to be replaced, or a replay. */
MUST_CHECK enum err credential_rotate_begin(struct store *s, const struct store_bearer *bearer, const struct store_origin *origin,
					    const struct credential_rotation *rotation, credential_done *done, void *arg);

struct credential_new {
	struct str client_id;
	int32_t replaces; /* the version that credential_rotate_begin read */
	struct str key_id;
	uint8_t salt[SECRET_SALT_LEN];
	uint8_t verifier[SHA256_LEN];
	char hint[SECRET_HINT_LEN];
};

/* The compare-and-set. ERR_CONFLICT: the version moved on; begin again. In `c` only created_us and previous_expires_us count. */
MUST_CHECK enum err credential_rotate(struct store *s, const struct store_bearer *bearer, const struct store_origin *origin,
				      const struct credential_rotation *rotation, const struct credential_new *fresh, credential_done *done,
				      void *arg);

#endif
