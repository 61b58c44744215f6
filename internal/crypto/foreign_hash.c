/* text -> the form that its beginning names -> numbers, salt and key -> are they affordable? */
#include "crypto/foreign_hash.h"

#include "base/base64.h"
#include "crypto/foreign_secret.h"

static const struct {
	struct str name;
	unsigned len;
} digests[] = {
	[FOREIGN_SHA1] = {STR("sha1"), 20},         [FOREIGN_SHA3_224] = {STR("sha224"), 28}, [FOREIGN_SHA256] = {STR("sha256"), 32},
	[FOREIGN_SHA3_384] = {STR("sha384"), 48},   [FOREIGN_SHA512] = {STR("sha512"), 64},   [FOREIGN_SHA2_224] = {STR("sha2-224"), 28},
	[FOREIGN_SHA2_384] = {STR("sha2-384"), 48},
};

unsigned foreign_digest_len(enum foreign_digest digest)
{
	return digests[digest].len;
}

/* ---- pieces ---- */

static bool digit_run(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	return s.n > 0 && (s.n == 1 || s.p[0] != '0');
}

/* A decimal number without zeros in front. One that is too long for 32 bits is the largest: it
 * costs too much. */
static bool number(struct str s, uint32_t *ret)
{
	int64_t v;
	if (!digit_run(s))
		return false;
	*ret = str_to_i64(s, 0, UINT32_MAX, &v) == ERR_OK ? (uint32_t)v : UINT32_MAX;
	return true;
}

/* "name=N" at the beginning of *rest, up to its next comma. */
static bool named(struct str *rest, struct str name, uint32_t *ret)
{
	struct str part = str_split(rest, ',');
	return part.p != NULL && str_starts(part, name) && number(str_from(part.p + name.n, part.n - name.n), ret);
}

/* Standard base64 with or without its padding, and passlib's, which has '.' for '+'. */
static bool base64_any(struct str s, uint8_t *out, size_t cap, size_t *ret_n)
{
	char text[256];
	while (s.n > 0 && s.p[s.n - 1] == '=')
		s.n--;
	if (s.p == NULL || s.n > sizeof text)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '-' || c == '_')
			return false;
		text[i] = c == '+' || c == '.' ? '-' : c == '/' ? '_' : c;
	}
	return base64url_decode(str_from(text, s.n), out, cap, ret_n) == ERR_OK;
}

static bool salt_and_key(struct foreign_hash *h, struct str salt, struct str key)
{
	return base64_any(salt, h->salt, sizeof h->salt, &h->salt_n) && h->salt_n > 0 &&
	       base64_any(key, h->key, sizeof h->key, &h->key_n) && h->key_n >= FOREIGN_KEY_MIN;
}

/* Django's salts are text. */
static bool text_salt(struct foreign_hash *h, struct str salt)
{
	if (salt.n == 0 || salt.n > sizeof h->salt)
		return false;
	memcpy(h->salt, salt.p, salt.n);
	h->salt_n = salt.n;
	return true;
}

