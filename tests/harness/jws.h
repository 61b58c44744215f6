/* Tokens of any shape, as no program of ours makes them. */
#ifndef M2M_TESTS_HARNESS_JWS_H
#define M2M_TESTS_HARNESS_JWS_H

#include <criterion/criterion.h>

#include "base/base64.h"
#include "base/sbuf.h"
#include "crypto/signing_key.h"
#include "crypto/signing_key_parts.h"

/* A header and a payload as they are given, signed (RFC 7515 section 3.1, the compact form). */
static inline void jws_put(struct sbuf *out, struct signing_key *signer, struct str header, struct str payload)
{
	uint8_t signature[SIGNATURE_MAX];
	size_t n = 0;
	sbuf_put_base64url(out, header);
	sbuf_putc(out, '.');
	sbuf_put_base64url(out, payload);
	cr_assert_eq(signing_key_sign(signer, sbuf_str(out), signature, &n), ERR_OK);
	sbuf_putc(out, '.');
	sbuf_put_base64url(out, str_from(signature, n));
}

#endif
