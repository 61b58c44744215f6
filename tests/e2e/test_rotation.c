/* Rotation: the old secret ends when the answer says so, and what was obtained with it opens
 * nothing any more. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(rotation, .init = open_world, .fini = close_world, .timeout = 120);

static int token_with(const char *secret)
{
	return oauth_token(w.gateway.http, acme.client_id, secret, &r);
}

/* Rotates and takes the new secret. */
static void rotate_to(long grace_seconds, char secret[SECRET_MAX])
{
	expect_status(rotate(&w, admin, grace_seconds, &r), 200);
	body_text(&r, "client_secret", secret, SECRET_MAX);
}

static int rotate_with(const char *bearer, const char *key, const char *body, struct http_reply *into)
{
	char headers[128];
	snprintf(headers, sizeof headers, "Idempotency-Key: %s\r\n", key);
	return http_call(w.gateway.http,
			 &(struct http_request){
				 .path = "/m2m/rotate", .bearer = bearer, .type = "application/json", .body = body, .headers = headers},
			 into);
}

Test(rotation, rotate_refuses_the_old_secret_at_once_at_both_token_routes)
{
	char current[SECRET_MAX], next[SECRET_MAX];
	snprintf(current, sizeof current, "%s", acme.secret);
	for (int i = 0; i < 10; i++) {
		rotate_to(0, next);
		expect_status(token_with(current), 401);
		cr_assert(is_oauth_error(&r, "invalid_client"), "%s", r.body);
		expect_status(m2m_token(&w, admin, acme.client_id, current, &r), 401);
		cr_assert(is_oauth_error(&r, "invalid_client"), "%s", r.body);
		expect_status(token_with(next), 200);
		expect_status(m2m_token(&w, admin, acme.client_id, next, &r), 200);
		memcpy(current, next, sizeof current);
	}
}

