/* hash -> foreign_hash.h's numbers -> the same function over the secret -> a comparison in
 * constant time. */
#include "crypto/foreign_secret.h"

#include <argon2.h>
#include <crypt.h>
#include <stdlib.h>

#include <openssl/err.h>
#include <openssl/evp.h>

#include "base/starved.h"
#include "crypto/digest.h"
#include "crypto/foreign_hash.h"

#define SCRYPT_MEMORY (FOREIGN_MEMORY_MAX + 16 * 1024 * 1024) /* beside the large array */

bool foreign_well_formed(struct str s)
{
	bool good = s.n >= FOREIGN_MIN && s.n <= FOREIGN_MAX;
	for (size_t i = 0; good && i < s.n; i++)
		good = s.p[i] >= '!' && s.p[i] <= '~';
	return good;
}

bool foreign_noop(struct str hash, struct str *ret)
{
	struct str prefix = STR("{noop}");
	if (!str_starts(hash, prefix))
		return false;
	*ret = str_from(hash.p + prefix.n, hash.n - prefix.n);
	return true;
}

enum err foreign_hash_canonical(struct str hash, char *out, struct str *ret)
{
	struct foreign_hash h;
	struct sbuf text = sbuf_fixed(out, FOREIGN_HASH_MAX);
	enum err err = foreign_hash_read(hash, &h);
	if (err != ERR_OK)
		return err;
	foreign_hash_put(&h, &text);
	if (text.overflow)
		return ERR_MALFORMED;
	*ret = sbuf_str(&text);
	return ERR_OK;
}

/* The same hash with crypt(3). What stands before the key may have unused bits set, so that the
 * keys alone are compared. */
static enum err crypt_verify(const struct foreign_hash *h, struct str secret)
{
	char phrase[FOREIGN_MAX + 1] = {0}, setting[FOREIGN_HASH_MAX + 1] = {0};
	struct crypt_data *data = starved_unless(calloc(1, sizeof *data));
	if (data == NULL)
		return ERR_NO_MEMORY;
	memcpy(phrase, secret.p, secret.n);
	memcpy(setting, h->crypt.p, h->crypt.n);
	struct str made = str_of(crypt_r(phrase, setting, data));
	enum err err = ERR_CRYPTO;
	if (made.n == h->crypt.n && made.p[0] == '$')
		err = crypto_equal(made.p + h->key_at, setting + h->key_at, made.n - h->key_at) ? ERR_OK : ERR_MISMATCH;
	crypto_wipe(data, sizeof *data);
	crypto_wipe(phrase, sizeof phrase);
	free(data);
	return err;
}

/* Django's: so that bcrypt's 72 bytes are enough for any secret. */
static enum err bcrypt_sha256_verify(const struct foreign_hash *h, struct str secret)
{
	static const char digit[] = "0123456789abcdef";
	uint8_t digest[SHA256_LEN];
	char hex[2 * SHA256_LEN];
	enum err err = sha256(secret.p, secret.n, digest);
	if (err != ERR_OK)
		return err;
	for (size_t i = 0; i < sizeof digest; i++) {
		hex[2 * i] = digit[digest[i] >> 4];
		hex[2 * i + 1] = digit[digest[i] & 15];
	}
	err = crypt_verify(h, str_from(hex, sizeof hex));
	crypto_wipe(digest, sizeof digest);
	crypto_wipe(hex, sizeof hex);
	return err;
}

static const EVP_MD *digest_of(enum foreign_digest digest)
{
	switch (digest) {
	case FOREIGN_SHA1:
		return EVP_sha1();
	case FOREIGN_SHA3_224:
		return EVP_sha3_224();
	case FOREIGN_SHA256:
		return EVP_sha256();
	case FOREIGN_SHA3_384:
		return EVP_sha3_384();
	case FOREIGN_SHA512:
		return EVP_sha512();
	case FOREIGN_SHA2_224:
		return EVP_sha224();
	case FOREIGN_SHA2_384:
		return EVP_sha384();
	}
	return NULL;
}

static enum err pbkdf2(const struct foreign_hash *h, struct str secret, uint8_t *out)
{
	int good = PKCS5_PBKDF2_HMAC(secret.p, (int)secret.n, h->salt, (int)h->salt_n, (int)h->iterations, digest_of(h->digest),
				     (int)h->key_n, out);
	return good == 1 ? ERR_OK : ERR_CRYPTO;
}

static enum err scrypt(const struct foreign_hash *h, struct str secret, uint8_t *out)
{
	int good = EVP_PBE_scrypt(secret.p, secret.n, h->salt, h->salt_n, UINT64_C(1) << h->ln, h->r, h->p, SCRYPT_MEMORY, out, h->key_n);
	if (good == 1)
		return ERR_OK;
	return ERR_GET_REASON(ERR_peek_last_error()) == ERR_R_MALLOC_FAILURE ? ERR_NO_MEMORY : ERR_CRYPTO;
}

