/* RFC 3629 section 4 as code: the lead byte sets the length and the range of the second byte,
 * and that range alone is what keeps out overlong forms, surrogates and code points that are too
 * high. */
#include "base/utf8.h"

#include <assert.h>

struct lead {
	size_t length;
	unsigned char second_min, second_max;
};

static struct lead lead_of(unsigned char c)
{
	if (c >= 0xc2 && c <= 0xdf)
		return (struct lead){2, 0x80, 0xbf};
	if (c >= 0xe0 && c <= 0xef)
		return (struct lead){3, c == 0xe0 ? 0xa0 : 0x80, c == 0xed ? 0x9f : 0xbf};
	if (c >= 0xf0 && c <= 0xf4)
		return (struct lead){4, c == 0xf0 ? 0x90 : 0x80, c == 0xf4 ? 0x8f : 0xbf};
	return (struct lead){0};
}

size_t utf8_next(struct str s)
{
	const unsigned char *p = (const unsigned char *)s.p;
	if (s.n == 0)
		return 0;
	if (p[0] < 0x80)
		return 1;

	struct lead lead = lead_of(p[0]);
	if (lead.length == 0 || s.n < lead.length || p[1] < lead.second_min || p[1] > lead.second_max)
		return 0;
	for (size_t i = 2; i < lead.length; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return lead.length;
}

uint32_t utf8_code(const char *p, size_t n)
{
	static const unsigned char lead_bits[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	assert(n >= 1 && n <= 4);
	uint32_t code = (unsigned char)p[0] & lead_bits[n];
	for (size_t i = 1; i < n; i++)
		code = code << 6 | ((unsigned char)p[i] & 0x3f);
	return code;
}
