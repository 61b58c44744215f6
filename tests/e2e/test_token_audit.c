/* An organization's own record of tokens, over both transports: what is listed, whose, in which
 * order, and what is refused. */
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define PATH "/m2m/audit/tokens"

static struct world w;
static struct org acme, other;
static char admin[TOKEN_MAX], other_admin[TOKEN_MAX];
static struct http_reply r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
	mint(all, "acme", "admin", admin);
	mint(all, "other", "admin", other_admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other), KEPT(admin), KEPT(other_admin));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(token_audit, .init = open_world, .fini = close_world, .timeout = 120);

static int list(const char *bearer, const char *query)
{
	char path[1024];
	snprintf(path, sizeof path, PATH "%s", query);
	return get(&w, path, bearer, &r);
}

static unsigned occurrences(const char *text, const char *part)
{
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
		n++;
	return n;
}

static unsigned listed(void)
{
	return occurrences(r.body, "\"jti\":");
}

static bool says(const char *part)
{
	return strstr(r.body, part) != NULL;
}

/* A row as the gateway would have written it so long ago; its jti is random, and no UUIDv7. */
static void add_row(const struct org *o, const char *ago, const char *address, int version)
{
	sql_exec(
		world_db(&w),
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport,"
		" client_id, kid, caller, scope, audience, remote_addr) select now() - interval '%s', now(), gen_random_uuid(), '%s',"
		" gen_random_uuid(), gen_random_uuid(), %d, 'r', '%s', 'k', '%s', 'api', 'a', '%s'",
		ago, o->id, version, o->client_id, o->client_id, address);
}

Test(token_audit, a_row_is_what_was_recorded)
{
	char token[TOKEN_MAX], jti[64], text[128];
	client_token(&w, &acme, token);
	claim_text(token, "jti", jti, sizeof jti);
	snprintf(text, sizeof text, "?jti=%s", jti);
	expect_status(list(admin, text), 200);
	cr_assert_eq(listed(), 1, "%s", r.body);
	snprintf(text, sizeof text, "\"jti\":\"%s\"", jti);
	cr_expect(says(text), "%s", r.body);
	snprintf(text, sizeof text, "\"client_id\":\"%s\",\"secret_version\":1", acme.client_id);
	cr_expect(says(text) && says("\"scope\":\"api\"") && says("\"transport\":\"rest\"") && says("\"remote_addr\":\"127.0.0.1\"") &&
			  says("\"next_page_token\":null"),
		  "%s", r.body);
	snprintf(text, sizeof text, "\"issued_at\":\"%s\"",
		 sql_text(world_db(&w),
			  "select to_char(issued_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from m2m.token_audit where "
			  "jti = '%s'",
			  jti));
	cr_expect(says(text), "%s: %s", text, r.body);
	char caching[64];
	cr_expect_str_eq(http_header(&r, "Cache-Control", caching, sizeof caching), "no-store");
	/* the operator's own */
	expect_status(list(admin, ""), 200);
	cr_expect(listed() == 2 && says("\"client_id\":null,\"secret_version\":null") && says("\"transport\":\"m2mctl\""), "%s", r.body);
}

Test(token_audit, nobody_sees_another_organization_s)
{
	char token[TOKEN_MAX], jti[64], query[256];
	client_token(&w, &other, token);
	claim_text(token, "jti", jti, sizeof jti);
	expect_status(list(admin, ""), 200);
	cr_expect(!says(jti) && !says(other.client_id), "%s", r.body);
	snprintf(query, sizeof query, "?jti=%s", jti);
	expect_status(list(admin, query), 200);
	cr_expect_eq(listed(), 0, "%s", r.body);
	snprintf(query, sizeof query, "?client_id=%s", other.client_id);
	expect_status(list(admin, query), 200);
	cr_expect_eq(listed(), 0, "%s", r.body);
	expect_status(list(other_admin, query), 200);
	cr_expect_eq(listed(), 1, "%s", r.body);
	/* a page token of the other's list gives the own one only */
	add_row(&other, "1 hour", "192.0.2.1", 1);
	expect_status(list(other_admin, "?page_size=1"), 200);
	char page[128];
	body_text(&r, "next_page_token", page, sizeof page);
	snprintf(query, sizeof query, "?page_size=1&page_token=%s", page);
	expect_status(list(admin, query), 200);
	cr_expect(!says(other.client_id), "%s", r.body);
}

