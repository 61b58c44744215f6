/* verifications -> digests and points -> libcrypto_mb -> what it leaves open, by OpenSSL alone. */
#include "crypto/group_verifier.h"

#include <assert.h>
#include <stdatomic.h>
#include <string.h>

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/params.h>

#include "crypto/ecdsa_form.h"
#include "crypto/group_signer.h"
#include "crypto/multi_buffer.h"
#include "crypto/signing_key_parts.h"

static_assert(VERIFY_GROUP_MAX == MULTI_BUFFER_LANES, "a group is one call");

/* ---- a key's point ---- */

/* In one question, since OpenSSL makes both numbers for each. */
static bool take_coordinates(const EVP_PKEY *pkey, uint64_t x[4], uint64_t y[4])
{
	OSSL_PARAM params[] = {OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_EC_PUB_X, (unsigned char *)x, 32),
			       OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_EC_PUB_Y, (unsigned char *)y, 32), OSSL_PARAM_construct_end()};

	return EVP_PKEY_get_params(pkey, params) == 1 && OSSL_PARAM_modified(&params[0]) && OSSL_PARAM_modified(&params[1]);
}

static bool take_point(struct signing_key *key)
{
	bool taken = key->alg == JWT_ES256 && is_openssl_own(key->pkey) && take_coordinates(key->pkey, key->point.x, key->point.y);

	if (!taken)
		ERR_clear_error();
	return taken;
}

bool group_verifier_takes(struct signing_key *key)
{
	if (key->point.state == POINT_UNASKED)
		key->point.state = take_point(key) ? POINT_KNOWN : POINT_NONE;
	return key->point.state == POINT_KNOWN;
}

/* ---- a group ---- */

/* False: it can't be one, or there is no digest. */
static bool claim(const struct verification *v, uint8_t digest[SHA256_LEN], struct ecdsa_claim *ret)
{
	if (v->signature.n != ECDSA_RAW_LEN || hasher_sha256(v->key->hasher, &v->input, 1, digest) != ERR_OK)
		return false;
	*ret = (struct ecdsa_claim){
		.digest = digest, .signature = (const uint8_t *)v->signature.p, .x = v->key->point.x, .y = v->key->point.y};
	return true;
}

static atomic_uint_fast64_t together;

uint64_t signatures_verified_together(void)
{
	return atomic_load_explicit(&together, memory_order_relaxed);
}

static void verify_claims(struct verification *const *group, size_t n)
{
	uint8_t digests[VERIFY_GROUP_MAX][SHA256_LEN];
	struct ecdsa_claim claims[VERIFY_GROUP_MAX];
	struct verification *of[VERIFY_GROUP_MAX];
	size_t claims_n = 0;

	for (size_t i = 0; i < n; i++) {
		if (!claim(group[i], digests[claims_n], &claims[claims_n]))
			continue;
		of[claims_n++] = group[i];
	}
	unsigned right = claims_n < VERIFY_GROUP_MIN ? 0 : multi_buffer_verify_ecdsa(claims, claims_n);
	for (size_t i = 0; i < claims_n; i++)
		if ((right >> i & 1) != 0)
			of[i]->err = ERR_OK;
	atomic_fetch_add_explicit(&together, (unsigned)__builtin_popcount(right), memory_order_relaxed);
}

void verify_together(struct verification *const *group, size_t n)
{
	assert(n > 0 && n <= VERIFY_GROUP_MAX);
	for (size_t i = 0; i < n; i++)
		group[i]->err = ERR_MISMATCH;
	verify_claims(group, n);
	for (size_t i = 0; i < n; i++)
		if (group[i]->err != ERR_OK)
			group[i]->err = signing_key_verify(group[i]->key, group[i]->input, group[i]->signature);
}

/* ---- does it work? ---- */

/* RFC 6979 section A.2.5: "sample" with SHA-256. */
static const uint8_t sample_digest[SHA256_LEN] = {0xaf, 0x2b, 0xdb, 0xe1, 0xaa, 0x9b, 0x6e, 0xc1, 0xe2, 0xad, 0xe1,
						  0xd6, 0x94, 0xf4, 0x1f, 0xc7, 0x1a, 0x83, 0x1d, 0x02, 0x68, 0xe9,
						  0x89, 0x15, 0x62, 0x11, 0x3d, 0x8a, 0x62, 0xad, 0xd1, 0xbf};
static const uint8_t sample_signature[ECDSA_RAW_LEN] = {
	0xef, 0xd4, 0x8b, 0x2a, 0xac, 0xb6, 0xa8, 0xfd, 0x11, 0x40, 0xdd, 0x9c, 0xd4, 0x5e, 0x81, 0xd6, 0x9d, 0x2c, 0x87, 0x7b, 0x56, 0xaa,
	0xf9, 0x91, 0xc3, 0x4d, 0x0e, 0xa8, 0x4e, 0xaf, 0x37, 0x16, 0xf7, 0xcb, 0x1c, 0x94, 0x2d, 0x65, 0x7c, 0x41, 0xd4, 0x36, 0xc7, 0xa1,
	0xb6, 0xe2, 0x9f, 0x65, 0xf3, 0xe9, 0x00, 0xdb, 0xb9, 0xaf, 0xf4, 0x06, 0x4d, 0xc4, 0xab, 0x2f, 0x84, 0x3a, 0xcd, 0xa8};
static const uint64_t sample_x[4] = {0xe669622e60f29fb6, 0xc049b8923b61fa6c, 0xc961eb74c6356d68, 0x60fed4ba255a9d31};
static const uint64_t sample_y[4] = {0x77a3c294d4462299, 0xf2f1b20c2d7e9f51, 0xa41ae9e95628bc64, 0x7903fe1008b8bc99};

/* With one bit of lane `spoiled` wrong; none: VERIFY_GROUP_MAX. */
static bool lanes_are_right(size_t spoiled)
{
	struct ecdsa_claim claims[VERIFY_GROUP_MAX];
	uint8_t wrong[ECDSA_RAW_LEN];

	memcpy(wrong, sample_signature, sizeof wrong);
	wrong[sizeof wrong - 1] ^= 1;
	for (size_t i = 0; i < VERIFY_GROUP_MAX; i++)
		claims[i] = (struct ecdsa_claim){sample_digest, i == spoiled ? wrong : sample_signature, sample_x, sample_y};
	unsigned all = (1U << VERIFY_GROUP_MAX) - 1;
	return multi_buffer_verify_ecdsa(claims, VERIFY_GROUP_MAX) == (all & ~(1U << spoiled));
}

bool group_verifier_works(enum signing_way allowed)
{
	bool right = signing_way_here(allowed) == SIGNING_MULTI_BUFFER && multi_buffer_has_ecdsa();

	for (size_t spoiled = 0; right && spoiled <= VERIFY_GROUP_MAX; spoiled++)
		right = lanes_are_right(spoiled);
	return right;
}
