/* One walk over a text, a character at a time, which knows the characters before and behind. The
 * rule for joiners stands in for RFC 5892 appendix A, without its tables of scripts. */
#include "base/visible.h"

#include <string.h>

#include "base/hidden.h"
#include "base/utf8.h"

#define SHAPED_FROM   0x590 /* the first script with joiners; emoji stand above */
#define SELECTED_FROM 0xa9  /* the first character with a variation */

static bool is_joiner(uint32_t code)
{
	return code == 0x200c || code == 0x200d;
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
	if (code_is_selector(w->code))
		return w->before < SELECTED_FROM || is_joiner(w->before) || code_is_selector(w->before);
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

void sbuf_put_visible(struct sbuf *b, struct str text, const char *keep)
{
	char escape[CODE_ESCAPE_MAX];
	struct walk w = walk_from(text);
	for (bool more = text.n > 0; more; more = walk_on(&w)) {
		if (w.n == 0)
			sbuf_put(b, STR("\xef\xbf\xbd")); /* U+FFFD */
		else if (is_hidden_here(&w) && !is_kept(&w, keep))
			sbuf_put(b, str_from(escape, code_escape(w.code, escape)));
		else
			sbuf_put(b, str_from(w.rest.p, w.n));
	}
}
