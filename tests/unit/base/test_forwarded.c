/* 10.0.0.0/8, 2001:db8:f::/48 and unix sockets are trusted. */
#include "base/forwarded.h"

#include <criterion/criterion.h>

#define LINES_MAX 4

struct seen {
	const char *what, *peer, *lines[LINES_MAX], *caller;
};

static struct proxies make(enum forwarded_form form)
{
	struct proxies p = {.form = form, .local = true, .n = 2};
	cr_assert_eq(cidr_parse(STR("10.0.0.0/8"), &p.networks[0]), ERR_OK);
	cr_assert_eq(cidr_parse(STR("2001:db8:f::/48"), &p.networks[1]), ERR_OK);
	return p;
}

static void expect_all(enum forwarded_form form, const struct seen *table, size_t n)
{
	const struct proxies proxies = make(form);
	for (size_t i = 0; i < n; i++) {
		struct ip peer = {.n = 0};
		if (table[i].peer[0] != '\0')
			cr_assert(ip_parse(str_of(table[i].peer), &peer));
		struct forwarded f;
		struct remote remote = remote_of(&proxies, &peer);
		forwarded_begin(&f, &proxies, &remote);
		for (size_t l = 0; l < LINES_MAX && table[i].lines[l] != NULL; l++) {
			struct str line = str_of(table[i].lines[l]);
			struct str name = str_split(&line, ':');
			forwarded_note(&f, name, str_trim(line));
		}
		char text[IP_TEXT_MAX];
		struct str caller = forwarded_text(&f, text);
		cr_expect(str_eq(caller, table[i].caller[0] == '\0' ? STR_NONE : str_of(table[i].caller)), "%s: got %.*s", table[i].what,
			  STR_ARG(caller));
	}
}

Test(forwarded, a_certificate_and_its_chain_are_the_trusted_proxy_s_to_tell)
{
	struct proxies proxies = make(FORWARDED_X_FORWARDED_FOR);
	struct ip ips[2];
	struct forwarded f;
	cr_assert(ip_parse(STR("10.0.0.1"), &ips[0]) && ip_parse(STR("192.0.2.1"), &ips[1]));
	for (int named = 0; named < 2; named++) {
		for (int i = 0; i < 2; i++) {
			const struct remote remote = remote_of(&proxies, &ips[i]);
			forwarded_begin(&f, &proxies, &remote);
			forwarded_note(&f, STR("client-cert"), STR(" :A: "));
			forwarded_note(&f, STR("CLIENT-CERT-CHAIN"), STR(":B:, :C: "));
			forwarded_note(&f, STR("Client-Cert-Chains"), STR(":E:"));
			for (int n = 0; n < FORWARDED_CHAIN_MAX; n++)
				forwarded_note(&f, STR("Client-Cert-Chain"), STR(":D:"));
			bool told = named && i == 0;
			cr_expect_eq(f.certificates, told ? 1 : 0);
			cr_expect_eq(f.chains, told ? FORWARDED_CHAIN_MAX + 1 : 0);
			cr_expect(!told || (str_eq(f.certificate, STR(":A:")) && str_eq(f.chain[0], STR(":B:, :C:"))));
		}
		proxies.certificate_field = STR("Client-Cert");
	}
}

#define EXPECT(form, table) expect_all(form, table, sizeof table / sizeof *table)

