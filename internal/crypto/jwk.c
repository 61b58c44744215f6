/* Out: numbers -> minimal or padded big-endian bytes -> base64url. In: the same way back,
 * strictly, then EVP_PKEY_fromdata, which refuses points off the curve. */
#include "crypto/jwk.h"

#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/param_build.h>

#include "base/base64.h"
#include "json/json_read.h"

#define P256_BYTES    32
#define ED25519_BYTES 32
#define JSON_CAP      32768
#define MEMBERS_MAX   1024
#define UNCOMPRESSED  4 /* SEC 1, 2.3.3 */

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
	BN_clear_free(number);
	OPENSSL_cleanse(bytes, sizeof bytes);
	return err;
}

/* What a JWK of each algorithm says of its type. */
static const struct {
	const char *kty, *crv; /* crv NULL: has none */
} types[JWT_ALG_COUNT] = {
	[JWT_RS256] = {"RSA", NULL},
	[JWT_ES256] = {"EC", "P-256"},
	[JWT_PS256] = {"RSA", NULL},
	[JWT_EDDSA] = {"OKP", "Ed25519"},
};

/* RFC 8037 section 2. */
static enum err put_ed25519(const EVP_PKEY *pkey, struct sbuf *out)
{
	uint8_t bytes[ED25519_BYTES];
	size_t n = sizeof bytes;

	if (EVP_PKEY_get_raw_public_key(pkey, bytes, &n) != 1 || n != sizeof bytes)
		return ERR_CRYPTO;
	sbuf_put_base64url(out, str_from(bytes, n));
	return ERR_OK;
}

enum err jwk_put_members(const EVP_PKEY *pkey, enum jwt_alg alg, struct sbuf *out)
{
	enum err err;

