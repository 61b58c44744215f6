/* digests -> nonces k and points kG -> both inverted together -> r and s of each.
 *
 * Numbers are in Montgomery form (suffix _m) where they are multiplied more than once: of a
 * product of one number in that form and one that isn't, the plain product comes out. */
#include "crypto/ecdsa_batch.h"

#include <stdbool.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>

#include "base/starved.h"

#define NUMBER_LEN (ECDSA_RAW_LEN / 2)

/* Arithmetic modulo a prime. */
struct modulus {
	const BIGNUM *p;
	BIGNUM *p_less_2; /* a^(p-2) is a's inverse (Fermat), in a time that doesn't tell a */
	BN_MONT_CTX *mont;
};

struct ecdsa_batch {
	EC_GROUP *group;
	struct modulus order, field;
	BIGNUM *d_m; /* the private key; in the order's Montgomery form */
	BIGNUM *d;
	BN_CTX *ctx;
	BIGNUM *k[ECDSA_BATCH_MAX]; /* nonces; then their inverses */
	/* of the point k*G: X and Z of (X/Z^2, Y/Z^3), Z then inverted */
	BIGNUM *x[ECDSA_BATCH_MAX];
	BIGNUM *z[ECDSA_BATCH_MAX];
	BIGNUM *product[ECDSA_BATCH_MAX]; /* of all before this one, and this one */
	EC_POINT *point;
	BIGNUM *y, *all, *t, *r, *s;
};

static bool modulus_init(struct modulus *m, const BIGNUM *p, BN_CTX *ctx)
{
	m->p = p;
	m->p_less_2 = BN_dup(p);
	m->mont = BN_MONT_CTX_new();
	return m->p_less_2 != NULL && m->mont != NULL && BN_sub_word(m->p_less_2, 2) == 1 && BN_MONT_CTX_set(m->mont, p, ctx) == 1;
}

static bool numbers_init(BIGNUM **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if ((v[i] = BN_secure_new()) == NULL)
			return false;
	return true;
}

static bool init(struct ecdsa_batch *b, const EVP_PKEY *pkey)
{
	BIGNUM **single[] = {&b->d_m, &b->y, &b->all, &b->t, &b->r, &b->s};
	for (size_t i = 0; i < sizeof single / sizeof *single; i++)
		if (!numbers_init(single[i], 1))
			return false;
	b->ctx = BN_CTX_secure_new();
	b->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	b->point = b->group == NULL ? NULL : EC_POINT_new(b->group);
	return b->ctx != NULL && b->point != NULL && modulus_init(&b->order, EC_GROUP_get0_order(b->group), b->ctx) &&
	       modulus_init(&b->field, EC_GROUP_get0_field(b->group), b->ctx) && numbers_init(b->k, ECDSA_BATCH_MAX) &&
	       numbers_init(b->x, ECDSA_BATCH_MAX) && numbers_init(b->z, ECDSA_BATCH_MAX) && numbers_init(b->product, ECDSA_BATCH_MAX) &&
	       EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &b->d) == 1 &&
	       BN_to_montgomery(b->d_m, b->d, b->order.mont, b->ctx) == 1;
}

struct ecdsa_batch *ecdsa_batch_new(const EVP_PKEY *pkey)
{
	struct ecdsa_batch *b = starved_unless(calloc(1, sizeof *b));
	if (b == NULL)
		return NULL;
	if (init(b, pkey))
		return b;
	ERR_clear_error();
	ecdsa_batch_free(b);
	return NULL;
}

static void numbers_free(BIGNUM **v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		BN_clear_free(v[i]);
}

static void modulus_free(struct modulus *m)
{
	BN_free(m->p_less_2);
	BN_MONT_CTX_free(m->mont);
}

void ecdsa_batch_free(struct ecdsa_batch *b)
{
	if (b == NULL)
		return;
	numbers_free((BIGNUM *[]){b->d_m, b->d, b->y, b->all, b->t, b->r, b->s}, 7);
	numbers_free(b->k, ECDSA_BATCH_MAX);
	numbers_free(b->x, ECDSA_BATCH_MAX);
	numbers_free(b->z, ECDSA_BATCH_MAX);
	numbers_free(b->product, ECDSA_BATCH_MAX);
	modulus_free(&b->order);
	modulus_free(&b->field);
	EC_POINT_clear_free(b->point);
	EC_GROUP_free(b->group);
	BN_CTX_free(b->ctx);
	free(b);
}

static bool multiply(BIGNUM *out, const BIGNUM *a, const BIGNUM *b_, const struct modulus *m, BN_CTX *ctx)
{
	return BN_mod_mul_montgomery(out, a, b_, m->mont, ctx) == 1;
}

/* Each of `v` (none is 0; Montgomery form, before and after) becomes its inverse: the product of
 * all is inverted, and what the others contributed to it is taken out of that one by one. */
