/* Where a request comes from, when proxies stand before the gateway.
 *
 * What a header says counts only if a trusted proxy has sent it. Then the caller's address is the
 * right-most one that isn't a trusted proxy: each proxy adds, on the right, whom it heard from, and
 * what stands further left is only hearsay. If all are trusted, it is the left-most.
 *
 *   forwarded_begin, forwarded_note for each header field in its order, then forwarded_text */
#ifndef M2M_BASE_FORWARDED_H
#define M2M_BASE_FORWARDED_H

#include "base/cidr.h"

#define PROXIES_MAX         64
#define FORWARDED_CHAIN_MAX 8 /* lines of the field, of a certificate or several each */

/* How trusted proxies tell whom they heard from. */
enum forwarded_form {
	FORWARDED_NONE,
	/* the field X-Forwarded-For: addresses, with or without a port */
	FORWARDED_X_FORWARDED_FOR,
	FORWARDED_RFC7239,  /* the field Forwarded */
	FORWARDED_PROXY_V2, /* before the connection's first byte (base/proxy_header.h) */
};

struct proxies {
	enum forwarded_form form;
	bool local; /* whoever connects to a unix socket is trusted */
	unsigned n;
	struct cidr networks[PROXIES_MAX];
	/* the field in which they tell the client's certificate (RFC 9440); absent: none is. What
	 * the client sent along stands in the field of that name and "-Chain" */
	struct str certificate_field;
};

/* A connection's other end, or who is known to stand behind it. */
struct remote {
	struct ip ip;           /* n == 0: it came by a unix socket, or isn't known */
	bool is_proxy;          /* trusted */
	char text[IP_TEXT_MAX]; /* empty where there is no address */
};

/* Of whoever `ip` names. */
struct remote remote_of(const struct proxies *proxies, const struct ip *ip);

/* Absent where there is no address. */
struct str remote_text(const struct remote *remote);

struct forwarded {
	const struct proxies *proxies; /* NULL: nothing that the request says is believed */
	const struct remote *remote;   /* borrowed */
	/* the caller's, of what was noted so far; n == 0: not known */
	struct ip address;
	bool told;              /* a field was taken; else `address` is the connection's */
	struct str certificate; /* the first certificate_field's value, borrowed; else absent */
	unsigned certificates;  /* how many came */
	/* each line of the chain's field, borrowed; `chains` came, perhaps more than there is room
	 * for */
	struct str chain[FORWARDED_CHAIN_MAX];
	unsigned chains;
};

/* Whether the connection is a trusted proxy's that tells of clients in fields: what TLS says of
 * the connection is then the proxy's, and no client's. */
bool forwarded_by_field(const struct forwarded *f);

void forwarded_begin(struct forwarded *f, const struct proxies *proxies, const struct remote *remote);

/* Of a request that isn't read whole nothing is believed: the line that counts may be missing. */
void forwarded_forget(struct forwarded *f);

/* A header field, whatever it is; its name in any case. Several lines are one list (RFC 9110
 * section
 * 5.3). What can't be read (RFC 7239 section 6: `unknown`, obfuscated; malformed) is nobody's
 * address, and no proxy's. */
void forwarded_note(struct forwarded *f, struct str name, struct str value);

/* The caller's address, in `out` or the connection's; absent: not known. */
struct str forwarded_text(const struct forwarded *f, char out[IP_TEXT_MAX]);

#endif
