/* An HTTP answer before it goes out, whichever way that is: status, header fields and body. */
#ifndef M2M_REST_REST_ANSWER_H
#define M2M_REST_REST_ANSWER_H

#include <stdbool.h>

#include "base/sbuf.h"
#include "base/str.h"

#define REST_FIELDS_MAX 14

/* Texts are static, or live as long as whoever composed it says; those of fields are
 * NUL-terminated. */
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

/* Its body found room, if it is to have one. */
static inline bool rest_is_whole(const struct rest_answer *a)
{
	return a->body.p != NULL || !rest_has_body(a->status);
}

/* an absent value adds nothing */
void rest_answer_add(struct rest_answer *a, struct str name, struct str value);

/* The head as it goes over the wire, with Content-Length where there is a body (RFC 9110 section
 * 8.6), and the empty line. */
void rest_answer_put_head(const struct rest_answer *a, struct sbuf *out);

/* For a Date header (RFC 9110 section 5.6.7); good until the next call of this thread. */
const char *rest_date(void);

/* The reason phrase of RFC 9110 section 15. */
const char *rest_reason(int status);

#endif
