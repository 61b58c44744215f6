#include "base/cidr.h"

#include <arpa/inet.h>
#include <stdio.h>

#define MAPPED_BITS 96 /* of ::ffff:0.0.0.0/96, RFC 4291 section 2.5.5.2 */

static bool parse_address(struct str text, struct cidr *ret)
{
	char address[INET6_ADDRSTRLEN];
	if (text.n == 0 || text.n >= sizeof address || memchr(text.p, '\0', text.n) != NULL)
		return false;
	memcpy(address, text.p, text.n);
	address[text.n] = '\0';
	ret->six = memchr(address, ':', text.n) != NULL;
	return inet_pton(ret->six ? AF_INET6 : AF_INET, address, ret->address) == 1;
}

static void unmap(struct cidr *c)
{
	static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
	if (!c->six || c->bits < MAPPED_BITS || memcmp(c->address, mapped, sizeof mapped) != 0)
		return;
	memmove(c->address, c->address + sizeof mapped, 4);
	memset(c->address + 4, 0, sizeof c->address - 4);
	c->bits = (uint8_t)(c->bits - MAPPED_BITS);
	c->six = false;
}

/* Whether any was set. */
static bool clear_host_bits(struct cidr *c)
{
	bool any = false;
	for (unsigned i = c->bits / 8; i < sizeof c->address; i++) {
		uint8_t kept = i == c->bits / 8 ? (uint8_t)(0xff00 >> c->bits % 8) : 0;
		any = any || (c->address[i] & ~kept) != 0;
		c->address[i] &= kept;
	}
	return any;
}

enum err cidr_parse(struct str text, struct cidr *ret)
{
	struct cidr c = {.six = false};
	struct str address = str_split(&text, '/');
	if (!parse_address(address, &c))
		return ERR_MALFORMED;
	int64_t bits = c.six ? 128 : 32;
	if (text.p != NULL && (text.n > 3 || str_to_i64(text, 0, bits, &bits) != ERR_OK))
		return ERR_MALFORMED;
	c.bits = (uint8_t)bits;
	unmap(&c);
	bool host_bits = clear_host_bits(&c);
	*ret = c;
	return host_bits ? ERR_MISMATCH : ERR_OK;
}

void cidr_format(const struct cidr *c, char out[CIDR_TEXT_MAX])
{
	char address[INET6_ADDRSTRLEN] = "";
	inet_ntop(c->six ? AF_INET6 : AF_INET, c->address, address, sizeof address);
	snprintf(out, CIDR_TEXT_MAX, "%s/%u", address, c->bits);
}

bool cidr_eq(const struct cidr *a, const struct cidr *b)
{
	return a->six == b->six && a->bits == b->bits && memcmp(a->address, b->address, sizeof a->address) == 0;
}
