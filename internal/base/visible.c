/* One walk over a text, a character at a time, which knows the characters before and behind. The ranges are
 * those of Unicode's Default_Ignorable_Code_Point, Cc and Noncharacter_Code_Point, and U+2028 and U+2029;
 * the rule for joiners stands in for RFC 5892 appendix A, without its tables of scripts. */
#include "base/visible.h"

#include <string.h>

#include "base/utf8.h"

#define SHAPED_FROM   0x590 /* the first script with joiners; emoji stand above */
#define SELECTED_FROM 0xa9  /* the first character with a variation */

struct range {
	uint32_t first, last;
};

static const struct range hidden[] = {
	{0x0, 0x1f},        {0x7f, 0x9f},       {0xad, 0xad},       {0x34f, 0x34f},   {0x61c, 0x61c},   {0x115f, 0x1160},
	{0x17b4, 0x17b5},   {0x180e, 0x180e},   {0x200b, 0x200b},   {0x200e, 0x200f}, {0x2028, 0x202e}, {0x2060, 0x206f},
	{0x3164, 0x3164},   {0xfdd0, 0xfdef},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0}, {0xfff0, 0xfffb}, {0x1bca0, 0x1bca3},
	{0x1d173, 0x1d17a}, {0xe0000, 0xe00ff}, {0xe01f0, 0xe0fff},
};

static const struct range selectors[] = {{0x180b, 0x180d}, {0x180f, 0x180f}, {0xfe00, 0xfe0f}, {0xe0100, 0xe01ef}};

static bool is_among(uint32_t code, const struct range *ranges, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

static bool is_noncharacter(uint32_t code)
{
	return (code & 0xfffe) == 0xfffe;
}

bool code_is_hidden(uint32_t code)
{
	if (code >= 0x20 && code < 0x7f)
		return false;
	return is_noncharacter(code) || is_among(code, hidden, sizeof hidden / sizeof *hidden);
}

static bool is_joiner(uint32_t code)
{
	return code == 0x200c || code == 0x200d;
}

static bool is_selector(uint32_t code)
{
	return is_among(code, selectors, sizeof selectors / sizeof *selectors);
}

/* A walk's place: the character at it, and the one before. */
struct walk {
	struct str rest; /* begins with the character */
	uint32_t code, before;
	size_t n; /* its bytes; 0: the byte here is none of UTF-8 */
};

static bool walk_on(struct walk *w)
{
	size_t step = w->n == 0 ? 1 : w->n;
	w->before = w->n == 0 ? 0 : w->code;
	w->rest = str_from(w->rest.p + step, w->rest.n - step);
	w->n = utf8_next(w->rest);
	w->code = w->n == 0 ? 0 : utf8_code(w->rest.p, w->n);
	return w->rest.n > 0;
}

static struct walk walk_from(struct str text)
{
	struct walk w = {.rest = text, .n = utf8_next(text)};
	w.code = w.n == 0 ? 0 : utf8_code(text.p, w.n);
	return w;
}

static bool joins(const struct walk *w)
{
	struct walk next = *w;
	return w->before >= SHAPED_FROM && !is_joiner(w->before) && walk_on(&next) && next.code >= SHAPED_FROM && !is_joiner(next.code);
}

static bool is_hidden_here(const struct walk *w)
{
	if (is_joiner(w->code))
		return !joins(w);
	if (is_selector(w->code))
		return w->before < SELECTED_FROM || is_joiner(w->before) || is_selector(w->before);
	return code_is_hidden(w->code);
}

static bool is_kept(const struct walk *w, const char *keep)
{
	return w->n == 1 && w->code != 0 && strchr(keep, (int)w->code) != NULL;
}

bool text_is_visible(struct str text, const char *keep)
{
	struct walk w = walk_from(text);
	for (bool more = text.n > 0; more; more = walk_on(&w))
		if (w.n == 0 || (is_hidden_here(&w) && !is_kept(&w, keep)))
			return false;
	return true;
}

static void put_unit(struct sbuf *b, uint32_t unit)
{
	sbuf_printf(b, "\\u%04x", (unsigned)unit);
}

void sbuf_put_code_escape(struct sbuf *b, uint32_t code)
{
	if (code >= 0x10000) { /* a surrogate pair */
		put_unit(b, 0xd800 + ((code - 0x10000) >> 10));
		code = 0xdc00 + ((code - 0x10000) & 0x3ff);
	}
	put_unit(b, code);
}

void sbuf_put_visible(struct sbuf *b, struct str text, const char *keep)
{
	struct walk w = walk_from(text);
	for (bool more = text.n > 0; more; more = walk_on(&w)) {
		if (w.n == 0)
			sbuf_put(b, STR("\xef\xbf\xbd")); /* U+FFFD */
		else if (is_hidden_here(&w) && !is_kept(&w, keep))
			sbuf_put_code_escape(b, w.code);
		else
			sbuf_put(b, str_from(w.rest.p, w.n));
	}
}
