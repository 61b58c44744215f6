/* What a connection needs of the present snapshot, whichever way it meets its socket: for
 * tls/tls_stream and loop/tls_bufferevent. */
#ifndef M2M_TLS_TLS_SESSION_H
#define M2M_TLS_TLS_SESSION_H

#include <openssl/ssl.h>

#include "crypto/client_certificate.h"
#include "tls/tls.h"

bool tls_speaks(const struct tls *t, enum tls_listener listener);
/* A server's session under the present certificate. NULL: out of memory. */
SSL *tls_session(struct tls *t, enum tls_listener listener);

/* There was no memory for something amid a handshake. If the key signed meanwhile, what it signs
 * later may be wrong, as signing_context_renew tells: tls_look reads it anew. */
void tls_note_starved(struct tls *t);
/* Puts the session on a socket, whose number is borrowed for as long as the session lives.
 * ERR_NO_MEMORY. */
MUST_CHECK enum err tls_session_on(struct tls *t, SSL *ssl, int *fd);
/* The client's, once the handshake has ended; *ret is NULL where it showed none. The caller frees
 * it. As client_certificate_from_chain. */
MUST_CHECK enum err tls_client_certificate(SSL *ssl, struct client_certificate **ret);
void tls_note_failed_handshake(struct tls *t);
/* The last words on a session, `error` being OpenSSL's that ended it, or 0. */
void tls_bye(struct tls *t, SSL *ssl, int fd, unsigned long error);

#endif
