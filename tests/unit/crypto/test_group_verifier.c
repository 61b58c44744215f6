/* Eight signatures verified at once: what each lane says is checked against published vectors, and
 * against OpenSSL. A build or a CPU without the library skips what needs it. */
#include <criterion/criterion.h>
#include <openssl/core_names.h>

#include "crypto/ecdsa_form.h"
#include "crypto/group_signer.h"
#include "crypto/group_verifier.h"
#include "crypto/multi_buffer.h"
#include "ecdsa_test.h"
#include "jwt_test.h"
#include "mb_hooks.h"

#define LANES VERIFY_GROUP_MAX
#define ORDER "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"

static struct signing_key *signers[LANES];
static struct verification verifications[LANES], *group[LANES];
static uint8_t signatures[LANES][SIGNATURE_MAX];

/* Each is of another key and another input. */
static void up(void)
{
	jwt_up();
	for (size_t i = 0; i < LANES; i++) {
		size_t n;
		cr_assert_eq(signing_key_generate(JWT_ES256, &signers[i]), ERR_OK);
		struct str input = arena_printf(arena, "input %zu", i);
		cr_assert_eq(signing_key_sign(signers[i], input, signatures[i], &n), ERR_OK);
		verifications[i] = (struct verification){.key = signers[i], .input = input, .signature = str_from(signatures[i], n)};
		group[i] = &verifications[i];
	}
}

static void down(void)
{
	mb_spoil(MB_NONE);
	mb_hide_cpu(false);
	for (size_t i = 0; i < LANES; i++)
		signing_key_free(signers[i]);
	jwt_down();
}

TestSuite(group_verifier, .init = up, .fini = down);

static void skip_where_there_is_none(void)
{
	bool here;
	const char *version = multi_buffer_version(&here);
	if (!here)
		cr_skip_test("libcrypto_mb: %s", version);
	cr_assert(group_verifier_works(SIGNING_MULTI_BUFFER));
	for (size_t i = 0; i < LANES; i++)
		cr_assert(group_verifier_takes(signers[i]));
}

static enum err alone(size_t i)
{
	return signing_key_verify(verifications[i].key, verifications[i].input, verifications[i].signature);
}

static void expect_as_alone(size_t n, const char *what)
{
	verify_together(group, n);
	for (size_t i = 0; i < n; i++)
		cr_assert_eq(verifications[i].err, alone(i), "%s: %zu of %zu", what, i, n);
}

/* ---- the library alone ---- */

static uint8_t digests[LANES][SHA256_LEN];
static struct ecdsa_claim claims[LANES];

static void make_claims(void)
{
	for (size_t i = 0; i < LANES; i++) {
		cr_assert_eq(sha256(verifications[i].input.p, verifications[i].input.n, digests[i]), ERR_OK);
		claims[i] = (struct ecdsa_claim){digests[i], signatures[i], signers[i]->point.x, signers[i]->point.y};
	}
}

static unsigned first(size_t n)
{
	return (1U << n) - 1;
}

Test(group_verifier, each_lane_alone_is_refused_at_every_count)
{
	skip_where_there_is_none();
	make_claims();
	for (size_t n = 1; n <= LANES; n++) {
		cr_assert_eq(multi_buffer_verify_ecdsa(claims, n), first(n));
		for (size_t bad = 0; bad < n; bad++) {
			unsigned wanted = first(n) & ~(1U << bad);
			for (size_t byte = 0; byte < ECDSA_RAW_LEN; byte += 9) {
				signatures[bad][byte] ^= 1;
				cr_assert_eq(multi_buffer_verify_ecdsa(claims, n), wanted, "%zu of %zu", bad, n);
				signatures[bad][byte] ^= 1;
			}
			digests[bad][31] ^= 1;
			cr_assert_eq(multi_buffer_verify_ecdsa(claims, n), wanted, "%zu of %zu", bad, n);
			digests[bad][31] ^= 1;
			claims[bad].x = signers[(bad + 1) % LANES]->point.x;
			claims[bad].y = signers[(bad + 1) % LANES]->point.y;
			cr_assert_eq(multi_buffer_verify_ecdsa(claims, n), wanted, "%zu of %zu", bad, n);
			claims[bad].x = signers[bad]->point.x;
			claims[bad].y = signers[bad]->point.y;
		}
	}
}

