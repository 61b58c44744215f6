/* Distinguished names in one canonical text (certificate.h says which); for the files of this
 * folder. */
#ifndef M2M_CRYPTO_CERTIFICATE_DN_H
#define M2M_CRYPTO_CERTIFICATE_DN_H

#include <openssl/x509.h>

#include "base/sbuf.h"

/* Both append. ERR_MALFORMED: empty, no DN, a control character; ERR_NO_MEMORY: `out` is full. */
MUST_CHECK enum err dn_put_name(const X509_NAME *name, struct sbuf *out);
MUST_CHECK enum err dn_put_text(struct str text, struct sbuf *out); /* as RFC 4514 writes one */

#endif