Test(forwarded, x_forwarded_for_is_read_from_the_right_up_to_the_first_that_is_no_proxy)
{
	static const struct seen table[] = {
		{"nginx", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7"}, "192.0.2.7"},
		{"a forged one in front", "10.0.0.1", {"X-Forwarded-For: 203.0.113.1, 192.0.2.7"}, "192.0.2.7"},
		{"a forged proxy in front", "10.0.0.1", {"X-Forwarded-For: 10.1.1.1, 192.0.2.7"}, "192.0.2.7"},
		{"two proxies", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7, 10.0.0.2"}, "192.0.2.7"},
		{"two proxies, forged", "10.0.0.1", {"X-Forwarded-For: 203.0.113.1, 192.0.2.7, 10.0.0.2"}, "192.0.2.7"},
		{"haproxy adds a line", "10.0.0.1", {"X-Forwarded-For: 203.0.113.1", "X-Forwarded-For: 192.0.2.7"}, "192.0.2.7"},
		{"lines that are a chain", "10.0.0.1", {"x-forwarded-for: 192.0.2.7", "X-FORWARDED-FOR: 10.0.0.2,10.0.0.3"}, "192.0.2.7"},
		{"Envoy, which doesn't put a space", "10.0.0.1", {"x-forwarded-for: 203.0.113.1,192.0.2.7"}, "192.0.2.7"},
		{"AWS, with the client's port", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7:51234"}, "192.0.2.7"},
		{"Azure, IPv6 with a port", "10.0.0.1", {"X-Forwarded-For: [2001:db8::7]:51234"}, "2001:db8::7"},
		{"IPv6", "2001:db8:f::1", {"X-Forwarded-For: 2001:DB8::7"}, "2001:db8::7"},
		{"IPv6 in brackets", "10.0.0.1", {"X-Forwarded-For: [2001:db8::7]"}, "2001:db8::7"},
		{"IPv6 with a zone", "10.0.0.1", {"X-Forwarded-For: fe80::7%eth0"}, "fe80::7"},
		{"IPv6 with zone and port", "10.0.0.1", {"X-Forwarded-For: [fe80::7%25eth0]:443"}, "fe80::7"},
		{"quoted", "10.0.0.1", {"X-Forwarded-For: \"[2001:db8::7]:443\""}, "2001:db8::7"},
		{"IPv4 in IPv6", "10.0.0.1", {"X-Forwarded-For: ::ffff:192.0.2.7"}, "192.0.2.7"},
		{"a proxy that is seen by a [::] listener", "::ffff:10.0.0.1", {"X-Forwarded-For: 192.0.2.7"}, "192.0.2.7"},
		{"empty elements", "10.0.0.1", {"X-Forwarded-For: , 192.0.2.7 ,, ,"}, "192.0.2.7"},
		{"all are proxies", "10.0.0.1", {"X-Forwarded-For: 10.0.0.9, 10.0.0.2"}, "10.0.0.9"},
		{"nothing", "10.0.0.1", {"X-Forwarded-For: "}, "10.0.0.1"},
		{"no such field: the proxy itself asks", "10.0.0.1", {NULL}, "10.0.0.1"},
		{"the other field alone", "10.0.0.1", {"Forwarded: for=192.0.2.7"}, "10.0.0.1"},
		{"both fields", "10.0.0.1", {"Forwarded: for=203.0.113.1", "X-Forwarded-For: 192.0.2.7"}, "192.0.2.7"},
		{"over a unix socket", "", {"X-Forwarded-For: 192.0.2.7"}, "192.0.2.7"},
		{"over a unix socket, without", "", {NULL}, ""},
		{"nginx, asked over a unix socket itself", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7, unix:"}, "192.0.2.7"},
	};
	EXPECT(FORWARDED_X_FORWARDED_FOR, table);
}

Test(forwarded, what_no_proxy_has_said_is_ignored)
{
	static const struct seen table[] = {
		{"from a stranger", "192.0.2.9", {"X-Forwarded-For: 203.0.113.1"}, "192.0.2.9"},
		{"from beside the network", "11.0.0.1", {"X-Forwarded-For: 203.0.113.1, 10.0.0.1"}, "11.0.0.1"},
		{"IPv6", "2001:db8:e::1", {"X-Forwarded-For: 203.0.113.1"}, "2001:db8:e::1"},
	};
	EXPECT(FORWARDED_X_FORWARDED_FOR, table);
	EXPECT(FORWARDED_NONE, table);
	static const struct seen trusted[] = {{"nothing is configured", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7"}, "10.0.0.1"}};
	EXPECT(FORWARDED_NONE, trusted);
	EXPECT(FORWARDED_PROXY_V2, trusted);
}

Test(forwarded, what_cant_be_read_is_nobodys_address_and_no_proxys)
{
	static const struct seen table[] = {
		{"unknown", "10.0.0.1", {"X-Forwarded-For: unknown"}, ""},
		{"unknown behind one that is known", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7, unknown"}, ""},
		{"unknown behind a proxy", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7, unknown, 10.0.0.2"}, ""},
		{"unknown in front", "10.0.0.1", {"X-Forwarded-For: unknown, 192.0.2.7"}, "192.0.2.7"},
		{"a name", "10.0.0.1", {"X-Forwarded-For: client.example"}, ""},
		{"a port that is none", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7:x"}, ""},
		{"a port too large", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7:65536"}, ""},
		{"a bracket that isn't closed", "10.0.0.1", {"X-Forwarded-For: [2001:db8::7"}, ""},
		{"something behind the bracket", "10.0.0.1", {"X-Forwarded-For: [2001:db8::7]x"}, ""},
		{"IPv4 in brackets", "10.0.0.1", {"X-Forwarded-For: [192.0.2.7]"}, ""},
		{"by spaces", "10.0.0.1", {"X-Forwarded-For: 192.0.2.7 10.0.0.2"}, ""},
		{"a network", "10.0.0.1", {"X-Forwarded-For: 192.0.2.0/24"}, ""},
	};
	EXPECT(FORWARDED_X_FORWARDED_FOR, table);
}

Test(forwarded, forwarded_is_read_as_rfc_7239_writes_it)
{
	static const struct seen table[] = {
		{"plain", "10.0.0.1", {"Forwarded: for=192.0.2.7"}, "192.0.2.7"},
		{"the RFC's", "10.0.0.1", {"Forwarded: for=192.0.2.7;proto=http;by=203.0.113.43"}, "192.0.2.7"},
		{"names in any case, for not first", "10.0.0.1", {"Forwarded: Proto=https; Host=a.example ;FOR=192.0.2.7"}, "192.0.2.7"},
		{"IPv6 with a port", "10.0.0.1", {"Forwarded: For=\"[2001:db8:cafe::17]:4711\""}, "2001:db8:cafe::17"},
		{"IPv6 without quotes", "10.0.0.1", {"Forwarded: for=[2001:db8::7]:443"}, "2001:db8::7"},
		{"a port", "10.0.0.1", {"Forwarded: for=\"192.0.2.7:47011\""}, "192.0.2.7"},
		{"an obfuscated port", "10.0.0.1", {"Forwarded: for=\"192.0.2.7:_OBF-1\""}, "192.0.2.7"},
		{"forged in front", "10.0.0.1", {"Forwarded: for=203.0.113.1, for=192.0.2.7"}, "192.0.2.7"},
		{"two proxies", "10.0.0.1", {"Forwarded: for=203.0.113.1, for=192.0.2.7;by=10.0.0.2, for=10.0.0.2"}, "192.0.2.7"},
		{"lines", "10.0.0.1", {"Forwarded: for=203.0.113.1", "Forwarded: for=192.0.2.7", "Forwarded: for=10.0.0.2"}, "192.0.2.7"},
		{"a comma and a semicolon in quotes", "10.0.0.1", {"Forwarded: for=192.0.2.7;host=\"a,for=203.0.113.1;b\""}, "192.0.2.7"},
		{"an escaped quote", "10.0.0.1", {"Forwarded: for=192.0.2.7;host=\"a\\\",for=203.0.113.1\""}, "192.0.2.7"},
		{"unknown", "10.0.0.1", {"Forwarded: for=192.0.2.7, for=unknown"}, ""},
		{"obfuscated", "10.0.0.1", {"Forwarded: for=192.0.2.7, for=_hidden"}, ""},
		{"obfuscated, quoted", "10.0.0.1", {"Forwarded: for=\"_SEVKISEK\""}, ""},
		{"without for", "10.0.0.1", {"Forwarded: for=192.0.2.7, proto=https"}, ""},
		{"for twice", "10.0.0.1", {"Forwarded: for=192.0.2.7;for=203.0.113.1"}, ""},
		{"no pair", "10.0.0.1", {"Forwarded: 192.0.2.7"}, ""},
		{"a space before the sign", "10.0.0.1", {"Forwarded: for =192.0.2.7"}, ""},
		{"a quoted string without an end", "10.0.0.1", {"Forwarded: for=192.0.2.7, for=\"203.0.113.1"}, ""},
		{"one that hides the proxy's own", "10.0.0.1", {"Forwarded: for=203.0.113.1;host=\"x, for=192.0.2.7"}, ""},
		{"empty elements", "10.0.0.1", {"Forwarded: , for=192.0.2.7;, ,"}, "192.0.2.7"},
		{"empty", "10.0.0.1", {"Forwarded: "}, "10.0.0.1"},
		{"both fields", "10.0.0.1", {"X-Forwarded-For: 203.0.113.1", "Forwarded: for=192.0.2.7"}, "192.0.2.7"},
		{"from a stranger", "192.0.2.9", {"Forwarded: for=203.0.113.1"}, "192.0.2.9"},
	};
	EXPECT(FORWARDED_RFC7239, table);
}

Test(forwarded, a_unix_socket_is_trusted_only_if_that_is_said)
{
	struct proxies proxies = make(FORWARDED_X_FORWARDED_FOR);
	const struct ip nobody = {.n = 0};
	cr_expect(remote_of(&proxies, &nobody).is_proxy);
	proxies.local = false;
	cr_expect_not(remote_of(&proxies, &nobody).is_proxy);
}
