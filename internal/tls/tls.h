/* TLS on the listeners (RFC 8446, RFC 5246): one certificate for all three, client certificates
 * for REST and gRPC where asked for (M2M_TLS_CLIENT_CERTS), all reread when their files change.
 *
 *   files -> tls_look (one thread, now and then) -> a new SSL_CTX for each listener, if they are
 *   good -> connections that come from then on
 *
 * What is there stays in use until something better was read whole: a certificate whose key
 * hasn't arrived yet changes nothing. Connections that are open keep what they began with. */
#ifndef M2M_TLS_TLS_H
#define M2M_TLS_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sbuf.h"
#include "config/config.h"

struct tls;

enum tls_listener { TLS_HTTP, TLS_GRPC, TLS_OPS, TLS_LISTENERS };

/* Of the certificate in use; for the metrics. */
struct tls_state {
	int64_t expires; /* seconds since 1970 */
	uint64_t reloads, handshakes_failed;
	bool stale; /* the files say something else, which can't be used */
};

/* What the config's certificate, key and client CAs make. *ret is NULL when there is no
 * certificate: then every listener speaks plaintext. ERR_MALFORMED: they are unusable, one line
 * each in `faults`. `config` is borrowed. */
MUST_CHECK enum err tls_open(const struct config *config, struct tls **ret, struct sbuf *faults);
void tls_close(struct tls *t); /* NULL is allowed; after the last connection */

/* Rereads the files. Blocks as files do, so not on an event loop; from one thread. NULL is
 * allowed. */
void tls_look(struct tls *t);

/* From any thread. False, and *ret untouched: no TLS. */
bool tls_state(struct tls *t, struct tls_state *ret);

#endif
