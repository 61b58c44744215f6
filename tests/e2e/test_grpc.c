/* The four operations over gRPC: what they answer, how errors, deadlines and cancellation look
 * on the wire, what HTTP/2 and gRPC framing may do, and how connections end. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <zlib.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

STOPPED_CLUSTER;

#define CHECK "/grpc.health.v1.Health/Check"
#define WATCH "/grpc.health.v1.Health/Watch"

enum {
	OK = 0,
	CANCELLED = 1,
	INVALID_ARGUMENT = 3,
	DEADLINE_EXCEEDED = 4,
	NOT_FOUND = 5,
	PERMISSION_DENIED = 7,
	RESOURCE_EXHAUSTED = 8,
	FAILED_PRECONDITION = 9,
	UNIMPLEMENTED = 12,
	INTERNAL = 13,
	UNAVAILABLE = 14,
	UNAUTHENTICATED = 16
};
enum { SERVING = 1, NOT_SERVING = 2, SERVICE_UNKNOWN = 3 };

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX], member[TOKEN_MAX];
static struct grpc_reply g; /* the last answer over gRPC */
static struct http_reply r; /* and over REST */
static struct ctl_result ran;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
	mint(all, "acme", "member", member);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin), KEPT(member));

static void prepare(void)
{
	world_prepare_filled(&w, true);
	/* one queue, so that a test knows what waits behind what */
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=15000");
}

static void start(void)
{
	gateway_start(&w.gateway, &w.gateway_env);
}

static void open_world(void)
{
	prepare();
	start();
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(grpc, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- what a test says about the last answer ---- */

#define expect_grpc(call, want)                                                                                                            \
	do {                                                                                                                               \
		int got_ = (call);                                                                                                         \
		cr_assert_eq(got_, want, "%s answered %d, not %d: http %d, reset %lld:\n%s", #call, got_, want, g.http,                    \
			     (long long)g.reset, g.fields);                                                                                \
	} while (0)

static int call(const struct grpc_request *q)
{
	return grpc_call(w.gateway.grpc, q, &g);
}

static int get_id(const char *metadata)
{
	return grpc_get_id(&w, admin, metadata, &g);
}

static int token(const char *metadata)
{
	return grpc_token(&w, admin, acme.client_id, acme.secret, metadata, &g);
}

static struct str message(void)
{
	return grpc_message(&g, 0, NULL);
}

static void expect_text(unsigned field, const char *want)
{
	char got[TOKEN_MAX];
	cr_assert_str_eq(pb_text(message(), field, got, sizeof got), want, "field %u: %s", field, got);
}

/* The last answer was this error, in every one of its forms. */
static struct grpc_details expect_error(int status, const char *reason)
{
	struct grpc_details d;
	char id[80], text[512];
	grpc_details(&g, &d);
	cr_assert_eq(g.status, status, "%d, not %d:\n%s", g.status, status, g.fields);
	cr_assert_eq(g.http, 200);
	cr_assert_eq(g.blocks, 1, "an error is trailers only:\n%s", g.fields);
	cr_assert_eq(g.data_n, 0);
	cr_assert_eq(d.code, status, "google.rpc.Status says %d:\n%s", d.code, g.fields);
	cr_assert_str_eq(d.reason, reason);
	cr_assert_str_eq(d.domain, "m2m-gateway");
	cr_assert_str_neq(d.request_id, "");
	cr_assert_str_eq(d.request_id, grpc_field(&g, "x-request-id", id, sizeof id));
	cr_assert_str_neq(grpc_field(&g, "grpc-message", text, sizeof text), "");
	return d;
}

static void expect_field(const char *name, const char *want)
{
	char got[512];
	cr_assert_str_eq(grpc_field(&g, name, got, sizeof got), want, "%s: %s", name, got);
}

static int64_t rows_of(const char *request_id)
{
	return sql_int(world_db(&w), "select count(*) from m2m.token_audit where request_id = '%s'", request_id);
}

/* As REST writes a time. */
static const char *rfc3339(int64_t us, char out[40])
{
	time_t seconds = us / 1000000;
	struct tm tm;
	gmtime_r(&seconds, &tm);
	size_t n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out + n, 40 - n, ".%06dZ", (int)(us % 1000000));
	return out;
}

static struct grpc_request token_request(const char *metadata)
{
	return (struct grpc_request){
		.path = GRPC_TOKEN, .bearer = admin, .metadata = metadata, .message = token_message(acme.client_id, acme.secret)};
}

/* ---- the operations ---- */

Test(grpc, the_client_id_and_secret_are_those_that_rest_answers)
{
	char time[40], want[40];
	expect_grpc(get_id(NULL), OK);
	expect_text(1, acme.client_id);
	expect_field("content-type", "application/grpc");

	expect_grpc(grpc_get_secret(&w, admin, NULL, &g), OK);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	expect_text(1, acme.client_id);
	expect_text(2, acme.secret);
	cr_assert_eq(pb_int(message(), 3), 1);
	body_text(&r, "created_at", want, sizeof want);
	cr_assert_str_eq(rfc3339(pb_time_us(message(), 4), time), want);
}

Test(grpc, a_token_from_grpc_opens_rest_and_the_other_way_round)
{
	char access_token[TOKEN_MAX];
	expect_grpc(token(NULL), OK);
	expect_text(2, "Bearer");
	cr_assert_eq(pb_int(message(), 3), 86400);
	expect_text(4, "api");
	pb_text(message(), 1, access_token, sizeof access_token);
	expect_status(get(&w, "/m2m/client-secret", access_token, &r), 200);

	client_token(&w, &acme, access_token);
	expect_grpc(grpc_get_secret(&w, access_token, NULL, &g), OK);
}

Test(grpc, a_rotation_answers_what_reading_then_gives)
{
	char secret[SECRET_MAX], time[40], want[SECRET_MAX];
	expect_grpc(grpc_rotate(&w, admin, 0, NULL, &g), OK);
	expect_text(1, acme.client_id);
	cr_assert_str_neq(pb_text(message(), 2, secret, sizeof secret), acme.secret);
	cr_assert_eq(pb_int(message(), 3), 2);
	cr_assert_eq(pb_time_us(message(), 5), pb_time_us(message(), 4));
	rfc3339(pb_time_us(message(), 4), time);

	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	cr_assert_str_eq(body_text(&r, "client_secret", want, sizeof want), secret);
	cr_assert_str_eq(body_text(&r, "created_at", want, sizeof want), time);
	expect_grpc(token(NULL), UNAUTHENTICATED);
	expect_error(UNAUTHENTICATED, "invalid_client");
	expect_grpc(grpc_token(&w, admin, acme.client_id, secret, NULL, &g), OK);

	expect_grpc(grpc_rotate(&w, admin, 600, NULL, &g), OK);
	cr_assert_eq(pb_time_us(message(), 5) - pb_time_us(message(), 4), 600 * 1000000LL);
	expect_grpc(grpc_token(&w, admin, acme.client_id, secret, NULL, &g), OK);
}

Test(grpc, a_repeated_rotation_is_told_by_its_idempotency_key)
{
	char first[SECRET_MAX], again[SECRET_MAX];
	expect_grpc(grpc_rotate(&w, admin, 60, "idempotency-key: k-1\n", &g), OK);
	pb_text(message(), 2, first, sizeof first);
	expect_grpc(grpc_rotate(&w, admin, 60, "idempotency-key: k-1\n", &g), OK);
	cr_assert_str_eq(pb_text(message(), 2, again, sizeof again), first);
	cr_assert_eq(pb_int(message(), 3), 2);
	expect_grpc(grpc_rotate(&w, admin, 61, "idempotency-key: k-1\n", &g), FAILED_PRECONDITION);
	expect_error(FAILED_PRECONDITION, "idempotency_key_reused");
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret"), 2);
}

Test(grpc, a_grace_out_of_its_limits_is_refused)
{
	static const int64_t bad[] = {-1, 604801, INT32_MAX, INT32_MIN};
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		expect_grpc(grpc_rotate(&w, admin, bad[i], NULL, &g), INVALID_ARGUMENT);
		expect_error(INVALID_ARGUMENT, "invalid_request");
	}
	expect_grpc(grpc_rotate(&w, admin, 604800, NULL, &g), OK);
}

