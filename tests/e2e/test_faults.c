/* PostgreSQL goes away, falls silent, turns read-only, comes back; the gateway is told to end; a
 * start can't succeed. Answers stay bounded and nothing needs a restart. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/base64.h"
#include "harness/expect.h"
#include "harness/load.h"
#include "harness/proc.h"
#include "harness/world.h"

STOPPED_CLUSTER;

#define TIMEOUT_MS 1000

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;

static void prepare(void)
{
	world_prepare(&w, true);
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=%d", TIMEOUT_MS);
}

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(admin));

static void open_world(void)
{
	world_prepare_filled(&w, true);
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=%d", TIMEOUT_MS);
	gateway_start(&w.gateway, &w.gateway_env);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(faults, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- the database ---- */

static void expect_bounded_503(const char *what, int status, int64_t begin)
{
	char retry[32], error[64];
	int64_t took = (clock_mono_us() - begin) / 1000;
	cr_assert_eq(status, 503, "%s answered %d: %s%s", what, status, r.head, r.body);
	cr_assert_leq(took, TIMEOUT_MS + 1000, "%s took %lld ms", what, (long long)took);
	cr_assert_gt(atoi(http_header(&r, "Retry-After", retry, sizeof retry)), 0, "%s: %s", what, r.head);
	cr_assert(is_problem(&r, "store_unavailable") ||
			  strcmp(body_text(&r, "error", error, sizeof error), "temporarily_unavailable") == 0,
		  "%s: %s", what, r.body);
}

/* Every operation that needs the database, while it isn't there. */
static void expect_outage(void)
{
	for (int i = 0; i < 2; i++) {
		int64_t begin = clock_mono_us();
		expect_bounded_503("/oauth2/token", oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), begin);
		begin = clock_mono_us();
		expect_bounded_503("/m2m/token", m2m_token(&w, admin, acme.client_id, acme.secret, &r), begin);
		begin = clock_mono_us();
		expect_bounded_503("/m2m/client-secret", get(&w, "/m2m/client-secret", admin, &r), begin);
		begin = clock_mono_us();
		expect_bounded_503("/m2m/rotate", rotate(&w, admin, 0, &r), begin);
	}
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 503, 8000));
	cr_assert_eq(gateway_ops_status(&w.gateway, "/livez"), 200);
	expect_status(get(&w, "/.well-known/jwks.json", NULL, &r), 200);
}

static void expect_recovery(void)
{
	int64_t begin = clock_mono_us();
	while (oauth_token(w.gateway.http, acme.client_id, acme.secret, &r) != 200) {
		cr_assert_lt(clock_mono_us() - begin, 10000000, "no token within 10 s: %s%s", r.head, r.body);
		sleep_ms(50);
	}
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 200, 10000));
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	expect_status(rotate(&w, admin, 600, &r), 200);
}

Test(faults, a_stopped_postgresql_is_a_bounded_503_and_its_start_is_enough)
{
	pg_stop(&w.pg);
	expect_outage();
	pg_start(&w.pg);
	expect_recovery();
}

Test(faults, a_restarted_postgresql_is_found_again)
{
	for (int i = 0; i < 3; i++) {
		pg_stop(&w.pg);
		pg_start(&w.pg);
		expect_recovery();
	}
}

Test(faults, a_postgresql_that_does_not_answer_is_a_bounded_503)
{
	pg_pause(&w.pg);
	expect_outage();
	pg_resume(&w.pg);
	expect_recovery();
}

Test(faults, a_read_only_postgresql_is_a_503)
{
	PGconn *db = world_db(&w);
	sql_exec(db, "alter system set default_transaction_read_only = on");
	sql_exec(db, "select pg_reload_conf()");
	sleep_ms(300);
	int64_t begin = clock_mono_us();
	expect_bounded_503("/oauth2/token", oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), begin);
	begin = clock_mono_us();
	expect_bounded_503("/m2m/rotate", rotate(&w, admin, 0, &r), begin);
	begin = clock_mono_us();
	expect_bounded_503("/m2m/client-secret", get(&w, "/m2m/client-secret", admin, &r), begin);
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 503, 8000));
	cr_assert_eq(gateway_ops_status(&w.gateway, "/livez"), 200);

	sql_exec(db, "set default_transaction_read_only = off");
	sql_exec(db, "alter system reset default_transaction_read_only");
	sql_exec(db, "select pg_reload_conf()");
	expect_recovery();
}

