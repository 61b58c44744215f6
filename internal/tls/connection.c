/* One connection, as libevent's bufferevent: everything above it reads and writes plain bytes. */
#include <event2/bufferevent_ssl.h>
#include <openssl/err.h>
#include <sys/socket.h>

#include "tls/tls_parts.h"

struct bufferevent *tls_bufferevent(struct tls *t, enum tls_listener listener, struct event_base *base, int fd)
{
	if (!tls_speaks(t, listener))
		return bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE);
	SSL *ssl = tls_session(t, listener);
	if (ssl == NULL)
		return NULL;
	struct bufferevent *bev = bufferevent_openssl_socket_new(base, fd, ssl, BUFFEREVENT_SSL_ACCEPTING, BEV_OPT_CLOSE_ON_FREE);
	if (bev == NULL) {
		SSL_free(ssl);
		return NULL;
	}
	/* where a request or a reply ends, HTTP itself says: one that was cut off is noticed without close_notify */
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

static SSL *ssl_of(const struct bufferevent *bev)
{
	return bufferevent_openssl_get_ssl((struct bufferevent *)bev);
}

bool tls_shaking(const struct bufferevent *bev)
{
	const SSL *ssl = ssl_of(bev);
	return ssl != NULL && !SSL_is_init_finished(ssl);
}

void tls_send_now(struct bufferevent *bev, struct str bytes)
{
	SSL *ssl = ssl_of(bev);
	size_t n = 0;
	if (ssl == NULL) {
		ssize_t sent = send(bufferevent_getfd(bev), bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)sent;
	} else if (SSL_is_init_finished(ssl) && SSL_write_ex(ssl, bytes.p, bytes.n, &n) != 1) {
		ERR_clear_error();
	}
}

void tls_say_bye(struct tls *t, struct bufferevent *bev)
{
	static const char text[] =
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks TLS.\n";
	SSL *ssl = ssl_of(bev);
	if (ssl == NULL)
		return;
	if (SSL_is_init_finished(ssl)) {
		SSL_shutdown(ssl);
		ERR_clear_error();
		return;
	}
	unsigned long error = bufferevent_get_openssl_error(bev);
	if (error == 0)
		return; /* it went away, or was too slow */
	tls_note_failed_handshake(t);
	if (ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST) {
		ssize_t sent = send(bufferevent_getfd(bev), text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)sent;
	}
}
