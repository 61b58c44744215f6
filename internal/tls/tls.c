/* Files -> texts -> contexts -> the present snapshot. */
#include "tls/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/starved.h"
#include "crypto/digest.h"
#include "tls/context.h"
#include "tls/socket_bio.h"
#include "tls/tls_session.h"

#define PEM_MAX (64 * 1024)
/* The keys of session tickets belong to a context. Who gets hold of them can read what TLS 1.2
 * sessions said, so none lives long. */
#define CONTEXT_LIFE_US INT64_C(43200000000)

enum { CHAIN, KEY, CLIENTS, PEMS };

struct tls {
	const struct config *config;
	pthread_mutex_t lock; /* over contexts and expires; held for an instant once a connection */
	SSL_CTX *contexts[TLS_LISTENERS];
	BIO_METHOD *socket;
	int64_t expires;
	uint8_t used[SHA256_LEN]; /* of the texts in use */
	int64_t made_us;
	uint8_t refused[SHA256_LEN]; /* of texts that can't be used */
	unsigned times_refused;
	_Atomic uint64_t reloads, handshakes_failed;
	_Atomic bool stale;
	_Atomic bool spoiled; /* the contexts' keys may be: tls_note_starved */
};

static const struct config_pem *pem_of(const struct config *c, int i)
{
	return i == CHAIN ? &c->tls_cert : i == KEY ? &c->tls_key : &c->tls_clients;
}

static struct str copy_of(struct str text)
{
	char *copy = malloc(text.n + 1);
	return copy == NULL ? STR_NONE : str_from(memcpy(copy, text.p, text.n), text.n);
}

/* The texts as the files have them now, malloc'd; absent ones are not set. False: errno. */
static bool read_texts(const struct config *c, struct str ret[PEMS])
{
	for (int i = 0; i < PEMS; i++) {
		const struct config_pem *pem = pem_of(c, i);
		if (pem->text.p == NULL)
			ret[i] = STR_NONE;
		else
			ret[i] = pem->path.p != NULL ? file_read(pem->path, PEM_MAX) : copy_of(pem->text);
		if (pem->text.p != NULL && ret[i].p == NULL) {
			while (i-- > 0)
				free((char *)ret[i].p);
			return false;
		}
	}
	return true;
}

static void wipe_texts(struct str texts[PEMS])
{
	for (int i = 0; i < PEMS; i++) {
		if (texts[i].p == NULL)
			continue;
		crypto_wipe((char *)texts[i].p, texts[i].n);
		free((char *)texts[i].p);
	}
}

static enum err digest_of(const struct str texts[PEMS], uint8_t ret[SHA256_LEN])
{
	uint8_t each[PEMS][SHA256_LEN] = {{0}};
	for (int i = 0; i < PEMS; i++)
		if (texts[i].p != NULL && sha256(texts[i].p, texts[i].n, each[i]) != ERR_OK)
			return ERR_INTERNAL;
	return sha256(each, sizeof each, ret);
}

/* All listeners change, or none. What was read without memory is none: a certificate may lack its
 * key, and nothing says so. */
static bool take_texts(struct tls *t, const struct str texts[PEMS], struct sbuf *why)
{
	unsigned long starved = starved_count();
	const struct context_clients clients = {t->config->client_certs, texts[CLIENTS]};
	SSL_CTX *fresh[TLS_LISTENERS] = {NULL};
	bool good = true;
	for (int i = 0; i < TLS_LISTENERS && good; i++)
		good = (fresh[i] = context_new((enum tls_listener)i, texts[CHAIN], texts[KEY], &clients, why)) != NULL;
	good = good && starved_count() == starved;
	if (good) {
		pthread_mutex_lock(&t->lock);
		for (int i = 0; i < TLS_LISTENERS; i++) {
			SSL_CTX *before = t->contexts[i];
			t->contexts[i] = fresh[i];
			fresh[i] = before;
		}
		t->expires = context_expires(t->contexts[TLS_HTTP]);
		pthread_mutex_unlock(&t->lock);
		t->made_us = clock_mono_us();
	}
	for (int i = 0; i < TLS_LISTENERS; i++)
		SSL_CTX_free(fresh[i]);
	return good;
}

enum err tls_open(const struct config *config, struct tls **ret, struct sbuf *faults)
{
	char sentence[256];
	struct sbuf why = sbuf_fixed(sentence, sizeof sentence);
	struct str texts[PEMS];
	*ret = NULL;
	if (config->tls_cert.text.p == NULL || config->tls_key.text.p == NULL)
		return ERR_OK;
	struct tls *t = calloc(1, sizeof *t);
	if (t == NULL)
		return ERR_NO_MEMORY;
	t->config = config;
	pthread_mutex_init(&t->lock, NULL);
	t->socket = socket_bio_method();
	if (t->socket == NULL) {
		tls_close(t);
		return ERR_NO_MEMORY;
	}
	if (!read_texts(config, texts)) {
		sbuf_printf(faults, "M2M_TLS_CERT, M2M_TLS_KEY or M2M_TLS_CLIENT_CA can't be read: %s\n", strerror(errno));
		tls_close(t);
		return ERR_MALFORMED;
	}
	unsigned long starved = starved_count();
	bool good = digest_of(texts, t->used) == ERR_OK && take_texts(t, texts, &why);
	wipe_texts(texts);
	if (!good) {
		sbuf_printf(faults, "%s\n", starved_count() == starved ? sentence : "out of memory");
		tls_close(t);
		return ERR_MALFORMED;
	}
	*ret = t;
	return ERR_OK;
}