/* Neither may what stands behind it be begun: the store is being taken down. */
Test(faults, a_request_that_is_given_up_at_the_end_is_its_connections_last)
{
	static struct http_conn c;
	char text[2 * TOKEN_MAX];
	char form[256];
	gateway_stop(&w.gateway, 15000);
	env_set(&w.gateway_env, "M2M_SHUTDOWN_DELAY_MS=1");
	env_set(&w.gateway_env, "M2M_DRAIN_MS=0");
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=30000");
	gateway_start(&w.gateway, &w.gateway_env);
	pg_pause(&w.pg);
	int n = snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	snprintf(
		text, sizeof text,
		"GET /m2m/client-secret HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\n\r\n"
		"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		admin, n, form);
	cr_assert(http_open(&c, w.gateway.http));
	cr_assert(http_send_text(&c, text));
	sleep_ms(300);
	gateway_stop(&w.gateway, 15000);
	http_close(&c);
	pg_resume(&w.pg);
}

Test(faults, a_rotation_lost_to_an_outage_is_repeated_with_its_idempotency_key)
{
	static struct http_reply first;
	struct http_request q = {.path = "/m2m/rotate",
				 .bearer = admin,
				 .type = "application/json",
				 .body = "{}",
				 .headers = "Idempotency-Key: through-the-outage\r\n"};
	cr_assert_eq(http_call(w.gateway.http, &q, &first), 200);
	pg_crash(&w.pg);
	expect_status(http_call(w.gateway.http, &q, &r), 503);
	pg_start(&w.pg);
	int64_t begin = clock_mono_us();
	while (http_call(w.gateway.http, &q, &r) != 200) {
		cr_assert_lt(clock_mono_us() - begin, 10000000, "%s%s", r.head, r.body);
		sleep_ms(50);
	}
	cr_assert_str_eq(r.body, first.body);
}

Test(faults, sigterm_under_load_drains_and_every_answer_is_recorded)
{
	static struct load load;
	load_start(&load, &acme, w.gateway.http);
	load_wait_delivered(&load, 100, 15000);
	gateway_stop(&w.gateway, 15000);
	load_stop(&load);
	cr_assert_eq(load.unexpected, 0);
	cr_assert_eq(load_unrecorded(&load, world_db(&w)), 0);
	/* Nothing that was recorded was left unanswered either: nobody was killed here. */
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.token_audit where client_id is not null"),
		     atomic_load(&load.delivered));
	load_free(&load);
}

/* ---- starts ---- */

/* ---- leaving ---- */

static int grpc_health(void)
{
	static struct grpc_reply g;
	struct grpc_request q = {.path = "/grpc.health.v1.Health/Check"};
	cr_assert_eq(grpc_call(w.gateway.grpc, &q, &g), 0);
	struct str message = grpc_message(&g, 0, NULL);
	return message.n == 2 ? message.p[1] : -1; /* status = 1: SERVING, 2: NOT_SERVING */
}

static void start_leaving(int delay_ms)
{
	gateway_stop(&w.gateway, 15000);
	env_set(&w.gateway_env, "M2M_SHUTDOWN_DELAY_MS=%d", delay_ms);
	gateway_start(&w.gateway, &w.gateway_env);
	int64_t begin = clock_mono_us();
	while (grpc_health() != 1) /* each worker hears of the others' readiness at its next tick */
		cr_assert_lt(clock_mono_us() - begin, 2000000);
	kill(w.gateway.pid, SIGTERM);
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 503, 1000));
}

Test(faults, a_gateway_that_leaves_is_unready_and_serves_on)
{
	char connection[32];
	start_leaving(2000);
	for (int i = 0; i < 5; i++) {
		cr_expect_eq(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200, "%s", r.body);
		cr_expect_str_neq(http_header(&r, "Connection", connection, sizeof connection), "close");
		sleep_ms(100);
	}
	cr_expect_eq(gateway_ops_status(&w.gateway, "/readyz"), 503);
	cr_expect_eq(gateway_ops_status(&w.gateway, "/livez"), 200);
	cr_expect_eq(grpc_health(), 2);
	cr_expect_neq(proc_wait(w.gateway.pid, 8000), PROC_RUNNING);
	w.gateway.pid = 0;
	cr_expect_eq(gateway_log_wait(&w.gateway, "every request was answered", 1, NULL, 0), 1);
}

