/* Both alphabets share one codec and differ in their last two letters. Decoding first checks the
 * whole text and then writes, so that a refused text leaves nothing behind. */
#include "base/base64.h"

static const char url_alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

size_t base64url_encode(char *out, const void *bytes, size_t n)
{
	const unsigned char *in = bytes;
	char *at = out;
	for (; n >= 3; n -= 3, in += 3) {
		uint32_t v = (uint32_t)in[0] << 16 | (uint32_t)in[1] << 8 | in[2];
		*at++ = url_alphabet[v >> 18];
		*at++ = url_alphabet[v >> 12 & 63];
		*at++ = url_alphabet[v >> 6 & 63];
		*at++ = url_alphabet[v & 63];
	}
	if (n > 0) {
		uint32_t v = (uint32_t)in[0] << 16 | (n == 2 ? (uint32_t)in[1] << 8 : 0);
		*at++ = url_alphabet[v >> 18];
		*at++ = url_alphabet[v >> 12 & 63];
		if (n == 2)
			*at++ = url_alphabet[v >> 6 & 63];
	}
	return (size_t)(at - out);
}

/* The six bits of `c`, or -1. `last` are the letters for 62 and 63. */
static int value_of(char c, const char last[2])
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == last[0] ? 62 : c == last[1] ? 63 : -1;
}

static enum err check(struct str text, const char last[2])
{
	if (text.p == NULL || text.n % 4 == 1)
		return ERR_MALFORMED;
	for (size_t i = 0; i < text.n; i++)
		if (value_of(text.p[i], last) < 0)
			return ERR_MALFORMED;

	/* A last group of two letters carries one byte and four bits over, one of three letters
	 * two bytes and two bits. */
	unsigned over = text.n % 4 == 2 ? 15 : text.n % 4 == 3 ? 3 : 0;
	if (over != 0 && ((unsigned)value_of(text.p[text.n - 1], last) & over) != 0)
		return ERR_MALFORMED;
	return ERR_OK;
}

static enum err decode(struct str text, const char last[2], unsigned char *out, size_t cap, size_t *ret_n)
{
	enum err err = check(text, last);
	if (err != ERR_OK)
		return err;

	size_t n = text.n / 4 * 3 + (text.n % 4 == 0 ? 0 : text.n % 4 - 1);
	if (n > cap)
		return ERR_TOO_LARGE;

	uint32_t bits = 0;
	unsigned held = 0;
	for (size_t i = 0; i < text.n; i++) {
		bits = bits << 6 | (uint32_t)value_of(text.p[i], last);
		held += 6;
		if (held >= 8) {
			held -= 8;
			*out++ = (unsigned char)(bits >> held);
		}
	}
	*ret_n = n;
	return ERR_OK;
}

enum err base64url_decode(struct str text, void *out, size_t cap, size_t *ret_n)
{
	return decode(text, "-_", out, cap, ret_n);
}

enum err base64_decode(struct str text, void *out, size_t cap, size_t *ret_n)
{
	if (text.n % 4 != 0)
		return ERR_MALFORMED;
	/* Any '=' beyond these two is a foreign character to decode(). */
	for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
		text.n--;
	return decode(text, "+/", out, cap, ret_n);
}
