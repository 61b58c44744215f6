/* document -> each element that can verify one of our algorithms -> (kid, key). What can't is
 * somebody else's business, and skipped. */
#include "crypto/jwks.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/arena.h"
#include "base/starved.h"
#include "crypto/signing_key_parts.h"
#include "json/json_read.h"

#define JSON_CAP (4 << 20)

struct named_key {
	char kid[KID_MAX];
	size_t kid_n; /* 0: it has none */
	struct signing_key *key;
};

struct jwks {
	size_t n;
	struct named_key keys[JWKS_KEYS_MAX];
};

/* NULL: not one that we can use. */
static struct signing_key *read_key(const struct json *jwk)
{
	struct signing_key *key = NULL;
	EVP_PKEY *pkey = NULL;
	enum jwt_alg alg;
	if (jwk->type != JSON_OBJECT || !jwk_is_for_verifying(jwk) || jwk_alg(jwk, &alg) != ERR_OK)
		return NULL;
	if (jwk_read_object(alg, jwk, &pkey) != ERR_OK || signing_key_of_public(alg, pkey, &key) != ERR_OK)
		return NULL;
	return key;
}

static enum err add(struct jwks *set, const struct json *jwk, unsigned *skipped)
{
	struct str kid = STR_NONE;
	struct signing_key *key = NULL;
	enum err err = json_string(json_get(jwk, "kid"), &kid);
	if (err == ERR_NOT_PRESENT || (err == ERR_OK && kid.n > 0 && kid.n <= KID_MAX))
		key = read_key(jwk);
	if (key == NULL) {
		++*skipped;
		return ERR_OK;
	}
	if (kid.n > 0 && jwks_find(set, kid) != NULL) {
		signing_key_free(key);
		return ERR_MALFORMED;
	}
	struct named_key *slot = &set->keys[set->n++];
	if (kid.n > 0)
		memcpy(slot->kid, kid.p, kid.n);
	slot->kid_n = kid.n;
	slot->key = key;
	return ERR_OK;
}

static enum err read_set(const struct json *document, struct jwks *set, unsigned *skipped)
{
	const struct json *keys = json_get(document, "keys");
	size_t n = 0;
	if (keys == NULL || keys->type != JSON_ARRAY)
		return ERR_MALFORMED;
	for (const struct json *jwk = keys->child; jwk != NULL; jwk = jwk->next)
		if (++n > JWKS_KEYS_MAX)
			return ERR_TOO_LARGE;
	enum err err = ERR_OK;
	for (const struct json *jwk = keys->child; jwk != NULL && err == ERR_OK; jwk = jwk->next)
		err = add(set, jwk, skipped);
	return err;
}

enum err jwks_parse(struct str text, struct jwks **ret, unsigned *ret_skipped)
{
	static const struct json_limits limits = {.max_depth = 8, .max_values = 4096};
	const struct json *document = NULL;
	unsigned skipped = 0;
	if (text.n > JWKS_TEXT_MAX)
		return ERR_TOO_LARGE;
	unsigned long starved = starved_count();
	struct arena *a = arena_new(JSON_CAP);
	struct jwks *set = starved_unless(calloc(1, sizeof *set));
	enum err err = a == NULL || set == NULL ? ERR_NO_MEMORY : json_parse(a, text, limits, &document);
	if (err == ERR_OK)
		err = read_set(document, set, &skipped);
	err = starved_err(err, starved); /* or a key of it would count as one that isn't for us */
	arena_free(a);
	ERR_clear_error();
	if (err != ERR_OK) {
		jwks_free(set);
		return err;
	}
	*ret = set;
	if (ret_skipped != NULL)
		*ret_skipped = skipped;
	return ERR_OK;
}

void jwks_free(struct jwks *set)
{
	if (set == NULL)
		return;
	for (size_t i = 0; i < set->n; i++)
		signing_key_free(set->keys[i].key);
	free(set);
}

size_t jwks_count(const struct jwks *set)
{
	return set->n;
}

struct signing_key *jwks_find(struct jwks *set, struct str kid)
{
	for (size_t i = 0; i < set->n; i++)
		if (kid.n > 0 && str_eq(str_from(set->keys[i].kid, set->keys[i].kid_n), kid))
			return set->keys[i].key;
	return NULL;
}

size_t jwks_of_alg(struct jwks *set, enum jwt_alg alg, struct signing_key **ret, size_t cap)
{
	size_t n = 0;
	for (size_t i = 0; i < set->n; i++) {
		if (signing_key_alg(set->keys[i].key) != alg)
			continue;
		if (n < cap)
			ret[n] = set->keys[i].key;
		n++;
	}
	return n;
}