Test(token_audit, only_an_admin_of_an_organization_is_answered)
{
	char member[TOKEN_MAX], client[TOKEN_MAX];
	struct ctl_result out;
	mint(&w, "acme", "member", member);
	expect_status(list(NULL, ""), 401);
	expect_status(list(member, ""), 403);
	cr_expect(is_problem(&r, "forbidden"), "%s", r.body);
	client_token(&w, &acme, client);
	expect_status(list(client, ""), 200);
	world_ctl(&w, &out, "client", "rotate", "--org", "acme");
	expect_status(list(client, ""), 401);
	world_ctl(&w, &out, "org", "disable", "other");
	expect_status(list(other_admin, ""), 401);
}

Test(token_audit, filters_narrow_the_list)
{
	static const struct {
		const char *query;
		unsigned want;
	} cases[] = {
		{"", 7}, /* with the operator's own */
		{"?secret_version=2", 2},
		{"?secret_version=3", 0},
		{"?remote_addr=192.0.2.1", 2},
		{"?remote_addr=192.0.2.0%2F24", 4},
		{"?remote_addr=2001:db8::/32", 1},
		{"?remote_addr=192.0.2.0/24&secret_version=2", 1},
		{"?jti=01970c1b-4d5e-7f60-8a9b-0c1d2e3f4a5b", 0},
	};
	add_row(&acme, "1 minute", "192.0.2.1", 1);
	add_row(&acme, "2 hours", "192.0.2.1", 1);
	add_row(&acme, "3 days", "192.0.2.2", 1);
	add_row(&acme, "40 days", "192.0.2.3", 2);
	add_row(&acme, "400 days", "2001:db8::1", 2);
	add_row(&acme, "1 second", "198.51.100.1", 1);
	add_row(&other, "1 minute", "192.0.2.1", 2);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		expect_status(list(admin, cases[i].query), 200);
		cr_expect_eq(listed(), cases[i].want, "%s: %s", cases[i].query, r.body);
	}
	/* the bounds of time: one is part of the span, the other is not */
	char query[256];
	snprintf(query, sizeof query, "?issued_after=%s",
		 sql_text(world_db(&w),
			  "select to_char(issued_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"') from m2m.token_audit where"
			  " remote_addr = '192.0.2.2'"));
	expect_status(list(admin, query), 200);
	cr_expect_eq(listed(), 5, "%s: %s", query, r.body);
	char *name = strstr(query, "after");
	memmove(name + 6, name + 5, strlen(name + 5) + 1);
	memcpy(name, "before", 6);
	expect_status(list(admin, query), 200);
	cr_expect_eq(listed(), 2, "%s: %s", query, r.body);
}

