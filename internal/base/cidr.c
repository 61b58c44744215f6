#include "base/cidr.h"

#include <stdio.h>

#define MAPPED_BITS 96 /* of ::ffff:0.0.0.0/96, RFC 4291 section 2.5.5.2 */

/* Whether any was set. */
static bool clear_host_bits(struct cidr *c)
{
	bool any = false;
	for (unsigned i = c->bits / 8; i < c->base.n; i++) {
		uint8_t kept = i == c->bits / 8u ? (uint8_t)(0xff00 >> c->bits % 8) : 0;
		any = any || (c->base.bytes[i] & ~kept) != 0;
		c->base.bytes[i] &= kept;
	}
	return any;
}

enum err cidr_parse(struct str text, struct cidr *ret)
{
	struct cidr c;
	struct str address = str_split(&text, '/');
	if (address.p == NULL || memchr(address.p, '%', address.n) != NULL || !ip_parse(address, &c.base))
		return ERR_MALFORMED;
	int64_t written = memchr(address.p, ':', address.n) != NULL ? 128 : 32;
	int64_t bits = written;
	bool leading_zero = text.n > 1 && text.p[0] == '0';
	if (text.p != NULL && (leading_zero || str_to_i64(text, 0, written, &bits) != ERR_OK))
		return ERR_MALFORMED;
	if (c.base.n * 8 < written) /* it is mapped */
		bits -= MAPPED_BITS;
	if (bits < 0)
		return ERR_MALFORMED;
	c.bits = (uint8_t)bits;
	bool host_bits = clear_host_bits(&c);
	*ret = c;
	return host_bits ? ERR_MISMATCH : ERR_OK;
}

void cidr_format(const struct cidr *c, char out[CIDR_TEXT_MAX])
{
	char address[IP_TEXT_MAX] = "";
	ip_text(&c->base, address);
	snprintf(out, CIDR_TEXT_MAX, "%s/%u", address, c->bits);
}

bool cidr_eq(const struct cidr *a, const struct cidr *b)
{
	return a->bits == b->bits && a->base.n == b->base.n && memcmp(a->base.bytes, b->base.bytes, a->base.n) == 0;
}

bool cidr_holds(const struct cidr *c, const struct ip *ip)
{
	unsigned whole = c->bits / 8, rest = c->bits % 8;
	if (ip->n == 0 || ip->n != c->base.n || memcmp(ip->bytes, c->base.bytes, whole) != 0)
		return false;
	return rest == 0 || (ip->bytes[whole] ^ c->base.bytes[whole]) >> (8 - rest) == 0;
}
