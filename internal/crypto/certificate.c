/* DER or PEM -> X509, which answers what it is asked; names go into one canonical form each. */
#include "crypto/certificate.h"

#include <arpa/inet.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "base/base64.h"
#include "base/starved.h"
#include "crypto/certificate_dn.h"

#define NAME_MAX_LEN 2048
#define PEM_MAX      (2 * CERTIFICATE_DER_MAX + 4096)

struct certificate {
	X509 *x509;
	int64_t not_before, not_after;
	char thumbprint[THUMBPRINT_TEXT_LEN + 1];
};

/* ---- reading ---- */

static bool seconds_of(const ASN1_TIME *time, int64_t *ret)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(time, &tm) != 1)
		return false;
	*ret = timegm(&tm);
	return true;
}

/* Takes `x509` over; `der` is what the thumbprint is of. */
static enum err certificate_make(X509 *x509, struct str der, struct certificate **ret)
{
	struct certificate *c = starved_unless(calloc(1, sizeof *c));
	uint8_t digest[SHA256_LEN];
	enum err err = ERR_NO_MEMORY;

	if (c == NULL) {
		X509_free(x509);
		return err;
	}
	c->x509 = x509;
	err = seconds_of(X509_get0_notBefore(x509), &c->not_before) && seconds_of(X509_get0_notAfter(x509), &c->not_after) ? ERR_OK
															   : ERR_MALFORMED;
	if (err == ERR_OK)
		err = sha256(der.p, der.n, digest);
	if (err != ERR_OK) {
		certificate_free(c);
		return err;
	}
	c->thumbprint[base64url_encode(c->thumbprint, digest, sizeof digest)] = '\0';
	*ret = c;
	return ERR_OK;
}

/* The bytes are its DER, and no other encoding of the same: a certificate has one thumbprint. */
static bool encodes_as(X509 *x509, struct str der)
{
	unsigned char *bytes = NULL;
	int n = i2d_X509(x509, &bytes);
	bool same = n > 0 && str_eq(str_from(bytes, (size_t)n), der);

	OPENSSL_free(bytes);
	return same;
}

static enum err read_der(struct str der, struct certificate **ret)
{
	const uint8_t *p = (const uint8_t *)der.p;

	if (der.n == 0 || der.n > CERTIFICATE_DER_MAX)
		return ERR_MALFORMED;
	X509 *x509 = d2i_X509(NULL, &p, (long)der.n);
	if (x509 == NULL || !encodes_as(x509, der)) {
		X509_free(x509);
		return ERR_MALFORMED;
	}
	certificate_decode_extensions(x509);
	return certificate_make(x509, der, ret);
}

enum err certificate_from_der(struct str der, struct certificate **ret)
{
	struct certificate *read = NULL;
	unsigned long starved = starved_count();
	enum err err = starved_err(read_der(der, &read), starved);

	ERR_clear_error();
	if (err == ERR_OK)
		*ret = read;
	else
		certificate_free(read);
	return err;
}

void certificate_decode_extensions(X509 *x509)
{
	int ignored = X509_check_purpose(x509, -1, 0);
	(void)ignored;
}

/* For a PEM block that says it is encrypted OpenSSL would ask at the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): its type is given */
static int no_passphrase(char *buf, int n, int writing, void *arg)
{
	(void)buf, (void)n, (void)writing, (void)arg;
	return -1;
}

static size_t count_of(struct str text, const char *what)
{
	size_t n = 0, len = strlen(what);
	const char *end = text.p + text.n;

	for (const char *p = text.p; p != NULL && (p = memmem(p, (size_t)(end - p), what, len)) != NULL; p += len)
		n++;
	return n;
}

enum err certificate_from_pem(struct str pem, struct certificate **ret)
{
	unsigned char *der = NULL;
	unsigned long starved = starved_count();

	if (pem.n > PEM_MAX || count_of(pem, "-----BEGIN ") != 1)
		return ERR_MALFORMED;
	BIO *in = BIO_new_mem_buf(pem.p, (int)pem.n);
	X509 *x509 = in == NULL ? NULL : PEM_read_bio_X509(in, NULL, no_passphrase, NULL);
	int n = x509 == NULL ? 0 : i2d_X509(x509, &der);
	enum err err = n > 0 ? certificate_from_der(str_from(der, (size_t)n), ret) : starved_err(ERR_MALFORMED, starved);

	OPENSSL_free(der);
	X509_free(x509);
	BIO_free(in);
	ERR_clear_error();
	return err;
}

void certificate_free(struct certificate *c)
{
	if (c != NULL)
		X509_free(c->x509);
	free(c);
}

X509 *certificate_x509(const struct certificate *c)
{
	return c->x509;
}

