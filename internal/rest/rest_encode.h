/* From a finished op to an HTTP answer: status, header fields and body. */
#ifndef M2M_REST_REST_ENCODE_H
#define M2M_REST_REST_ENCODE_H

#include "op/op.h"

#define REST_FIELDS_MAX 12

/* Texts are static or in the op's arena, those of fields NUL-terminated. */
struct rest_answer {
	int status;
	unsigned n;
	struct {
		struct str name, value;
	} fields[REST_FIELDS_MAX]; /* without Content-Length, which whoever sends it knows */
	struct str body;           /* absent: out of memory, unless rest_has_body says no */
};

/* RFC 9110 section 6.4.1 */
static inline bool rest_has_body(int status)
{
	return status != 204 && status != 304;
}

/* `allow`: the methods that the path takes, for 405. */
void rest_encode(struct op *op, const char *allow, struct rest_answer *ret);

/* The documents that a page of any origin may read with its user's browser: they are the same
 * for everybody. */
bool rest_is_for_browsers(const struct op_spec *spec);

/* What a browser is told that asks before it reads one of them (Fetch standard, CORS-preflight
 * request). */
void rest_encode_preflight(struct op *op, struct rest_answer *ret);

/* an absent value adds nothing */
void rest_answer_add(struct rest_answer *a, struct str name, struct str value);

/* The head as it goes over the wire, with Content-Length (but for 204, RFC 9110 section 8.6) and
 * the empty line. */
void rest_answer_put_head(const struct rest_answer *a, struct sbuf *out);

/* The body of an error: RFC 6749 section 5.2, or RFC 9457. `detail` may be NULL: the error
 * table's sentence. */
void rest_error_body(struct sbuf *out, enum err err, const char *detail, struct str request_id, bool oauth);

/* For a Date header (RFC 9110 section 5.6.7); good until the next call of this thread. */
const char *rest_date(void);

/* The reason phrase of RFC 9110 section 15. */
const char *rest_reason(int status);

#endif
