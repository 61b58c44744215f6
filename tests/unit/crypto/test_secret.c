#include <criterion/criterion.h>

#include "crypto/secret.h"
#include "crypto/verifier_ring.h"
#include "crypto_test.h"

/* python3, with kb() as test_master_ring.c has it:
 *   A = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
 *   def b62(b, w):
 *       v = int.from_bytes(b, 'big'); s = ''
 *       while v: v, r = divmod(v, 62); s = A[r] + s
 *       return s.rjust(w, '0')
 *   cid = b"m2m_" + b62(bytes(range(0x40, 0x50)), 22).encode(); salt = bytes(range(0x80, 0xa0))
 *   def secret(version, org=b"01890a5d-ac96-774b-bcce-b302099a8057"):
 *       context = b''.join(len(f).to_bytes(4, 'big') + f for f in (org, cid,
 *       str(version).encode(), salt)) body = "m2ms_" + b62(kb(b"m2m-gateway client secret v1",
 *       context), 43) return body + "_" + b62(binascii.crc32(body.encode()).to_bytes(4, 'big'),
 *       6)
 *   secret(7); secret(2147483647)
 *   hmac.new(kb(b"m2m-gateway verifier key v1", b""), cid + b"\0" + secret(7).encode(),
 *   hashlib.sha256).hexdigest() */
#define CLIENT_ID  "m2m_1xFKbMMiPGaTNDdMccFcpr"
#define SECRET_7   "m2ms_rR3UJUrJJFxQL6T40mlUX2yE4dwDzMgpay9gS5EKxA1_1RThCV"
#define SECRET_MAX "m2ms_mIIHKwDG6ib6umECy4efMBVxZhfz1qPYQWc5QG97nhJ_2xORbG"
#define VERIFIER_7 "55d08f6a4788670c85f6312a539d95538368e8db5d498d7c22b21f4eadf6522a"

static struct secret_params params;

static void up(void)
{
	crypto_up();
	params = (struct secret_params){.client_id = STR(CLIENT_ID), .version = 7};
	for (int i = 0; i < SECRET_SALT_LEN; i++)
		params.salt[i] = (uint8_t)(0x80 + i);
	cr_assert_eq(uuid_parse(STR("01890A5D-AC96-774B-BCCE-B302099A8057"), &params.organization_id), ERR_OK);
}

TestSuite(secret, .init = up, .fini = crypto_down);

static struct str derived(void)
{
	char *out = arena_alloc(arena, SECRET_LEN);

	cr_assert_eq(secret_derive(&ring.keys[0], &params, out), ERR_OK);
	return str_from(out, SECRET_LEN);
}

Test(secret, derivation_equals_another_implementations)
{
	cr_assert(str_eq(derived(), STR(SECRET_7)));
	params.version = INT32_MAX;
	cr_assert(str_eq(derived(), STR(SECRET_MAX)));
}

Test(secret, every_parameter_changes_the_secret)
{
	struct str first = derived();

	params.salt[31] ^= 1;
	cr_assert_not(str_eq(derived(), first));
	params.salt[31] ^= 1;
	params.organization_id.b[15] ^= 1;
	cr_assert_not(str_eq(derived(), first));
	params.organization_id.b[15] ^= 1;
	params.client_id = STR("m2m_1xFKbMMiPGaTNDdMccFcps");
	cr_assert_not(str_eq(derived(), first));
	params.client_id = STR(CLIENT_ID);
	ring.keys[0].master[0] ^= 1;
	cr_assert_not(str_eq(derived(), first));
	ring.keys[0].master[0] ^= 1;
	cr_assert(str_eq(derived(), first));
}

Test(secret, parameters_that_no_row_may_have_derive_nothing)
{
	char out[SECRET_LEN] = "untouched";

	params.version = 0;
	cr_assert_eq(secret_derive(&ring.keys[0], &params, out), ERR_MALFORMED);
	params.version = 1;
	params.client_id = STR("a space");
	cr_assert_eq(secret_derive(&ring.keys[0], &params, out), ERR_MALFORMED);
	cr_assert_str_eq(out, "untouched");
}

Test(secret, verifier_equals_another_implementations)
{
	uint8_t out[SHA256_LEN];

	cr_assert_eq(secret_verifier(&ring.keys[0], STR(CLIENT_ID), STR(SECRET_7), out), ERR_OK);
	cr_assert_str_eq(hex(out, sizeof out), VERIFIER_7);
	cr_assert_eq(secret_verifier(&ring.keys[0], STR(CLIENT_ID), STR(SECRET_MAX), out), ERR_OK);
	cr_assert_str_neq(hex(out, sizeof out), VERIFIER_7);
	cr_assert_eq(secret_verifier(&ring.keys[0], STR(CLIENT_ID), STR("7chars!"), out), ERR_MALFORMED);
}