Test(token_audit, pages_follow_one_another_without_gap_or_repetition)
{
	/* many of the same time, and some older than any week there is */
	sql_exec(world_db(&w),
		 "insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, "
		 "transport, client_id,"
		 " kid, caller, scope, audience) select now() - interval '1 minute' * (n / 10) * (n / 10), now(), gen_random_uuid(), '%s',"
		 " gen_random_uuid(), gen_random_uuid(), 1, 'r', '%s', 'k', 'c', '', 'a' from generate_series(1, 230) n",
		 acme.id, acme.client_id);
	add_row(&acme, "500 days", "192.0.2.1", 1);
	static char seen[300][40];
	unsigned n = 0, pages = 0;
	char token[128] = "", query[256];
	do {
		snprintf(query, sizeof query, "?client_id=%s&page_size=7%s%s", acme.client_id, token[0] != '\0' ? "&page_token=" : "",
			 token);
		expect_status(list(admin, query), 200);
		cr_assert_leq(listed(), 7);
		for (const char *at = r.body; (at = strstr(at, "\"jti\":\"")) != NULL && n < 300; at++)
			snprintf(seen[n++], sizeof seen[0], "%.36s", at + 7);
		body_text(&r, "next_page_token", token, sizeof token);
	} while (token[0] != '\0' && ++pages < 200);
	cr_assert_eq(n, 231, "%u on %u pages", n, pages);
	sql_exec(world_db(&w), "create temporary table seen (ord int, jti uuid)");
	for (unsigned i = 0; i < n; i++)
		sql_exec(world_db(&w), "insert into seen values (%u, '%s')", i, seen[i]);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from (select s.ord, row_number() over (order by t.issued_at desc, t.jti desc) - 1 as want"
			     " from seen s join m2m.token_audit t using (jti)) o where ord <> want"),
		     0, "the youngest first");
}

/* Makes the week in which the time `ago` lies, and says its name. */
static void make_week(const char *ago, char ret_name[64])
{
	char begin[128];
	snprintf(begin, sizeof begin, "date_trunc('week', (now() - interval '%s') at time zone 'UTC')", ago);
	sql_exec(world_db(&w),
		 "begin; set local role m2m_owner; "
		 "select m2m.audit_partition_make('token_audit', %s at time zone 'UTC'); commit",
		 begin);
	snprintf(ret_name, 64, "m2m.token_audit_p%s", sql_text(world_db(&w), "select to_char(%s, 'YYYYMMDD')", begin));
}

/* Somebody holds the week of 14 days ago: the page ends after a while with what there is, and
 * says that there is more. The week of 50 days ago is there as well, since the search takes all
 * that is older than any week in one last span. */
Test(token_audit, a_search_that_takes_long_ends_its_page_early)
{
	char url[PG_URL], page[128], query[256], week[64];
	make_week("50 days", week);
	make_week("14 days", week);
	add_row(&acme, "1 minute", "192.0.2.1", 1);
	add_row(&acme, "14 days", "192.0.2.14", 1);
	add_row(&acme, "50 days", "192.0.2.50", 1);
	pg_url(&w.pg, "postgres", w.database, url);
	PGconn *holder = sql_open(url);
	snprintf(query, sizeof query, "begin; lock table %s; select pg_sleep(0.7); commit", week);
	cr_assert_eq(PQsendQuery(holder, query), 1);
	while (sql_int(world_db(&w), "select count(*) from pg_locks where relation = '%s'::regclass and mode = 'AccessExclusiveLock'",
		       week) == 0)
		sleep_ms(5);
	snprintf(query, sizeof query, "?client_id=%s", acme.client_id);
	expect_status(list(admin, query), 200);
	cr_expect(says("192.0.2.1\"") && !says("192.0.2.50"), "%s", r.body);
	body_text(&r, "next_page_token", page, sizeof page);
	cr_assert_neq(page[0], '\0', "%s", r.body);
	unsigned rows = listed();
	for (int pages = 0; page[0] != '\0' && pages < 9; pages++) {
		snprintf(query, sizeof query, "?client_id=%s&page_token=%s", acme.client_id, page);
		expect_status(list(admin, query), 200);
		rows += listed();
		body_text(&r, "next_page_token", page, sizeof page);
	}
	cr_expect_eq(rows, 3, "%s", r.body);
	for (PGresult *end; (end = PQgetResult(holder)) != NULL; PQclear(end))
		;
	PQfinish(holder);
}