Test(grpc, a_field_that_is_not_known_rotates_nothing)
{
	static struct pb m;
	char text[512];
	pb_put_int(&m, 8, 3600); /* a grace, as another contract may have it */
	expect_grpc(call(&(struct grpc_request){.path = GRPC_ROTATE, .bearer = admin, .message = &m}), INVALID_ARGUMENT);
	expect_error(INVALID_ARGUMENT, "invalid_request");
	cr_expect_not_null(strstr(grpc_field(&g, "grpc-message", text, sizeof text), "field 8 "), "%s", text);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret"), 1);
	expect_grpc(token(NULL), OK);
}

/* ---- who may, and with what ---- */

Test(grpc, a_bearer_is_needed_and_must_be_good)
{
	expect_grpc(grpc_get_id(&w, NULL, NULL, &g), UNAUTHENTICATED);
	expect_error(UNAUTHENTICATED, "missing_token");
	expect_grpc(grpc_token(&w, NULL, acme.client_id, acme.secret, NULL, &g), UNAUTHENTICATED);
	expect_error(UNAUTHENTICATED, "missing_token");
	expect_grpc(grpc_get_id(&w, NULL, "authorization: Basic YTpi\n", &g), UNAUTHENTICATED);
	expect_error(UNAUTHENTICATED, "missing_token");
	expect_grpc(grpc_get_id(&w, "a.b.c", NULL, &g), UNAUTHENTICATED);
	expect_error(UNAUTHENTICATED, "invalid_token");
	admin[strlen(admin) - 20] ^= 1;
	expect_grpc(get_id(NULL), UNAUTHENTICATED);
	expect_error(UNAUTHENTICATED, "invalid_token");
	expect_grpc(grpc_get_id(&w, member, "authorization: Bearer a.b.c\n", &g), INVALID_ARGUMENT);
	expect_error(INVALID_ARGUMENT, "invalid_request");
}

Test(grpc, a_member_reads_the_client_id_and_nothing_else)
{
	expect_grpc(grpc_get_id(&w, member, NULL, &g), OK);
	expect_grpc(grpc_get_secret(&w, member, NULL, &g), PERMISSION_DENIED);
	expect_error(PERMISSION_DENIED, "forbidden");
	expect_grpc(grpc_token(&w, member, acme.client_id, acme.secret, NULL, &g), PERMISSION_DENIED);
	expect_error(PERMISSION_DENIED, "forbidden");
	expect_grpc(grpc_rotate(&w, member, 0, NULL, &g), PERMISSION_DENIED);
	expect_error(PERMISSION_DENIED, "forbidden");
}

struct token_case {
	const char *what, *grant_type, *client_id, *secret, *scope, *audience;
	int status;
	const char *reason;
};

Test(grpc, a_token_request_is_refused_in_the_words_of_oauth)
{
	static struct pb m;
	char wrong[SECRET_MAX];
	wrong_secret(wrong);
	const struct token_case cases[] = {
		{"no grant_type", "", acme.client_id, acme.secret, "", "", INVALID_ARGUMENT, "invalid_request"},
		{"no client_id", "client_credentials", "", acme.secret, "", "", INVALID_ARGUMENT, "invalid_request"},
		{"no client_secret", "client_credentials", acme.client_id, "", "", "", INVALID_ARGUMENT, "invalid_request"},
		{"another grant", "password", acme.client_id, acme.secret, "", "", INVALID_ARGUMENT, "unsupported_grant_type"},
		{"wrong secret", "client_credentials", acme.client_id, wrong, "", "", UNAUTHENTICATED, "invalid_client"},
		{"malformed secret", "client_credentials", acme.client_id, "guess", "", "", UNAUTHENTICATED, "invalid_client"},
		{"nobody", "client_credentials", "m2m_0000000000000000000000", wrong, "", "", UNAUTHENTICATED, "invalid_client"},
		{"scope", "client_credentials", acme.client_id, acme.secret, "api root", "", INVALID_ARGUMENT, "invalid_scope"},
		{"audience", "client_credentials", acme.client_id, acme.secret, "", "elsewhere", INVALID_ARGUMENT, "invalid_target"},
		{"tab in scope", "client_credentials", acme.client_id, acme.secret, "api\t", "", INVALID_ARGUMENT, "invalid_scope"},
		{"all of it", "client_credentials", acme.client_id, acme.secret, "api", "public-api", OK, NULL},
		{"spaces", "client_credentials", acme.client_id, acme.secret, "  api api ", "", OK, NULL},
		{"nothing but spaces", "client_credentials", acme.client_id, acme.secret, "  ", "", OK, NULL},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct token_case *c = &cases[i];
		m.n = 0;
		pb_put_text(&m, 1, c->grant_type);
		pb_put_text(&m, 2, c->client_id);
		pb_put_text(&m, 3, c->secret);
		pb_put_text(&m, 4, c->scope);
		pb_put_text(&m, 5, c->audience);
		int status = call(&(struct grpc_request){.path = GRPC_TOKEN, .bearer = admin, .message = &m});
		cr_assert_eq(status, c->status, "%s: %d\n%s", c->what, status, g.fields);
		if (status != OK)
			expect_error(c->status, c->reason);
		else
			expect_text(4, "api");
	}
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id is not null and scope = 'api'"), 3);
}

Test(grpc, a_disabled_client_gets_nothing)
{
	world_ctl(&w, &ran, "client", "disable", "--org", "acme");
	expect_grpc(token(NULL), UNAUTHENTICATED);
	expect_error(UNAUTHENTICATED, "invalid_client");
	expect_grpc(get_id(NULL), NOT_FOUND);
	expect_error(NOT_FOUND, "client_not_found");
	world_ctl(&w, &ran, "client", "enable", "--org", "acme");
	expect_grpc(token(NULL), OK);
}

/* ---- the record ---- */

