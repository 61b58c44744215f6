#include <criterion/criterion.h>
#include <pthread.h>

#include "crypto/digest.h"
#include "crypto_test.h"

TestSuite(digest, .init = crypto_up, .fini = crypto_down);

Test(digest, sha256_of_abc_is_the_standards_vector)
{
	uint8_t out[SHA256_LEN];

	cr_assert_eq(sha256("abc", 3, out), ERR_OK);
	/* FIPS 180-2, B.1 */
	cr_assert_str_eq(hex(out, sizeof out), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

Test(digest, hmac_is_keyed_and_equals_another_implementation)
{
	uint8_t key[32], out[SHA256_LEN];

	/* python3: hmac.new(bytes(range(32)), b"abc", hashlib.sha256).hexdigest() */
	for (int i = 0; i < 32; i++)
		key[i] = (uint8_t)i;
	cr_assert_eq(hmac_sha256(key, "abc", 3, out), ERR_OK);
	cr_assert_str_eq(hex(out, sizeof out), "f0133729c4163dede81e21cd47839256da58171238c8a0d874397c73b14e1e47");
	key[0] ^= 1;
	cr_assert_eq(hmac_sha256(key, "abc", 3, out), ERR_OK);
	cr_assert_str_neq(hex(out, sizeof out), "f0133729c4163dede81e21cd47839256da58171238c8a0d874397c73b14e1e47");
}

static void *hmac_often(void *wrong)
{
	uint8_t key[32] = {1}, first[SHA256_LEN], out[SHA256_LEN];

	bool failed = hmac_sha256(key, "x", 1, first) != ERR_OK;
	for (int i = 0; i < 500; i++)
		failed |= hmac_sha256(key, "x", 1, out) != ERR_OK || memcmp(first, out, sizeof out) != 0;
	*(bool *)wrong = failed;
	return NULL;
}

Test(digest, threads_share_the_fetched_algorithms)
{
	pthread_t threads[4];
	bool wrong[4];

	for (int i = 0; i < 4; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, hmac_often, &wrong[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		cr_assert_not(wrong[i]);
	}
}

Test(digest, init_may_be_repeated_and_follow_fini)
{
	uint8_t out[SHA256_LEN];

	cr_assert_eq(crypto_init(), ERR_OK);
	crypto_fini();
	crypto_fini();
	cr_assert_neq(sha256("abc", 3, out), ERR_OK);
	cr_assert_eq(crypto_init(), ERR_OK);
	cr_assert_eq(sha256("abc", 3, out), ERR_OK);
}

Test(digest, random_bytes_differ_from_call_to_call)
{
	uint8_t a[32], b[32];

	cr_assert_eq(crypto_random(a, sizeof a), ERR_OK);
	cr_assert_eq(crypto_random(b, sizeof b), ERR_OK);
	cr_assert_not(crypto_equal(a, b, sizeof a));
}

Test(digest, equal_sees_a_difference_in_any_byte)
{
	for (size_t i = 0; i < 32; i++) {
		uint8_t a[32] = {0}, b[32] = {0};

		cr_assert(crypto_equal(a, b, sizeof a));
		b[i] = 0x80;
		cr_assert_not(crypto_equal(a, b, sizeof a));
	}
}

Test(digest, wipe_leaves_zeros)
{
	uint8_t a[8] = {1, 2, 3, 4, 5, 6, 7, 8}, zero[8] = {0};

	crypto_wipe(a, sizeof a);
	cr_assert_arr_eq(a, zero, sizeof a);
}
