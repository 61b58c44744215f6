/* A network in CIDR form (RFC 4632, RFC 4291 section 2.3): of an allow list, or of trusted
 * proxies. */
#ifndef M2M_BASE_CIDR_H
#define M2M_BASE_CIDR_H

#include "base/ip.h"

#define CIDR_TEXT_MAX 50 /* with its NUL: INET6_ADDRSTRLEN and "/128" */

struct cidr {
	struct ip base; /* what is behind the prefix is 0 */
	uint8_t bits;   /* of the prefix: 0 to 32, of IPv6 0 to 128 */
};

/* "192.0.2.0/24", "2001:db8::/32", or one address. A network of addresses that IPv6 maps
 * (::ffff:192.0.2.0/120) becomes the IPv4 network that it is. ERR_MALFORMED: it is no network,
 * and *ret untouched. ERR_MISMATCH: bits are set behind the prefix; *ret is the network that the
 * address lies in. */
MUST_CHECK enum err cidr_parse(struct str text, struct cidr *ret);

/* In canonical form (RFC 5952 section 4), always with its prefix's length. NUL-terminated. */
void cidr_format(const struct cidr *c, char out[CIDR_TEXT_MAX]);

bool cidr_eq(const struct cidr *a, const struct cidr *b);

/* No network holds an address that isn't known. */
bool cidr_holds(const struct cidr *c, const struct ip *ip);

#endif
