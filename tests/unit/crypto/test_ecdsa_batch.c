/* Signatures made together: what each comes to is checked against published vectors, and by
 * OpenSSL's own verification. The function of OpenSSL that is defined here is found before the
 * library's. */
#include <criterion/criterion.h>
#include <dlfcn.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>

#include "crypto/ecdsa_batch.h"
#include "crypto/group_signer.h"
#include "crypto_test.h"
#include "ecdsa_test.h"

/* ---- points ---- */

static bool other_coordinates;
static uint8_t last_z[ECDSA_RAW_LEN / 2]; /* each bit turned over, so that it isn't found here */

static void note_z(const BIGNUM *z)
{
	cr_assert_eq(BN_bn2binpad(z, last_z, sizeof last_z), sizeof last_z);
	for (size_t i = 0; i < sizeof last_z; i++)
		last_z[i] = (uint8_t)~last_z[i];
}

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
int EC_POINT_get_Jprojective_coordinates_GFp(const EC_GROUP *group, const EC_POINT *point, BIGNUM *x, BIGNUM *y, BIGNUM *z, BN_CTX *ctx)
{
	static int (*real)(const EC_GROUP *, const EC_POINT *, BIGNUM *, BIGNUM *, BIGNUM *, BN_CTX *);
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "EC_POINT_get_Jprojective_coordinates_GFp");
	if (real(group, point, x, y, z, ctx) != 1 || (other_coordinates && BN_add_word(z, 1) != 1))
		return 0;
	note_z(z);
	return 1;
}
#pragma GCC diagnostic pop

/* ---- the key ---- */

static EVP_PKEY *pkey;
static struct ecdsa_batch *batch;

static void up(void)
{
	crypto_up();
	pkey = ecdsa_vector_key();
	batch = ecdsa_batch_new(pkey);
	cr_assert_not_null(batch);
	nonces.n = nonces.drawn = 0;
}

static void down(void)
{
	ecdsa_batch_free(batch);
	EVP_PKEY_free(pkey);
	crypto_down();
}

TestSuite(ecdsa_batch, .init = up, .fini = down);

static bool verifies(const uint8_t signature[ECDSA_RAW_LEN], const uint8_t digest[SHA256_LEN])
{
	uint8_t der[ECDSA_DER_MAX];
	size_t n = ecdsa_raw_to_der(signature, der);
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(pkey, NULL);
	cr_assert_eq(EVP_PKEY_verify_init(ctx), 1);
	bool right = EVP_PKEY_verify(ctx, der, n, digest, SHA256_LEN) == 1;
	EVP_PKEY_CTX_free(ctx);
	return right;
}

static uint8_t digests[ECDSA_BATCH_MAX][SHA256_LEN], signatures[ECDSA_BATCH_MAX][ECDSA_RAW_LEN];

static void fill_digests(void)
{
	for (unsigned i = 0; i < ECDSA_BATCH_MAX; i++)
		cr_assert_eq(sha256(&i, sizeof i, digests[i]), ERR_OK);
}

/* ---- what comes of it ---- */

Test(ecdsa_batch, the_signatures_are_those_of_rfc_6979)
{
	const char *scripted[] = {ecdsa_vectors[0].k, ecdsa_vectors[1].k};
	nonces.scripted = scripted;
	nonces.n = 2;
	for (int i = 0; i < 2; i++)
		cr_assert_eq(sha256(ecdsa_vectors[i].message, strlen(ecdsa_vectors[i].message), digests[i]), ERR_OK);
	cr_assert_eq(ecdsa_batch_sign(batch, digests, 2, signatures), ERR_OK);
	for (int i = 0; i < 2; i++)
		cr_assert_str_eq(hex(signatures[i], ECDSA_RAW_LEN), ecdsa_vectors[i].signature);
}

/* Whatever stands beside one in the batch is none of its business. */
Test(ecdsa_batch, so_they_are_at_every_place_of_a_batch)
{
	for (unsigned place = 0; place < ECDSA_BATCH_MAX; place++) {
		const char *scripted[ECDSA_BATCH_MAX];
		for (unsigned i = 0; i < ECDSA_BATCH_MAX; i++)
			scripted[i] = i == place ? ecdsa_vectors[1].k : i % 2 == 0 ? "1" : ecdsa_vectors[0].k;
		nonces.scripted = scripted;
		nonces.n = ECDSA_BATCH_MAX;
		nonces.drawn = 0;
		fill_digests();
		cr_assert_eq(sha256("test", 4, digests[place]), ERR_OK);
		cr_assert_eq(ecdsa_batch_sign(batch, digests, ECDSA_BATCH_MAX, signatures), ERR_OK);
		cr_assert_str_eq(hex(signatures[place], ECDSA_RAW_LEN), ecdsa_vectors[1].signature, "at %u", place);
	}
}

