#include "base/ip.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>

static const char *text_of(const char *address)
{
	static char text[IP_TEXT_MAX];
	struct ip ip;
	if (!ip_parse(str_of(address), &ip))
		return NULL;
	return ip_text(&ip, text).p;
}

Test(ip, has_one_form_however_it_is_written)
{
	static const struct {
		const char *written, *recorded;
	} table[] = {{"192.0.2.7", "192.0.2.7"},
		     {"::ffff:192.0.2.7", "192.0.2.7"},
		     {"::ffff:c000:207", "192.0.2.7"},
		     {"0:0:0:0:0:FFFF:C000:0207", "192.0.2.7"},
		     {"2001:DB8:0:0:0:0:0:7", "2001:db8::7"},
		     {"::1", "::1"},
		     {"::", "::"},
		     {"fe80::1%eth0", "fe80::1"},
		     {"fe80::1%25eth0", "fe80::1"}};
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		cr_expect_str_eq(text_of(table[i].written), table[i].recorded, "%s", table[i].written);
}

Test(ip, is_nothing_but_a_numeric_address)
{
	static const char *const odd[] = {
		"",           "localhost",      "192.0.2",  "192.0.2.7 ", "192.0.2.7/32",
		":::",        "192.0.2.7%eth0", "fe80::1%", "[::1]",      "192.0.2.256",
		"0x7f.0.0.1", "017.0.0.1.",     "1",        "unknown",    "0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000:0000"};
	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		cr_expect_null(text_of(odd[i]), "%s", odd[i]);
	struct ip ip = {.n = 7};
	cr_expect_not(ip_parse(str_from("192.0.2.7\0", 10), &ip), "a NUL ends nothing");
	cr_expect_not(ip_parse(STR_NONE, &ip));
	cr_expect_eq(ip.n, 7);
}

Test(ip, of_a_socket_is_an_address_only_where_it_has_one)
{
	struct sockaddr_storage any = {.ss_family = AF_UNIX};
	cr_expect_eq(ip_of_sockaddr((struct sockaddr *)&any).n, 0);
	struct sockaddr_in6 six = {.sin6_family = AF_INET6};
	cr_assert_eq(inet_pton(AF_INET6, "::ffff:192.0.2.7", &six.sin6_addr), 1);
	struct ip ip = ip_of_sockaddr((struct sockaddr *)&six);
	char text[IP_TEXT_MAX];
	cr_expect_str_eq(ip_text(&ip, text).p, "192.0.2.7");
	cr_expect_null(ip_text(&(struct ip){.n = 0}, text).p);
}
