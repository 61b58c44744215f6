/* DER, JWK or a fresh pair -> EVP_PKEY -> key_make, the one place that checks the key and
 * prepares what signatures need. */
#include "crypto/signing_key.h"

#include <limits.h>
#include <stdlib.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "base/starved.h"
#include "crypto/algorithms.h"
#include "crypto/digest.h"
#include "crypto/ecdsa_form.h"
#include "crypto/group_signer.h"
#include "crypto/signing_context.h"
#include "crypto/signing_key_parts.h"

#define RSA_BITS              2048
#define RSA_EXPONENT_BITS_MAX 64
#define MEMBERS_MAX           1024

/* With a long exponent verifying would cost as much as signing; OpenSSL itself allows large
 * moduli no more than this. */
static bool exponent_is_short(const EVP_PKEY *pkey)
{
	BIGNUM *e = NULL;
	bool is_short = EVP_PKEY_get_bn_param(pkey, OSSL_PKEY_PARAM_RSA_E, &e) == 1 && BN_num_bits(e) <= RSA_EXPONENT_BITS_MAX;

	BN_free(e);
	return is_short;
}

static bool key_fits(const EVP_PKEY *pkey, enum jwt_alg alg)
{
	char group[32];

	if (EVP_PKEY_is_a(pkey, jwt_alg_key_type(alg)) != 1)
		return false;
	if (jwt_alg_rsa_padding(alg) != 0)
		return EVP_PKEY_get_bits(pkey) >= RSA_BITS && EVP_PKEY_get_bits(pkey) <= 8 * JWK_RSA_MAX_BYTES && exponent_is_short(pkey);
	if (alg == JWT_ES256)
		return EVP_PKEY_get_group_name(pkey, group, sizeof group, NULL) == 1 && str_eq(str_of(group), STR(SN_X9_62_prime256v1));
	return true;
}

/* The point on its curve; for RSA an odd composite modulus without small factors and an odd
 * exponent above one. */
static bool public_part_is_sound(EVP_PKEY *pkey)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, pkey, NULL);
	bool sound = ctx != NULL && EVP_PKEY_public_check(ctx) == 1;

	EVP_PKEY_CTX_free(ctx);
	return sound;
}

static bool prepare(struct signing_key *key)
{
	key->hasher = hasher_new();
	if (key->hasher == NULL)
		return false;
	if (key->alg == JWT_EDDSA) {
		key->verify_message = signing_context_of_messages(key->pkey, EVP_DigestVerifyInit);
		key->sign_message = key->private ? signing_context_of_messages(key->pkey, EVP_DigestSignInit) : NULL;
		return key->verify_message != NULL && (!key->private || key->sign_message != NULL);
	}
	key->verify = signing_context_of_digests(key->pkey, key->alg, EVP_PKEY_verify_init);
	key->sign = key->private ? signing_context_of_digests(key->pkey, key->alg, EVP_PKEY_sign_init) : NULL;
	return key->verify != NULL && (!key->private || key->sign != NULL);
}

/* RFC 7638 section 3. */
static enum err make_kid(struct signing_key *key)
{
	char encoded[SHA256_LEN * 2];
	struct sbuf kid = sbuf_fixed(encoded, sizeof encoded);

	enum err err = jwk_thumbprint(key->pkey, key->alg, key->thumbprint);
	if (err != ERR_OK)
		return err;
	sbuf_put_base64url(&kid, str_from(key->thumbprint, sizeof key->thumbprint));
	memcpy(key->kid, kid.p, KID_LEN);
	return ERR_OK;
}