Test(ecdsa_batch, batches_of_every_size_verify)
{
	fill_digests();
	for (size_t n = 1; n <= ECDSA_BATCH_MAX; n++) {
		cr_assert_eq(ecdsa_batch_sign(batch, digests, n, signatures), ERR_OK);
		for (size_t i = 0; i < n; i++) {
			cr_assert(verifies(signatures[i], digests[i]), "%zu of %zu", i, n);
			cr_assert_not(verifies(signatures[i], digests[(i + 1) % ECDSA_BATCH_MAX]));
		}
	}
}

/* FIPS 186-5 section 6.4.1 takes the digest as a number, which may be beyond the order. */
Test(ecdsa_batch, a_digest_may_be_any_number)
{
	memset(digests[0], 0x00, SHA256_LEN);
	memset(digests[1], 0xff, SHA256_LEN);
	struct str order = unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551");
	memcpy(digests[2], order.p, SHA256_LEN);
	memcpy(digests[3], order.p, SHA256_LEN);
	digests[3][SHA256_LEN - 1]--;
	cr_assert_eq(ecdsa_batch_sign(batch, digests, 4, signatures), ERR_OK);
	for (int i = 0; i < 4; i++)
		cr_assert(verifies(signatures[i], digests[i]), "%d", i);
}

/* ---- the nonces ---- */

/* Two signatures with one nonce give the key away. */
Test(ecdsa_batch, no_nonce_is_used_twice)
{
	enum { BATCHES = 8 };
	static uint8_t r[BATCHES * ECDSA_BATCH_MAX][ECDSA_RAW_LEN / 2];
	memset(digests, 7, sizeof digests);
	for (unsigned b = 0; b < BATCHES; b++) {
		cr_assert_eq(ecdsa_batch_sign(batch, digests, ECDSA_BATCH_MAX, signatures), ERR_OK);
		for (unsigned i = 0; i < ECDSA_BATCH_MAX; i++)
			memcpy(r[b * ECDSA_BATCH_MAX + i], signatures[i], sizeof r[0]);
	}
	for (unsigned i = 0; i < BATCHES * ECDSA_BATCH_MAX; i++)
		for (unsigned j = 0; j < i; j++)
			cr_assert_neq(memcmp(r[i], r[j], sizeof r[0]), 0, "%u and %u", i, j);
}

Test(ecdsa_batch, each_is_drawn_for_its_own_digest)
{
	fill_digests();
	cr_assert_eq(ecdsa_batch_sign(batch, digests, ECDSA_BATCH_MAX, signatures), ERR_OK);
	cr_assert_eq(nonces.drawn, ECDSA_BATCH_MAX);
	cr_assert_arr_eq(nonces.digests, digests, sizeof digests);
}

/* None of them could be inverted with a zero among them. */
Test(ecdsa_batch, a_zero_is_drawn_again)
{
	const char *scripted[] = {ecdsa_vectors[0].k, "0", "0"};
	nonces.scripted = scripted;
	nonces.n = 3;
	fill_digests();
	cr_assert_eq(ecdsa_batch_sign(batch, digests, 2, signatures), ERR_OK);
	cr_assert_eq(nonces.drawn, 4);
	for (int i = 0; i < 2; i++)
		cr_assert(verifies(signatures[i], digests[i]));
}

Test(ecdsa_batch, without_a_random_generator_there_is_no_signature)
{
	fill_digests();
	nonces.broken = true;
	cr_assert_eq(ecdsa_batch_sign(batch, digests, 2, signatures), ERR_CRYPTO);
	nonces.broken = false;
	cr_assert_eq(ecdsa_batch_sign(batch, digests, 2, signatures), ERR_OK, "and the next one is made");
	cr_assert(verifies(signatures[1], digests[1]));
}

/* ---- what stays behind ---- */

static unsigned count_last_z(const EC_GROUP *group)
{
	uint8_t z[sizeof last_z];
	for (size_t i = 0; i < sizeof z; i++)
		z[i] = (uint8_t)~last_z[i];
	BIGNUM *number = BN_bin2bn(z, sizeof z, NULL);
	OPENSSL_cleanse(z, sizeof z);
	unsigned found = count_forms(number, EC_GROUP_get0_field(group));
	BN_clear_free(number);
	return found;
}

