/* The list of revocations page by page, and how what expired leaves it, however much that is. What
 * an entry says is test_revocation.c's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "harness/base64.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define LIST     "/oauth2/revocations"
#define PAGE_MAX 10000
#define TEXT_MAX 65536

static struct world w;
static struct gateway second;
static struct org acme, other;
static char api[128]; /* id:secret of the API that reads the list */
static char admin[TOKEN_MAX];
static struct http_reply r;

static void make_people(struct world *all)
{
	static struct ctl_result ran;
	char id[64], secret[SECRET_MAX];
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
	world_ctl(all, &ran, "client", "create", "--org", "other", "--role", "resource_server", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", id, sizeof id);
	ctl_value(&ran, "M2M_CLIENT_SECRET", secret, sizeof secret);
	snprintf(api, sizeof api, "%s:%s", id, secret);
	mint(all, "acme", "admin", admin);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other), KEPT(api), KEPT(admin));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	gateway_stop(&second, 15000);
	world_close(&w);
}

TestSuite(revocations, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- what there is ---- */

/* Single tokens of both organizations, of which three each expire at the same time. */
static void revoke_some(void)
{
	sql_exec(world_db(&w),
		 "insert into m2m.revoked_token (jti, expires_at, client_id, organization_id, revoked_by)"
		 " select gen_random_uuid(), now() + n / 3 * interval '1000.000001 s' + interval '1 hour', 'c',"
		 "  case when n %% 4 = 3 then '%s'::uuid else '%s'::uuid end, 'it' from generate_series(0, 11) n",
		 other.id, acme.id);
	sql_exec(world_db(&w), "insert into m2m.revoked_token values (gen_random_uuid(), now() - interval '1 s', 'c', '%s', now(), 'it')",
		 acme.id);
}

/* Of organizations, clients and versions. A client's id from elsewhere may need escapes. */
static void end_many(void)
{
	sql_exec(world_db(&w),
		 "insert into m2m.tokens_ended (organization_id, client_id, secret_version, credential, not_before, expires_at)"
		 " select o::uuid, c, v, k, date_trunc('second', now()), now() + interval '1 hour'"
		 " from (values ('%s', '', 0, ''), ('%s', '', 0, ''), ('%s', 'client-a', 0, ''), ('%s', 'client-a', 1, ''),"
		 "  ('%s', 'client-a', 2, ''), ('%s', 'client-a', 2, 'key'), ('%s', 'a\"b\\c-123', 7, ''), ('%s', 'client-b', 3, '')) e(o, "
		 "c, v, k)",
		 acme.id, other.id, acme.id, acme.id, acme.id, acme.id, acme.id, other.id);
	sql_exec(world_db(&w), "insert into m2m.tokens_ended values ('%s', 'client-z', 1, '', 'infinity', now() - interval '1 s')",
		 acme.id);
}

/* ---- reading it ---- */

static int ask(const char *basic, const char *bearer, const char *query, const char *headers)
{
	char path[1024];
	snprintf(path, sizeof path, LIST "%s", query);
	return http_call(w.gateway.http, &(struct http_request){.path = path, .basic = basic, .bearer = bearer, .headers = headers}, &r);
}

static unsigned count_of(const char *text, const char *part)
{
	unsigned n = 0;
	for (const char *at = text; (at = strstr(at, part)) != NULL; at += strlen(part))
		n++;
	return n;
}

struct read_list {
	char single[TEXT_MAX], many[TEXT_MAX]; /* the elements of both arrays */
	unsigned pages;
};

static void add_elements(char all[TEXT_MAX], const char *from, const char *to)
{
	size_t n = strlen(all);
	cr_assert_lt(n + (size_t)(to - from) + 2, TEXT_MAX);
	if (from != to)
		snprintf(all + n, TEXT_MAX - n, "%s%.*s", n == 0 ? "" : ",", (int)(to - from), from);
}

/* The answer in r. */
static void add_page(struct read_list *all)
{
	static const char single[] = "{\"revocations\":[", many[] = "],\"not_before\":[";
	const char *behind = strstr(r.body, many);
	cr_assert(strncmp(r.body, single, strlen(single)) == 0 && behind != NULL, "%s", r.body);
	const char *end = strstr(behind + strlen(many), "]");
	cr_assert_not_null(end, "%s", r.body);
	add_elements(all->single, r.body + strlen(single), behind);
	add_elements(all->many, behind + strlen(many), end);
	all->pages++;
}

/* Of the answer in r; false: it was the last one. */
static bool next_query(unsigned size, char *query, size_t cap)
{
	char token[512];
	if (strstr(r.body, "next_page_token") == NULL)
		return false;
	snprintf(query, cap, "?page_size=%u&page_token=%s", size, body_text(&r, "next_page_token", token, sizeof token));
	return true;
}

static void expect_tagged(const char *basic, const char *bearer, const char *query)
{
	char tag[128], headers[160], text[128];
	struct http_reply *page = malloc(sizeof *page);
	*page = r;
	snprintf(headers, sizeof headers, "If-None-Match: %s\r\n", http_header(&r, "ETag", tag, sizeof tag));
	cr_expect_str_eq(http_header(&r, "Cache-Control", text, sizeof text), "private, max-age=5");
	expect_status(ask(basic, bearer, query, headers), 304);
	cr_expect_str_eq(http_header(&r, "ETag", text, sizeof text), tag);
	r = *page;
	free(page);
}

static void read_pages(const char *basic, const char *bearer, unsigned size, struct read_list *ret)
{
	char query[1024];
	bool more = true;
	*ret = (struct read_list){.pages = 0};
	snprintf(query, sizeof query, "?page_size=%u", size);
	while (more) {
		expect_status(ask(basic, bearer, query, NULL), 200);
		expect_tagged(basic, bearer, query);
		unsigned n = count_of(r.body, "\"exp\":");
		add_page(ret);
		more = next_query(size, query, sizeof query);
		cr_assert(more ? n == size : n <= size, "%u of %u: %s", n, size, r.body);
	}
}

static void pages_are_the_whole(const char *basic, const char *bearer, unsigned single, unsigned many)
{
	static struct read_list whole, read;
	whole = (struct read_list){.pages = 0};
	expect_status(ask(basic, bearer, "", NULL), 200);
	cr_expect(count_of(r.body, "next_page_token") == 0, "who has never read pages sees none: %s", r.body);
	add_page(&whole);
	cr_assert_eq(count_of(whole.single, "\"jti\":"), single, "%s", whole.single);
	cr_assert_eq(count_of(whole.many, "\"not_before\":"), many, "%s", whole.many);
	for (unsigned size = 1; size <= single + many + 1; size++) {
		read_pages(basic, bearer, size, &read);
		cr_expect_str_eq(read.single, whole.single, "in pages of %u", size);
		cr_expect_str_eq(read.many, whole.many, "in pages of %u", size);
		cr_expect_eq(read.pages, single + many == 0 ? 1 : (single + many + size - 1) / size, "in pages of %u: %u", size,
			     read.pages);
	}
}

Test(revocations, pages_of_any_size_are_the_whole_list)
{
	pages_are_the_whole(api, NULL, 0, 0);
	revoke_some();
	pages_are_the_whole(api, NULL, 12, 0);
	end_many();
	pages_are_the_whole(api, NULL, 12, 7);
	expect_status(ask(api, NULL, "", NULL), 200);
	cr_expect(strstr(r.body, "{\"client_id\":\"a\\\"b\\\\c-123\",\"secret_version\":7,") != NULL, "%s", r.body);
	sql_exec(world_db(&w), "delete from m2m.revoked_token");
	pages_are_the_whole(api, NULL, 0, 7);
}

/* An admin's pages have its own organization's. */
Test(revocations, an_admin_s_pages_are_the_whole_of_its_own)
{
	revoke_some();
	end_many();
	sql_exec(world_db(&w), "delete from m2m.tokens_ended where organization_id = '%s' and client_id = ''", acme.id);
	pages_are_the_whole(NULL, admin, 9, 4);
	cr_expect(strstr(r.body, "client-b") == NULL && strstr(r.body, other.id) == NULL, "%s", r.body);
}

/* ---- while it changes ---- */

/* The rows that are meant stay. Around them others come and go, before the place of the reader and
 * behind it, and ends come to hold for more. */
static void change(int n)
{
	PGconn *db = world_db(&w);
	sql_exec(db, "delete from m2m.revoked_token where revoked_by = 'passes'");
	sql_exec(db, "delete from m2m.tokens_ended where client_id like 'passes-%%'");
	sql_exec(
		db,
		"insert into m2m.revoked_token (jti, expires_at, client_id, organization_id, revoked_by)"
		" select gen_random_uuid(), t, 'c', '%s', 'passes' from"
		" (select now() + interval '30 minutes' as t union all select expires_at from m2m.revoked_token where revoked_by = 'it') at"
		" cross join generate_series(0, %d)",
		acme.id, n % 2);
	sql_exec(db,
		 "insert into m2m.tokens_ended (organization_id, client_id, secret_version, not_before, expires_at)"
		 " select o::uuid, 'passes-' || n, n, 'infinity', now() + interval '1 hour' from generate_series(0, %d) n,"
		 " (values ('%s'), ('%s'), ('00000000-0000-0000-0000-000000000000'), ('ffffffff-0000-0000-0000-000000000000')) o(o)",
		 n % 2, acme.id, other.id);
	sql_exec(db, "update m2m.tokens_ended set not_before = not_before + interval '1 s', expires_at = expires_at + interval '1 s'"
		     " where client_id not like 'passes-%%'");
}

Test(revocations, what_is_there_all_the_while_is_met_once)
{
	static struct read_list read;
	revoke_some();
	end_many();
	for (unsigned size = 3; size <= 9; size += 3) {
		char query[1024], jti[64];
		int n = 0;
		read = (struct read_list){.pages = 0};
		snprintf(query, sizeof query, "?page_size=%u", size);
		do {
			change(n++);
			expect_status(ask(api, NULL, query, NULL), 200);
			add_page(&read);
		} while (next_query(size, query, sizeof query));
		const char *kept = sql_text(world_db(&w), "select string_agg('\"' || jti || '\"', ' ') from m2m.revoked_token"
							  " where revoked_by = 'it' and expires_at > now()");
		cr_assert_eq(count_of(kept, "\" \""), 11);
		for (; *kept != '\0'; kept += strlen(jti) + (kept[strlen(jti)] == ' ')) {
			snprintf(jti, sizeof jti, "%.38s", kept);
			cr_expect_eq(count_of(read.single, jti), 1, "in pages of %u: %s", size, jti);
		}
		cr_expect_eq(count_of(read.many, "\"client-a\""), 3, "in pages of %u: %s", size, read.many);
		cr_expect_eq(count_of(read.many, "\"client-b\""), 1, "in pages of %u: %s", size, read.many);
		cr_expect_eq(count_of(read.many, "c-123\""), 1, "in pages of %u: %s", size, read.many);
		cr_expect_eq(count_of(read.many, "{\"organization_id\":"), 2, "in pages of %u: %s", size, read.many);
	}
}

/* ---- what can't be asked ---- */

static void expect_refused(const char *query)
{
	int status = ask(api, NULL, query, NULL);
	cr_expect(status == 400 && is_oauth_error(&r, "invalid_request"), "%s: %d %s", query, status, r.body);
}

/* The bytes of a token: part, time, id, version and a client's id. */
static void expect_no_place(const char *bytes, size_t n)
{
	char token[512], query[600];
	base64_text(token, sizeof token, bytes, n);
	token[strcspn(token, "=")] = '\0';
	for (char *c = token; *c != '\0'; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	snprintf(query, sizeof query, "?page_token=%s", token);
	expect_refused(query);
}

#define PLACE(part, time, version, client) part time "0123456789abcdef" version client
#define EXPECT_NO_PLACE(part, time, version, client)                                                                                       \
	expect_no_place(PLACE(part, time, version, client), sizeof PLACE(part, time, version, client) - 1)

Test(revocations, what_is_no_page_is_refused)
{
	static const char *const bad[] = {"?page_size=0",
					  "?page_size=10001",
					  "?page_size=-1",
					  "?page_size=x",
					  "?page_token=%21",
					  "?page_token=YQ==",
					  "?page_token=YQ",
					  "?page_size=1&page_size=2",
					  "?page=1",
					  "?search=x",
					  "?page_size=99999999999999999999"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		expect_refused(bad[i]);
	ask(api, NULL, "?page=1", NULL);
	cr_expect(strstr(r.body, "It knows client_id, page_size and page_token.") != NULL, "%s", r.body);
	EXPECT_NO_PLACE("x", "\0\0\0\0\0\0\0\0", "\0\0\0\1", "");
	EXPECT_NO_PLACE("e", "\0\0\0\0\0\0\0\1", "\0\0\0\1", "client-a");
	EXPECT_NO_PLACE("e", "\0\0\0\0\0\0\0\0", "\xff\0\0\1", "client-a");
	EXPECT_NO_PLACE("e", "\0\0\0\0\0\0\0\0", "\0\0\0\1", "short");
	EXPECT_NO_PLACE("e", "\0\0\0\0\0\0\0\0", "\0\0\0\1", "client-\0a");
	EXPECT_NO_PLACE("e", "\0\0\0\0\0\0\0\0", "\0\0\0\1", "client-\xff");
	EXPECT_NO_PLACE("r", "\0\0\0\0\0\0\0\0", "\0\0\0\0", "");
	EXPECT_NO_PLACE("r", "\0\0\0\0\0\0\0\1", "\0\0\0\0", "client-a");
	EXPECT_NO_PLACE("r", "\x7f\xff\0\0\0\0\0\0", "\0\0\0\0", "");
	EXPECT_NO_PLACE("r", "\xff\xff\xff\xff\xff\xff\xff\xff", "\0\0\0\0", "");
	expect_status(ask(api, NULL, "?page_size=10000", NULL), 200);
	expect_status(ask(NULL, NULL, "?page_size=10", NULL), 401);
}

/* ---- more than one answer holds ---- */

#define ANSWER_MAX (8 << 20)

/* Reads to the end of the connection: it is more than an http_reply holds. */
static const char *large_answer(const char *query)
{
	static char answer[ANSWER_MAX], request[2048], credentials[256];
	struct http_conn *c = malloc(sizeof *c);
	size_t n = 0;
	cr_assert(http_open(c, w.gateway.http));
	snprintf(request, sizeof request, "GET " LIST "%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Basic %s\r\n\r\n",
		 query, base64_text(credentials, sizeof credentials, api, strlen(api)));
	cr_assert(http_send_text(c, request));
	for (ssize_t got; (got = read(c->fd, answer + n, sizeof answer - 1 - n)) > 0;)
		n += (size_t)got;
	answer[n] = '\0';
	http_close(c);
	free(c);
	cr_assert(strncmp(answer, "HTTP/1.1 200 ", 13) == 0, "%.600s", answer);
	cr_assert(n > 3 && strcmp(answer + n - 2, "}\n") == 0, "%.600s", answer);
	return answer;
}

/* Each is an object within the page's. strstr would look for its end each time. */
static unsigned entries_of(const char *answer)
{
	unsigned n = 0;
	for (const char *at = strstr(answer, "\r\n\r\n{") + 5; *at != '\0'; at++)
		n += *at == '{';
	return n;
}

static unsigned read_large(unsigned *ret_pages)
{
	char query[1024] = "?page_size=10000";
	unsigned n = 0;
	for (*ret_pages = 1;; ++*ret_pages) {
		const char *answer = large_answer(query);
		unsigned entries = entries_of(answer);
		const char *token = strstr(answer, "\"next_page_token\":\"");
		cr_assert(token == NULL ? entries <= PAGE_MAX : entries == PAGE_MAX, "%u", entries);
		n += entries;
		if (token == NULL)
			return n;
		token += strlen("\"next_page_token\":\"");
		snprintf(query, sizeof query, "?page_token=%.*s", (int)strcspn(token, "\""), token);
	}
}

/* One client's loop of token and revocation makes as many. */
Test(revocations, as_many_as_there_are_can_be_read)
{
	unsigned pages;
	sql_exec(world_db(&w),
		 "insert into m2m.revoked_token select gen_random_uuid(), date_trunc('second', now()) + n / 5000 * interval '1 s' +"
		 " interval '1 hour', 'c', '%s', now(), 'it' from generate_series(1, 75000) n",
		 acme.id);
	cr_expect_eq(read_large(&pages), 75000);
	cr_expect_eq(pages, 8);
	/* a part isn't taken for all */
	expect_status(ask(api, NULL, "", NULL), 400);
	cr_expect(strstr(r.body, "with page_size") != NULL, "%s", r.body);
}

Test(revocations, a_page_of_the_longest_entries_is_answered)
{
	unsigned pages;
	sql_exec(world_db(&w),
		 "insert into m2m.tokens_ended select '%s', overlay(repeat('\"', 128) placing lpad(to_hex(n), 5, '0') from 1), 2147483647 "
		 "- n, '',"
		 " date_trunc('second', now()), now() + interval '1 hour' from generate_series(1, 10001) n",
		 acme.id);
	cr_expect_eq(read_large(&pages), 10001);
	cr_expect_eq(pages, 2);
}

/* ---- forgetting ---- */

/* Of the rows that one run deleted. */
#define MOST "select max(n) from (select sum(n) as n from public.runs group by run::text) r"

/* What each run deletes of each table, of the first gateway too. */
static void watch_runs(void)
{
	static const char *const tables[] = {"revoked_token", "tokens_ended", "idempotency", "portal_link", "portal_session"};
	PGconn *db = world_db(&w);
	sql_exec(db, "create table public.runs (name text, n int8, run xid8 default pg_current_xact_id())");
	sql_exec(db, "create function public.note_run() returns trigger language plpgsql security definer as"
		     " 'begin insert into public.runs (name, n) select tg_table_name, count(*) from gone; return null; end'");
	for (size_t i = 0; i < sizeof tables / sizeof *tables; i++)
		sql_exec(db,
			 "create trigger watched after delete on m2m.%s referencing old table as gone for each statement"
			 " execute function public.note_run()",
			 tables[i]);
}

static void cr_expect_runs(const char *table, int64_t sum)
{
	cr_expect_eq(sql_int(world_db(&w), "select sum(n) from public.runs where name = '%s'", table), sum, "%s", table);
}

static void wait_for_none(int64_t (*rows)(void))
{
	for (int tries = 0; rows() > 0 && tries < 1800; tries++)
		sleep_ms(50);
	cr_expect_eq(rows(), 0);
}

static int64_t expired(void)
{
	return sql_int(world_db(&w), "select (select count(*) from m2m.revoked_token where expires_at < now())"
				     " + (select count(*) from m2m.tokens_ended where expires_at < now())");
}

/* Of a run that must delete all, PostgreSQL's time for a statement may be up each time. */
Test(revocations, much_that_expired_is_forgotten_run_by_run)
{
	watch_runs();
	revoke_some();
	end_many();
	sql_exec(world_db(&w),
		 "insert into m2m.revoked_token select gen_random_uuid(), now() - interval '1 s', 'c', '%s', now(), 'it'"
		 " from generate_series(1, 25000)",
		 acme.id);
	sql_exec(world_db(&w),
		 "insert into m2m.tokens_ended select '%s', 'client-z', n + 9, '', 'infinity', now() - interval '1 s'"
		 " from generate_series(1, 35000) n",
		 acme.id);
	gateway_start(&second, &w.gateway_env);
	wait_for_none(expired);
	cr_expect_runs("revoked_token", 25001);
	cr_expect_runs("tokens_ended", 35001);
	cr_expect_leq(sql_int(world_db(&w), MOST), 10000);
	pages_are_the_whole(api, NULL, 12, 7);
}

static int64_t useless(void)
{
	return sql_int(world_db(&w), "select (select count(*) from m2m.idempotency where rotated_at < now() - interval '24 hours')"
				     " + (select count(*) from m2m.portal_link where expires_at < now() - interval '7 days')"
				     " + (select count(*) from m2m.portal_session where expires_at < now() - interval '7 days')");
}

/* What still has its time stays. */
Test(revocations, what_nobody_may_use_any_longer_is_forgotten_run_by_run)
{
	watch_runs();
	for (int young = 0; young < 2; young++) {
		const char *when = young ? "now() + interval '10 minutes'" : "now() - interval '1 s'";
		sql_exec(world_db(&w),
			 "insert into m2m.idempotency select '%s', 'k' || n || '-%d', '', '', 'c', 1, %s - interval '24 hours'"
			 " from generate_series(1, %d) n",
			 acme.id, young, when, young ? 3 : 25000);
		sql_exec(world_db(&w),
			 "insert into m2m.portal_link (link_id, code_hash, organization_id, actor, may, made_by, expires_at)"
			 " select gen_random_uuid(), sha256(('%d-' || n)::bytea), '%s', 'a', '{read}', 'it', %s - interval '7 days'"
			 " from generate_series(1, %d) n",
			 young, acme.id, when, young ? 3 : 12000);
		sql_exec(world_db(&w),
			 "insert into m2m.portal_session (session_id, token_hash, link_id, organization_id, actor, may, expires_at)"
			 " select gen_random_uuid(), sha256(('%d-' || n)::bytea), gen_random_uuid(), '%s', 'a', '{read}', %s - interval '7 "
			 "days'"
			 " from generate_series(1, %d) n",
			 young, acme.id, when, young ? 3 : 12000);
	}
	gateway_start(&second, &w.gateway_env);
	wait_for_none(useless);
	cr_expect_runs("idempotency", 25000);
	cr_expect_runs("portal_link", 12000);
	cr_expect_runs("portal_session", 12000);
	cr_expect_leq(sql_int(world_db(&w), MOST), 10000);
}
