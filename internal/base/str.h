/* A borrowed run of bytes with a length. Not NUL-terminated; may hold NUL. Whoever made the
 * bytes owns them. */
#ifndef M2M_BASE_STR_H
#define M2M_BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/err.h"

struct str {
	const char *p; /* NULL means absent; an empty string has p != NULL and n == 0 */
	size_t n;
};

#define STR(literal) ((struct str){("" literal), sizeof(literal) - 1})
#define STR_NONE     ((struct str){NULL, 0})

/* For printf's "%.*s". Evaluates `s` twice: no call that changes anything. */
#define STR_ARG(s) (int)(s).n, (s).p == NULL ? "" : (s).p

static inline struct str str_of(const char *z)
{
	return (struct str){z, z == NULL ? 0 : strlen(z)};
}
static inline struct str str_from(const void *p, size_t n)
{
	return (struct str){(const char *)p, n};
}

bool str_eq(struct str a, struct str b);        /* absent equals only absent */
bool str_eq_nocase(struct str a, struct str b); /* ASCII only */
bool str_starts(struct str s, struct str prefix);
struct str str_trim(struct str s); /* drops SP and HTAB at both ends */

/* Takes what stands before the first `sep` out of *rest and leaves what follows; without `sep`
 * takes all and leaves
 * *rest absent. Returns absent when *rest was absent. */
struct str str_split(struct str *rest, char sep);

/* A decimal integer in [min, max], digits only with an optional leading '-'; no spaces, no '+',
 * no overflow. ERR_MALFORMED or ERR_TOO_LARGE (outside of the range) leave *ret untouched. */
MUST_CHECK enum err str_to_i64(struct str s, int64_t min, int64_t max, int64_t *ret);

/* True when every byte is in [A-Za-z0-9] or in the NUL-terminated set `also`. True for an empty
 * string. */
bool str_is_word(struct str s, const char *also);

/* The value of one hexadecimal digit in either case; -1: it is none. */
static inline int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* An IP address, or a network in CIDR form: what PostgreSQL's inet takes, without its
 * abbreviations. */
bool str_is_network(struct str s);

#endif
