#include "base/network.h"

#include <arpa/inet.h>

size_t network_of(struct str address, uint8_t out[NETWORK_MAX])
{
	char text[INET6_ADDRSTRLEN];
	struct in_addr four;
	struct in6_addr six;
	if (address.p == NULL || address.n >= sizeof text)
		return 0;
	memcpy(text, address.p, address.n);
	text[address.n] = '\0';
	if (inet_pton(AF_INET, text, &four) == 1) {
		memcpy(out, &four, 4);
		return 4;
	}
	if (inet_pton(AF_INET6, text, &six) != 1)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(&six)) {
		memcpy(out, six.s6_addr + 12, 4);
		return 4;
	}
	memcpy(out, &six, 8);
	return 8;
}

struct str network_recorded(struct str address)
{
	const struct str mapped = STR("::ffff:");
	if (str_starts(address, mapped) && memchr(address.p, '.', address.n) != NULL)
		return str_from(address.p + mapped.n, address.n - mapped.n);
	return str_split(&address, '%');
}
