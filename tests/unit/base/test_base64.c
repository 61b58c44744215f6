#include <criterion/criterion.h>

#include "base/base64.h"

/* RFC 4648 section 10 */
static const struct {
	const char *plain, *padded;
} vectors[] = {
	{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foob", "Zm9vYg=="}, {"fooba", "Zm9vYmE="}, {"foobar", "Zm9vYmFy"},
};
enum { VECTORS = sizeof vectors / sizeof vectors[0] };

static struct str unpadded(const char *padded)
{
	return str_from(padded, strcspn(padded, "="));
}

static void expect(enum err err, const char *out, size_t n, const char *want)
{
	cr_assert_eq(err, ERR_OK);
	cr_assert(str_eq(str_from(out, n), str_of(want)), "got '%.*s', want '%s'", (int)n, out, want);
}

Test(base64, the_vectors_of_rfc_4648_encode)
{
	for (int i = 0; i < VECTORS; i++) {
		char out[16];
		size_t n = strlen(vectors[i].plain);
		struct str got = str_from(out, base64url_encode(out, vectors[i].plain, n));
		cr_assert_eq(got.n, BASE64URL_LEN(n));
		cr_assert(str_eq(got, unpadded(vectors[i].padded)), "vector %d", i);
	}
}

Test(base64, the_vectors_of_rfc_4648_decode)
{
	for (int i = 0; i < VECTORS; i++) {
		char out[16];
		size_t n = 99;
		enum err err = base64url_decode(unpadded(vectors[i].padded), out, sizeof out, &n);
		expect(err, out, n, vectors[i].plain);
		n = 99;
		err = base64_decode(str_of(vectors[i].padded), out, sizeof out, &n);
		expect(err, out, n, vectors[i].plain);
	}
}

Test(base64, every_byte_survives_a_round_trip_at_every_length)
{
	unsigned char bytes[256], back[BASE64_DECODED_MAX(BASE64URL_LEN(256))];
	char text[BASE64URL_LEN(256)];
	for (int i = 0; i < 256; i++)
		bytes[i] = (unsigned char)i;
	for (size_t n = 0; n <= 256; n++) {
		size_t length = base64url_encode(text, bytes, n), got = 0;
		cr_assert_eq(base64url_decode(str_from(text, length), back, sizeof back, &got), ERR_OK);
		cr_assert_eq(got, n);
		cr_assert_eq(memcmp(back, bytes, n), 0);
	}
}

Test(base64, each_alphabet_refuses_the_other_ones_letters)
{
	char out[8];
	size_t n = 0;
	cr_assert_eq(base64url_decode(STR("-_-_"), out, sizeof out, &n), ERR_OK);
	cr_assert_eq(base64_decode(STR("+/+/"), out, sizeof out, &n), ERR_OK);
	cr_assert_eq(base64url_decode(STR("+/+/"), out, sizeof out, &n), ERR_MALFORMED);
	cr_assert_eq(base64_decode(STR("-_-_"), out, sizeof out, &n), ERR_MALFORMED);
}

static void refused_url(struct str text)
{
	char out[8] = "before";
	size_t n = 99;
	cr_assert_eq(base64url_decode(text, out, sizeof out, &n), ERR_MALFORMED, "'%.*s'", STR_ARG(text));
	cr_assert_eq(n, 99);
	cr_assert_str_eq(out, "before");
}

Test(base64, base64url_refuses_padding_white_space_and_stray_bits)
{
	refused_url(STR("Zg=="));
	refused_url(STR("Zm8="));
	refused_url(STR("Zm9v\n"));
	refused_url(STR("Zm 9"));
	refused_url(STR("A"));
	refused_url(STR("AAAAA"));
	refused_url(STR("Zh"));
	refused_url(STR("Zm9"));
	refused_url(STR("Zm9v\0Zm9"));
	refused_url(STR("Zm9vZ\xff"));
	refused_url(STR_NONE);
}

static void refused_padded(struct str text)
{
	char out[8] = "before";
	size_t n = 99;
	cr_assert_eq(base64_decode(text, out, sizeof out, &n), ERR_MALFORMED, "'%.*s'", STR_ARG(text));
	cr_assert_eq(n, 99);
	cr_assert_str_eq(out, "before");
}

Test(base64, base64_demands_exactly_the_padding_that_is_due)
{
	refused_padded(STR("Zg"));
	refused_padded(STR("Zg="));
	refused_padded(STR("Zm8"));
	refused_padded(STR("Zm9v===="));
	refused_padded(STR("===="));
	refused_padded(STR("A==="));
	refused_padded(STR("Zg==Zg=="));
	refused_padded(STR("Z=g="));
	refused_padded(STR("Zh=="));
	refused_padded(STR("Zm9="));
	refused_padded(STR_NONE);
}

Test(base64, a_result_that_does_not_fit_is_too_large_and_writes_nothing)
{
	char out[8] = "before";
	size_t n = 99;
	cr_assert_eq(base64url_decode(STR("Zm9vYmFy"), out, 5, &n), ERR_TOO_LARGE);
	cr_assert_eq(n, 99);
	cr_assert_str_eq(out, "before");
	cr_assert_eq(base64url_decode(STR("Zm9vYmFy"), out, 6, &n), ERR_OK);
}
