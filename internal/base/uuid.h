/* UUIDs (RFC 9562). */
#ifndef M2M_BASE_UUID_H
#define M2M_BASE_UUID_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

#define UUID_TEXT_LEN 36

struct uuid {
	uint8_t b[16];
};

/* UUIDv7: 48 bits of Unix milliseconds, version, 12 bits of sub-millisecond fraction (RFC 9562
 * method 3), variant, 62 random bits. `unix_us` is microseconds since 1970. The random bits come
 * from getrandom(2), drawn in bulk per thread; the process aborts if the kernel has none. */
struct uuid uuid_v7(int64_t unix_us);

/* 36 lower-case characters, no NUL. */
void uuid_format(struct uuid u, char out[UUID_TEXT_LEN]);

/* Any version, either case, hyphens required. ERR_MALFORMED leaves *ret untouched. */
MUST_CHECK enum err uuid_parse(struct str text, struct uuid *ret);

/* All zeros (RFC 9562 section 5.9). */
bool uuid_is_nil(struct uuid u);

#endif