static void make_headers(struct signing_key *key)
{
	static const char *const typs[2] = {"JWT", "at+jwt"};

	for (int at_jwt = 0; at_jwt < 2; at_jwt++) {
		char text[ENCODED_HEADER_MAX];
		struct sbuf header = sbuf_fixed(text, sizeof text);
		struct sbuf encoded = sbuf_fixed(key->headers[at_jwt], ENCODED_HEADER_MAX);

		sbuf_printf(&header, "{\"alg\":\"%s\",\"typ\":\"%s\",\"kid\":\"%s\"}", jwt_alg_name(key->alg), typs[at_jwt], key->kid);
		sbuf_put_base64url(&encoded, sbuf_str(&header));
	}
}

static BIO *pem_of(EVP_PKEY *pkey)
{
	BIO *pem = BIO_new(BIO_s_mem());

	if (pem != NULL && PEM_write_bio_PUBKEY(pem, pkey) == 1)
		return pem;
	BIO_free(pem);
	return NULL;
}

/* KEY_KNOWN is without what costs more than a signature: the check of the public part, and the
 * PEM that libjwt wants. The STORED ones are without the check. */
enum key_kind { KEY_PUBLIC, KEY_PRIVATE, KEY_KNOWN, KEY_STORED_PUBLIC, KEY_STORED_PRIVATE };

static bool is_to_be_checked(enum key_kind kind)
{
	return kind == KEY_PUBLIC || kind == KEY_PRIVATE;
}

/* Takes `pkey` over, also on failure. */
static enum err key_make(enum jwt_alg alg, EVP_PKEY *pkey, enum key_kind kind, struct signing_key **ret)
{
	struct signing_key *key = starved_unless(calloc(1, sizeof *key));
	enum err err = ERR_NO_MEMORY;

	if (key == NULL) {
		EVP_PKEY_free(pkey);
		return err;
	}
	key->alg = alg;
	key->pkey = pkey;
	key->private = kind == KEY_PRIVATE || kind == KEY_STORED_PRIVATE;
	if (!key_fits(pkey, alg) || (is_to_be_checked(kind) && !public_part_is_sound(pkey))) {
		err = ERR_MISMATCH;
		goto fail;
	}
	err = ERR_CRYPTO;
	if (!prepare(key))
		goto fail;
	key->public_pem = kind == KEY_KNOWN ? NULL : pem_of(pkey);
	if (key->public_pem == NULL && kind != KEY_KNOWN)
		goto fail;
	err = make_kid(key);
	if (err != ERR_OK)
		goto fail;
	make_headers(key);
	*ret = key;
	return ERR_OK;
fail:
	ERR_clear_error();
	signing_key_free(key);
	return err;
}

static EVP_PKEY *generate(enum jwt_alg alg)
{
	switch (alg) {
	case JWT_RS256:
	case JWT_PS256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)RSA_BITS);
	case JWT_ES256:
		return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
	case JWT_EDDSA:
		return EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	case JWT_ALG_COUNT:
		break;
	}
	return NULL;
}

/* The kid is typed at command lines, so none begins as an option does. */
enum err signing_key_generate(enum jwt_alg alg, struct signing_key **ret)
{
	for (;;) {
		struct signing_key *key = NULL;
		EVP_PKEY *pkey = generate(alg);
		enum err err = pkey == NULL ? ERR_CRYPTO : key_make(alg, pkey, KEY_PRIVATE, &key);
		if (err != ERR_OK)
			return err;
		if (key->kid[0] != '-') {
			*ret = key;
			return ERR_OK;
		}
		signing_key_free(key);
	}
}

static bool probe(struct signing_key *signer, struct signing_key *verifier)
{
	uint8_t signature[SIGNATURE_MAX];
	size_t n;

	return signing_key_sign(signer, STR("probe"), signature, &n) == ERR_OK &&
	       signing_key_verify(verifier, STR("probe"), str_from(signature, n)) == ERR_OK;
}

/* OpenSSL gives an RSA key's blinding to the thread of its first signature, and has others take a
 * lock and memory at each of theirs. So a twin signs here, where a thread may only load the key. */
