/* A network in CIDR form (RFC 4632, RFC 4291 section 2.3), as an allow list has it. */
#ifndef M2M_BASE_CIDR_H
#define M2M_BASE_CIDR_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

#define CIDR_TEXT_MAX 50 /* with its NUL: INET6_ADDRSTRLEN and "/128" */

struct cidr {
	bool six;
	uint8_t bits;        /* of the prefix: 0 to 32, of IPv6 0 to 128 */
	uint8_t address[16]; /* network byte order; of IPv4 the first four; what is behind the prefix is 0 */
};

/* "192.0.2.0/24", "2001:db8::/32", or one address. A network of addresses that IPv6 maps (::ffff:192.0.2.0/120) becomes the
 * IPv4 network that it is. ERR_MALFORMED: it is no network, and *ret untouched. ERR_MISMATCH: bits are set behind the prefix;
 * *ret is the network that the address lies in. */
MUST_CHECK enum err cidr_parse(struct str text, struct cidr *ret);

/* In canonical form (RFC 5952 section 4), always with its prefix's length. NUL-terminated. */
void cidr_format(const struct cidr *c, char out[CIDR_TEXT_MAX]);

bool cidr_eq(const struct cidr *a, const struct cidr *b);

#endif