/* Of ids and secrets that were brought along too; without the NUL two clients might share one. */
Test(secret, a_verifier_is_of_id_nul_and_secret_of_any_length_that_is_taken)
{
	char longest[FOREIGN_MAX + 1], message[SECRET_MESSAGE_MAX];
	uint8_t got[SHA256_LEN], want[SHA256_LEN];
	size_t n = 0;

	memset(longest, '~', sizeof longest);
	cr_assert_eq(secret_message(STR("8letters"), str_from(longest, FOREIGN_MAX), message, &n), ERR_OK);
	cr_assert_eq(n, 8 + 1 + FOREIGN_MAX);
	cr_assert_arr_eq(message, "8letters\0~", 10);
	cr_assert_eq(hmac_sha256(ring.keys[0].verifier_key, message, n, want), ERR_OK);
	cr_assert_eq(secret_verifier(&ring.keys[0], STR("8letters"), str_from(longest, FOREIGN_MAX), got), ERR_OK);
	cr_assert_arr_eq(got, want, sizeof want);
	cr_assert_eq(secret_message(str_from(longest, FOREIGN_MAX), str_from(longest, FOREIGN_MAX), message, &n), ERR_OK);
	cr_assert_eq(n, SECRET_MESSAGE_MAX);
	cr_assert_eq(secret_message(STR("8letters"), str_from(longest, FOREIGN_MAX + 1), message, &n), ERR_MALFORMED);
	cr_assert_eq(secret_message(STR("7letter"), STR("8letters"), message, &n), ERR_MALFORMED);
	cr_assert_eq(n, SECRET_MESSAGE_MAX, "untouched");
}

Test(secret, a_ring_of_verifiers_is_each_keys_verifier_every_time)
{
	struct master_ring two = {.n = 2};
	struct verifier_ring *v = NULL;
	uint8_t got[2 * SHA256_LEN], want[2 * SHA256_LEN];

	two.keys[0] = two.keys[1] = ring.keys[0];
	two.keys[1].verifier_key[0] ^= 1;
	cr_assert_eq(verifier_ring_new(&two, &v), ERR_OK);
	for (int i = 0; i < 3; i++) { /* what one request leaves behind must not show in the next */
		struct str secret = i == 1 ? STR(SECRET_MAX) : STR(SECRET_7);
		cr_assert_eq(verifier_ring_make(v, STR(CLIENT_ID), secret, got), ERR_OK);
		cr_assert_eq(secret_verifier(&two.keys[0], STR(CLIENT_ID), secret, want), ERR_OK);
		cr_assert_eq(secret_verifier(&two.keys[1], STR(CLIENT_ID), secret, want + SHA256_LEN), ERR_OK);
		cr_assert_arr_eq(got, want, sizeof want);
	}
	cr_assert_eq(verifier_ring_make(v, STR(CLIENT_ID), STR("7chars!"), got), ERR_MALFORMED);
	verifier_ring_free(v);
}

Test(secret, a_derived_secret_is_well_formed)
{
	cr_assert(secret_well_formed(derived()));
}

Test(secret, any_single_changed_character_is_seen)
{
	char text[SECRET_LEN];

	for (size_t i = 0; i < SECRET_LEN; i++) {
		memcpy(text, SECRET_7, SECRET_LEN);
		text[i] = text[i] == 'a' ? 'b' : 'a';
		cr_assert_not(secret_well_formed(str_from(text, SECRET_LEN)), "character %zu", i);
		text[i] = '\0';
		cr_assert_not(secret_well_formed(str_from(text, SECRET_LEN)), "NUL at %zu", i);
	}
}

Test(secret, other_lengths_and_alphabets_are_refused)
{
	static const char foreign[] = "m2ms_rR3UJUrJJFxQL6T40mlUX2yE4dwDzMgpay9gS5EKx-1_";
	char text[SECRET_LEN + 1];
	struct sbuf b = sbuf_fixed(text, sizeof text);
	uint32_t crc = crc32_iso_hdlc(foreign, sizeof foreign - 2);
	uint8_t bytes[4] = {(uint8_t)(crc >> 24), (uint8_t)(crc >> 16), (uint8_t)(crc >> 8), (uint8_t)crc};
	char tail[6];

	cr_assert_not(secret_well_formed(STR_NONE));
	cr_assert_not(secret_well_formed(STR("")));
	cr_assert_not(secret_well_formed(STR(SECRET_7 "0")));
	cr_assert_not(secret_well_formed(str_from(SECRET_7, SECRET_LEN - 1)));

	/* the right checksum over a body with a '-' in it */
	cr_assert(base62_encode(bytes, 4, tail, sizeof tail));
	sbuf_putz(&b, foreign);
	sbuf_put(&b, str_from(tail, sizeof tail));
	cr_assert_eq(b.n, SECRET_LEN);
	cr_assert_not(secret_well_formed(sbuf_str(&b)));
}

