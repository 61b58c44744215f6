/* Secrets that end by themselves: at creation, by a rotation, and by their organization's longest
 * age; what clients, admins, the platform and operators see of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/h2.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define ORGS "/admin/organizations"

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX], platform[TOKEN_MAX];
static struct http_reply r;
static struct grpc_reply g;
static struct ctl_result ran;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
	mint_platform(all, "backend", platform);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin), KEPT(platform));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(ends_of_secrets, .init = open_world, .fini = close_world, .timeout = 180);

static int operate(const char *method, const char *path, const char *body)
{
	const struct http_request q = {
		.method = method, .path = path, .bearer = platform, .type = body == NULL ? NULL : "application/json", .body = body};
	return http_call(w.gateway.http, &q, &r);
}

static const char *end_of(const char *client_id)
{
	return sql_text(
		world_db(&w),
		"select coalesce((s.expires_at - s.created_at)::text, 'none') from m2m.client_secret s join m2m.client c using (client_id)"
		" where client_id = '%s' and s.version = c.secret_version",
		client_id);
}

/* As if time had passed: the trigger lets an end come nearer. */
static void let_it_end(const char *client_id)
{
	sql_exec(world_db(&w),
		 "update m2m.client_secret s set expires_at = clock_timestamp() - interval '1 second' from m2m.client c"
		 " where c.client_id = s.client_id and s.version = c.secret_version and s.client_id = '%s'",
		 client_id);
}

static void expect_no_token(const char *client_id, const char *secret)
{
	int64_t before = sql_int(world_db(&w), "select count(*) from m2m.token_audit");
	expect_status(oauth_token(w.gateway.http, client_id, secret, &r), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	expect_status(m2m_token(&w, admin, client_id, secret, &r), 401);
	cr_expect(is_oauth_error(&r, "invalid_client"), "%s", r.body);
	cr_expect_eq(grpc_token(&w, admin, client_id, secret, NULL, &g), 16);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit"), before);
}

Test(ends_of_secrets, a_current_secret_gets_no_token_after_its_end)
{
	char secret[SECRET_MAX], token[TOKEN_MAX];
	expect_status(post_json(&w, "/m2m/rotate", admin, "{\"expires_in\":3600}", &r), 200);
	body_text(&r, "client_secret", secret, sizeof secret);
	cr_expect_str_eq(end_of(acme.client_id), "01:00:00");
	memcpy(acme.secret, secret, sizeof acme.secret);
	client_token(&w, &acme, token);
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	let_it_end(acme.client_id);
	expect_no_token(acme.client_id, secret);
	/* what it gave opens nothing here any more either */
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
}

/* By the clock alone, with nobody's act in between. */
Test(ends_of_secrets, the_end_comes_by_itself)
{
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = clock_timestamp() + interval '3 seconds'");
	int status;
	for (int tries = 0; (status = oauth_token(w.gateway.http, acme.client_id, acme.secret, &r)) == 200 && tries < 600; tries++)
		sleep_ms(50);
	expect_status(status, 401);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit t join m2m.client_secret s on s.client_id = t.client_id"
					   " where t.issued_at > s.expires_at"),
		     0);
}

Test(ends_of_secrets, reading_an_ended_secret_says_that_it_has_ended)
{
	static const char path[] = ORGS "/acme/clients/%s/secret";
	char at[256];
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	cr_expect(strstr(r.body, "\"expires_at\":null") != NULL, "%s", r.body);
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = clock_timestamp() + interval '1 hour'");
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	cr_expect(strstr(r.body, "\"expires_at\":\"2") != NULL, "%s", r.body);
	let_it_end(acme.client_id);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 409);
	cr_expect(is_problem(&r, "secret_ended"), "%s", r.body);
	cr_expect(strstr(r.body, "m2ms_") == NULL, "%s", r.body);
	cr_expect_eq(grpc_get_secret(&w, admin, NULL, &g), 9);
	snprintf(at, sizeof at, path, acme.client_id);
	expect_status(operate("GET", at, NULL), 409);
	cr_expect(is_problem(&r, "secret_ended"), "%s", r.body);
	cr_expect_eq(ctl(&w.ctl_env, &ran, "client", "secret", "--org", "acme"), 1);
	cr_expect(strstr(ran.err, "has ended") != NULL, "%s", ran.err);
	cr_expect_eq(
		sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'read_secret' and outcome = 'secret_ended'"), 4);
}

