#include "crypto/foreign_secret.h"

#include <crypt.h>
#include <string.h>

#include "base/base64.h"
#include "crypto/digest.h"

bool foreign_well_formed(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '!' || s.p[i] > '~')
			return false;
	return s.n >= FOREIGN_MIN && s.n <= FOREIGN_MAX;
}

static bool is_bcrypt(struct str hash)
{
	return hash.n == 60 && str_starts(hash, STR("$2"));
}

enum err foreign_hash_canonical(struct str hash, char *out, struct str *ret)
{
	if (!is_bcrypt(hash) && hash.n != 44)
		return ERR_MALFORMED;
	memcpy(out, hash.p, hash.n);
	*ret = str_from(out, hash.n);
	return ERR_OK;
}

static enum err verify_bcrypt(struct str hash, struct str secret)
{
	struct crypt_data room = {0};
	char setting[FOREIGN_HASH_MAX + 1] = {0}, phrase[FOREIGN_MAX + 1] = {0};
	memcpy(setting, hash.p, hash.n);
	memcpy(phrase, secret.p, secret.n);
	const char *made = crypt_r(phrase, setting, &room);
	enum err err = made == NULL || made[0] == '*' ? ERR_CRYPTO : ERR_OK;
	if (err == ERR_OK && (strlen(made) != hash.n || !crypto_equal(made, hash.p, hash.n)))
		err = ERR_MISMATCH;
	crypto_wipe(&room, sizeof room);
	crypto_wipe(phrase, sizeof phrase);
	return err;
}

enum err foreign_hash_verify(struct str hash, struct str secret)
{
	uint8_t digest[SHA256_LEN], known[SHA256_LEN + 2];
	size_t n = 0;
	if (secret.n > FOREIGN_MAX)
		return ERR_MISMATCH;
	if (is_bcrypt(hash))
		return verify_bcrypt(hash, secret);
	if (hash.n != 44 || base64_decode(hash, known, sizeof known, &n) != ERR_OK || n != sizeof digest)
		return ERR_MALFORMED;
	enum err err = sha256(secret.p, secret.n, digest);
	if (err != ERR_OK)
		return err;
	return crypto_equal(digest, known, sizeof digest) ? ERR_OK : ERR_MISMATCH;
}
