/* text -> JWK or PEM -> EVP_PKEY -> signing_key_of_public, which checks it as it checks every key
 * -> thumbprint and canonical JWK. */
#include "crypto/client_key.h"

#include <limits.h>
#include <string.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/base64.h"
#include "crypto/jwt.h"
#include "crypto/signing_key_parts.h"

#define MEMBERS_MAX 2048

static const struct json_limits limits = {.max_depth = 3, .max_values = 64};

static const char no_key[] = "This is neither a public JWK nor a public key or certificate in PEM.";
static const char private_key[] = "This is a private key, which must stay with the client; register its public key.";
static const char symmetric_key[] = "This is a symmetric key; register a public key: RSA, EC P-256 or Ed25519.";
static const char unusable_key[] = "The key must be RSA of 2048 to 4096 bits, EC P-256 or Ed25519, and sound.";

static enum err refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return ERR_MALFORMED;
}

/* ---- the algorithm that checks go by ---- */

/* Of an RSA key without alg it is PS256, since both have the same demands of the key. */
static bool alg_of_pkey(const EVP_PKEY *pkey, enum jwt_alg *ret)
{
	static const enum jwt_alg algs[] = {JWT_PS256, JWT_ES256, JWT_EDDSA};

	for (size_t i = 0; i < sizeof algs / sizeof algs[0]; i++) {
		if (EVP_PKEY_is_a(pkey, jwt_alg_key_type(algs[i])) == 1) {
			*ret = algs[i];
			return true;
		}
	}
	return false;
}

static const char *type_name(enum jwt_alg alg)
{
	static const char *const names[] = {[JWT_RS256] = "RSA", [JWT_PS256] = "RSA", [JWT_ES256] = "P-256", [JWT_EDDSA] = "Ed25519"};

	return names[alg];
}

/* ---- what is stored ---- */

static enum err put_jwk(struct arena *a, const EVP_PKEY *pkey, enum jwt_alg alg, struct client_key *made)
{
	struct sbuf out = sbuf_in(a, MEMBERS_MAX);

	sbuf_putc(&out, '{');
	enum err err = jwk_put_members(pkey, alg, &out);
	if (made->alg_pinned)
		sbuf_printf(&out, ",\"alg\":\"%s\"", jwt_alg_name(made->alg));
	if (made->kid.p != NULL) {
		sbuf_putz(&out, ",\"kid\":");
		sbuf_put_json(&out, made->kid);
	}
	sbuf_putc(&out, '}');
	if (err != ERR_OK)
		return err;
	made->jwk = sbuf_str(&out);
	return out.overflow ? ERR_NO_MEMORY : ERR_OK;
}

static enum err describe(struct arena *a, const EVP_PKEY *pkey, enum jwt_alg alg, struct client_key *made)
{
	made->type = type_name(alg);
	made->bits = EVP_PKEY_get_bits(pkey);
	enum err err = jwk_thumbprint(pkey, alg, made->thumbprint);
	if (err != ERR_OK)
		return err;
	size_t n = base64url_encode(made->thumbprint_text, made->thumbprint, sizeof made->thumbprint);
	made->thumbprint_text[n] = '\0';
	return put_jwk(a, pkey, alg, made);
}

/* Takes `pkey` over. */
static enum err take(struct arena *a, EVP_PKEY *pkey, enum jwt_alg alg, struct client_key *made, const char **ret_why)
{
	struct signing_key *key;
	enum err err = signing_key_of_public(alg, pkey, &key);

	if (err == ERR_MISMATCH)
		return refuse(unusable_key, ret_why);
	if (err != ERR_OK)
		return err;
	err = describe(a, key->pkey, alg, made);
	signing_key_free(key);
	return err;
}

/* ---- JWK ---- */

static const char *jwk_fault(const struct json *jwk)
{
	if (jwk->type != JSON_OBJECT)
		return no_key;
	if (json_get(jwk, "keys") != NULL)
		return "This is a JWK Set; register its keys one by one.";
	if (json_get(jwk, "k") != NULL)
		return symmetric_key;
	if (jwk_has_private_member(jwk))
		return private_key;
	if (!jwk_is_for_verifying(jwk))
		return "The JWK isn't for signatures: its use must be sig, and its key_ops must have verify, if they are there.";
	return NULL;
}

static const char *kid_fault(const struct json *jwk, struct str *ret)
{
	struct str kid;
	enum err err = json_string(json_get(jwk, "kid"), &kid);

	if (err == ERR_NOT_PRESENT)
		return NULL;
	if (err != ERR_OK || !kid_well_formed(kid))
		return "The JWK's kid must be 1 to 128 visible ASCII characters.";
	*ret = kid;
	return NULL;
}

