/* rows -> one signing_key each, every one held against the kid of its row -> the JWKS text,
 * written once. */
#include "crypto/keyset.h"

#include <stdlib.h>

#include "base/arena.h"
#include "base/sbuf.h"
#include "base/starved.h"
#include "crypto/wrapped_key.h"

#define JWK_CAP  1024 /* of the largest public JWK, RSA of 4096 bits */
#define JWKS_CAP (1 << 20)

struct keyset {
	uint64_t generation;
	struct signing_key *current; /* one of keys */
	struct arena *arena;         /* for jwks */
	struct str jwks;
	size_t n;
	struct signing_key *keys[];
};

static enum err open_public(enum jwt_alg alg, const struct keyset_row *row, struct signing_key **ret)
{
	struct signing_key *key;
	enum err err = signing_key_from_stored_jwk(alg, row->public_jwk, &key);

	if (err != ERR_OK)
		return err;
	if (!str_eq(signing_key_kid(key), row->kid)) {
		signing_key_free(key);
		return ERR_MISMATCH;
	}
	*ret = key;
	return ERR_OK;
}

/* The public part is read of every row, so that damage shows before a row becomes current. A
 * current row whose private part can't be had still verifies. */
static enum err add_row(struct keyset *set, const struct master_ring *ring, enum signing_way way, const struct keyset_row *row,
			bool *ret_signs_simpler)
{
	enum jwt_alg alg;

	if (jwt_alg_of(row->alg, &alg) != ERR_OK)
		return ERR_MALFORMED;
	enum err err = open_public(alg, row, &set->keys[set->n]);
	if (err != ERR_OK)
		return err;
	struct signing_key **slot = &set->keys[set->n++];
	if (!row->current)
		return ERR_OK;
	if (set->current != NULL)
		return ERR_MISMATCH;

	struct signing_key *private;
	err = wrapped_key_open(ring, alg, &(struct wrapped_key){row->kid, row->wrapped, row->wrap_key_id}, &private);
	if (err != ERR_OK)
		return err;
	*ret_signs_simpler = !signing_key_prepare_group(private, way);
	signing_key_free(*slot);
	*slot = set->current = private;
	return ERR_OK;
}

static enum err write_jwks(struct keyset *set)
{
	struct sbuf out = sbuf_in(set->arena, 16 + set->n * JWK_CAP);
	enum err err = ERR_OK;

	sbuf_putz(&out, "{\"keys\":[");
	for (size_t i = 0; i < set->n && err == ERR_OK; i++) {
		if (i > 0)
			sbuf_putc(&out, ',');
		err = signing_key_public_jwk(set->keys[i], &out);
	}
	sbuf_putz(&out, "]}");
	if (err == ERR_OK && out.overflow)
		err = ERR_TOO_LARGE;
	set->jwks = sbuf_str(&out);
	return err;
}

enum err keyset_build(const struct master_ring *ring, enum signing_way way, const struct keyset_row *rows, size_t n, uint64_t generation,
		      struct keyset **ret, struct keyset_fault *ret_fault)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is meant */
	struct keyset *set = calloc(1, sizeof *set + n * sizeof set->keys[0]);
	enum err err = ERR_NO_MEMORY;
	unsigned long starved = starved_count();

	if (set == NULL || (set->arena = arena_new(JWKS_CAP)) == NULL)
		goto fail;
	set->generation = generation;
	struct keyset_fault fault = {.err = ERR_OK};
	bool signs_simpler = false;
	for (size_t i = 0; i < n; i++) {
		/* what there was no memory for looks damaged, or signs in a simpler way */
		err = starved_err(add_row(set, ring, way, &rows[i], &signs_simpler), starved);
		if (err == ERR_NO_MEMORY)
			goto fail;
		if (err == ERR_KEY_MISSING || (err != ERR_OK && fault.err == ERR_OK))
			fault = (struct keyset_fault){.err = err, .kid = rows[i].kid};
	}
	err = starved_err(write_jwks(set), starved);
	if (err != ERR_OK)
		goto fail;
	fault.signs_simpler = signs_simpler;
	*ret = set;
	*ret_fault = fault;
	return ERR_OK;
fail:
	keyset_free(set);
	return err;
}

void keyset_free(struct keyset *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n; i++)
		signing_key_free(set->keys[i]);
	arena_free(set->arena);
	free(set);
}

uint64_t keyset_generation(const struct keyset *set)
{
	return set->generation;
}

struct signing_key *keyset_current(struct keyset *set)
{
	return set->current;
}

struct signing_key *keyset_find(struct keyset *set, struct str kid)
{
	for (size_t i = 0; i < set->n; i++)
		if (str_eq(signing_key_kid(set->keys[i]), kid))
			return set->keys[i];
	return NULL;
}

struct str keyset_jwks(const struct keyset *set)
{
	return set->jwks;
}
