/* Rotations whose old secret ends once it is unused: until then it is good, who uses it is shown,
 * and its end can be taken back or put off. At the end a history of decisions that race with uses
 * (M2M_TEST_SECONDS sets its length), which a mutation of tests/mutations makes fail. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct gateway second;
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
	gateway_start(&second, &w.gateway_env);
}

static void close_world(void)
{
	gateway_stop(&second, 15000);
	world_close(&w);
}

TestSuite(until_unused, .init = open_world, .fini = close_world, .timeout = 120);

static int rotate_as(const char *body)
{
	return post_json(&w, "/m2m/rotate", admin, body, &r);
}

static int old_at(const struct gateway *g)
{
	return oauth_token(g->http, acme.client_id, acme.secret, &r);
}

static const char *version_1(const char *what)
{
	return sql_text(world_db(&w), "select %s from m2m.client_secret where client_id = '%s' and version = 1", what, acme.client_id);
}

static int64_t acts(const char *action)
{
	return sql_int(world_db(&w),
		       "select count(*) from m2m.admin_audit where action = '%s' and outcome = 'granted' and client_id = '%s'", action,
		       acme.client_id);
}

#define ENDED "expires_at <= clock_timestamp()"

static void wait_for_end(void)
{
	int64_t until = clock_mono_us() + 60000000;
	while (acts("end_unused_secret") == 0 && clock_mono_us() < until)
		sleep_ms(50);
	cr_assert_eq(acts("end_unused_secret"), 1, "nobody has decided that the old secret is unused");
}

Test(until_unused, the_answer_says_when_the_old_secret_ends)
{
	expect_status(rotate_as("{\"until_unused_seconds\":172800,\"at_most_seconds\":2592000}"), 200);
	cr_expect_eq(body_int(&r, "previous_secret_unused_for"), 172800);
	cr_expect_str_eq(version_1("unused_for"), "172800");
	cr_expect_str_eq(version_1("expires_at - ended_at"), "30 days");
	expect_status(rotate_as("{\"grace_seconds\":60}"), 200);
	cr_expect_not_null(strstr(r.body, "\"previous_secret_unused_for\":null"), "%s", r.body);
	cr_expect_str_eq(version_1("unused_for"), "172800");
	cr_expect_str_eq(version_1("expires_at < now() + interval '2 minutes'"), "t", "an earlier grace is shortened, never prolonged");
	expect_status(rotate_as("{\"until_unused_seconds\":172800}"), 200);
	cr_expect_str_eq(version_1("expires_at < now() + interval '2 minutes'"), "t");
}

Test(until_unused, what_excludes_each_other_is_refused)
{
	static const char *const bodies[] = {
		"{\"until_unused_seconds\":60,\"grace_seconds\":60}",
		"{\"until_unused_seconds\":60,\"grace_seconds\":0}",
		"{\"until_unused_seconds\":60,\"at_most_seconds\":59}",
		"{\"at_most_seconds\":60}",
		"{\"until_unused_seconds\":0}",
		"{\"until_unused_seconds\":2592001}",
		"{\"until_unused_seconds\":60,\"at_most_seconds\":7776001}",
		"{\"until_unused_seconds\":\"60\"}",
	};
	for (size_t i = 0; i < sizeof bodies / sizeof *bodies; i++) {
		cr_expect_eq(rotate_as(bodies[i]), 400, "%s", bodies[i]);
		cr_expect(is_problem(&r, "invalid_request"), "%s", r.body);
	}
	cr_expect_eq(acts("rotate_secret"), 0);
}

static int rotate_with_key(const char *body)
{
	return http_call(w.gateway.http,
			 &(struct http_request){.path = "/m2m/rotate",
						.bearer = admin,
						.type = "application/json",
						.body = body,
						.headers = "Idempotency-Key: once\r\n"},
			 &r);
}

Test(until_unused, a_repeat_is_answered_the_same_and_another_time_is_another_request)
{
	static char first[HTTP_BODY_MAX];
	expect_status(rotate_with_key("{\"until_unused_seconds\":60,\"at_most_seconds\":90}"), 200);
	snprintf(first, sizeof first, "%s", r.body);
	expect_status(rotate_with_key("{\"until_unused_seconds\":60,\"at_most_seconds\":90}"), 200);
	cr_expect_str_eq(r.body, first);
	expect_status(rotate_with_key("{\"until_unused_seconds\":61,\"at_most_seconds\":90}"), 422);
	expect_status(rotate_with_key("{\"grace_seconds\":90}"), 422);
	cr_expect_eq(acts("rotate_secret"), 1);
}

Test(until_unused, a_secret_that_nobody_uses_ends_for_good_at_every_gateway)
{
	expect_status(old_at(&w.gateway), 200);
	expect_status(rotate_as("{\"until_unused_seconds\":1,\"at_most_seconds\":3600}"), 200);
	wait_for_end();
	expect_status(old_at(&w.gateway), 401);
	expect_status(old_at(&second), 401);
	cr_expect_str_eq(version_1(ENDED), "t");
	cr_expect_str_eq(
		sql_text(world_db(&w), "select concat(detail, actor, transport) from m2m.admin_audit where action = 'end_unused_secret'"),
		"{\"unused_for\": 1, \"last_used_at\": null}m2m-gateway-");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.secret_unused_look"), 0);
	cr_expect_str_eq(sql_state(world_db(&w), "update m2m.client_secret set expires_at = now() + interval '1 hour' where version = 1"),
			 "42501");
}

Test(until_unused, a_secret_that_is_used_lives_on_until_it_isnt)
{
	expect_status(rotate_as("{\"until_unused_seconds\":4,\"at_most_seconds\":3600}"), 200);
	int64_t until = clock_mono_us() + 12000000;
	while (clock_mono_us() < until) {
		expect_status(old_at(clock_mono_us() % 2 == 0 ? &second : &w.gateway), 200);
		sleep_ms(300);
	}
	cr_expect_str_eq(version_1(ENDED), "f");
	wait_for_end();
	expect_status(old_at(&second), 401);
	cr_expect_str_eq(sql_text(world_db(&w),
				  "select (a.detail->>'last_used_at')::timestamptz = max(t.issued_at) and a.at - max(t.issued_at) >= "
				  "interval '4 seconds'"
				  " from m2m.admin_audit a, m2m.token_audit t where a.action = 'end_unused_secret' and t.secret_version = 1"
				  " group by a.at, a.detail"),
			 "t");
}

Test(until_unused, a_secret_that_is_always_used_ends_at_its_last_end)
{
	expect_status(rotate_as("{\"until_unused_seconds\":2,\"at_most_seconds\":5}"), 200);
	int64_t until = clock_mono_us() + 60000000;
	while (old_at(&w.gateway) == 200 && clock_mono_us() < until)
		sleep_ms(100);
	expect_status(old_at(&second), 401);
	cr_expect_str_eq(version_1("expires_at - ended_at"), "00:00:05");
	cr_expect_eq(acts("end_unused_secret"), 0);
}

/* ---- who uses it, and other ends ---- */