struct str certificate_thumbprint(const struct certificate *c)
{
	return str_from(c->thumbprint, THUMBPRINT_TEXT_LEN);
}

int64_t certificate_not_before(const struct certificate *c)
{
	return c->not_before;
}

int64_t certificate_not_after(const struct certificate *c)
{
	return c->not_after;
}

bool certificate_is_self_signed(const struct certificate *c)
{
	bool self_signed = X509_self_signed(c->x509, 1) == 1;

	ERR_clear_error();
	return self_signed;
}

enum err certificate_subject(const struct certificate *c, struct arena *a, struct str *ret)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *p = NULL;
	enum err err = ERR_NO_MEMORY;

	if (out != NULL && X509_NAME_print_ex(out, X509_get_subject_name(c->x509), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB) >= 0) {
		long n = BIO_get_mem_data(out, &p);
		struct str copy = arena_copy(a, n > 0 ? str_from(p, (size_t)n) : STR(""));
		if (copy.p != NULL) {
			*ret = copy;
			err = ERR_OK;
		}
	}
	BIO_free(out);
	ERR_clear_error();
	return err;
}

/* ---- names ---- */

const char *certificate_name_parameter(enum certificate_name kind)
{
	static const char *const parameters[CERTIFICATE_NAME_COUNT] = {
		[CERTIFICATE_SUBJECT_DN] = "tls_client_auth_subject_dn", [CERTIFICATE_SAN_DNS] = "tls_client_auth_san_dns",
		[CERTIFICATE_SAN_URI] = "tls_client_auth_san_uri",       [CERTIFICATE_SAN_IP] = "tls_client_auth_san_ip",
		[CERTIFICATE_SAN_EMAIL] = "tls_client_auth_san_email",
	};

	return parameters[kind];
}

static void put_lower(struct str s, struct sbuf *out)
{
	for (size_t i = 0; i < s.n; i++)
		sbuf_putc(out, s.p[i] >= 'A' && s.p[i] <= 'Z' ? (char)(s.p[i] - 'A' + 'a') : s.p[i]);
}

static bool is_visible(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0 && s.n <= NAME_MAX_LEN;
}

/* Compared as a whole: a wildcard would be taken for more than itself by people only. */
static bool put_dns(struct str s, struct sbuf *out)
{
	put_lower(s, out);
	return is_visible(s) && str_is_word(s, "-._");
}

static bool put_uri(struct str s, struct sbuf *out)
{
	sbuf_put(out, s);
	return is_visible(s) && memchr(s.p, ':', s.n) != NULL;
}

static bool put_address(int family, const void *bytes, struct sbuf *out)
{
	char text[INET6_ADDRSTRLEN];

	if (inet_ntop(family, bytes, text, sizeof text) == NULL)
		return false;
	sbuf_putz(out, text);
	return true;
}

static bool put_ip(struct str s, struct sbuf *out)
{
	char text[INET6_ADDRSTRLEN];
	uint8_t bytes[16];

	if (!is_visible(s) || s.n >= sizeof text)
		return false;
	memcpy(text, s.p, s.n);
	text[s.n] = '\0';
	int family = memchr(s.p, ':', s.n) != NULL ? AF_INET6 : AF_INET;
	return inet_pton(family, text, bytes) == 1 && put_address(family, bytes, out);
}

static bool put_email(struct str s, struct sbuf *out)
{
	const char *at = s.n == 0 ? NULL : memrchr(s.p, '@', s.n);

	if (!is_visible(s) || at == NULL || at == s.p || at + 1 == s.p + s.n)
		return false;
	struct str local = str_from(s.p, (size_t)(at + 1 - s.p));
	sbuf_put(out, local);
	put_lower(str_from(at + 1, s.n - local.n), out);
	return true;
}

static enum err finish(bool good, const struct sbuf *out, struct str *ret)
{
	if (!good)
		return ERR_MALFORMED;
	if (out->overflow)
		return ERR_NO_MEMORY;
	*ret = sbuf_str(out);
	return ERR_OK;
}

enum err certificate_name_canonical(enum certificate_name kind, struct str text, struct arena *a, struct str *ret)
{
	static bool (*const put[CERTIFICATE_NAME_COUNT])(struct str, struct sbuf *) = {
		[CERTIFICATE_SAN_DNS] = put_dns,
		[CERTIFICATE_SAN_URI] = put_uri,
		[CERTIFICATE_SAN_IP] = put_ip,
		[CERTIFICATE_SAN_EMAIL] = put_email,
	};

	if (text.p == NULL || text.n > NAME_MAX_LEN)
		return ERR_MALFORMED;
	struct sbuf out = sbuf_in(a, text.n + 64);
	if (put[kind] != NULL)
		return finish(put[kind](text, &out), &out, ret);
	enum err err = dn_put_text(text, &out);
	return err == ERR_OK ? finish(true, &out, ret) : err;
}

