/* Keys as they are given to both programs; tests/unit/crypto/test_client_key.c has what is wrong
 * with a key itself. */
#include <criterion/criterion.h>

#include "crypto/digest.h"
#include "sql/client_credential.h"

#define EC                                                                                                                                 \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                                         \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\",\"key_ops\":[\"verify\"]}"
#define EC_ID "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U"
#define NOW   1767225600000000

static struct arena *arena;

static void up(void)
{
	cr_assert_eq(crypto_init(), ERR_OK);
	arena = arena_new(1 << 18);
}

static void down(void)
{
	arena_free(arena);
	crypto_fini();
}

TestSuite(client_credential_spec, .init = up, .fini = down);

static void expect_good(const char *text)
{
	struct client_credential_spec spec;
	const char *why = "";
	cr_assert_eq(client_credential_read_key(arena, str_of(text), STR("build"), NOW + 1, NOW, &spec, &why), ERR_OK, "%s: %s", text, why);
	cr_expect(str_eq(spec.credential_id, STR(EC_ID)), "%.*s", STR_ARG(spec.credential_id));
	cr_expect(str_eq(spec.name, STR("build")));
	cr_expect_eq(spec.expires_at, NOW + 1);
	cr_expect_null(memmem(spec.public_jwk.p, spec.public_jwk.n, "key_ops", 7), "only what is stored");
}

Test(client_credential_spec, a_key_is_taken_by_itself_and_as_the_only_one_of_a_set)
{
	expect_good(EC);
	expect_good("{\"keys\":[" EC "]}");
}

static void expect_refused(const char *text, struct str name, int64_t expires_at, const char *part)
{
	struct client_credential_spec spec = {.expires_at = 7};
	const char *why = "";
	cr_assert_eq(client_credential_read_key(arena, str_of(text), name, expires_at, NOW, &spec, &why), ERR_MALFORMED, "%s", text);
	cr_expect_not_null(strstr(why, part), "%s: %s", text, why);
	cr_expect_eq(spec.expires_at, 7);
}

Test(client_credential_spec, what_is_wrong_is_told)
{
	expect_refused("{\"keys\":[" EC "," EC "]}", STR_NONE, 0, "JWK Set");
	expect_refused("{\"keys\":[]}", STR_NONE, 0, "JWK Set");
	expect_refused("{\"keys\":[{\"kty\":\"oct\",\"k\":\"AAAA\"}]}", STR_NONE, 0, "symmetric");
	expect_refused("", STR_NONE, 0, "neither");
	expect_refused(EC, STR("a\tb"), 0, "name must be");
	expect_refused(EC, STR_NONE, NOW, "expires_at");
	expect_refused(EC, STR_NONE, -1, "expires_at");
}

Test(client_credential_spec, a_key_needs_neither_name_nor_end)
{
	struct client_credential_spec spec;
	const char *why = "";
	cr_assert_eq(client_credential_read_key(arena, STR(EC), STR_NONE, 0, NOW, &spec, &why), ERR_OK);
	cr_expect_null(spec.name.p);
	cr_expect_eq(spec.expires_at, 0);
}

/* ---- workloads ---- */

static struct client_credential_spec workload_of(const char *subject, const char *claims, bool may_replay)
{
	struct client_credential_spec spec;
	const char *why = "";
	const struct workload_terms given = {.issuer = STR("https://k.test"),
					     .subject = str_of(subject),
					     .audience = STR("https://m2m.test"),
					     .claims = str_of(claims),
					     .may_replay = may_replay};
	cr_assert_eq(client_credential_read_workload(arena, &given, STR("web"), 0, NOW, &spec, &why), ERR_OK, "%s: %s", claims, why);
	cr_expect_eq(spec.credential_id.n, 43);
	return spec;
}

Test(client_credential_spec, a_workload_s_id_is_of_its_terms_and_of_nothing_else)
{
	struct str id = workload_of("s", "{\"a\":\"1\",\"b\":{\"d\":true,\"c\":2}}", false).credential_id;
	cr_expect(str_eq(id, workload_of("s", "{ \"b\": {\"c\":\"2\",\"d\":\"true\"}, \"a\": 1 }", false).credential_id), "the same terms");
	cr_expect_not(str_eq(id, workload_of("s", "{\"a\":\"1\",\"b\":{\"d\":true,\"c\":2}}", true).credential_id), "replay");
	cr_expect_not(str_eq(id, workload_of("t", "{\"a\":\"1\",\"b\":{\"d\":true,\"c\":2}}", false).credential_id), "subject");
	cr_expect_not(str_eq(id, workload_of("s", "{\"a\":\"1\",\"b\":{\"d\":true,\"c\":3}}", false).credential_id), "claims");

	cr_expect(str_eq(workload_of("s", NULL, false).workload.claims, STR("{}")));
}

Test(client_credential_spec, what_is_wrong_with_a_workload_is_told)
{
	static const struct {
		const char *issuer, *subject, *audience, *claims, *part;
	} cases[] = {
		{"", "s", "a", "{}", "issuer must be"},
		{NULL, "s", "a", "{}", "issuer must be"},
		{"i i", "s", "a", "{}", "issuer must be"},
		{"i", "", "a", "{}", "subject must be"},
		{"i", "a\nb", "a", "{}", "subject must be"},
		{"i", "s", "", "{}", "audience must be"},
		{"i", NULL, "a", "{}", "needs a subject, or claims"},
		{"i", NULL, "a", NULL, "needs a subject, or claims"},
		{"i", "s", "a", "[]", "claims must be"},
		{"i", "s", "a", "x", "claims must be"},
		{"i", "s", "a", "{\"a\":null}", "claims must be"},
		{"i", "s", "a", "{\"a\":[\"b\"]}", "claims must be"},
		{"i", "s", "a", "{\"a\":1.5}", "claims must be"},
		{"i", "s", "a", "{\"a\":{}}", "claims must be"},
		{"i", "s", "a", "{\"a\":{\"b\":{\"c\":{\"d\":{\"e\":\"f\"}}}}}", "claims must be"},
		{"i", "s", "a", "{\"\":\"x\"}", "claims must be"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct client_credential_spec spec = {.expires_at = 7};
		const char *why = "";
		const struct workload_terms given = {str_of(cases[i].issuer), str_of(cases[i].subject), str_of(cases[i].audience),
						     str_of(cases[i].claims), false};
		cr_assert_eq(client_credential_read_workload(arena, &given, STR_NONE, 0, NOW, &spec, &why), ERR_MALFORMED, "%zu", i);
		cr_expect_not_null(strstr(why, cases[i].part), "%zu: %s", i, why);
		cr_expect_eq(spec.expires_at, 7);
	}
}
