/* The certificate that a client shows, in its handshake or by a proxy, and what it is worth at a
 * moment: its thumbprint (RFC 8705 section 2.2 and 3), and its names where an authority that we
 * trust vouches for them (section 2.1).
 *
 *   files -> struct certificate_authorities (one for all threads, its set replaced as a whole)
 *   handshake or field -> struct client_certificate (one thread's) -> client_certificate_judge
 *
 * The verdict about the chain is remembered for as long as the set of authorities is the same,
 * and for a minute at most; the certificate's own times are looked at each time. */
#ifndef M2M_CRYPTO_CLIENT_CERTIFICATE_H
#define M2M_CRYPTO_CLIENT_CERTIFICATE_H

#include <stdint.h>

#include "base/str.h"

struct x509_st;
struct stack_st_X509;

struct certificate_authorities;

/* An empty set, which vouches for nobody. NULL: out of memory. */
struct certificate_authorities *certificate_authorities_new(void);
void certificate_authorities_free(struct certificate_authorities *set); /* NULL is allowed */

/* From any thread. `pem`: certificates and nothing else, at least one. On failure the set stays as
 * it was. ERR_MALFORMED, ERR_NO_MEMORY. */
MUST_CHECK enum err certificate_authorities_set(struct certificate_authorities *set, struct str pem);

struct client_certificate;

/* What a handshake has left: the client's own certificate and, possibly NULL, the chain that it
 * sent, its own included or not. Both borrowed. ERR_MALFORMED, ERR_NO_MEMORY, ERR_CRYPTO. */
MUST_CHECK enum err client_certificate_from_chain(struct x509_st *own, struct stack_st_X509 *chain, struct client_certificate **ret);

#define CLIENT_CERTIFICATE_CHAIN_MAX 8 /* certificates between the client's and the authority's */

/* The value of a field Client-Cert (RFC 9440 section 2.2), and the lines of Client-Cert-Chain
 * (section 2.3), each a list of certificates; `lines` may be 0. What stands in the chain vouches
 * for nobody: it helps to find the way to an authority. ERR_MALFORMED, ERR_NO_MEMORY,
 * ERR_CRYPTO. */
MUST_CHECK enum err client_certificate_from_field(struct str value, const struct str *chain, size_t lines, struct client_certificate **ret);
void client_certificate_free(struct client_certificate *c); /* NULL is allowed */

/* Each lives as long as `c`. */
struct client_certificate_worth {
	struct str x5t; /* "x5t#S256:<thumbprint>"; absent: its time hasn't come, or is over */
	/* its names as credentials' ids, "tls_client_auth_san_dns:host.example", one in a line;
	 * absent: nobody vouches for them, or it has none */
	struct str names;
};

/* At `now`, in seconds since 1970. `set` may be NULL: nobody vouches. */
struct client_certificate_worth client_certificate_judge(struct client_certificate *c, struct certificate_authorities *set, int64_t now);

#endif
