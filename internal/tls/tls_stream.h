/* A connection's bytes, plain or TLS, on a socket that never blocks: a call moves what can be
 * moved now, in as few system calls as that takes. For a transport that polls its sockets
 * itself; tls_bufferevent is for those that have libevent do it.
 *
 * The socket is the caller's, from before init until after end. A stream stays where it was
 * made. */
#ifndef M2M_TLS_TLS_STREAM_H
#define M2M_TLS_TLS_STREAM_H

#include <sys/types.h>
#include <sys/uio.h>

#include "tls/tls.h"

struct client_certificate;
struct ssl_st;

struct tls_stream {
	int fd;
	struct tls *tls;
	struct ssl_st *ssl;  /* NULL: plain */
	unsigned long error; /* OpenSSL's, that ended it; 0: none */
	/* what was asked last goes on when the socket can be written to, whatever it was */
	bool stuck;
	bool halfway; /* perhaps a part of a record was read, and its rest is still to come */
};

#define TLS_STREAM_LATER  (-1) /* nothing now: try again when the socket can be read (written) */
#define TLS_STREAM_BROKEN (-2) /* nor ever */

/* Plain where the listener is, also when `t` is NULL. ERR_NO_MEMORY, and then there is nothing
 * to end. */
MUST_CHECK enum err tls_stream_init(struct tls_stream *s, struct tls *t, enum tls_listener listener, int fd);

/* Says goodbye: close_notify (RFC 8446 section 6.1), or a word in plain HTTP to who spoke that
 * to a listener that doesn't. */
void tls_stream_end(struct tls_stream *s);

/* The handshake hasn't ended. False for plain ones. */
bool tls_stream_shaking(const struct tls_stream *s);

/* What the client has shown, once the handshake has ended; *ret is NULL where it is none. The
 * caller frees it. As client_certificate_from_chain. */
MUST_CHECK enum err tls_stream_certificate(const struct tls_stream *s, struct client_certificate **ret);

/* Up to n bytes; 0: there will be no more; or one of the above. What it has taken from the
 * socket and not handed out, the socket doesn't tell any more: ask again while tls_stream_holds. */
MUST_CHECK ssize_t tls_stream_read(struct tls_stream *s, void *bytes, size_t n);
bool tls_stream_holds(const struct tls_stream *s);

/* How many bytes of the pieces were taken, from the front; or one of the above. After
 * TLS_STREAM_LATER the next call's bytes must begin with the same ones. */
MUST_CHECK ssize_t tls_stream_write(struct tls_stream *s, const struct iovec *pieces, int n);

#endif