static bool hex_bytes(struct str s, uint8_t *out, size_t n)
{
	if (s.n != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int high = hex_digit(s.p[2 * i]), low = hex_digit(s.p[2 * i + 1]);
		if (high < 0 || low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return true;
}

static struct str after(struct str s, size_t n)
{
	return str_from(s.p + n, s.n - n);
}

static enum err affordable(bool well_formed, bool cheap)
{
	return !well_formed ? ERR_MALFORMED : cheap ? ERR_OK : ERR_TOO_LARGE;
}

/* ---- crypt(3) ---- */

#define BCRYPT_LEN    60
#define BCRYPT_KEY_AT 29
#define CRYPT_ALSO    "./"

/* "$2b$12$", 22 characters of salt, 31 of the key. */
static enum err read_bcrypt(struct str text, struct foreign_hash *ret)
{
	bool good = text.n == BCRYPT_LEN && str_starts(text, STR("$2")) && (text.p[2] == 'a' || text.p[2] == 'b' || text.p[2] == 'y') &&
		    text.p[3] == '$' && text.p[6] == '$' && str_is_word(after(text, 7), CRYPT_ALSO) && text.p[4] >= '0' &&
		    text.p[4] <= '9' && text.p[5] >= '0' && text.p[5] <= '9';
	int cost = good ? 10 * (text.p[4] - '0') + text.p[5] - '0' : 0;
	ret->kind = FOREIGN_CRYPT;
	ret->crypt = text;
	ret->key_at = BCRYPT_KEY_AT;
	return affordable(good && cost >= 4 && cost <= 31, cost <= FOREIGN_BCRYPT_MAX);
}

static enum err read_bcrypt_sha256(struct str text, struct foreign_hash *ret)
{
	enum err err = read_bcrypt(text, ret);
	ret->kind = FOREIGN_BCRYPT_SHA256;
	return err;
}

/* "$5$rounds=N$salt$key": of 43 characters, of $6$ 86. */
static enum err read_sha_crypt(struct str text, struct foreign_hash *ret)
{
	struct str rest = after(text, 3), rounds = STR("rounds=");
	uint32_t n = 5000;
	bool good = true;
	if (str_starts(rest, rounds)) {
		struct str part = str_split(&rest, '$');
		good = number(after(part, rounds.n), &n) && n >= 1000;
	}
	struct str salt = str_split(&rest, '$');
	good = good && salt.n > 0 && salt.n <= 16 && str_is_word(salt, CRYPT_ALSO) && rest.n == (text.p[1] == '5' ? 43 : 86) &&
	       str_is_word(rest, CRYPT_ALSO);
	ret->kind = FOREIGN_CRYPT;
	ret->crypt = text;
	ret->key_at = text.n - rest.n;
	return affordable(good, n <= FOREIGN_CRYPT_MAX);
}

/* ---- PBKDF2 (RFC 8018) ---- */

static enum err check_pbkdf2(bool good, struct foreign_hash *h)
{
	h->kind = FOREIGN_PBKDF2;
	uint64_t blocks = (h->key_n + foreign_digest_len(h->digest) - 1) / foreign_digest_len(h->digest);
	return affordable(good && h->iterations > 0, h->iterations * blocks <= FOREIGN_ITERATIONS_MAX);
}

/* Hydra's labels; in passlib's form, sha224 and sha384 are SHA-2. */
static bool find_digest(struct str label, bool passlib, enum foreign_digest *ret)
{
	for (size_t i = 0; i < sizeof digests / sizeof digests[0]; i++) {
		if (!str_eq(label, digests[i].name))
			continue;
		*ret = (enum foreign_digest)i;
		if (passlib && *ret == FOREIGN_SHA3_224)
			*ret = FOREIGN_SHA2_224;
		else if (passlib && *ret == FOREIGN_SHA3_384)
			*ret = FOREIGN_SHA2_384;
		return true;
	}
	return false;
}

/* "$pbkdf2-sha256$i=N,l=N$salt$key" or "$pbkdf2-sha256$N$salt$key"; "$pbkdf2$" is SHA-1. */
static enum err read_pbkdf2(struct str text, struct foreign_hash *ret)
{
	struct str rest = after(text, 1), label = str_split(&rest, '$'), costs = str_split(&rest, '$'), salt = str_split(&rest, '$');
	bool passlib = !str_starts(costs, STR("i="));
	uint32_t len = 0;
	bool good = str_eq(label, STR("pbkdf2")) ? passlib
						 : str_starts(label, STR("pbkdf2-")) && find_digest(after(label, 7), passlib, &ret->digest);
	good = good && salt_and_key(ret, salt, rest);
	if (passlib)
		good = good && number(costs, &ret->iterations);
	else
		good = good && named(&costs, STR("i="), &ret->iterations) && named(&costs, STR("l="), &len) && costs.p == NULL &&
		       len == ret->key_n;
	return check_pbkdf2(good, ret);
}

/* "N$salt$key" */
static enum err read_django_pbkdf2(struct str text, struct foreign_hash *ret)
{
	struct str rest = text, n = str_split(&rest, '$'), salt = str_split(&rest, '$');
	bool good = number(n, &ret->iterations) && text_salt(ret, salt) && base64_any(rest, ret->key, sizeof ret->key, &ret->key_n) &&
		    ret->key_n == foreign_digest_len(ret->digest);
	return check_pbkdf2(good, ret);
}

static enum err read_django_sha256(struct str text, struct foreign_hash *ret)
{
	ret->digest = FOREIGN_SHA256;
	return read_django_pbkdf2(text, ret);
}

static enum err read_django_sha1(struct str text, struct foreign_hash *ret)
{
	ret->digest = FOREIGN_SHA1;
	return read_django_pbkdf2(text, ret);
}

/* The salt and 32 bytes, in hexadecimal: Pbkdf2PasswordEncoder's defaults, which its text doesn't
 * tell. */
static enum err read_spring_pbkdf2(struct str text, size_t salt_n, struct foreign_hash *ret)
{
	ret->salt_n = salt_n;
	ret->key_n = 32;
	bool good = text.n == 2 * (salt_n + ret->key_n) && hex_bytes(str_from(text.p, 2 * salt_n), ret->salt, salt_n) &&
		    hex_bytes(after(text, 2 * salt_n), ret->key, ret->key_n);
	return check_pbkdf2(good, ret);
}

static enum err read_spring_sha1(struct str text, struct foreign_hash *ret)
{
	ret->digest = FOREIGN_SHA1;
	ret->iterations = 185000;
	return read_spring_pbkdf2(text, 8, ret);
}

static enum err read_spring_sha256(struct str text, struct foreign_hash *ret)
{
	ret->digest = FOREIGN_SHA256;
	ret->iterations = 310000;
	return read_spring_pbkdf2(text, 16, ret);
}

/* ---- scrypt (RFC 7914) ---- */

static enum err check_scrypt(bool good, struct foreign_hash *h)
{
	h->kind = FOREIGN_SCRYPT;
	good = good && h->ln >= 1 && h->r >= 1 && h->p >= 1;
	bool small = h->ln <= 24 && h->r <= 64 && h->p <= 64;
	uint64_t blocks = small ? (uint64_t)h->r << h->ln : UINT64_MAX;
	return affordable(good, small && blocks * 128 <= FOREIGN_MEMORY_MAX && blocks * h->p <= FOREIGN_SCRYPT_MAX);
}

/* "$scrypt$ln=N,r=N,p=N$salt$key" */
static enum err read_scrypt(struct str text, struct foreign_hash *ret)
{
	struct str rest = after(text, 8), costs = str_split(&rest, '$'), salt = str_split(&rest, '$');
	bool good = named(&costs, STR("ln="), &ret->ln) && named(&costs, STR("r="), &ret->r) && named(&costs, STR("p="), &ret->p) &&
		    costs.p == NULL && salt_and_key(ret, salt, rest);
	return check_scrypt(good, ret);
}

/* "$params$salt$key": params in hexadecimal, log2(N) << 16 | r << 8 | p. */
static enum err read_spring_scrypt(struct str text, struct foreign_hash *ret)
{
	struct str rest = text, nothing = str_split(&rest, '$'), costs = str_split(&rest, '$'), salt = str_split(&rest, '$');
	uint32_t v = 0;
	bool good = nothing.p != NULL && nothing.n == 0 && costs.n > 0 && costs.n <= 8;
	for (size_t i = 0; good && i < costs.n; i++) {
		good = hex_digit(costs.p[i]) >= 0;
		v = v << 4 | (uint32_t)(hex_digit(costs.p[i]) & 15);
	}
	ret->ln = v >> 16;
	ret->r = v >> 8 & 255;
	ret->p = v & 255;
	return check_scrypt(good && salt_and_key(ret, salt, rest), ret);
}

/* "N$salt$r$p$key" */
static enum err read_django_scrypt(struct str text, struct foreign_hash *ret)
{
	struct str rest = text, costs = str_split(&rest, '$'), salt = str_split(&rest, '$'), r = str_split(&rest, '$'),
		   p = str_split(&rest, '$');
	uint32_t n = 0;
	bool good = number(costs, &n) && n > 1 && (n & (n - 1)) == 0 && number(r, &ret->r) && number(p, &ret->p) && text_salt(ret, salt) &&
		    base64_any(rest, ret->key, sizeof ret->key, &ret->key_n) && ret->key_n >= FOREIGN_KEY_MIN;
	while (good && n >> ret->ln > 1)
		ret->ln++;
	return check_scrypt(good, ret);
}

/* ---- Argon2 (RFC 9106) ---- */

/* "$argon2id$v=19$m=N,t=N,p=N$salt$key" */
static enum err read_argon2(struct str text, struct foreign_hash *ret)
{
	struct str rest = text, nothing = str_split(&rest, '$'), type = str_split(&rest, '$'), version = str_split(&rest, '$'),
		   costs = str_split(&rest, '$'), salt = str_split(&rest, '$');
	ret->kind = FOREIGN_ARGON2;
	ret->is_argon2id = str_eq(type, STR("argon2id"));
	bool good = nothing.p != NULL && nothing.n == 0 && (ret->is_argon2id || str_eq(type, STR("argon2i"))) &&
		    str_eq(version, STR("v=19")) && named(&costs, STR("m="), &ret->memory) && named(&costs, STR("t="), &ret->passes) &&
		    named(&costs, STR("p="), &ret->p) && costs.p == NULL && salt_and_key(ret, salt, rest) && ret->salt_n >= 8 &&
		    ret->passes > 0 && ret->p > 0 && ret->memory / 8 >= ret->p;
	bool cheap = ret->p <= 64 && ret->memory <= FOREIGN_MEMORY_MAX / 1024 && (uint64_t)ret->memory * ret->passes <= FOREIGN_ARGON2_MAX;
	return affordable(good, cheap);
}

/* ---- a plain digest ---- */

static enum err read_sha(struct str text, struct foreign_hash *ret)
{
	ret->kind = FOREIGN_SHA;
	bool good = (text.n == 44 || text.n == 88) && base64_decode(text, ret->key, sizeof ret->key, &ret->key_n) == ERR_OK &&
		    ret->key_n == (text.n == 44 ? 32 : 64);
	return affordable(good, true);
}

/* ---- all of them ---- */

static const struct form {
	struct str begins;
	size_t skip; /* what of the text its function doesn't want */
	enum err (*read)(struct str text, struct foreign_hash *ret);
} forms[] = {
	{STR("$2"), 0, read_bcrypt},
	{STR("$pbkdf2"), 0, read_pbkdf2},
	{STR("$scrypt$"), 0, read_scrypt},
	{STR("$argon2"), 0, read_argon2},
	{STR("$5$"), 0, read_sha_crypt},
	{STR("$6$"), 0, read_sha_crypt},
	{STR("{bcrypt}"), 8, read_bcrypt},
	{STR("{pbkdf2}"), 8, read_spring_sha1},
	{STR("{pbkdf2@SpringSecurity_v5_8}"), 28, read_spring_sha256},
	{STR("{scrypt}"), 8, read_spring_scrypt},
	{STR("{scrypt@SpringSecurity_v5_8}"), 28, read_spring_scrypt},
	{STR("{argon2}"), 8, read_argon2},
	{STR("{argon2@SpringSecurity_v5_8}"), 28, read_argon2},
	{STR("pbkdf2_sha256$"), 14, read_django_sha256},
	{STR("pbkdf2_sha1$"), 12, read_django_sha1},
	{STR("bcrypt_sha256$"), 14, read_bcrypt_sha256},
	{STR("bcrypt$"), 7, read_bcrypt},
	{STR("scrypt$"), 7, read_django_scrypt},
	{STR("argon2$"), 6, read_argon2},
};

enum err foreign_hash_read(struct str text, struct foreign_hash *ret)
{
	struct foreign_hash h = {.crypt = STR_NONE};
	const struct form *form = NULL;
	if (text.n == 0 || text.n > FOREIGN_HASH_MAX)
		return ERR_MALFORMED;
	for (size_t i = 0; form == NULL && i < sizeof forms / sizeof forms[0]; i++)
		if (str_starts(text, forms[i].begins))
			form = &forms[i];
	enum err err = form != NULL ? form->read(after(text, form->skip), &h) : read_sha(text, &h);
	if (err == ERR_OK)
		*ret = h;
	return err;
}

static void put_base64(struct sbuf *out, const uint8_t *bytes, size_t n)
{
	char text[BASE64URL_LEN(FOREIGN_SALT_MAX)];
	size_t len = base64url_encode(text, bytes, n);
	for (size_t i = 0; i < len; i++)
		text[i] = text[i] == '-' ? '+' : text[i] == '_' ? '/' : text[i];
	sbuf_put(out, str_from(text, len));
}

static void put_salt_and_key(const struct foreign_hash *h, struct sbuf *out)
{
	sbuf_putc(out, '$');
	put_base64(out, h->salt, h->salt_n);
	sbuf_putc(out, '$');
	put_base64(out, h->key, h->key_n);
}

void foreign_hash_put(const struct foreign_hash *h, struct sbuf *out)
{
	switch (h->kind) {
	case FOREIGN_BCRYPT_SHA256:
		sbuf_putz(out, "bcrypt_sha256$");
		sbuf_put(out, h->crypt);
		break;
	case FOREIGN_CRYPT:
		sbuf_put(out, h->crypt);
		break;
	case FOREIGN_PBKDF2:
		sbuf_printf(out, "$pbkdf2-%.*s$i=%u,l=%zu", STR_ARG(digests[h->digest].name), h->iterations, h->key_n);
		put_salt_and_key(h, out);
		break;
	case FOREIGN_SCRYPT:
		sbuf_printf(out, "$scrypt$ln=%u,r=%u,p=%u", h->ln, h->r, h->p);
		put_salt_and_key(h, out);
		break;
	case FOREIGN_ARGON2:
		sbuf_printf(out, "$argon2%s$v=19$m=%u,t=%u,p=%u", h->is_argon2id ? "id" : "i", h->memory, h->passes, h->p);
		put_salt_and_key(h, out);
		break;
	case FOREIGN_SHA:
		put_base64(out, h->key, h->key_n);
		sbuf_putz(out, h->key_n == 32 ? "=" : "==");
		break;
	}
}
