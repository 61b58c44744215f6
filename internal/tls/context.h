/* PEM texts -> what OpenSSL serves with. Private to tls/. */
#ifndef M2M_TLS_CONTEXT_H
#define M2M_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "base/sbuf.h"
#include "tls/tls.h"

/* chain: the server's certificate first. clients: absent, or the CAs of whom a client must show
 * a certificate. NULL: one sentence in `why`. */
SSL_CTX *context_new(enum tls_listener listener, struct str chain, struct str key, struct str clients, struct sbuf *why);

/* When its certificate ends, in seconds since 1970. */
int64_t context_expires(SSL_CTX *context);

#endif
