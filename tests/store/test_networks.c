/* What the statements say of an address: the issuing one, of its client and of its bearer, and
 * those that a bearer asks. They are the gateway's own texts, asked here with addresses that no
 * test can come from. */
#include <stdio.h>

#include "harness/expect.h"
#include "harness/world.h"
#include "store/store_sql.h"

SHARED_CLUSTER("");

#define ANY     NULL
#define UNKNOWN NULL
#define FOUR    "{192.0.2.0/24,198.51.100.7/32}"
#define SIX     "{2001:db8:7::/48}"
#define BOTH    "{192.0.2.0/24,2001:db8:7::/48}"
#define ALL     "{0.0.0.0/0,::/0}"

static struct world w;
static struct org acme, other;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other));

static void open_world(void)
{
	world_prepare_filled(&w, false);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(networks, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- asking ---- */

static void allow(const char *table, const char *key, const char *id, const char *networks)
{
	if (networks == ANY)
		sql_exec(world_db(&w), "update m2m.%s set allowed_networks = null where %s = '%s'", table, key, id);
	else
		sql_exec(world_db(&w), "update m2m.%s set allowed_networks = '%s' where %s = '%s'", table, networks, key, id);
}

static void allow_both(const struct org *o, const char *client_networks, const char *organization_networks)
{
	allow("client", "client_id", o->client_id, client_networks);
	allow("organization", "slug", o->slug, organization_networks);
}

static const char *ask(const char *statement, int n, const char *const *values, int column)
{
	static char outcome[64];
	PGresult *r = PQexecParams(world_db(&w), statement, n, NULL, values, NULL, NULL, 0);
	cr_assert_eq(PQresultStatus(r), PGRES_TUPLES_OK, "%s", PQresultErrorMessage(r));
	cr_assert_eq(PQntuples(r), 1);
	snprintf(outcome, sizeof outcome, "%s", PQgetvalue(r, 0, column));
	PQclear(r);
	return outcome;
}

struct asked {
	const char *address;
	bool wrong_secret;
	const struct org *bearer_of; /* its client's token; NULL: none */
	const struct org *operator_of;
};

/* One request for a token of acme's client. */
static const char *issue(struct asked q)
{
	static const char id[] = "{00000000-0000-7000-8000-000000000001}", uuid[] = "00000000-0000-7000-8000-000000000002";
	char verifiers[96], client[40], address[64], key[64], kid[64], bearer[40] = "{NULL}", tag[40] = "{NULL}", organization[64];
	const struct org *by = q.bearer_of;
	snprintf(verifiers, sizeof verifiers, "{\"\\\\%s\"}",
		 sql_text(world_db(&w), "select %s from m2m.client_secret where client_id = '%s'",
			  q.wrong_secret ? "sha256('x')" : "verifier", acme.client_id));
	snprintf(key, sizeof key, "{%s}", sql_text(world_db(&w), "select key_id from m2m.client_secret limit 1"));
	snprintf(kid, sizeof kid, "%s", sql_text(world_db(&w), "select kid from m2m.signing_key_current"));
	snprintf(client, sizeof client, "{%s}", acme.client_id);
	snprintf(address, sizeof address, "{%s}", q.address == UNKNOWN ? "NULL" : q.address);
	snprintf(organization, sizeof organization, "{%s}", q.operator_of == NULL ? "NULL" : q.operator_of->id);
	if (by != NULL) {
		snprintf(bearer, sizeof bearer, "{%s}", by->client_id);
		snprintf(tag, sizeof tag, "{\"\\\\%s\"}",
			 sql_text(world_db(&w), "select substr(verifier, 1, 6) from m2m.client_secret where client_id = '%s'",
				  by->client_id));
	}
	const char *const values[] = {id,       client,     verifiers,
				      "{NULL}", "{NULL}",   id,
				      "{r}",    "{caller}", address,
				      "{NULL}", "{NULL}",   key,
				      kid,      uuid,       uuid,
				      "1",      "\\x00",    NULL,
				      NULL,     NULL,       "\\x",
				      "\\x",    "f",        "kid",
				      "\\x",    "{p}",      by != NULL ? "{1}" : q.operator_of != NULL ? "{2}" : "{0}",
				      bearer,   "{1}",      organization,
				      "{t}",    tag,        "{0}",
				      "{NULL}"};
	const char *outcome = ask(sql_issue_bearer, 34, values, 1);
	/* the statement of a batch without bearers says the same */
	if (by == NULL && q.operator_of == NULL) {
		char said[64];
		snprintf(said, sizeof said, "%s", outcome);
		cr_assert_str_eq(ask(sql_issue, 26, values, 1), said);
	}
	return outcome;
}

static int64_t tokens(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id = '%s'", acme.client_id);
}

/* ---- a client ---- */

static const struct {
	const char *client, *organization, *address;
	bool allowed;
} cases[] = {
	{ANY, ANY, "192.0.2.7", true},       {ANY, ANY, UNKNOWN, true},
	{FOUR, ANY, "192.0.2.7", true},      {FOUR, ANY, "192.0.2.255", true},
	{FOUR, ANY, "192.0.3.0", false},     {FOUR, ANY, "198.51.100.7", true},
	{FOUR, ANY, "198.51.100.8", false},  {FOUR, ANY, "2001:db8:7::1", false},
	{FOUR, ANY, UNKNOWN, false},         {SIX, ANY, "2001:db8:7:1::1", true},
	{SIX, ANY, "2001:db8:8::1", false},  {SIX, ANY, "192.0.2.7", false},
	{SIX, ANY, UNKNOWN, false},          {ANY, FOUR, "192.0.2.7", true},
	{ANY, FOUR, "203.0.113.1", false},   {ANY, FOUR, UNKNOWN, false},
	{ANY, SIX, "2001:db8:7::1", true},   {ANY, SIX, "192.0.2.7", false},
	{BOTH, FOUR, "192.0.2.7", true},     {BOTH, FOUR, "2001:db8:7::1", false},
	{BOTH, FOUR, "198.51.100.7", false}, {FOUR, SIX, "192.0.2.7", false},
	{FOUR, SIX, "2001:db8:7::1", false}, {FOUR, SIX, UNKNOWN, false},
	{ALL, ALL, "203.0.113.1", true},     {ALL, ALL, "2001:db8::1", true},
	{ALL, ANY, UNKNOWN, false},          {ANY, ALL, UNKNOWN, false},
};

Test(networks, a_right_secret_gives_a_token_where_client_and_organization_both_allow_it)
{
	int64_t given = 0;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		allow_both(&acme, cases[i].client, cases[i].organization);
		cr_expect_str_eq(issue((struct asked){.address = cases[i].address}), cases[i].allowed ? "granted" : "network_not_allowed",
				 "case %zu", i);
		given += cases[i].allowed ? 2 : 0;
		cr_expect_eq(tokens(), given, "case %zu: a row for what was granted, and for nothing else", i);
	}
}

Test(networks, a_wrong_secret_stays_one_wherever_it_comes_from)
{
	allow_both(&acme, FOUR, FOUR);
	cr_expect_str_eq(issue((struct asked){.address = "192.0.2.7", .wrong_secret = true}), "invalid_client");
	cr_expect_str_eq(issue((struct asked){.address = "203.0.113.1", .wrong_secret = true}), "invalid_client");
	sql_exec(world_db(&w), "update m2m.organization set disabled_at = now() where slug = 'acme'");
	cr_expect_str_eq(issue((struct asked){.address = "203.0.113.1"}), "invalid_client", "and a disabled one's is none");
}

/* ---- a bearer ---- */

Test(networks, a_bearer_of_the_issuing_statement_is_held_to_its_own_networks_too)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		allow_both(&acme, cases[i].client, cases[i].organization);
		cr_expect_str_eq(issue((struct asked){.address = cases[i].address, .bearer_of = &acme}),
				 cases[i].allowed ? "granted" : "bearer_network_not_allowed", "case %zu", i);
	}
	/* another client of the organization: its own networks tell, or the bearer's */
	struct org second = {.slug = "acme"};
	struct ctl_result r;
	world_ctl(&w, &r, "client", "create", "--org", "acme", "--role", "admin", "--output", "env");
	ctl_value(&r, "M2M_CLIENT_ID", second.client_id, sizeof second.client_id);
	allow_both(&acme, FOUR, ANY);
	cr_expect_str_eq(issue((struct asked){.address = "203.0.113.1", .bearer_of = &second}), "network_not_allowed");
	allow_both(&acme, ANY, ANY);
	allow("client", "client_id", second.client_id, FOUR);
	cr_expect_str_eq(issue((struct asked){.address = "203.0.113.1", .bearer_of = &second}), "bearer_network_not_allowed");
	cr_expect_str_eq(issue((struct asked){.address = "192.0.2.7", .bearer_of = &second}), "granted");
}

