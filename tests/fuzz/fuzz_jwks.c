/* Whatever a trusted issuer's URL may answer: jwks_parse refuses it and leaves its results
 * alone, or every key that it keeps is one that our own JWKS could publish: what its public JWK
 * says reads back as the same key, and it takes no signature that nobody made. */
#include <stdint.h>
#include <stdlib.h>

#include "base/arena.h"
#include "base/sbuf.h"
#include "crypto/digest.h"
#include "crypto/jwks.h"
#include "crypto/jwt.h"
#include "json/json_read.h"

#define JSON_CAP (4 << 20)

static void must(bool holds)
{
	if (!holds)
		abort();
}

static bool is_rsa(const struct signing_key *key)
{
	return signing_key_alg(key) == JWT_RS256 || signing_key_alg(key) == JWT_PS256;
}

static void must_survive_its_jwk(const struct signing_key *key)
{
	char text[2048];
	struct sbuf jwk = sbuf_fixed(text, sizeof text);
	struct signing_key *again = NULL;

	must(signing_key_public_jwk(key, &jwk) == ERR_OK);
	enum err err = signing_key_from_jwk(signing_key_alg(key), sbuf_str(&jwk), &again);
	if (err == ERR_MISMATCH && is_rsa(key))
		/* OpenSSL looks for factors of the modulus by chance, and found one this time */
		return;
	must(err == ERR_OK && str_eq(signing_key_kid(again), signing_key_kid(key)));
	signing_key_free(again);
}

/* The signatures that anybody can write down: nothing, zeros, and 1 followed by zeros, right
 * under an Ed25519 key of order 1. */
static void must_take_no_guess(struct signing_key *key)
{
	static const size_t lengths[] = {0, 1, 64, 256, 512};
	uint8_t guess[512] = {0};
	struct jwt jwt = {.alg = signing_key_alg(key), .signing_input = STR("e30.e30")};

	for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
		jwt.signature = str_from(guess, lengths[i]);
		for (guess[0] = 0; guess[0] < 2; guess[0]++)
			must(jwt_verify(key, &jwt) == ERR_MISMATCH);
	}
}

/* Looked up by the kids of the document, since a set doesn't list its own. */
static size_t count_sound_keys(struct jwks *set, struct str text)
{
	const struct json *document = NULL;
	struct arena *a = arena_new(JSON_CAP);
	size_t found = 0;

	must(a != NULL && json_parse(a, text, (struct json_limits){.max_depth = 8, .max_values = 4096}, &document) == ERR_OK);
	for (const struct json *jwk = json_get(document, "keys")->child; jwk != NULL; jwk = jwk->next) {
		struct str kid = STR_NONE;
		struct signing_key *key = json_string(json_get(jwk, "kid"), &kid) == ERR_OK ? jwks_find(set, kid) : NULL;
		if (key == NULL)
			continue;
		must(kid.n >= 1 && kid.n <= KID_MAX && !signing_key_is_private(key));
		must_survive_its_jwk(key);
		must_take_no_guess(key);
		found++;
	}
	arena_free(a);
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool ready;
	struct str text = str_from(data, size);
	struct jwks *set = NULL;
	unsigned skipped = ~0U;

	if (!ready)
		must(crypto_init() == ERR_OK);
	ready = true;
	if (jwks_parse(text, &set, &skipped) != ERR_OK) {
		must(set == NULL && skipped == ~0U);
		return 0;
	}
	must(size <= JWKS_TEXT_MAX && jwks_count(set) + skipped <= JWKS_KEYS_MAX);
	/* a skipped key may share a kept one's kid */
	must(count_sound_keys(set, text) >= jwks_count(set));
	jwks_free(set);
	return 0;
}
