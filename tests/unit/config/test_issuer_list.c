#include <criterion/criterion.h>

#include "config/issuer_list.h"

#define OURS "https://auth.example.com"
#define GOOD "\"issuer\":\"https://a.test/\",\"audience\":\"api\",\"organization_claim\":\"org_id\""

static struct arena *arena;

static void up(void)
{
	arena = arena_new(1 << 20);
}
static void down(void)
{
	arena_free(arena);
}

TestSuite(issuer_list, .init = up, .fini = down);

static struct issuer_list *parsed(const char *text)
{
	struct issuer_list *list = NULL;
	struct sbuf why = sbuf_in(arena, 1024);
	cr_assert_eq(issuer_list_parse(str_of(text), STR(OURS), &list, &why), ERR_OK, "%s", why.p);
	cr_assert_eq(why.n, 0);
	return list;
}

static void refused(const char *text, const char *says)
{
	struct issuer_list *list = NULL;
	struct sbuf why = sbuf_in(arena, 1024);
	cr_assert_eq(issuer_list_parse(str_of(text), STR(OURS), &list, &why), ERR_MALFORMED, "%s", text);
	cr_assert_null(list);
	cr_expect_not_null(strstr(why.p, says), "%s: %s", text, why.p);
	cr_expect_eq(why.p[why.n - 1], '\n');
}

Test(issuer_list, what_isn_t_given_has_its_default)
{
	struct issuer_list *list = parsed("[{" GOOD ",\"jwks_file\":\"/etc/keys.json\"}]");
	const struct trust_issuer *issuer = &list->entries[0].issuer;
	cr_assert_eq(list->n, 1);
	cr_assert(str_eq(issuer->roles_claim, STR("roles")) && str_eq(issuer->admin_role, STR("admin")));
	cr_assert(issuer->platform_role.p == NULL && !issuer->create_organizations);
	cr_assert(str_eq(list->entries[0].jwks_file, STR("/etc/keys.json")) && list->entries[0].jwks_url.p == NULL);
	issuer_list_free(list);
	list = parsed("[]");
	cr_assert_eq(list->n, 0);
	issuer_list_free(list);
}

Test(issuer_list, each_member_is_taken)
{
	struct issuer_list *list =
		parsed("[{" GOOD ",\"jwks_url\":\"https://a.test:8443/k?x=1\",\"ca_file\":\"ca.pem\",\"roles_claim\":\"a.b\","
		       "\"admin_role\":\"boss\",\"platform_role\":\"root\",\"create_organizations\":true}]");
	const struct issuer_entry *e = &list->entries[0];
	cr_assert(str_eq(e->jwks_url, STR("https://a.test:8443/k?x=1")) && str_eq(e->ca_file, STR("ca.pem")));
	cr_assert(str_eq(e->issuer.roles_claim, STR("a.b")) && str_eq(e->issuer.admin_role, STR("boss")));
	cr_assert(str_eq(e->issuer.platform_role, STR("root")) && e->issuer.create_organizations);
	issuer_list_free(list);
}

Test(issuer_list, each_fault_is_named)
{
	refused("", "JSON list");
	refused("{}", "JSON list");
	refused("[{]", "JSON list");
	refused("[{\"issuer\":\"a\",\"issuer\":\"b\"}]", "JSON list");
	refused("[7]", "issuer 1: it: expected an object");
	refused("[{}]", "issuer 1: organization_claim: is missing");
	refused("[{" GOOD "}]", "either this or jwks_url");
	refused("[{" GOOD ",\"jwks_file\":\"x\",\"jwks_url\":\"https://a.test/k\"}]", "either this or jwks_url");
	refused("[{" GOOD ",\"jwks_file\":\"\"}]", "jwks_file: expected text");
	refused("[{" GOOD ",\"jwks_file\":7}]", "jwks_file: expected text");
	refused("[{" GOOD ",\"jwks_file\":\"x\",\"jwks\":\"x\"}]", "jwks: there is no such member");
	refused("[{" GOOD ",\"jwks_file\":\"x\",\"ca_file\":\"x\"}]", "ca_file: goes with jwks_url");
	refused("[{" GOOD ",\"jwks_file\":\"x\",\"create_organizations\":\"yes\"}]", "create_organizations: expected true or false");
	refused("[{\"issuer\":\"" OURS "\",\"audience\":\"a\",\"organization_claim\":\"o\",\"jwks_file\":\"x\"}]", "service's own");
	refused("[{\"issuer\":\"a b\",\"audience\":\"a\",\"organization_claim\":\"o\",\"jwks_file\":\"x\"}]", "issuer 1: issuer");
	refused("[{\"issuer\":\"{tenantid}{tenantid}\",\"audience\":\"a\",\"organization_claim\":\"o\",\"jwks_file\":\"x\"}]", "once");
	refused("[{" GOOD ",\"jwks_file\":\"x\"},{" GOOD ",\"jwks_file\":\"y\"}]", "issuer 2: issuer: is in the list already");
}

Test(issuer_list, keys_come_over_https_alone)
{
	static const char *const urls[] = {"http://a.test/k",  "ftp://a.test/k",        "file:///etc/passwd", "https://",
					   "https:///k",       "https://user@a.test/k", "https://a.test/k#x", "HTTPS://a.test/k",
					   "https://a.test?x", "https://a.test/ k",     "//a.test/k"};
	for (size_t i = 0; i < sizeof urls / sizeof *urls; i++)
		refused(arena_printf(arena, "[{" GOOD ",\"jwks_url\":\"%s\"}]", urls[i]).p, "jwks_url: expected an https:// URL");
}

Test(issuer_list, an_issuer_is_found_by_its_very_name)
{
	struct issuer_list *list =
		parsed("[{" GOOD ",\"jwks_file\":\"x\"},{\"issuer\":\"https://l.test/{tenantid}/v2.0\",\"audience\":\"a\","
		       "\"organization_claim\":\"tid\",\"jwks_file\":\"x\"}]");
	const struct {
		const char *iss, *tid;
		int want; /* -1: none */
	} cases[] = {
		{"https://a.test/", NULL, 0},
		{"https://a.test/", "x", 0},
		{"https://a.test", NULL, -1},
		{"https://A.test/", NULL, -1},
		{"https://a.test/x", NULL, -1},
		{"", NULL, -1},
		{"https://l.test/t-1/v2.0", "t-1", 1},
		{"https://l.test/t-1/v2.0", "t-2", -1},
		{"https://l.test/t-1/v2.0", NULL, -1},
		{"https://l.test/t-1/v2.0x", "t-1", -1},
		{"https://l.test//v2.0", "", -1},
		{"https://l.test/a/b/v2.0", "a/b", -1},
		{"https://l.test/{tenantid}/v2.0", "{tenantid}", -1},
		{"https://l.test/{tenantid}/v2.0", NULL, -1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const struct issuer_entry *found = issuer_find(list->entries, list->n, str_of(cases[i].iss), str_of(cases[i].tid));
		cr_expect_eq(found, cases[i].want < 0 ? NULL : &list->entries[cases[i].want], "%s", cases[i].iss);
	}
	issuer_list_free(list);
}