Test(token_audit, what_can_not_be_is_refused_with_its_name)
{
	static const char *const cases[][2] = {
		{"?page_size=0", "page_size"},
		{"?page_size=101", "page_size"},
		{"?page_size=ten", "page_size"},
		{"?client_id=acme", "client_id"},
		{"?jti=1", "jti"},
		{"?secret_version=0", "secret_version"},
		{"?secret_version=99999999999", "secret_version"},
		{"?auth_method=k", "auth_method must be one of client_secret_basic"},
		{"?auth_method=PRIVATE_KEY_JWT", "auth_method"},
		{"?remote_addr=localhost", "remote_addr"},
		{"?remote_addr=192.0.2.0/33", "remote_addr"},
		{"?remote_addr=192.0.2.0/", "remote_addr"},
		{"?remote_addr=192.0.2", "remote_addr"},
		{"?issued_after=yesterday", "issued_after"},
		{"?issued_before=2026-02-30T00:00:00Z", "issued_before"},
		{"?issued_before=1969-12-31T23:59:59Z", "issued_before"},
		{"?organization=other", "parameter organization. It knows client_id, jti"},
		{"?clientid=acme", "parameter clientid."},
		{"?jti=01970c1b-4d5e-7f60-8a9b-0c1d2e3f4a5b&jti=01970c1b-4d5e-7f60-8a9b-0c1d2e3f4a5b", "jti is given twice"},
		{"?page_token=x", "page_token"},
		{"?page_token=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "other parameters"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		expect_status(list(admin, cases[i][0]), 400);
		cr_expect(is_problem(&r, "invalid_request") && says(cases[i][1]), "%s: %s", cases[i][0], r.body);
	}
	expect_status(post_json(&w, PATH, admin, "{}", &r), 405);
	/* a page token goes with its parameters */
	char query[256], token[128];
	add_row(&acme, "1 hour", "192.0.2.1", 1);
	expect_status(list(admin, "?page_size=1"), 200);
	body_text(&r, "next_page_token", token, sizeof token);
	snprintf(query, sizeof query, "?page_size=1&secret_version=1&page_token=%s", token);
	expect_status(list(admin, query), 400);
	cr_expect(says("other parameters"), "%s", r.body);
}

/* The gateway's login may ask the function and read nothing itself. */
Test(token_audit, the_gateway_s_login_still_reads_no_row_of_the_audit)
{
	char url[PG_URL];
	pg_url(&w.pg, "m2m_gateway", w.database, url);
	PGconn *db = sql_open(url);
	cr_expect_str_eq(sql_state(db, "select from m2m.token_audit"), "42501");
	cr_expect_str_eq(sql_state(db,
				   "select * from m2m.organization_token_list('%s', null, null, null, null, null, null, null, null, 10)",
				   acme.id),
			 "00000");
	cr_expect_eq(
		sql_int(db, "select count(*) from m2m.organization_token_list(null, null, null, null, null, null, null, null, null, 10)"),
		0);
	cr_expect_eq(
		sql_int(db,
			"select count(*) from m2m.organization_token_list('%s', null, null, null, null, null, null, null, null, 100000)",
			acme.id),
		0);
	PQfinish(db);
}

/* In a static buffer. */
static int grpc_list(const struct pb *message, struct grpc_reply *g)
{
	return grpc_call(w.gateway.grpc,
			 &(struct grpc_request){.path = "/m2m.v1.M2MClients/ListTokenAudit", .bearer = admin, .message = message}, g);
}

/* Rows of a client that showed a key, another one, a workload's token, and its secret. */
static void add_shown(void)
{
	static const char *const rows[][2] = {{"k", "'kid-1'"}, {"k", "'kid-2'"}, {"w", "'https://issuer subject'"}, {"b", "null"}};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		sql_exec(world_db(&w),
			 "insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, transport, "
			 "client_id,"
			 " kid, caller, scope, audience, auth_method, credential) select now(), now(), gen_random_uuid(), '%s',"
			 " gen_random_uuid(), gen_random_uuid(), 'r', '%s', 'k', 'c', 'api', 'a', '%s', %s",
			 acme.id, acme.client_id, rows[i][0], rows[i][1]);
}

Test(token_audit, how_a_client_authenticated_narrows_the_list)
{
	static const struct {
		const char *auth_method, *credential; /* "": not given */
		const char *query;
		unsigned want;
	} cases[] = {
		{"private_key_jwt", "", "?auth_method=private_key_jwt", 2},
		{"private_key_jwt", "kid-2", "?auth_method=private_key_jwt&credential=kid-2", 1},
		{"", "https://issuer subject", "?credential=https%3A%2F%2Fissuer+subject", 1},
		{"", "kid", "?credential=kid", 0},
		{"client_secret_basic", "", "?auth_method=client_secret_basic", 1},
		{"jwt_bearer", "", "?auth_method=jwt_bearer", 0},
	};
	struct grpc_reply g;
	add_shown();
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct pb message = {.n = 0};
		expect_status(list(admin, cases[i].query), 200);
		cr_expect_eq(listed(), cases[i].want, "%s: %s", cases[i].query, r.body);
		if (cases[i].auth_method[0] != '\0')
			pb_put_text(&message, 9, cases[i].auth_method);
		if (cases[i].credential[0] != '\0')
			pb_put_text(&message, 10, cases[i].credential);
		cr_assert_eq(grpc_list(&message, &g), 0);
		struct str row = pb_bytes(grpc_message(&g, 0, NULL), 1);
		char text[128];
		cr_expect_eq(row.n > 0, cases[i].want > 0, "%s over gRPC", cases[i].query);
		if (row.n > 0 && cases[i].auth_method[0] != '\0')
			cr_expect_str_eq(pb_text(row, 14, text, sizeof text), cases[i].auth_method);
		if (row.n > 0 && cases[i].credential[0] != '\0')
			cr_expect_str_eq(pb_text(row, 15, text, sizeof text), cases[i].credential);
	}
	struct pb wrong = {.n = 0};
	pb_put_text(&wrong, 9, "password");
	cr_expect_eq(grpc_list(&wrong, &g), 3);
	/* a page token is of the list with these */
	char page[128], query[256];
	expect_status(list(admin, "?page_size=1&auth_method=private_key_jwt"), 200);
	body_text(&r, "next_page_token", page, sizeof page);
	snprintf(query, sizeof query, "?page_size=1&auth_method=private_key_jwt&page_token=%s", page);
	expect_status(list(admin, query), 200);
	cr_expect_eq(listed(), 1, "%s", r.body);
	snprintf(query, sizeof query, "?page_size=1&auth_method=private_key_jwt&credential=kid-1&page_token=%s", page);
	expect_status(list(admin, query), 400);
}

