/* The part of RFC 8259 that yajl lets pass, checked on the raw text before yajl sees it. Only
 * json_read.c needs this. */
#ifndef M2M_JSON_JSON_TEXT_H
#define M2M_JSON_JSON_TEXT_H

#include <stdbool.h>

#include "base/str.h"

/* True when `text` is valid UTF-8 (RFC 3629), holds no control character but tab, line feed and
 * carriage return, and every \u escape stands for a character other than U+0000, alone or as a
 * whole surrogate pair. Whether it is JSON is left to the parser. */
bool json_text_is_clean(struct str text);

#endif