#define UUID_1 "6a2f41a3-c54c-4e5b-8f3e-000000000001"
#define UUID_2 "6a2f41a3-c54c-4e5b-8f3e-000000000002"
#define UUID_3 "6a2f41a3-c54c-4e5b-8f3e-000000000003"
#define TRACE  "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

Test(grpc, a_token_stands_in_the_audit_with_where_it_came_from)
{
	char access_token[TOKEN_MAX], jti[64];
	expect_grpc(token("x-request-id: " UUID_1 "\nuser-agent: grpc-test/1.0\ntraceparent: " TRACE "\n"), OK);
	pb_text(message(), 1, access_token, sizeof access_token);
	claim_text(access_token, "jti", jti, sizeof jti);
	cr_assert_str_eq(sql_text(world_db(&w),
				  "select concat_ws(' ', transport, host(remote_addr), user_agent, request_id, traceparent, client_id) "
				  "from m2m.token_audit where jti = '%s'",
				  jti),
			 sql_text(world_db(&w), "select concat_ws(' ', 'g', '127.0.0.1', 'grpc-test/1.0', '" UUID_1 "', '" TRACE "', '%s')",
				  acme.client_id));
	expect_grpc(grpc_get_secret(&w, admin, "x-request-id: " UUID_2 "\nuser-agent: reader/2\n", &g), OK);
	cr_assert_str_eq(sql_text(world_db(&w), "select concat_ws(' ', transport, host(remote_addr), user_agent) from m2m.admin_audit "
						"where request_id = '" UUID_2 "'"),
			 "g 127.0.0.1 reader/2");
}

Test(grpc, a_request_id_is_echoed_or_made)
{
	char id[128], line[128];
	expect_grpc(get_id("x-request-id: trace.42_A-z\n"), OK);
	expect_field("x-request-id", "trace.42_A-z");
	expect_grpc(grpc_get_id(&w, NULL, "x-request-id: refused\n", &g), UNAUTHENTICATED);
	expect_field("x-request-id", "refused");
	snprintf(line, sizeof line, "x-request-id: %065d\n", 7);
	const char *const replaced[] = {NULL, "x-request-id: with space\n", "x-request-id: a/b\n", line};
	for (unsigned i = 0; i < sizeof replaced / sizeof replaced[0]; i++) {
		expect_grpc(get_id(replaced[i]), OK);
		cr_assert_eq(strlen(grpc_field(&g, "x-request-id", id, sizeof id)), 36, "%s", id);
	}
}

Test(grpc, each_call_leaves_one_access_line)
{
	char line[4096];
	expect_grpc(get_id("x-request-id: look-for-me\n"), OK);
	expect_grpc(grpc_get_secret(&w, member, "x-request-id: refused-one\n", &g), PERMISSION_DENIED);
	expect_grpc(call(&(struct grpc_request){.path = "/no.such.Service/Method", .metadata = "x-request-id: nowhere\n"}), UNIMPLEMENTED);
	sleep_ms(100);
	cr_assert_eq(gateway_log_wait(&w.gateway, "look-for-me", 1, line, sizeof line), 1);
	cr_assert_not_null(strstr(line, "\"outcome\":\"granted\""), "%s", line);
	cr_assert_eq(gateway_log_wait(&w.gateway, "refused-one", 1, line, sizeof line), 1);
	cr_assert_not_null(strstr(line, "\"outcome\":\"forbidden\""), "%s", line);
	cr_assert_eq(gateway_log_wait(&w.gateway, "\"nowhere\"", 1, line, sizeof line), 1);
	cr_assert_not_null(strstr(line, "\"outcome\":\"unimplemented\""), "%s", line);
	cr_assert_eq(gateway_log_count(&w.gateway, admin, NULL, 0), 0);
}

/* ---- outages and overload ---- */

Test(grpc, a_stopped_database_is_unavailable_with_a_time_to_try_again)
{
	pg_stop(&w.pg);
	int (*const calls[])(const char *) = {token, get_id};
	for (unsigned i = 0; i < 2; i++) {
		int64_t begin = clock_mono_us();
		expect_grpc(calls[i](NULL), UNAVAILABLE);
		cr_assert_gt(expect_error(UNAVAILABLE, "store_unavailable").retry_seconds, 0, "%s", g.fields);
		cr_assert_lt(clock_mono_us() - begin, 2000000);
	}
	pg_start(&w.pg);
	int64_t begin = clock_mono_us();
	while (token(NULL) != OK) {
		cr_assert_lt(clock_mono_us() - begin, 10000000, "no token within 10 s:\n%s", g.fields);
		sleep_ms(50);
	}
}

TestSuite(grpc_settings, .init = prepare, .fini = close_world, .timeout = 120);

/* Only the one with an id of its own has a line of its own. */
static void expect_four_refusals_and_a_line_for_one(void)
{
	static struct http_reply metrics;
	cr_assert_eq(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &metrics), 200);
	cr_assert_not_null(
		strstr(metrics.body, "m2m_requests_total{operation=\"issue_token\",transport=\"grpc\",outcome=\"overloaded\"} 4\n"), "%s",
		metrics.body);
	cr_assert_eq(gateway_log_wait(&w.gateway, "\"event\":\"overloaded\"", 1, NULL, 0), 1, "see %s", w.gateway.log);
	cr_assert_eq(gateway_log_wait(&w.gateway, "\"outcome\":\"overloaded\"", 1, NULL, 0), 1, "see %s", w.gateway.log);
}

/* Two calls: the database has one and doesn't answer, the other one is all that may wait. */
struct full_queue {
	struct h2 c;
	struct grpc_reply under_way, waiting;
};

static void fill_queue(struct full_queue *full)
{
	env_set(&w.gateway_env, "M2M_QUEUE_MAX=1");
	start();
	expect_grpc(token(NULL), OK);
	cr_assert(h2_open(&full->c, w.gateway.grpc));
	pg_pause(&w.pg);
	struct grpc_request q = token_request(NULL);
	cr_assert(grpc_start(&full->c, &q, &full->under_way));
	sleep_ms(200);
	cr_assert(grpc_start(&full->c, &q, &full->waiting));
	sleep_ms(100);
}

static void empty_queue(struct full_queue *full)
{
	pg_resume(&w.pg);
	cr_assert(grpc_wait(&full->c, &full->under_way, 5000) && grpc_wait(&full->c, &full->waiting, 5000));
	cr_assert_eq(full->under_way.status, OK, "%s", full->under_way.fields);
	cr_assert_eq(full->waiting.status, OK, "%s", full->waiting.fields);
	h2_close(&full->c);
}

Test(grpc_settings, a_full_queue_is_resource_exhausted_with_a_time_to_try_again)
{
	static struct full_queue full;
	fill_queue(&full);
	for (int i = 0; i < 3; i++) {
		expect_grpc(token(NULL), RESOURCE_EXHAUSTED);
		cr_assert_eq(expect_error(RESOURCE_EXHAUSTED, "overloaded").retry_seconds, 1, "%s", g.fields);
	}
	expect_grpc(token("x-request-id: nightly-7\n"), RESOURCE_EXHAUSTED);
	expect_error(RESOURCE_EXHAUSTED, "overloaded");
	expect_field("x-request-id", "nightly-7");
	empty_queue(&full);
	expect_four_refusals_and_a_line_for_one();
}

