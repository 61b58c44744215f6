#include "tls/tls_stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <sys/socket.h>

#include "base/starved.h"
#include "crypto/digest.h"
#include "tls/tls_session.h"

#define RECORD_MAX 16384 /* RFC 8446 section 5.1 */

enum err tls_stream_init(struct tls_stream *s, struct tls *t, enum tls_listener listener, int fd)
{
	*s = (struct tls_stream){.fd = fd, .tls = t};
	if (!tls_speaks(t, listener))
		return ERR_OK;
	s->ssl = tls_session(t, listener);
	if (s->ssl == NULL || tls_session_on(t, s->ssl, &s->fd) != ERR_OK) {
		SSL_free(s->ssl);
		s->ssl = NULL;
		return ERR_NO_MEMORY;
	}
	SSL_set_accept_state(s->ssl);
	/* one recv for a record, not one for its head and one for the rest */
	SSL_set_read_ahead(s->ssl, 1);
	return ERR_OK;
}

/* Since 3.2 OpenSSL's record layer has a copy of the mode, which is renewed when a mode is set. */
static void release_buffers(const struct tls_stream *s, bool by_itself)
{
	if (!by_itself)
		SSL_clear_mode(s->ssl, SSL_MODE_RELEASE_BUFFERS);
	SSL_set_mode(s->ssl, by_itself ? SSL_MODE_RELEASE_BUFFERS : 0);
}

/* Between records a connection holds no buffer, and those that OpenSSL takes next are the ones that
 * another connection has just used, still in the cache.
 *
 * SSL_MODE_RELEASE_BUFFERS does so too, but SSL_OP_CLEANSE_PLAINTEXT then wipes all 16 KiB of a
 * buffer with each record that is read, which takes longer than all else that OpenSSL does for it.
 * Data that was handed out is wiped already, and the rest of a buffer tells nothing. With that
 * option SSL_free_buffers of 3.2 and later also crashes where there is no buffer.
 *
 * SSL_free_buffers of some versions doesn't see each record that came in part (CVE-2024-4741). */
static void give_buffers_back(const struct tls_stream *s)
{
	if (s->halfway || SSL_has_pending(s->ssl) == 1)
		return;
	SSL_clear_options(s->ssl, SSL_OP_CLEANSE_PLAINTEXT);
	SSL_free_buffers(s->ssl);
	SSL_set_options(s->ssl, SSL_OP_CLEANSE_PLAINTEXT);
}

/* A record is decrypted where it lies before its tag is found wrong, and the buffer is freed as it
 * is. SSL_free_buffers wipes it, but not one that it believes in use. */
static void wipe_what_broke(const struct tls_stream *s)
{
	if (s->error != 0 && SSL_alloc_buffers(s->ssl) == 1)
		SSL_free_buffers(s->ssl);
}

void tls_stream_end(struct tls_stream *s)
{
	if (s->ssl == NULL)
		return;
	tls_bye(s->tls, s->ssl, s->fd, s->error);
	wipe_what_broke(s);
	SSL_free(s->ssl);
	s->ssl = NULL;
	s->stuck = false;
}

bool tls_stream_shaking(const struct tls_stream *s)
{
	return s->ssl != NULL && !SSL_is_init_finished(s->ssl);
}

enum err tls_stream_certificate(const struct tls_stream *s, struct client_certificate **ret)
{
	*ret = NULL;
	return s->ssl == NULL ? ERR_OK : tls_client_certificate(s->ssl, ret);
}

bool tls_stream_holds(const struct tls_stream *s)
{
	return s->ssl != NULL && SSL_has_pending(s->ssl) == 1;
}

/* SSL_get_error asks the thread's error queue too, and another connection's error is none of this
 * one's. Clearing the queue costs much more than a look. */
static void forget_errors(void)
{
	if (ERR_peek_error() != 0)
		ERR_clear_error();
}

/* What a call that moved nothing means. The queue of errors was empty before the call. */
static ssize_t explain(struct tls_stream *s, int returned)
{
	int why = SSL_get_error(s->ssl, returned);
	s->stuck = why == SSL_ERROR_WANT_WRITE;
	if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
		return TLS_STREAM_LATER;
	unsigned long error = ERR_get_error();
	ERR_clear_error();
	/* where a request or a reply ends, HTTP itself says: one that was cut off is noticed
	 * without close_notify */
	if (why == SSL_ERROR_ZERO_RETURN || ERR_GET_REASON(error) == SSL_R_UNEXPECTED_EOF_WHILE_READING)
		return 0;
	if (s->error == 0)
		s->error = error;
	return TLS_STREAM_BROKEN;
}

/* A handshake without memory. A certificate that was decoded in it may lack its key. */
static ssize_t starve(struct tls_stream *s, int returned, void *bytes, size_t taken)
{
	tls_note_starved(s->tls);
	s->halfway = true;
	if (returned == 1)
		crypto_wipe(bytes, taken);
	else
		(void)explain(s, returned);
	s->stuck = false;
	return TLS_STREAM_BROKEN;
}

static ssize_t explain_errno(void)
{
	return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? TLS_STREAM_LATER : TLS_STREAM_BROKEN;
}

ssize_t tls_stream_read(struct tls_stream *s, void *bytes, size_t n)
{
	if (s->ssl == NULL) {
		ssize_t taken = recv(s->fd, bytes, n, MSG_DONTWAIT);
		return taken >= 0 ? taken : explain_errno();
	}
	size_t taken = 0;
	s->stuck = false;
	forget_errors();
	unsigned long starved = starved_count();
	bool shaking = tls_stream_shaking(s);
	int returned = SSL_read_ex(s->ssl, bytes, n, &taken);
	if (shaking && starved_count() != starved)
		return starve(s, returned, bytes, taken);
	s->halfway = returned != 1;
	if (returned != 1)
		return explain(s, returned);
	/* until now OpenSSL did: it may have ended a handshake, and nothing was asked */
	release_buffers(s, false);
	give_buffers_back(s);
	return (ssize_t)taken;
}

/* As one record, since a record costs more than its bytes' copying. They may be secrets. */
static ssize_t write_record(struct tls_stream *s, const struct iovec *pieces, int n)
{
	char record[RECORD_MAX];
	size_t length = 0, taken = 0;
	for (int i = 0; i < n && length < sizeof record; i++) {
		size_t part = pieces[i].iov_len < sizeof record - length ? pieces[i].iov_len : sizeof record - length;
		memcpy(record + length, pieces[i].iov_base, part);
		length += part;
	}
	s->stuck = false;
	forget_errors();
	release_buffers(s, true);
	int returned = SSL_write_ex(s->ssl, record, length, &taken);
	release_buffers(s, false);
	crypto_wipe(record, length);
	if (returned == 1) {
		give_buffers_back(s);
		return (ssize_t)taken;
	}
	ssize_t why = explain(s, returned);
	/* half a handshake message (a KeyUpdate): the socket can be written to all the time, and an
	 * honest client sends the rest with it */
	bool wants_to_read = why == TLS_STREAM_LATER && !s->stuck;
	return why == 0 || wants_to_read ? TLS_STREAM_BROKEN : why;
}

ssize_t tls_stream_write(struct tls_stream *s, const struct iovec *pieces, int n)
{
	if (s->ssl != NULL)
		return write_record(s, pieces, n);
	const struct msghdr message = {.msg_iov = (struct iovec *)pieces, .msg_iovlen = (size_t)n};
	ssize_t taken = sendmsg(s->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
	return taken >= 0 ? taken : explain_errno();
}
