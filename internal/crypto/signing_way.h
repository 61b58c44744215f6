/* How signatures are made, the simplest way first: M2M_SIGNATURES names the farthest that may be
 * used. */
#ifndef M2M_CRYPTO_SIGNING_WAY_H
#define M2M_CRYPTO_SIGNING_WAY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

enum signing_way {
	SIGNING_SINGLE,       /* one by one, by OpenSSL */
	SIGNING_BATCHED,      /* ES256: up to 32 at once, by OpenSSL's arithmetic */
	SIGNING_MULTI_BUFFER, /* eight at once, by libcrypto_mb on a CPU that has IFMA */
	SIGNING_WAY_COUNT,
};

/* libcrypto_mb's version where this build and this CPU have it; else why not: "not built in" or
 * "no IFMA". *ret_here: it can be used. */
const char *multi_buffer_version(bool *ret_here);

/* Groups that couldn't be signed together since the process began, and were signed one by one. */
uint64_t signing_fallbacks(void);

const char *signing_way_name(enum signing_way way);
/* The farthest of those up to `allowed` that this build, this CPU and OpenSSL's configuration have.
 * A key may have to do with a simpler one: see signing_key_prepare_group. */
enum signing_way signing_way_here(enum signing_way allowed);
MUST_CHECK enum err signing_way_named(struct str name, enum signing_way *ret); /* ERR_MALFORMED */

#endif
