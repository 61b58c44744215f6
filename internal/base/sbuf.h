/* Text built left to right in a caller's fixed buffer or in an arena, with sticky overflow:
 * write everything, check once. The text is always NUL-terminated; `n` doesn't count the NUL. */
#ifndef M2M_BASE_SBUF_H
#define M2M_BASE_SBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"

struct sbuf {
	char *p;
	size_t n;
	size_t cap;          /* bytes at p, with room for the NUL */
	struct arena *arena; /* NULL: fixed, may not grow */
	bool overflow;
};

struct sbuf sbuf_fixed(char *p, size_t cap);                /* cap >= 1 */
struct sbuf sbuf_in(struct arena *a, size_t expected_size); /* grows inside the arena by doubling */

/* Where the next `n` bytes are to be written, which count as written already; NULL after an
 * overflow. */
char *sbuf_room(struct sbuf *b, size_t n);

void sbuf_put(struct sbuf *b, struct str s); /* absent adds nothing */
void sbuf_putz(struct sbuf *b, const char *z);
void sbuf_putc(struct sbuf *b, char c);
void sbuf_puti(struct sbuf *b, int64_t v);
void sbuf_printf(struct sbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* `s` as a JSON string with its quotes (RFC 8259 section 7). Bytes that are not valid UTF-8
 * become U+FFFD, control characters \u00XX, and so does what code_is_hidden tells of (but DEL),
 * which means the same and drives no terminal that shows a log; '<', '>' and '&' stay as they
 * are. Absent is written as null. */
void sbuf_put_json(struct sbuf *b, struct str s);

/* A member's name as it is (our own literals only), with the colon behind it, and a comma before
 * it if one is due. */
void sbuf_put_json_key(struct sbuf *b, bool comma, struct str key);

/* base64url without padding (RFC 4648 section 5). */
void sbuf_put_base64url(struct sbuf *b, struct str bytes);

struct str sbuf_str(const struct sbuf *b); /* absent after an overflow */

#endif
