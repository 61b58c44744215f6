/* base64 and base64url (RFC 4648), strict: no white space, no stray padding bits. */
#ifndef M2M_BASE_BASE64_H
#define M2M_BASE_BASE64_H

#include <stddef.h>

#include "base/str.h"

#define BASE64URL_LEN(n)      (((n)*4 + 2) / 3) /* without padding */
#define BASE64_DECODED_MAX(n) (((n) / 4 + 1) * 3)

/* Writes BASE64URL_LEN(n) characters and no NUL; returns how many. */
size_t base64url_encode(char *out, const void *bytes, size_t n);

/* Decodes unpadded base64url into out[cap]. ERR_MALFORMED: a foreign character, '=', an
 * impossible length or non-zero trailing bits. ERR_TOO_LARGE: cap is too small. *ret_n is
 * untouched on failure. */
MUST_CHECK enum err base64url_decode(struct str text, void *out, size_t cap, size_t *ret_n);

/* The same for standard base64 with its padding (RFC 4648 section 4). Padding is required. */
MUST_CHECK enum err base64_decode(struct str text, void *out, size_t cap, size_t *ret_n);

#endif
