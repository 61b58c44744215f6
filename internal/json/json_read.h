/* Reading JSON (RFC 8259) strictly: yajl's streaming parser feeds a small tree in the caller's
 * arena.
 *
 * Refused, each as ERR_MALFORMED: duplicate keys in an object (the raw and the escaped spelling
 * are the same key), U+0000 in a key or string, invalid UTF-8, comments, a second value,
 * trailing bytes, an empty text. ERR_TOO_LARGE: deeper than `max_depth`, more than `max_values`
 * values, an object of more than `max_members`, or the arena is full. Numbers stay text, so
 * nothing overflows here. */
#ifndef M2M_JSON_JSON_READ_H
#define M2M_JSON_JSON_READ_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

enum json_type { JSON_NULL, JSON_FALSE, JSON_TRUE, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json {
	enum json_type type;
	struct str key; /* in an object; else absent */
	/* of a string (decoded, NUL-terminated behind its end) or a number (as written) */
	struct str text;
	struct json *child; /* first member or element */
	struct json *next;  /* next sibling */
};

struct json_limits {
	unsigned max_depth;  /* 1: a flat object */
	unsigned max_values; /* in all */
	/* of each object, since names are compared in pairs; 0: max_values is enough */
	unsigned max_members;
};

/* Why a text was refused, for the person who wrote it. */
enum json_fault {
	JSON_FAULT_FORM,     /* it isn't JSON */
	JSON_FAULT_TEXT,     /* it isn't UTF-8, or holds a control character */
	JSON_FAULT_REPEATED, /* `key` stands twice in one object */
	JSON_FAULT_DEPTH,
	JSON_FAULT_VALUES,
	JSON_FAULT_MEMORY,
};

struct json_refusal {
	enum json_fault fault;
	struct str key; /* of JSON_FAULT_REPEATED; in the arena */
};

/* *ret lives in `a`. `ret_why` may be NULL; it is written only on failure. */
MUST_CHECK enum err json_parse_or_tell(struct arena *a, struct str text, struct json_limits limits, const struct json **ret,
				       struct json_refusal *ret_why);
MUST_CHECK enum err json_parse(struct arena *a, struct str text, struct json_limits limits, const struct json **ret);

/* The member `key` of an object; NULL if `object` is NULL, no object, or has no such member. */
const struct json *json_get(const struct json *object, const char *key);

/* ERR_NOT_PRESENT: NULL. ERR_MALFORMED: another type. */
MUST_CHECK enum err json_string(const struct json *v, struct str *ret);

/* An integer without fraction or exponent, in [min, max]. ERR_NOT_PRESENT, ERR_MALFORMED (type
 * or form), ERR_TOO_LARGE (range). */
MUST_CHECK enum err json_integer(const struct json *v, int64_t min, int64_t max, int64_t *ret);

enum json_rounding { JSON_DOWN, JSON_UP };

/* Any number, also one with fraction or exponent, rounded to an integer in [min, max]. Errors as
 * json_integer's. */
MUST_CHECK enum err json_rounded(const struct json *v, enum json_rounding to, int64_t min, int64_t max, int64_t *ret);

/* A number that is an integer however it is written, as JSON Schema has it: 60, 60.0, 6e1.
 * Errors as json_integer's. */
MUST_CHECK enum err json_whole(const struct json *v, int64_t min, int64_t max, int64_t *ret);

#endif
