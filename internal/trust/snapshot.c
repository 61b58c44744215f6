#include "trust/snapshot.h"

#include <stdlib.h>

#include "crypto/jwks.h"

#define SNAPSHOT_MAX ((size_t)ISSUERS_MAX * (JWKS_TEXT_MAX + 16384))

static void copy_entry(struct arena *a, const struct issuer_entry *from, struct issuer_entry *to)
{
	*to = *from;
	to->issuer.issuer = arena_copy(a, from->issuer.issuer);
	to->issuer.audience = arena_copy(a, from->issuer.audience);
	to->issuer.organization_claim = arena_copy(a, from->issuer.organization_claim);
	to->issuer.roles_claim = arena_copy(a, from->issuer.roles_claim);
	to->issuer.admin_role = arena_copy(a, from->issuer.admin_role);
	to->issuer.platform_role = arena_copy(a, from->issuer.platform_role);
	to->issuer.spiffe_trust_domain = arena_copy(a, from->issuer.spiffe_trust_domain);
	to->jwks_file = to->jwks_url = to->ca_file = to->bearer_file = STR_NONE; /* the keeper's alone */
}

struct snapshot *snapshot_new(uint64_t generation, const struct issuer_entry *entries, const struct key_text *keys, size_t n)
{
	struct snapshot *s = calloc(1, sizeof *s);
	if (s == NULL || (s->arena = arena_new(SNAPSHOT_MAX)) == NULL) {
		free(s);
		return NULL;
	}
	atomic_init(&s->holders, 1);
	s->generation = generation;
	s->entries = arena_alloc(s->arena, n * sizeof *s->entries);
	s->keys = arena_alloc(s->arena, n * sizeof *s->keys);
	for (size_t i = 0; s->keys != NULL && i < n; i++) {
		copy_entry(s->arena, &entries[i], &s->entries[i]);
		s->keys[i] = (struct key_text){arena_copy(s->arena, keys[i].text), keys[i].version};
	}
	s->n = n;
	if (!arena_overflowed(s->arena))
		return s;
	snapshot_drop(s);
	return NULL;
}

struct snapshot *snapshot_hold(struct snapshot *s)
{
	atomic_fetch_add_explicit(&s->holders, 1, memory_order_relaxed);
	return s;
}

void snapshot_drop(struct snapshot *s)
{
	if (s == NULL || atomic_fetch_sub_explicit(&s->holders, 1, memory_order_acq_rel) > 1)
		return;
	arena_free(s->arena);
	free(s);
}
