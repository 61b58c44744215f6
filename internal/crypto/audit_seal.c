#include "crypto/audit_seal.h"

#include <endian.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/param_build.h>

#include "crypto/kbkdf.h"
#include "crypto/signing_key_parts.h"

#define LABEL "m2m-gateway audit seal v"

_Static_assert(AUDIT_SEAL_HEAD_LEN == sizeof "\2" - 1 + sizeof LABEL - 1 + 1 + SHA256_LEN + 16 + 8 + 8 + 16 + 16 + 1 + SHA256_LEN,
	       "the layout in the header");

static uint8_t *add(uint8_t *at, const void *p, size_t n)
{
	memcpy(at, p, n);
	return at + n;
}

void audit_seal_head(const struct audit_seal *seal, uint8_t head[AUDIT_SEAL_HEAD_LEN])
{
	uint64_t seq = htobe64(seal->seq), previous_at = htobe64((uint64_t)seal->previous_at);
	uint8_t last = seal->last;
	char version = seal->version >= 1 && seal->version <= 9 ? (char)('0' + seal->version) : '?';
	uint8_t *at = add(head, "\2" LABEL, sizeof LABEL);
	at = add(at, &version, sizeof version);
	at = add(at, seal->previous, sizeof seal->previous);
	at = add(at, seal->writer.b, sizeof seal->writer.b);
	at = add(at, &seq, sizeof seq);
	at = add(at, &previous_at, sizeof previous_at);
	at = add(at, seal->batch_id.b, sizeof seal->batch_id.b);
	at = add(at, seal->sealed_batch.b, sizeof seal->sealed_batch.b);
	at = add(at, &last, sizeof last);
	(void)add(at, seal->root, sizeof seal->root);
}

enum err audit_seal_hash(struct hasher *h, const struct audit_seal *seal, uint8_t hash[SHA256_LEN])
{
	uint8_t head[AUDIT_SEAL_HEAD_LEN];
	audit_seal_head(seal, head);
	const struct str parts[] = {str_from(head, sizeof head), seal->tags};
	return hasher_sha256(h, parts, 2, hash);
}

enum err audit_seal_sign(struct signing_key *key, const uint8_t hash[SHA256_LEN], uint8_t signature[AUDIT_SIGNATURE_LEN])
{
	uint8_t made[SIGNATURE_MAX];
	size_t n;
	enum err err = signing_key_sign(key, str_from(hash, SHA256_LEN), made, &n);
	if (err == ERR_OK)
		memcpy(signature, made, AUDIT_SIGNATURE_LEN);
	return err;
}

enum err audit_seal_verify(struct signing_key *key, const uint8_t hash[SHA256_LEN], struct str signature)
{
	return signing_key_verify(key, str_from(hash, SHA256_LEN), signature);
}

/* ---- the key ---- */

static bool derive_number(const struct master_key *master, const EC_GROUP *group, BN_CTX *numbers, BIGNUM *d)
{
	uint8_t bytes[2 * KBKDF_KEY_LEN];
	BIGNUM *range = BN_CTX_get(numbers);
	bool done = range != NULL && BN_copy(range, EC_GROUP_get0_order(group)) != NULL && BN_sub_word(range, 1) == 1 &&
		    kbkdf_hmac_sha256(master->master, STR("m2m-gateway audit key v1"), STR("1"), bytes) == ERR_OK &&
		    kbkdf_hmac_sha256(master->master, STR("m2m-gateway audit key v1"), STR("2"), bytes + KBKDF_KEY_LEN) == ERR_OK &&
		    BN_bin2bn(bytes, sizeof bytes, d) != NULL && BN_mod(d, d, range, numbers) == 1 && BN_add_word(d, 1) == 1;
	crypto_wipe(bytes, sizeof bytes);
	return done;
}

static EVP_PKEY *pkey_of(const BIGNUM *d, struct str point)
{
	EVP_PKEY *pkey = NULL;
	OSSL_PARAM *params = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
	if (build != NULL && ctx != NULL && OSSL_PARAM_BLD_push_utf8_string(build, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
	    OSSL_PARAM_BLD_push_octet_string(build, OSSL_PKEY_PARAM_PUB_KEY, point.p, point.n) == 1 &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1)
		params = OSSL_PARAM_BLD_to_param(build);
	if (params == NULL || EVP_PKEY_fromdata_init(ctx) != 1 || EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_KEYPAIR, params) != 1)
		pkey = NULL;
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

enum err audit_key_derive(const struct master_key *master, struct signing_key **ret)
{
	uint8_t octets[65]; /* uncompressed (SEC 1 section 2.3.3) */
	EVP_PKEY *pkey = NULL;
	EC_GROUP *group = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1);
	EC_POINT *point = group == NULL ? NULL : EC_POINT_new(group);
	BN_CTX *numbers = BN_CTX_secure_new();
	BIGNUM *d = BN_secure_new();

	if (numbers != NULL)
		BN_CTX_start(numbers);
	if (point != NULL && numbers != NULL && d != NULL && derive_number(master, group, numbers, d) &&
	    EC_POINT_mul(group, point, d, NULL, NULL, numbers) == 1 &&
	    EC_POINT_point2oct(group, point, POINT_CONVERSION_UNCOMPRESSED, octets, sizeof octets, numbers) == sizeof octets)
		pkey = pkey_of(d, str_from(octets, sizeof octets));
	if (numbers != NULL)
		BN_CTX_end(numbers);
	BN_CTX_free(numbers);
	BN_clear_free(d);
	EC_POINT_free(point);
	EC_GROUP_free(group);
	if (pkey == NULL) {
		ERR_clear_error();
		return ERR_CRYPTO;
	}
	return signing_key_of_private(JWT_ES256, pkey, ret);
}
