#include <criterion/criterion.h>

#include "crypto/key_wrap.h"
#include "crypto/wrapped_key.h"
#include "crypto_test.h"

TestSuite(wrapped_key, .init = crypto_up, .fini = crypto_down);

static struct signing_key *fresh(enum jwt_alg alg)
{
	struct signing_key *key;
	cr_assert_eq(signing_key_generate(alg, &key), ERR_OK);
	return key;
}

static struct wrapped_key wrapped(const struct signing_key *key, const struct master_key *master)
{
	struct wrapped_key ret = {.kid = signing_key_kid(key), .key_id = str_of(master->key_id)};
	cr_assert_eq(wrapped_key_make(arena, master, key, &ret.bytes), ERR_OK);
	return ret;
}

Test(wrapped_key, opens_as_the_private_key_that_it_was)
{
	struct signing_key *key = fresh(JWT_ES256), *opened = NULL;
	struct wrapped_key w = wrapped(key, &ring.keys[0]);

	cr_assert_eq(wrapped_key_open(&ring, JWT_ES256, &w, &opened), ERR_OK);
	cr_assert(signing_key_is_private(opened));
	cr_assert(str_eq(signing_key_kid(opened), signing_key_kid(key)));
	signing_key_free(opened);
	signing_key_free(key);
}

Test(wrapped_key, of_a_master_key_that_the_ring_lacks_is_key_missing)
{
	struct signing_key *key = fresh(JWT_EDDSA), *opened = NULL;
	struct wrapped_key w = wrapped(key, &ring.keys[0]);
	struct str moved;

	w.key_id = STR("elsewhere");
	cr_assert_eq(wrapped_key_open(&ring, JWT_EDDSA, &w, &opened), ERR_KEY_MISSING);
	cr_assert_eq(wrapped_key_move(arena, &ring, &w, &ring.keys[0], &moved), ERR_KEY_MISSING);
	cr_assert_null(opened);
	signing_key_free(key);
}

/* The wrapping binds the bytes to a kid; that the key inside is the one of that kid is looked at
 * as well. */
Test(wrapped_key, under_another_keys_name_is_refused)
{
	struct signing_key *key = fresh(JWT_EDDSA), *other = fresh(JWT_EDDSA), *opened = NULL;
	struct wrapped_key w = wrapped(key, &ring.keys[0]);
	struct arena *secrets = arena_new(16384);
	struct str der;

	w.kid = signing_key_kid(other);
	cr_assert_eq(wrapped_key_open(&ring, JWT_EDDSA, &w, &opened), ERR_MISMATCH);
	cr_assert_eq(signing_key_to_der(key, secrets, &der), ERR_OK);
	cr_assert_eq(key_wrap(arena, &ring.keys[0], w.kid, der, &w.bytes), ERR_OK);
	cr_assert_eq(wrapped_key_open(&ring, JWT_EDDSA, &w, &opened), ERR_MISMATCH);
	cr_assert_null(opened);
	arena_free(secrets);
	signing_key_free(other);
	signing_key_free(key);
}

Test(wrapped_key, that_was_moved_opens_with_its_new_master_key_alone)
{
	struct signing_key *key = fresh(JWT_EDDSA), *opened = NULL;
	struct master_ring both = {.n = 2, .keys = {ring.keys[0], ring.keys[0]}};
	struct wrapped_key w = wrapped(key, &ring.keys[0]);

	memcpy(both.keys[0].key_id, "k2", 3);
	both.keys[0].wrap_key[0] ^= 1;
	cr_assert_eq(wrapped_key_move(arena, &both, &w, &both.keys[0], &w.bytes), ERR_OK);
	cr_assert_eq(wrapped_key_open(&both, JWT_EDDSA, &w, &opened), ERR_MISMATCH);
	w.key_id = STR("k2");
	cr_assert_eq(wrapped_key_open(&both, JWT_EDDSA, &w, &opened), ERR_OK);
	signing_key_free(opened);
	signing_key_free(key);
}
