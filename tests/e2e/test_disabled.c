/* What is disabled opens nothing, at once, and opens again when it is enabled. */
#include <stdio.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX], token[TOKEN_MAX];
static struct http_reply r;
static struct ctl_result ran;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin));

static void open_world(void)
{
	world_open_filled(&w);
	client_token(&w, &acme, token);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(disabled, .init = open_world, .fini = close_world, .timeout = 120);

Test(disabled, a_disabled_client_gets_no_token_and_its_tokens_open_nothing)
{
	world_ctl(&w, &ran, "client", "disable", "--org", "acme");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	cr_assert(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 401);
	cr_assert(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);
	expect_status(get(&w, "/m2m/client-id", admin, &r), 404);
	cr_assert(is_problem(&r, "client_not_found"), "%s", r.body);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 404);
	expect_status(rotate(&w, admin, 0, &r), 404);

	world_ctl(&w, &ran, "client", "enable", "--org", "acme");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
}

Test(disabled, a_disabled_organization_is_shut_out_with_its_operators_tokens)
{
	struct org other;
	org_create(&w, "other", &other);
	world_ctl(&w, &ran, "org", "disable", "acme");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	cr_assert(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	expect_status(get(&w, "/m2m/client-id", admin, &r), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);
	expect_status(rotate(&w, admin, 0, &r), 401);
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 401);
	expect_status(oauth_token(w.gateway.http, other.client_id, other.secret, &r), 200);

	world_ctl(&w, &ran, "org", "enable", "acme");
	expect_status(get(&w, "/m2m/client-id", admin, &r), 200);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
}
