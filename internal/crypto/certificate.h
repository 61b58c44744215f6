/* A client's X.509 certificate as OAuth needs it (RFC 8705): its thumbprint, its names, and
 * whether it signed itself. crypto/client_certificate.h has whether somebody is trusted who signed
 * it. */
#ifndef M2M_CRYPTO_CERTIFICATE_H
#define M2M_CRYPTO_CERTIFICATE_H

#include <stdbool.h>

#include "base/arena.h"
#include "crypto/client_key.h"

#define CERTIFICATE_DER_MAX 16384

struct certificate;
struct x509_st;

/* ERR_MALFORMED: not exactly one certificate, or longer than CERTIFICATE_DER_MAX; ERR_NO_MEMORY,
 * ERR_CRYPTO. PEM may have text before and behind it, as openssl x509 writes it. */
MUST_CHECK enum err certificate_from_der(struct str der, struct certificate **ret);
MUST_CHECK enum err certificate_from_pem(struct str pem, struct certificate **ret);
void certificate_free(struct certificate *c); /* NULL is allowed */

/* OpenSSL's own, which lives as long as `c`. */
struct x509_st *certificate_x509(const struct certificate *c);

/* OpenSSL decodes them once and keeps what came of it; what it had no memory for stays missing or
 * invalid. So they are decoded where starved_count() can tell. */
void certificate_decode_extensions(struct x509_st *x509);

/* x5t#S256 (RFC 8705 section 3.1): base64url of the DER's SHA-256, NUL-terminated; lives as long
 * as `c`. */
struct str certificate_thumbprint(const struct certificate *c);

/* Seconds since 1970, both inclusive (RFC 5280 section 4.1.2.5). */
int64_t certificate_not_before(const struct certificate *c);
int64_t certificate_not_after(const struct certificate *c);

/* Its own key verifies its signature, and its issuer is its subject: RFC 8705 section 2.2. */
bool certificate_is_self_signed(const struct certificate *c);

/* The subject as RFC 4514 writes it, in UTF-8, in `a`; empty if it has none. ERR_NO_MEMORY. */
MUST_CHECK enum err certificate_subject(const struct certificate *c, struct arena *a, struct str *ret);

/* The five ways of RFC 8705 section 2.1.2 in which a client may be registered. */
enum certificate_name {
	CERTIFICATE_SUBJECT_DN, /* tls_client_auth_subject_dn */
	CERTIFICATE_SAN_DNS,    /* tls_client_auth_san_dns */
	CERTIFICATE_SAN_URI,    /* tls_client_auth_san_uri */
	CERTIFICATE_SAN_IP,     /* tls_client_auth_san_ip */
	CERTIFICATE_SAN_EMAIL,  /* tls_client_auth_san_email */
	CERTIFICATE_NAME_COUNT
};

/* "tls_client_auth_subject_dn" and so on. */
const char *certificate_name_parameter(enum certificate_name kind);

/* The form that is stored and compared byte by byte, in `a`:
 *   DN     RFC 4514, ASCII in lower case, spaces trimmed and never two in a row: equal where
 *          X509_NAME_cmp says so (RFC 4517 section 4.2.11, caseIgnoreMatch)
 *   DNS    lower case; no wildcard
 *   IP     as inet_ntop writes it
 *   email  its domain in lower case (RFC 5280 section 7.5)
 *   URI    as it is
 * ERR_MALFORMED: not of that kind, empty, or with a NUL or a control character; ERR_NO_MEMORY. */
MUST_CHECK enum err certificate_name_canonical(enum certificate_name kind, struct str text, struct arena *a, struct str *ret);

/* All names of that kind that the certificate has, in canonical form: an array of *ret_n in `a`,
 * at most CERTIFICATE_NAMES_MAX. A statement may look for the client's registered one among
 * them. Names that have no canonical form are left out. ERR_TOO_LARGE: it has more;
 * ERR_NO_MEMORY. */
#define CERTIFICATE_NAMES_MAX 64
MUST_CHECK enum err certificate_names(const struct certificate *c, enum certificate_name kind, struct arena *a, const struct str **ret,
				      size_t *ret_n);

/* The field Client-Cert (RFC 9440 section 2.2) to DER, in `a`: a Byte Sequence of RFC 8941
 * (section 3.3.5), which is base64 between colons; spaces around it are let be, parameters not.
 * ERR_MALFORMED; ERR_TOO_LARGE: longer than CERTIFICATE_DER_MAX; ERR_NO_MEMORY. */
MUST_CHECK enum err certificate_field_decode(struct str value, struct arena *a, struct str *ret_der);

#endif
