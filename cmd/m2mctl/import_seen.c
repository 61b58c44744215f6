#include "import_seen.h"

#include <stdlib.h>

#include "crypto/digest.h"

enum err import_seen_init(struct import_seen *seen)
{
	*seen = (struct import_seen){.cap = 0};
	return crypto_random(&seen->key, sizeof seen->key);
}

void import_seen_release(struct import_seen *seen)
{
	free(seen->slots);
	*seen = (struct import_seen){.cap = 0};
}

/* Where it is, or where it belongs. */
static uint64_t *slot_of(uint64_t *slots, size_t cap, uint64_t hash)
{
	size_t i = hash & (cap - 1);
	while (slots[i] != 0 && slots[i] != hash)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

static bool grow(struct import_seen *seen)
{
	size_t cap = seen->cap == 0 ? 1024 : 2 * seen->cap;
	uint64_t *slots = calloc(cap, sizeof *slots);
	if (slots == NULL)
		return false;
	for (size_t i = 0; i < seen->cap; i++)
		if (seen->slots[i] != 0)
			*slot_of(slots, cap, seen->slots[i]) = seen->slots[i];
	free(seen->slots);
	seen->slots = slots;
	seen->cap = cap;
	return true;
}

enum err import_seen_add(struct import_seen *seen, struct str name, bool *ret_new)
{
	uint64_t hash = siphash(seen->key, name.p, name.n) | 1;
	if (2 * seen->n >= seen->cap && !grow(seen))
		return ERR_NO_MEMORY;
	uint64_t *slot = slot_of(seen->slots, seen->cap, hash);
	*ret_new = *slot == 0;
	seen->n += *ret_new;
	*slot = hash;
	return ERR_OK;
}