/* All lanes in this thread: whoever gave it one core gave it one. */
/* NOLINTNEXTLINE(readability-non-const-parameter): it is written */
static enum err argon2(const struct foreign_hash *h, struct str secret, uint8_t *out)
{
	uint8_t phrase[FOREIGN_MAX], salt[FOREIGN_SALT_MAX];
	memcpy(phrase, secret.p, secret.n);
	memcpy(salt, h->salt, h->salt_n);
	argon2_context context = {
		.out = out,
		.outlen = (uint32_t)h->key_n,
		.pwd = phrase,
		.pwdlen = (uint32_t)secret.n,
		.salt = salt,
		.saltlen = (uint32_t)h->salt_n,
		.t_cost = h->passes,
		.m_cost = h->memory,
		.lanes = h->p,
		.threads = 1,
		.version = ARGON2_VERSION_13,
		.flags = ARGON2_DEFAULT_FLAGS,
	};
	int made = argon2_ctx(&context, h->is_argon2id ? Argon2_id : Argon2_i);
	crypto_wipe(phrase, sizeof phrase);
	return made == ARGON2_OK ? ERR_OK : made == ARGON2_MEMORY_ALLOCATION_ERROR ? ERR_NO_MEMORY : ERR_CRYPTO;
}

static enum err sha(const struct foreign_hash *h, struct str secret, uint8_t *out)
{
	unsigned n = 0;
	int good = EVP_Digest(secret.p, secret.n, out, &n, h->key_n == 32 ? EVP_sha256() : EVP_sha512(), NULL);
	return good == 1 && n == h->key_n ? ERR_OK : ERR_CRYPTO;
}

static enum err key_verify(const struct foreign_hash *h, struct str secret,
			   enum err (*make)(const struct foreign_hash *h, struct str secret, uint8_t *out))
{
	uint8_t key[FOREIGN_KEY_MAX];
	enum err err = make(h, secret, key);
	if (err == ERR_OK && !crypto_equal(key, h->key, h->key_n))
		err = ERR_MISMATCH;
	else if (err != ERR_OK)
		ERR_clear_error();
	crypto_wipe(key, sizeof key);
	return err;
}

enum err foreign_hash_verify(struct str hash, struct str secret)
{
	struct foreign_hash h;
	enum err err = foreign_hash_read(hash, &h);
	if (err != ERR_OK)
		return err;
	if (secret.n == 0 || secret.n > FOREIGN_MAX || memchr(secret.p, '\0', secret.n) != NULL)
		return ERR_MISMATCH;
	switch (h.kind) {
	case FOREIGN_CRYPT:
		return crypt_verify(&h, secret);
	case FOREIGN_BCRYPT_SHA256:
		return bcrypt_sha256_verify(&h, secret);
	case FOREIGN_PBKDF2:
		return key_verify(&h, secret, pbkdf2);
	case FOREIGN_SCRYPT:
		return key_verify(&h, secret, scrypt);
	case FOREIGN_ARGON2:
		return key_verify(&h, secret, argon2);
	case FOREIGN_SHA:
		return key_verify(&h, secret, sha);
	}
	return ERR_MALFORMED;
}

/* ---- for those who count ---- */

static const struct {
	struct str start;
	enum foreign_form form;
} form_starts[] = {
	{STR("$2"), FOREIGN_FORM_BCRYPT},       {STR("bcrypt_sha256$"), FOREIGN_FORM_BCRYPT}, {STR("$pbkdf2-"), FOREIGN_FORM_PBKDF2},
	{STR("$scrypt$"), FOREIGN_FORM_SCRYPT}, {STR("$argon2"), FOREIGN_FORM_ARGON2},        {STR("$5$"), FOREIGN_FORM_SHA_CRYPT},
	{STR("$6$"), FOREIGN_FORM_SHA_CRYPT},
};

enum foreign_form foreign_form_of(struct str hash)
{
	for (size_t i = 0; i < sizeof form_starts / sizeof *form_starts; i++)
		if (str_starts(hash, form_starts[i].start))
			return form_starts[i].form;
	return FOREIGN_FORM_SHA2;
}

const char *foreign_form_name(enum foreign_form form)
{
	static const char *const names[FOREIGN_FORMS] = {
		[FOREIGN_FORM_BCRYPT] = "bcrypt", [FOREIGN_FORM_PBKDF2] = "pbkdf2",       [FOREIGN_FORM_SCRYPT] = "scrypt",
		[FOREIGN_FORM_ARGON2] = "argon2", [FOREIGN_FORM_SHA_CRYPT] = "sha_crypt", [FOREIGN_FORM_SHA2] = "sha2",
	};
	return names[form];
}
