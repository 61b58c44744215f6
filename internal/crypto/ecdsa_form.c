#include "crypto/ecdsa_form.h"

#include <stdbool.h>
#include <string.h>

#define DER_SEQUENCE 0x30
#define DER_INTEGER  0x02
#define HALF         (ECDSA_RAW_LEN / 2)

/* Takes one INTEGER from the front of what is left and right-aligns it in out. */
static bool take_integer(const uint8_t **p, size_t *left, uint8_t out[HALF])
{
	if (*left < 3 || (*p)[0] != DER_INTEGER)
		return false;
	size_t n = (*p)[1];
	const uint8_t *value = *p + 2;
	if (n == 0 || n > HALF + 1 || n > *left - 2 || (value[0] & 0x80) != 0)
		return false;
	if (value[0] == 0 && n > 1 && (value[1] & 0x80) == 0)
		return false;
	*p += 2 + n;
	*left -= 2 + n;
	if (n == HALF + 1) {
		if (value[0] != 0)
			return false;
		value++;
		n--;
	}
	memset(out, 0, HALF - n);
	memcpy(out + HALF - n, value, n);
	return true;
}

enum err ecdsa_der_to_raw(const uint8_t *der, size_t n, uint8_t raw[ECDSA_RAW_LEN])
{
	/* two integers of at most 33 bytes: the length always takes one byte below 0x80 */
	if (n < 2 || der[0] != DER_SEQUENCE || der[1] != n - 2)
		return ERR_MALFORMED;
	const uint8_t *p = der + 2;
	size_t left = n - 2;
	if (!take_integer(&p, &left, raw) || !take_integer(&p, &left, raw + HALF) || left != 0)
		return ERR_MALFORMED;
	return ERR_OK;
}

static uint8_t *put_integer(uint8_t *p, const uint8_t value[HALF])
{
	size_t skip = 0;

	while (skip < HALF - 1 && value[skip] == 0)
		skip++;
	bool sign_byte = (value[skip] & 0x80) != 0;
	*p++ = DER_INTEGER;
	*p++ = (uint8_t)(HALF - skip + sign_byte);
	if (sign_byte)
		*p++ = 0;
	memcpy(p, value + skip, HALF - skip);
	return p + HALF - skip;
}

size_t ecdsa_raw_to_der(const uint8_t raw[ECDSA_RAW_LEN], uint8_t der[ECDSA_DER_MAX])
{
	uint8_t *end = put_integer(put_integer(der + 2, raw), raw + HALF);

	der[0] = DER_SEQUENCE;
	der[1] = (uint8_t)(end - der - 2);
	return (size_t)(end - der);
}