Test(group_verifier, all_good_and_bad_ones_of_a_group_are_told_apart)
{
	skip_where_there_is_none();
	make_claims();
	for (unsigned bad = 0; bad <= first(LANES); bad++) {
		for (size_t i = 0; i < LANES; i++)
			signatures[i][63] ^= (uint8_t)(bad >> i & 1);
		cr_assert_eq(multi_buffer_verify_ecdsa(claims, LANES), first(LANES) & ~bad);
		for (size_t i = 0; i < LANES; i++)
			signatures[i][63] ^= (uint8_t)(bad >> i & 1);
	}
}

/* Both summands of the sum that ECDSA compares are the same point here, or none: of a digest that
 * the key's owner may choose. */
Test(group_verifier, a_sum_of_equal_points_is_verified)
{
	skip_where_there_is_none();
	static const char *const ks[] = {"1", "2", "3", "10001", ORDER};
	EVP_PKEY *pkey = ecdsa_vector_key();
	struct signing_key *key = NULL;
	BIGNUM *n = NULL, *d = NULL, *k = NULL, *r = BN_new(), *s = BN_new(), *e = BN_new();
	BN_CTX *ctx = BN_CTX_new();
	EC_GROUP *curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = EC_POINT_new(curve);
	cr_assert(BN_hex2bn(&n, ORDER) > 0 && EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &d) == 1);
	cr_assert_eq(signing_key_of_private(JWT_ES256, pkey, &key), ERR_OK);
	cr_assert(group_verifier_takes(key));
	for (size_t i = 0; i < sizeof ks / sizeof *ks; i++) {
		cr_assert_gt(BN_hex2bn(&k, ks[i]), 0);
		if (i == 4)
			cr_assert_eq(BN_sub_word(k, 1), 1);
		cr_assert(EC_POINT_mul(curve, point, k, NULL, NULL, ctx) == 1 &&
			  EC_POINT_get_affine_coordinates(curve, point, r, NULL, ctx) == 1 && BN_nnmod(r, r, n, ctx) == 1);
		/* e = r d, and s = 2 r d / k: e / s is half of k, and so is r d / s */
		cr_assert(BN_mod_mul(e, r, d, n, ctx) == 1 && BN_mod_inverse(s, k, n, ctx) != NULL && BN_mod_mul(s, s, e, n, ctx) == 1 &&
			  BN_mod_lshift1(s, s, n, ctx) == 1);
		uint8_t digest[SHA256_LEN], signature[ECDSA_RAW_LEN], der[ECDSA_DER_MAX];
		cr_assert(BN_bn2binpad(e, digest, 32) == 32 && BN_bn2binpad(r, signature, 32) == 32 &&
			  BN_bn2binpad(s, signature + 32, 32) == 32);
		const struct ecdsa_claim one = {digest, signature, key->point.x, key->point.y};
		cr_assert_eq(EVP_PKEY_verify(key->verify, der, ecdsa_raw_to_der(signature, der), digest, sizeof digest), 1, "k = %s",
			     ks[i]);
		cr_assert_eq(multi_buffer_verify_ecdsa(&one, 1), 1, "k = %s", ks[i]);
	}
	signing_key_free(key);
	EC_POINT_free(point);
	EC_GROUP_free(curve);
	BN_CTX_free(ctx);
	BN_free(n);
	BN_free(d);
	BN_free(k);
	BN_free(r);
	BN_free(s);
	BN_free(e);
}

/* ---- groups ---- */

