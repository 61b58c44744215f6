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
	refused("[{" GOOD "}]", "one of this, jwks_url and discovery");
	refused("[{" GOOD ",\"jwks_file\":\"x\",\"jwks_url\":\"https://a.test/k\"}]", "one of this, jwks_url and discovery");
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

#define PLATFORM "\"issuer\":\"https://k.test\",\"workloads\":true"
#define SPIFFE   "\"spiffe_trust_domain\":\"example.org\",\"jwks_file\":\"x\""

Test(issuer_list, an_issuer_of_workloads_needs_no_organization)
{
	struct issuer_list *list = parsed("[{" PLATFORM ",\"discovery\":true,\"ca_file\":\"ca\",\"bearer_file\":\"token\"},"
					  "{" SPIFFE ",\"workloads\":true},{" GOOD ",\"workloads\":true,\"jwks_file\":\"x\"}]");
	const struct issuer_entry *e = list->entries;
	cr_assert(e[0].issuer.workloads && e[0].discovery && issuer_is_fetched(&e[0]) && str_eq(e[0].bearer_file, STR("token")));
	cr_assert(e[0].issuer.organization_claim.p == NULL && e[0].issuer.audience.p == NULL);
	cr_assert(str_eq(e[1].issuer.issuer, STR("example.org")) && !issuer_is_fetched(&e[1]));
	cr_assert(e[2].issuer.workloads && e[2].issuer.organization_claim.p != NULL, "both");
	issuer_list_free(list);
}

Test(issuer_list, a_spiffe_issuer_is_found_by_its_trust_domain_alone)
{
	struct issuer_list *list = parsed("[{" PLATFORM ",\"jwks_file\":\"x\"},{" SPIFFE ",\"workloads\":true}]");
	cr_expect_eq(issuer_find_spiffe(list->entries, list->n, STR("spiffe://example.org/web")), &list->entries[1]);
	static const char *const others[] = {"spiffe://example.org",        "spiffe://example.org.test/web",
					     "spiffe://https://k.test/web", "spiffe:///web",
					     "https://example.org/web",     "example.org/web",
					     "spiffe://EXAMPLE.org/web",    ""};
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		cr_expect_null(issuer_find_spiffe(list->entries, list->n, str_of(others[i])), "%s", others[i]);
	cr_expect_null(issuer_find(list->entries, list->n, STR("example.org"), STR_NONE), "an iss names no trust domain");
	issuer_list_free(list);
}

Test(issuer_list, each_fault_of_a_workload_s_issuer_is_named)
{
	refused("[{" PLATFORM "}]", "one of this, jwks_url and discovery");
	refused("[{" PLATFORM ",\"jwks_file\":\"x\",\"discovery\":true}]", "one of this, jwks_url and discovery");
	refused("[{" PLATFORM ",\"jwks_file\":\"x\",\"bearer_file\":\"x\"}]", "bearer_file: goes with jwks_url and discovery only");
	refused("[{" PLATFORM ",\"jwks_file\":\"x\",\"audience\":\"a\"}]", "audience: goes with organization_claim only");
	refused("[{" PLATFORM ",\"jwks_file\":\"x\",\"platform_role\":\"a\"}]", "platform_role: goes with organization_claim only");
	refused("[{\"issuer\":\"https://k.test\",\"jwks_file\":\"x\"}]", "organization_claim: is missing");
	refused("[{\"workloads\":true,\"jwks_file\":\"x\"}]", "issuer: is missing");
	refused("[{\"issuer\":\"https://k.test\",\"organization_claim\":\"o\",\"jwks_file\":\"x\"}]", "audience: is missing");
	refused("[{\"issuer\":\"k.test\",\"workloads\":true,\"discovery\":true}]",
		"discovery: goes with an issuer that is an https:// URL");
	refused("[{\"issuer\":\"https://k.test/{tenantid}\",\"workloads\":true,\"discovery\":true}]", "discovery: goes with an issuer");
	refused("[{" SPIFFE "}]", "spiffe_trust_domain: goes with workloads");
	refused("[{" SPIFFE ",\"workloads\":true,\"issuer\":\"https://k.test\"}]", "spiffe_trust_domain: goes without issuer");
	refused("[{\"spiffe_trust_domain\":\"spiffe://a\",\"workloads\":true,\"jwks_file\":\"x\"}]", "without spiffe://");
	refused("[{\"spiffe_trust_domain\":\"A.org\",\"workloads\":true,\"jwks_file\":\"x\"}]", "in lower case");
	refused("[{" SPIFFE ",\"workloads\":true},{" SPIFFE ",\"workloads\":true}]", "issuer 2: issuer: is in the list already");
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
