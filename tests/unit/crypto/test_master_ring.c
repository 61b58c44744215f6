#include <criterion/criterion.h>

#include "crypto/kbkdf.h"
#include "crypto_test.h"

#define LINE_A "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define LINE_B "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="

TestSuite(master_ring, .init = crypto_up, .fini = crypto_down);

/* python3:
 *   from cryptography.hazmat.primitives.kdf.kbkdf import *; from cryptography.hazmat.primitives
 *   import hashes def kb(label, context, key=bytes(range(32))):
 *       return KBKDFHMAC(algorithm=hashes.SHA256(), mode=Mode.CounterMode, length=32, rlen=4,
 *       llen=4,
 *                        location=CounterLocation.BeforeFixed, label=label, context=context,
 *                        fixed=None).derive(key)
 *   kb(b"m2m-gateway verifier key v1", b"").hex()      and so on */
Test(master_ring, subkeys_equal_another_implementations)
{
	const struct master_key *key = master_ring_find(&ring, STR("k1"));

	cr_assert_not_null(key);
	cr_assert_str_eq(hex(key->master, 32), "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f");
	cr_assert_str_eq(hex(key->verifier_key, 32), "ca8aac47160226eb4b10e2ddf73d093e48fe6f56a16fa1979b9d40ee73af8463");
	cr_assert_str_eq(hex(key->wrap_key, 32), "19dc8c8ee72bd5f60fb7378f214ed31a420a0ae1d1d0fcafdb2c3d5f51b672f1");
	cr_assert_str_eq(hex(key->check, 32), "bc30722f7430130519a265817bc564bc07029d576cff860612ef87cfbfc01eef");
}

/* python3, as above: kb(b"label", b"context").hex() */
Test(master_ring, the_derivation_separates_label_from_context)
{
	uint8_t out[32], other[32];

	cr_assert_eq(kbkdf_hmac_sha256(ring.keys[0].master, STR("label"), STR("context"), out), ERR_OK);
	cr_assert_str_eq(hex(out, 32), "303790cfe363abe9682dbfff5941f23b32addc96da72f4c7e5b20e9f59a4e570");
	cr_assert_eq(kbkdf_hmac_sha256(ring.keys[0].master, STR("labelc"), STR("ontext"), other), ERR_OK);
	cr_assert_arr_neq(out, other, 32);
}

Test(master_ring, the_first_line_is_active_and_all_are_found)
{
	struct master_ring two;

	cr_assert_eq(master_ring_parse(STR("# ours\n\n  new-1 :\t" LINE_B "  \nold_0: " LINE_A), &two, NULL), ERR_OK);
	cr_assert_eq(two.n, 2);
	cr_assert_str_eq(two.keys[0].key_id, "new-1");
	cr_assert_eq(master_ring_find(&two, STR("old_0")), &two.keys[1]);
	cr_assert_null(master_ring_find(&two, STR("old_")));
	cr_assert_null(master_ring_find(&two, STR("")));
	cr_assert_arr_eq(two.keys[1].verifier_key, ring.keys[0].verifier_key, 32);
	cr_assert_arr_neq(two.keys[0].verifier_key, ring.keys[0].verifier_key, 32);
}

static bool all_zero(const struct master_ring *r)
{
	static const struct master_ring zero;

	return memcmp(r, &zero, sizeof zero) == 0;
}

static void refused(const char *text, const char *says)
{
	struct master_ring r;
	char bytes[256];
	struct sbuf why = sbuf_fixed(bytes, sizeof bytes);

	cr_assert_neq(master_ring_parse(str_of(text), &r, &why), ERR_OK, "taken: %s", text);
	cr_assert(all_zero(&r), "key material left of: %s", text);
	cr_assert_not_null(strstr(bytes, says), "said '%s' of: %s", bytes, text);
	cr_assert_null(strstr(bytes, "AAEC"), "the message shows the key");
	cr_assert_neq(master_ring_parse(str_of(text), &r, NULL), ERR_OK);
}

Test(master_ring, a_bad_file_is_refused_with_its_line_and_without_its_keys)
{
	refused("", "no key");
	refused("# nothing\n\n", "no key");
	refused("\n" LINE_A "\n", "line 2: expected");
	refused(": " LINE_A, "line 1: a key_id");
	refused("a b: " LINE_A, "line 1: a key_id");
	refused("123456789012345678901234567890123: " LINE_A, "line 1: a key_id");
	refused("a: " LINE_A "\nb: " LINE_B "\na: " LINE_B, "line 3: this key_id");
	refused("a: " LINE_A "\nb: AAECAw==", "line 2: the value");
	refused("a: " LINE_A "AAAA", "line 1: the value");
	refused("a: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "line 1: the value");
	refused("a: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=", "line 1: the value");
	refused("a: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\r\n", "line 1: the value");
}

Test(master_ring, eight_keys_fit_and_nine_do_not)
{
	char text[1024];
	struct sbuf lines = sbuf_fixed(text, sizeof text);
	struct master_ring r;

	for (int i = 0; i < MASTER_RING_MAX; i++)
		sbuf_printf(&lines, "k%d: " LINE_A "\n", i);
	cr_assert_eq(master_ring_parse(sbuf_str(&lines), &r, NULL), ERR_OK);
	cr_assert_eq(r.n, MASTER_RING_MAX);
	sbuf_putz(&lines, "k8: " LINE_A "\n");
	cr_assert_eq(master_ring_parse(sbuf_str(&lines), &r, NULL), ERR_TOO_LARGE);
	cr_assert(all_zero(&r));
}