static int call(const char *method, const char *path, const char *bearer, const char *body)
{
	return http_call(
		w.gateway.http,
		&(struct http_request){
			.method = method, .path = path, .bearer = bearer, .type = body == NULL ? NULL : "application/json", .body = body},
		&r);
}

static void use_old(const char *agent, int times)
{
	char form[256], headers[64];
	snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	snprintf(headers, sizeof headers, "User-Agent: %s\r\n", agent);
	for (int i = 0; i < times; i++)
		expect_status(http_call(w.gateway.http,
					&(struct http_request){.path = "/oauth2/token",
							       .type = "application/x-www-form-urlencoded",
							       .body = form,
							       .headers = headers},
					&r),
			      200);
}

static void expect_in_body(const char *text)
{
	cr_expect_not_null(strstr(r.body, text), "no %s in %s", text, r.body);
}

Test(until_unused, who_still_uses_the_old_secret_is_shown)
{
	char path[160], platform[TOKEN_MAX];
	use_old("before", 1);
	expect_status(rotate_as("{\"until_unused_seconds\":3600}"), 200);
	use_old("billing/1.0", 3);
	use_old("reports/2.0", 1);
	expect_status(get(&w, "/m2m/rotation", admin, &r), 200);
	expect_in_body("\"previous_secrets\":[{\"version\":1,");
	expect_in_body("\"unused_for\":3600,\"counted_since\":null,\"used_by\":[{\"remote_addr\":\"127.0.0.1\",\"user_agent\":\"reports/"
		       "2.0\",\"tokens\":1,");
	expect_in_body("\"user_agent\":\"billing/1.0\",\"tokens\":3,");
	cr_expect_null(strstr(r.body, "before"), "%s", r.body);

	mint_platform(&w, "ops", platform);
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/rotation", acme.client_id);
	expect_status(get(&w, path, platform, &r), 200);
	expect_in_body("\"user_agent\":\"billing/1.0\",\"tokens\":3,");
	expect_status(get(&w, path, admin, &r), 403);

	struct ctl_result out;
	world_ctl(&w, &out, "client", "rotation", "--org", "acme");
	cr_expect_not_null(strstr(out.out, "billing/1.0"), "%s", out.out);
}

