/* Secrets that were brought along from another product: what hashes of theirs are taken, and
 * whether a secret is the one that was hashed. Hashing costs from a microsecond to a second, as
 * the other product chose; it is done from any thread, and never from a worker's loop. */
#ifndef M2M_CRYPTO_FOREIGN_SECRET_H
#define M2M_CRYPTO_FOREIGN_SECRET_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

/* Ids and secrets that were brought along: visible ASCII characters, so many. */
#define FOREIGN_MIN      8
#define FOREIGN_MAX      128
#define FOREIGN_HASH_MAX 512

bool foreign_well_formed(struct str s);

/* The one spelling in which a hash is stored; `ret` has FOREIGN_HASH_MAX bytes. ERR_MALFORMED: no
 * form that is taken; ERR_TOO_LARGE: one that costs more than a second or 64 MiB. */
MUST_CHECK enum err foreign_hash_canonical(struct str hash, char *out, struct str *ret);

/* `hash` as foreign_hash_canonical gave it. ERR_MISMATCH: of another secret; ERR_MALFORMED;
 * ERR_NO_MEMORY; ERR_CRYPTO: this machine's libraries can't. */
MUST_CHECK enum err foreign_hash_verify(struct str hash, struct str secret);

#endif