Test(networks, an_operator_s_bearer_is_held_to_its_organization_s)
{
	allow_both(&acme, ANY, FOUR);
	cr_expect_str_eq(issue((struct asked){.address = "203.0.113.1", .operator_of = &acme}), "bearer_network_not_allowed");
	cr_expect_str_eq(issue((struct asked){.address = UNKNOWN, .operator_of = &acme}), "bearer_network_not_allowed");
	cr_expect_str_eq(issue((struct asked){.address = "192.0.2.7", .operator_of = &acme}), "granted");
	cr_expect_str_eq(issue((struct asked){.address = "203.0.113.1", .operator_of = &other}), "invalid_client",
			 "another organization's learns nothing of it");
}

static const char *read_id(const struct org *o, bool as_operator, const char *address, bool anywhere)
{
	char tag[32];
	snprintf(tag, sizeof tag, "%s",
		 sql_text(world_db(&w), "select substr(verifier, 1, 6) from m2m.client_secret where client_id = '%s'", o->client_id));
	const char *const values[] = {as_operator ? NULL : o->client_id,
				      "1",
				      as_operator ? o->id : NULL,
				      as_operator ? "t" : "f",
				      as_operator ? NULL : tag,
				      "0",
				      address,
				      anywhere ? "t" : "f",
				      NULL,
				      NULL,
				      NULL};
	return ask(sql_read_client_id, 11, values, 0);
}