Test(until_unused, a_grace_is_taken_back_at_once)
{
	expect_status(rotate_as("{\"until_unused_seconds\":3600}"), 200);
	expect_status(old_at(&second), 200);
	expect_status(call("DELETE", "/m2m/rotation", admin, NULL), 200);
	expect_in_body("\"previous_secrets\":[]");
	expect_status(old_at(&second), 401);
	cr_expect_eq(acts("cancel_grace"), 1);
	expect_status(call("DELETE", "/m2m/rotation", admin, NULL), 409);
	expect_status(call("PATCH", "/m2m/rotation", admin, "{\"grace_seconds\":60}"), 409);
	expect_status(call("DELETE", "/m2m/rotation?what=1", admin, NULL), 400);
}

/* Its bearer was obtained with the secret that it ends. */
Test(until_unused, who_ends_its_own_secret_is_answered)
{
	char own[TOKEN_MAX];
	client_token(&w, &acme, own);
	expect_status(rotate_as("{\"grace_seconds\":3600}"), 200);
	expect_status(call("DELETE", "/m2m/rotation?secret_version=1", own, NULL), 200);
	expect_status(get(&w, "/m2m/rotation", own, &r), 401);
}

Test(until_unused, an_end_is_put_off_but_not_too_far_and_not_once_it_came)
{
	char path[160], platform[TOKEN_MAX];
	expect_status(rotate_as("{\"grace_seconds\":3600}"), 200);
	expect_status(call("PATCH", "/m2m/rotation", admin, "{\"grace_seconds\":7200}"), 200);
	cr_expect_str_eq(version_1("expires_at > now() + interval '119 minutes'"), "t");
	expect_status(call("PATCH", "/m2m/rotation", admin, "{\"grace_seconds\":60}"), 400);
	expect_status(call("PATCH", "/m2m/rotation", admin, "{\"grace_seconds\":7776000}"), 400);
	expect_status(call("PATCH", "/m2m/rotation", admin, "{\"grace_seconds\":7776001}"), 400);
	expect_status(call("PATCH", "/m2m/rotation", admin, "{\"grace_seconds\":7200,\"secret_version\":2}"), 409);
	expect_status(call("PATCH", "/m2m/rotation", admin, "{}"), 400);
	sql_exec(world_db(&w), "update m2m.organization set secret_max_age = 9000");
	expect_status(call("PATCH", "/m2m/rotation", admin, "{\"grace_seconds\":9001}"), 400);
	mint_platform(&w, "ops", platform);
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/rotation", acme.client_id);
	expect_status(call("PATCH", path, platform, "{\"grace_seconds\":8000,\"secret_version\":1}"), 200);
	cr_expect_eq(acts("prolong_grace"), 2);
	expect_status(call("DELETE", path, platform, NULL), 200);
	expect_status(call("PATCH", path, platform, "{\"grace_seconds\":8500}"), 409);
	cr_expect_str_eq(version_1(ENDED), "t");
}

/* ---- gRPC ---- */

#define SERVICE "/m2m.v1.M2MClients/"

static int grpc(const char *method, const struct pb *message, struct grpc_reply *into)
{
	return grpc_call(w.gateway.grpc, &(struct grpc_request){.path = method, .bearer = admin, .message = message}, into);
}

static bool says(const struct grpc_reply *answer, const char *text)
{
	struct str message = grpc_message(answer, 0, NULL);
	return message.p != NULL && memmem(message.p, message.n, text, strlen(text)) != NULL;
}

Test(until_unused, grpc_does_the_same)
{
	static struct grpc_reply answer;
	static struct pb m;
	pb_put_int(&m, 3, 3600);
	pb_put_int(&m, 4, 7200);
	cr_assert_eq(grpc(GRPC_ROTATE, &m, &answer), 0, "%s", answer.fields);
	cr_expect_str_eq(version_1("unused_for || ' ' || (expires_at - ended_at)"), "3600 02:00:00");
	use_old("billing/1.0", 2);
	m.n = 0;
	cr_assert_eq(grpc(SERVICE "GetRotation", &m, &answer), 0, "%s", answer.fields);
	cr_expect(says(&answer, "billing/1.0") && says(&answer, "127.0.0.1"));
	pb_put_int(&m, 1, 10800);
	cr_assert_eq(grpc(SERVICE "ProlongRotation", &m, &answer), 0, "%s", answer.fields);
	cr_expect_str_eq(version_1("expires_at > now() + interval '179 minutes'"), "t");
	m.n = 0;
	pb_put_int(&m, 1, 1);
	cr_assert_eq(grpc(SERVICE "CancelRotation", &m, &answer), 0, "%s", answer.fields);
	cr_expect_not(says(&answer, "billing/1.0"));
	expect_status(old_at(&second), 401);
	cr_assert_eq(grpc(SERVICE "CancelRotation", &m, &answer), 10, "%s", answer.fields);
}

