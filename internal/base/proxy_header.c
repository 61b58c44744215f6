#include "base/proxy_header.h"

#include <arpa/inet.h>

enum { LOCAL = 0x20, PROXY = 0x21 }; /* version 2 in the upper half */
/* byte 13's upper half; 0 unspecified, 3 unix */
enum { FAMILY_INET = 1, FAMILY_INET6, FAMILY_MAX };

static size_t length(const struct proxy_header *h)
{
	return (size_t)h->bytes[14] << 8 | h->bytes[15];
}

static size_t addresses(const struct proxy_header *h)
{
	unsigned family = h->bytes[13] >> 4;
	return family == FAMILY_INET ? 12 : family == FAMILY_INET6 ? PROXY_HEADER_ADDRESS : 0;
}

size_t proxy_header_wants(const struct proxy_header *h)
{
	if (h->seen < PROXY_HEADER_START)
		return PROXY_HEADER_START - h->seen;
	return PROXY_HEADER_START + length(h) - h->seen;
}

/* As far as it is there. */
static bool is_good(const struct proxy_header *h)
{
	static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";
	size_t n = h->seen < sizeof signature ? h->seen : sizeof signature;
	if (memcmp(h->bytes, signature, n) != 0)
		return false;
	if (h->seen < PROXY_HEADER_START)
		return h->seen <= 12 || h->bytes[12] == LOCAL || h->bytes[12] == PROXY;
	if (h->bytes[12] != LOCAL && h->bytes[12] != PROXY)
		return false;
	return h->bytes[13] >> 4 <= FAMILY_MAX && (h->bytes[13] & 15) <= 2 && length(h) >= addresses(h);
}

bool proxy_header_feed(struct proxy_header *h, const uint8_t *bytes, size_t n)
{
	size_t room = h->seen < sizeof h->bytes ? sizeof h->bytes - h->seen : 0;
	if (room > 0)
		memcpy(h->bytes + h->seen, bytes, n < room ? n : room);
	h->seen += n;
	return is_good(h);
}

struct ip proxy_header_source(const struct proxy_header *h, const struct ip *own)
{
	if (h->bytes[12] == LOCAL)
		return *own;
	if (addresses(h) == 0)
		return (struct ip){.n = 0};
	return ip_of_bytes(h->bytes + PROXY_HEADER_START, h->bytes[13] >> 4 == FAMILY_INET ? 4 : 16);
}
