#include <criterion/criterion.h>

#include "base/uri.h"

/* The normalized spelling, or the error's code. */
static const char *normalized(struct str uri)
{
	static char text[URI_MAX + 16];
	struct sbuf out = sbuf_fixed(text, sizeof text);
	enum err err = uri_put_normalized(uri, &out);

	return err == ERR_OK ? text : err_info(err)->code;
}

Test(uri, equivalent_uris_have_one_spelling)
{
	static const char *const cases[][2] = {
		{"https://m2m.example/oauth2/token", "https://m2m.example/oauth2/token"},
		{"HTTPS://M2M.Example/oauth2/token", "https://m2m.example/oauth2/token"},
		{"https://m2m.example:443/oauth2/token", "https://m2m.example/oauth2/token"},
		{"https://m2m.example:/oauth2/token", "https://m2m.example/oauth2/token"},
		{"https://m2m.example:0443/x", "https://m2m.example/x"},
		{"http://m2m.example:80/x", "http://m2m.example/x"},
		{"http://m2m.example:443/x", "http://m2m.example:443/x"},
		{"https://m2m.example:80/x", "https://m2m.example:80/x"},
		{"https://m2m.example:8443/x", "https://m2m.example:8443/x"},
		{"https://m2m.example", "https://m2m.example/"},
		{"https://m2m.example/", "https://m2m.example/"},
		{"https://m2m.example?q=/a#/b", "https://m2m.example/"},
		{"https://m2m.example/x?q#f", "https://m2m.example/x"},
		{"https://m2m.example/x#f?q", "https://m2m.example/x"},
		{"https://m2m.example/%7Ex/%2d%5f", "https://m2m.example/~x/-_"},
		{"https://m2m.example/a%2fb%3a", "https://m2m.example/a%2Fb%3A"},
		{"https://m2m.example/a:b@c!$&'()*+,;=", "https://m2m.example/a:b@c!$&'()*+,;="},
		{"https://m2m.example/a/./b/../c", "https://m2m.example/a/c"},
		{"https://m2m.example/a/%2E%2e/c", "https://m2m.example/c"},
		{"https://m2m.example/../../c", "https://m2m.example/c"},
		{"https://m2m.example/a/..", "https://m2m.example/"},
		{"https://m2m.example/a/.", "https://m2m.example/a/"},
		{"https://m2m.example/a/b/../", "https://m2m.example/a/"},
		{"https://m2m.example//a//b", "https://m2m.example//a//b"},
		{"https://m2m.example/a/...", "https://m2m.example/a/..."},
		{"https://[2001:DB8::1]:443/x", "https://[2001:db8::1]/x"},
		{"https://[::1]:8080", "https://[::1]:8080/"},
		{"https://192.0.2.7/x", "https://192.0.2.7/x"},
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_str_eq(normalized(str_of(cases[i][0])), cases[i][1], "%s", cases[i][0]);
}

Test(uri, what_is_no_absolute_http_uri_is_refused)
{
	static const char *const cases[] = {
		"",
		"/oauth2/token",
		"m2m.example/x",
		"//m2m.example/x",
		"https:",
		"https:/m2m.example/x",
		"https://",
		"https:///x",
		"https://:443/x",
		"https://?x",
		"ftp://m2m.example/x",
		"https2://m2m.example/x",
		"https://user@m2m.example/x",
		"https://m2m.example@evil.example/x",
		"https://user:secret@m2m.example/x",
		"https://m2m.example:44 3/x",
		"https://m2m.example:x/x",
		"https://m2m.example:-1/x",
		"https://m2m.example:65536/x",
		"https://m2m%2eexample/x",
		"https://m2m.exa\\mple/x",
		"https://[::1/x",
		"https://[]/x",
		"https://[::1]x/x",
		"https://[v1.x]/x",
		"https://m2m.example/a b",
		"https://m2m.example/a\"b",
		"https://m2m.example/a[b]",
		"https://m2m.example/%",
		"https://m2m.example/%2",
		"https://m2m.example/%2g",
		"https://m2m.example/\xc3\xa9",
		"https://m2m.example/x?a b",
		" https://m2m.example/x",
		"https://m2m.example/x\n",
	};

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		cr_expect_str_eq(normalized(str_of(cases[i])), "malformed", "%s", cases[i]);
	cr_expect_str_eq(normalized(STR("https://m2m.example/\0x")), "malformed");
	cr_expect_str_eq(normalized(STR_NONE), "malformed");
}

Test(uri, an_over_long_one_is_refused_and_a_small_buffer_says_so)
{
	char text[URI_MAX + 2], small[20];
	struct sbuf out = sbuf_fixed(small, sizeof small);

	memset(text, 'a', sizeof text);
	memcpy(text, "https://h/", 10);
	cr_expect_str_neq(normalized(str_from(text, URI_MAX)), "malformed");
	cr_expect_str_eq(normalized(str_from(text, URI_MAX + 1)), "malformed");
	cr_expect_eq(uri_put_normalized(STR("https://m2m.example/oauth2/token"), &out), ERR_TOO_LARGE);
}
