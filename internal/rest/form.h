/* application/x-www-form-urlencoded (WHATWG URL section 5.1), as RFC 6749 appendix B uses it. */
#ifndef M2M_REST_FORM_H
#define M2M_REST_FORM_H

#include "base/arena.h"
#include "base/str.h"

#define FORM_FIELDS_MAX 32

struct form_field {
	struct str name, value;
};

enum form_fault {
	FORM_FAULT_ESCAPE,  /* a bad percent escape */
	FORM_FAULT_CONTROL, /* a control character */
	FORM_FAULT_UTF8,
	FORM_FAULT_REPEATED,
	FORM_FAULT_FIELDS, /* more than FORM_FIELDS_MAX */
	FORM_FAULT_MEMORY,
};

struct form {
	unsigned n;
	struct form_field fields[FORM_FIELDS_MAX];
	/* set by a failure, and with it the parameter's name, as far as it can be read */
	enum form_fault fault;
	struct str culprit;
};

/* ERR_MALFORMED: a bad percent escape, a name that stands twice (other than `repeatable`; NULL:
 * none may), control characters or invalid UTF-8, too many fields. ERR_TOO_LARGE: `a` is full.
 * ret->fault and ret->culprit say which. Decoded text is taken from `a`. */
MUST_CHECK enum err form_parse(struct arena *a, struct str body, const char *repeatable, struct form *ret);

/* The value of `name`; absent if it isn't there or empty (RFC 6749 section 3.1: sent without a
 * value means omitted). */
struct str form_get(const struct form *form, const char *name);

/* All values of a repeatable `name`, joined with spaces; absent without any. */
struct str form_get_all(struct arena *a, const struct form *form, const char *name);

/* Percent-decodes `s` ('+' is a space when `plus`). ERR_MALFORMED. */
MUST_CHECK enum err form_decode(struct arena *a, struct str s, bool plus, struct str *ret);

#endif