/* ---- m2mctl ---- */

Test(until_unused, m2mctl_rotates_cancels_prolongs_and_decides)
{
	struct ctl_result out;
	world_ctl(&w, &out, "client", "rotate", "--org", "acme", "--until-unused", "48h", "--at-most", "30d", "--output", "json");
	cr_expect_not_null(strstr(out.out, "172800"), "%s", out.out);
	cr_expect_str_eq(version_1("unused_for || ' ' || (expires_at - ended_at)"), "172800 30 days");
	world_ctl(&w, &out, "client", "rotation", "--org", "acme", "--prolong", "40d");
	cr_expect_str_eq(version_1("expires_at > now() + interval '39 days'"), "t");
	sql_exec(world_db(&w), "update m2m.secret_unused_look set look_at = now()");
	sql_exec(world_db(&w), "update m2m.client_secret set unused_for = 1, ended_at = ended_at - interval '1 minute' where version = 1");
	world_ctl(&w, &out, "client", "end-unused");
	wait_for_end();
	cr_expect_eq(old_at(&w.gateway), 401);
	world_ctl(&w, &out, "client", "rotate", "--org", "acme", "--grace", "3600");
	world_ctl(&w, &out, "client", "rotation", "--org", "acme", "--cancel");
	cr_expect_eq(acts("cancel_grace"), 1);
}

/* ---- a history: decisions that race with uses ---- */

#define CLIENTS      12
#define DECIDERS     2
#define HISTORY_MAX  4096
#define SLOW_COMMITS "public.slow_commit"

/* A use of an old secret, or what a decider's statement told that it ended. */
struct event {
	int client, version, status;
	int64_t begin, end;
};

struct history {
	struct event events[HISTORY_MAX];
	unsigned n;
};

static struct org orgs[CLIENTS];
static char admins[CLIENTS][TOKEN_MAX];
static struct history uses[CLIENTS], ends[DECIDERS];
static atomic_bool stop;
static atomic_uint faults;

/* A token's row is written, and commits a while later: as with a standby that is slow. */
static void make_commits_slow(void)
{
	sql_exec(world_db(&w), "create function " SLOW_COMMITS "() returns trigger language plpgsql as $$ begin"
			       " if current_setting('m2m.slow', true) is distinct from 'yes' then"
			       "  perform set_config('m2m.slow', 'yes', true), pg_sleep(0.3); end if; return null; end $$;"
			       "create constraint trigger slow after insert on m2m.token_audit deferrable initially deferred"
			       " for each row execute function " SLOW_COMMITS "()");
}

static int rotate_client(int client, struct http_reply *answer, char secret[SECRET_MAX])
{
	const struct http_request q = {.path = "/m2m/rotate",
				       .bearer = admins[client],
				       .type = "application/json",
				       .body = "{\"until_unused_seconds\":1,\"at_most_seconds\":3600}"};
	int status = http_call(w.gateway.http, &q, answer);
	if (status == 200)
		body_text(answer, "client_secret", secret, SECRET_MAX);
	return status;
}

/* Uses the old secret about as often as it must be used to live on, until it has ended. */
static void use_until_it_ends(int client, int version, const char *secret, unsigned *seed, struct http_reply *answer)
{
	struct history *h = &uses[client];
	int status = 200;
	while (status == 200 && !atomic_load(&stop) && h->n < HISTORY_MAX) {
		struct event *e = &h->events[h->n++];
		sleep_ms(300 + rand_r(seed) % 500);
		*e = (struct event){.client = client, .version = version, .begin = clock_mono_us()};
		status = oauth_token(rand_r(seed) % 2 == 0 ? w.gateway.http : second.http, orgs[client].client_id, secret, answer);
		e->status = status;
		e->end = clock_mono_us();
	}
	if (status != 200 && status != 401)
		atomic_fetch_add(&faults, 1);
}

static void *use_on(void *arg)
{
	int client = (int)(intptr_t)arg;
	unsigned seed = (unsigned)client + 1;
	struct http_reply *answer = malloc(sizeof *answer);
	char old[SECRET_MAX], next[SECRET_MAX];
	memcpy(old, orgs[client].secret, sizeof old);
	for (int version = 1; !atomic_load(&stop); version++) {
		if (rotate_client(client, answer, next) != 200) {
			atomic_fetch_add(&faults, 1);
			break;
		}
		use_until_it_ends(client, version, old, &seed, answer);
		memcpy(old, next, sizeof old);
	}
	free(answer);
	return NULL;
}

