/* Text that people read: what in it a terminal obeys, or nobody sees.
 *
 * Hidden are control characters (C0, DEL, C1), marks of direction, separators of lines and
 * paragraphs, characters without width, fillers, tags, and noncharacters. Joiners and variation
 * selectors shape the characters beside them, which several scripts and emoji need: they are
 * hidden where nothing is shaped. */
#ifndef M2M_BASE_VISIBLE_H
#define M2M_BASE_VISIBLE_H

#include "base/sbuf.h"

/* True: valid UTF-8 without anything hidden, but for the control characters of `keep`, such as
 * "\n". True for an empty or absent text. */
bool text_is_visible(struct str text, const char *keep);

/* The text, with \uXXXX in place of what is hidden, as JSON escapes it (RFC 8259 section 7), and
 * U+FFFD in place of bytes that aren't UTF-8. What is of `keep` stays. */
void sbuf_put_visible(struct sbuf *b, struct str text, const char *keep);

#endif
