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
