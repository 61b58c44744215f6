/* inputs -> lanes -> libcrypto_mb -> signatures in JOSE's form. Lanes beyond the inputs have no
 * pointers, which the library takes for empty. */
#include "crypto/multi_buffer.h"

#include <assert.h>
#include <string.h>

#include <crypto_mb/cpu_features.h>
#include <crypto_mb/ec_nistp256.h>
#include <crypto_mb/ed25519.h>
#include <crypto_mb/rsa.h>
#include <crypto_mb/version.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "crypto/algorithms.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"

#define LANES       MULTI_BUFFER_LANES
#define STACK_SPOIL 32768 /* bytes: the library takes half of it */

static_assert(SIGNING_GROUP_MAX % LANES == 0, "a group of an elliptic curve fills its lanes");

static bool all_ok(mbx_status status, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (MBX_GET_STS(status, (int)i) != MBX_STATUS_OK)
			return false;
	return true;
}

/* A secret key and all that came of it is wiped when it is let go. */
static void *state_new(size_t n, const struct group_signer *base)
{
	struct group_signer *g = OPENSSL_secure_zalloc(n);
	if (g != NULL)
		*g = *base;
	return g;
}

/* Little-endian words, as the library reads them. False: longer than that, or no such part. */
static bool put_part(EVP_PKEY *pkey, const char *name, int64u *out, size_t n)
{
	BIGNUM *part = NULL;
	bool got = EVP_PKEY_get_bn_param(pkey, name, &part) == 1 && BN_bn2lebinpad(part, (uint8_t *)out, (int)n) == (int)n;

	BN_clear_free(part);
	return got;
}

/* The library wipes its copies of keys and nonces, but not each number between. */
static __attribute__((noinline)) void wipe_stack(void)
{
	uint8_t spoiled[STACK_SPOIL];

	OPENSSL_cleanse(spoiled, sizeof spoiled);
}

/* ---- RSA (RFC 8017 sections 8.1.1 and 8.2.1) ---- */

#define RSA_WORDS_MAX (4096 / 64)

struct rsa {
	struct group_signer base;
	size_t len; /* of the modulus, in bytes */
	const mbx_RSA_Method *sign, *verify;
	int64u n[RSA_WORDS_MAX];
	int64u p[RSA_WORDS_MAX / 2], q[RSA_WORDS_MAX / 2], dp[RSA_WORDS_MAX / 2], dq[RSA_WORDS_MAX / 2], q_inverse[RSA_WORDS_MAX / 2];
	RSA *public; /* for PSS's padding; NULL for the other */
	uint8_t *scratch;
	size_t scratch_len;
};

/* EMSA-PKCS1-v1_5 (RFC 8017 section 9.2): of SHA-256, with its DigestInfo. */
static void pad_pkcs1(uint8_t *out, size_t n, const char *digest)
{
	static const uint8_t info[] = {0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
				       0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
	size_t tail = 1 + sizeof info + SHA256_LEN;

	out[0] = 0;
	out[1] = 1;
	memset(out + 2, 0xff, n - 2 - tail);
	out[n - tail] = 0;
	memcpy(out + n - tail + 1, info, sizeof info);
	memcpy(out + n - SHA256_LEN, digest, SHA256_LEN);
}

static bool pad(const struct rsa *r, uint8_t *out, const char *digest)
{
	if (r->public == NULL) {
		pad_pkcs1(out, r->len, digest);
		return true;
	}
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* EVP pads only what it signs itself */
	return RSA_padding_add_PKCS1_PSS(r->public, out, (const uint8_t *)digest, crypto_algorithms()->sha256, RSA_PSS_SALTLEN_DIGEST) == 1;
#pragma GCC diagnostic pop
}

/* The lanes of the key's numbers, which are the same in all of them. */
struct rsa_lanes {
	const int64u *n[LANES], *p[LANES], *q[LANES], *dp[LANES], *dq[LANES], *q_inverse[LANES];
	const int8u *padded[LANES], *made[LANES];
	int8u *to[LANES], *opened[LANES];
};

static void rsa_fill(struct rsa_lanes *l, const struct rsa *r, size_t n, uint8_t (*padded)[SIGNATURE_MAX],
		     uint8_t (*signatures)[SIGNATURE_MAX], uint8_t (*opened)[SIGNATURE_MAX])
{
	for (size_t i = 0; i < n; i++) {
		l->n[i] = r->n;
		l->p[i] = r->p;
		l->q[i] = r->q;
		l->dp[i] = r->dp;
		l->dq[i] = r->dq;
		l->q_inverse[i] = r->q_inverse;
		l->padded[i] = padded[i];
		l->made[i] = l->to[i] = signatures[i];
		l->opened[i] = opened[i];
	}
}

static enum err rsa_sign(struct group_signer *g, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX], size_t *lengths)
{
	struct rsa *r = (struct rsa *)g;
	uint8_t padded[LANES][SIGNATURE_MAX], opened[LANES][SIGNATURE_MAX];
	struct rsa_lanes l = {.n = {NULL}};
	int bits = (int)r->len * 8;