	if (types[alg].crv == NULL) {
		sbuf_putz(out, "\"e\":\"");
		err = put_number(pkey, OSSL_PKEY_PARAM_RSA_E, 0, out);
		sbuf_putz(out, "\",\"kty\":\"RSA\",\"n\":\"");
		if (err == ERR_OK)
			err = put_number(pkey, OSSL_PKEY_PARAM_RSA_N, 0, out);
	} else if (alg == JWT_EDDSA) {
		sbuf_putz(out, "\"crv\":\"Ed25519\",\"kty\":\"OKP\",\"x\":\"");
		err = put_ed25519(pkey, out);
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

static enum err put_private_rsa(const EVP_PKEY *pkey, struct sbuf *out)
{
	static const struct {
		const char *member, *name;
	} numbers[] = {
		{"d", OSSL_PKEY_PARAM_RSA_D},          {"p", OSSL_PKEY_PARAM_RSA_FACTOR1},    {"q", OSSL_PKEY_PARAM_RSA_FACTOR2},
		{"dp", OSSL_PKEY_PARAM_RSA_EXPONENT1}, {"dq", OSSL_PKEY_PARAM_RSA_EXPONENT2}, {"qi", OSSL_PKEY_PARAM_RSA_COEFFICIENT1},
	};
	enum err err = ERR_OK;
	for (size_t i = 0; err == ERR_OK && i < sizeof numbers / sizeof *numbers; i++) {
		sbuf_printf(out, ",\"%s\":\"", numbers[i].member);
		err = put_number(pkey, numbers[i].name, 0, out);
		sbuf_putc(out, '"');
	}
	return err;
}

static enum err put_private_ed25519(const EVP_PKEY *pkey, struct sbuf *out)
{
	uint8_t bytes[ED25519_BYTES];
	size_t n = sizeof bytes;
	if (EVP_PKEY_get_raw_private_key(pkey, bytes, &n) != 1 || n != sizeof bytes)
		return ERR_CRYPTO;
	sbuf_put_base64url(out, str_from(bytes, n));
	OPENSSL_cleanse(bytes, sizeof bytes);
	return ERR_OK;
}

enum err jwk_put_private_members(const EVP_PKEY *pkey, enum jwt_alg alg, struct sbuf *out)
{
	if (types[alg].crv == NULL)
		return put_private_rsa(pkey, out);
	sbuf_putz(out, ",\"d\":\"");
	enum err err = alg == JWT_EDDSA ? put_private_ed25519(pkey, out) : put_number(pkey, OSSL_PKEY_PARAM_PRIV_KEY, P256_BYTES, out);
	sbuf_putc(out, '"');
	return err;
}

enum err jwk_thumbprint(const EVP_PKEY *pkey, enum jwt_alg alg, uint8_t out[SHA256_LEN])
{
	char text[MEMBERS_MAX];
	struct sbuf canonical = sbuf_fixed(text, sizeof text);

	sbuf_putc(&canonical, '{');
	enum err err = jwk_put_members(pkey, alg, &canonical);
	sbuf_putc(&canonical, '}');
	if (err == ERR_OK && canonical.overflow)
		err = ERR_CRYPTO;
	return err == ERR_OK ? sha256(canonical.p, canonical.n, out) : err;
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

/* The y of every point whose order divides 8, little-endian, also in the spellings above the
 * field's prime. Under such a key anybody's signature is right for one message in eight or for
 * all, and OpenSSL doesn't look. */
static bool is_of_small_order(const uint8_t point[ED25519_BYTES])
{
	static const uint8_t small[][ED25519_BYTES] = {
		{0},
		{1},
		{0x26, 0xe8, 0x95, 0x8f, 0xc2, 0xb2, 0x27, 0xb0, 0x45, 0xc3, 0xf4, 0x89, 0xf2, 0xef, 0x98, 0xf0,
		 0xd5, 0xdf, 0xac, 0x05, 0xd3, 0xc6, 0x33, 0x39, 0xb1, 0x38, 0x02, 0x88, 0x6d, 0x53, 0xfc, 0x05},
		{0xc7, 0x17, 0x6a, 0x70, 0x3d, 0x4d, 0xd8, 0x4f, 0xba, 0x3c, 0x0b, 0x76, 0x0d, 0x10, 0x67, 0x0f,
		 0x2a, 0x20, 0x53, 0xfa, 0x2c, 0x39, 0xcc, 0xc6, 0x4e, 0xc7, 0xfd, 0x77, 0x92, 0xac, 0x03, 0x7a},
		{0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
		{0xee, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
		 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
	};
	uint8_t y[ED25519_BYTES];

	memcpy(y, point, sizeof y);
	y[ED25519_BYTES - 1] &= 0x7f; /* the top bit is the sign of x */
	for (size_t i = 0; i < sizeof small / sizeof small[0]; i++)
		if (memcmp(y, small[i], sizeof y) == 0)
			return true;
	return false;
}

static enum err read_ed25519(const struct json *jwk, EVP_PKEY **ret)
{
	uint8_t bytes[ED25519_BYTES];
	struct str text;
	size_t n;

	if (json_string(json_get(jwk, "x"), &text) != ERR_OK || base64url_decode(text, bytes, sizeof bytes, &n) != ERR_OK ||
	    n != sizeof bytes)
		return ERR_MALFORMED;
	if (is_of_small_order(bytes))
		return ERR_MISMATCH;
	EVP_PKEY *pkey = EVP_PKEY_new_raw_public_key_ex(NULL, "ED25519", NULL, bytes, n);
	if (pkey == NULL) {
		ERR_clear_error();
		return ERR_MISMATCH;
	}
	*ret = pkey;
	return ERR_OK;
}

static enum err check_type(enum jwt_alg alg, const struct json *jwk)
{
	struct str kty, crv;

	if (json_string(json_get(jwk, "kty"), &kty) != ERR_OK)
		return ERR_MALFORMED;
	if (!str_eq(kty, str_of(types[alg].kty)))
		return ERR_MISMATCH;
	if (types[alg].crv == NULL)
		return ERR_OK;
	if (json_string(json_get(jwk, "crv"), &crv) != ERR_OK)
		return ERR_MALFORMED;
	return str_eq(crv, str_of(types[alg].crv)) ? ERR_OK : ERR_MISMATCH;
}

/* RFC 7518 sections 6.2.2, 6.3.2 and 6.4.1. One prime of an RSA modulus gives the key away as
 * well as "d" does. */
bool jwk_has_private_member(const struct json *jwk)
{
	static const char *const private[] = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"};

	for (size_t i = 0; i < sizeof private / sizeof private[0]; i++)
		if (json_get(jwk, private[i]) != NULL)
			return true;
	return false;
}

bool jwk_is_for_verifying(const struct json *jwk)
{
	struct str text;
	enum err err = json_string(json_get(jwk, "use"), &text);
	/* a SPIFFE bundle's keys for JWT-SVIDs say so (SPIFFE JWT-SVID section 5.2) */
	if (err != ERR_NOT_PRESENT && (err != ERR_OK || !(str_eq(text, STR("sig")) || str_eq(text, STR("jwt-svid")))))
		return false;
	const struct json *ops = json_get(jwk, "key_ops");
	if (ops == NULL)
		return true;
	for (const struct json *op = ops->type == JSON_ARRAY ? ops->child : NULL; op != NULL; op = op->next)
		if (op->type == JSON_STRING && str_eq(op->text, STR("verify")))
			return true;
	return false;
}

enum err jwk_read_object(enum jwt_alg alg, const struct json *jwk, EVP_PKEY **ret)
{
	enum jwt_alg named;
	struct str said;

	if (jwk_has_private_member(jwk))
		return ERR_MALFORMED;
	enum err err = json_string(json_get(jwk, "alg"), &said);
	if (err == ERR_MALFORMED)
		return err;
	if (err == ERR_OK && (jwt_alg_named(said, &named) != ERR_OK || named != alg))
		return ERR_MISMATCH;
	err = check_type(alg, jwk);
	if (err != ERR_OK)
		return err;
	switch (alg) {
	case JWT_ES256:
		return read_p256(jwk, ret);
	case JWT_EDDSA:
		return read_ed25519(jwk, ret);
	default:
		return read_rsa(jwk, ret);
	}
}

enum err jwk_alg(const struct json *jwk, enum jwt_alg *ret)
{
	static const enum jwt_alg plain[] = {JWT_RS256, JWT_ES256, JWT_EDDSA};
	struct str said;

	if (json_get(jwk, "alg") != NULL)
		return json_string(json_get(jwk, "alg"), &said) == ERR_OK ? jwt_alg_named(said, ret) : ERR_NOT_PRESENT;
	for (size_t i = 0; i < sizeof plain / sizeof plain[0]; i++) {
		if (check_type(plain[i], jwk) == ERR_OK) {
			*ret = plain[i];
			return ERR_OK;
		}
	}
	return ERR_NOT_PRESENT;
}

enum err jwk_read(enum jwt_alg alg, struct str text, EVP_PKEY **ret)
{
	const struct json_limits limits = {.max_depth = 2, .max_values = 64};
	const struct json *jwk;
	struct arena *a = arena_new(JSON_CAP);

	if (a == NULL)
		return ERR_NO_MEMORY;
	enum err err = json_parse(a, text, limits, &jwk) == ERR_OK ? jwk_read_object(alg, jwk, ret) : ERR_MALFORMED;
	arena_free(a);
	return err;
}
