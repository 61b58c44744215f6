/* What a connection needs of the present snapshot, whichever way it meets its socket: for
 * tls/tls_stream and loop/tls_bufferevent. */
#ifndef M2M_TLS_TLS_SESSION_H
#define M2M_TLS_TLS_SESSION_H

#include <openssl/ssl.h>

#include "tls/tls.h"

bool tls_speaks(const struct tls *t, enum tls_listener listener);
/* A server's session under the present certificate. NULL: out of memory. */
SSL *tls_session(struct tls *t, enum tls_listener listener);
void tls_note_failed_handshake(struct tls *t);
/* The last words on a session, `error` being OpenSSL's that ended it, or 0. */
void tls_bye(struct tls *t, SSL *ssl, int fd, unsigned long error);

#endif
