#include <criterion/criterion.h>

#include "base/arena.h"
#include "rest/form.h"
#include "rest/rest_path.h"

/* RFC 3986 sections 2.1 and 2.3. */
Test(rest_path, a_segment_is_percent_encoded_and_read_back)
{
	static const struct {
		const char *text, *segment;
	} rows[] = {
		{"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"},
		{"x5t#S256:a.b~c", "x5t%23S256%3Aa.b~c"},
		{"tls_client_auth_subject_dn:CN=a/b,O=Caf\u00e9 + x%",
		 "tls_client_auth_subject_dn%3ACN%3Da%2Fb%2CO%3DCaf%C3%A9%20%2B%20x%25"},
	};
	struct arena *a = arena_new(4096);
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct sbuf out = sbuf_in(a, 256);
		struct str back;
		rest_path_put_segment(&out, str_of(rows[i].text));
		cr_expect(str_eq(sbuf_str(&out), str_of(rows[i].segment)), "%s", rows[i].segment);
		cr_assert_eq(form_decode(a, str_of(rows[i].segment), false, &back), ERR_OK);
		cr_expect(str_eq(back, str_of(rows[i].text)));
	}
	arena_free(a);
}

Test(rest_path, a_page_below_the_public_path_is_found)
{
	cr_assert(str_eq(rest_path_of_route(STR("/m2m-auth"), STR("/m2m-auth/portal")), STR("/portal")));
	cr_assert(str_eq(rest_path_of_route(STR("/m2m-auth"), STR("/m2m-auth/console")), STR("/console")));
	cr_assert(str_eq(rest_path_of_route(STR("/m2m-auth"), STR("/m2m-auth/assets/a.js")), STR("/assets/a.js")));
	cr_assert(str_eq(rest_path_of_route(STR("/m2m-auth"), STR("/m2m-auth/else")), STR("/m2m-auth/else")));
}