Test(group_verifier, the_signatures_of_rfc_6979_are_right_in_every_lane)
{
	skip_where_there_is_none();
	struct signing_key *known = NULL;
	cr_assert_eq(signing_key_of_private(JWT_ES256, ecdsa_vector_key(), &known), ERR_OK);
	cr_assert(group_verifier_takes(known));
	for (size_t lane = 0; lane < LANES; lane++) {
		struct verification keep = verifications[lane];
		for (size_t v = 0; v < 2; v++) {
			verifications[lane] = (struct verification){
				.key = known, .input = str_of(ecdsa_vectors[v].message), .signature = unhex(ecdsa_vectors[v].signature)};
			verify_together(group, LANES);
			for (size_t i = 0; i < LANES; i++)
				cr_assert_eq(verifications[i].err, ERR_OK);
			verifications[lane].input = STR("another message");
			verify_together(group, LANES);
			for (size_t i = 0; i < LANES; i++)
				cr_assert_eq(verifications[i].err, i == lane ? ERR_MISMATCH : ERR_OK);
		}
		verifications[lane] = keep;
	}
	signing_key_free(known);
}

Test(group_verifier, every_count_answers_as_each_alone)
{
	skip_where_there_is_none();
	for (size_t n = 1; n <= LANES; n++) {
		expect_as_alone(n, "all are right");
		for (size_t bad = 0; bad < n; bad++) {
			signatures[bad][40] ^= 0x10;
			expect_as_alone(n, "one is wrong");
			cr_assert_eq(verifications[bad].err, ERR_MISMATCH);
			signatures[bad][40] ^= 0x10;
		}
	}
}

static enum err read_point(const uint8_t x[32], const uint8_t y[32], struct signing_key **ret)
{
	char x_text[44] = "", y_text[44] = "";
	struct sbuf xs = sbuf_fixed(x_text, sizeof x_text), ys = sbuf_fixed(y_text, sizeof y_text);
	sbuf_put_base64url(&xs, str_from(x, 32));
	sbuf_put_base64url(&ys, str_from(y, 32));
	struct str jwk = arena_printf(arena, "{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"%s\",\"y\":\"%s\"}", x_text, y_text);
	return signing_key_from_known_jwk(JWT_ES256, jwk, ret);
}

/* ---- numbers that are the same modulo the order ---- */

static EC_GROUP *curve;
static BN_CTX *ctx;
static BIGNUM *number[8];

static void curve_up(void)
{
	up();
	curve = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	ctx = BN_CTX_new();
	for (size_t i = 0; i < sizeof number / sizeof *number; i++)
		number[i] = BN_new();
}

static void curve_down(void)
{
	for (size_t i = 0; i < sizeof number / sizeof *number; i++)
		BN_free(number[i]);
	BN_CTX_free(ctx);
	EC_GROUP_free(curve);
	down();
}

TestSuite(group_order, .init = curve_up, .fini = curve_down);

static struct signing_key *key_of_point(const EC_POINT *point)
{
	struct signing_key *key = NULL;
	uint8_t x[32], y[32];
	cr_assert_eq(EC_POINT_get_affine_coordinates(curve, point, number[0], number[1], ctx), 1);
	cr_assert(BN_bn2binpad(number[0], x, 32) == 32 && BN_bn2binpad(number[1], y, 32) == 32);
	cr_assert_eq(read_point(x, y, &key), ERR_OK);
	cr_assert(group_verifier_takes(key));
	return key;
}

/* The key whose signature of `input` is (r, s): (s R - e G) / r, where R is the first point with
 * an x from *r on (SEC 1 section 4.1.6). *r becomes that x modulo the order. */
