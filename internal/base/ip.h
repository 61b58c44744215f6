/* IP addresses as numbers (networks: base/cidr.h).
 *
 * An IPv4 address has one form here: what a listener on [::] shows as ::ffff:192.0.2.7 (RFC 4291
 * section 2.5.5.2) is 192.0.2.7. A zone (RFC 4007) is dropped: PostgreSQL's inet takes none. */
#ifndef M2M_BASE_IP_H
#define M2M_BASE_IP_H

#include <sys/socket.h>

#include "base/str.h"

#define IP_TEXT_MAX 46 /* with its NUL */

struct ip {
	uint8_t n; /* 4, 16, or 0: no address is known */
	uint8_t bytes[16];
};

/* Of 4 or 16 bytes in network order. */
struct ip ip_of_bytes(const uint8_t *bytes, size_t n);

/* Of an IP socket's end; n == 0 for any other family. */
struct ip ip_of_sockaddr(const struct sockaddr *address);

/* A unix socket, connected or listening. */
bool socket_is_local(int fd);

/* A numeric address, as inet_pton reads it, perhaps with a zone: fe80::1%eth0. False leaves *ret
 * untouched. */
MUST_CHECK bool ip_parse(struct str text, struct ip *ret);

/* In `out`, canonical (RFC 5952); absent when no address is known. */
struct str ip_text(const struct ip *ip, char out[IP_TEXT_MAX]);

#endif
