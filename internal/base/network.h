/* The network that a remote address belongs to, as far as one party may own it whole: counts and
 * limits per address go by it. */
#ifndef M2M_BASE_NETWORK_H
#define M2M_BASE_NETWORK_H

#include "base/str.h"

#define NETWORK_MAX 8

/* An IPv4 address whole (4 bytes), also where a dual-stack listener shows it as
 * ::ffff:192.0.2.7; of any other IPv6 address its /64 (8 bytes), since whoever has one address
 * has at least that many. Network byte order. 0: it is no numeric address, and `out` untouched. */
size_t network_of(struct str address, uint8_t out[NETWORK_MAX]);

#endif
