/* random or derived bytes -> base62 -> the printed form, and back only as far as a shape check
 * goes. */
#include "crypto/secret.h"

#include "crypto/kbkdf.h"

#define BASE62_MAX      64
#define ID_BYTES        16
#define ID_PREFIX       "m2m_"
#define ID_DIGITS       22
#define SECRET_PREFIX   "m2ms_"
#define SECRET_DIGITS   43
#define CHECKSUM_DIGITS 6
#define BODY_LEN        (sizeof SECRET_PREFIX - 1 + SECRET_DIGITS) /* what the checksum covers */
#define CONTEXT_MAX     (4 * sizeof(uint32_t) + UUID_TEXT_LEN + FOREIGN_MAX + 10 + SECRET_SALT_LEN)

_Static_assert(sizeof ID_PREFIX - 1 + ID_DIGITS == CLIENT_ID_LEN, "client id layout");
_Static_assert(BODY_LEN + 1 + CHECKSUM_DIGITS == SECRET_LEN, "client secret layout");

static void store_be32(uint8_t out[4], uint32_t v)
{
	out[0] = (uint8_t)(v >> 24);
	out[1] = (uint8_t)(v >> 16);
	out[2] = (uint8_t)(v >> 8);
	out[3] = (uint8_t)v;
}

bool base62_encode(const uint8_t *bytes, size_t n, char *out, size_t width)
{
	static const char digits[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
	uint8_t number[BASE62_MAX];
	unsigned left = 0;

	if (n > sizeof number)
		return false;
	memcpy(number, bytes, n);
	for (size_t place = width; place > 0; place--) {
		unsigned remainder = 0;
		for (size_t i = 0; i < n; i++) {
			unsigned part = remainder << 8 | number[i];
			number[i] = (uint8_t)(part / 62);
			remainder = part % 62;
		}
		out[place - 1] = digits[remainder];
	}
	for (size_t i = 0; i < n; i++)
		left |= number[i];
	crypto_wipe(number, sizeof number);
	return left == 0;
}

/* Four bits at a time: a table of 64 bytes instead of 1 KiB, and short inputs only. */
uint32_t crc32_iso_hdlc(const void *p, size_t n)
{
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	const uint8_t *bytes = p;
	uint32_t crc = 0xffffffff;

	for (size_t i = 0; i < n; i++) {
		crc ^= bytes[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

/* Six digits hold every 32-bit value, so this can't fail. */
static void checksum(const char body[BODY_LEN], char out[CHECKSUM_DIGITS])
{
	uint8_t crc[4];

	store_be32(crc, crc32_iso_hdlc(body, BODY_LEN));
	(void)base62_encode(crc, sizeof crc, out, CHECKSUM_DIGITS);
}

enum err client_id_make(char out[CLIENT_ID_LEN])
{
	uint8_t bytes[ID_BYTES];
	enum err err = crypto_random(bytes, sizeof bytes);

	if (err != ERR_OK)
		return err;
	memcpy(out, ID_PREFIX, sizeof ID_PREFIX - 1);
	return base62_encode(bytes, sizeof bytes, out + sizeof ID_PREFIX - 1, ID_DIGITS) ? ERR_OK : ERR_CRYPTO;
}

bool client_id_well_formed(struct str s)
{
	return s.n == CLIENT_ID_LEN && str_starts(s, STR(ID_PREFIX)) && str_is_word(str_from(s.p + sizeof ID_PREFIX - 1, ID_DIGITS), "");
}

/* The derivation's context, written field by field, each behind its length so that no two
 * parameter sets meet in the same bytes. */
struct context {
	uint8_t bytes[CONTEXT_MAX];
	size_t n;
};

static void context_put(struct context *c, const void *p, size_t n)
{
	store_be32(c->bytes + c->n, (uint32_t)n);
	memcpy(c->bytes + c->n + 4, p, n);
	c->n += 4 + n;
}

static void context_put_params(struct context *c, const struct secret_params *params)
{
	char organization[UUID_TEXT_LEN], digits[16];
	struct sbuf version = sbuf_fixed(digits, sizeof digits);

	uuid_format(params->organization_id, organization);
	sbuf_puti(&version, params->version);
	context_put(c, organization, sizeof organization);
	context_put(c, params->client_id.p, params->client_id.n);
	context_put(c, version.p, version.n);
	context_put(c, params->salt, sizeof params->salt);
}

enum err secret_derive(const struct master_key *key, const struct secret_params *params, char out[SECRET_LEN])
{
	struct context context = {.n = 0};
	uint8_t derived[KBKDF_KEY_LEN];

	if (!foreign_well_formed(params->client_id) || params->version < 1)
		return ERR_MALFORMED;
	context_put_params(&context, params);
	enum err err = kbkdf_hmac_sha256(key->master, STR("m2m-gateway client secret v1"), str_from(context.bytes, context.n), derived);
	if (err == ERR_OK) {
		memcpy(out, SECRET_PREFIX, sizeof SECRET_PREFIX - 1);
		/* 62^43 > 2^256: 32 bytes always fit */
		(void)base62_encode(derived, sizeof derived, out + sizeof SECRET_PREFIX - 1, SECRET_DIGITS);
		out[BODY_LEN] = '_';
		checksum(out, out + BODY_LEN + 1);
	}
	crypto_wipe(derived, sizeof derived);
	return err;
}

bool secret_well_formed(struct str s)
{
	char expected[CHECKSUM_DIGITS];

	if (s.n != SECRET_LEN || !str_starts(s, STR(SECRET_PREFIX)) || s.p[BODY_LEN] != '_' ||
	    !str_is_word(str_from(s.p + sizeof SECRET_PREFIX - 1, SECRET_DIGITS), ""))
		return false;
	checksum(s.p, expected);
	return memcmp(expected, s.p + BODY_LEN + 1, sizeof expected) == 0;
}

void secret_hint(const char secret[SECRET_LEN], char out[SECRET_HINT_LEN])
{
	memcpy(out, secret + BODY_LEN - SECRET_HINT_LEN, SECRET_HINT_LEN);
}

static bool has_length(struct str s)
{
	return s.n >= FOREIGN_MIN && s.n <= FOREIGN_MAX;
}

enum err secret_message(struct str client_id, struct str secret, char out[SECRET_MESSAGE_MAX], size_t *ret_n)
{
	if (!has_length(client_id) || !has_length(secret))
		return ERR_MALFORMED;
	memcpy(out, client_id.p, client_id.n);
	out[client_id.n] = '\0';
	memcpy(out + client_id.n + 1, secret.p, secret.n);
	*ret_n = client_id.n + 1 + secret.n;
	return ERR_OK;
}

enum err secret_verifier(const struct master_key *key, struct str client_id, struct str secret, uint8_t out[SHA256_LEN])
{
	char message[SECRET_MESSAGE_MAX];
	size_t n = 0;
	enum err err = secret_message(client_id, secret, message, &n);
	if (err != ERR_OK)
		return err;
	err = hmac_sha256(key->verifier_key, message, n, out);
	crypto_wipe(message, n);
	return err;
}
