/* Ending tokens before they expire: all that were issued so far to an organization, to a client,
 * or with one version of its secret. They open nothing on any gateway once this has returned, and
 * introspection says that they aren't active. Secrets stay as they are. */
#ifndef M2M_OPERATOR_TOKEN_END_H
#define M2M_OPERATOR_TOKEN_END_H

#include "operator/client.h"

struct tokens_ended {
	struct uuid organization_id;
	/* microseconds since 1970: tokens with an earlier iat have ended; a whole second, the next
	 * one after the act */
	int64_t not_before;
	int64_t expires_at; /* when the last of them has expired */
};

/* `version` 0: of all versions. ERR_NOT_FOUND: the client is gone, or has no such version yet. */
MUST_CHECK enum err operator_end_client_tokens(struct operator_db *db, const struct client *client, int32_t version,
					       struct tokens_ended *ret);

/* By slug or id. The operator's tokens for the organization are among them. ERR_NOT_FOUND. */
MUST_CHECK enum err operator_end_org_tokens(struct operator_db *db, struct str org, struct tokens_ended *ret);

#endif
