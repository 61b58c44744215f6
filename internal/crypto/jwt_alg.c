#include "crypto/jwt_alg.h"

#include <openssl/rsa.h>

static const struct {
	const char *name;
	const char *key_type;
	int rsa_padding;
} algs[JWT_ALG_COUNT] = {
	[JWT_RS256] = {"RS256", "RSA", RSA_PKCS1_PADDING},
	[JWT_ES256] = {"ES256", "EC", 0},
	[JWT_PS256] = {"PS256", "RSA", RSA_PKCS1_PSS_PADDING},
	[JWT_EDDSA] = {"EdDSA", "ED25519", 0},
};

const char *jwt_alg_name(enum jwt_alg alg)
{
	return algs[alg].name;
}

enum err jwt_alg_of(struct str name, enum jwt_alg *ret)
{
	for (enum jwt_alg alg = 0; alg < JWT_ALG_COUNT; alg++) {
		if (str_eq(name, str_of(algs[alg].name))) {
			*ret = alg;
			return ERR_OK;
		}
	}
	return ERR_NOT_PRESENT;
}

enum err jwt_alg_named(struct str name, enum jwt_alg *ret)
{
	return jwt_alg_of(str_eq(name, STR("Ed25519")) ? STR("EdDSA") : name, ret);
}

const char *jwt_alg_key_type(enum jwt_alg alg)
{
	return algs[alg].key_type;
}

int jwt_alg_rsa_padding(enum jwt_alg alg)
{
	return algs[alg].rsa_padding;
}