Test(secret, the_hint_is_what_stands_before_the_checksum)
{
	char hint[SECRET_HINT_LEN];

	secret_hint(SECRET_7, hint);
	cr_assert(str_eq(str_from(hint, sizeof hint), STR("KxA1")));
}

Test(secret, made_client_ids_are_well_formed_and_differ)
{
	char a[CLIENT_ID_LEN], b[CLIENT_ID_LEN];

	cr_assert_eq(client_id_make(a), ERR_OK);
	cr_assert_eq(client_id_make(b), ERR_OK);
	cr_assert(client_id_well_formed(str_from(a, sizeof a)));
	cr_assert_arr_neq(a, b, sizeof a);
}

Test(secret, client_ids_of_another_shape_are_refused)
{
	cr_assert(client_id_well_formed(STR(CLIENT_ID)));
	cr_assert_not(client_id_well_formed(STR_NONE));
	cr_assert_not(client_id_well_formed(STR("")));
	cr_assert_not(client_id_well_formed(STR("M2M_1xFKbMMiPGaTNDdMccFcpr")));
	cr_assert_not(client_id_well_formed(STR("m2m_1xFKbMMiPGaTNDdMccFcp")));
	cr_assert_not(client_id_well_formed(STR("m2m_1xFKbMMiPGaTNDdMccFcpr0")));
	cr_assert_not(client_id_well_formed(STR("m2m_1xFKbMMiPGaTNDdMccFcp'")));
	cr_assert_not(client_id_well_formed(STR("m2m_1xFKbMMiPGaTNDdMccF\0pr")));
}

/* python3: binascii.crc32; the first is the check value of the catalogue of CRC algorithms */
Test(secret, crc32_check_values)
{
	cr_assert_eq(crc32_iso_hdlc("123456789", 9), 0xcbf43926);
	cr_assert_eq(crc32_iso_hdlc("", 0), 0);
	cr_assert_eq(crc32_iso_hdlc("\xff\x00\x80", 3), 0xac616edf);
}

static void encodes(const uint8_t *bytes, size_t n, const char *want)
{
	char out[128];

	cr_assert(base62_encode(bytes, n, out, strlen(want)));
	cr_assert(str_eq(str_from(out, strlen(want)), str_of(want)), "want %s", want);
}

/* python3, as above: b62(b'\xff' * 32, 43), b62(b'\xff' * 16, 22), b62(b'\xff' * 4, 6),
 * b62(bytes(range(32)), 43), b62(b'\xff' * 64, 87) */
Test(secret, base62_equals_another_implementations)
{
	uint8_t ones[64], counting[32], zeros[16] = {0};

	memset(ones, 0xff, sizeof ones);
	for (int i = 0; i < 32; i++)
		counting[i] = (uint8_t)i;
	encodes(ones, 32, "yhjskwdA6OZ1AL1YmHWZWm8LLG7HjnuCA2j5rOw8Xp1");
	encodes(ones, 16, "7n42DGM5Tflk9n8mt7Fhc7");
	encodes(ones, 4, "4gfFC3");
	encodes(counting, 32, "003aUlTJC7tjlCTQj2uNU3MFagCXG9LRKRcwGkBIDlf");
	encodes(zeros, 16, "0000000000000000000000");
	encodes(ones, 64, "0xR9fAlrdKvCIINsqEkJZSfvkAt8lzmSSSSwEFE05v06EBY3r5dlozuRxnvOf5LFQW8jES7aPVEzqA5lO3MW8I3");
}

Test(secret, base62_says_when_it_does_not_fit)
{
	uint8_t ones[65];
	char out[128];

	memset(ones, 0xff, sizeof ones);
	cr_assert_not(base62_encode(ones, 4, out, 5));
	cr_assert(base62_encode((const uint8_t[]){61}, 1, out, 1));
	cr_assert_eq(out[0], 'z');
	cr_assert_not(base62_encode((const uint8_t[]){62}, 1, out, 1));
	cr_assert_not(base62_encode(ones, 65, out, 100));
}
