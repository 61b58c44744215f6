/* Reading JSON (RFC 8259) strictly: yajl's streaming parser feeds a small tree in the caller's arena.
 *
 * Refused, each as ERR_MALFORMED: duplicate keys in an object (the raw and the escaped spelling are the same key), U+0000 in a key or string,
 * invalid UTF-8, comments, a second value, trailing bytes, an empty text. ERR_TOO_LARGE: deeper than `max_depth`, more than
 * `max_values` values, or the arena is full. Numbers stay text, so nothing overflows here. */
#ifndef M2M_JSON_JSON_READ_H
#define M2M_JSON_JSON_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	struct str key;     /* in an object; else absent */
	struct str text;    /* of a string (decoded, NUL-terminated behind its end) or a number (as written) */
	struct json *child; /* first member or element */
	struct json *next;  /* next sibling */
};

struct json_limits {
	unsigned max_depth;  /* 1: a flat object */
	unsigned max_values; /* in all */
};

/* *ret lives in `a`. */
MUST_CHECK enum err json_parse(struct arena *a, struct str text, struct json_limits limits, const struct json **ret);

/* The member `key` of an object; NULL if `object` is NULL, no object, or has no such member. */
const struct json *json_get(const struct json *object, const char *key);

/* ERR_NOT_PRESENT: NULL. ERR_MALFORMED: another type. */
MUST_CHECK enum err json_string(const struct json *v, struct str *ret);

/* An integer without fraction or exponent, in [min, max]. ERR_NOT_PRESENT, ERR_MALFORMED (type or form), ERR_TOO_LARGE (range). */
MUST_CHECK enum err json_integer(const struct json *v, int64_t min, int64_t max, int64_t *ret);

/* The same, but a fraction of zeros is none: JSON Schema calls 60.0 an integer too. */
MUST_CHECK enum err json_whole(const struct json *v, int64_t min, int64_t max, int64_t *ret);

#endif