Test(faults, a_second_signal_cuts_the_leaving_short)
{
	start_leaving(60000);
	kill(w.gateway.pid, SIGTERM);
	cr_expect_neq(proc_wait(w.gateway.pid, 8000), PROC_RUNNING);
	w.gateway.pid = 0;
}

TestSuite(start, .init = prepare, .fini = close_world, .timeout = 120);

/* One request under way, one in the queue, which is then full: what comes is refused at once, in
 * its route's language, and counted; what doesn't issue tokens is served. */
Test(start, a_full_queue_refuses_tokens_at_once)
{
	struct http_conn under_way, queued, refused;
	char retry[32], error[64], form[512];
	env_set(&w.gateway_env, "M2M_QUEUE_MAX=1");
	env_set(&w.gateway_env, "M2M_WORKERS=1");
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=5000");
	gateway_start(&w.gateway, &w.gateway_env);
	org_create(&w, "acme", &acme);
	mint(&w, "acme", "admin", admin);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_status(get(&w, "/m2m/client-id", admin, &r), 200);
	pg_pause(&w.pg);
	int n = snprintf(form, sizeof form, "grant_type=client_credentials&client_id=%s&client_secret=%s", acme.client_id, acme.secret);
	char text[1024];
	snprintf(
		text, sizeof text,
		"POST /oauth2/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: %d\r\n\r\n%s",
		n, form);
	cr_assert(http_open(&under_way, w.gateway.http) && http_open(&queued, w.gateway.http) && http_open(&refused, w.gateway.http));
	cr_assert(http_send_text(&under_way, text));
	sleep_ms(200);
	cr_assert(http_send_text(&queued, text));
	sleep_ms(100);
	int64_t begin = clock_mono_us();
	cr_assert(http_send_text(&refused, text));
	expect_status(http_read(&refused, &r, 1000, false), 503);
	cr_assert_str_eq(body_text(&r, "error", error, sizeof error), "temporarily_unavailable");
	cr_assert_str_eq(http_header(&r, "Retry-After", retry, sizeof retry), "1");
	cr_assert_str_eq(http_header(&r, "Cache-Control", retry, sizeof retry), "no-store");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 503);
	char named[1200];
	snprintf(named, sizeof named, "POST /oauth2/token HTTP/1.1\r\nX-Request-Id: nightly-7\r\n%s", strstr(text, "Host: x"));
	cr_assert(http_send_text(&refused, named));
	expect_status(http_read(&refused, &r, 1000, false), 503);
	cr_assert_str_eq(http_header(&r, "X-Request-Id", retry, sizeof retry), "nightly-7", "whoever names a request finds it again");
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 503);
	cr_assert(is_problem(&r, "overloaded"), "%s%s", r.head, r.body);
	cr_assert_lt(clock_mono_us() - begin, 1000000);
	expect_status(get(&w, "/.well-known/jwks.json", NULL, &r), 200);
	pg_resume(&w.pg);
	cr_assert_eq(http_read(&under_way, &r, 5000, false), 200);
	cr_assert_eq(http_read(&queued, &r, 5000, false), 200);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	cr_assert_not_null(strstr(r.body, "m2m_requests_total{operation=\"oauth_token\",transport=\"rest\",outcome=\"overloaded\"} 3\n"),
			   "%s", r.body);
	cr_assert_not_null(strstr(r.body, "m2m_requests_total{operation=\"issue_token\",transport=\"rest\",outcome=\"overloaded\"} 1\n"));
	http_close(&refused);
	http_close(&under_way);
	http_close(&queued);
}

/* Starts the gateway, which must end by itself with an error and one line that names what is
 * wrong. */
static void expect_start_error(const char *names)
{
	gateway_launch(&w.gateway, &w.gateway_env);
	int status = proc_wait(w.gateway.pid, 10000);
	if (status != PROC_RUNNING)
		w.gateway.pid = 0;
	char *log = tmp_read(w.gateway.log, NULL);
	char text[2048];
	snprintf(text, sizeof text, "%s", log == NULL ? "" : log);
	free(log);
	cr_assert_neq(status, PROC_RUNNING, "the gateway went on: %s", text);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) != 0 && WEXITSTATUS(status) != 99, "status %#x: %s", (unsigned)status, text);
	cr_assert_not_null(strstr(text, names), "no %s in: %s", names, text);
	unsigned lines = 0;
	for (const char *p = text; *p != '\0'; p++)
		lines += *p == '\n';
	cr_assert_eq(lines, 1, "%u lines: %s", lines, text);
}

