#include "base/ip.h"

#include <arpa/inet.h>

#define MAPPED_BITS 96 /* ::ffff:0:0/96 */

struct ip ip_of_bytes(const uint8_t *bytes, size_t n)
{
	static const uint8_t mapped[MAPPED_BITS / 8] = {[10] = 0xff, [11] = 0xff};
	struct ip ip = {.n = (uint8_t)n};
	if (n == 16 && memcmp(bytes, mapped, sizeof mapped) == 0) {
		bytes += sizeof mapped;
		ip.n = 4;
	}
	memcpy(ip.bytes, bytes, ip.n);
	return ip;
}

struct ip ip_of_sockaddr(const struct sockaddr *address)
{
	if (address->sa_family == AF_INET) {
		struct sockaddr_in four;
		memcpy(&four, address, sizeof four);
		return ip_of_bytes((const uint8_t *)&four.sin_addr, 4);
	}
	if (address->sa_family == AF_INET6) {
		struct sockaddr_in6 six;
		memcpy(&six, address, sizeof six);
		return ip_of_bytes(six.sin6_addr.s6_addr, 16);
	}
	return (struct ip){.n = 0};
}

bool socket_is_local(int fd)
{
	int domain = 0;
	socklen_t n = sizeof domain;
	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &n) == 0 && domain == AF_UNIX;
}

bool ip_parse(struct str text, struct ip *ret)
{
	char z[IP_TEXT_MAX];
	uint8_t bytes[16];
	struct str address = str_split(&text, '%');
	bool zoned = text.p != NULL;
	if (address.p == NULL || address.n >= sizeof z || (zoned && text.n == 0))
		return false;
	memcpy(z, address.p, address.n);
	z[address.n] = '\0';
	bool six = memchr(z, ':', address.n) != NULL;
	if (memchr(z, '\0', address.n) != NULL || (zoned && !six) || inet_pton(six ? AF_INET6 : AF_INET, z, bytes) != 1)
		return false;
	*ret = ip_of_bytes(bytes, six ? 16 : 4);
	return true;
}

struct str ip_text(const struct ip *ip, char out[IP_TEXT_MAX])
{
	if (ip->n == 0 || inet_ntop(ip->n == 4 ? AF_INET : AF_INET6, ip->bytes, out, IP_TEXT_MAX) == NULL)
		return STR_NONE;
	return str_of(out);
}

static bool is_clear_behind(const struct ip *ip, unsigned bits)
{
	for (unsigned i = bits; i < ip->n * 8u; i++)
		if ((ip->bytes[i / 8] >> (7 - i % 8) & 1) != 0)
			return false;
	return true;
}

bool ip_network_parse(struct str text, struct ip_network *ret)
{
	struct ip_network out;
	int64_t bits = 0;
	struct str address = str_split(&text, '/');
	if (address.p == NULL || memchr(address.p, '%', address.n) != NULL || !ip_parse(address, &out.base))
		return false;
	unsigned written = memchr(address.p, ':', address.n) != NULL ? 128 : 32;
	if (text.p == NULL)
		bits = written;
	else if (str_to_i64(text, 0, written, &bits) != ERR_OK)
		return false;
	if (out.base.n * 8u < written) /* mapped */
		bits -= MAPPED_BITS;
	if (bits < 0 || !is_clear_behind(&out.base, (unsigned)bits))
		return false;
	out.bits = (uint8_t)bits;
	*ret = out;
	return true;
}

bool ip_in_network(const struct ip *ip, const struct ip_network *network)
{
	unsigned whole = network->bits / 8, rest = network->bits % 8;
	if (ip->n == 0 || ip->n != network->base.n || memcmp(ip->bytes, network->base.bytes, whole) != 0)
		return false;
	return rest == 0 || (ip->bytes[whole] ^ network->base.bytes[whole]) >> (8 - rest) == 0;
}