Test(ends_of_secrets, a_client_whose_secret_has_ended_can_be_rotated)
{
	char secret[SECRET_MAX], path[256];
	let_it_end(acme.client_id);
	expect_status(rotate(&w, admin, 3600, &r), 200);
	body_text(&r, "client_secret", secret, sizeof secret);
	cr_expect(strstr(r.body, "\"expires_at\":null") != NULL, "%s", r.body);
	/* a grace brings no ended secret back */
	expect_no_token(acme.client_id, acme.secret);
	expect_status(oauth_token(w.gateway.http, acme.client_id, secret, &r), 200);
	let_it_end(acme.client_id);
	snprintf(path, sizeof path, ORGS "/acme/clients/%s/rotate", acme.client_id);
	expect_status(operate("POST", path, "{\"expires_at\":\"2099-01-31T00:00:00Z\"}"), 200);
	cr_expect(strstr(r.body, "\"expires_at\":\"2099-01-31T00:00:00.000000Z\"") != NULL, "%s", r.body);
	body_text(&r, "client_secret", secret, sizeof secret);
	expect_status(oauth_token(w.gateway.http, acme.client_id, secret, &r), 200);
	let_it_end(acme.client_id);
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme", "--expires-in", "90d", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_SECRET", secret, sizeof secret);
	expect_status(oauth_token(w.gateway.http, acme.client_id, secret, &r), 200);
	cr_expect_str_eq(end_of(acme.client_id), "90 days");
	cr_expect_eq(grpc_rotate(&w, admin, 0, NULL, &g), 0);
	cr_expect_str_eq(end_of(acme.client_id), "none");
}

Test(ends_of_secrets, an_end_that_can_t_be_is_refused_and_rotates_nothing)
{
	static const char *const bad[] = {"{\"expires_in\":0}",
					  "{\"expires_in\":59}",
					  "{\"expires_in\":315360001}",
					  "{\"expires_in\":\"90d\"}",
					  "{\"expires_at\":\"2020-01-01T00:00:00Z\"}",
					  "{\"expires_at\":\"soon\"}",
					  "{\"expires_at\":3600}",
					  "{\"expires_in\":3600,\"expires_at\":\"2099-01-31T00:00:00Z\"}"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		expect_status(post_json(&w, "/m2m/rotate", admin, bad[i], &r), 400);
		cr_expect(is_problem(&r, "invalid_request"), "%s: %s", bad[i], r.body);
	}
	cr_expect_eq(sql_int(world_db(&w), "select max(version) from m2m.client_secret"), 1);
	cr_expect_eq(ctl(&w.ctl_env, &ran, "client", "rotate", "--org", "acme", "--expires-in", "10s"), 2);
	cr_expect_eq(ctl(&w.ctl_env, &ran, "client", "rotate", "--org", "acme", "--expires-at", "2020-01-01T00:00:00Z"), 2);
}

Test(ends_of_secrets, a_repeat_of_a_rotation_tells_the_same_end)
{
	const struct http_request q = {.path = "/m2m/rotate",
				       .bearer = admin,
				       .type = "application/json",
				       .body = "{\"expires_in\":86400,\"grace_seconds\":60}",
				       .headers = "Idempotency-Key: k\r\n"};
	static char first[HTTP_BODY_MAX];
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	memcpy(first, r.body, sizeof first);
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	cr_expect_str_eq(r.body, first);
	struct http_request other = q;
	other.body = "{\"expires_in\":86401,\"grace_seconds\":60}";
	expect_status(http_call(w.gateway.http, &other, &r), 422);
}