/* Those that came with the one that is refused first are refused with it, so what is behind them
 * waits once, and not behind each. */
Test(grpc_settings, a_connection_that_is_refused_for_want_of_room_is_not_read_for_a_moment)
{
	enum { REFUSED = 40 };
	static struct full_queue full;
	static struct h2 refused;
	static struct grpc_reply reply, all[REFUSED];
	fill_queue(&full);
	struct grpc_request q = token_request(NULL);
	cr_assert(h2_open(&refused, w.gateway.grpc));
	struct grpc_request health = {.path = "/grpc.health.v1.Health/Check"};
	expect_grpc(grpc_call_on(&refused, &health, &reply), OK);
	int64_t begin_us = clock_mono_us();
	expect_grpc(grpc_call_on(&refused, &q, &reply), RESOURCE_EXHAUSTED);
	expect_grpc(grpc_call_on(&refused, &health, &reply), OK);
	cr_assert_geq(clock_mono_us() - begin_us, 75000);
	begin_us = clock_mono_us();
	for (unsigned i = 0; i < REFUSED; i++)
		cr_assert(grpc_start(&refused, &q, &all[i]));
	expect_grpc(grpc_call_on(&refused, &health, &reply), OK);
	cr_assert_lt(clock_mono_us() - begin_us, REFUSED * 75000 / 2);
	for (unsigned i = 0; i < REFUSED; i++) {
		cr_assert(grpc_wait(&refused, &all[i], 5000));
		cr_assert_eq(all[i].status, RESOURCE_EXHAUSTED, "%s", all[i].fields);
	}
	empty_queue(&full);
	expect_grpc(grpc_call_on(&refused, &q, &reply), OK);
	h2_close(&refused);
}

/* More than 20 KiB of them, as of a client that has many calls on a connection. */
Test(grpc, the_calls_that_lie_in_the_socket_go_into_one_batch)
{
	enum { CALLS = 10, PADDING = 2000 };
	static struct h2 c;
	static struct grpc_reply calls[CALLS];
	static char padding[PADDING + 32];
	snprintf(padding, sizeof padding, "padding: %0*d\n", PADDING, 0);
	expect_grpc(token(NULL), OK);
	cr_assert(h2_open(&c, w.gateway.grpc));
	struct grpc_request q = token_request(padding);
	cr_assert_eq(grpc_call_on(&c, &q, &calls[0]), OK);
	kill(w.gateway.pid, SIGSTOP);
	cr_assert_eq(waitpid(w.gateway.pid, NULL, WUNTRACED), w.gateway.pid);
	for (unsigned i = 0; i < CALLS; i++)
		cr_assert(grpc_start(&c, &q, &calls[i]));
	kill(w.gateway.pid, SIGCONT);
	for (unsigned i = 0; i < CALLS; i++) {
		cr_assert(grpc_wait(&c, &calls[i], 5000));
		cr_assert_eq(calls[i].status, OK, "%s", calls[i].fields);
	}
	h2_close(&c);
	cr_assert_eq(sql_int(world_db(&w),
			     "select count(*) from (select from m2m.token_audit where client_id is not null group by batch_id having "
			     "count(*) = %d) b",
			     CALLS),
		     1);
}

/* Which each have an audit writer of their own. By the kernel's choice alone, eight connections
 * would be spread so in a quarter of all cases. */
Test(grpc_settings, connections_are_spread_evenly_over_the_workers)
{
	enum { CONNECTIONS = 8, WORKERS = 4 };
	static struct h2 c[CONNECTIONS];
	static struct grpc_reply reply;
	env_set(&w.gateway_env, "M2M_WORKERS=%d", WORKERS);
	start();
	for (unsigned i = 0; i < CONNECTIONS; i++) {
		struct grpc_request q = token_request(NULL);
		cr_assert(h2_open(&c[i], w.gateway.grpc));
		expect_grpc(grpc_call_on(&c[i], &q, &reply), OK);
	}
	cr_assert_eq(sql_int(world_db(&w),
			     "select count(*) from (select from m2m.token_audit t join m2m.audit_seal s on s.batch_id = t.batch_id "
			     "where t.client_id is not null group by s.writer having count(*) = %d) b",
			     CONNECTIONS / WORKERS),
		     WORKERS);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		h2_close(&c[i]);
	expect_grpc(token(NULL), OK);
}

Test(grpc, rest_and_grpc_share_batches)
{
	enum { EACH = 4 };
	static struct h2 c;
	static struct http_conn rest[EACH];
	static struct grpc_reply first, calls[EACH];
	char form[256], text[1024];
	expect_grpc(token(NULL), OK);
	struct grpc_request q = token_request(NULL);
	int n = snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	snprintf(
		text, sizeof text,
		"POST /oauth2/token HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		n, form);

	/* The first one's statement holds the connection up, the others gather behind it. */
	cr_assert(h2_open(&c, w.gateway.grpc));
	pg_pause(&w.pg);
	cr_assert(grpc_start(&c, &q, &first));
	sleep_ms(200);
	for (unsigned i = 0; i < EACH; i++) {
		cr_assert(http_open(&rest[i], w.gateway.http) && http_send_text(&rest[i], text));
		cr_assert(grpc_start(&c, &q, &calls[i]));
	}
	sleep_ms(300);
	pg_resume(&w.pg);
	for (unsigned i = 0; i < EACH; i++) {
		expect_status(http_read(&rest[i], &r, HTTP_TIMEOUT_MS, false), 200);
		http_close(&rest[i]);
		cr_assert(grpc_wait(&c, &calls[i], 5000));
		cr_assert_eq(calls[i].status, OK, "%s", calls[i].fields);
	}
	cr_assert(grpc_wait(&c, &first, 5000));
	h2_close(&c);
	cr_assert_eq(sql_int(world_db(&w),
			     "select count(*) from (select from m2m.token_audit where client_id is not null group by batch_id "
			     "having count(*) filter (where transport = 'r') = %d and count(*) filter (where transport = 'g') = %d) b",
			     EACH, EACH),
		     1);
}

/* ---- deadlines and cancellation ---- */

Test(grpc, a_deadline_is_kept_while_the_database_is_silent)
{
	static struct h2 c;
	static struct grpc_reply under_way, queued;
	expect_grpc(token(NULL), OK);
	cr_assert(h2_open(&c, w.gateway.grpc));
	pg_pause(&w.pg);
	struct grpc_request q = token_request("grpc-timeout: 800m\nx-request-id: " UUID_1 "\n");
	int64_t begin = clock_mono_us();
	cr_assert(grpc_start(&c, &q, &under_way));
	sleep_ms(200);
	q.metadata = "grpc-timeout: 600000u\nx-request-id: " UUID_2 "\n";
	cr_assert(grpc_start(&c, &q, &queued));
	cr_assert(grpc_wait(&c, &under_way, 5000) && grpc_wait(&c, &queued, 5000));
	int64_t took = (clock_mono_us() - begin) / 1000;
	pg_resume(&w.pg);
	cr_assert(took >= 780 && took < 1800, "%lld ms", (long long)took);
	g = under_way;
	expect_error(DEADLINE_EXCEEDED, "deadline_exceeded");
	g = queued;
	expect_error(DEADLINE_EXCEEDED, "deadline_exceeded");

	expect_grpc(token("x-request-id: " UUID_3 "\n"), OK);
	cr_assert_eq(rows_of(UUID_3), 1);
	cr_assert_eq(rows_of(UUID_2), 0, "what was queued is withdrawn");
	cr_assert_leq(rows_of(UUID_1), 1);
	expect_grpc(grpc_call_on(&c, &q, &g), OK); /* the connection goes on */
	h2_close(&c);
}

Test(grpc, a_deadline_that_has_passed_is_answered_at_once)
{
	int64_t begin = clock_mono_us();
	expect_grpc(token("grpc-timeout: 0m\nx-request-id: " UUID_1 "\n"), DEADLINE_EXCEEDED);
	expect_error(DEADLINE_EXCEEDED, "deadline_exceeded");
	cr_assert_lt(clock_mono_us() - begin, 1000000);
	expect_grpc(token(NULL), OK);
	cr_assert_eq(rows_of(UUID_1), 0);
}

Test(grpc, a_watch_ends_at_its_deadline)
{
	expect_grpc(call(&(struct grpc_request){.path = WATCH, .metadata = "grpc-timeout: 300m\n"}), DEADLINE_EXCEEDED);
	cr_assert_eq(g.messages, 1);
}

Test(grpc, a_malformed_timeout_is_refused)
{
	static const char *const bad[] = {"5", "S", "", "5x", "123456789S", "-1S", "+1S", "1.5S", "1S x", "1SS"};
	for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		char line[64];
		snprintf(line, sizeof line, "grpc-timeout: %s\n", bad[i]);
		int status = get_id(line);
		cr_assert_eq(status, INVALID_ARGUMENT, "%s: %d", line, status);
		expect_error(INVALID_ARGUMENT, "invalid_request");
	}
	static const char *const good[] = {"1H", "99999999H", "60M", "20S", "99999999m", "99999999u"};
	for (unsigned i = 0; i < sizeof good / sizeof good[0]; i++) {
		char line[64];
		snprintf(line, sizeof line, "grpc-timeout: %s\n", good[i]);
		expect_grpc(get_id(line), OK);
	}
}

