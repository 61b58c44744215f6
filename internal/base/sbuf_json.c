/* A text as a JSON string (RFC 8259 section 7). */
#include <string.h>

#include "base/sbuf.h"
#include "base/utf8.h"
#include "base/visible.h"

#define ESCAPES_MAX 13 /* a surrogate pair's, and a NUL */

/* What has to stand in a JSON string instead of the character at `p`, of `length` bytes (0: an invalid
 * one); empty: itself. `space` is room for an answer. */
static struct str json_instead(const char *p, size_t length, char space[ESCAPES_MAX])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)p[0];
	if (length > 1) {
		uint32_t code = utf8_code(p, length);
		struct sbuf escapes = sbuf_fixed(space, ESCAPES_MAX);
		if (code_is_hidden(code))
			sbuf_put_code_escape(&escapes, code);
		return sbuf_str(&escapes);
	}
	if (length == 0)
		return STR("\xef\xbf\xbd"); /* U+FFFD */
	if (c == '"')
		return STR("\\\"");
	if (c == '\\')
		return STR("\\\\");
	if (c >= 0x20)
		return STR("");
	const char escape[6] = {'\\', 'u', '0', '0', hex[c >> 4], hex[c & 15]};
	memcpy(space, escape, sizeof escape);
	return str_from(space, sizeof escape);
}

/* Eight bytes that are ASCII and stand for themselves in a JSON string. Adding 0x60 to a byte below 0x80 sets its top bit unless it is a control character; a byte that is equal to another one
 * is 0 after an exclusive or, and only then adding 0x7f leaves its top bit clear. */
static bool json_plain(uint64_t w)
{
	const uint64_t ones = 0x0101010101010101, tops = 0x80 * ones;
	if ((w & tops) != 0)
		return false;
	uint64_t printable = w + 0x60 * ones;
	uint64_t no_quote = (w ^ '"' * ones) + 0x7f * ones;
	uint64_t no_backslash = (w ^ '\\' * ones) + 0x7f * ones;
	return (printable & no_quote & no_backslash & tops) == tops;
}

/* How many bytes at the front of `s`, give or take a few, are like that: eight at a time, since tokens are long. */
static size_t json_plain_run(struct str s)
{
	size_t n = 0;
	uint64_t w = 0;
	for (; n + sizeof w <= s.n; n += sizeof w) {
		memcpy(&w, s.p + n, sizeof w);
		if (!json_plain(w))
			return n;
	}
	memset(&w, 'x', sizeof w);
	memcpy(&w, s.p + n, s.n - n);
	return json_plain(w) ? s.n : n;
}

void sbuf_put_json(struct sbuf *b, struct str s)
{
	if (s.p == NULL) {
		sbuf_put(b, STR("null"));
		return;
	}

	sbuf_putc(b, '"');
	size_t plain = 0; /* from here to i nothing needs escaping: copied in one go */
	for (size_t i = json_plain_run(s); i < s.n;) {
		char space[ESCAPES_MAX];
		size_t length = utf8_next(str_from(s.p + i, s.n - i));
		struct str instead = json_instead(s.p + i, length, space);
		if (instead.n > 0) {
			sbuf_put(b, str_from(s.p + plain, i - plain));
			sbuf_put(b, instead);
			plain = i + (length == 0 ? 1 : length);
		}
		i += length == 0 ? 1 : length;
	}
	sbuf_put(b, str_from(s.p + plain, s.n - plain));
	sbuf_putc(b, '"');
}