Test(ends_of_secrets, a_new_client_s_secret_may_have_an_end)
{
	char id[64];
	expect_status(operate("POST", ORGS "/acme/clients", "{\"name\":\"x\",\"secret_expires_in\":7200}"), 201);
	cr_expect_str_eq(end_of(body_text(&r, "client_id", id, sizeof id)), "02:00:00");
	cr_expect(strstr(r.body, "\"secret_expires_at\":\"2") != NULL, "%s", r.body);
	expect_status(operate("POST", ORGS, "{\"slug\":\"other\",\"client\":{\"secret_expires_in\":3600}}"), 201);
	cr_expect_str_eq(end_of(body_text(&r, "client_id", id, sizeof id)), "01:00:00");
	expect_status(operate("POST", ORGS "/acme/clients", "{\"secret_expires_in\":1}"), 400);
	expect_status(operate("POST", ORGS "/acme/clients", "{\"secret_expires_at\":\"2020-01-01T00:00:00Z\"}"), 400);
	world_ctl(&w, &ran, "client", "create", "--org", "acme", "--expires-in", "48h", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", id, sizeof id);
	cr_expect_str_eq(end_of(id), "2 days");
}

/* ---- an organization's longest age ---- */

Test(ends_of_secrets, the_organization_s_longest_age_and_the_secret_s_own_end_whichever_is_earlier)
{
	char id[64];
	expect_status(operate("POST", ORGS, "{\"slug\":\"other\",\"secret_max_age\":864000}"), 201);
	cr_expect(strstr(r.body, "\"secret_max_age\":864000") != NULL, "%s", r.body);
	body_text(&r, "client_id", id, sizeof id);
	cr_expect_str_eq(end_of(id), "10 days");
	world_ctl(&w, &ran, "client", "rotate", "--org", "other", "--expires-in", "3d");
	cr_expect_str_eq(end_of(id), "3 days");
	world_ctl(&w, &ran, "client", "rotate", "--org", "other", "--expires-in", "30d");
	cr_expect_str_eq(end_of(id), "10 days");
	world_ctl(&w, &ran, "client", "rotate", "--org", "other");
	cr_expect_str_eq(end_of(id), "10 days");
	world_ctl(&w, &ran, "client", "create", "--org", "other", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", id, sizeof id);
	cr_expect_str_eq(end_of(id), "10 days");
	expect_status(operate("PATCH", ORGS "/other", "{\"secret_max_age\":null}"), 200);
	cr_expect(strstr(r.body, "\"secret_max_age\":null") != NULL, "%s", r.body);
	cr_expect_str_eq(end_of(id), "10 days", "what was set stays");
	world_ctl(&w, &ran, "client", "rotate", id);
	cr_expect_str_eq(end_of(id), "none");
	expect_status(operate("PATCH", ORGS "/other", "{\"secret_max_age\":3599}"), 400);
	expect_status(operate("PATCH", ORGS "/other", "{\"secret_max_age\":\"90d\"}"), 400);
	cr_expect_eq(ctl(&w.ctl_env, &ran, "org", "set", "other", "--secret-max-age", "10m"), 2);
}

/* How long the current secret lives from now on, in whole hours. */
static int64_t hours_left(const char *client_id)
{
	return sql_int(world_db(&w),
		       "select round(extract(epoch from s.expires_at - now()) / 3600)::int8 from m2m.client_secret s join m2m.client c "
		       "using (client_id)"
		       " where client_id = '%s' and s.version = c.secret_version",
		       client_id);
}

Test(ends_of_secrets, setting_the_longest_age_bounds_what_is_live_with_a_week_s_notice_and_records_it)
{
	char young[64], bounded[64], ended[64];
	world_ctl(&w, &ran, "client", "create", "--org", "acme", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", young, sizeof young);
	world_ctl(&w, &ran, "client", "create", "--org", "acme", "--expires-in", "24h", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", bounded, sizeof bounded);
	world_ctl(&w, &ran, "client", "create", "--org", "acme", "--expires-in", "24h", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", ended, sizeof ended);
	let_it_end(ended);
	sql_exec(world_db(&w), "update m2m.client_secret set created_at = now() - interval '400 days' where client_id = '%s'",
		 acme.client_id);
	const char *end = sql_text(world_db(&w), "select expires_at from m2m.client_secret where client_id = '%s'", ended);

	world_ctl(&w, &ran, "org", "set", "acme", "--secret-max-age", "90d");
	cr_expect_eq(hours_left(acme.client_id), 7 * 24);
	cr_expect_eq(hours_left(young), 90 * 24);
	cr_expect_eq(hours_left(bounded), 24, "an earlier end stays");
	cr_expect_str_eq(sql_text(world_db(&w), "select expires_at from m2m.client_secret where client_id = '%s'", ended), end);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	cr_expect_eq(
		sql_int(world_db(&w),
			"select count(*) from m2m.admin_audit a join m2m.client_secret s on s.client_id = a.client_id and s.version = "
			"a.secret_version"
			" where action = 'bound_secret' and outcome = 'granted' and (detail->>'expires_at')::timestamptz = s.expires_at"
			" and detail->>'secret_max_age' = '7776000' and a.client_id in ('%s', '%s')",
			acme.client_id, young),
		2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'bound_secret'"), 2);
	/* a shorter one leaves one whole age, and nothing is put off by a longer one */
	expect_status(operate("PATCH", ORGS "/acme", "{\"secret_max_age\":7200}"), 200);
	cr_expect_eq(hours_left(acme.client_id), 2);
	cr_expect_eq(hours_left(young), 2);
	world_ctl(&w, &ran, "org", "set", "acme", "--secret-max-age", "365d");
	cr_expect_eq(hours_left(young), 2);
}

/* Neither comes first: the new version is bounded by either's reading of the other. */
Test(ends_of_secrets, a_rotation_and_a_longest_age_at_once_leave_no_secret_without_an_end)
{
	for (int i = 0; i < 6; i++) {
		struct ctl_job setting, rotating;
		static struct ctl_result set, rotated;
		world_ctl(&w, &ran, "org", "set", "acme", "--secret-max-age", "none");
		world_ctl(&w, &ran, "client", "rotate", "--org", "acme");
		ctl_start(&w.ctl_env, &setting, &set, (const char *const[]){"org", "set", "acme", "--secret-max-age", "30d", NULL});
		ctl_start(&w.ctl_env, &rotating, &rotated, (const char *const[]){"client", "rotate", "--org", "acme", NULL});
		cr_expect_eq(ctl_finish(&setting, &set), 0, "%s", set.err);
		cr_expect_eq(ctl_finish(&rotating, &rotated), 0, "%s", rotated.err);
		cr_expect_str_neq(end_of(acme.client_id), "none");
	}
}

/* ---- what ends soon ---- */

static int64_t metric(const char *within)
{
	static struct http_reply m;
	char name[64];
	snprintf(name, sizeof name, "m2m_secrets_expiring{within=\"%s\"} ", within);
	if (http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &m) != 200)
		return -1;
	const char *at = strstr(m.body, name);
	return at == NULL ? -1 : atoll(at + strlen(name));
}

Test(ends_of_secrets, what_ends_soon_is_listed_and_counted)
{
	char day[64], month[64], gone[64], path[256];
	world_ctl(&w, &ran, "client", "create", "--org", "acme", "--expires-in", "12h", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", day, sizeof day);
	world_ctl(&w, &ran, "client", "create", "--org", "acme", "--expires-in", "20d", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", month, sizeof month);
	world_ctl(&w, &ran, "client", "create", "--org", "acme", "--expires-in", "20d", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", gone, sizeof gone);
	/* a version in its grace isn't the current one, and needs nobody's attention */
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme", "--grace", "3600");

	world_ctl(&w, &ran, "client", "list", "--expiring", "24h", "--output", "csv");
	cr_expect(strstr(ran.out, day) != NULL && strstr(ran.out, month) == NULL && strstr(ran.out, acme.client_id) == NULL, "%s", ran.out);
	world_ctl(&w, &ran, "client", "list", "--expiring", "30d", "--output", "csv");
	const char *first = strstr(ran.out, day), *second = strstr(ran.out, month);
	cr_expect(first != NULL && second != NULL && first < second, "%s", ran.out);
	world_ctl(&w, &ran, "client", "list", "--org", "acme", "--expiring", "30d", "--output", "csv");
	cr_expect(strstr(ran.out, day) != NULL && strstr(ran.out, month) != NULL && strstr(ran.out, acme.client_id) == NULL, "%s", ran.out);
	expect_status(operate("GET", ORGS "/acme/clients?expiring_within=86400", NULL), 200);
	cr_expect(strstr(r.body, day) != NULL && strstr(r.body, month) == NULL, "%s", r.body);
	expect_status(operate("GET", ORGS "/acme/clients?expiring_within=0", NULL), 400);
	expect_status(operate("GET", ORGS "?expiring_within=1", NULL), 400);

	snprintf(path, sizeof path, ORGS "/acme/clients/%s", gone);
	expect_status(operate("DELETE", path, NULL), 204);
	/* it asks at its start, and once a minute */
	gateway_stop(&w.gateway, 10000);
	gateway_start(&w.gateway, &w.gateway_env);
	for (int tries = 0; metric("30d") != 2 && tries < 600; tries++)
		sleep_ms(100);
	cr_expect_eq(metric("24h"), 1);
	cr_expect_eq(metric("7d"), 1);
	cr_expect_eq(metric("30d"), 2);
}

/* ---- last use ---- */

Test(ends_of_secrets, an_admin_sees_each_live_version_with_its_end_and_its_last_use)
{
	char secret[SECRET_MAX], member[TOKEN_MAX], form[256];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	const struct http_request q = {
		.path = "/oauth2/token", .type = "application/x-www-form-urlencoded", .headers = "User-Agent: nightly/1\r\n", .body = form};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	expect_status(post_json(&w, "/m2m/rotate", admin, "{\"grace_seconds\":3600,\"expires_in\":86400}", &r), 200);
	body_text(&r, "client_secret", secret, sizeof secret);
	expect_status(get(&w, "/m2m/secrets", admin, &r), 200);
	const char *old = strstr(r.body, "{\"version\":1,"), *now = strstr(r.body, "{\"version\":2,");
	cr_assert(old != NULL && now != NULL && old < now, "%s", r.body);
	const char *use = strstr(old, "\"remote_addr\":\"127.0.0.1\",\"user_agent\":\"nightly/1\",\"unknown_until\":null");
	cr_expect(use != NULL && use < now, "%s", r.body);
	cr_expect(strstr(now, "\"last_use\":{\"at\":null") != NULL && strstr(now, "\"expires_at\":\"2") != NULL, "%s", r.body);
	cr_expect(strstr(r.body, "m2ms_") == NULL, "%s", r.body);
	mint(&w, "acme", "member", member);
	expect_status(get(&w, "/m2m/secrets", member, &r), 403);
	cr_expect(is_problem(&r, "forbidden"), "%s", r.body);
	cr_expect_eq(grpc_call(w.gateway.grpc, &(struct grpc_request){.path = "/m2m.v1.M2MClients/ListSecrets", .bearer = admin}, &g), 0);
	cr_expect_eq(grpc_call(w.gateway.grpc, &(struct grpc_request){.path = "/m2m.v1.M2MClients/ListSecrets", .bearer = member}, &g), 7);

	world_ctl(&w, &ran, "client", "versions", "--org", "acme", "--output", "csv");
	cr_expect(strstr(ran.out, "\"127.0.0.1\",\"nightly/1\"") != NULL, "%s", ran.out);
	cr_expect_str_eq(sql_text(world_db(&w),
				  "select remote_addr || ' ' || user_agent from m2m.credential_last_use where client_id = '%s' and"
				  " secret_version = 1",
				  acme.client_id),
			 "127.0.0.1 nightly/1");
}
