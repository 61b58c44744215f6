/* Clients' credentials besides their secrets, as m2mctl lists, adds and removes them. */
#ifndef M2M_OPERATOR_CLIENT_CREDENTIAL_H
#define M2M_OPERATOR_CLIENT_CREDENTIAL_H

#include "operator/db.h"
#include "sql/client_credential.h"
#include "sql/org.h"

/* Those of `kind` (absent: of all) that weren't removed, oldest first, in the connection's arena.
 * ERR_NOT_FOUND. */
MUST_CHECK enum err operator_client_credential_list(struct operator_db *db, const struct client *client, struct str kind,
						    const struct registered_credential **ret, size_t *ret_n);

/* ERR_EXISTS: the client has this one; ERR_TOO_MANY_CREDENTIALS: it has eight
 * of the kind. */
MUST_CHECK enum err operator_client_credential_add(struct operator_db *db, const struct client *client,
						   const struct client_credential_spec *spec, struct registered_credential *ret);

/* `kind` isn't absent. ERR_NOT_FOUND: the client has no such credential of the kind, or it was
 * removed before. */
MUST_CHECK enum err operator_client_credential_remove(struct operator_db *db, const struct client *client, struct str credential_id,
						      struct str kind, struct registered_credential *ret);

#endif