Test(rotation, tokens_of_an_ended_secret_are_shut_out_of_every_m2m_route)
{
	char stolen[TOKEN_MAX], secret[SECRET_MAX];
	client_token(&w, &acme, stolen);
	expect_status(get(&w, "/m2m/client-secret", stolen, &r), 200);
	rotate_to(0, secret);
	expect_status(get(&w, "/m2m/client-id", stolen, &r), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);
	expect_status(get(&w, "/m2m/client-secret", stolen, &r), 401);
	expect_status(rotate(&w, stolen, 0, &r), 401);
	expect_status(m2m_token(&w, stolen, acme.client_id, secret, &r), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where secret_version = 2"), 0);
}

Test(rotation, the_new_secret_is_what_reading_gives)
{
	char secret[SECRET_MAX], read[SECRET_MAX];
	rotate_to(0, secret);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	cr_assert_str_eq(body_text(&r, "client_secret", read, sizeof read), secret);
	cr_assert_str_neq(read, acme.secret);
}

Test(rotation, without_grace_the_previous_secret_expires_at_the_rotation)
{
	char rotated[64], expires[64];
	expect_status(rotate(&w, admin, 0, &r), 200);
	body_text(&r, "rotated_at", rotated, sizeof rotated);
	cr_assert_eq(strlen(rotated), 27, "%s", rotated);
	cr_assert_eq(rotated[26], 'Z');
	cr_assert_str_eq(body_text(&r, "previous_secret_expires_at", expires, sizeof expires), rotated);
}

Test(rotation, a_grace_is_kept_and_then_ends)
{
	char secret[SECRET_MAX], old_token[TOKEN_MAX], rotated[64], expires[64];
	client_token(&w, &acme, old_token);
	int64_t before = clock_mono_us();
	rotate_to(3, secret);
	body_text(&r, "rotated_at", rotated, sizeof rotated);
	body_text(&r, "previous_secret_expires_at", expires, sizeof expires);
	cr_assert_str_eq(sql_text(world_db(&w), "select timestamptz '%s' - timestamptz '%s'", expires, rotated), "00:00:03");

	expect_status(token_with(acme.secret), 200);
	expect_status(token_with(secret), 200);
	expect_status(get(&w, "/m2m/client-id", old_token, &r), 200);
	sleep_ms((int)((before + 2500000 - clock_mono_us()) / 1000));
	expect_status(token_with(acme.secret), 200);
	sleep_ms(1000);
	expect_status(token_with(acme.secret), 401);
	expect_status(get(&w, "/m2m/client-id", old_token, &r), 401);
	expect_status(token_with(secret), 200);
}

Test(rotation, a_rotation_without_grace_ends_an_earlier_grace)
{
	char second[SECRET_MAX], third[SECRET_MAX];
	rotate_to(600, second);
	expect_status(token_with(acme.secret), 200);
	rotate_to(0, third);
	expect_status(token_with(acme.secret), 401);
	expect_status(token_with(second), 401);
	expect_status(token_with(third), 200);
}

Test(rotation, a_longer_grace_does_not_prolong_an_earlier_one)
{
	char second[SECRET_MAX], third[SECRET_MAX];
	rotate_to(1, second);
	rotate_to(600, third);
	sleep_ms(1300);
	expect_status(token_with(acme.secret), 401);
	expect_status(token_with(second), 200);
	expect_status(token_with(third), 200);
}

/* What there is of a version, as text. */
static const char *version_has(int version, const char *what)
{
	return sql_text(world_db(&w), "select (%s)::text from m2m.client_secret where client_id = '%s' and version = %d", what,
			acme.client_id, version);
}

static int64_t may_be_live(void)
{
	return sql_int(world_db(&w), "select count(*) from m2m.client_secret where client_id = '%s' and not over", acme.client_id);
}

Test(rotation, a_version_that_ended_by_itself_is_over_with_the_next_rotation_and_keeps_its_end)
{
	static struct ctl_result ran;
	char secret[SECRET_MAX], first_end[64], expires[64];
	rotate_to(1, secret);
	snprintf(first_end, sizeof first_end, "%s", version_has(1, "expires_at"));
	sleep_ms(1200);
	rotate_to(600, secret);
	cr_expect_str_eq(version_has(1, "over"), "true");
	cr_expect_str_eq(version_has(2, "over"), "false");
	cr_expect_eq(may_be_live(), 2);
	rotate_to(0, secret);
	cr_expect_str_eq(version_has(1, "expires_at"), first_end);
	cr_expect_str_eq(version_has(2, "over and expires_at = '-infinity'"), "true");
	cr_expect_eq(may_be_live(), 1);
	/* as m2mctl does it, and of a current version */
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = clock_timestamp() where version = 4");
	snprintf(first_end, sizeof first_end, "%s", version_has(4, "expires_at"));
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme", "--output", "env");
	cr_expect_str_eq(version_has(4, "expires_at"), first_end);
	cr_expect_str_eq(version_has(4, "over and ended_at > expires_at"), "true");
	cr_expect_eq(may_be_live(), 1);
	/* which is what the answer says of it */
	sql_exec(world_db(&w), "update m2m.client_secret set expires_at = clock_timestamp() where version = 5");
	expect_status(rotate(&w, admin, 0, &r), 200);
	body_text(&r, "previous_secret_expires_at", expires, sizeof expires);
	cr_expect_str_eq(version_has(5, "expires_at"), sql_text(world_db(&w), "select timestamptz '%s'", expires));
}

#define GRACES 8

Test(rotation, at_most_eight_old_secrets_stay_in_their_grace_and_of_more_the_oldest_end)
{
	enum { ROTATIONS = GRACES + 2 };
	char secrets[ROTATIONS + 1][SECRET_MAX], first_token[TOKEN_MAX], third_token[TOKEN_MAX];
	struct org third = acme;
	snprintf(secrets[0], SECRET_MAX, "%s", acme.secret);
	client_token(&w, &acme, first_token);
	for (int i = 1; i <= ROTATIONS; i++) {
		rotate_to(600, secrets[i]);
		cr_expect_eq(may_be_live(), i < GRACES ? i + 1 : GRACES + 1);
	}
	for (int i = 0; i <= ROTATIONS; i++)
		expect_status(token_with(secrets[i]), i < 2 ? 401 : 200);
	snprintf(third.secret, sizeof third.secret, "%s", secrets[2]);
	client_token(&w, &third, third_token);
	expect_status(get(&w, "/m2m/client-id", first_token, &r), 401);
	expect_status(get(&w, "/m2m/client-id", third_token, &r), 200);
	cr_expect_str_eq(version_has(2, "over and expires_at = '-infinity'"), "true");
	cr_expect_str_eq(sql_text(world_db(&w), "select string_agg(secret_version || ': ' || (detail->>'ended_versions'), ' ' order by at)"
						" from m2m.admin_audit where action = 'rotate_secret' and detail ? 'ended_versions'"),
			 "10: [1] 11: [2]");
	/* one that was taken back makes room */
	expect_status(http_call(w.gateway.http,
				&(struct http_request){.method = "DELETE", .path = "/m2m/rotation?secret_version=5", .bearer = admin}, &r),
		      200);
	cr_expect_str_eq(version_has(5, "over and expires_at > '-infinity'"), "true");
	rotate_to(600, secrets[0]);
	cr_expect_str_eq(version_has(3, "over"), "false");
	cr_expect_eq(may_be_live(), GRACES + 1);
}

Test(rotation, a_grace_out_of_its_limits_is_an_invalid_request_and_rotates_nothing)
{
	static const char *const bad[] = {"{\"grace_seconds\":-1}",
					  "{\"grace_seconds\":604801}",
					  "{\"grace_seconds\":\"1\"}",
					  "{\"grace_seconds\":1.5}",
					  "{\"grace_seconds\":1e-3}",
					  "{\"grace_seconds\":true}",
					  "{\"grace_seconds\":[1]}",
					  "{\"grace_seconds\":1,\"grace_seconds\":1}",
					  "{\"grace_seconds\":99999999999999999999}",
					  "[]",
					  "3",
					  "{",
					  "{}{}",
					  "\"x\""};
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		expect_status(post_json(&w, "/m2m/rotate", admin, bad[i], &r), 400);
		cr_assert(is_problem(&r, "invalid_request"), "%s: %s%s", bad[i], r.head, r.body);
	}
	expect_status(token_with(acme.secret), 200);
	expect_status(post_json(&w, "/m2m/rotate", admin, "{\"grace_seconds\":604800}", &r), 200);
	cr_assert_eq(body_int(&r, "version"), 2);
}

