/* The only file that includes libjwt. What reaches it has passed jwt_parse: libjwt 1.10.2
 * believes the token's own alg, skips the check when the key is empty, and parses the PEM at
 * every call. */

/* libjwt's <jwt.h> claims two tags that are ours as well. */
#define jwt     libjwt_object
#define jwt_alg libjwt_alg
#include <jwt.h>
#undef jwt
#undef jwt_alg

#include "crypto/jwt.h"

#include <errno.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/pem.h>

#include "base/starved.h"
#include "crypto/signing_key_parts.h"

static const jwt_alg_t libjwt_algs[JWT_ALG_COUNT] = {
	[JWT_RS256] = JWT_ALG_RS256,
	[JWT_ES256] = JWT_ALG_ES256,
	[JWT_PS256] = JWT_ALG_NONE, /* these two it doesn't know */
	[JWT_EDDSA] = JWT_ALG_NONE,
};

static bool is_known(enum jwt_alg alg)
{
	return libjwt_algs[alg] != JWT_ALG_NONE;
}

static struct str bio_text(BIO *bio)
{
	char *p;
	long n = BIO_get_mem_data(bio, &p);

	return str_from(p, n > 0 ? (size_t)n : 0);
}

/* libjwt wants C strings. */
static enum err terminated_copy(struct str s, char out[JWT_MAX_LEN + 1])
{
	if (s.n > JWT_MAX_LEN)
		return ERR_TOO_LARGE;
	if (s.p == NULL || memchr(s.p, '\0', s.n) != NULL)
		return ERR_MALFORMED;
	memcpy(out, s.p, s.n);
	out[s.n] = '\0';
	return ERR_OK;
}

enum err jwt_verify_libjwt(struct signing_key *key, const struct jwt *jwt)
{
	char token[JWT_MAX_LEN + 1];
	struct str pem = key->public_pem == NULL ? STR_NONE : bio_text(key->public_pem);
	jwt_t *decoded = NULL;

	if (!is_known(jwt->alg) || key->public_pem == NULL || (jwt->typ.p != NULL && !str_eq(jwt->typ, STR("JWT"))))
		return jwt_verify(key, jwt);
	if (key->alg != jwt->alg || pem.n == 0 || terminated_copy(jwt->token, token) != ERR_OK)
		return ERR_MISMATCH;
	errno = 0;
	int failure = jwt_decode(&decoded, token, (const unsigned char *)pem.p, (int)pem.n);
	/* libjwt and jansson may say so in no other way */
	bool starved = failure == ENOMEM || errno == ENOMEM;
	/* libjwt calls an empty token decoded where it has no memory for its copy of the key */
	bool right = failure == 0 && jwt_get_alg(decoded) == libjwt_algs[key->alg];
	ERR_clear_error();
	jwt_free(decoded);
	if (right)
		return ERR_OK;
	if (starved)
		starved_note();
	return starved ? ERR_NO_MEMORY : ERR_MISMATCH;
}

/* The compact token, or NULL. The caller frees it. */
static char *encode(const struct signing_key *key, struct str private_pem, const char *claims)
{
	jwt_t *token = NULL;
	char *text = NULL;

	if (jwt_new(&token) != 0)
		return NULL;
	if (jwt_set_alg(token, libjwt_algs[key->alg], (const unsigned char *)private_pem.p, (int)private_pem.n) == 0 &&
	    jwt_add_grants_json(token, claims) == 0 && jwt_add_header(token, "kid", key->kid) == 0)
		text = jwt_encode_str(token);
	jwt_free(token);
	return text;
}

enum err jwt_sign_libjwt(struct signing_key *key, struct str claims, struct sbuf *out)
{
	char terminated[JWT_MAX_LEN + 1];
	char *text = NULL;

	if (!key->private)
		return ERR_CRYPTO;
	if (!is_known(key->alg))
		return jwt_sign(key, false, claims, out);
	enum err err = terminated_copy(claims, terminated);
	if (err != ERR_OK)
		return err;
	/* made for this one token: OpenSSL wipes a memory BIO as it frees it, and libjwt its
	 * copy */
	BIO *private_pem = BIO_new(BIO_s_mem());
	if (private_pem != NULL && PEM_write_bio_PKCS8PrivateKey(private_pem, key->pkey, NULL, NULL, 0, NULL, NULL) == 1)
		text = encode(key, bio_text(private_pem), terminated);
	BIO_free(private_pem);
	ERR_clear_error();
	if (text == NULL)
		return ERR_CRYPTO;
	sbuf_putz(out, text);
	free(text);
	return out->overflow ? ERR_TOO_LARGE : ERR_OK;
}
