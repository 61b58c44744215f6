#include "tls/context.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

/* TLS 1.2 with forward secrecy and authenticated encryption only (RFC 9325 section 4.2); 1.3 has
 * nothing else. */
#define CIPHERS         "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS          "X25519:P-256:P-384"
#define SESSION_SECONDS 7200

static void cleanup_bio(BIO **b)
{
	BIO_free(*b);
}
#define BIO_OF(text) __attribute__((cleanup(cleanup_bio))) BIO *text

static void cleanup_x509(X509 **x)
{
	X509_free(*x);
}

static void cleanup_key(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

/* A key with a passphrase would otherwise have OpenSSL ask at the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): its type is given */
static int no_passphrase(char *buf, int n, int writing, void *arg)
{
	(void)buf, (void)n, (void)writing, (void)arg;
	return -1;
}

static bool complain(struct sbuf *why, const char *sentence)
{
	ERR_clear_error();
	sbuf_putz(why, sentence);
	return false;
}

static bool use_chain(SSL_CTX *context, struct str chain, struct sbuf *why)
{
	BIO_OF(in) = BIO_new_mem_buf(chain.p, (int)chain.n);
	__attribute__((cleanup(cleanup_x509))) X509 *own = in == NULL ? NULL : PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
	if (own == NULL || SSL_CTX_use_certificate(context, own) != 1)
		return complain(why, "M2M_TLS_CERT holds no PEM certificate that OpenSSL takes");
	for (X509 *next; (next = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL;) {
		if (SSL_CTX_add0_chain_cert(context, next) != 1) {
			X509_free(next);
			return complain(why, "M2M_TLS_CERT holds a chain that OpenSSL doesn't take");
		}
	}
	if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return complain(why, "M2M_TLS_CERT holds something after its certificates that is broken");
	ERR_clear_error();
	return true;
}

static bool use_key(SSL_CTX *context, struct str text, struct sbuf *why)
{
	BIO_OF(in) = BIO_new_mem_buf(text.p, (int)text.n);
	__attribute__((cleanup(cleanup_key))) EVP_PKEY *key = in == NULL ? NULL : PEM_read_bio_PrivateKey(in, NULL, no_passphrase, NULL);
	if (key == NULL)
		return complain(why, "M2M_TLS_KEY holds no PEM private key (without a passphrase)");
	if (SSL_CTX_use_PrivateKey(context, key) != 1 || SSL_CTX_check_private_key(context) != 1)
		return complain(why, "M2M_TLS_KEY is not the key of the first certificate in M2M_TLS_CERT");
	return true;
}

static bool require_certificates(SSL_CTX *context, struct str text, struct sbuf *why)
{
	BIO_OF(in) = BIO_new_mem_buf(text.p, (int)text.n);
	unsigned n = 0;
	for (X509 *ca; in != NULL && (ca = PEM_read_bio_X509(in, NULL, no_passphrase, NULL)) != NULL; n++) {
		bool taken = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca) == 1 && SSL_CTX_add_client_CA(context, ca) == 1;
		X509_free(ca);
		if (!taken)
			return complain(why, "M2M_TLS_CLIENT_CA holds a certificate that OpenSSL doesn't take");
	}
	if (n == 0 || ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE)
		return complain(why, "M2M_TLS_CLIENT_CA doesn't hold PEM certificates only");
	ERR_clear_error();
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return true;
}

/* Any will do: what it is worth is asked of each request that comes with it. */
static int take_any(X509_STORE_CTX *chain, void *arg)
{
	(void)arg;
	X509_STORE_CTX_set_error(chain, X509_V_OK);
	return 1;
}

/* No authorities are named: some clients would then keep a self-signed certificate back (RFC 8446
 * section 4.2.4). */
static void request_certificates(SSL_CTX *context)
{
	SSL_CTX_set_verify(context, SSL_VERIFY_PEER, NULL);
	SSL_CTX_set_cert_verify_callback(context, take_any, NULL);
}

/* A ticket holds the client's certificate but not the chain that it came with, and a verdict of
 * before. So who shows a certificate isn't resumed, and shakes hands in full. */
static SSL_TICKET_RETURN resume_without_certificate(SSL *ssl, SSL_SESSION *session, const unsigned char *name, size_t name_n,
						    SSL_TICKET_STATUS status, void *arg)
{
	(void)ssl, (void)name, (void)name_n, (void)arg;
	if (status != SSL_TICKET_SUCCESS && status != SSL_TICKET_SUCCESS_RENEW)
		return SSL_TICKET_RETURN_IGNORE_RENEW;
	if (SSL_SESSION_get0_peer(session) != NULL)
		return SSL_TICKET_RETURN_IGNORE;
	return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

static bool ask_clients(SSL_CTX *context, const struct context_clients *clients, struct sbuf *why)
{
	if (clients->certs == CONFIG_CERTS_OFF)
		return true;
	if (SSL_CTX_set_session_ticket_cb(context, NULL, resume_without_certificate, NULL) != 1)
		return complain(why, "OpenSSL takes no rule for session tickets");
	if (clients->certs == CONFIG_CERTS_REQUIRE)
		return require_certificates(context, clients->authorities, why);
	request_certificates(context);
	return true;
}

/* RFC 7301: who offers protocols must offer ours. Who offers none is served, as a plain HTTP
 * client or a probe. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *out_n, const unsigned char *in, unsigned in_n, void *arg)
{
	(void)ssl;
	static const unsigned char h1[] = "\x08http/1.1", h2[] = "\x02h2";
	const bool grpc = arg != NULL;
	unsigned char *chosen = NULL;
	int found = SSL_select_next_proto(&chosen, out_n, grpc ? h2 : h1, (unsigned)(grpc ? sizeof h2 : sizeof h1) - 1, in, in_n);
	*out = chosen;
	return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

static bool set_up(SSL_CTX *context, enum tls_listener listener)
{
	/* a session of one listener is none of another, which may not ask for certificates */
	const unsigned char id = (unsigned char)listener;
	static char is_grpc;
	SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CLEANSE_PLAINTEXT);
	SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* sessions are resumed from tickets, which every worker can read; the cache would be a
	 * lock that they share */
	SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_timeout(context, SESSION_SECONDS);
	SSL_CTX_set_alpn_select_cb(context, choose_protocol, listener == TLS_GRPC ? &is_grpc : NULL);
	return SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 && SSL_CTX_set_cipher_list(context, CIPHERS) == 1 &&
	       SSL_CTX_set1_groups_list(context, GROUPS) == 1 && SSL_CTX_set_session_id_context(context, &id, sizeof id) == 1;
}

SSL_CTX *context_new(enum tls_listener listener, struct str chain, struct str key, const struct context_clients *clients, struct sbuf *why)
{
	SSL_CTX *context = SSL_CTX_new(TLS_server_method());
	bool good = context != NULL && set_up(context, listener);
	if (!good)
		complain(why, "OpenSSL offers no TLS 1.2");
	good = good && use_chain(context, chain, why) && use_key(context, key, why);
	if (good && listener != TLS_OPS)
		good = ask_clients(context, clients, why);
	if (good)
		return context;
	SSL_CTX_free(context);
	return NULL;
}

int64_t context_expires(SSL_CTX *context)
{
	struct tm tm = {0};
	const X509 *own = SSL_CTX_get0_certificate(context);
	return own != NULL && ASN1_TIME_to_tm(X509_get0_notAfter(own), &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}