Test(rotation, a_repeat_with_the_same_idempotency_key_gives_the_same_answer)
{
	static struct http_reply first;
	expect_status(rotate_with(admin, "deploy-7", "{\"grace_seconds\":0}", &first), 200);
	for (int i = 0; i < 3; i++) {
		expect_status(rotate_with(admin, "deploy-7", "{\"grace_seconds\":0}", &r), 200);
		cr_assert_str_eq(r.body, first.body);
	}
	cr_assert_eq(sql_int(world_db(&w), "select max(version) from m2m.client_secret"), 2);
	expect_status(rotate_with(admin, "deploy-8", "{\"grace_seconds\":0}", &r), 200);
	cr_assert_str_neq(r.body, first.body);
	/* The key's own answer stands, also after another rotation. */
	expect_status(rotate_with(admin, "deploy-7", "{\"grace_seconds\":0}", &r), 200);
	cr_assert_str_eq(r.body, first.body);
}

Test(rotation, a_repeat_is_answered_to_the_bearer_that_the_rotation_ended)
{
	static struct http_reply first;
	char token[TOKEN_MAX];
	client_token(&w, &acme, token);
	expect_status(rotate_with(token, "lost-answer", "{\"grace_seconds\":0}", &first), 200);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	expect_status(rotate_with(token, "lost-answer", "{\"grace_seconds\":0}", &r), 200);
	cr_assert_str_eq(r.body, first.body);
	/* For this key and these parameters alone. */
	expect_status(rotate_with(token, "another-key", "{\"grace_seconds\":0}", &r), 401);
	expect_status(rotate_with(token, "lost-answer", "{\"grace_seconds\":5}", &r), 401);
	/* And for ten minutes. */
	sql_exec(world_db(&w), "update m2m.idempotency set rotated_at = rotated_at - interval '11 minutes'");
	expect_status(rotate_with(token, "lost-answer", "{\"grace_seconds\":0}", &r), 401);
}

Test(rotation, another_ended_bearer_gets_no_repeat)
{
	char first[TOKEN_MAX], second[TOKEN_MAX];
	client_token(&w, &acme, first);
	client_token(&w, &acme, second);
	expect_status(rotate_with(first, "mine", "{\"grace_seconds\":0}", &r), 200);
	expect_status(rotate_with(second, "mine", "{\"grace_seconds\":0}", &r), 401);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);
	/* A live bearer of the same organization does: it could read the secret anyway. */
	expect_status(rotate_with(admin, "mine", "{\"grace_seconds\":0}", &r), 200);
	cr_assert_eq(body_int(&r, "version"), 2);
}