/* Pinned by the JWK's alg, else by nothing. */
static const char *alg_fault(const struct json *jwk, struct client_key *made, enum jwt_alg *ret)
{
	made->alg_pinned = json_get(jwk, "alg") != NULL;
	if (jwk_alg(jwk, ret) == ERR_OK) {
		made->alg = *ret;
		return NULL;
	}
	return made->alg_pinned ? "The JWK's alg must be ES256, PS256, EdDSA or RS256." : unusable_key;
}

static enum err read_jwk(struct arena *a, struct str text, struct client_key *made, const char **ret_why)
{
	const struct json *jwk = NULL;
	EVP_PKEY *pkey = NULL;
	enum jwt_alg alg;

	if (json_parse(a, text, limits, &jwk) != ERR_OK)
		return refuse(arena_overflowed(a) ? "The JWK is too large." : no_key, ret_why);
	const char *why = jwk_fault(jwk);
	if (why == NULL)
		why = kid_fault(jwk, &made->kid);
	if (why == NULL)
		why = alg_fault(jwk, made, &alg);
	if (why != NULL)
		return refuse(why, ret_why);
	enum err err = jwk_read_object(alg, jwk, &pkey);
	if (err == ERR_MISMATCH)
		return refuse(made->alg_pinned ? "The JWK's key doesn't fit its alg, or isn't sound." : unusable_key, ret_why);
	if (err == ERR_MALFORMED)
		return refuse("A member of the JWK is missing or is not strict base64url of its number.", ret_why);
	return err == ERR_OK ? take(a, pkey, alg, made, ret_why) : err;
}

/* ---- PEM ---- */

static bool contains(struct str text, const char *what)
{
	return memmem(text.p, text.n, what, strlen(what)) != NULL;
}

/* For a PEM block that says it is encrypted OpenSSL would ask at the terminal. */
/* NOLINTNEXTLINE(readability-non-const-parameter): its type is given */
static int no_passphrase(char *buf, int n, int writing, void *arg)
{
	(void)buf, (void)n, (void)writing, (void)arg;
	return -1;
}

static EVP_PKEY *certificate_key(BIO *pem)
{
	X509 *certificate = PEM_read_bio_X509(pem, NULL, no_passphrase, NULL);
	EVP_PKEY *pkey = certificate == NULL ? NULL : X509_get_pubkey(certificate);

	X509_free(certificate);
	return pkey;
}

static EVP_PKEY *pem_key(struct str text)
{
	BIO *pem = BIO_new_mem_buf(text.p, (int)text.n);
	if (pem == NULL)
		return NULL;
	EVP_PKEY *pkey =
		contains(text, "-----BEGIN CERTIFICATE-----") ? certificate_key(pem) : PEM_read_bio_PUBKEY(pem, NULL, no_passphrase, NULL);

	BIO_free(pem);
	ERR_clear_error();
	return pkey;
}

static bool is_several(struct str text)
{
	const char *first = memmem(text.p, text.n, "-----BEGIN ", 11);

	return first != NULL && contains(str_from(first + 1, text.n - (size_t)(first + 1 - text.p)), "-----BEGIN ");
}

static enum err read_pem(struct arena *a, struct str text, struct client_key *made, const char **ret_why)
{
	enum jwt_alg alg;

	if (contains(text, "PRIVATE KEY-----"))
		return refuse(private_key, ret_why);
	if (is_several(text))
		return refuse("The PEM text holds more than one key or certificate; register one.", ret_why);
	EVP_PKEY *pkey = pem_key(text);
	if (pkey == NULL)
		return refuse(no_key, ret_why);
	if (!alg_of_pkey(pkey, &alg)) {
		EVP_PKEY_free(pkey);
		return refuse(unusable_key, ret_why);
	}
	return take(a, pkey, alg, made, ret_why);
}

enum err client_key_read(struct arena *a, struct str text, struct client_key *ret, const char **ret_why)
{
	struct client_key made = {.kid = STR_NONE};

	if (text.n > CLIENT_KEY_TEXT_MAX)
		return refuse("The text is longer than 16 KiB.", ret_why);
	enum err err = contains(text, "-----BEGIN ") ? read_pem(a, text, &made, ret_why) : read_jwk(a, text, &made, ret_why);
	if (err == ERR_OK)
		*ret = made;
	return err;
}

bool client_key_takes(const struct client_key *key, enum jwt_alg alg)
{
	return key->alg_pinned ? key->alg == alg : str_eq(str_of(key->type), str_of(type_name(alg)));
}