static void cancel(struct h2 *c, uint32_t stream)
{
	static struct h2_out out;
	out.n = 0;
	h2_put_number(&out, NGHTTP2_RST_STREAM, stream, NGHTTP2_CANCEL);
	cr_assert(h2_send(c, &out));
}

Test(grpc, a_cancelled_call_is_withdrawn_if_it_still_waits)
{
	static struct h2 c;
	static struct grpc_reply under_way, queued;
	char line[4096];
	expect_grpc(token(NULL), OK);
	cr_assert(h2_open(&c, w.gateway.grpc));
	pg_pause(&w.pg);
	struct grpc_request q = token_request("x-request-id: " UUID_1 "\n");
	cr_assert(grpc_start(&c, &q, &under_way));
	sleep_ms(200);
	q.metadata = "x-request-id: " UUID_2 "\n";
	cr_assert(grpc_start(&c, &q, &queued));
	sleep_ms(100);
	cancel(&c, under_way.stream);
	cancel(&c, queued.stream);
	sleep_ms(100);
	pg_resume(&w.pg);
	q.metadata = "x-request-id: " UUID_3 "\n";
	expect_grpc(grpc_call_on(&c, &q, &g), OK);
	cr_assert_eq(under_way.messages + queued.messages, 0);
	cr_assert_eq(rows_of(UUID_2), 0);
	cr_assert_eq(rows_of(UUID_1), 1, "what the store has begun completes");
	cr_assert_eq(gateway_log_wait(&w.gateway, UUID_2, 1, line, sizeof line), 1);
	cr_assert_not_null(strstr(line, "\"outcome\":\"cancelled\""), "%s", line);
	h2_close(&c);
}

Test(grpc, a_client_that_is_killed_leaves_a_living_gateway)
{
	static struct h2 c;
	static struct grpc_reply calls[4];
	expect_grpc(token(NULL), OK);
	cr_assert(h2_open(&c, w.gateway.grpc));
	pg_pause(&w.pg);
	struct grpc_request q = token_request("x-request-id: " UUID_1 "\n");
	for (unsigned i = 0; i < 4; i++) {
		cr_assert(grpc_start(&c, &q, &calls[i]));
		sleep_ms(50);
	}
	h2_abort(&c);
	sleep_ms(100);
	pg_resume(&w.pg);
	expect_grpc(token(NULL), OK);
	cr_assert_eq(rows_of(UUID_1), 1, "the one that was under way");
}

/* ---- requests that are none ---- */

Test(grpc, unknown_methods_are_unimplemented)
{
	static const char *const paths[] = {"/m2m.v1.M2MClients/Nothing",
					    "/m2m.v1.M2MClients/getClientId",
					    "/m2m.v1.M2MClients/GetClientId/",
					    "/m2m.v1.M2MClients/",
					    "/no.such.Service/GetClientId",
					    "/GetClientId",
					    "/",
					    "/m2m/client-id",
					    "/m2m.v1.M2MClients/GetClientId?x"};
	for (unsigned i = 0; i < sizeof paths / sizeof paths[0]; i++) {
		int status = call(&(struct grpc_request){.path = paths[i], .bearer = admin});
		cr_assert_eq(status, UNIMPLEMENTED, "%s: %d", paths[i], status);
		expect_error(UNIMPLEMENTED, "unimplemented");
	}
}

Test(grpc, what_is_not_grpc_gets_an_http_status)
{
	struct grpc_request q = {.path = GRPC_GET_ID, .bearer = admin, .http_method = "GET", .no_message = true};
	call(&q);
	cr_assert_eq(g.http, 405, "%d %lld", g.http, (long long)g.reset);
	q = (struct grpc_request){.path = GRPC_GET_ID, .bearer = admin, .content_type = "application/json"};
	call(&q);
	cr_assert_eq(g.http, 415, "%d %lld", g.http, (long long)g.reset);
	q.content_type = "application/grpc-web";
	call(&q);
	cr_assert_eq(g.http, 415);
	q.content_type = "application/grpc+json";
	call(&q);
	cr_assert_eq(g.http, 415);
	q.content_type = "application/grpc+proto";
	expect_grpc(call(&q), OK);
	q.content_type = "application/grpc; charset=utf-8";
	expect_grpc(call(&q), OK);
}

