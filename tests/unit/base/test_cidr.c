#include "base/cidr.h"

#include <criterion/criterion.h>

static void is(const char *text, enum err want, const char *network)
{
	struct cidr c;
	char got[CIDR_TEXT_MAX];
	cr_assert_eq(cidr_parse(str_of(text), &c), want, "%s", text);
	cidr_format(&c, got);
	cr_assert_str_eq(got, network, "%s", text);
}

Test(cidr, is_shown_in_canonical_form)
{
	is("192.0.2.0/24", ERR_OK, "192.0.2.0/24");
	is("0.0.0.0/0", ERR_OK, "0.0.0.0/0");
	is("10.128.0.0/9", ERR_OK, "10.128.0.0/9");
	is("2001:0DB8:0:0::/32", ERR_OK, "2001:db8::/32");
	is("::/0", ERR_OK, "::/0");
	is("2001:db8:7:8000::/49", ERR_OK, "2001:db8:7:8000::/49");
}

Test(cidr, of_one_address_is_as_long_as_it)
{
	is("192.0.2.7", ERR_OK, "192.0.2.7/32");
	is("192.0.2.7/32", ERR_OK, "192.0.2.7/32");
	is("2001:db8::7", ERR_OK, "2001:db8::7/128");
}

Test(cidr, of_addresses_that_ipv6_maps_is_the_ipv4_network)
{
	is("::ffff:192.0.2.0/120", ERR_OK, "192.0.2.0/24");
	is("::ffff:192.0.2.7", ERR_OK, "192.0.2.7/32");
	is("::ffff:c000:200/120", ERR_OK, "192.0.2.0/24");
	is("::ffff:0:0/96", ERR_OK, "0.0.0.0/0");
	is("::ffff:192.0.2.7/120", ERR_MISMATCH, "192.0.2.0/24");
}

Test(cidr, with_bits_behind_its_prefix_tells_which_network_is_meant)
{
	is("192.0.2.7/24", ERR_MISMATCH, "192.0.2.0/24");
	is("10.129.0.0/9", ERR_MISMATCH, "10.128.0.0/9");
	is("255.255.255.255/0", ERR_MISMATCH, "0.0.0.0/0");
	is("2001:db8:7::1/48", ERR_MISMATCH, "2001:db8:7::/48");
	is("2001:db8:7:c000::/49", ERR_MISMATCH, "2001:db8:7:8000::/49");
}

Test(cidr, is_nothing_else)
{
	static const char *const odd[] = {"",
					  "any",
					  "192.0.2",
					  "192.0.2.0/33",
					  "192.0.2.0/",
					  "192.0.2.0/-1",
					  "192.0.2.0/+8",
					  "192.0.2.0/024",
					  "::/00",
					  "192.0.2.0/24 ",
					  " 192.0.2.0/24",
					  "192.0.2.0/24/24",
					  "192.0.2.0/255.255.255.0",
					  "192.0.2.256/32",
					  "010.0.0.0/8",
					  "2001:db8::/129",
					  "fe80::1%eth0/64",
					  "[2001:db8::]/32",
					  "2001:db8::g/64",
					  "/24",
					  "192.0.2.0-192.0.2.9",
					  "*"};
	struct cidr c;
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		cr_expect_eq(cidr_parse(str_of(odd[i]), &c), ERR_MALFORMED, "%s", odd[i]);
	cr_expect_eq(cidr_parse(str_from("192.0.2.0\0", 10), &c), ERR_MALFORMED);
	cr_expect_eq(cidr_parse(STR_NONE, &c), ERR_MALFORMED);
}

Test(cidr, holds_what_begins_as_it_does)
{
	static const struct {
		const char *network, *address;
		bool in;
	} table[] = {
		{"10.0.0.0/8", "10.255.255.255", true},
		{"10.0.0.0/8", "11.0.0.0", false},
		{"192.0.2.128/25", "192.0.2.128", true},
		{"192.0.2.128/25", "192.0.2.127", false},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.6", false},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"::/0", "2001:db8::1", true},
		{"::/0", "192.0.2.7", false},
		{"2001:db8::/33", "2001:db8:7fff::1", true},
		{"2001:db8::/33", "2001:db8:8000::1", false},
		{"::ffff:10.0.0.0/104", "10.1.2.3", true},
		{"::ffff:10.0.0.0/104", "11.1.2.3", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
	};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
		struct cidr network;
		struct ip ip;
		cr_assert_eq(cidr_parse(str_of(table[i].network), &network), ERR_OK, "%s", table[i].network);
		cr_assert(ip_parse(str_of(table[i].address), &ip));
		cr_expect_eq(cidr_holds(&network, &ip), table[i].in, "%s in %s", table[i].address, table[i].network);
	}
}

Test(cidr, holds_no_address_that_isnt_known)
{
	struct cidr all;
	cr_assert_eq(cidr_parse(STR("0.0.0.0/0"), &all), ERR_OK);
	cr_expect_not(cidr_holds(&all, &(struct ip){.n = 0}));
}
