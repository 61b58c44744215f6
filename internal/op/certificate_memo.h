/* Clients' certificates that a worker has read out of a proxy's fields (RFC 9440), so that the next
 * request with the same fields costs neither the reading nor a chain's verification. It decides
 * nothing: client_certificate_judge looks at the certificate's times at each request, and forgets
 * its verdict with the authorities that gave it. Whether the client may use the certificate the
 * issuing statement says.
 * Bounded: a set-associative table; the one that was used longest ago makes room. */
#ifndef M2M_OP_CERTIFICATE_MEMO_H
#define M2M_OP_CERTIFICATE_MEMO_H

#include <stddef.h>

#include "crypto/client_certificate.h"

#define CERTIFICATE_MEMO_MAX 256

struct certificate_memo;

struct certificate_memo *certificate_memo_new(void);    /* NULL: out of memory */
void certificate_memo_free(struct certificate_memo *m); /* NULL is allowed */

/* As client_certificate_from_field; *ret is borrowed, until the next call. What can't be read isn't
 * remembered. */
MUST_CHECK enum err certificate_memo_read(struct certificate_memo *m, struct str value, const struct str *chain, size_t lines,
					  struct client_certificate **ret);

/* How many are remembered. */
size_t certificate_memo_count(const struct certificate_memo *m);

#endif
