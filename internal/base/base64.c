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

/* Of each letter its six bits and one; 0: it isn't of the alphabet. */
/* clang-format off */
#define LETTERS \
	['A'] = 1, ['B'] = 2, ['C'] = 3, ['D'] = 4, ['E'] = 5, ['F'] = 6, ['G'] = 7, ['H'] = 8, \
	['I'] = 9, ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16, \
	['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24, \
	['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32, \
	['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40, \
	['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48, \
	['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56, \
	['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62
/* clang-format on */
static const uint8_t url_values[256] = {LETTERS, ['-'] = 63, ['_'] = 64};
static const uint8_t values[256] = {LETTERS, ['+'] = 63, ['/'] = 64};

static uint32_t bits_of(char c, const uint8_t of[256])
{
	return of[(unsigned char)c] - 1U;
}

static enum err check(struct str text, const uint8_t of[256])
{
	if (text.p == NULL || text.n % 4 == 1)
		return ERR_MALFORMED;
	bool foreign = false;
	for (size_t i = 0; i < text.n; i++)
		foreign |= of[(unsigned char)text.p[i]] == 0;
	if (foreign)
		return ERR_MALFORMED;

	/* A last group of two letters carries one byte and four bits over, one of three letters
	 * two bytes and two bits. */
	unsigned over = text.n % 4 == 2 ? 15 : text.n % 4 == 3 ? 3 : 0;
	return over != 0 && (bits_of(text.p[text.n - 1], of) & over) != 0 ? ERR_MALFORMED : ERR_OK;
}

static enum err decode(struct str text, const uint8_t of[256], unsigned char *out, size_t cap, size_t *ret_n)
{
	enum err err = check(text, of);
	if (err != ERR_OK)
		return err;

	size_t n = text.n / 4 * 3 + (text.n % 4 == 0 ? 0 : text.n % 4 - 1);
	if (n > cap)
		return ERR_TOO_LARGE;

	const char *in = text.p;
	for (size_t groups = text.n / 4; groups > 0; groups--, in += 4) {
		uint32_t v = bits_of(in[0], of) << 18 | bits_of(in[1], of) << 12 | bits_of(in[2], of) << 6 | bits_of(in[3], of);
		*out++ = (unsigned char)(v >> 16);
		*out++ = (unsigned char)(v >> 8);
		*out++ = (unsigned char)v;
	}
	if (text.n % 4 != 0) {
		uint32_t v = bits_of(in[0], of) << 18 | bits_of(in[1], of) << 12;
		*out++ = (unsigned char)(v >> 16);
		if (text.n % 4 == 3)
			*out++ = (unsigned char)((v | bits_of(in[2], of) << 6) >> 8);
	}
	*ret_n = n;
	return ERR_OK;
}

enum err base64url_decode(struct str text, void *out, size_t cap, size_t *ret_n)
{
	return decode(text, url_values, out, cap, ret_n);
}

enum err base64_decode(struct str text, void *out, size_t cap, size_t *ret_n)
{
	if (text.n % 4 != 0)
		return ERR_MALFORMED;
	/* Any '=' beyond these two is a foreign character to decode(). */
	for (int i = 0; i < 2 && text.n > 0 && text.p[text.n - 1] == '='; i++)
		text.n--;
	return decode(text, values, out, cap, ret_n);
}
