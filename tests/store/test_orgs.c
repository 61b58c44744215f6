/* Organizations and their clients through m2mctl: what is made, changed, handed over and ended,
 * what is refused, and what the audit says of it all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/expect_ctl.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static struct ctl_result r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
}

WORLD_FILLED(make_people, KEPT(acme));

static void open_world(void)
{
	world_prepare_filled(&w, false);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(orgs, .init = open_world, .fini = close_world, .timeout = 120);

/* How often an act is on record with this outcome. */
static int64_t acts(const char *action, const char *outcome)
{
	return sql_int(world_db(&w),
		       "select count(*) from m2m.admin_audit where action = '%s' and outcome = '%s' and actor like 'operator:%%'"
		       " and request_id is not null and transport = 'c'",
		       action, outcome);
}

/* A column of a client, as text. */
static const char *client_has(const char *client_id, const char *column)
{
	return sql_text(world_db(&w), "select %s::text from m2m.client where client_id = '%s'", column, client_id);
}

static const char *org_has(const char *slug, const char *column)
{
	return sql_text(world_db(&w), "select %s::text from m2m.organization where slug = '%s' and deleted_at is null", column, slug);
}

/* A second client, and its secret where the caller wants it. */
static void make_client(const char *slug, char id[32], char secret[SECRET_MAX])
{
	char unwanted[SECRET_MAX];
	world_ctl(&w, &r, "client", "create", "--org", slug, "--output", "env");
	ctl_value(&r, "M2M_CLIENT_ID", id, 32);
	ctl_value(&r, "M2M_CLIENT_SECRET", secret == NULL ? unwanted : secret, SECRET_MAX);
}

/* Whether the gateway's own statement would take the secret: its verifier is one of a live
 * version. */
static int64_t live_secrets(const char *client_id)
{
	return sql_int(world_db(&w),
		       "select count(*) from m2m.client_secret where client_id = '%s' and (expires_at is null or expires_at > now())",
		       client_id);
}

/* ---- organizations ---- */

Test(orgs, an_organization_is_made_with_what_was_asked_for)
{
	char id[32];
	expect_exit(0, "org", "create", "globex", "--name", "Globex \"Größe\"", "--role", "member", "--scope", "a:read", "--scope",
		    "a:write", "--audience", "https://x/", "--lifetime", "600", "--token-type", "at+jwt", "--issuer", "https://id.test/",
		    "--external-id", "g-1", "--output", "env");
	ctl_value(&r, "M2M_CLIENT_ID", id, sizeof id);
	cr_expect_str_eq(org_has("globex", "name"), "Globex \"Größe\"");
	cr_expect_str_eq(org_has("globex", "issuer || ' ' || external_id"), "https://id.test/ g-1");
	cr_expect_str_eq(client_has(id, "(roles || scopes || audiences)"), "{member,a:read,a:write,https://x/}");
	cr_expect_str_eq(client_has(id, "(token_lifetime, token_type, is_default)"), "(600,at+jwt,t)");
	cr_expect_eq(acts("create_organization", "granted"), 2, "acme's is the other one");
	cr_expect_str_eq(
		sql_text(world_db(&w),
			 "select detail from m2m.admin_audit where action = 'create_organization' and detail->>'slug' = 'globex'"),
		"{\"name\": \"Globex \\\"Größe\\\"\", \"slug\": \"globex\", \"issuer\": \"https://id.test/\", \"external_id\": \"g-1\"}");
}

