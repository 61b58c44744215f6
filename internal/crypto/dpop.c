#include "crypto/dpop.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/err.h>

#include "base/base64.h"
#include "crypto/kbkdf.h"
#include "crypto/signing_key_parts.h"

#define NONCE_LABEL "m2m-gateway dpop nonce v1"
#define SLOT_LEN    4
#define MAC_LEN     16
#define NONCE_BYTES (SLOT_LEN + MAC_LEN)

_Static_assert(BASE64URL_LEN(NONCE_BYTES) == DPOP_NONCE_LEN, "a nonce's length");

const struct jwt_form jwt_form_dpop_proof = {.typs = {"dpop+jwt"}, .typ_wanted = true, .embeds_jwk = true};

static void put_text(const uint8_t digest[SHA256_LEN], char out[THUMBPRINT_TEXT_LEN + 1])
{
	out[base64url_encode(out, digest, SHA256_LEN)] = '\0';
}

/* ---- proofs ---- */

enum err dpop_key(const struct jwt *proof, struct signing_key **ret)
{
	EVP_PKEY *pkey = NULL;

	if (!jwk_is_for_verifying(proof->jwk))
		return ERR_MISMATCH;
	enum err err = jwk_read_object(proof->alg, proof->jwk, &pkey);
	if (err == ERR_OK)
		err = signing_key_of_known(proof->alg, pkey, ret);
	return err == ERR_MALFORMED ? ERR_MISMATCH : err;
}

void dpop_thumbprint(const struct signing_key *key, char jkt[THUMBPRINT_TEXT_LEN + 1])
{
	put_text(key->thumbprint, jkt);
}

enum err dpop_ath(struct str access_token, char out[THUMBPRINT_TEXT_LEN + 1])
{
	uint8_t digest[SHA256_LEN];

	if (sha256(access_token.p, access_token.n, digest) != ERR_OK)
		return ERR_CRYPTO;
	put_text(digest, out);
	return ERR_OK;
}

/* ---- nonces ---- */

struct dpop_nonces {
	int64_t slots; /* how many before the present one are good */
	unsigned n;
	uint8_t keys[MASTER_RING_MAX][KBKDF_KEY_LEN]; /* [0] is the active master key's */
};

enum err dpop_nonces_new(const struct master_ring *ring, int64_t lifetime_s, struct dpop_nonces **ret)
{
	struct dpop_nonces *nonces = calloc(1, sizeof *nonces);

	if (nonces == NULL)
		return ERR_NO_MEMORY;
	nonces->slots = (lifetime_s + DPOP_NONCE_SLOT_S - 1) / DPOP_NONCE_SLOT_S;
	for (; nonces->n < ring->n; nonces->n++) {
		if (kbkdf_hmac_sha256(ring->keys[nonces->n].master, STR(NONCE_LABEL), STR(""), nonces->keys[nonces->n]) != ERR_OK) {
			dpop_nonces_free(nonces);
			ERR_clear_error();
			return ERR_CRYPTO;
		}
	}
	*ret = nonces;
	return ERR_OK;
}

void dpop_nonces_free(struct dpop_nonces *nonces)
{
	if (nonces != NULL)
		crypto_wipe(nonces, sizeof *nonces);
	free(nonces);
}

static uint32_t slot_at(int64_t now_us)
{
	return (uint32_t)(now_us / 1000000 / DPOP_NONCE_SLOT_S);
}

static void put_slot(uint32_t slot, uint8_t out[SLOT_LEN])
{
	for (unsigned i = 0; i < SLOT_LEN; i++)
		out[i] = (uint8_t)(slot >> (24 - 8 * i));
}

static uint32_t read_slot(const uint8_t bytes[SLOT_LEN])
{
	uint32_t slot = 0;

	for (unsigned i = 0; i < SLOT_LEN; i++)
		slot = slot << 8 | bytes[i];
	return slot;
}

static enum err make_bytes(const uint8_t key[KBKDF_KEY_LEN], uint32_t slot, uint8_t out[NONCE_BYTES])
{
	uint8_t mac[SHA256_LEN];

	put_slot(slot, out);
	if (hmac_sha256(key, out, SLOT_LEN, mac) != ERR_OK)
		return ERR_CRYPTO;
	memcpy(out + SLOT_LEN, mac, MAC_LEN);
	return ERR_OK;
}

enum err dpop_nonce_make(const struct dpop_nonces *nonces, int64_t now_us, char out[DPOP_NONCE_LEN + 1])
{
	uint8_t bytes[NONCE_BYTES];

	if (make_bytes(nonces->keys[0], slot_at(now_us), bytes) != ERR_OK)
		return ERR_CRYPTO;
	out[base64url_encode(out, bytes, sizeof bytes)] = '\0';
	return ERR_OK;
}

bool dpop_nonce_is_fresh(const struct dpop_nonces *nonces, int64_t now_us, struct str nonce)
{
	uint8_t given[NONCE_BYTES], right[NONCE_BYTES];
	bool fresh = false;
	size_t n;

	if (base64url_decode(nonce, given, sizeof given, &n) != ERR_OK || n != sizeof given)
		return false;
	int64_t age = (int64_t)slot_at(now_us) - read_slot(given);
	if (age > nonces->slots || age < -1)
		return false;
	for (unsigned i = 0; i < nonces->n; i++)
		if (make_bytes(nonces->keys[i], read_slot(given), right) == ERR_OK)
			fresh = crypto_equal(given, right, sizeof right) || fresh;
	return fresh;
}