	rsa_fill(&l, r, n, padded, signatures, opened);
	bool right = true;
	for (size_t i = 0; right && i < n; i++)
		right = pad(r, padded[i], inputs[i].p);
	right = right && all_ok(mbx_rsa_private_crt_mb8(l.padded, l.to, l.p, l.q, l.dp, l.dq, l.q_inverse, bits, r->sign, r->scratch), n) &&
		all_ok(mbx_rsa_public_mb8(l.made, l.opened, l.n, bits, r->verify, r->scratch), n);
	OPENSSL_cleanse(r->scratch, r->scratch_len);
	wipe_stack();
	for (size_t i = 0; right && i < n; i++) {
		right = CRYPTO_memcmp(opened[i], padded[i], r->len) == 0;
		lengths[i] = r->len;
	}
	if (!right)
		ERR_clear_error();
	return right ? ERR_OK : ERR_CRYPTO;
}

static void rsa_free(struct group_signer *g)
{
	struct rsa *r = (struct rsa *)g;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	RSA_free(r->public);
#pragma GCC diagnostic pop
	OPENSSL_secure_clear_free(r->scratch, r->scratch_len);
	OPENSSL_secure_clear_free(r, sizeof *r);
}

/* Its modulus and exponent alone. */
static RSA *public_part(EVP_PKEY *pkey)
{
	BIGNUM *n = NULL, *e = NULL;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
	RSA *public = RSA_new();
	if (public != NULL && EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_N, &n) == 1 &&
	    EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && RSA_set0_key(public, n, e, NULL) == 1)
		return public;
	BN_free(n);
	BN_free(e);
	RSA_free(public);
#pragma GCC diagnostic pop
	return NULL;
}

static bool exponent_is_65537(EVP_PKEY *pkey)
{
	BIGNUM *e = NULL;
	bool is = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_is_word(e, RSA_F4);

	BN_free(e);
	return is;
}

static bool rsa_take(struct rsa *r, enum jwt_alg alg, EVP_PKEY *pkey)
{
	int bits = (int)r->len * 8, half = bits / 16;
	r->sign = mbx_RSA_private_crt_Method(bits);
	r->verify = mbx_RSA_pub65537_Method(bits);
	if (r->sign == NULL || r->verify == NULL)
		return false;
	int scratch = mbx_RSA_Method_BufSize(r->sign), second = mbx_RSA_Method_BufSize(r->verify);
	r->scratch_len = (size_t)(scratch > second ? scratch : second);
	r->scratch = OPENSSL_secure_malloc(r->scratch_len);
	if (alg == JWT_PS256)
		r->public = public_part(pkey);
	return r->scratch != NULL && (alg != JWT_PS256 || r->public != NULL) && put_part(pkey, OSSL_PKEY_PARAM_RSA_N, r->n, r->len) &&
	       put_part(pkey, OSSL_PKEY_PARAM_RSA_FACTOR1, r->p, (size_t)half) &&
	       put_part(pkey, OSSL_PKEY_PARAM_RSA_FACTOR2, r->q, (size_t)half) &&
	       put_part(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT1, r->dp, (size_t)half) &&
	       put_part(pkey, OSSL_PKEY_PARAM_RSA_EXPONENT2, r->dq, (size_t)half) &&
	       put_part(pkey, OSSL_PKEY_PARAM_RSA_COEFFICIENT1, r->q_inverse, (size_t)half);
}

static struct group_signer *rsa_new(enum jwt_alg alg, EVP_PKEY *pkey)
{
	/* OpenSSL makes one signature of 2048 bits in a quarter of the time of a call, of 4096 in
	 * a third and of 3072 in a fifth */
	static const struct {
		int bits;
		enum MBX_ALGO algo;
		size_t min;
	} sizes[] = {{2048, MBX_ALGO_RSA_2K, 4}, {3072, MBX_ALGO_RSA_3K, 6}, {4096, MBX_ALGO_RSA_4K, 4}};
	static const struct group_signer base = {
		.way = SIGNING_MULTI_BUFFER, .max = LANES, .group = LANES, .sign = rsa_sign, .free = rsa_free};