/* ---- the names that a certificate has ---- */

static const struct {
	enum certificate_name kind;
	int general;
} generals[] = {{CERTIFICATE_SAN_DNS, GEN_DNS},
		{CERTIFICATE_SAN_URI, GEN_URI},
		{CERTIFICATE_SAN_IP, GEN_IPADD},
		{CERTIFICATE_SAN_EMAIL, GEN_EMAIL}};

static int general_of(enum certificate_name kind)
{
	for (size_t i = 0; i < sizeof generals / sizeof *generals; i++)
		if (generals[i].kind == kind)
			return generals[i].general;
	return -1;
}

/* RFC 5280 section 4.2.1.6: four or sixteen octets. */
static enum err canonical_ip(struct str bytes, struct arena *a, struct str *ret)
{
	struct sbuf out = sbuf_in(a, INET6_ADDRSTRLEN);

	if (bytes.n != 4 && bytes.n != 16)
		return ERR_MALFORMED;
	return finish(put_address(bytes.n == 4 ? AF_INET : AF_INET6, bytes.p, &out), &out, ret);
}

static enum err canonical_general(enum certificate_name kind, const GENERAL_NAME *name, struct arena *a, struct str *ret)
{
	int type;
	const ASN1_STRING *value = GENERAL_NAME_get0_value(name, &type);

	if (type != general_of(kind))
		return ERR_MALFORMED;
	struct str bytes = str_from(ASN1_STRING_get0_data(value), (size_t)ASN1_STRING_length(value));
	return kind == CERTIFICATE_SAN_IP ? canonical_ip(bytes, a, ret) : certificate_name_canonical(kind, bytes, a, ret);
}

static enum err alternative_names(const X509 *x509, enum certificate_name kind, struct arena *a, struct str *names, size_t *ret_n)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(x509, NID_subject_alt_name, NULL, NULL);
	enum err err = ERR_OK;
	size_t n = 0;

	for (int i = 0; err == ERR_OK && i < sk_GENERAL_NAME_num(all); i++) {
		struct str name;
		err = canonical_general(kind, sk_GENERAL_NAME_value(all, i), a, &name);
		if (err == ERR_OK && n == CERTIFICATE_NAMES_MAX)
			err = ERR_TOO_LARGE;
		else if (err == ERR_OK)
			names[n++] = name;
		else if (err == ERR_MALFORMED)
			err = ERR_OK;
	}
	GENERAL_NAMES_free(all);
	*ret_n = n;
	return err;
}

static enum err subject_name(const X509 *x509, struct arena *a, struct str *names, size_t *ret_n)
{
	struct sbuf out = sbuf_in(a, 256);
	enum err err = dn_put_name(X509_get_subject_name(x509), &out);

	*ret_n = err == ERR_OK ? 1 : 0;
	if (err == ERR_OK)
		names[0] = sbuf_str(&out);
	return err == ERR_MALFORMED ? ERR_OK : err;
}

enum err certificate_names(const struct certificate *c, enum certificate_name kind, struct arena *a, const struct str **ret, size_t *ret_n)
{
	struct str *names = arena_alloc(a, CERTIFICATE_NAMES_MAX * sizeof *names);
	size_t n = 0;

	if (names == NULL)
		return ERR_NO_MEMORY;
	enum err err =
		kind == CERTIFICATE_SUBJECT_DN ? subject_name(c->x509, a, names, &n) : alternative_names(c->x509, kind, a, names, &n);
	ERR_clear_error();
	if (err != ERR_OK)
		return err;
	*ret = names;
	*ret_n = n;
	return ERR_OK;
}

/* ---- Client-Cert ---- */

static struct str trim_spaces(struct str s)
{
	while (s.n > 0 && s.p[0] == ' ')
		s = str_from(s.p + 1, s.n - 1);
	while (s.n > 0 && s.p[s.n - 1] == ' ')
		s.n--;
	return s;
}

enum err certificate_field_decode(struct str value, struct arena *a, struct str *ret_der)
{
	struct str s = trim_spaces(value);
	size_t n;

	if (s.n < 3 || s.p[0] != ':' || s.p[s.n - 1] != ':')
		return ERR_MALFORMED;
	s = str_from(s.p + 1, s.n - 2);
	if (s.n > (CERTIFICATE_DER_MAX + 2) / 3 * 4)
		return ERR_TOO_LARGE;
	char *der = arena_alloc(a, BASE64_DECODED_MAX(s.n));
	if (der == NULL)
		return ERR_NO_MEMORY;
	if (base64_decode(s, der, BASE64_DECODED_MAX(s.n), &n) != ERR_OK)
		return ERR_MALFORMED;
	*ret_der = str_from(der, n);
	return ERR_OK;
}