static int client_of(const char *client_id)
{
	int i = 0;
	while (i < CLIENTS && strcmp(orgs[i].client_id, client_id) != 0)
		i++;
	return i;
}

/* As the gateways do, and far more often. */
static void *decide_on(void *arg)
{
	struct history *h = arg;
	char url[PG_URL];
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	PGconn *db = sql_try_open(url);
	while (db != NULL && !atomic_load(&stop) && h->n < HISTORY_MAX - CLIENTS) {
		PGresult *ended = PQexec(db, "select client_id, version from m2m.end_unused_secrets(4, 100000, 'test', '-', null)");
		int64_t now = clock_mono_us();
		if (PQresultStatus(ended) != PGRES_TUPLES_OK)
			atomic_fetch_add(&faults, 1);
		for (int i = 0; i < PQntuples(ended); i++)
			h->events[h->n++] = (struct event){
				.client = client_of(PQgetvalue(ended, i, 0)), .version = atoi(PQgetvalue(ended, i, 1)), .end = now};
		PQclear(ended);
		sleep_ms(3);
	}
	PQfinish(db);
	return NULL;
}

static void make_history(void)
{
	const char *seconds = getenv("M2M_TEST_SECONDS");
	pthread_t users[CLIENTS], deciders[DECIDERS];
	for (int i = 0; i < CLIENTS; i++)
		cr_assert_eq(pthread_create(&users[i], NULL, use_on, (void *)(intptr_t)i), 0);
	for (int i = 0; i < DECIDERS; i++)
		cr_assert_eq(pthread_create(&deciders[i], NULL, decide_on, &ends[i]), 0);
	sleep_ms(1000 * (seconds == NULL ? 10 : 2 + atoi(seconds)));
	atomic_store(&stop, true);
	for (int i = 0; i < CLIENTS; i++)
		pthread_join(users[i], NULL);
	for (int i = 0; i < DECIDERS; i++)
		pthread_join(deciders[i], NULL);
	cr_assert_eq(atomic_load(&faults), 0);
}

/* A call that began when somebody knew already that the version had ended. */
static void check_use(const struct event *use)
{
	for (int i = 0; i < DECIDERS; i++)
		for (unsigned k = 0; k < ends[i].n; k++) {
			const struct event *end = &ends[i].events[k];
			if (end->client != use->client || end->version != use->version)
				continue;
			cr_assert(use->status == 401 || use->begin < end->end, "a token was given %lld us after the decision was known",
				  (long long)(use->begin - end->end));
		}
	cr_assert(use->status == 200 || sql_int(world_db(&w),
						"select count(*) from m2m.admin_audit where action = 'end_unused_secret' and client_id = "
						"'%s' and secret_version = %d",
						orgs[use->client].client_id, use->version) == 1,
		  "a secret was refused that nobody had ended");
}

#define DECIDED_DESPITE_A_TOKEN                                                                                                            \
	"select count(*) from m2m.admin_audit a where a.action = 'end_unused_secret' and exists (select from m2m.token_audit t"            \
	" where t.client_id = a.client_id and t.secret_version = a.secret_version and t.credential is null and t.issued_at %s)"

Test(until_unused, ending_an_unused_secret_is_linearizable)
{
	unsigned used = 0, refused = 0, ended = 0;
	make_commits_slow();
	for (int i = 0; i < CLIENTS; i++) {
		char slug[16];
		snprintf(slug, sizeof slug, "history-%d", i);
		org_create(&w, slug, &orgs[i]);
		mint(&w, slug, "admin", admins[i]);
	}
	make_history();
	PGconn *db = world_db(&w);
	cr_assert_eq(sql_int(db, DECIDED_DESPITE_A_TOKEN, "> a.at"), 0, "a token was given with a secret that had ended");
	cr_assert_eq(sql_int(db, DECIDED_DESPITE_A_TOKEN, "between a.at - interval '1 second' and a.at"), 0,
		     "a secret was ended that had given a token within the time");
	for (int i = 0; i < CLIENTS; i++)
		for (unsigned k = 0; k < uses[i].n; k++) {
			check_use(&uses[i].events[k]);
			used += uses[i].events[k].status == 200;
			refused += uses[i].events[k].status == 401;
		}
	for (int i = 0; i < DECIDERS; i++)
		ended += ends[i].n;
	cr_log_info("%u tokens, %u decisions, %u refused\n", used, ended, refused);
	expect_enough(used, 20);
	expect_enough(refused, 3);
}
