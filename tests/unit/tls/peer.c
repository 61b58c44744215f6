#include "peer.h"

#include <criterion/criterion.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/starved.h"
#include "crypto/digest.h"
#include "tls/tls_session.h"

#define RECORD_MAX 16384 /* RFC 8446 section 5.1 */
#define BUFFER_MAX 20000 /* OpenSSL's for one; libcrypto has a larger block of its own */

/* ---- what OpenSSL allocates ---- */

struct block {
	size_t n;
	struct block *next, *prev;
	bool clients;
};

static struct block blocks = {.next = &blocks, .prev = &blocks};
static char looked_for[64];
static bool found;
static bool is_client; /* its session is at work */
static bool starving;

static bool has_it(const struct block *b)
{
	return looked_for[0] != '\0' && memmem(b + 1, b->n, looked_for, strlen(looked_for)) != NULL;
}

static void *take(size_t n, const char *file, int line)
{
	(void)file, (void)line;
	if (starving && !is_client)
		starved_note();
	struct block *b = malloc(sizeof *b + n);
	if (b == NULL)
		return NULL;
	*b = (struct block){.n = n, .next = &blocks, .prev = blocks.prev, .clients = is_client};
	b->prev->next = b;
	blocks.prev = b;
	return b + 1;
}

static void give_back(void *p, const char *file, int line)
{
	(void)file, (void)line;
	if (p == NULL)
		return;
	struct block *b = (struct block *)p - 1;
	found = found || has_it(b);
	b->prev->next = b->next;
	b->next->prev = b->prev;
	free(b);
}

static void *take_more(void *p, size_t n, const char *file, int line)
{
	void *larger = take(n, file, line);
	if (p == NULL || larger == NULL)
		return larger;
	size_t before = ((struct block *)p - 1)->n;
	memcpy(larger, p, before < n ? before : n);
	give_back(p, file, line);
	return larger;
}

/* Before OpenSSL allocates anything. */
__attribute__((constructor)) static void watch(void)
{
	if (CRYPTO_set_mem_functions(take, take_more, give_back) != 1)
		abort();
}

unsigned peer_record_buffers(void)
{
	unsigned n = 0;
	for (const struct block *b = blocks.next; b != &blocks; b = b->next)
		n += b->n >= RECORD_MAX && b->n < BUFFER_MAX && !b->clients;
	return n;
}

void peer_look_for(const char *text)
{
	snprintf(looked_for, sizeof looked_for, "%s", text);
	found = false;
}

bool peer_has_found(void)
{
	for (const struct block *b = blocks.next; b != &blocks; b = b->next)
		found = found || has_it(b);
	return found;
}

/* ---- the listener ---- */

static struct tls *listener;
static struct config config;

/* Kept, since tls_look reads it again. */
static struct str text_of(BIO *bio)
{
	char *text = NULL;
	long n = BIO_get_mem_data(bio, &text);
	return str_from(strndup(text, (size_t)n), (size_t)n);
}

void peer_listen(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	X509 *x509 = X509_new();
	BIO *crt_pem = BIO_new(BIO_s_mem()), *key_pem = BIO_new(BIO_s_mem());
	char sentence[256] = "";
	struct sbuf faults = sbuf_fixed(sentence, sizeof sentence);
	X509_NAME *name = X509_get_subject_name(x509);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"x", -1, -1, 0);
	X509_set_issuer_name(x509, name);
	X509_gmtime_adj(X509_getm_notBefore(x509), 0);
	X509_gmtime_adj(X509_getm_notAfter(x509), 3600);
	X509_set_pubkey(x509, key);
	cr_assert_gt(X509_sign(x509, key, EVP_sha256()), 0);
	cr_assert_eq(PEM_write_bio_X509(crt_pem, x509), 1);
	cr_assert_eq(PEM_write_bio_PrivateKey(key_pem, key, NULL, NULL, 0, NULL, NULL), 1);
	config.tls_cert.text = text_of(crt_pem);
	config.tls_key.text = text_of(key_pem);
	config.http.tls = true;
	cr_assert_eq(tls_open(&config, &listener, &faults), ERR_OK, "%s", sentence);
	BIO_free(crt_pem);
	BIO_free(key_pem);
	X509_free(x509);
	EVP_PKEY_free(key);
}

/* ---- a client ---- */

static uint8_t traffic_secret[SHA256_LEN]; /* of the client that opened last */

static void keep_secret(const SSL *ssl, const char *line)
{
	(void)ssl;
	const char *hex = strrchr(line, ' ');
	if (hex == NULL || strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24) != 0)
		return;
	for (size_t i = 0; i < sizeof traffic_secret; i++)
		cr_assert_eq(sscanf(hex + 1 + 2 * i, "%2hhx", &traffic_secret[i]), 1);
}

/* HKDF-Expand-Label with an empty context, RFC 8446 section 7.1. */
static void derive(const char *label, uint8_t *key, uint8_t n)
{
	uint8_t info[64] = {0, n, (uint8_t)(6 + strlen(label))}, hash[SHA256_LEN];
	size_t length = 3 + (size_t)snprintf((char *)info + 3, sizeof info - 3, "tls13 %s", label);
	info[length + 1] = 1; /* behind the context's length */
	cr_assert_not_null(HMAC(EVP_sha256(), traffic_secret, sizeof traffic_secret, info, length + 2, hash, NULL));
	memcpy(key, hash, n);
}