static struct signing_key *key_that_signed(struct str input, BIGNUM *r, const BIGNUM *s)
{
	const BIGNUM *order = EC_GROUP_get0_order(curve);
	BIGNUM *e = number[2], *of_g = number[3], *of_r = number[4];
	EC_POINT *point = EC_POINT_new(curve);
	uint8_t digest[SHA256_LEN];
	while (EC_POINT_set_compressed_coordinates(curve, point, r, 0, ctx) != 1)
		cr_assert_eq(BN_add_word(r, 1), 1);
	cr_assert_eq(sha256(input.p, input.n, digest), ERR_OK);
	cr_assert(BN_bin2bn(digest, sizeof digest, e) != NULL && BN_nnmod(r, r, order, ctx) == 1);
	cr_assert(BN_mod_inverse(of_r, r, order, ctx) != NULL && BN_mod_mul(of_g, e, of_r, order, ctx) == 1 &&
		  BN_sub(of_g, order, of_g) == 1 && BN_mod_mul(of_r, s, of_r, order, ctx) == 1);
	cr_assert_eq(EC_POINT_mul(curve, point, of_g, point, of_r, ctx), 1);
	struct signing_key *key = key_of_point(point);
	EC_POINT_free(point);
	return key;
}

/* By the library, by OpenSSL and in a group; `signature` is verifications[3]'s. */
static void expect_says(bool taken, const BIGNUM *r, const BIGNUM *s, const char *what)
{
	const struct verification *v = &verifications[3];
	cr_assert(BN_bn2binpad(r, signatures[3], 32) == 32 && BN_bn2binpad(s, signatures[3] + 32, 32) == 32, "%s", what);
	cr_assert_eq(sha256(v->input.p, v->input.n, digests[3]), ERR_OK);
	const struct ecdsa_claim one = {digests[3], signatures[3], v->key->point.x, v->key->point.y};
	cr_expect_eq(multi_buffer_verify_ecdsa(&one, 1), taken, "the library: %s", what);
	cr_expect_eq(alone(3), taken ? ERR_OK : ERR_MISMATCH, "OpenSSL: %s", what);
	verify_together(group, LANES);
	for (size_t i = 0; i < LANES; i++)
		cr_expect_eq(verifications[i].err, i == 3 && !taken ? ERR_MISMATCH : ERR_OK, "%s: lane %zu", what, i);
}

/* Of a right signature whose numbers are so small that with the order they still have 256 bits. */
static void expect_order_is_looked_at(BIGNUM *r, const BIGNUM *s)
{
	const BIGNUM *order = EC_GROUP_get0_order(curve);
	BIGNUM *r_over = number[5], *s_over = number[6], *zero = number[7];
	verifications[3].key = key_that_signed(verifications[3].input, r, s);
	cr_assert(BN_add(r_over, r, order) == 1 && BN_add(s_over, s, order) == 1);
	BN_zero(zero);
	expect_says(true, r, s, "r, s");
	expect_says(false, r_over, s, "r + n, s");
	expect_says(false, r, s_over, "r, s + n");
	expect_says(false, r_over, s_over, "r + n, s + n");
	expect_says(false, zero, zero, "0, 0");
	expect_says(false, order, order, "n, n");
	expect_says(false, zero, order, "0, n");
	expect_says(false, order, zero, "n, 0");
	expect_says(false, zero, s, "0, s");
	expect_says(false, r, zero, "r, 0");
	signing_key_free(verifications[3].key);
}

Test(group_order, numbers_outside_of_the_order_are_refused)
{
	BIGNUM *r = BN_new(), *s = BN_new();
	skip_where_there_is_none();
	for (unsigned i = 1; i < 5; i++) {
		cr_assert(BN_set_word(r, i) == 1 && BN_set_word(s, i * i) == 1);
		expect_order_is_looked_at(r, s);
	}
	/* a point whose x is beyond the order: r is the rest of it */
	cr_assert(BN_add(r, EC_GROUP_get0_order(curve), BN_value_one()) == 1);
	expect_order_is_looked_at(r, s);
	BN_free(r);
	BN_free(s);
}

/* ---- other forms ---- */

