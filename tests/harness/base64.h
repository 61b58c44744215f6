/* Standard base64 with padding, which the product itself only reads. */
#ifndef M2M_TESTS_HARNESS_BASE64_H
#define M2M_TESTS_HARNESS_BASE64_H

#include <stddef.h>

/* Returns `out`, NUL-terminated; `cap` must be at least 4 * ((n + 2) / 3) + 1. */
const char *base64_text(char *out, size_t cap, const void *bytes, size_t n);

#endif
