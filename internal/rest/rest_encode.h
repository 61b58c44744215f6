/* From a finished op to an HTTP answer: status, header fields and body. */
#ifndef M2M_REST_REST_ENCODE_H
#define M2M_REST_REST_ENCODE_H

#include "op/op.h"
#include "rest/rest_answer.h"
#include "web/web.h"

/* The texts of the answer are static or in the op's arena. `allow`: the methods that the path
 * takes, for 405. */
void rest_encode(struct op *op, const char *allow, struct rest_answer *ret);

/* The refusal of an op whose answer found no room in its arena: written to `room`. */
void rest_encode_alone(const struct op *op, char *room, size_t n, struct rest_answer *ret);

/* The documents that a page of any origin may read with its user's browser: they are the same
 * for everybody. */
bool rest_is_for_browsers(const struct op_spec *spec);

/* What a browser is told that asks before it reads one of them (Fetch standard, CORS-preflight
 * request). */
void rest_encode_preflight(struct op *op, struct rest_answer *ret);

/* `page` is sent as it stands. */
void rest_encode_page(const struct op *op, const struct web_answer *page, struct rest_answer *ret);

#endif
