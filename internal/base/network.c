#include "base/network.h"

#include "base/ip.h"

#define IPV6_BYTES 8 /* a /64 */

size_t network_of(struct str address, uint8_t out[NETWORK_MAX])
{
	struct ip ip;
	if (!ip_parse(address, &ip))
		return 0;
	size_t n = ip.n == 4 ? 4 : IPV6_BYTES;
	memcpy(out, ip.bytes, n);
	return n;
}
