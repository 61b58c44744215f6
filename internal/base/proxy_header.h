/* The PROXY protocol's header, version 2 (haproxy.org, proxy-protocol.txt section 2.2): what a
 * proxy says of a connection before its first byte.
 *
 * Knows no socket. The caller reads as many bytes as the header wants, never more, since what
 * follows belongs to the next protocol, which may be TLS:
 *
 *   while ((wanted = proxy_header_wants(&h)) > 0) ... proxy_header_feed(&h, bytes, n <= wanted)
 *   ... */
#ifndef M2M_BASE_PROXY_HEADER_H
#define M2M_BASE_PROXY_HEADER_H

#include "base/ip.h"

#define PROXY_HEADER_START   16
#define PROXY_HEADER_ADDRESS 36 /* two IPv6 addresses and two ports */

struct proxy_header {
	uint8_t bytes[PROXY_HEADER_START + PROXY_HEADER_ADDRESS];
	/* more than `bytes` holds, when TLVs stand behind the addresses: those are skipped */
	size_t seen;
};

static inline void proxy_header_init(struct proxy_header *h)
{
	h->seen = 0;
}

/* How many bytes are still to come, as far as is known; 0: all are there. */
size_t proxy_header_wants(const struct proxy_header *h);

/* False: this is no such header, and the connection can't be believed. */
MUST_CHECK bool proxy_header_feed(struct proxy_header *h, const uint8_t *bytes, size_t n);

/* Of a whole header: the address of whom the proxy speaks for. `own`, the connection's own other
 * end, where the proxy speaks for itself (LOCAL); n == 0 where it doesn't know, or that one has
 * no IP address. */
struct ip proxy_header_source(const struct proxy_header *h, const struct ip *own);

#endif