/* Of a schema that somebody changed by hand, whose version says nothing of it. */
Test(start, a_statement_that_the_database_does_not_take_is_one_clear_error)
{
	sql_exec(world_db(&w), "alter function m2m.audit_health() rename to health_of_the_audit");
	expect_start_error("a statement can't be prepared: ERROR: function m2m.audit_health() does not exist");
}

Test(start, a_busy_port_is_one_clear_error)
{
	static const char *const names[] = {"M2M_HTTP_LISTEN", "M2M_OPS_LISTEN"};
	for (unsigned i = 0; i < 2; i++) {
		struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
		socklen_t n = sizeof address;
		int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
		/* Even a socket that would share its port must count as busy. */
		setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
		cr_assert(bind(fd, (struct sockaddr *)&address, n) == 0 && listen(fd, 1) == 0 &&
			  getsockname(fd, (struct sockaddr *)&address, &n) == 0);
		char port[16];
		snprintf(port, sizeof port, "%u", ntohs(address.sin_port));
		env_set(&w.gateway_env, "%s=127.0.0.1:%s", names[i], port);
		expect_start_error(port);
		env_set(&w.gateway_env, "%s=127.0.0.1:0", names[i]);
		close(fd);
	}
}

Test(start, an_unknown_setting_is_one_clear_error)
{
	env_set(&w.gateway_env, "M2M_NO_SUCH_SETTING=1");
	expect_start_error("M2M_NO_SUCH_SETTING");
}

Test(start, a_bad_value_is_one_clear_error)
{
	env_set(&w.gateway_env, "M2M_WORKERS=many");
	expect_start_error("M2M_WORKERS");
}

static void use_master_keys(const char *text)
{
	char path[TMP_PATH];
	tmp_path(path, "other", ".keys");
	tmp_write(path, text);
	env_set(&w.gateway_env, "M2M_MASTER_KEYS_FILE=%s", path);
}

Test(start, a_bad_master_key_file_is_one_clear_error_without_the_key)
{
	use_master_keys("k1: c2VjcmV0LXNlY3JldA==\n");
	expect_start_error("M2M_MASTER_KEYS");
	cr_assert_eq(gateway_log_count(&w.gateway, "c2VjcmV0", NULL, 0), 0);
	env_set(&w.gateway_env, "M2M_MASTER_KEYS_FILE=/nonexistent/master.keys");
	expect_start_error("M2M_MASTER_KEYS_FILE");
}

Test(start, a_master_key_that_the_database_does_not_know_is_one_clear_error)
{
	gateway_start(&w.gateway, &w.gateway_env);
	gateway_stop(&w.gateway, 15000);
	char encoded[64], text[96];
	const unsigned char key[32] = {1, 2, 3};
	snprintf(text, sizeof text, "k1: %s\n", base64_text(encoded, sizeof encoded, key, sizeof key));
	use_master_keys(text);
	expect_start_error("k1");
}

Test(start, a_database_without_the_schema_is_one_clear_error)
{
	char url[PG_URL];
	sql_exec(world_db(&w), "create database empty owner m2m_owner");
	pg_url(&w.pg, "m2m_gateway", "empty", url);
	env_set(&w.gateway_env, "M2M_DATABASE_URL=%s", url);
	expect_start_error("migrate");
}

Test(start, a_schema_newer_than_the_program_is_one_clear_error)
{
	sql_exec(world_db(&w), "insert into m2m.schema_migration (version, name, checksum) values (9999, 'later', '')");
	expect_start_error("9999");
}

/* ---- what would break a promise ---- */

static void alter_system(const char *setting, const char *change)
{
	char now[16] = "";
	sql_exec(world_db(&w), "alter system %s", change);
	sql_exec(world_db(&w), "select pg_reload_conf()");
	const char *want = strstr(change, "off") != NULL ? "off" : "on";
	for (int tries = 0; strcmp(now, want) != 0 && tries < 500; tries++) {
		sleep_ms(10);
		snprintf(now, sizeof now, "%s", sql_text(world_db(&w), "show %s", setting));
	}
	cr_assert_str_eq(now, want);
}

static void expect_check_fault(int code, const char *sentence)
{
	static struct ctl_result ran;
	struct env env = w.ctl_env;
	for (unsigned i = 0; i < w.gateway_env.n; i++)
		if (strncmp(w.gateway_env.items[i], "M2M_DATABASE_URL=", 17) == 0)
			env_set(&env, "%s", w.gateway_env.items[i]);
	cr_assert_eq(ctl(&env, &ran, "config", "check"), code, "%s%s", ran.out, ran.err);
	cr_assert_not_null(strstr(ran.out, sentence), "%s", ran.out);
}