Test(token_audit, metrics_tell_how_partitions_and_seals_are)
{
	for (int i = 0; i < 100 && gateway_metric(&w, "m2m_audit_partitions_until_timestamp_seconds") <= 0; i++)
		sleep_ms(100);
	cr_expect_eq(gateway_metric(&w, "m2m_audit_partitions_until_timestamp_seconds"),
		     (long)sql_int(world_db(&w),
				   "select extract(epoch from (max(to_date(right(relname, 8), 'YYYYMMDD')) + 7)::timestamp)::bigint"
				   " from pg_class where relname ~ '^token_audit_p[0-9]{8}$'"));
	cr_expect_eq(gateway_metric(&w, "m2m_audit_default_partition_used"), 0);
	char token[TOKEN_MAX];
	client_token(&w, &acme, token);
	cr_expect_geq(gateway_metric(&w, "m2m_audit_seals_total"), 1);
	cr_expect_eq(gateway_metric(&w, "m2m_audit_writers_lost_total"), 0);
	add_row(&acme, "500 days", "192.0.2.1", 1);
	gateway_stop(&w.gateway, 15000);
	gateway_start(&w.gateway, &w.gateway_env);
	for (int i = 0; i < 100 && gateway_metric(&w, "m2m_audit_default_partition_used") != 1; i++)
		sleep_ms(100);
	cr_expect_eq(gateway_metric(&w, "m2m_audit_default_partition_used"), 1);
	cr_expect_geq(gateway_log_wait(&w.gateway, "audit_default_partition_used", 1, NULL, 0), 1);
}

