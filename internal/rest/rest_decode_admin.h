/* The bodies and queries of the platform's API. Private to rest/. */
#ifndef M2M_REST_REST_DECODE_ADMIN_H
#define M2M_REST_REST_DECODE_ADMIN_H

#include "op/op.h"

/* A JSON object with no other members than the operation knows, so that a misspelt one is not
 * taken for an absent one. A change is a merge patch (RFC 7396): null takes away what can be
 * taken away. Fills in.new_org, in.org_change, in.client or
 * in.new_credential, or fails the op. */
void rest_decode_admin(struct op *op, struct str body);

/* ?page_size=&page_token= (`query` may be NULL). */
void rest_decode_page(struct op *op, const char *query);
/* ?secret_version= */
void rest_decode_version(struct op *op, const char *query);
/* The same for the list of tokens. */
void rest_decode_token_list(struct op *op, const char *query);

#endif