/* A call whose DATA is exactly these bytes. */
static int call_with(const char *path, const char *metadata, const void *data, size_t n)
{
	static struct h2 c;
	struct grpc_request q = {.path = path, .bearer = admin, .metadata = metadata, .no_message = true, .no_end = true};
	cr_assert(h2_open(&c, w.gateway.grpc));
	cr_assert(grpc_start(&c, &q, &g));
	size_t at = 0;
	do {
		size_t piece = n - at < H2_FRAME_MAX ? n - at : H2_FRAME_MAX;
		bool last = at + piece == n;
		h2_send_frame(&c, NGHTTP2_DATA, last ? NGHTTP2_FLAG_END_STREAM : 0, g.stream, (const char *)data + at, piece);
		at += piece;
	} while (at < n);
	grpc_wait(&c, &g, 10000);
	h2_close(&c);
	return g.status;
}

Test(grpc, a_unary_call_takes_exactly_one_message)
{
	static const char two[10];
	expect_grpc(call_with(GRPC_GET_ID, NULL, two, 10), UNIMPLEMENTED);
	expect_error(UNIMPLEMENTED, "unimplemented");
	expect_grpc(call_with(GRPC_GET_ID, NULL, two, 0), UNIMPLEMENTED);
	expect_error(UNIMPLEMENTED, "unimplemented");
	expect_grpc(call(&(struct grpc_request){.path = GRPC_GET_ID, .bearer = admin, .no_message = true}), UNIMPLEMENTED);
	expect_error(UNIMPLEMENTED, "unimplemented");
	expect_grpc(call_with(GRPC_GET_ID, NULL, two, 5), OK);
}

Test(grpc, a_message_that_is_cut_off_or_unreadable_is_malformed)
{
	static const struct {
		const char *what, *data;
		size_t n;
	} cases[] = {
		{"part of a prefix", "\0\0\0", 3},
		{"a prefix alone", "\0\0\0\0\x9", 5},
		{"less than the prefix says", "\0\0\0\0\x9\x0a\x02hi", 9},
		{"a flag of 2", "\2\0\0\0\0", 5},
		{"compressed without an encoding", "\1\0\0\0\0", 5},
		{"a field that ends beyond the message", "\0\0\0\0\x4\x0a\x20hi", 9},
		{"an unfinished varint", "\0\0\0\0\x2\x0a\xff", 7},
		{"field number 0", "\0\0\0\0\x2\x02\x00", 7},
		{"text that isn't UTF-8", "\0\0\0\0\x4\x0a\x02\xff\xfe", 9},
	};
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int status = call_with(GRPC_TOKEN, NULL, cases[i].data, cases[i].n);
		cr_assert_eq(status, INTERNAL, "%s: %d\n%s", cases[i].what, status, g.fields);
		expect_error(INTERNAL, "malformed_message");
	}
}

static const struct pb *message_of(size_t n)
{
	static char text[20000];
	static struct pb m;
	m.n = 0;
	memset(text, 'a', sizeof text);
	text[n - 3] = '\0'; /* tag and length take three bytes */
	pb_put_text(&m, 4, text);
	cr_assert_eq(m.n, n);
	return &m;
}

Test(grpc, a_message_may_have_16_kib_and_no_byte_more)
{
	struct grpc_request q = {.path = GRPC_TOKEN, .bearer = admin, .message = message_of(16 * 1024)};
	expect_grpc(call(&q), INVALID_ARGUMENT);
	expect_error(INVALID_ARGUMENT, "invalid_request");
	q.message = message_of(16 * 1024 + 1);
	expect_grpc(call(&q), RESOURCE_EXHAUSTED);
	expect_error(RESOURCE_EXHAUSTED, "body_too_large");
}

/* ---- compression ---- */

static void gzip(const void *in, size_t in_n, struct pb *out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in, .avail_in = (uInt)in_n, .next_out = out->p, .avail_out = sizeof out->p};
	cr_assert_eq(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
	cr_assert_eq(deflate(&z, Z_FINISH), Z_STREAM_END);
	out->n = z.total_out;
	deflateEnd(&z);
}

static size_t gunzip(struct str in, char *out, size_t cap)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)in.p, .avail_in = (uInt)in.n, .next_out = (Bytef *)out, .avail_out = (uInt)cap};
	cr_assert_eq(inflateInit2(&z, 15 + 16), Z_OK);
	int end = inflate(&z, Z_FINISH);
	size_t n = z.total_out;
	inflateEnd(&z);
	cr_assert_eq(end, Z_STREAM_END, "%d", end);
	return n;
}

Test(grpc, a_gzip_request_is_answered_in_gzip)
{
	static struct pb packed;
	char plain[8192], access_token[TOKEN_MAX];
	bool compressed = false;
	const struct pb *m = token_message(acme.client_id, acme.secret);
	gzip(m->p, m->n, &packed);
	struct grpc_request q = {.path = GRPC_TOKEN,
				 .bearer = admin,
				 .message = &packed,
				 .compressed = true,
				 .metadata = "grpc-encoding: gzip\ngrpc-accept-encoding: identity, gzip\n"};
	expect_grpc(call(&q), OK);
	expect_field("grpc-encoding", "gzip");
	struct str reply = grpc_message(&g, 0, &compressed);
	cr_assert(compressed);
	struct str text = str_from(plain, gunzip(reply, plain, sizeof plain));
	pb_text(text, 1, access_token, sizeof access_token);
	expect_status(get(&w, "/m2m/client-id", access_token, &r), 200);

	/* A client that doesn't say that it reads gzip is answered plainly, and an uncompressed
	 * message may come under any encoding. */
	q.metadata = "grpc-encoding: gzip\n";
	expect_grpc(call(&q), OK);
	grpc_message(&g, 0, &compressed);
	cr_assert_not(compressed);
	q.message = token_message(acme.client_id, acme.secret);
	q.compressed = false;
	expect_grpc(call(&q), OK);
}

Test(grpc, bad_compression_is_refused)
{
	static struct pb packed;
	static char zeros[1024 * 1024];
	expect_grpc(get_id("grpc-encoding: br\n"), UNIMPLEMENTED);
	expect_error(UNIMPLEMENTED, "unimplemented");
	char accepted[64];
	cr_assert_not_null(strstr(grpc_field(&g, "grpc-accept-encoding", accepted, sizeof accepted), "gzip"), "%s", accepted);

	struct grpc_request q = {
		.path = GRPC_TOKEN, .bearer = admin, .message = &packed, .compressed = true, .metadata = "grpc-encoding: gzip\n"};
	gzip(zeros, sizeof zeros, &packed);
	expect_grpc(call(&q), RESOURCE_EXHAUSTED);
	expect_error(RESOURCE_EXHAUSTED, "body_too_large");
	gzip("hello", 5, &packed);
	packed.n -= 3;
	expect_grpc(call(&q), INTERNAL);
	expect_error(INTERNAL, "malformed_message");
	packed.n = 0;
	expect_grpc(call(&q), INTERNAL);
	expect_error(INTERNAL, "malformed_message");
}

/* ---- framing ---- */

#define SETTINGS_FRAME "\0\0\0\x4\0\0\0\0\0"

static struct h2_out out;

