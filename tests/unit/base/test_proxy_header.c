#include "base/proxy_header.h"

#include <criterion/criterion.h>

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"
/* 192.0.2.7:51234 to 10.0.0.1:8080 */
#define FOUR SIGNATURE "\x21\x11\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\xc8\x22\x1f\x90"
#define SIX                                                                                                                                \
	SIGNATURE "\x21\x21\x00\x24"                                                                                                       \
		  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x07"                                                                             \
		  "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\xc8\x22\x1f\x90"

static const struct ip own = {4, {10, 0, 0, 9}};

/* In pieces of `step`; the caller's address as text, "" where it isn't known, NULL where it is
 * refused. */
static const char *source(const char *bytes, size_t n, size_t step)
{
	static char text[IP_TEXT_MAX];
	struct proxy_header h;
	proxy_header_init(&h);
	size_t at = 0;
	for (size_t wanted; (wanted = proxy_header_wants(&h)) > 0;) {
		size_t piece = wanted < step ? wanted : step;
		cr_assert_lt(at, n, "it wants more than there is");
		piece = piece < n - at ? piece : n - at;
		if (!proxy_header_feed(&h, (const uint8_t *)bytes + at, piece))
			return NULL;
		at += piece;
	}
	cr_assert_eq(at, n, "it wants no byte of what follows");
	struct ip ip = proxy_header_source(&h, &own);
	return ip.n == 0 ? "" : ip_text(&ip, text).p;
}

static void says(const char *bytes, size_t n, const char *expected)
{
	for (size_t step = 1; step <= n; step++)
		cr_assert_str_eq(source(bytes, n, step), expected);
}
#define SAYS(bytes, expected) says(bytes, sizeof(bytes) - 1, expected)

Test(proxy_header, names_the_caller_in_whatever_pieces_it_comes)
{
	SAYS(FOUR, "192.0.2.7");
	SAYS(SIX, "2001:db8::7");
	SAYS(SIGNATURE "\x21\x12\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\xc8\x22\x1f\x90", "192.0.2.7");
}

Test(proxy_header, an_ipv4_caller_of_a_dual_stack_proxy_is_its_ipv4_address)
{
	SAYS(SIGNATURE "\x21\x21\x00\x24"
		       "\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\x00\x02\x07\0\0\0\0\0\0\0\0\0\0\xff\xff\x0a\x00\x00\x01\xc8\x22\x1f\x90",
	     "192.0.2.7");
}

/* As AWS sends its endpoint's id, and haproxy what it knows of TLS. */
Test(proxy_header, what_stands_behind_the_addresses_is_skipped)
{
	SAYS(SIGNATURE "\x21\x11\x00\x18\xc0\x00\x02\x07\x0a\x00\x00\x01\xc8\x22\x1f\x90\xea\x00\x09\x01vpce-abc", "192.0.2.7");
	static char large[16 + 65535];
	memcpy(large, FOUR, sizeof FOUR - 1);
	large[14] = large[15] = '\xff';
	cr_expect_str_eq(source(large, sizeof large, 4096), "192.0.2.7");
}

Test(proxy_header, a_proxy_that_speaks_for_itself_is_who_it_is)
{
	SAYS(SIGNATURE "\x20\x00\x00\x00", "10.0.0.9");
	SAYS(SIGNATURE "\x20\x11\x00\x0c\xc0\x00\x02\x07\x0a\x00\x00\x01\xc8\x22\x1f\x90", "10.0.0.9");
}

Test(proxy_header, a_caller_without_an_address_isnt_known)
{
	SAYS(SIGNATURE "\x21\x00\x00\x00", "");
	SAYS(SIGNATURE "\x21\x31\x00\x04path", "");
}

static void refused(const char *bytes, size_t n)
{
	for (size_t step = 1; step <= n; step++)
		cr_assert_null(source(bytes, n, step));
}
#define REFUSED(bytes) refused(bytes, sizeof(bytes) - 1)

Test(proxy_header, anything_else_is_refused_at_its_first_wrong_byte)
{
	REFUSED("G");
	REFUSED("PROXY TCP4 192.0.2.7 10.0.0.1 51234 8080\r\n");
	REFUSED("\r\n\r\n\0\r\nQUIT\r");
	REFUSED("\x16\x03\x01");
	REFUSED(SIGNATURE "\x11");
	REFUSED(SIGNATURE "\x22");
	REFUSED(SIGNATURE "\x21\x41\x00\x0c");
	REFUSED(SIGNATURE "\x21\x13\x00\x0c");
	REFUSED(SIGNATURE "\x21\x11\x00\x0b");
	REFUSED(SIGNATURE "\x21\x21\x00\x23");
}