static bool twin_signs(struct signing_key *key)
{
	struct signing_key twin = *key;
	EVP_PKEY *pkey = EVP_PKEY_dup(key->pkey);

	twin.sign = pkey == NULL ? NULL : signing_context_of_digests(pkey, key->alg, EVP_PKEY_sign_init);
	bool signs = twin.sign != NULL && probe(&twin, key);
	EVP_PKEY_CTX_free(twin.sign);
	EVP_PKEY_free(pkey);
	return signs;
}

/* A private part that belongs to another public part would sign tokens that nobody can verify. The
 * slow ones are RSA's. */
static bool signs_what_it_verifies(struct signing_key *key)
{
	bool signs = signing_key_is_slow(key) ? twin_signs(key) : probe(key, key);

	ERR_clear_error();
	return signs;
}

static enum err from_der(enum jwt_alg alg, struct str pkcs8, enum key_kind kind, struct signing_key **ret)
{
	const uint8_t *p = (const uint8_t *)pkcs8.p;
	struct signing_key *key;

	if (pkcs8.n == 0 || pkcs8.n > INT_MAX)
		return ERR_MALFORMED;
	PKCS8_PRIV_KEY_INFO *info = d2i_PKCS8_PRIV_KEY_INFO(NULL, &p, (long)pkcs8.n);
	bool whole = info != NULL && p == (const uint8_t *)pkcs8.p + pkcs8.n;
	EVP_PKEY *pkey = whole ? EVP_PKCS82PKEY(info) : NULL;
	PKCS8_PRIV_KEY_INFO_free(info);
	if (pkey == NULL) {
		ERR_clear_error();
		return ERR_MALFORMED;
	}
	enum err err = key_make(alg, pkey, kind, &key);
	if (err != ERR_OK)
		return err;
	if (!signs_what_it_verifies(key)) {
		signing_key_free(key);
		return ERR_MISMATCH;
	}
	*ret = key;
	return ERR_OK;
}

enum err signing_key_from_der(enum jwt_alg alg, struct str pkcs8, struct signing_key **ret)
{
	return from_der(alg, pkcs8, KEY_PRIVATE, ret);
}

enum err signing_key_from_stored_der(enum jwt_alg alg, struct str pkcs8, struct signing_key **ret)
{
	return from_der(alg, pkcs8, KEY_STORED_PRIVATE, ret);
}

enum err signing_key_from_jwk(enum jwt_alg alg, struct str jwk_json, struct signing_key **ret)
{
	EVP_PKEY *pkey;
	enum err err = jwk_read(alg, jwk_json, &pkey);

	return err != ERR_OK ? err : key_make(alg, pkey, KEY_PUBLIC, ret);
}

enum err signing_key_from_stored_jwk(enum jwt_alg alg, struct str jwk_json, struct signing_key **ret)
{
	EVP_PKEY *pkey;
	enum err err = jwk_read(alg, jwk_json, &pkey);

	return err != ERR_OK ? err : key_make(alg, pkey, KEY_STORED_PUBLIC, ret);
}

enum err signing_key_from_known_jwk(enum jwt_alg alg, struct str jwk_json, struct signing_key **ret)
{
	EVP_PKEY *pkey;
	enum err err = jwk_read(alg, jwk_json, &pkey);

	return err != ERR_OK ? err : key_make(alg, pkey, KEY_KNOWN, ret);
}

enum err signing_key_of_known(enum jwt_alg alg, EVP_PKEY *pkey, struct signing_key **ret)
{
	return key_make(alg, pkey, KEY_KNOWN, ret);
}

enum err signing_key_of_public(enum jwt_alg alg, EVP_PKEY *pkey, struct signing_key **ret)
{
	return key_make(alg, pkey, KEY_PUBLIC, ret);
}

enum err signing_key_of_private(enum jwt_alg alg, EVP_PKEY *pkey, struct signing_key **ret)
{
	return key_make(alg, pkey, KEY_PRIVATE, ret);
}

struct signing_key *signing_key_hold(struct signing_key *key)
{
	key->holders++;
	return key;
}

