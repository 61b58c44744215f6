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
