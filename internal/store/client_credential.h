/* What the platform's operator does to clients' credentials, on the gateway's serving connection.
 * Each call is one statement (sql/client_credential_*.sql, which m2mctl runs too), so that an act
 * and the row in admin_audit that records it commit together; listing is no act.
 *
 * `org` names an organization by slug or id. `by` is the caller: of its portal session the
 * statement of an act says itself whether it may (INVALID_TOKEN, NETWORK_NOT_ALLOWED, FORBIDDEN).
 * Callbacks come from the loop, exactly once, and never from inside the call. */
#ifndef M2M_STORE_CLIENT_CREDENTIAL_H
#define M2M_STORE_CLIENT_CREDENTIAL_H

#include "sql/bearer.h"
#include "sql/client_credential.h"
#include "sql/origin.h"
#include "store/store.h"

/* `found` is NULL unless `err` is ERR_OK, and borrowed until the callback returns. Errors, besides
 * those of any statement: ORGANIZATION_NOT_FOUND, CLIENT_NOT_FOUND. */
typedef void admin_credential_done(void *arg, enum err err, const struct registered_credential *found, size_t n);

/* Those that weren't removed, and the live secrets, oldest first, each with its last use. */
MUST_CHECK enum err admin_credential_list(struct store *s, struct str org, struct str client_id, admin_credential_done *done, void *arg);

/* The live secrets of the default client of the bearer's organization, oldest first, each with its
 * last use. INVALID_TOKEN, NETWORK_NOT_ALLOWED, FORBIDDEN: the bearer may not. */
MUST_CHECK enum err secret_list(struct store *s, const struct bearer *bearer, admin_credential_done *done, void *arg);

/* One that is no secret, with its last use. CREDENTIAL_NOT_FOUND. */
MUST_CHECK enum err admin_credential_get(struct store *s, struct str org, struct str client_id, struct str credential_id,
					 admin_credential_done *done, void *arg);

/* ALREADY_EXISTS: the client has this one; TOO_MANY_CREDENTIALS: it has
 * eight of the kind. */
MUST_CHECK enum err admin_credential_add(struct store *s, const struct bearer *by, const struct origin *origin, struct str org,
					 struct str client_id, const struct client_credential_spec *spec, admin_credential_done *done,
					 void *arg);

/* From the answer on nobody gets a token with it. CREDENTIAL_NOT_FOUND. */
MUST_CHECK enum err admin_credential_remove(struct store *s, const struct bearer *by, const struct origin *origin, struct str org,
					    struct str client_id, struct str credential_id, admin_credential_done *done, void *arg);

#endif