Test(orgs, a_taken_name_is_refused_and_the_refusal_is_on_record)
{
	expect_refusal(1, "acme", "org", "create", "acme");
	expect_exit(0, "org", "create", "one", "--issuer", "https://id.test/", "--external-id", "x");
	expect_refusal(1, "external id", "org", "create", "two", "--issuer", "https://id.test/", "--external-id", "x");
	expect_exit(0, "org", "create", "two", "--issuer", "https://another.test/", "--external-id", "x");
	expect_refusal(1, "external id", "org", "set", "two", "--issuer", "https://id.test/", "--external-id", "x");
	cr_expect_eq(acts("create_organization", "already_exists"), 2);
	cr_expect_eq(acts("set_organization", "already_exists"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client"), 3, "no client without its organization");
}

Test(orgs, an_organization_is_found_by_slug_and_by_id)
{
	expect_exit(0, "org", "show", acme.id, "--output", "env");
	cr_expect(says(r.out, "M2M_ORGANIZATION=acme\n"), "%s", r.out);
	expect_exit(0, "org", "set", acme.id, "--name", "Acme Inc.");
	cr_expect_str_eq(org_has("acme", "name"), "Acme Inc.");
	expect_refusal(4, "nobody", "org", "show", "nobody");
	expect_refusal(4, "no organization", "org", "show", "00000000-0000-7000-8000-000000000000");
}

Test(orgs, what_is_not_given_to_org_set_stays)
{
	expect_exit(0, "org", "set", "acme", "--issuer", "https://id.test/", "--external-id", "a");
	expect_exit(0, "org", "set", "acme", "--name", "New");
	cr_expect_str_eq(org_has("acme", "(name, issuer, external_id)"), "(New,https://id.test/,a)");
	expect_exit(0, "org", "set", "acme", "--no-external-id");
	cr_expect_str_eq(org_has("acme", "(name, issuer, external_id)"), "(New,\"\",)");
	cr_expect_eq(acts("set_organization", "granted"), 3);
	expect_refusal(2, "nothing to set", "org", "set", "acme");
	expect_refusal(2, "must be given together", "org", "set", "acme", "--issuer", "https://id.test/");
	expect_refusal(2, "goes without", "org", "set", "acme", "--no-external-id", "--issuer", "x", "--external-id", "y");
}

static const char *told(const char *action)
{
	return sql_text(world_db(&w),
			"select detail->>'allowed_networks' from m2m.admin_audit where action = '%s' and outcome = 'granted'"
			" and detail ? 'allowed_networks' order by at desc limit 1",
			action);
}

Test(orgs, a_client_s_networks_are_set_shown_and_taken_back)
{
	expect_exit(0, "client", "set", "--org", "acme", "--allow-network", "192.0.2.0/24", "--allow-network", "2001:DB8:7::/48",
		    "--allow-network", "192.0.2.0/24", "--allow-network", "::ffff:192.0.2.0/120", "--allow-network", "198.51.100.7");
	cr_expect(says(r.out, "192.0.2.0/24 2001:db8:7::/48 198.51.100.7/32\n"), "%s", r.out);
	cr_expect_str_eq(client_has(acme.client_id, "allowed_networks"), "{192.0.2.0/24,2001:db8:7::/48,198.51.100.7/32}");
	cr_expect_str_eq(told("set_client"), "[\"192.0.2.0/24\", \"2001:db8:7::/48\", \"198.51.100.7/32\"]");
	expect_exit(0, "client", "set", "--org", "acme", "--name", "New");
	expect_exit(0, "client", "show", "--org", "acme", "--output", "json");
	cr_expect(says(r.out, "\"allowed_networks\":[\"192.0.2.0/24\",\"2001:db8:7::/48\",\"198.51.100.7/32\"]"), "%s", r.out);
	expect_exit(0, "client", "set", "--org", "acme", "--allow-network", "any");
	cr_expect_str_eq(told("set_client"), "any");
	expect_exit(0, "client", "show", "--org", "acme", "--output", "json");
	cr_expect(says(r.out, "\"allowed_networks\":null"), "%s", r.out);
	expect_exit(0, "client", "create", "--org", "acme", "--allow-network", "10.0.0.0/8", "--output", "json");
	cr_expect(says(r.out, "\"allowed_networks\":[\"10.0.0.0/8\"]"), "%s", r.out);
	cr_expect_str_eq(told("create_client"), "[\"10.0.0.0/8\"]");
}

Test(orgs, an_organization_s_networks_are_set_shown_and_taken_back)
{
	expect_exit(0, "org", "create", "beta", "--allow-network", "10.0.0.0/8");
	cr_expect_str_eq(org_has("beta", "allowed_networks"), "{10.0.0.0/8}");
	cr_expect_str_eq(told("create_organization"), "[\"10.0.0.0/8\"]");
	expect_exit(0, "org", "set", "beta", "--allow-network", "192.0.2.0/24", "--allow-network", "::1");
	cr_expect_str_eq(told("set_organization"), "[\"192.0.2.0/24\", \"::1/128\"]");
	expect_exit(0, "org", "set", "beta", "--name", "Beta");
	expect_exit(0, "org", "disable", "beta");
	expect_exit(0, "org", "show", "beta", "--output", "json");
	cr_expect(says(r.out, "\"allowed_networks\":[\"192.0.2.0/24\",\"::1/128\"]"), "%s", r.out);
	expect_exit(0, "org", "set", "beta", "--allow-network", "any");
	cr_expect_str_eq(told("set_organization"), "any");
	cr_expect(says(r.out, "allowed_networks  -\n"), "%s", r.out);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client where allowed_networks is not null"), 0);
}

Test(orgs, a_network_that_is_none_is_refused_with_what_is_wrong)
{
	static const char *const commands[][4] = {{"client", "set", "--org", "acme"},
						  {"client", "create", "--org", "acme"},
						  {"org", "set", "acme", "--name=x"},
						  {"org", "create", "b", "--name=x"}};
	static const struct {
		const char *network, *says;
	} bad[] = {
		{"192.0.2.7/24", "192.0.2.7/24 has bits set behind its prefix; the network is 192.0.2.0/24."},
		{"2001:db8::1/32", "the network is 2001:db8::/32."},
		{"acme", "acme is no network in CIDR form"},
		{"192.0.2.0/33", "192.0.2.0/33 is no network"},
		{"", "is no network"},
	};
	for (size_t c = 0; c < sizeof commands / sizeof *commands; c++) {
		const char *const *v = commands[c];
		for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
			expect_refusal(2, bad[i].says, v[0], v[1], v[2], v[3], "--allow-network", "10.0.0.0/8", "--allow-network",
				       bad[i].network);
		expect_refusal(2, "any is no network", v[0], v[1], v[2], v[3], "--allow-network", "any", "--allow-network", "10.0.0.0/8");
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client where allowed_networks is not null"), 0);
}

Test(orgs, m2mctl_holds_to_the_same_rules_as_the_api)
{
	expect_exit(0, "client", "set", "--org", "acme", "--scope", "s0", "--scope", "s1", "--scope", "s2", "--scope", "s3", "--scope",
		    "s4", "--scope", "s5", "--scope", "s6", "--scope", "s7", "--scope", "s8", "--scope", "s9", "--scope", "s10", "--scope",
		    "s11", "--scope", "s12", "--scope", "s13", "--scope", "s14", "--scope", "s15", "--scope", "s16", "--scope", "s17",
		    "--scope", "s18", "--scope", "s19");
	cr_expect_eq(sql_int(world_db(&w), "select cardinality(scopes) from m2m.client"), 20);
	expect_refusal(2, "at most once", "client", "set", "--org", "acme", "--role", "admin", "--role", "admin");
	expect_refusal(2, "different scope tokens", "client", "set", "--org", "acme", "--scope", "a", "--scope", "a");
	expect_refusal(2, "1 to 8 different audiences", "org", "create", "b", "--audience", "a", "--audience", "a");
	expect_refusal(2, "not shaped like a UUID", "org", "create", "00000000-0000-7000-8000-000000000000");
	expect_refusal(2, "not first a hyphen", "org", "create", "--", "-b");
	expect_refusal(2, "without control characters", "org", "set", "acme", "--name", "a\nb");
}

/* As a terminal obeys them, or the eye misses them; base/visible.h has them all. */
static const char *const hiding[] = {"a\x1b[2J",
				     "a\xc2\x85",
				     "a\xc2\x9b"
				     "2J",
				     "a\xe2\x80\xae"
				     "b",
				     "a\xe2\x80\x8b",
				     "a\xe2\x80\xa8",
				     "ac\xe2\x80\x8dme"};

Test(orgs, a_name_hides_nothing)
{
	for (size_t i = 0; i < sizeof hiding / sizeof *hiding; i++) {
		expect_refusal(2, "without control characters", "org", "create", "b", "--name", hiding[i]);
		expect_refusal(2, "without control characters", "org", "set", "acme", "--name", hiding[i]);
		expect_refusal(2, "external_id", "org", "set", "acme", "--issuer", "https://id.test/", "--external-id", hiding[i]);
		expect_refusal(2, "without control characters", "client", "create", "--org", "acme", "--name", hiding[i]);
		expect_refusal(2, "without control characters", "client", "set", "--org", "acme", "--name", hiding[i]);
	}
	/* what scripts need */
	expect_exit(0, "org", "set", "acme", "--name", "\xdb\x8c\xe2\x80\x8c\xd8\xae \xf0\x9f\x91\xa9\xe2\x80\x8d\xf0\x9f\x92\xbb");
}

static bool is_hidden_in(const char *text)
{
	static const char *const marks[] = {"\x1b", "\xc2\x9b", "\xe2\x80\xae", "\r2J"};
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
		if (strstr(text, marks[i]) != NULL)
			return true;
	return false;
}

/* Older rows may have such a name, and are used and changed as others are. */
Test(orgs, what_is_hidden_in_a_name_is_printed_as_its_escape)
{
	static const char *const outputs[] = {"text", "csv", "json"};
	sql_exec(world_db(&w), "update m2m.organization set name = E'=a\\x1b[2Jb\\u009b2J\\u202Ec\\r2J\\nd' where slug = 'acme'");
	for (size_t i = 0; i < sizeof outputs / sizeof *outputs; i++) {
		expect_exit(0, "org", "show", "acme", "--output", outputs[i]);
		cr_expect(strstr(r.out, "=a\\u001b[2Jb\\u009b2J\\u202ec\\u000d2J\\u000ad") != NULL && !is_hidden_in(r.out), "%s", r.out);
		expect_exit(0, "org", "list", "--output", outputs[i]);
		cr_expect(strstr(r.out, "=a\\u001b[2Jb\\u009b2J\\u202ec\\u000d2J\\u000ad") != NULL && !is_hidden_in(r.out), "%s", r.out);
	}
	expect_exit(0, "org", "show", "acme", "--output", "csv");
	cr_expect_not_null(strstr(r.out, "\"'=a"), "%s", r.out);
	expect_exit(0, "audit", "report", "clients_never_used", "--output", "json");
	cr_expect_not(is_hidden_in(r.out), "%s", r.out);
	expect_exit(0, "org", "disable", "acme");
	expect_exit(0, "org", "enable", "acme");
	/* nor does what is said on stderr drive it */
	expect_refusal(4, "\\u009b2J\\u202e", "org", "show",
		       "x\xc2\x9b"
		       "2J\xe2\x80\xae");
	cr_expect_not(is_hidden_in(r.err), "%s", r.err);
	expect_refusal(2, "there is no option --\\u001b[2J", "org", "list", "--\x1b[2J");
	cr_expect_not(is_hidden_in(r.err), "%s", r.err);
}

Test(orgs, an_option_with_one_value_is_given_once)
{
	expect_refusal(2, "--grace is given twice", "client", "rotate", "--org", "acme", "--grace", "3600", "--grace", "0");
	expect_refusal(2, "--name is given twice", "org", "set", "acme", "--name", "a", "--name=b");
	expect_refusal(2, "--lifetime is given twice", "client", "set", "--org", "acme", "--lifetime", "60", "--lifetime", "60");
	expect_refusal(2, "there is no option --graceSeconds", "client", "rotate", "--org", "acme", "--graceSeconds", "3600");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret"), 1);
}

Test(orgs, a_refused_change_says_on_record_what_was_named)
{
	expect_refusal(4, "nobody", "org", "set", "nobody", "--name", "x");
	expect_refusal(4, "nobody", "org", "disable", "nobody");
	expect_refusal(4, "nobody", "org", "delete", "nobody", "--yes");
	cr_expect_eq(
		sql_int(world_db(&w),
			"select count(*) from m2m.admin_audit where outcome = 'organization_not_found' and detail->>'slug' = 'nobody'"),
		3);
}

Test(orgs, a_disabled_organization_gets_no_secret_and_no_token_until_it_is_enabled)
{
	expect_exit(0, "org", "disable", "acme");
	char since[64];
	snprintf(since, sizeof since, "%s", org_has("acme", "disabled_at"));
	expect_exit(0, "org", "disable", "acme");
	cr_expect_str_eq(org_has("acme", "disabled_at"), since, "it is disabled since the first time");
	expect_refusal(4, "disabled", "client", "secret", "--org", "acme");
	expect_refusal(4, "disabled", "client", "rotate", "--org", "acme");
	expect_refusal(4, "disabled", "token", "mint", "--org", "acme");
	cr_expect_eq(acts("read_secret", "organization_disabled"), 1);
	cr_expect_eq(acts("rotate_secret", "organization_disabled"), 1);
	cr_expect_eq(acts("mint_token", "organization_disabled"), 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit"), 0);
	expect_exit(0, "org", "enable", "acme");
	expect_exit(0, "client", "secret", "--org", "acme", "--output", "env");
	cr_expect(says(r.out, acme.secret), "the secret is the same as before: %s", r.out);
}

Test(orgs, a_deleted_organization_leaves_its_record_and_gives_its_name_back)
{
	char second[32];
	make_client("acme", second, NULL);
	expect_refusal(2, "--yes", "org", "delete", "acme");
	cr_expect_str_neq(org_has("acme", "name"), "");
	expect_exit(0, "org", "delete", "acme", "--yes");
	cr_expect_eq(live_secrets(acme.client_id) + live_secrets(second), 0);
	expect_refusal(4, "acme", "org", "show", "acme");
	expect_refusal(4, "acme", "org", "enable", "acme");
	expect_refusal(4, "acme", "client", "list", "--org", "acme");
	expect_refusal(4, second, "client", "secret", second);
	expect_refusal(4, second, "client", "enable", second);
	expect_exit(0, "org", "list");
	cr_expect_str_eq(r.out, "");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client where deleted_at is not null"), 2);
	cr_expect_eq(acts("delete_organization", "granted"), 1);
	cr_expect_eq(acts("delete_client", "granted"), 2, "each of its clients has a row too");

	struct org again;
	org_create(&w, "acme", &again);
	cr_expect_str_neq(again.id, acme.id);
	expect_exit(0, "client", "list", "--org", "acme", "--output", "json");
	cr_expect(says(r.out, again.client_id) && !says(r.out, acme.client_id), "%s", r.out);
}

/* ---- clients ---- */

Test(orgs, an_organization_has_several_clients_each_with_its_own_rights)
{
	char id[32], secret[SECRET_MAX];
	expect_exit(0, "client", "create", "--org", "acme", "--name", "Nightly export", "--scope", "orders:read", "--audience", "a",
		    "--audience", "b", "--lifetime", "900", "--token-type", "at+jwt", "--output", "env");
	ctl_value(&r, "M2M_CLIENT_ID", id, sizeof id);
	ctl_value(&r, "M2M_CLIENT_SECRET", secret, sizeof secret);
	cr_expect_str_eq(client_has(id, "(name, roles, scopes, audiences, token_lifetime, token_type, is_default)"),
			 "(\"Nightly export\",{},{orders:read},\"{a,b}\",900,at+jwt,f)");
	cr_expect_str_eq(client_has(acme.client_id, "(roles, is_default)"), "({admin},t)");
	expect_exit(0, "client", "secret", id, "--output", "env");
	cr_expect(says(r.out, secret), "%s", r.out);
	expect_exit(0, "client", "secret", "--org", "acme", "--output", "env");
	cr_expect(says(r.out, acme.secret) && !says(r.out, secret), "%s", r.out);
	cr_expect_eq(acts("create_client", "granted"), 2);
	expect_refusal(4, "nobody", "client", "create", "--org", "nobody");
}

Test(orgs, client_set_changes_what_is_given_and_nothing_else)
{
	expect_exit(0, "client", "set", "--org", "acme", "--role", "member", "--scope", "x", "--scope", "y", "--audience", "z",
		    "--lifetime", "60", "--token-type", "at+jwt", "--name", "N");
	const char *all = "(name, roles, scopes, audiences, token_lifetime, token_type)";
	cr_expect_str_eq(client_has(acme.client_id, all), "(N,{member},\"{x,y}\",{z},60,at+jwt)");
	expect_exit(0, "client", "set", acme.client_id, "--role", "none", "--token-type", "default");
	cr_expect_str_eq(client_has(acme.client_id, all), "(N,{},\"{x,y}\",{z},60,)");
	cr_expect_str_eq(sql_text(world_db(&w), "select detail from m2m.admin_audit where action = 'set_client' order by at desc limit 1"),
			 "{\"roles\": [], \"token_type\": \"default\"}");
	expect_refusal(2, "nothing to set", "client", "set", "--org", "acme");
	expect_refusal(2, "none alone", "client", "set", "--org", "acme", "--role", "admin", "--role", "none");
	expect_refusal(2, "token mint --platform", "client", "set", "--org", "acme", "--role", "platform");
	expect_refusal(2, "60 to 2592000", "client", "set", "--org", "acme", "--lifetime", "59");
	expect_refusal(2, "JWT|at+jwt|default", "client", "set", "--org", "acme", "--token-type", "opaque");
	expect_refusal(2, "--scope", "client", "set", "--org", "acme", "--scope", "two words");
	cr_expect_eq(acts("set_client", "granted"), 2);
}

Test(orgs, a_client_of_another_organization_is_not_found)
{
	struct org other;
	org_create(&w, "other", &other);
	expect_refusal(4, "of organization other", "client", "show", acme.client_id, "--org", "other");
	expect_refusal(4, "of organization other", "client", "rotate", acme.client_id, "--org", "other");
	expect_refusal(4, "of organization other", "client", "delete", acme.client_id, "--org", "other", "--yes");
	cr_expect_str_eq(client_has(acme.client_id, "secret_version"), "1");
}

Test(orgs, the_default_is_handed_over_in_one_act)
{
	char second[32], third[32];
	make_client("acme", second, NULL);
	make_client("acme", third, NULL);
	expect_exit(0, "client", "default", second);
	cr_expect_str_eq(client_has(second, "is_default"), "true");
	cr_expect_str_eq(client_has(acme.client_id, "is_default"), "false");
	expect_exit(0, "client", "show", "--org", "acme", "--output", "env");
	cr_expect(says(r.out, second), "%s", r.out);
	expect_exit(0, "client", "set", third, "--default", "--role", "admin");
	cr_expect_str_eq(client_has(third, "(is_default, roles)"), "(t,{admin})");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client where is_default"), 1);
	cr_expect_eq(acts("set_client", "granted"), 2);

	expect_exit(0, "client", "disable", second);
	expect_refusal(1, "disabled", "client", "default", second);
	cr_expect_str_eq(client_has(third, "is_default"), "true");
	cr_expect_eq(acts("set_client", "conflict"), 1);
}

Test(orgs, several_become_the_default_at_once_one_after_the_other)
{
	enum { JOBS = 6 };
	static struct ctl_job jobs[JOBS];
	static struct ctl_result results[JOBS];
	static char ids[JOBS][32];
	for (int i = 0; i < JOBS; i++)
		make_client("acme", ids[i], NULL);
	for (int i = 0; i < JOBS; i++)
		ctl_start(&w.ctl_env, &jobs[i], &results[i], (const char *const[]){"client", "default", ids[i], NULL});
	for (int i = 0; i < JOBS; i++)
		cr_expect_eq(ctl_finish(&jobs[i], &results[i]), 0, "%s", results[i].err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client where is_default"), 1);
	cr_expect_eq(acts("set_client", "granted"), JOBS);
	cr_expect_str_eq(client_has(acme.client_id, "is_default"), "false");
}

Test(orgs, a_client_is_deleted_for_good_unless_it_is_the_default)
{
	char second[32];
	make_client("acme", second, NULL);
	expect_refusal(1, "default client", "client", "delete", acme.client_id, "--yes");
	cr_expect_eq(acts("delete_client", "default_client"), 1);
	expect_refusal(2, "--yes", "client", "delete", second);
	cr_expect_eq(live_secrets(second), 1);
	expect_exit(0, "client", "delete", second, "--yes");
	cr_expect_eq(live_secrets(second), 0);
	cr_expect_eq(live_secrets(acme.client_id), 1);
	expect_refusal(4, second, "client", "show", second);
	expect_refusal(4, second, "client", "rotate", second);
	expect_refusal(4, second, "client", "default", second);
	expect_refusal(4, second, "client", "delete", second, "--yes");
	cr_expect_eq(acts("delete_client", "granted"), 1);
	expect_exit(0, "client", "list", "--org", "acme");
	cr_expect(says(r.out, acme.client_id) && !says(r.out, second), "%s", r.out);
}

/* Runs m2mctl while `statement` is done but not yet committed by another one, so that m2mctl
 * begins before and ends after it. */
static int run_across(const char *statement, const char *const *args)
{
	static struct ctl_job job;
	char url[PG_URL];
	pg_url(&w.pg, "m2m_owner", w.database, url);
	PGconn *other = sql_open(url);
	sql_exec(other, "begin");
	sql_exec(other, "%s", statement);
	ctl_start(&w.ctl_env, &job, &r, args);
	const char *waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
	for (int tries = 0; tries < 500 && sql_int(world_db(&w), "%s", waits) == 0; tries++)
		sleep_ms(10);
	cr_expect_eq(sql_int(world_db(&w), "%s", waits), 1);
	sql_exec(other, "commit");
	PQfinish(other);
	return ctl_finish(&job, &r);
}

Test(orgs, a_client_that_becomes_the_default_in_this_moment_is_not_deleted)
{
	char second[32], statement[256];
	make_client("acme", second, NULL);
	snprintf(statement, sizeof statement, "update m2m.client set is_default = client_id = '%s'", second);
	cr_expect_eq(run_across(statement, (const char *const[]){"client", "delete", second, "--yes", NULL}), 1);
	cr_expect(says(r.err, "is the organization's default client"), "%s", r.err);
	cr_expect_eq(live_secrets(second), 1);
	cr_expect_eq(acts("delete_client", "granted"), 0);
	cr_expect_eq(acts("delete_client", "default_client"), 1);
}

Test(orgs, what_is_deleted_in_this_moment_is_not_changed)
{
	char second[32], statement[256];
	make_client("acme", second, NULL);
	snprintf(statement, sizeof statement, "update m2m.client set disabled_at = now(), deleted_at = now() where client_id = '%s'",
		 second);
	cr_expect_eq(run_across(statement, (const char *const[]){"client", "set", second, "--name", "n", NULL}), 4);
	cr_expect_eq(acts("set_client", "client_not_found"), 1);
	cr_expect_eq(run_across("update m2m.organization set disabled_at = now(), deleted_at = now()",
				(const char *const[]){"org", "set", "acme", "--name", "n", NULL}),
		     4);
	cr_expect_eq(acts("set_organization", "organization_not_found"), 1);
	cr_expect_eq(acts("set_client", "granted") + acts("set_organization", "granted"), 0);
}

/* What a rotation leaves, when it has gone so far. */
static const char *rotation_of(const char *client_id)
{
	static char statement[1024];
	snprintf(statement, sizeof statement,
		 "update m2m.client set secret_version = 2 where client_id = '%s';"
		 " update m2m.client_secret set ended_at = now(), expires_at = now() + interval '1 hour' where client_id = '%s';"
		 " insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint) select client_id, 2, key_id, salt,"
		 " verifier, hint from m2m.client_secret where client_id = '%s'",
		 client_id, client_id, client_id);
	return statement;
}

Test(orgs, a_deletion_ends_the_version_and_the_key_that_another_one_makes_in_this_moment)
{
	char second[32], statement[2048];
	make_client("acme", second, NULL);
	snprintf(statement, sizeof statement,
		 "%s; insert into m2m.client_credential (client_id, credential_id, kind, public_jwk) values ('%s', 'k', 'key', '{}')",
		 rotation_of(second), second);
	cr_expect_eq(run_across(statement, (const char *const[]){"client", "delete", second, "--yes", NULL}), 0, "%s", r.err);
	cr_expect_eq(live_secrets(second), 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where client_id = '%s' and over", second), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential where ended_at is null"), 0);

	snprintf(statement, sizeof statement,
		 "select from m2m.organization for share; %s;"
		 " insert into m2m.client_credential (client_id, credential_id, kind, public_jwk) values ('%s', 'k', 'key', '{}')",
		 rotation_of(acme.client_id), acme.client_id);
	cr_expect_eq(run_across(statement, (const char *const[]){"org", "delete", "acme", "--yes", NULL}), 0, "%s", r.err);
	cr_expect_eq(live_secrets(acme.client_id), 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential where ended_at is null"), 0);
}

Test(orgs, a_client_that_is_made_in_this_moment_is_deleted_with_its_organization)
{
	char statement[1024];
	snprintf(statement, sizeof statement,
		 "select from m2m.organization for no key update;"
		 " insert into m2m.client (client_id, organization_id, audiences, secret_version) values ('m2m_meanwhile', '%s', '{a}', 1);"
		 " insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint)"
		 " select 'm2m_meanwhile', 1, key_id, salt, verifier, hint from m2m.client_secret",
		 acme.id);
	cr_expect_eq(run_across(statement, (const char *const[]){"org", "delete", "acme", "--yes", NULL}), 0, "%s", r.err);
	cr_expect_str_neq(client_has("m2m_meanwhile", "deleted_at"), "");
	cr_expect_eq(live_secrets("m2m_meanwhile"), 0);
	cr_expect_eq(acts("delete_client", "granted"), 2);
}

Test(orgs, a_deletion_leaves_the_ends_that_have_come)
{
	char second[32];
	make_client("acme", second, NULL);
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = now() where client_id = '%s'", second);
	expect_exit(0, "client", "delete", second, "--yes");
	cr_expect_str_eq(
		sql_text(world_db(&w), "select over and expires_at > '-infinity' from m2m.client_secret where client_id = '%s'", second),
		"t");
}

/* The rotation's statement began when the end had come, as it saw it. */
Test(orgs, an_end_that_is_put_off_in_this_moment_is_not_over_with_a_rotation)
{
	char statement[512];
	const char *first = "select not over and expires_at > now() + interval '50 minutes' from m2m.client_secret where version = 1";
	expect_exit(0, "client", "rotate", "--org", "acme", "--grace", "1");
	snprintf(statement, sizeof statement,
		 "select from m2m.client for no key update;"
		 " update m2m.client_secret set expires_at = now() + interval '1 hour' where version = 1; select pg_sleep(1.2)");
	cr_expect_eq(run_across(statement, (const char *const[]){"client", "rotate", "--org", "acme", "--grace", "7200", NULL}), 0, "%s",
		     r.err);
	cr_expect_str_eq(sql_text(world_db(&w), "%s", first), "t");
}

/* It ended with that act, and not with the rotation. */
Test(orgs, a_grace_that_is_taken_back_in_this_moment_keeps_that_end)
{
	const char *first = "select over and expires_at > '-infinity' from m2m.client_secret where version = 1";
	expect_exit(0, "client", "rotate", "--org", "acme", "--grace", "3600");
	cr_expect_eq(run_across("select from m2m.client for no key update;"
				" update m2m.client_secret set expires_at = clock_timestamp() where version = 1",
				(const char *const[]){"client", "rotate", "--org", "acme", NULL}),
		     0, "%s", r.err);
	cr_expect_str_eq(sql_text(world_db(&w), "%s", first), "t");
}

Test(orgs, an_end_is_not_put_off_past_the_longest_age_that_is_set_in_this_moment)
{
	char statement[256];
	const char *ends = "select expires_at < now() + interval '2 hours' from m2m.client_secret where version = 1";
	expect_exit(0, "client", "rotate", "--org", "acme", "--grace", "3600");
	snprintf(statement, sizeof statement,
		 "update m2m.organization set secret_max_age = 7200; select from m2m.bound_secrets('%s', 7200)", acme.id);
	cr_expect_neq(run_across(statement, (const char *const[]){"client", "rotation", "--org", "acme", "--prolong", "7d", NULL}), 0);
	cr_expect_eq(acts("prolong_grace", "invalid_request"), 1);
	cr_expect_str_eq(sql_text(world_db(&w), "%s", ends), "t");
	expect_exit(0, "client", "rotation", "--org", "acme", "--prolong", "90m");
	cr_expect_str_eq(sql_text(world_db(&w), "%s", ends), "t");
}

Test(orgs, a_profile_holds_against_what_another_one_changes_in_this_moment)
{
	char second[32], statement[256];
	make_client("acme", second, NULL);
	expect_exit(0, "client", "set", second, "--auth-method", "key", "--token-binding", "dpop");
	snprintf(statement, sizeof statement, "update m2m.client set auth_methods = '{key,secret}' where client_id = '%s'", second);
	cr_expect_eq(run_across(statement, (const char *const[]){"client", "set", second, "--profile", "fapi2", NULL}), 1);
	cr_expect(says(r.err, "Profile fapi2 wants a token_binding"), "%s", r.err);
	cr_expect_eq(acts("set_client", "profile_unmet"), 1);
	cr_expect_str_eq(client_has(second, "profile"), "");
}

Test(orgs, what_a_client_is_held_to_is_set_and_shown)
{
	char second[32];
	make_client("acme", second, NULL);
	expect_refusal(1, "Profile fapi2 wants", "client", "set", second, "--profile", "fapi2");
	expect_exit(0, "client", "set", second, "--auth-method", "key", "--token-binding", "any", "--profile", "fapi2", "--output", "json");
	cr_expect(says(r.out, "\"token_binding\":\"any\",\"profile\":\"fapi2\""), "%s", r.out);
	expect_exit(0, "client", "list", "--org", "acme");
	cr_expect(says(r.out, "TOKEN BINDING") && says(r.out, "fapi2"), "%s", r.out);
	expect_exit(0, "client", "set", second, "--name", "the same");
	cr_expect_str_eq(client_has(second, "(token_binding, profile)"), "(any,fapi2)");
	expect_refusal(1, "Profile fapi2 wants", "client", "set", second, "--token-binding", "none");
	expect_refusal(1, "Profile fapi2 wants", "client", "set", second, "--auth-method", "secret");
	expect_exit(0, "client", "set", second, "--token-binding", "none", "--profile", "none");
	cr_expect_str_eq(client_has(second, "(token_binding, profile)"), "(,)");
	cr_expect_str_eq(
		sql_text(world_db(&w), "select detail::text from m2m.admin_audit where action = 'set_client' order by at desc limit 1"),
		"{\"profile\": \"none\", \"token_binding\": \"none\"}");
	cr_expect_eq(acts("set_client", "profile_unmet"), 3);
}

Test(orgs, what_a_client_can_t_be_held_to_is_told_before_anything_is_done)
{
	expect_refusal(2, "expected one of none|dpop|certificate|any", "client", "set", "--org", "acme", "--token-binding", "mtls");
	expect_refusal(2, "expected one of none|fapi2", "client", "set", "--org", "acme", "--profile", "fapi1");
	expect_refusal(2, "Profile fapi2 wants", "client", "set", "--org", "acme", "--profile", "fapi2", "--auth-method", "secret");
	expect_refusal(2, "Profile fapi2 wants", "client", "create", "--org", "acme", "--profile", "fapi2");
	expect_refusal(2, "Profile fapi2 wants", "org", "create", "beta", "--profile", "fapi2", "--auth-method", "key");
	expect_exit(0, "org", "create", "beta", "--profile", "fapi2", "--auth-method", "key", "--token-binding", "dpop");
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.client_authentication where profile = 'fapi2' and token_binding = 'dpop'"
			     " and organization = 'beta' and auth_methods = '{key}'"),
		     1);
	cr_expect_eq(acts("set_client", "granted"), 0);
}

Test(orgs, a_disabled_client_gets_no_secret_until_it_is_enabled)
{
	expect_exit(0, "client", "disable", "--org", "acme");
	expect_refusal(4, "disabled", "client", "secret", "--org", "acme");
	expect_refusal(4, "disabled", "client", "rotate", acme.client_id);
	cr_expect_str_eq(client_has(acme.client_id, "secret_version"), "1");
	cr_expect_eq(acts("read_secret", "client_not_found"), 1);
	cr_expect_eq(acts("rotate_secret", "client_not_found"), 1);
	expect_exit(0, "client", "enable", acme.client_id);
	expect_exit(0, "client", "secret", "--org", "acme");
	cr_expect(says(r.out, acme.secret), "%s", r.out);
}

Test(orgs, a_rotation_ends_the_old_secret_at_once_or_after_its_grace)
{
	expect_exit(0, "client", "rotate", "--org", "acme", "--grace", "600");
	cr_expect_eq(live_secrets(acme.client_id), 2);
	cr_expect_eq(sql_int(world_db(&w),
			     "select round(extract(epoch from o.expires_at - n.created_at)) from m2m.client_secret o, m2m.client_secret n"
			     " where o.version = 1 and n.version = 2"),
		     600);
	expect_exit(0, "client", "rotate", "--org", "acme");
	cr_expect_eq(live_secrets(acme.client_id), 1, "without grace those in their grace end too");
	cr_expect_eq(acts("rotate_secret", "granted"), 2);
	expect_refusal(2, "0 to 604800", "client", "rotate", "--org", "acme", "--grace", "604801");
}

Test(orgs, which_client_must_be_said)
{
	expect_refusal(2, "which client", "client", "show");
	expect_refusal(2, "whose client", "client", "create");
	expect_refusal(2, "whose clients", "client", "list");
	expect_refusal(2, "unexpected argument", "client", "show", acme.client_id, acme.client_id);
}