Test(start, a_server_that_loses_what_was_committed_is_one_clear_error)
{
	static const char *const settings[][2] = {{"fsync", "fsync is off"}, {"full_page_writes", "full_page_writes is off"}};
	char change[64];
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		snprintf(change, sizeof change, "set %s = off", settings[i][0]);
		alter_system(settings[i][0], change);
		expect_start_error(settings[i][1]);
		expect_check_fault(1, settings[i][1]);
		snprintf(change, sizeof change, "reset %s", settings[i][0]);
		alter_system(settings[i][0], change);
	}
	gateway_start(&w.gateway, &w.gateway_env);
}

Test(start, a_login_that_could_change_the_audit_is_one_clear_error)
{
	static const char *const logins[][2] = {{"postgres", "login is a superuser"}, {"m2m_owner", "has the rights of m2m_owner"}};
	char url[PG_URL];
	for (size_t i = 0; i < sizeof logins / sizeof *logins; i++) {
		pg_url(&w.pg, logins[i][0], w.database, url);
		env_set(&w.gateway_env, "M2M_DATABASE_URL=%s", url);
		expect_start_error(logins[i][1]);
		expect_check_fault(3, logins[i][1]);
	}
}

Test(start, a_database_of_another_encoding_is_one_clear_error)
{
	char url[PG_URL];
	sql_exec(world_db(&w), "create database ascii owner m2m_owner template template0 encoding 'SQL_ASCII' locale 'C'");
	pg_url(&w.pg, "m2m_gateway", "ascii", url);
	env_set(&w.gateway_env, "M2M_DATABASE_URL=%s", url);
	expect_start_error("encoding is not UTF8");
}

Test(start, too_few_connections_of_the_server_are_a_warning)
{
	sql_exec(world_db(&w), "alter role m2m_gateway connection limit 7");
	gateway_start(&w.gateway, &w.gateway_env);
	cr_assert_eq(gateway_log_count(&w.gateway, "connections_scarce", NULL, 0), 0);
	gateway_stop(&w.gateway, 15000);
	env_set(&w.gateway_env, "M2M_WORKERS=4");
	gateway_launch(&w.gateway, &w.gateway_env);
	cr_assert(gateway_wait_listening(&w.gateway, 20000));
	cr_assert_eq(gateway_log_wait(&w.gateway, "4 workers open 8 connections to PostgreSQL, which leaves this login 7", 1, NULL, 0), 1);
	gateway_stop(&w.gateway, 15000);
	sql_exec(world_db(&w), "alter role m2m_gateway connection limit 1");
	expect_check_fault(0, "leaves m2m_gateway no more than 1");
}

static bool readyz_says(const char *word)
{
	for (int tries = 0; tries < 1000; tries++) {
		if (http_call(w.gateway.ops, &(struct http_request){.path = "/readyz"}, &r) == 503 && strstr(r.body, word) != NULL)
			return true;
		sleep_ms(10);
	}
	return false;
}

Test(faults, a_server_that_is_found_unsafe_later_is_no_server)
{
	alter_system("fsync", "set fsync = off");
	sql_exec(world_db(&w), "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'm2m-gateway%%'");
	cr_assert(readyz_says("database_fsync_off"), "%s", r.body);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 503);
	alter_system("fsync", "reset fsync");
	expect_recovery();
}

/* Nobody has asked anything by then. */
Test(start, a_statement_that_a_server_which_comes_later_does_not_take_is_no_readiness)
{
	sql_exec(world_db(&w), "alter function m2m.audit_health() rename to health_of_the_audit");
	pg_stop(&w.pg);
	gateway_launch(&w.gateway, &w.gateway_env);
	cr_assert(gateway_wait_listening(&w.gateway, 20000));
	pg_start(&w.pg);
	cr_assert(readyz_says("database_refused"), "%s", r.body);
	sql_exec(world_db(&w), "alter function m2m.health_of_the_audit() rename to audit_health");
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 200, 10000));
	/* and who has tried them serves at once */
	org_create(&w, "acme", &acme);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	char *log = tmp_read(w.gateway.log, NULL);
	cr_assert(log != NULL && strstr(log, "database_statement_failed") == NULL, "%s", log);
	free(log);
}