Test(grpc, a_call_may_come_byte_by_byte)
{
	static struct h2 c;
	struct grpc_request q = token_request(NULL);
	cr_assert(h2_connect(&c, w.gateway.grpc, 0));
	out.n = 0;
	h2_put(&out, H2_PREFACE SETTINGS_FRAME, sizeof H2_PREFACE SETTINGS_FRAME - 1);
	grpc_follow(&c, &g);
	grpc_put(&out, g.stream, &q);
	for (size_t i = 0; i < out.n; i++) {
		cr_assert(h2_send_bytes(&c, out.p + i, 1));
		sleep_ms(1);
	}
	cr_assert(grpc_wait(&c, &g, 5000));
	expect_grpc(g.status, OK);
	h2_close(&c);
}

/* RFC 7541 section 4.2: the next header block begins with the table's new size, also where that
 * block is the trailers of an answer that is half sent. */
Test(grpc, a_client_may_change_its_table_amid_an_answer)
{
	static struct h2 c;
	static const char window_of_100[] = "\0\4\0\0\0\x64", table_of_0[] = "\0\1\0\0\0\0";
	struct grpc_request q = token_request(NULL);
	struct h2_frame f;
	cr_assert(h2_connect(&c, w.gateway.grpc, 0));
	out.n = 0;
	h2_put(&out, H2_PREFACE, sizeof H2_PREFACE - 1);
	h2_put_frame(&out, NGHTTP2_SETTINGS, 0, 0, window_of_100, sizeof window_of_100 - 1);
	cr_assert(h2_send(&c, &out));
	cr_assert(grpc_start(&c, &q, &g));
	cr_assert(h2_wait_frame(&c, NGHTTP2_DATA, &f, 5000));
	cr_assert_eq(f.payload.n, 100);
	cr_assert(h2_send_frame(&c, NGHTTP2_SETTINGS, 0, 0, table_of_0, sizeof table_of_0 - 1));
	cr_assert_eq(nghttp2_hd_inflate_change_table_size(c.inflater, 0), 0);
	out.n = 0;
	h2_put_number(&out, NGHTTP2_WINDOW_UPDATE, g.stream, 10000);
	cr_assert(h2_send(&c, &out));
	cr_assert(grpc_wait(&c, &g, 5000));
	expect_grpc(g.status, OK);
	cr_assert_eq(g.blocks, 2);
	h2_close(&c);
}

Test(grpc, several_calls_may_come_in_one_write)
{
	enum { CALLS = 20 };
	static struct h2 c;
	static struct grpc_reply calls[CALLS];
	struct grpc_request q = token_request(NULL);
	cr_assert(h2_connect(&c, w.gateway.grpc, 0));
	out.n = 0;
	h2_put(&out, H2_PREFACE SETTINGS_FRAME, sizeof H2_PREFACE SETTINGS_FRAME - 1);
	for (unsigned i = 0; i < CALLS; i++) {
		grpc_follow(&c, &calls[i]);
		grpc_put(&out, calls[i].stream, &q);
	}
	cr_assert(h2_send(&c, &out));
	for (unsigned i = 0; i < CALLS; i++) {
		cr_assert(grpc_wait(&c, &calls[i], 5000));
		cr_assert_eq(calls[i].status, OK, "%u: %s", i, calls[i].fields);
	}
	h2_close(&c);
}

/* A request's header block, as grpc_put makes it, without its frame. */
static void block_of(const struct grpc_request *q, struct h2_out *block)
{
	struct grpc_request headers = *q;
	headers.no_message = true;
	block->n = 0;
	grpc_put(block, 1, &headers);
	memmove(block->p, block->p + 9, block->n -= 9);
}

Test(grpc, frames_may_be_padded_split_and_prioritized)
{
	static struct h2 c;
	static struct h2_out block, data;
	struct grpc_request q = token_request(NULL);
	block_of(&q, &block);
	cr_assert(h2_open(&c, w.gateway.grpc));
	grpc_follow(&c, &g);
	out.n = data.n = 0;

	/* PRIORITY, then HEADERS with padding and priority, its block going on in CONTINUATIONs. */
	static const char priority[5] = {0, 0, 0, 0, 15}, padding[200];
	h2_put_frame(&out, NGHTTP2_PRIORITY, 0, g.stream, priority, 5);
	size_t third = block.n / 3;
	h2_put_head(&out, NGHTTP2_HEADERS, NGHTTP2_FLAG_PADDED | NGHTTP2_FLAG_PRIORITY, g.stream, 1 + 5 + third + 7);
	h2_put(&out, "\x7", 1);
	h2_put(&out, priority, 5);
	h2_put(&out, block.p, third);
	h2_put(&out, padding, 7);
	h2_put_frame(&out, NGHTTP2_CONTINUATION, 0, g.stream, block.p + third, third);
	h2_put_frame(&out, NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, g.stream, block.p + 2 * third, block.n - 2 * third);

	/* The message a byte to a frame, some of them padded, an empty one at the end. */
	h2_put(&data, (const uint8_t[]){0, 0, 0, 0, (uint8_t)q.message->n}, 5);
	cr_assert_lt(q.message->n, 256);
	h2_put(&data, q.message->p, q.message->n);
	for (size_t i = 0; i < data.n; i++) {
		bool padded = i % 3 == 0;
		h2_put_head(&out, NGHTTP2_DATA, padded ? NGHTTP2_FLAG_PADDED : 0, g.stream, padded ? 2 + sizeof padding : 1);
		if (padded)
			h2_put(&out, &(uint8_t){sizeof padding}, 1);
		h2_put(&out, data.p + i, 1);
		if (padded)
			h2_put(&out, padding, sizeof padding);
	}
	h2_put_frame(&out, NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, g.stream, NULL, 0);
	cr_assert(h2_send(&c, &out));
	cr_assert(grpc_wait(&c, &g, 5000));
	expect_grpc(g.status, OK);
	h2_close(&c);
}

#define MANY 1100
static struct grpc_reply many[MANY];

Test(grpc, a_thousand_streams_at_once_are_all_answered)
{
	static struct h2 c[4];
	struct grpc_request secret = {.path = GRPC_TOKEN, .bearer = admin, .message = token_message(acme.client_id, acme.secret)};
	struct grpc_request id = {.path = GRPC_GET_ID, .bearer = admin};
	for (unsigned i = 0; i < 4; i++)
		cr_assert(h2_open(&c[i], w.gateway.grpc));
	for (unsigned i = 0; i < 1000; i++)
		cr_assert(grpc_start(&c[i % 4], i % 8 < 4 ? &secret : &id, &many[i]));
	for (unsigned i = 0; i < 1000; i++) {
		cr_assert(grpc_wait(&c[i % 4], &many[i], 20000), "%u", i);
		cr_assert_eq(many[i].status, OK, "%u: %d\n%s", i, many[i].status, many[i].fields);
	}
	for (unsigned i = 0; i < 4; i++)
		h2_close(&c[i]);
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where transport = 'g'"), 500);
}

