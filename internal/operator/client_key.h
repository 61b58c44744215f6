/* Clients' public keys, as m2mctl lists, adds and removes them. */
#ifndef M2M_OPERATOR_CLIENT_KEY_H
#define M2M_OPERATOR_CLIENT_KEY_H

#include "operator/db.h"
#include "sql/client_key.h"
#include "sql/org.h"

/* Those that weren't removed, oldest first, in the connection's arena. ERR_NOT_FOUND. */
MUST_CHECK enum err operator_client_key_list(struct operator_db *db, const struct client *client, const struct registered_key **ret,
					     size_t *ret_n);

/* ERR_EXISTS: the client has this key; ERR_TOO_MANY_KEYS: it has SQL_KEYS_MAX. */
MUST_CHECK enum err operator_client_key_add(struct operator_db *db, const struct client *client, const struct key_spec *spec,
					    struct registered_key *ret);

/* ERR_NOT_FOUND: the client has no such key, or it was removed before. */
MUST_CHECK enum err operator_client_key_remove(struct operator_db *db, const struct client *client, struct str credential_id,
					       struct registered_key *ret);

#endif
