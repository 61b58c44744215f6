/* Which names were seen before: a set of hashes under a key of its own. For counting what a dry
 * run would make; two names meet by chance once in 2^40 runs of a million. */
#ifndef M2MCTL_IMPORT_SEEN_H
#define M2MCTL_IMPORT_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/siphash.h"
#include "base/str.h"

struct import_seen {
	struct siphash_key key;
	uint64_t *slots; /* 0: empty */
	size_t cap, n;
};

/* ERR_CRYPTO: no random key. */
MUST_CHECK enum err import_seen_init(struct import_seen *seen);
void import_seen_release(struct import_seen *seen);

/* *ret_new: it wasn't there, and is now. ERR_NO_MEMORY. */
MUST_CHECK enum err import_seen_add(struct import_seen *seen, struct str name, bool *ret_new);

#endif