Test(token_audit, grpc_answers_the_same)
{
	static struct grpc_reply g;
	char text[256];
	add_row(&acme, "1 hour", "192.0.2.1", 2);
	add_row(&acme, "2 hours", "192.0.2.9", 2);
	struct pb message = {.n = 0};
	pb_put_int(&message, 3, 2); /* secret_version */
	pb_put_text(&message, 4, "192.0.2.0/24");
	pb_put_int(&message, 7, 1); /* page_size */
	cr_assert_eq(grpc_list(&message, &g), 0);
	struct str reply = grpc_message(&g, 0, NULL), row = pb_bytes(reply, 1);
	cr_expect_str_eq(pb_text(row, 4, text, sizeof text), acme.client_id);
	cr_expect_eq(pb_int(row, 5), 2);
	cr_expect_str_eq(pb_text(row, 10, text, sizeof text), "rest");
	cr_expect_str_eq(pb_text(row, 11, text, sizeof text), "192.0.2.1");
	cr_expect_eq(pb_time_us(row, 2),
		     sql_int(world_db(&w), "select (extract(epoch from issued_at) * 1000000)::bigint from m2m.token_audit"
					   " where remote_addr = '192.0.2.1'"));
	/* the next page is a page of the same list over REST, since it is the same operation */
	cr_assert_neq(pb_text(reply, 2, text, sizeof text)[0], '\0');
	char query[512];
	snprintf(query, sizeof query, "?secret_version=2&remote_addr=192.0.2.0/24&page_size=1&page_token=%s", text);
	expect_status(list(admin, query), 200);
	cr_expect(listed() == 1 && says("192.0.2.9") && says("\"next_page_token\":null"), "%s", r.body);
	pb_put_text(&message, 8, text);
	cr_assert_eq(grpc_list(&message, &g), 0);
	reply = grpc_message(&g, 0, NULL);
	cr_expect_str_eq(pb_text(pb_bytes(reply, 1), 11, text, sizeof text), "192.0.2.9");
	cr_expect_str_eq(pb_text(reply, 2, text, sizeof text), "");

	struct pb wrong = {.n = 0};
	pb_put_text(&wrong, 2, "no-uuid");
	cr_expect_eq(grpc_list(&wrong, &g), 3);
	wrong = (struct pb){.n = 0};
	pb_put_int(&wrong, 7, 101);
	cr_expect_eq(grpc_list(&wrong, &g), 3);
	wrong = (struct pb){.n = 0};
	pb_put_int(&wrong, 3, -1);
	cr_expect_eq(grpc_list(&wrong, &g), 3);
}

/* ---- addresses ---- */

static bool has_ipv6(void)
{
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&any, sizeof any) == 0;
	if (fd >= 0)
		close(fd);
	return has;
}

static void expect_found(const char *address, unsigned rows)
{
	static struct ctl_result ctl_r;
	char query[128];
	snprintf(query, sizeof query, "?client_id=%s&remote_addr=%s", acme.client_id, address);
	expect_status(list(admin, query), 200);
	cr_expect(listed() == rows && !says("::ffff"), "%s: %u, not %u: %s", address, listed(), rows, r.body);
	world_ctl(&w, &ctl_r, "audit", "tokens", "--client", acme.client_id, "--address", address, "--output", "csv");
	cr_expect(occurrences(ctl_r.out, acme.client_id) >= rows && occurrences(ctl_r.out, "\n") == (rows == 0 ? 0 : rows + 1) &&
			  strstr(ctl_r.out, "::ffff") == NULL,
		  "%s: %s", address, ctl_r.out);
}