void tls_close(struct tls *t)
{
	if (t == NULL)
		return;
	for (int i = 0; i < TLS_LISTENERS; i++)
		SSL_CTX_free(t->contexts[i]);
	BIO_meth_free(t->socket);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

/* ---- changes ---- */

/* Two files can't change in one instant: what doesn't fit together is only worth a word when it
 * is still so at the next look. */
static void refuse(struct tls *t, const uint8_t digest[SHA256_LEN], const char *why)
{
	if (memcmp(t->refused, digest, SHA256_LEN) != 0)
		t->times_refused = 0;
	memcpy(t->refused, digest, SHA256_LEN);
	if (++t->times_refused != 2)
		return;
	atomic_store_explicit(&t->stale, true, memory_order_relaxed);
	log_message(LOG_ERROR, "tls_certificate_unusable", "the one in use stays: %s", why);
}

static void take_change(struct tls *t, const struct str texts[PEMS], const uint8_t digest[SHA256_LEN])
{
	char sentence[256];
	struct sbuf why = sbuf_fixed(sentence, sizeof sentence);
	bool changed = memcmp(digest, t->used, SHA256_LEN) != 0;
	bool spoiled = atomic_exchange_explicit(&t->spoiled, false, memory_order_relaxed);
	if (!changed && !spoiled && clock_mono_us() - t->made_us < CONTEXT_LIFE_US) {
		atomic_store_explicit(&t->stale, false, memory_order_relaxed);
		t->times_refused = 0;
		return;
	}
	unsigned long starved = starved_count();
	if (!take_texts(t, texts, &why)) {
		if (spoiled)
			tls_note_starved(t);
		if (starved_count() == starved) /* else at the next look */
			refuse(t, digest, sentence);
		return;
	}
	memcpy(t->used, digest, SHA256_LEN);
	t->times_refused = 0;
	atomic_store_explicit(&t->stale, false, memory_order_relaxed);
	if (!changed)
		return;
	atomic_fetch_add_explicit(&t->reloads, 1, memory_order_relaxed);
	char until[CLOCK_RFC3339_LEN];
	clock_rfc3339(t->expires * 1000000, until);
	log_message(LOG_INFO, "tls_certificate_loaded", "good until %.*s", (int)sizeof until, until);
}

void tls_look(struct tls *t)
{
	static const uint8_t unreadable[SHA256_LEN], exposed[SHA256_LEN] = {1};
	struct str texts[PEMS];
	uint8_t digest[SHA256_LEN];
	if (t == NULL)
		return;
	if (t->config->tls_key.path.p != NULL && file_is_exposed(t->config->tls_key.path.p)) {
		refuse(t, exposed, "others may read the file of M2M_TLS_KEY; chmod 600 it");
		return;
	}
	if (!read_texts(t->config, texts)) {
		refuse(t, unreadable, strerror(errno));
		return;
	}
	if (digest_of(texts, digest) == ERR_OK)
		take_change(t, texts, digest);
	wipe_texts(texts);
}

bool tls_state(struct tls *t, struct tls_state *ret)
{
	if (t == NULL)
		return false;
	pthread_mutex_lock(&t->lock);
	int64_t expires = t->expires;
	pthread_mutex_unlock(&t->lock);
	*ret = (struct tls_state){
		.expires = expires,
		.reloads = atomic_load_explicit(&t->reloads, memory_order_relaxed),
		.handshakes_failed = atomic_load_explicit(&t->handshakes_failed, memory_order_relaxed),
		.stale = atomic_load_explicit(&t->stale, memory_order_relaxed),
	};
	return true;
}

/* ---- for connections ---- */

void tls_note_starved(struct tls *t)
{
	atomic_store_explicit(&t->spoiled, true, memory_order_relaxed);
}

bool tls_speaks(const struct tls *t, enum tls_listener listener)
{
	if (t == NULL)
		return false;
	const struct config *c = t->config;
	return listener == TLS_HTTP ? c->http.tls : listener == TLS_GRPC ? c->grpc.tls : c->ops.tls;
}

SSL *tls_session(struct tls *t, enum tls_listener listener)
{
	pthread_mutex_lock(&t->lock);
	SSL_CTX *context = t->contexts[listener];
	SSL_CTX_up_ref(context);
	pthread_mutex_unlock(&t->lock);
	SSL *ssl = SSL_new(context);
	SSL_CTX_free(context);
	return ssl;
}

enum err tls_session_on(struct tls *t, SSL *ssl, int *fd)
{
	BIO *bio = socket_bio_new(t->socket, fd);
	if (bio == NULL)
		return ERR_NO_MEMORY;
	SSL_set_bio(ssl, bio, bio);
	return ERR_OK;
}

enum err tls_client_certificate(SSL *ssl, struct client_certificate **ret)
{
	X509 *own = SSL_get0_peer_certificate(ssl);
	*ret = NULL;
	return own == NULL ? ERR_OK : client_certificate_from_chain(own, SSL_get_peer_cert_chain(ssl), ret);
}

void tls_note_failed_handshake(struct tls *t)
{
	atomic_fetch_add_explicit(&t->handshakes_failed, 1, memory_order_relaxed);
}

void tls_bye(struct tls *t, SSL *ssl, int fd, unsigned long error)
{
	static const char text[] =
		"HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\nConnection: close\r\n\r\nThis port speaks TLS.\n";
	if (SSL_is_init_finished(ssl)) {
		SSL_shutdown(ssl);
		ERR_clear_error();
		return;
	}
	if (error == 0)
		return; /* it went away, or was too slow */
	tls_note_failed_handshake(t);
	if (ERR_GET_REASON(error) == SSL_R_HTTP_REQUEST) {
		ssize_t sent = send(fd, text, sizeof text - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)sent;
	}
}