Test(networks, a_bearer_opens_nothing_from_elsewhere)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		allow_both(&acme, cases[i].client, cases[i].organization);
		cr_expect_str_eq(read_id(&acme, false, cases[i].address, false), cases[i].allowed ? "granted" : "network_not_allowed",
				 "case %zu", i);
	}
	allow_both(&acme, SIX, FOUR);
	cr_expect_str_eq(read_id(&acme, true, "192.0.2.7", false), "granted", "the client's aren't the operator's");
	cr_expect_str_eq(read_id(&acme, true, "203.0.113.1", false), "network_not_allowed");
	cr_expect_str_eq(read_id(&acme, true, UNKNOWN, false), "network_not_allowed");
	cr_expect_str_eq(read_id(&acme, true, UNKNOWN, true), "granted", "from above the organization");
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = '-infinity' where client_id = '%s'", acme.client_id);
	cr_expect_str_eq(read_id(&acme, false, "203.0.113.1", false), "invalid_token", "an ended one is nothing more than that");
}

/* ---- the schema ---- */

Test(networks, the_schema_takes_no_list_that_allows_nothing)
{
	static const char *const refused[] = {"{}", "{NULL}", "{192.0.2.0/24,NULL}", "{{192.0.2.0/24}}", "{::ffff:192.0.2.0/120}"};
	char networks[2048];
	int n = 0;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		cr_expect_str_eq(sql_state(world_db(&w), "update m2m.client set allowed_networks = '%s'", refused[i]), "23514", "%s",
				 refused[i]);
		cr_expect_str_eq(sql_state(world_db(&w), "update m2m.organization set allowed_networks = '%s'", refused[i]), "23514", "%s",
				 refused[i]);
	}
	for (int i = 0; i < 65; i++)
		n += snprintf(networks + n, sizeof networks - (size_t)n, "%c10.0.0.%d", i == 0 ? '{' : ',', i);
	cr_expect_str_eq(sql_state(world_db(&w), "update m2m.client set allowed_networks = '%s}'", networks), "23514");
	*strrchr(networks, ',') = '\0';
	cr_expect_str_eq(sql_state(world_db(&w), "update m2m.client set allowed_networks = '%s}'", networks), "00000");
}