Test(token_audit, an_ipv4_client_of_a_dual_stack_listener_is_found_by_its_ipv4_address)
{
	char token[TOKEN_MAX];
	struct grpc_reply g;
	if (!has_ipv6())
		cr_skip_test("no IPv6 here");
	gateway_stop(&w.gateway, 15000);
	env_set(&w.gateway_env, "M2M_HTTP_LISTEN=[::]:0");
	env_set(&w.gateway_env, "M2M_GRPC_LISTEN=[::]:0");
	env_set(&w.gateway_env, "M2M_PLAINTEXT=all");
	gateway_start(&w.gateway, &w.gateway_env);

	client_token(&w, &acme, token);
	cr_expect_eq(grpc_token(&w, admin, acme.client_id, acme.secret, NULL, &g), 0);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	for (int tries = 0; gateway_log_count(&w.gateway, "\"operation\":\"get_client_secret\"", NULL, 0) == 0 && tries < 200; tries++)
		sleep_ms(20);
	cr_expect_eq(gateway_log_wait(&w.gateway, "\"remote_addr\":\"127.0.0.1\"", 3, NULL, 0), 3);
	cr_expect_eq(gateway_log_count(&w.gateway, "::ffff:", NULL, 0), 0);
	cr_expect_eq(sql_int(world_db(&w), "select (select count(*) from m2m.token_audit where remote_addr = '127.0.0.1')"
					   " + (select count(*) from m2m.admin_audit where remote_addr = '127.0.0.1')"),
		     3);

	/* as they were recorded before */
	add_row(&acme, "1 hour", "::ffff:127.0.0.77", 1);
	add_row(&acme, "1 hour", "2001:db8::77", 1);
	sql_exec(world_db(&w), "insert into m2m.admin_audit (action, outcome, actor, organization_id, transport, remote_addr)"
			       " select action, outcome, actor, organization_id, transport, '::ffff:127.0.0.77' from m2m.admin_audit"
			       " where action = 'read_secret'");
	expect_found("127.0.0.77", 1);
	expect_found("::ffff:127.0.0.77", 1);
	expect_found("127.0.0.0/8", 3);
	expect_found("::ffff:127.0.0.0/104", 3);
	expect_found("0.0.0.0/0", 3);
	expect_found("2001:db8::/32", 1);
	expect_found("127.0.0.78", 0);
	static const char *const views[] = {"tokens_issued", "tokens_alive_now", "secrets_read", "secrets_read_or_rotated"};
	for (unsigned i = 0; i < sizeof views / sizeof *views; i++)
		cr_expect_eq(sql_int(world_db(&w),
				     "select count(*) from m2m.%s where family(remote_addr) = 6 and remote_addr <<= '::ffff:0:0/96'",
				     views[i]),
			     0, "%s", views[i]);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.tokens_issued where remote_addr <<= '127.0.0.0/8'"), 3);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.secrets_read where remote_addr = '127.0.0.77'"), 1);
}

/* The jti that the last answer's token has; as text, in a static buffer. */
static const char *issued_jti(void)
{
	static char jti[64];
	char token[TOKEN_MAX];
	body_text(&r, "access_token", token, sizeof token);
	claim_text(token, "jti", jti, sizeof jti);
	return jti;
}

/* In the row, the view and the list, all the same. */
static void expect_method(const char *jti, const char *letter, const char *word)
{
	char query[128], text[128];
	cr_expect_str_eq(sql_text(world_db(&w), "select auth_method from m2m.token_audit where jti = '%s'", jti), letter, "%s", word);
	cr_expect_str_eq(sql_text(world_db(&w), "select auth_method from m2m.tokens_issued where jti = '%s'", jti), word);
	cr_expect_str_eq(sql_text(world_db(&w), "select auth_method from m2m.tokens_alive_now where jti = '%s'", jti), word);
	cr_expect_str_eq(sql_text(world_db(&w), "select auth_method from m2m.token('%s')", jti), word);
	cr_expect_str_eq(
		sql_text(world_db(&w), "select detail->>'auth_method' from m2m.token_story('%s') where event = 'token issued'", jti), word);
	cr_expect_eq(
		sql_int(world_db(&w), "select count(*) from m2m.token_audit where jti = '%s' and num_nulls(credential, bound_to) = 2", jti),
		1, "a secret, and a bearer token");
	snprintf(query, sizeof query, "?jti=%s", jti);
	snprintf(text, sizeof text, "\"secret_version\":1,\"auth_method\":\"%s\",\"credential\":null,\"bound_to\":null", word);
	expect_status(list(admin, query), 200);
	cr_expect(listed() == 1 && says(text), "%s isn't in %s", text, r.body);
}

