#include <criterion/criterion.h>

#include "crypto/ecdsa_form.h"
#include "crypto_test.h"

TestSuite(ecdsa_form, .init = crypto_up, .fini = crypto_down);

/* DER built by hand from X.690 section 8.3: r = 0x80 00..01 (needs a sign byte), s = 0x7f (one
 * byte) */
static const char der_text[] = "302602210080000000000000000000000000000000000000000000000000000000000000010201"
			       "7f";
static const char raw_text[] = "8000000000000000000000000000000000000000000000000000000000000001"
			       "000000000000000000000000000000000000000000000000000000000000007f";

Test(ecdsa_form, the_two_spellings_turn_into_each_other)
{
	struct str der = unhex(der_text), raw = unhex(raw_text);
	uint8_t out[ECDSA_DER_MAX];

	cr_assert_eq(ecdsa_der_to_raw((const uint8_t *)der.p, der.n, out), ERR_OK);
	cr_assert_str_eq(hex(out, ECDSA_RAW_LEN), raw_text);
	cr_assert_str_eq(hex(out, ecdsa_raw_to_der((const uint8_t *)raw.p, out)), der_text);
}

Test(ecdsa_form, the_largest_and_the_smallest_numbers_survive)
{
	for (int fill = 0; fill <= 0xff; fill += 0xff) {
		uint8_t raw[ECDSA_RAW_LEN], der[ECDSA_DER_MAX], back[ECDSA_RAW_LEN];

		memset(raw, fill, sizeof raw);
		size_t n = ecdsa_raw_to_der(raw, der);
		cr_assert_eq(n, fill == 0 ? 8 : ECDSA_DER_MAX);
		cr_assert_eq(ecdsa_der_to_raw(der, n, back), ERR_OK);
		cr_assert_arr_eq(raw, back, sizeof raw);
	}
}

Test(ecdsa_form, anything_but_the_shortest_der_is_refused)
{
	static const char *const bad[] = {
		"",
		"30",
		"3006020101020101ff", /* trailing byte */
		"3007020101020101ff", /* trailing byte inside */
		"310602010102010100", /* no SEQUENCE */
		"3006030101020101",   /* no INTEGER */
		"308106020101020101", /* long form of the length */
		"3003020101",         /* one number */
		"30050201010200",     /* empty number */
		"300702020001020101", /* needless sign byte */
		"3006020181020101",   /* negative */
		"3006020101020301",   /* runs over the end */
		"3026022201000000000000000000000000000000000000000000000000000000000000000000020101",
		"30260221010000000000000000000000000000000000000000000000000000000000000000020101", /* 2^256 */
	};
	uint8_t raw[ECDSA_RAW_LEN];

	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct str der = unhex(bad[i]);
		cr_assert_eq(ecdsa_der_to_raw((const uint8_t *)der.p, der.n, raw), ERR_MALFORMED, "%s", bad[i]);
	}
}
