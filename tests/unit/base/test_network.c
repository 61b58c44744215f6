#include "base/network.h"

#include <criterion/criterion.h>

static void is(const char *address, size_t n, const char *bytes)
{
	uint8_t got[NETWORK_MAX];
	cr_assert_eq(network_of(str_of(address), got), n, "%s", address);
	cr_assert_arr_eq(got, bytes, n, "%s", address);
}

Test(network, of_ipv4_is_the_address)
{
	is("192.0.2.7", 4, "\xc0\x00\x02\x07");
	is("0.0.0.0", 4, "\0\0\0\0");
}

Test(network, of_ipv6_is_its_64)
{
	is("2001:db8:1:2:3:4:5:6", 8, "\x20\x01\x0d\xb8\0\x01\0\x02");
	is("2001:db8:1:2::", 8, "\x20\x01\x0d\xb8\0\x01\0\x02");
	is("2001:db8:1:3::", 8, "\x20\x01\x0d\xb8\0\x01\0\x03");
	is("::1", 8, "\0\0\0\0\0\0\0\0");
}

/* On [::] every IPv4 client comes as one of these; they are not one network. */
Test(network, of_an_ipv4_client_of_a_dual_stack_listener_is_its_ipv4_address)
{
	is("::ffff:192.0.2.7", 4, "\xc0\x00\x02\x07");
	is("::ffff:192.0.2.8", 4, "\xc0\x00\x02\x08");
}

Test(network, what_is_no_address_has_none)
{
	uint8_t got[NETWORK_MAX] = {7};
	static const char *const odd[] = {"",
					  "localhost",
					  "192.0.2",
					  "192.0.2.7 ",
					  "192.0.2.7/32",
					  ":::",
					  "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		cr_assert_eq(network_of(str_of(odd[i]), got), 0, "%s", odd[i]);
	cr_assert_eq(network_of(STR_NONE, got), 0);
	cr_assert_eq(got[0], 7);
}