void peer_send_handshake(struct peer *p, uint8_t sequence, const char *bytes, uint8_t n)
{
	enum { HEAD = 5, TAG = 16, HANDSHAKE = 22 };
	uint8_t record[64] = {23, 3, 3, 0, (uint8_t)(n + 1 + TAG)}, key[16], iv[12], inner[32];
	int written = 0;
	memcpy(inner, bytes, n);
	inner[n] = HANDSHAKE;
	derive("key", key, sizeof key);
	derive("iv", iv, sizeof iv);
	iv[sizeof iv - 1] ^= sequence;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	cr_assert_eq(EVP_EncryptInit_ex(c, EVP_aes_128_gcm(), NULL, key, iv), 1);
	cr_assert_eq(EVP_EncryptUpdate(c, NULL, &written, record, HEAD), 1);
	cr_assert_eq(EVP_EncryptUpdate(c, record + HEAD, &written, inner, n + 1), 1);
	cr_assert_eq(EVP_EncryptFinal_ex(c, record + HEAD + written, &written), 1);
	cr_assert_eq(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, TAG, record + HEAD + n + 1), 1);
	EVP_CIPHER_CTX_free(c);
	cr_assert_eq(send(p->fd, record, HEAD + n + 1U + TAG, MSG_NOSIGNAL), HEAD + n + 1 + TAG);
}

size_t peer_send(struct peer *p, size_t n)
{
	char *bytes = NULL;
	size_t there = (size_t)BIO_get_mem_data(p->out, &bytes);
	size_t now = n < there ? n : there;
	char copy[PEER_BUFFER];
	cr_assert_leq(now, sizeof copy);
	if (now > 0) {
		cr_assert_eq(BIO_read(p->out, copy, (int)now), (int)now);
		cr_assert_eq(send(p->fd, copy, now, MSG_NOSIGNAL), (ssize_t)now);
	}
	return there - now;
}

static void receive(struct peer *p)
{
	char bytes[PEER_BUFFER];
	ssize_t n = 0;
	is_client = true;
	while ((n = recv(p->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0)
		cr_assert_eq(BIO_write(p->in, bytes, (int)n), (int)n);
	is_client = false;
}

/* The client's next flight. */
static void shake(struct peer *p)
{
	is_client = true;
	SSL_do_handshake(p->ssl);
	is_client = false;
	peer_send(p, PEER_BUFFER);
}

void peer_begin(struct peer *p, int version)
{
	static SSL_CTX *context;
	int pair[2];
	if (context == NULL)
		context = SSL_CTX_new(TLS_client_method());
	SSL_CTX_set_options(context, SSL_OP_CLEANSE_PLAINTEXT);
	SSL_CTX_set_keylog_callback(context, keep_secret);
	SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256");
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	*p = (struct peer){.fd = pair[1], .ssl = SSL_new(context), .in = BIO_new(BIO_s_mem()), .out = BIO_new(BIO_s_mem())};
	BIO_set_mem_eof_return(p->in, -1);
	SSL_set_bio(p->ssl, p->in, p->out);
	SSL_set_min_proto_version(p->ssl, version);
	SSL_set_max_proto_version(p->ssl, version);
	SSL_set_connect_state(p->ssl);
	cr_assert_eq(tls_stream_init(&p->stream, listener, TLS_HTTP, pair[0]), ERR_OK);
	shake(p);
}

void peer_open(struct peer *p, int version)
{
	char byte[1];
	for (peer_begin(p, version); !SSL_is_init_finished(p->ssl) || tls_stream_shaking(&p->stream); shake(p)) {
		cr_assert_eq(tls_stream_read(&p->stream, byte, sizeof byte), TLS_STREAM_LATER);
		receive(p);
	}
}

void peer_close(struct peer *p)
{
	int fd = p->stream.fd;
	tls_stream_end(&p->stream);
	close(fd);
	SSL_free(p->ssl);
	if (p->fd >= 0)
		close(p->fd);
}

void peer_say(struct peer *p, const char *text)
{
	is_client = true;
	cr_assert_eq(SSL_write(p->ssl, text, (int)strlen(text)), (int)strlen(text));
	is_client = false;
}

size_t peer_hear(struct peer *p, char *bytes, size_t n)
{
	size_t all = 0;
	receive(p);
	is_client = true;
	for (int heard = 0; all < n && (heard = SSL_read(p->ssl, bytes + all, (int)(n - all))) > 0;)
		all += (size_t)heard;
	is_client = false;
	return all;
}

ssize_t peer_read(struct peer *p, char bytes[PEER_BUFFER])
{
	return tls_stream_read(&p->stream, bytes, PEER_BUFFER);
}

bool peer_answer(struct peer *p, const char *text)
{
	char heard[PEER_BUFFER];
	const struct iovec pieces[] = {{(char *)text, 1}, {(char *)text + 1, strlen(text) - 1}};
	return tls_stream_write(&p->stream, pieces, 2) == (ssize_t)strlen(text) && peer_hear(p, heard, sizeof heard) == strlen(text) &&
	       memcmp(heard, text, strlen(text)) == 0;
}

bool peer_exchange(struct peer *p, const char *request, const char *text)
{
	char bytes[PEER_BUFFER];
	peer_say(p, request);
	peer_send(p, PEER_BUFFER);
	ssize_t n = peer_read(p, bytes);
	return n == (ssize_t)strlen(request) && memcmp(bytes, request, (size_t)n) == 0 && peer_answer(p, text);
}

void peer_starve(bool on)
{
	starving = on;
}

bool peer_contexts_differ(const struct peer *p)
{
	tls_look(listener);
	SSL *later = tls_session(listener, TLS_HTTP);
	cr_assert_not_null(later);
	bool differ = SSL_get_SSL_CTX(later) != SSL_get_SSL_CTX(p->stream.ssl);
	SSL_free(later);
	return differ;
}