static bool invert_all(struct ecdsa_batch *b, BIGNUM **v, size_t n, const struct modulus *m)
{
	BIGNUM **product = b->product;
	bool ok = BN_copy(product[0], v[0]) != NULL;
	for (size_t i = 1; ok && i < n; i++)
		ok = multiply(product[i], product[i - 1], v[i], m, b->ctx);
	ok = ok && BN_from_montgomery(b->t, product[n - 1], m->mont, b->ctx) == 1 &&
	     BN_mod_exp_mont_consttime(b->t, b->t, m->p_less_2, m->p, b->ctx, m->mont) == 1 &&
	     BN_to_montgomery(b->all, b->t, m->mont, b->ctx) == 1;
	for (size_t i = n - 1; ok && i > 0; i--) {
		ok = multiply(b->t, b->all, product[i - 1], m, b->ctx) && multiply(b->all, b->all, v[i], m, b->ctx);
		BN_swap(v[i], b->t);
	}
	return ok && BN_copy(v[0], b->all) != NULL;
}

/* OpenSSL has no other way to a point's coordinates than one inversion for each, since 3.0
 * deprecates this one. */
static bool coordinates(const struct ecdsa_batch *b, BIGNUM *x, BIGNUM *z)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	return EC_POINT_get_Jprojective_coordinates_GFp(b->group, b->point, x, b->y, z, b->ctx) == 1;
#pragma GCC diagnostic pop
}

static bool draw(struct ecdsa_batch *b, size_t i, const uint8_t digest[SHA256_LEN])
{
	do {
		if (BN_generate_dsa_nonce(b->k[i], b->order.p, b->d, digest, SHA256_LEN, b->ctx) != 1)
			return false;
	} while (BN_is_zero(b->k[i]));
	return EC_POINT_mul(b->group, b->point, b->k[i], NULL, NULL, b->ctx) == 1 && coordinates(b, b->x[i], b->z[i]) &&
	       BN_to_montgomery(b->k[i], b->k[i], b->order.mont, b->ctx) == 1 &&
	       BN_to_montgomery(b->z[i], b->z[i], b->field.mont, b->ctx) == 1;
}

/* Of a number below 2^256 and so below twice either modulus. Not for secrets. */
static bool reduce(BIGNUM *a, const struct modulus *m)
{
	return BN_ucmp(a, m->p) < 0 || BN_usub(a, a, m->p) == 1;
}

/* r = the point's x (which is below the field's prime) modulo the order; s = (digest + r d) / k. */
static bool finish(struct ecdsa_batch *b, size_t i, const uint8_t digest[SHA256_LEN], uint8_t signature[ECDSA_RAW_LEN])
{
	return multiply(b->t, b->z[i], b->z[i], &b->field, b->ctx) && multiply(b->r, b->x[i], b->t, &b->field, b->ctx) &&
	       reduce(b->r, &b->order) && multiply(b->s, b->r, b->d_m, &b->order, b->ctx) && BN_bin2bn(digest, SHA256_LEN, b->t) != NULL &&
	       reduce(b->t, &b->order) && BN_mod_add_quick(b->s, b->s, b->t, b->order.p) == 1 &&
	       multiply(b->s, b->s, b->k[i], &b->order, b->ctx) && !BN_is_zero(b->r) && !BN_is_zero(b->s) &&
	       BN_bn2binpad(b->r, signature, NUMBER_LEN) == NUMBER_LEN &&
	       BN_bn2binpad(b->s, signature + NUMBER_LEN, NUMBER_LEN) == NUMBER_LEN;
}

/* What tells a nonce tells the key, and the last coordinate of its point tells a part of it. */
static void wipe(struct ecdsa_batch *b, size_t n)
{
	/* it has room for it already */
	bool overwritten = EC_POINT_copy(b->point, EC_GROUP_get0_generator(b->group)) == 1;
	(void)overwritten;
	for (size_t i = 0; i < n; i++) {
		BN_clear(b->k[i]);
		BN_clear(b->x[i]);
		BN_clear(b->z[i]);
		BN_clear(b->product[i]);
	}
	BN_clear(b->y);
	BN_clear(b->all);
	BN_clear(b->t);
	BN_clear(b->s);
}

enum err ecdsa_batch_sign(struct ecdsa_batch *b, const uint8_t (*digests)[SHA256_LEN], size_t n, uint8_t (*signatures)[ECDSA_RAW_LEN])
{
	bool ok = true;
	for (size_t i = 0; ok && i < n; i++)
		ok = draw(b, i, digests[i]);
	ok = ok && invert_all(b, b->k, n, &b->order) && invert_all(b, b->z, n, &b->field);
	for (size_t i = 0; ok && i < n; i++)
		ok = finish(b, i, digests[i], signatures[i]);
	wipe(b, n);
	if (!ok)
		ERR_clear_error();
	return ok ? ERR_OK : ERR_CRYPTO;
}
