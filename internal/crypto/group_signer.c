/* A key -> the fastest way that it allows; our own batches as one of them. */
#include "crypto/group_signer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/provider.h>

#include "base/starved.h"
#include "crypto/ecdsa_batch.h"
#include "crypto/multi_buffer.h"

static_assert(SIGNING_GROUP_MAX == ECDSA_BATCH_MAX, "a group is one batch, and has room for its probe");

struct batched {
	struct group_signer base;
	struct ecdsa_batch *batch;
};

static enum err sign_batch(struct group_signer *g, const struct str *inputs, size_t n, uint8_t (*signatures)[SIGNATURE_MAX],
			   size_t *lengths)
{
	uint8_t digests[ECDSA_BATCH_MAX][SHA256_LEN], made[ECDSA_BATCH_MAX][ECDSA_RAW_LEN];

	for (size_t i = 0; i < n; i++)
		memcpy(digests[i], inputs[i].p, SHA256_LEN);
	enum err err = ecdsa_batch_sign(((struct batched *)g)->batch, digests, n, made);
	for (size_t i = 0; err == ERR_OK && i < n; i++) {
		memcpy(signatures[i], made[i], ECDSA_RAW_LEN);
		lengths[i] = ECDSA_RAW_LEN;
	}
	return err;
}

static void free_batch(struct group_signer *g)
{
	ecdsa_batch_free(((struct batched *)g)->batch);
	free(g);
}

static struct group_signer *batched_new(enum jwt_alg alg, const EVP_PKEY *pkey)
{
	if (alg != JWT_ES256)
		return NULL;
	struct batched *b = starved_unless(calloc(1, sizeof *b));
	if (b == NULL)
		return NULL;
	b->batch = ecdsa_batch_new(pkey);
	if (b->batch == NULL) {
		free(b);
		return NULL;
	}
	b->base = (struct group_signer){
		.way = SIGNING_BATCHED,
		.min = ECDSA_BATCH_MIN,
		.max = ECDSA_BATCH_MAX,
		.group = SIGNING_GROUP_MAX,
		.sign = sign_batch,
		.free = free_batch,
	};
	return &b->base;
}

static bool is_approved_only(void)
{
	return EVP_default_properties_is_fips_enabled(NULL) == 1;
}

enum signing_way signing_way_here(enum signing_way allowed)
{
	bool has_library;
	multi_buffer_version(&has_library);
	if (is_approved_only())
		return SIGNING_SINGLE;
	return allowed == SIGNING_MULTI_BUFFER && !has_library ? SIGNING_BATCHED : allowed;
}

bool is_openssl_own(const EVP_PKEY *pkey)
{
	const OSSL_PROVIDER *provider = EVP_PKEY_get0_provider(pkey);

	return provider != NULL && strcmp(OSSL_PROVIDER_get0_name(provider), "default") == 0 && !is_approved_only();
}

struct group_signer *group_signer_new(enum jwt_alg alg, EVP_PKEY *pkey, enum signing_way way)
{
	if (way == SIGNING_SINGLE || !is_openssl_own(pkey))
		return NULL;
	struct group_signer *g = way == SIGNING_MULTI_BUFFER ? multi_buffer_new(alg, pkey) : NULL;
	return g != NULL ? g : batched_new(alg, pkey);
}

void group_signer_free(struct group_signer *g)
{
	if (g != NULL)
		g->free(g);
}

/* ---- of a signing key ---- */

/* `n` at once, each with another input. */
static bool some_verify(struct signing_key *key, size_t n)
{
	struct str inputs[SIGNING_GROUP_MAX] = {STR_NONE};
	uint8_t signatures[SIGNING_GROUP_MAX][SIGNATURE_MAX];
	size_t lengths[SIGNING_GROUP_MAX];
	char texts[SIGNING_GROUP_MAX];

	for (size_t i = 0; i < n; i++) {
		texts[i] = (char)i;
		inputs[i] = str_from(&texts[i], 1);
	}
	bool right = signing_key_sign_together(key, inputs, n, signatures, lengths) == ERR_OK;
	for (size_t i = 0; right && i < n; i++)
		right = signing_key_verify(key, inputs[i], str_from(signatures[i], lengths[i])) == ERR_OK;
	return right;
}

/* All lanes, and some of them. Of RSA each signature is verified when it is made, and a call of
 * 4096 bits takes ten milliseconds: there all will do. */
static bool verifies(struct signing_key *key)
{
	return some_verify(key, key->together->max) && (signing_key_is_slow(key) || some_verify(key, key->together->min));
}

/* A library or a CPU in which the parts of a signature don't fit together would make tokens that
 * nobody can verify: then the next simpler way is tried. */
bool signing_key_prepare_group(struct signing_key *key, enum signing_way way)
{
	bool right = true;

	for (; way > SIGNING_SINGLE; way--, right = false) {
		key->together = group_signer_new(key->alg, key->pkey, way);
		if (key->together == NULL || verifies(key))
			break;
		way = key->together->way;
		group_signer_free(key->together);
		key->together = NULL;
	}
	return right;
}

enum signing_way signing_key_way(const struct signing_key *key)
{
	return key->together == NULL ? SIGNING_SINGLE : key->together->way;
}