/* ---- repeats, and what else ends a bearer ---- */

static struct ctl_result acted;

static void revoke_it(const char *bearer, const char *version)
{
	(void)version;
	char basic[128], form[TOKEN_MAX + 16];
	snprintf(basic, sizeof basic, "%s:%s", acme.client_id, acme.secret);
	snprintf(form, sizeof form, "token=%s", bearer);
	const struct http_request q = {.path = "/oauth2/revoke", .basic = basic, .type = "application/x-www-form-urlencoded", .body = form};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
}

static void end_version(const char *bearer, const char *version)
{
	(void)bearer;
	world_ctl(&w, &acted, "client", "revoke-tokens", "--org", "acme", "--version", version);
}

static void end_client(const char *bearer, const char *version)
{
	(void)bearer, (void)version;
	world_ctl(&w, &acted, "client", "revoke-tokens", "--org", "acme", "--all");
}

static void end_organization(const char *bearer, const char *version)
{
	(void)bearer, (void)version;
	world_ctl(&w, &acted, "org", "revoke-tokens", "acme");
}

static void end_by_another_rotation(const char *bearer, const char *version)
{
	(void)bearer, (void)version;
	expect_status(post_json(&w, "/m2m/rotate", admin, "{\"grace_seconds\":60,\"revoke_tokens\":true}", &r), 200);
	body_text(&r, "client_secret", acme.secret, sizeof acme.secret);
}

static void disable_client(const char *bearer, const char *version)
{
	(void)bearer, (void)version;
	world_ctl(&w, &acted, "client", "disable", acme.client_id);
}

/* A token of the present secret rotates, and is answered the same again. */
static void rotate_and_repeat(const char *bearer, const char *key, const char *body)
{
	static struct http_reply first;
	expect_status(rotate_with(bearer, key, body, &first), 200);
	expect_status(rotate_with(bearer, key, body, &r), 200);
	cr_assert_str_eq(r.body, first.body);
	body_text(&r, "client_secret", acme.secret, sizeof acme.secret);
}

static void a_repeat_is_refused_after(void (*end)(const char *bearer, const char *version), const char *body)
{
	static int n;
	char token[TOKEN_MAX], key[32], version[16];
	snprintf(key, sizeof key, "lost-%d", ++n);
	snprintf(version, sizeof version, "%lld",
		 (long long)sql_int(world_db(&w), "select secret_version from m2m.client where client_id = '%s'", acme.client_id));
	sleep_ms(1200); /* the tokens of the second in which others were ended have ended too */
	client_token(&w, &acme, token);
	rotate_and_repeat(token, key, body);
	end(token, version);
	cr_assert_eq(rotate_with(token, key, body, &r), 401, "a bearer that was revoked got the secret of %s: %s", body, r.head);
	cr_assert(is_problem(&r, "invalid_token"), "%s", r.body);
}

static const char *const rotations[] = {"{\"grace_seconds\":0}", "{\"grace_seconds\":60}", "{\"grace_seconds\":0,\"revoke_tokens\":true}",
					"{\"grace_seconds\":60,\"revoke_tokens\":true}"};
#define ROTATIONS (sizeof rotations / sizeof *rotations)

Test(rotation, a_repeat_is_refused_to_a_bearer_that_was_revoked)
{
	for (size_t i = 0; i < ROTATIONS; i++) {
		a_repeat_is_refused_after(revoke_it, rotations[i]);
		a_repeat_is_refused_after(end_version, rotations[i]);
	}
}

Test(rotation, a_repeat_is_refused_to_a_bearer_whose_client_s_or_organization_s_tokens_were_ended)
{
	for (size_t i = 0; i < ROTATIONS; i++) {
		a_repeat_is_refused_after(end_client, rotations[i]);
		a_repeat_is_refused_after(end_organization, rotations[i]);
		mint(&w, "acme", "admin", admin);
	}
	a_repeat_is_refused_after(disable_client, rotations[0]);
}

static void cancel_grace(const char *bearer, const char *version)
{
	(void)bearer, (void)version;
	world_ctl(&w, &acted, "client", "rotation", "--org", "acme", "--cancel");
}

/* The rotation had left it one. */
Test(rotation, a_repeat_is_refused_to_a_bearer_whose_grace_was_taken_back)
{
	a_repeat_is_refused_after(cancel_grace, "{\"grace_seconds\":60}");
}