	for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
		if (EVP_PKEY_get_bits(pkey) != sizes[i].bits || mbx_get_algo_info(sizes[i].algo) == 0 || !exponent_is_65537(pkey))
			continue;
		struct rsa *r = state_new(sizeof *r, &base);
		if (r == NULL)
			return NULL;
		r->base.min = sizes[i].min;
		r->len = (size_t)sizes[i].bits / 8;
		if (rsa_take(r, alg, pkey))
			return &r->base;
		rsa_free(&r->base);
	}
	return NULL;
}

/* ---- ECDSA on P-256 (FIPS 186-5 section 6.4.1) ---- */

struct ecdsa {
	struct group_signer base;
	BIGNUM *d, *k;
	EC_GROUP *group;
	BN_CTX *ctx;
	int64u d_words[4];
	int64u nonces[LANES][4];
};

static bool draw_nonce(struct ecdsa *e, size_t lane, const char *digest)
{
	do {
		if (BN_generate_dsa_nonce(e->k, EC_GROUP_get0_order(e->group), e->d, (const uint8_t *)digest, SHA256_LEN, e->ctx) != 1)
			return false;
	} while (BN_is_zero(e->k));
	return BN_bn2lebinpad(e->k, (uint8_t *)e->nonces[lane], sizeof e->nonces[lane]) > 0;
}

/* The library refuses a digest that isn't below the order, which one in 2^32 isn't: then each is
 * made alone. */
static enum err ecdsa_sign(struct group_signer *g, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX],
			   size_t *lengths)
{
	struct ecdsa *e = (struct ecdsa *)g;
	const int8u *digests[LANES] = {NULL};
	int8u *r[LANES] = {NULL}, *s[LANES] = {NULL};
	const int64u *nonces[LANES] = {NULL}, *d[LANES] = {NULL};

	bool right = true;
	for (size_t i = 0; right && i < n; i++) {
		right = draw_nonce(e, i, inputs[i].p);
		digests[i] = (const int8u *)inputs[i].p;
		nonces[i] = e->nonces[i];
		d[i] = e->d_words;
		r[i] = signatures[i];
		s[i] = signatures[i] + ECDSA_RAW_LEN / 2;
		lengths[i] = ECDSA_RAW_LEN;
	}
	right = right && all_ok(mbx_nistp256_ecdsa_sign_mb8(r, s, digests, nonces, d, NULL), n);
	OPENSSL_cleanse(e->nonces, sizeof e->nonces);
	BN_clear(e->k);
	wipe_stack();
	if (!right)
		ERR_clear_error();
	return right ? ERR_OK : ERR_CRYPTO;
}

static void ecdsa_free(struct group_signer *g)
{
	struct ecdsa *e = (struct ecdsa *)g;

	BN_clear_free(e->d);
	BN_clear_free(e->k);
	EC_GROUP_free(e->group);
	BN_CTX_free(e->ctx);
	OPENSSL_secure_clear_free(e, sizeof *e);
}

static struct group_signer *ecdsa_new(EVP_PKEY *pkey)
{
	static const struct group_signer base = {
		.way = SIGNING_MULTI_BUFFER,
		.min = 3,
		.max = LANES,
		.group = SIGNING_GROUP_MAX,
		.sign = ecdsa_sign,
		.free = ecdsa_free,
	};
	struct ecdsa *e = mbx_get_algo_info(MBX_ALGO_ECDSA_NIST_P256) == 0 ? NULL : state_new(sizeof *e, &base);
	if (e == NULL)
		return NULL;
	e->k = BN_secure_new();
	e->ctx = BN_CTX_secure_new();
	e->group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	if (e->k != NULL && e->ctx != NULL && e->group != NULL && EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_PRIV_KEY, &e->d) == 1 &&
	    put_part(pkey, OSSL_PKEY_PARAM_PRIV_KEY, e->d_words, sizeof e->d_words))
		return &e->base;
	ecdsa_free(&e->base);
	return NULL;
}

