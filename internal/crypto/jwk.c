/* Out: numbers -> minimal or padded big-endian bytes -> base64url. In: the same way back, strictly, then EVP_PKEY_fromdata, which refuses points
 * off the curve. */
#include "crypto/jwk.h"

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base/base64.h"
#include "json/json_read.h"

#define P256_BYTES   32
#define JSON_CAP     32768
#define UNCOMPRESSED 4 /* SEC 1, 2.3.3 */

/* The key's number `name` in `pad` bytes, or in as few as it needs if `pad` is 0. */
static enum err put_number(const EVP_PKEY *pkey, const char *name, size_t pad, struct sbuf *out)
{
	uint8_t bytes[JWK_RSA_MAX_BYTES];
	BIGNUM *number = NULL;
	enum err err = ERR_CRYPTO;

	if (EVP_PKEY_get_bn_param(pkey, name, &number) == 1) {
		int n = pad != 0 ? (int)pad : BN_num_bytes(number);
		if (n <= (int)sizeof bytes && BN_bn2binpad(number, bytes, n) == n) {
			sbuf_put_base64url(out, str_from(bytes, (size_t)n));
			err = ERR_OK;
		}
	}
	BN_free(number);
	return err;
}

enum err jwk_put_members(const EVP_PKEY *pkey, enum jwt_alg alg, struct sbuf *out)
{
	enum err err;

	if (alg == JWT_RS256) {
		sbuf_putz(out, "\"e\":\"");
		err = put_number(pkey, OSSL_PKEY_PARAM_RSA_E, 0, out);
		sbuf_putz(out, "\",\"kty\":\"RSA\",\"n\":\"");
		if (err == ERR_OK)
			err = put_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0, out);
	} else {
		sbuf_putz(out, "\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
		err = put_number(pkey, OSSL_PKEY_PARAM_EC_PUB_X, P256_BYTES, out);
		sbuf_putz(out, "\",\"y\":\"");
		if (err == ERR_OK)
			err = put_number(pkey, OSSL_PKEY_PARAM_EC_PUB_Y, P256_BYTES, out);
	}
	sbuf_putc(out, '"');
	return err;
}

/* ERR_MISMATCH: a public key that OpenSSL won't have. */
static enum err from_params(const char *type, OSSL_PARAM *params, EVP_PKEY **ret)
{
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY *pkey = NULL;
	enum err err = ERR_MISMATCH;

	if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1) {
		err = ERR_CRYPTO;
	} else if (EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) == 1) {
		*ret = pkey;
		err = ERR_OK;
	}
	EVP_PKEY_CTX_free(ctx);
	ERR_clear_error();
	return err;
}

/* A Base64urlUInt (RFC 7518 section 2): as few bytes as it needs. */
static enum err read_number(const struct json *jwk, const char *name, BIGNUM **ret)
{
	uint8_t bytes[JWK_RSA_MAX_BYTES];
	struct str text;
	size_t n;

	if (json_string(json_get(jwk, name), &text) != ERR_OK || base64url_decode(text, bytes, sizeof bytes, &n) != ERR_OK)
		return ERR_MALFORMED;
	if (n == 0 || bytes[0] == 0)
		return ERR_MALFORMED;
	*ret = BN_bin2bn(bytes, (int)n, NULL);
	return *ret != NULL ? ERR_OK : ERR_NO_MEMORY;
}

static enum err read_rsa(const struct json *jwk, EVP_PKEY **ret)
{
	BIGNUM *n = NULL, *e = NULL;
	OSSL_PARAM_BLD *builder = NULL;
	OSSL_PARAM *params = NULL;

	enum err err = read_number(jwk, "n", &n);
	if (err == ERR_OK)
		err = read_number(jwk, "e", &e);
	if (err != ERR_OK)
		goto out;
	builder = OSSL_PARAM_BLD_new();
	if (builder == NULL || OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_N, n) != 1 ||
	    OSSL_PARAM_BLD_push_BN(builder, OSSL_PKEY_PARAM_RSA_E, e) != 1 || (params = OSSL_PARAM_BLD_to_param(builder)) == NULL)
		err = ERR_CRYPTO;
	else
		err = from_params("RSA", params, ret);
out:
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(builder);
	BN_free(e);
	BN_free(n);
	return err;
}

static enum err read_coordinate(const struct json *jwk, const char *name, uint8_t out[P256_BYTES])
{
	struct str text;
	size_t n;

	if (json_string(json_get(jwk, name), &text) != ERR_OK || base64url_decode(text, out, P256_BYTES, &n) != ERR_OK)
		return ERR_MALFORMED;
	return n == P256_BYTES ? ERR_OK : ERR_MALFORMED;
}

static enum err read_p256(const struct json *jwk, EVP_PKEY **ret)
{
	uint8_t point[1 + 2 * P256_BYTES] = {UNCOMPRESSED};
	char group[] = "P-256";
	struct str crv;

	if (json_string(json_get(jwk, "crv"), &crv) != ERR_OK)
		return ERR_MALFORMED;
	if (!str_eq(crv, str_of(group)))
		return ERR_MISMATCH;
	enum err err = read_coordinate(jwk, "x", point + 1);
	if (err == ERR_OK)
		err = read_coordinate(jwk, "y", point + 1 + P256_BYTES);
	if (err != ERR_OK)
		return err;
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
		OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof point),
		OSSL_PARAM_construct_end(),
	};
	return from_params("EC", params, ret);
}

static enum err read_object(enum jwt_alg alg, const struct json *jwk, EVP_PKEY **ret)
{
	struct str kty, said;

	if (json_string(json_get(jwk, "kty"), &kty) != ERR_OK || json_get(jwk, "d") != NULL)
		return ERR_MALFORMED;
	enum err err = json_string(json_get(jwk, "alg"), &said);
	if (err == ERR_MALFORMED)
		return err;
	if (err == ERR_OK && !str_eq(said, str_of(jwt_alg_name(alg))))
		return ERR_MISMATCH;
	if (!str_eq(kty, alg == JWT_RS256 ? STR("RSA") : STR("EC")))
		return ERR_MISMATCH;
	return alg == JWT_RS256 ? read_rsa(jwk, ret) : read_p256(jwk, ret);
}

enum err jwk_read(enum jwt_alg alg, struct str text, EVP_PKEY **ret)
{
	const struct json_limits limits = {.max_depth = 2, .max_values = 64};
	const struct json *jwk;
	struct arena *a = arena_new(JSON_CAP);

	if (a == NULL)
		return ERR_NO_MEMORY;
	enum err err = json_parse(a, text, limits, &jwk) == ERR_OK ? read_object(alg, jwk, ret) : ERR_MALFORMED;
	arena_free(a);
	return err;
}
