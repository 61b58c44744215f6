/* What workers look at: the issuers and the text of their key sets at one moment. Immutable,
 * counted, freed by whoever drops it last. Private to trust/. */
#ifndef M2M_TRUST_SNAPSHOT_H
#define M2M_TRUST_SNAPSHOT_H

#include <stdatomic.h>

#include "config/issuer_list.h"

struct key_text {
	struct str text;  /* a well-formed JWK Set; absent: never had */
	uint64_t version; /* the same text has the same version from one snapshot to the next */
};

struct snapshot {
	_Atomic unsigned holders;
	uint64_t generation;
	struct arena *arena;
	size_t n;
	struct issuer_entry *entries;
	struct key_text *keys; /* of each entry */
};

/* Copies everything. Held once. NULL: out of memory. */
struct snapshot *snapshot_new(uint64_t generation, const struct issuer_entry *entries, const struct key_text *keys, size_t n);
struct snapshot *snapshot_hold(struct snapshot *s);
void snapshot_drop(struct snapshot *s); /* NULL is allowed */

#endif