void signing_key_free(struct signing_key *key)
{
	if (key == NULL)
		return;
	if (key->holders > 0) {
		key->holders--;
		return;
	}
	BIO_free(key->public_pem);
	hasher_free(key->hasher);
	EVP_PKEY_CTX_free(key->verify);
	EVP_PKEY_CTX_free(key->sign);
	if (key->together != NULL)
		key->together->free(key->together);
	EVP_MD_CTX_free(key->verify_message);
	EVP_MD_CTX_free(key->sign_message);
	EVP_PKEY_free(key->pkey);
	free(key);
}

enum err signing_key_to_der(const struct signing_key *key, struct arena *a, struct str *ret)
{
	enum err err = ERR_CRYPTO;

	if (!key->private)
		return ERR_NOT_PRESENT;
	PKCS8_PRIV_KEY_INFO *info = EVP_PKEY2PKCS8(key->pkey);
	int n = info == NULL ? 0 : i2d_PKCS8_PRIV_KEY_INFO(info, NULL);
	if (n > 0) {
		uint8_t *der = arena_alloc(a, (size_t)n);
		uint8_t *p = der;
		if (der == NULL) {
			err = ERR_NO_MEMORY;
		} else if (i2d_PKCS8_PRIV_KEY_INFO(info, &p) == n) {
			*ret = str_from(der, (size_t)n);
			err = ERR_OK;
		}
	}
	PKCS8_PRIV_KEY_INFO_free(info);
	return err;
}

enum err signing_key_private_pem(const struct signing_key *key, struct sbuf *out)
{
	char *text = NULL;
	BIO *bio = key->private ? BIO_new(BIO_s_secmem()) : NULL;
	if (!key->private)
		return ERR_NOT_PRESENT;
	bool good = bio != NULL && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1;
	long n = good ? BIO_get_mem_data(bio, &text) : 0;
	if (n > 0)
		sbuf_put(out, str_from(text, (size_t)n));
	BIO_free(bio);
	if (n <= 0)
		return ERR_CRYPTO;
	return out->overflow ? ERR_TOO_LARGE : ERR_OK;
}

static enum err put_jwk(const struct signing_key *key, bool private, struct sbuf *out)
{
	char text[MEMBERS_MAX];
	struct sbuf members = sbuf_fixed(text, sizeof text);
	enum err err = jwk_put_members(key->pkey, key->alg, &members);

	if (err != ERR_OK)
		return err;
	sbuf_putc(out, '{');
	sbuf_put(out, sbuf_str(&members));
	if (private)
		err = jwk_put_private_members(key->pkey, key->alg, out);
	sbuf_printf(out, ",\"alg\":\"%s\",\"use\":\"sig\",\"kid\":\"%s\"}", jwt_alg_name(key->alg), key->kid);
	return err == ERR_OK && out->overflow ? ERR_TOO_LARGE : err;
}

enum err signing_key_private_jwk(const struct signing_key *key, struct sbuf *out)
{
	return key->private ? put_jwk(key, true, out) : ERR_NOT_PRESENT;
}

enum err signing_key_public_jwk(const struct signing_key *key, struct sbuf *out)
{
	return put_jwk(key, false, out);
}

enum jwt_alg signing_key_alg(const struct signing_key *key)
{
	return key->alg;
}

struct str signing_key_kid(const struct signing_key *key)
{
	return str_from(key->kid, KID_LEN);
}

bool signing_key_is_private(const struct signing_key *key)
{
	return key->private;
}

unsigned signing_key_group(const struct signing_key *key)
{
	if (key->together != NULL)
		return (unsigned)key->together->group;
	return signing_key_is_slow(key) ? SIGNING_GROUP_SLOW : 1;
}

bool signing_key_is_slow(const struct signing_key *key)
{
	return key->alg == JWT_RS256 || key->alg == JWT_PS256;
}