/* FIPS 186-5 section 6.4.2. All of it is public, so there is nothing to wipe. */
unsigned multi_buffer_verify_ecdsa(const struct ecdsa_claim *claims, size_t n)
{
	const int8u *r[LANES] = {NULL}, *s[LANES] = {NULL}, *digests[LANES] = {NULL};
	const int64u *x[LANES] = {NULL}, *y[LANES] = {NULL};
	unsigned right = 0;

	assert(n > 0 && n <= LANES);
	for (size_t i = 0; i < n; i++) {
		r[i] = claims[i].signature;
		s[i] = claims[i].signature + ECDSA_RAW_LEN / 2;
		digests[i] = claims[i].digest;
		x[i] = (const int64u *)claims[i].x;
		y[i] = (const int64u *)claims[i].y;
	}
	mbx_status status = mbx_nistp256_ecdsa_verify_mb8(r, s, digests, x, y, NULL, NULL);
	for (size_t i = 0; i < n; i++)
		right |= (unsigned)(MBX_GET_STS(status, (int)i) == MBX_STATUS_OK) << i;
	return right;
}

bool multi_buffer_has_ecdsa(void)
{
	return mbx_is_crypto_mb_applicable(0) != 0 && mbx_get_algo_info(MBX_ALGO_ECDSA_NIST_P256) != 0;
}

/* ---- EdDSA with Ed25519 (RFC 8032 section 5.1.6) ---- */

struct eddsa {
	struct group_signer base;
	ed25519_private_key private;
	ed25519_public_key public;
};

static enum err eddsa_sign(struct group_signer *g, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX],
			   size_t *lengths)
{
	struct eddsa *e = (struct eddsa *)g;
	const int8u *messages[LANES] = {NULL};
	int32u message_lengths[LANES] = {0};
	ed25519_sign_component *r[LANES] = {NULL}, *s[LANES] = {NULL};
	const ed25519_private_key *private[LANES] = {NULL};
	const ed25519_public_key *public[LANES] = {NULL};

	for (size_t i = 0; i < n; i++) {
		messages[i] = (const int8u *)inputs[i].p;
		message_lengths[i] = (int32u)inputs[i].n;
		private[i] = (const ed25519_private_key *)&e->private;
		public[i] = (const ed25519_public_key *)&e->public;
		r[i] = (ed25519_sign_component *)signatures[i];
		s[i] = (ed25519_sign_component *)(signatures[i] + sizeof *r[i]);
		lengths[i] = sizeof(ed25519_sign);
	}
	bool right = all_ok(mbx_ed25519_sign_mb8(r, s, messages, message_lengths, private, public), n);
	wipe_stack();
	return right ? ERR_OK : ERR_CRYPTO;
}

static void eddsa_free(struct group_signer *g)
{
	OPENSSL_secure_clear_free(g, sizeof(struct eddsa));
}

static struct group_signer *eddsa_new(EVP_PKEY *pkey)
{
	static const struct group_signer base = {
		.way = SIGNING_MULTI_BUFFER,
		.min = 2,
		.max = LANES,
		.group = SIGNING_GROUP_MAX,
		.sign = eddsa_sign,
		.free = eddsa_free,
	};
	struct eddsa *e = mbx_get_algo_info(MBX_ALGO_ED25519) == 0 ? NULL : state_new(sizeof *e, &base);
	size_t private_n = sizeof e->private, public_n = sizeof e->public;
	if (e == NULL)
		return NULL;
	if (EVP_PKEY_get_raw_private_key(pkey, e->private, &private_n) == 1 && EVP_PKEY_get_raw_public_key(pkey, e->public, &public_n) == 1)
		return &e->base;
	eddsa_free(&e->base);
	return NULL;
}

/* ---- which ---- */

struct group_signer *multi_buffer_new(enum jwt_alg alg, EVP_PKEY *pkey)
{
	struct group_signer *g = NULL;

	if (!mbx_is_crypto_mb_applicable(0))
		return NULL;
	switch (alg) {
	case JWT_RS256:
	case JWT_PS256:
		g = rsa_new(alg, pkey);
		break;
	case JWT_ES256:
		g = ecdsa_new(pkey);
		break;
	case JWT_EDDSA:
		g = eddsa_new(pkey);
		break;
	case JWT_ALG_COUNT:
		break;
	}
	if (g == NULL)
		ERR_clear_error();
	return g;
}

const char *multi_buffer_version(bool *ret_here)
{
	*ret_here = mbx_is_crypto_mb_applicable(0) != 0;
	return *ret_here ? mbx_getversion()->strVersion : "no IFMA";
}