Test(token_audit, how_the_client_authenticated_is_in_the_row_the_views_and_the_list)
{
	static struct grpc_reply g;
	char credentials[256], jti[64], text[64], token[TOKEN_MAX];
	snprintf(credentials, sizeof credentials, "%s:%s", acme.client_id, acme.secret);
	const struct http_request basic = {.path = "/oauth2/token",
					   .basic = credentials,
					   .type = "application/x-www-form-urlencoded",
					   .body = "grant_type=client_credentials"};
	expect_status(http_call(w.gateway.http, &basic, &r), 200);
	expect_method(issued_jti(), "b", "client_secret_basic");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	expect_method(issued_jti(), "p", "client_secret_post");
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 200);
	expect_method(issued_jti(), "p", "client_secret_post");
	cr_assert_eq(grpc_token(&w, admin, acme.client_id, acme.secret, "", &g), 0);
	pb_text(grpc_message(&g, 0, NULL), 1, token, sizeof token);
	claim_text(token, "jti", jti, sizeof jti);
	expect_method(jti, "p", "client_secret_post");
	cr_expect_str_eq(sql_text(world_db(&w),
				  "select string_agg(auth_method || ' ' || tokens, ', ' order by auth_method)"
				  " from m2m.tokens_by_auth_method where client_id = '%s' and day = (now() at time zone 'UTC')::date",
				  acme.client_id),
			 "client_secret_basic 1, client_secret_post 3");

	struct pb message = {.n = 0};
	pb_put_text(&message, 2, jti);
	cr_assert_eq(grpc_list(&message, &g), 0);
	struct str row = pb_bytes(grpc_message(&g, 0, NULL), 1);
	cr_expect_str_eq(pb_text(row, 14, text, sizeof text), "client_secret_post");
	cr_expect_str_eq(pb_text(row, 15, text, sizeof text), "");
	cr_expect_str_eq(pb_text(row, 16, text, sizeof text), "");
}

Test(token_audit, an_operator_s_token_and_a_row_from_before_have_no_method)
{
	add_row(&acme, "1 hour", "192.0.2.1", 1);
	expect_status(list(admin, ""), 200);
	cr_expect_eq(listed(), 2);
	cr_expect_eq(occurrences(r.body, "\"auth_method\":null"), 2, "%s", r.body);
}

Test(token_audit, another_credential_and_what_a_token_is_bound_to_are_listed)
{
	static struct grpc_reply g;
	char text[128];
	add_row(&acme, "1 hour", "192.0.2.1", 1);
	sql_exec(world_db(&w), "begin; set local role m2m_owner; update m2m.token_audit set auth_method = 'k', credential = 'kid-1',"
			       " bound_to = 'jkt:0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I' where remote_addr = '192.0.2.1'; commit");
	expect_status(list(admin, "?remote_addr=192.0.2.1"), 200);
	cr_expect(says("\"auth_method\":\"private_key_jwt\",\"credential\":\"kid-1\",\"bound_to\":\"jkt:0ZcOCORZNYy-"), "%s", r.body);
	struct pb message = {.n = 0};
	pb_put_text(&message, 4, "192.0.2.1");
	cr_assert_eq(grpc_list(&message, &g), 0);
	struct str row = pb_bytes(grpc_message(&g, 0, NULL), 1);
	cr_expect_str_eq(pb_text(row, 14, text, sizeof text), "private_key_jwt");
	cr_expect_str_eq(pb_text(row, 15, text, sizeof text), "kid-1");
	cr_expect_str_eq(pb_text(row, 16, text, sizeof text), "jkt:0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}
