/* Single characters that a terminal obeys, or nobody sees; visible.h has them in texts. */
#ifndef M2M_BASE_HIDDEN_H
#define M2M_BASE_HIDDEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Whether a character is hidden wherever it stands; false for joiners and variation selectors. */
bool code_is_hidden(uint32_t code);
bool code_is_selector(uint32_t code);

#define CODE_ESCAPE_MAX 12 /* a surrogate pair's */

/* \uXXXX, twice beyond 0xffff (RFC 8259 section 7). How many characters were written. */
size_t code_escape(uint32_t code, char to[CODE_ESCAPE_MAX]);

#endif
