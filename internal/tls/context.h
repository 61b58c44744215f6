/* PEM texts -> what OpenSSL serves with. Private to tls/. */
#ifndef M2M_TLS_CONTEXT_H
#define M2M_TLS_CONTEXT_H

#include <openssl/ssl.h>

#include "base/sbuf.h"
#include "tls/tls.h"

/* What it asks of clients: `authorities` only where a certificate is required. */
struct context_clients {
	enum config_client_certs certs;
	struct str authorities;
};

/* chain: the server's certificate first. NULL: one sentence in `why`. */
SSL_CTX *context_new(enum tls_listener listener, struct str chain, struct str key, const struct context_clients *clients, struct sbuf *why);

/* When its certificate ends, in seconds since 1970. */
int64_t context_expires(SSL_CTX *context);

#endif