/* It ends the tokens of every version in its grace, the bearer's among them. */
Test(rotation, a_repeat_is_refused_to_a_bearer_that_another_rotation_ended_too)
{
	a_repeat_is_refused_after(end_by_another_rotation, "{\"grace_seconds\":60}");
	a_repeat_is_refused_after(end_by_another_rotation, "{\"grace_seconds\":60,\"revoke_tokens\":true}");
}

/* No client's tokens are an operator's: the organization's alone. */
Test(rotation, a_repeat_is_refused_to_an_operator_s_bearer_that_was_ended)
{
	sleep_ms(1200);
	mint(&w, "acme", "admin", admin);
	rotate_and_repeat(admin, "operator", "{\"revoke_tokens\":true}");
	world_ctl(&w, &acted, "client", "revoke-tokens", "--org", "acme", "--all");
	expect_status(rotate_with(admin, "operator", "{\"revoke_tokens\":true}", &r), 200);
	world_ctl(&w, &acted, "org", "revoke-tokens", "acme");
	expect_status(rotate_with(admin, "operator", "{\"revoke_tokens\":true}", &r), 401);
}

Test(rotation, an_idempotency_key_with_other_parameters_is_422)
{
	expect_status(rotate_with(admin, "once", "{\"grace_seconds\":0}", &r), 200);
	expect_status(rotate_with(admin, "once", "{\"grace_seconds\":60}", &r), 422);
	cr_assert(is_problem(&r, "idempotency_key_reused"), "%s%s", r.head, r.body);
	cr_assert_eq(sql_int(world_db(&w), "select max(version) from m2m.client_secret"), 2);
}

Test(rotation, organizations_have_their_own_idempotency_keys)
{
	struct org other;
	char other_admin[TOKEN_MAX], client_id[64];
	org_create(&w, "other", &other);
	mint(&w, "other", "admin", other_admin);
	expect_status(rotate_with(admin, "same-key", "{\"grace_seconds\":0}", &r), 200);
	expect_status(rotate_with(other_admin, "same-key", "{\"grace_seconds\":9}", &r), 200);
	cr_assert_str_eq(body_text(&r, "client_id", client_id, sizeof client_id), other.client_id);
}

