/* Every writer first asks for room and then writes: what does not fit adds nothing and marks the
 * buffer, and a marked buffer takes nothing more. */
#include "base/sbuf.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/base64.h"
#include "base/hidden.h"
#include "base/utf8.h"

struct sbuf sbuf_fixed(char *p, size_t cap)
{
	p[0] = '\0';
	return (struct sbuf){.p = p, .cap = cap};
}

struct sbuf sbuf_in(struct arena *a, size_t expected_size)
{
	/* never written: keeps the text NUL-terminated where there is no memory for it */
	static char nothing[1];
	size_t cap = expected_size < SIZE_MAX ? expected_size + 1 : SIZE_MAX;
	char *p = arena_room(a, cap);
	if (p == NULL)
		return (struct sbuf){.p = nothing, .cap = sizeof nothing, .arena = a, .overflow = true};
	p[0] = '\0';
	return (struct sbuf){.p = p, .cap = cap, .arena = a};
}

/* Doubles, or goes to what `extra` bytes and the NUL need. The old text stays behind in the
 * arena, which wipes it with the rest. */
static bool grow(struct sbuf *b, size_t extra)
{
	size_t need = b->n + extra + 1;
	size_t cap = need > b->cap * 2 ? need : b->cap * 2;
	char *p = b->arena == NULL ? NULL : arena_room(b->arena, cap);
	if (p == NULL)
		return false;
	memcpy(p, b->p, b->n + 1);
	b->p = p;
	b->cap = cap;
	return true;
}

static char *advance(struct sbuf *b, size_t n)
{
	char *at = b->p + b->n;
	b->n += n;
	b->p[b->n] = '\0';
	return at;
}

/* Apart from what calls it, which then saves no registers for it where the room is there. */
static __attribute__((noinline)) char *room_after_growing(struct sbuf *b, size_t n)
{
	if (b->overflow || !grow(b, n)) {
		b->overflow = true;
		return NULL;
	}
	return advance(b, n);
}

static inline char *room(struct sbuf *b, size_t n)
{
	return !b->overflow && b->cap - b->n > n ? advance(b, n) : room_after_growing(b, n);
}

char *sbuf_room(struct sbuf *b, size_t n)
{
	return room(b, n);
}

void sbuf_put(struct sbuf *b, struct str s)
{
	if (s.p == NULL)
		return;
	char *at = room(b, s.n);
	if (at != NULL)
		memcpy(at, s.p, s.n);
}

void sbuf_putz(struct sbuf *b, const char *z)
{
	sbuf_put(b, str_of(z));
}

void sbuf_putc(struct sbuf *b, char c)
{
	char *at = room(b, 1);
	if (at != NULL)
		*at = c;
}

void sbuf_puti(struct sbuf *b, int64_t v)
{
	char text[20]; /* "-9223372036854775808" */
	char *end = text + sizeof text, *p = end;
	uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;
	do {
		*--p = (char)('0' + left % 10);
		left /= 10;
	} while (left > 0);
	if (v < 0)
		*--p = '-';
	sbuf_put(b, str_from(p, (size_t)(end - p)));
}

void sbuf_printf(struct sbuf *b, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	int n = vsnprintf(NULL, 0, format, args);
	va_end(args);
	if (n < 0)
		b->overflow = true;

	char *at = b->overflow ? NULL : room(b, (size_t)n);
	if (at == NULL)
		return;
	va_start(args, format);
	vsnprintf(at, (size_t)n + 1, format, args);
	va_end(args);
}

/* What has to stand in a JSON string instead of the character at `p`, of `length` bytes (0: an
 * invalid one); empty: itself. `space` is room for an answer. */
static struct str json_instead(const char *p, size_t length, char space[CODE_ESCAPE_MAX])
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c = (unsigned char)p[0];
	if (length > 1) {
		uint32_t code = utf8_code(p, length);
		return code_is_hidden(code) ? str_from(space, code_escape(code, space)) : STR("");
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

/* Eight bytes that are ASCII and stand for themselves in a JSON string. Adding 0x60 to a byte
 * below 0x80 sets its top bit unless it is a control character; a byte that is equal to another
 * one is 0 after an exclusive or, and only then adding 0x7f leaves its top bit clear. */
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

/* How many bytes at the front of `s`, give or take a few, are like that: eight at a time, since
 * tokens are long. */
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
		char space[CODE_ESCAPE_MAX];
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

void sbuf_put_json_key(struct sbuf *b, bool comma, struct str key)
{
	char *at = room(b, (comma ? 1 : 0) + key.n + 3);
	if (at == NULL)
		return;
	if (comma)
		*at++ = ',';
	*at++ = '"';
	memcpy(at, key.p, key.n);
	at[key.n] = '"';
	at[key.n + 1] = ':';
}

void sbuf_put_base64url(struct sbuf *b, struct str bytes)
{
	if (bytes.p == NULL)
		return;
	char *at = room(b, BASE64URL_LEN(bytes.n));
	if (at != NULL)
		base64url_encode(at, bytes.p, bytes.n);
}

struct str sbuf_str(const struct sbuf *b)
{
	return b->overflow ? STR_NONE : str_from(b->p, b->n);
}
