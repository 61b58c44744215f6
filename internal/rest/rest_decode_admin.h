/* The bodies and queries of the platform's API. Private to rest/. */
#ifndef M2M_REST_REST_DECODE_ADMIN_H
#define M2M_REST_REST_DECODE_ADMIN_H

#include "op/op.h"
#include "rest/form.h"
#include "json/json_read.h"

/* A JSON object with no other members than the operation knows, so that a misspelt one is not
 * taken for an absent one. A change is a merge patch (RFC 7396): null takes away what can be
 * taken away. Fills in.new_org, in.org_change, in.client or
 * in.new_credential, or fails the op. */
void rest_decode_admin(struct op *op, struct str body);

/* Values of members, for other bodies too: whole seconds, negative where op refuses them, into an
 * int32_t; a time (RFC 3339), or null for none, into an int64_t. False: of another type. */
bool rest_take_seconds(struct op *op, const struct json *v, void *target);
bool rest_take_end(struct op *op, const struct json *v, void *target);

/* Of other queries: a time (RFC 3339), 0 where it is absent and negative where op refuses it; the
 * size of a page; and the whole, in which nothing but the names that are known may stand, the last
 * of which is NULL. False: the op has failed. */
int64_t rest_time_of(struct str text);
void rest_take_page_size(struct op *op, struct str text);
bool rest_take_query(struct op *op, const char *query, const char *const *known, struct form *ret);

/* ?page_size=&page_token=, and of clients &expiring_within= (`query` may be NULL). */
void rest_decode_page(struct op *op, const char *query);
/* ?secret_version= */
void rest_decode_denied_list(struct op *op, const char *query);
void rest_decode_version(struct op *op, const char *query);
/* The same for the list of tokens. */
void rest_decode_token_list(struct op *op, const char *query);
/* ?client_id= of who asks with a certificate (RFC 8705 section 2), and ?page_size=&page_token=. */
void rest_decode_asking_client(struct op *op, const char *query);

#endif
