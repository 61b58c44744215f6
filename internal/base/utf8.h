/* UTF-8 (RFC 3629), strict: no overlong forms, no surrogates, nothing above U+10FFFF. */
#ifndef M2M_BASE_UTF8_H
#define M2M_BASE_UTF8_H

#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* How many bytes, 1 to 4, the character at the front of `s` takes; 0 if there is none or its
 * bytes are not valid. */
size_t utf8_next(struct str s);

/* The code point of a character that takes `n` bytes, as utf8_next has said. */
uint32_t utf8_code(const char *p, size_t n);

#endif
