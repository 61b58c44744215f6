/* One pass over the raw text, blind to the grammar: a backslash is legal in strings only, so
 * what follows one can be judged without knowing where strings begin.
 *
 * yajl 2.1.0 takes overlong UTF-8, surrogates in UTF-8, and vertical tab and form feed as white
 * space; it turns half a surrogate pair into '?', invalid UTF-8 or, if any other escape follows,
 * into an unrelated character. */
#include "json/json_text.h"

#include "base/utf8.h"

enum { ESCAPE = 6 }; /* \uXXXX */

/* The code unit of the \uXXXX at the front of `s`; -1: there is none. */
static int code_unit(struct str s)
{
	if (s.n < ESCAPE || s.p[0] != '\\' || s.p[1] != 'u')
		return -1;
	int unit = 0;
	for (int i = 2; i < ESCAPE; i++) {
		int digit = hex_digit(s.p[i]);
		if (digit < 0)
			return -1;
		unit = unit * 16 + digit;
	}
	return unit;
}

/* How long the escape at the front of `s` is; 0: it stands for no character that we take. */
static size_t escape_length(struct str s)
{
	if (s.n < 2)
		return 0;
	if (s.p[1] != 'u')
		return 2;

	int unit = code_unit(s);
	if (unit <= 0 || (unit >= 0xdc00 && unit <= 0xdfff))
		return 0;
	if (unit < 0xd800 || unit > 0xdfff)
		return ESCAPE;

	int low = code_unit(str_from(s.p + ESCAPE, s.n - ESCAPE));
	return low >= 0xdc00 && low <= 0xdfff ? 2 * ESCAPE : 0;
}

static size_t character_length(struct str s)
{
	char c = s.p[0];
	if (c == '\\')
		return escape_length(s);
	if ((unsigned char)c < 0x20)
		return c == '\t' || c == '\n' || c == '\r' ? 1 : 0;
	return utf8_next(s);
}

/* How many characters of ASCII stand at the front that no rule is about: most texts have no
 * others. */
static size_t plain_length(struct str s)
{
	size_t n = 0;
	while (n < s.n && (unsigned char)(s.p[n] - 0x20) < 0x60 && s.p[n] != '\\')
		n++;
	return n;
}

bool json_text_is_clean(struct str text)
{
	for (;;) {
		size_t plain = plain_length(text);
		if (plain == text.n)
			return true;
		text = str_from(text.p + plain, text.n - plain);
		size_t n = character_length(text);
		if (n == 0)
			return false;
		text = str_from(text.p + n, text.n - n);
	}
}