Test(grpc, a_client_that_minds_the_limit_of_256_streams_loses_no_call)
{
	static struct h2 c;
	struct grpc_request q = token_request(NULL);
	struct h2_frame f;
	cr_assert(h2_open(&c, w.gateway.grpc));
	cr_assert(h2_wait_frame(&c, NGHTTP2_SETTINGS, &f, 5000));
	cr_assert_eq(c.max_streams, 256, "%u", c.max_streams);

	pg_pause(&w.pg); /* until all streams are taken */
	for (unsigned i = 0; i < c.max_streams; i++)
		cr_assert(grpc_start(&c, &q, &many[i]));
	sleep_ms(500);
	pg_resume(&w.pg);
	for (unsigned i = 0; i < MANY; i++) {
		cr_assert(grpc_wait(&c, &many[i], 20000), "%u", i);
		cr_assert_eq(many[i].status, OK, "%u: %d reset %lld\n%s", i, many[i].status, (long long)many[i].reset, many[i].fields);
		if (i + c.max_streams < MANY)
			cr_assert(grpc_start(&c, &q, &many[i + c.max_streams]));
	}
	h2_close(&c);
}

/* ---- ends ---- */

/* As behind a proxy, which has many clients' calls on one connection: some of them hold more than
 * half of its window, each with a message that lacks its last bytes. */
Test(grpc, calls_that_do_not_end_leave_the_window_to_others)
{
	static uint8_t piece[H2_FRAME_MAX] = {0, 0, 0, 0x40, 0}; /* of a message as long as the frame */
	const struct grpc_request begun = {.path = "/m2m.v1.M2MClients/GetClientId", .bearer = admin, .no_message = true, .no_end = true};
	const struct grpc_request whole = {.path = begun.path, .bearer = admin};
	struct h2 c;
	struct h2_frame f;
	int64_t given_back = 0;
	int64_t since_us = clock_mono_us();
	cr_assert(h2_open(&c, w.gateway.grpc));
	cr_assert_eq(grpc_call_on(&c, &whole, &g), OK); /* the window has its size then */
	for (unsigned i = 0; i < 40; i++, c.stream += 2) {
		out.n = 0;
		grpc_put(&out, c.stream, &begun);
		h2_put_frame(&out, NGHTTP2_DATA, 0, c.stream, piece, sizeof piece);
		cr_assert(h2_send(&c, &out));
	}
	while (given_back < 1024 * 1024 / 2) {
		cr_assert(h2_wait_frame(&c, NGHTTP2_WINDOW_UPDATE, &f, 15000), "%lld bytes", (long long)given_back);
		given_back += f.stream == 0 ? (uint8_t)f.payload.p[1] << 16 | (uint8_t)f.payload.p[2] << 8 | (uint8_t)f.payload.p[3] : 0;
	}
	cr_assert_lt(clock_mono_us() - since_us, 9000000, "only when the calls were given up");
	cr_assert_eq(grpc_call_on(&c, &whole, &g), OK);
	h2_close(&c);
}

Test(grpc, sigterm_says_goodbye_and_answers_what_is_in_flight)
{
	static struct h2 c, idle;
	static struct grpc_reply in_flight, watch;
	expect_grpc(token(NULL), OK);
	cr_assert(h2_open(&c, w.gateway.grpc) && h2_open(&idle, w.gateway.grpc));
	cr_assert(grpc_start(&c, &(struct grpc_request){.path = WATCH}, &watch));
	cr_assert(grpc_wait_messages(&c, &watch, 1, 5000));
	pg_pause(&w.pg);
	struct grpc_request q = token_request(NULL);
	cr_assert(grpc_start(&c, &q, &in_flight));
	sleep_ms(300);
	cr_assert_eq(kill(w.gateway.pid, SIGTERM), 0);

	/* First the notice, with no stream excluded; then, as our PING answer tells that it was
	 * seen, the last stream that counts. */
	struct h2_frame f;
	cr_assert(h2_wait_frame(&c, NGHTTP2_GOAWAY, &f, 3000));
	cr_assert_eq(c.goaway_error, NGHTTP2_NO_ERROR);
	cr_assert_eq(c.goaway_last, 0x7fffffff, "%u", c.goaway_last);
	cr_assert(h2_wait_frame(&c, NGHTTP2_GOAWAY, &f, 3000));
	cr_assert_eq(c.goaway_error, NGHTTP2_NO_ERROR);
	cr_assert_eq(c.goaway_last, in_flight.stream, "%u", c.goaway_last);
	cr_assert(grpc_wait(&c, &watch, 3000));
	cr_assert_eq(watch.status, UNAVAILABLE);
	cr_assert(h2_wait_closed(&idle, 3000));
	cr_assert(idle.goaway);
	cr_assert_eq(idle.goaway_error, NGHTTP2_NO_ERROR);

	pg_resume(&w.pg);
	cr_assert(grpc_wait(&c, &in_flight, 5000));
	cr_assert_eq(in_flight.status, OK, "%d\n%s", in_flight.status, in_flight.fields);
	cr_assert(h2_wait_closed(&c, 3000));
	int status = proc_wait(w.gateway.pid, 10000);
	cr_assert_neq(status, PROC_RUNNING);
	w.gateway.pid = 0;
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
	require_no_sanitizer_report(w.gateway.log);
	h2_close(&c);
	h2_close(&idle);
}

static int64_t health_of(const char *service)
{
	static struct pb m;
	m.n = 0;
	pb_put_text(&m, 1, service);
	return call(&(struct grpc_request){.path = CHECK, .message = &m}) == OK ? pb_int(message(), 1) : -g.status;
}

Test(grpc, health_follows_readiness)
{
	static struct h2 c;
	static struct grpc_reply watch, unknown;
	static struct pb m;
	cr_assert_eq(health_of(""), SERVING);
	cr_assert_eq(health_of("m2m.v1.M2MClients"), SERVING);
	cr_assert_eq(health_of("no.such.Service"), -NOT_FOUND);

	cr_assert(h2_open(&c, w.gateway.grpc));
	cr_assert(grpc_start(&c, &(struct grpc_request){.path = WATCH}, &watch));
	pb_put_text(&m, 1, "no.such.Service");
	cr_assert(grpc_start(&c, &(struct grpc_request){.path = WATCH, .message = &m}, &unknown));
	cr_assert(grpc_wait_messages(&c, &watch, 1, 5000) && grpc_wait_messages(&c, &unknown, 1, 5000));
	cr_assert_eq(pb_int(grpc_message(&watch, 0, NULL), 1), SERVING);
	cr_assert_eq(pb_int(grpc_message(&unknown, 0, NULL), 1), SERVICE_UNKNOWN);

	pg_stop(&w.pg);
	cr_assert(grpc_wait_messages(&c, &watch, 2, 8000));
	cr_assert_eq(pb_int(grpc_message(&watch, 1, NULL), 1), NOT_SERVING);
	cr_assert_eq(health_of(""), NOT_SERVING);
	pg_start(&w.pg);
	cr_assert(grpc_wait_messages(&c, &watch, 3, 10000));
	cr_assert_eq(pb_int(grpc_message(&watch, 2, NULL), 1), SERVING);
	cr_assert_eq(health_of("m2m.v1.M2MClients"), SERVING);
	cr_assert_not(watch.done || unknown.done);
	h2_close(&c);
}
