/* The two spellings of a P-256 signature: OpenSSL's DER (RFC 3279 section 2.2.3) and JOSE's R ||
 * S of 32 bytes each (RFC 7518 section 3.4). Converted by hand, strictly, since d2i_ECDSA_SIG
 * would cost two big numbers and a structure per token. */
#ifndef M2M_CRYPTO_ECDSA_FORM_H
#define M2M_CRYPTO_ECDSA_FORM_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define ECDSA_RAW_LEN 64
#define ECDSA_DER_MAX 72

/* ERR_MALFORMED: anything but the shortest DER of two non-negative integers below 2^256. `raw`
 * is then undefined. */
MUST_CHECK enum err ecdsa_der_to_raw(const uint8_t *der, size_t n, uint8_t raw[ECDSA_RAW_LEN]);

/* Returns the length. */
size_t ecdsa_raw_to_der(const uint8_t raw[ECDSA_RAW_LEN], uint8_t der[ECDSA_DER_MAX]);

#endif