Test(ecdsa_batch, nothing_of_a_nonce_stays_behind)
{
	const char *scripted[] = {ecdsa_vectors[0].k, ecdsa_vectors[1].k, ecdsa_vectors[1].k, ecdsa_vectors[0].k};
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	nonces.scripted = scripted;
	nonces.n = 4;
	fill_digests();
	cr_assert_eq(count_nonce(ecdsa_vectors[0].k, group), 0);
	cr_assert_eq(ecdsa_batch_sign(batch, digests, 4, signatures), ERR_OK);
	cr_assert_eq(count_nonce(ecdsa_vectors[0].k, group), 0);
	cr_assert_eq(count_nonce(ecdsa_vectors[1].k, group), 0);
	cr_assert_eq(count_last_z(group), 0);
	BIGNUM *kept = NULL;
	cr_assert_gt(BN_hex2bn(&kept, ecdsa_vectors[1].k), 0);
	cr_assert_eq(count_nonce(ecdsa_vectors[1].k, group), 1, "that would have been found");
	BN_clear_free(kept);
	EC_GROUP_free(group);
}

/* ---- where there is no batch ---- */

Test(ecdsa_batch, a_public_key_has_none)
{
	struct ecdsa_batch *none = NULL;
	EVP_PKEY *public = NULL;
	struct str point = unhex(ecdsa_vector_public);
	char name[] = "P-256";
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, name, 0),
			       OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)point.p, point.n),
			       OSSL_PARAM_construct_end()};
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	cr_assert_eq(EVP_PKEY_fromdata_init(ctx), 1);
	cr_assert_eq(EVP_PKEY_fromdata(ctx, &public, EVP_PKEY_PUBLIC_KEY, params), 1);
	none = ecdsa_batch_new(public);
	cr_assert_null(none);
	EVP_PKEY_free(public);
	EVP_PKEY_CTX_free(ctx);
}

Test(ecdsa_batch, nor_has_an_openssl_that_may_use_approved_implementations_only)
{
	cr_assert_eq(EVP_default_properties_enable_fips(NULL, 1), 1);
	cr_assert_null(group_signer_new(JWT_ES256, pkey, SIGNING_BATCHED));
	cr_assert_eq(EVP_default_properties_enable_fips(NULL, 0), 1);
	struct group_signer *g = group_signer_new(JWT_ES256, pkey, SIGNING_BATCHED);
	cr_assert_not_null(g, "it is there otherwise");
	group_signer_free(g);
}

static struct signing_key *reloaded(void)
{
	struct signing_key *made = NULL, *key = NULL;
	struct str der;
	cr_assert_eq(signing_key_generate(JWT_ES256, &made), ERR_OK);
	cr_assert_eq(signing_key_to_der(made, arena, &der), ERR_OK);
	cr_assert_eq(signing_key_from_der(JWT_ES256, der, &key), ERR_OK);
	signing_key_prepare_group(key, SIGNING_BATCHED);
	signing_key_free(made);
	return key;
}

/* As when a later OpenSSL has another idea of what these coordinates are. */
Test(ecdsa_batch, a_key_whose_batches_do_not_verify_signs_one_by_one)
{
	struct str inputs[ECDSA_BATCH_MIN] = {STR("a"), STR("b"), STR("c"), STR("d")};
	uint8_t made[ECDSA_BATCH_MIN][SIGNATURE_MAX];
	size_t lengths[ECDSA_BATCH_MIN];
	other_coordinates = true;
	struct signing_key *key = reloaded();
	cr_assert_eq(signing_key_group(key), 1);
	cr_assert_eq(signing_key_sign_all(key, inputs, ECDSA_BATCH_MIN, made, lengths), ERR_OK);
	for (size_t i = 0; i < ECDSA_BATCH_MIN; i++)
		cr_assert_eq(signing_key_verify(key, inputs[i], str_from(made[i], lengths[i])), ERR_OK);
	signing_key_free(key);
	other_coordinates = false;
	key = reloaded();
	cr_assert_eq(signing_key_group(key), SIGNING_GROUP_MAX);
	signing_key_free(key);
}

/* What keeps a batch from being made keeps no token from being signed. */
Test(ecdsa_batch, signatures_that_can_not_be_made_together_are_made_one_by_one)
{
	struct str inputs[ECDSA_BATCH_MIN] = {STR("a"), STR("b"), STR("c"), STR("d")};
	uint8_t made[ECDSA_BATCH_MIN][SIGNATURE_MAX];
	size_t lengths[ECDSA_BATCH_MIN];
	struct signing_key *key = reloaded();
	nonces.broken = true;
	cr_assert_eq(signing_key_sign_all(key, inputs, ECDSA_BATCH_MIN, made, lengths), ERR_OK);
	for (size_t i = 0; i < ECDSA_BATCH_MIN; i++)
		cr_assert_eq(signing_key_verify(key, inputs[i], str_from(made[i], lengths[i])), ERR_OK);
	signing_key_free(key);
}