/* RFC 7518 doesn't want the lower one of s and its negative. */
Test(group_verifier, the_other_s_is_taken_as_openssl_takes_it)
{
	skip_where_there_is_none();
	BIGNUM *order = NULL, *s = BN_new();
	cr_assert_gt(BN_hex2bn(&order, ORDER), 0);
	for (size_t i = 0; i < LANES; i += 2) {
		cr_assert_not_null(BN_bin2bn(signatures[i] + 32, 32, s));
		cr_assert(BN_sub(s, order, s) == 1 && BN_bn2binpad(s, signatures[i] + 32, 32) == 32);
	}
	verify_together(group, LANES);
	for (size_t i = 0; i < LANES; i++)
		cr_assert_eq(verifications[i].err, ERR_OK);
	BN_free(order);
	BN_free(s);
}

Test(group_verifier, a_signature_of_another_length_is_none)
{
	skip_where_there_is_none();
	verifications[0].signature.n--;
	verifications[5].signature = STR("");
	expect_as_alone(LANES, "short");
	cr_assert(verifications[0].err == ERR_MISMATCH && verifications[5].err == ERR_MISMATCH && verifications[6].err == ERR_OK);
}

/* A key's point is looked at when it is read: whoever verifies with it relies on that. */
Test(group_verifier, a_point_that_is_not_on_the_curve_is_no_key)
{
	struct signing_key *made = NULL;
	struct str point = unhex(ecdsa_vector_public);
	uint8_t other[32];
	memcpy(other, point.p + 33, sizeof other);
	other[31] ^= 1;
	cr_assert_neq(read_point((const uint8_t *)point.p + 1, other, &made), ERR_OK);
}

/* ---- where it isn't used ---- */

Test(group_verifier, what_a_lane_wrongly_refuses_openssl_takes)
{
	skip_where_there_is_none();
	for (int lane = 0; lane < LANES; lane++) {
		uint64_t before = signatures_verified_together();
		mb_spoil(lane);
		verify_together(group, LANES);
		cr_assert_eq(signatures_verified_together() - before, LANES - 1);
		for (size_t i = 0; i < LANES; i++)
			cr_assert_eq(verifications[i].err, ERR_OK, "lane %d", lane);
	}
}

Test(group_verifier, a_lane_that_goes_wrong_is_found_out)
{
	skip_where_there_is_none();
	for (int lane = 0; lane < LANES; lane++) {
		mb_spoil(lane);
		cr_assert_not(group_verifier_works(SIGNING_MULTI_BUFFER), "lane %d", lane);
	}
	mb_spoil(MB_NONE);
	cr_assert(group_verifier_works(SIGNING_MULTI_BUFFER));
}

Test(group_verifier, a_setting_a_cpu_and_a_fips_module_each_keep_it_out)
{
	cr_assert_not(group_verifier_works(SIGNING_SINGLE));
	cr_assert_not(group_verifier_works(SIGNING_BATCHED));
	mb_hide_cpu(true);
	cr_assert_not(group_verifier_works(SIGNING_MULTI_BUFFER));
	mb_hide_cpu(false);
	cr_assert_eq(EVP_default_properties_enable_fips(NULL, 1), 1);
	cr_assert_not(group_verifier_works(SIGNING_MULTI_BUFFER));
	cr_assert_not(group_verifier_takes(signers[0]));
	cr_assert_eq(EVP_default_properties_enable_fips(NULL, 0), 1);
}

Test(group_verifier, keys_of_other_algorithms_are_not_taken)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++)
		cr_assert_eq(group_verifier_takes(keys[alg]), alg == JWT_ES256, "%s", jwt_alg_name(alg));
}

/* ---- holding a key ---- */

Test(group_verifier, a_key_that_is_held_outlives_its_owner)
{
	struct signing_key *held = signing_key_hold(signers[0]);
	signing_key_free(signers[0]);
	signers[0] = NULL;
	cr_assert_eq(signing_key_verify(held, verifications[0].input, verifications[0].signature), ERR_OK);
	signing_key_free(held);
}
