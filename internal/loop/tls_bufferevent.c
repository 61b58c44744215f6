#include "loop/tls_bufferevent.h"

#include <event2/bufferevent_ssl.h>

#include "tls/tls_session.h"

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
	/* where a request or a reply ends, HTTP itself says: one that was cut off is noticed
	 * without close_notify */
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	return bev;
}

bool tls_fits(struct tls *t, enum tls_listener listener, struct bufferevent *bev)
{
	return !tls_speaks(t, listener) || bufferevent_openssl_get_ssl(bev) != NULL;
}
