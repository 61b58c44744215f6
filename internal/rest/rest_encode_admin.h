/* The answers of the platform's API as JSON. Private to rest/. */
#ifndef M2M_REST_REST_ENCODE_ADMIN_H
#define M2M_REST_REST_ENCODE_ADMIN_H

#include "op/op.h"
#include "json/json_write.h"

/* The members of the answer's object; the object is opened and closed by the caller. */
void rest_encode_admin(struct json_out *o, const struct op *op);

/* The path of what a creation made, below the public URL's, in the op's arena. */
struct str rest_path_of_created(struct op *op);

/* RFC 3339, in UTC. */
void rest_put_time(struct json_out *o, const char *key, int64_t us);
/* 0: null. */
void rest_put_uuid(struct json_out *o, const char *key, struct uuid id);
void rest_put_time_or_null(struct json_out *o, const char *key, int64_t us);
/* 0: null */
void rest_put_int_or_null(struct json_out *o, const char *key, int64_t n);

#endif