Test(rotation, m2mctl_rotates_as_the_gateway_does)
{
	static struct ctl_result ran;
	char secret[SECRET_MAX], read[SECRET_MAX];
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_SECRET", secret, sizeof secret);
	expect_status(token_with(acme.secret), 401);
	expect_status(token_with(secret), 200);
	world_ctl(&w, &ran, "client", "secret", "--org", "acme", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_SECRET", read, sizeof read);
	cr_assert_str_eq(read, secret);
}

/* ---- what is misspelt must not end the old secret ---- */

static const struct {
	const char *query, *body, *named;
} misspelt[] = {
	{"", "{\"graceSeconds\":3600}", "member graceSeconds"},
	{"", "{\"grace_second\":3600}", "member grace_second."},
	{"", "{\"grace_seconds\":3600,\"grace\":1}", "member grace."},
	{"", "{\"x\":{\"grace_seconds\":1}}", "member x."},
	{"", "{\"a\":[{}]}", "member a."},
	{"", "{\"a\":[[[[[[{\"grace_seconds\":1}]]]]]]}", "member a."},
	{"", "{\"\":1}", "member ''."},
	{"", "{\"a\\u001b[2J\\u202e\":1}", "member a%1B[2J%E2%80%AE."},
	{"", "{\"grace_seconds\":3600,\"grace_seconds\":0}", "grace_seconds is given twice"},
	{"", "{\"grace_seconds\":\"3600\"}", "grace_seconds must be an integer"},
	{"", "{\"grace_seconds\":3600.5}", "grace_seconds must be an integer"},
	{"", "{\"grace_seconds\":null}", "grace_seconds must be an integer"},
	{"", "[3600]", "must be a JSON object"},
	{"", "3600", "must be a JSON object"},
	{"", "{\"grace_seconds\":3600", "not well-formed JSON"},
	{"", "{\"a\":\"\xff\"}", "not UTF-8"},
	{"", "[[[[[[[[[]]]]]]]]]", "nested more than 8 deep"},
	{"?grace_seconds=3600", NULL, "query: grace_seconds"},
	{"?grace_seconds=3600", "{}", "query: grace_seconds"},
	{"?grace%5fseconds=3600", "{\"grace_seconds\":3600}", "query: grace_seconds"},
	{"?api-version=1", NULL, "query: api-version"},
	{"?%zz", NULL, "percent escape"},
};

static void expect_named(int status, const char *what, const char *named)
{
	cr_assert(status == 400 && is_problem(&r, "invalid_request"), "%s: %d %s", what, status, r.body);
	cr_expect_not_null(strstr(r.body, named), "%s: %s", what, r.body);
}

Test(rotation, what_is_not_known_is_refused_by_its_name_and_rotates_nothing)
{
	char platform[TOKEN_MAX], path[256];
	mint_platform(&w, "backend", platform);
	for (size_t i = 0; i < sizeof misspelt / sizeof misspelt[0]; i++) {
		const char *body = misspelt[i].body;
		struct http_request q = {
			.method = "POST", .path = path, .bearer = admin, .type = body == NULL ? NULL : "application/json", .body = body};
		snprintf(path, sizeof path, "/m2m/rotate%s", misspelt[i].query);
		expect_named(http_call(w.gateway.http, &q, &r), body == NULL ? path : body, misspelt[i].named);
		q.bearer = platform;
		snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/rotate%s", acme.client_id, misspelt[i].query);
		expect_named(http_call(w.gateway.http, &q, &r), body == NULL ? path : body, misspelt[i].named);
	}
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret"), 1);
	expect_status(token_with(acme.secret), 200);
	/* an empty query says nothing */
	expect_status(http_call(w.gateway.http, &(struct http_request){.method = "POST", .path = "/m2m/rotate?", .bearer = admin}, &r),
		      200);
}

/* What a restored backup holds, as far as rotation goes; the triggers of the schema don't run
 * for a restore. */
static void back_up(void)
{
	sql_exec(world_db(&w), "create table public.saved_client as select * from m2m.client");
	sql_exec(world_db(&w), "create table public.saved_secret as select * from m2m.client_secret");
}

static void restore(void)
{
	sql_exec(world_db(&w), "begin");
	sql_exec(world_db(&w), "set local session_replication_role = replica");
	sql_exec(world_db(&w), "delete from m2m.client_secret");
	sql_exec(world_db(&w), "update m2m.client c set secret_version = s.secret_version from public.saved_client s"
			       " where s.client_id = c.client_id");
	sql_exec(world_db(&w), "insert into m2m.client_secret select * from public.saved_secret");
	sql_exec(world_db(&w), "commit");
}

static int64_t rotate_up_to(int64_t version)
{
	char secret[SECRET_MAX];
	int64_t reached = 0;
	while (reached < version) {
		rotate_to(0, secret);
		reached = body_int(&r, "version");
		snprintf(acme.secret, sizeof acme.secret, "%s", secret);
	}
	return reached;
}

Test(rotation, after_a_restore_a_number_that_comes_again_does_not_bring_back_the_tokens_of_its_first_time)
{
	static const char *const paths[] = {"/m2m/client-id", "/m2m/client-secret", "/m2m/audit/tokens"};
	char evicted[TOKEN_MAX], fresh[TOKEN_MAX];
	struct grpc_reply g;
	rotate_up_to(2);
	back_up();
	rotate_up_to(5);
	client_token(&w, &acme, evicted);
	expect_status(get(&w, "/m2m/client-secret", evicted, &r), 200);
	restore();
	expect_status(get(&w, "/m2m/client-secret", evicted, &r), 401);
	cr_assert_eq(rotate_up_to(5), 5);
	client_token(&w, &acme, fresh);
	for (unsigned i = 0; i < sizeof paths / sizeof *paths; i++) {
		expect_status(get(&w, paths[i], evicted, &r), 401);
		cr_expect(is_problem(&r, "invalid_token"), "%s", r.body);
		expect_status(get(&w, paths[i], fresh, &r), 200);
	}
	expect_status(m2m_token(&w, evicted, acme.client_id, acme.secret, &r), 401);
	expect_status(m2m_token(&w, fresh, acme.client_id, acme.secret, &r), 200);
	cr_expect_eq(grpc_get_secret(&w, evicted, NULL, &g), 16);
	cr_expect_eq(grpc_token(&w, evicted, acme.client_id, acme.secret, NULL, &g), 16);
	expect_status(rotate(&w, evicted, 0, &r), 401);
	expect_status(rotate(&w, fresh, 0, &r), 200);
}
