/* How PostgreSQL finds what a token needs: by its indexes, however small or new the tables are,
 * so that tokens cost the same as clients become many. The plans are those that the gateway's
 * own connection got, as auto_explain logs them. */
#include <unistd.h>

#include "harness/client_key.h"
#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("logging_collector = on\n"
	       "log_filename = 'plans.log'\n"
	       "log_line_prefix = '<%d %a>'\n"
	       "session_preload_libraries = 'auto_explain'\n"
	       "auto_explain.log_min_duration = 0\n"
	       "auto_explain.log_nested_statements = on\n");

static struct world w;
static struct org acme;
static struct http_reply r;

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
}

WORLD_FILLED(make_people, KEPT(acme));

static void open_world(void)
{
	world_open_filled(&w);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(plans, .init = open_world, .fini = close_world, .timeout = 120);

/* How many of the plans that PostgreSQL has logged so far for statements of this database's
 * gateway that begin so have such a part, a regular expression. */
static int64_t plans_of(const char *statement, const char *part)
{
	return sql_int(world_db(&w),
		       "select count(*) from string_to_table(pg_read_file('log/plans.log'), '\n<') as entry"
		       " where starts_with(entry, '%s m2m-gateway ') and entry ~ '^%s m2m-gateway (issue|serve)>LOG:  duration: "
		       "[^\n]*\n\\s*Query Text: %s' and entry ~ '%s'",
		       w.database, w.database, statement, part);
}

static int64_t issuing_plans(const char *part)
{
	return plans_of("with req as", part);
}

/* Its collector may take a moment to write them. */
static void wait_for_plans(int64_t n)
{
	for (int tries = 0; tries < 100 && issuing_plans("Insert on token_audit") < n; tries++)
		usleep(100000);
	cr_assert_eq(issuing_plans("Insert on token_audit"), n);
}

#define ELEMENT(parameter)   "\\(unnest\\(\\$" #parameter "\\)\\)"
#define BY(index, condition) index " on [^\n]*\n\\s*Index Cond: \\(" condition "\\)"

#define EC_JWK                                                                                                                             \
	"{\"kty\":\"EC\",\"crv\":\"P-256\",\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\","                                         \
	"\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}"

#define LARGE_TABLES "(client|client_secret|client_credential|organization|token_audit|idempotency|revoked_token|tokens_ended)"

static void nothing_is_read_whole(const char *statement)
{
	cr_expect_eq(plans_of(statement, "Seq Scan on [^\n]*" LARGE_TABLES), 0);
	cr_expect_eq(plans_of(statement, "(Hash|Merge) [^\n]*Join"), 0);
	cr_expect_eq(plans_of(statement, "Index (Only )?Scan using [^\n]* on " LARGE_TABLES "[^\n]*\n(?!\\s*Index Cond)"), 0);
}

/* The nth token of a client's own. */
static void a_token_is_looked_up(int64_t nth)
{
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	wait_for_plans(nth);
	cr_expect_eq(issuing_plans(BY("client_by_id", "client_id = " ELEMENT(2))), nth);
	cr_expect_eq(issuing_plans(BY("client_secret_by_id", "client_id = " ELEMENT(2))), nth);
	cr_expect_eq(issuing_plans(BY("organization_marked", "organization_id = c[_0-9]*.organization_id")), nth);
	nothing_is_read_whole("with req as");
}

/* The statistics of a table that is new or has one row make another plan look as good, and it
 * would stay. */
Test(plans, a_client_is_looked_up)
{
	a_token_is_looked_up(1);
	sql_exec(world_db(&w), "analyze m2m.client, m2m.client_secret, m2m.organization");
	a_token_is_looked_up(2);
}

Test(plans, so_is_the_bearer_s)
{
	char token[TOKEN_MAX];
	client_token(&w, &acme, token);
	sql_exec(world_db(&w), "analyze m2m.client, m2m.client_secret, m2m.organization");
	expect_status(m2m_token(&w, token, acme.client_id, acme.secret, &r), 200);
	wait_for_plans(2);
	cr_expect_eq(issuing_plans(BY("client_by_id", "client_id = " ELEMENT(28))), 1);
	cr_expect_eq(issuing_plans(BY("client_secret_pkey", "\\(client_id = " ELEMENT(28) "\\) AND \\(version = " ELEMENT(29) "\\)")), 1);
	cr_expect_eq(issuing_plans(BY("organization_pkey", "organization_id = COALESCE[^\n]*")), 1);
	nothing_is_read_whole("with req as");
}

/* What the other connection is asked. */
Test(plans, so_is_everything_that_a_client_may_ask)
{
	char token[TOKEN_MAX];
	static const char caller[] = "with caller as";
	client_token(&w, &acme, token);
	sql_exec(world_db(&w), "analyze m2m.client, m2m.client_secret, m2m.organization, m2m.idempotency, m2m.token_audit");
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	expect_status(get(&w, "/m2m/client-secret", token, &r), 200);
	expect_status(get(&w, "/m2m/secrets", token, &r), 200);
	expect_status(get(&w, "/m2m/audit/tokens", token, &r), 200);
	expect_status(rotate(&w, token, 60, &r), 200);
	for (int tries = 0; tries < 100 && plans_of(caller, ".") < 6; tries++)
		usleep(100000);
	cr_assert_eq(plans_of(caller, "."), 6);
	nothing_is_read_whole(caller);
}

/* How often m2m.credentials_last_used, which reads the audit, was called: by its own statement. */
static int64_t questions_of_last_use(void)
{
	return plans_of("\\s*select u.kind, u.credential_id, u.secret_version, case when b.newer", ".");
}

static void wait_for_questions(int64_t n)
{
	for (int tries = 0; tries < 100 && questions_of_last_use() < n; tries++)
		usleep(100000);
	usleep(100000); /* there may be more */
	cr_expect_eq(questions_of_last_use(), n);
}

Test(plans, one_question_tells_when_all_credentials_were_last_used)
{
	char token[TOKEN_MAX], platform[TOKEN_MAX];
	mint(&w, "acme", "admin", token);
	mint_platform(&w, "backend", platform);
	for (int i = 0; i < 3; i++)
		expect_status(rotate(&w, token, 60, &r), 200);
	expect_status(get(&w, "/m2m/secrets", token, &r), 200);
	wait_for_questions(1);
	char path[128];
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/credentials", acme.client_id);
	expect_status(get(&w, path, platform, &r), 200);
	wait_for_questions(2);
}

/* Acts of one organization, of one client and of all are found from the youngest on, by an index
 * each. */
Test(plans, so_are_acts)
{
	char token[TOKEN_MAX], platform[TOKEN_MAX];
	static const char seen[] = "\\s*with seen as";
	mint(&w, "acme", "admin", token);
	mint_platform(&w, "backend", platform);
	sql_exec(world_db(&w),
		 "insert into m2m.admin_audit (at, action, outcome, actor, organization_id, client_id, transport)"
		 " select now() - n * interval '1 second', 'read_secret', 'granted', 'a', case when n %% 20 = 0 then '%s' else "
		 "gen_random_uuid() end,"
		 " 'm2m_' || n %% 1000, 'r' from generate_series(1, 20000) n",
		 acme.id);
	sql_exec(world_db(&w), "analyze m2m.admin_audit");
	expect_status(get(&w, "/m2m/audit/acts", token, &r), 200);
	expect_status(get(&w, "/m2m/audit/acts?client_id=m2m_AAAAAAAAAAAAAAAAAAAAA1", token, &r), 200);
	expect_status(get(&w, "/admin/audit/acts", platform, &r), 200);
	for (int tries = 0; tries < 100 && plans_of(seen, ".") < 3; tries++)
		usleep(100000);
	cr_expect_geq(plans_of(seen, "Scan [^\n]*admin_audit_organization"), 1);
	cr_expect_geq(plans_of(seen, "Scan [^\n]*admin_audit_client"), 1);
	cr_expect_geq(plans_of(seen, "Index Scan Backward using admin_audit_at"), 1);
	cr_expect_eq(plans_of(seen, "Seq Scan on [^\n]*admin_audit"), 0);
	cr_expect_eq(plans_of(seen, "Incremental Sort [^\n]*\n[^\n]*\n\\s*Presorted Key: a.at"), 2,
		     "only those of one time are sorted, so that it ends with its page");
}

static void show_token(const char *path, const char *basic, const char *token)
{
	char form[TOKEN_MAX + 16];
	snprintf(form, sizeof form, "token=%s", token);
	const struct http_request q = {.path = path, .basic = basic, .type = "application/x-www-form-urlencoded", .body = form};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
}

static void show_token_with_key(const char *path, const char *token)
{
	char assertion[TOKEN_MAX], form[2 * TOKEN_MAX + 128];
	struct client_key_pair key;
	client_key_make(&key, JWT_ES256);
	client_key_add(&w, &acme, &key);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	snprintf(form, sizeof form,
		 "token=%s&client_assertion_type=urn:ietf:params:oauth:client-assertion-type:jwt-bearer&client_assertion=%s", token,
		 assertion);
	expect_status(post_form(&w, path, NULL, form, &r), 200);
	signing_key_free(key.key);
}

/* The token that is shown, and what tells whether it has ended: each by its key. */
Test(plans, so_is_a_token_that_is_asked_about_or_revoked)
{
	char token[TOKEN_MAX], basic[128];
	static const char revoked_by_jti[] = "revoked_token_pkey on [^\n]*\n\\s*Index Cond: \\(jti = ";
	world_ctl(&w, &(struct ctl_result){0}, "client", "set", "--org", "acme", "--role", "admin", "--role", "resource_server");
	snprintf(basic, sizeof basic, "%s:%s", acme.client_id, acme.secret);
	client_token(&w, &acme, token);
	sql_exec(world_db(&w), "analyze m2m.client, m2m.client_secret, m2m.organization, m2m.revoked_token, m2m.tokens_ended");
	show_token("/oauth2/introspect", basic, token);
	show_token("/oauth2/revoke", basic, token);
	show_token_with_key("/oauth2/introspect", token);
	for (int tries = 0; tries < 100 && plans_of("with shown as", "Insert on used_once") < 1; tries++)
		usleep(100000);
	cr_expect_eq(plans_of("with dec as", "Insert on revoked_token"), 1);
	cr_expect_eq(plans_of("with (dec|shown|verdicts) as", revoked_by_jti), 2);
	cr_expect_eq(plans_of("with (dec|shown|verdicts) as", "tokens_ended_pkey on [^\n]*\n\\s*Index Cond: \\(\\(organization_id = "), 2);
	nothing_is_read_whole("with (dec|shown|verdicts) as");
}

static void read_two_pages(const char *basic, const char *bearer)
{
	char path[256] = "/oauth2/revocations?page_size=100", token[256];
	const struct http_request q = {.path = path, .basic = basic, .bearer = bearer};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	body_text(&r, "next_page_token", token, sizeof token);
	snprintf(path, sizeof path, "/oauth2/revocations?page_size=100&page_token=%s", token);
	expect_status(http_call(w.gateway.http, &q, &r), 200);
}

/* However many there are, of this organization and of others, a page reads its own. */
Test(plans, so_is_a_page_of_the_list_of_revocations)
{
	char basic[128], admin[TOKEN_MAX];
	static const char *const statements[] = {"with dec as", "with caller as"};
	mint(&w, "acme", "admin", admin);
	world_ctl(&w, &(struct ctl_result){0}, "client", "set", "--org", "acme", "--role", "resource_server");
	snprintf(basic, sizeof basic, "%s:%s", acme.client_id, acme.secret);
	sql_exec(world_db(&w),
		 "insert into m2m.revoked_token select gen_random_uuid(), now() + n * interval '1 s', 'c', '%s', now(), 'it'"
		 " from generate_series(1, 20000) n",
		 acme.id);
	sql_exec(world_db(&w),
		 "insert into m2m.tokens_ended select '%s', 'client-' || n, 1, '', 'infinity', now() + interval '1 hour'"
		 " from generate_series(1, 20000) n",
		 acme.id);
	sql_exec(world_db(&w), "insert into m2m.revoked_token"
			       " select gen_random_uuid(), now() + n * interval '1 s', 'c', md5('o' || n %% 100)::uuid, now(), 'it'"
			       " from generate_series(1, 20000) n");
	sql_exec(world_db(&w), "insert into m2m.tokens_ended"
			       " select md5('o' || n %% 100)::uuid, 'client-' || n, 1, '', 'infinity', now() + interval '1 hour'"
			       " from generate_series(1, 20000) n");
	sql_exec(world_db(&w), "analyze m2m.revoked_token, m2m.tokens_ended");
	read_two_pages(basic, NULL);
	read_two_pages(NULL, admin);
	for (int tries = 0; tries < 100 && plans_of("with caller as", "CTE revoked") < 2; tries++)
		usleep(100000);
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		cr_expect_eq(plans_of(statements[i], "CTE revoked"), 2);
		cr_expect_eq(plans_of(statements[i], "tokens_ended_pkey on [^\n]*\n\\s*Index Cond: \\(\\(ROW\\(organization_id, "), 2);
		cr_expect_eq(plans_of(statements[i], "revoked_token_expiry on [^\n]*\n\\s*Index Cond: \\(\\(expires_at >= COALESCE"), 2);
		nothing_is_read_whole(statements[i]);
	}
	cr_expect_eq(plans_of("with caller as", "tokens_ended_pkey on [^\n]*\n\\s*Index Cond: \\(\\(organization_id = "), 2);
	cr_expect_eq(plans_of("with caller as", "Presorted Key: [^\n]*organization_id, [^\n]*expires_at\n"), 2);
	cr_expect_eq(plans_of("with caller as", "Bitmap"), 0);
	cr_expect_eq(plans_of("with caller as", "revoked_token_of_organization on [^\n]*\n\\s*Index Cond: [^\n]*organization_id <= "), 2);
}

static void operate(const char *method, const char *path, const char *bearer, const char *body, int status)
{
	const struct http_request q = {
		.method = method, .path = path, .bearer = bearer, .type = body == NULL ? NULL : "application/json", .body = body};
	expect_status(http_call(w.gateway.http, &q, &r), status);
}

static void have_many_clients(void)
{
	sql_exec(world_db(&w), "insert into m2m.organization (organization_id, slug, name) select gen_random_uuid(), 'org-' || n, 'many' "
			       "from generate_series(1, 5000) n");
	sql_exec(world_db(&w), "insert into m2m.client (client_id, organization_id, is_default, audiences, secret_version)"
			       " select 'm2m_' || lpad(right(slug, -4), 22, '0'), organization_id, true, '{api}', 1 from m2m.organization "
			       "where name = 'many'");
	sql_exec(world_db(&w),
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint)"
		 " select client_id, 1, 'k1', decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'), '0000' from m2m.client"
		 " where client_id like 'm2m_00%%'");
	sql_exec(world_db(&w),
		 "insert into m2m.client_credential (client_id, credential_id, kind, public_jwk)"
		 " select client_id, 'k' || n, 'key', '{}' from m2m.client, generate_series(1, 2) n where client_id like 'm2m_00%%'");
	sql_exec(world_db(&w), "analyze m2m.client, m2m.client_secret, m2m.organization, m2m.client_credential");
}

/* These are asked seldom; it is enough that they find their way when the tables are large and
 * have been analyzed. */
Test(plans, so_is_everything_that_an_operator_asks)
{
	static const char own[] = "(select .granted.|select case when o.slug|with\\s+(made|target|org|present|caller) as)";
	char token[TOKEN_MAX], path[256], under[256], client_id[64];
	mint_platform(&w, "backend", token);
	have_many_clients();
	operate("POST", "/admin/organizations", token, "{\"slug\":\"beta\"}", 201);
	operate("GET", "/admin/organizations", token, NULL, 200);
	operate("GET", "/admin/organizations/beta", token, NULL, 200);
	operate("PATCH", "/admin/organizations/beta", token, "{\"name\":\"Beta\",\"disabled\":false}", 200);
	operate("POST", "/admin/organizations/beta/clients", token, "{\"name\":\"nightly\"}", 201);
	body_text(&r, "client_id", client_id, sizeof client_id);
	operate("GET", "/admin/organizations/beta/clients", token, NULL, 200);
	snprintf(path, sizeof path, "/admin/organizations/beta/clients/%s", client_id);
	operate("GET", path, token, NULL, 200);
	operate("PATCH", path, token, "{\"name\":\"hourly\"}", 200);
	snprintf(under, sizeof under, "%s/secret", path);
	operate("GET", under, token, NULL, 200);
	snprintf(under, sizeof under, "%s/rotate", path);
	operate("POST", under, token, "{}", 200);
	snprintf(under, sizeof under, "%s/credentials", path);
	operate("POST", under, token, "{\"kind\":\"key\",\"public_key\":" EC_JWK "}", 201);
	operate("GET", under, token, NULL, 200);
	snprintf(under, sizeof under, "%s/credentials/oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U", path);
	operate("DELETE", under, token, NULL, 204);
	operate("DELETE", path, token, NULL, 204);
	operate("DELETE", "/admin/organizations/beta", token, NULL, 204);
	for (int tries = 0; tries < 100 && plans_of(own, "delete_organization") < 1; tries++)
		usleep(100000);
	cr_assert_geq(plans_of(own, "."), 15);
	nothing_is_read_whole(own);
}

/* Of a secret that was rotated very often with a grace: a token and a rotation look at what may be
 * live. */
Test(plans, versions_that_ended_by_themselves_are_met_once)
{
	char token[TOKEN_MAX];
	mint(&w, "acme", "admin", token);
	sql_exec(world_db(&w), "update m2m.client set secret_version = 3001");
	sql_exec(world_db(&w), "update m2m.client_secret set version = 3001");
	sql_exec(world_db(&w),
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, ended_at, expires_at)"
		 " select '%s', v, 'k1', sha256('s'), sha256('v'), 'abcd', now() - interval '2 days', now() - interval '1 day'"
		 " from generate_series(1, 3000) v",
		 acme.client_id);
	expect_status(rotate(&w, token, 60, &r), 200);
	body_text(&r, "client_secret", acme.secret, sizeof acme.secret);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where not over"), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where expires_at = now() - interval '1 day'") +
			     sql_int(world_db(&w), "select count(*) from m2m.client_secret where expires_at < now() - interval '23 hours'"),
		     3000, "each keeps its end");
	expect_status(rotate(&w, token, 60, &r), 200);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where xmin::text::int8 ="
					   " (select max(s.xmin::text::int8) from m2m.client_secret s)"),
		     3, "a rotation writes those that it ends, and the new one");
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	wait_for_plans(1);
	cr_expect_eq(issuing_plans("client_secret_by_id [^\n]*\n\\s*Index Cond: \\(client_id = " ELEMENT(2)), 1);
}

/* Of m2m.client_secret, as the statistics have it; they come a moment later. */
static int64_t secrets_read(void)
{
	return sql_int(world_db(&w), "select sum(idx_tup_read) from pg_stat_all_indexes where relname = 'client_secret'") +
	       sql_int(world_db(&w), "select seq_tup_read from pg_stat_all_tables where relname = 'client_secret'");
}

static int64_t looked_up_by_key(void)
{
	return sql_int(world_db(&w), "select idx_scan from pg_stat_all_indexes where indexrelname like 'client_secret_by_key%%'");
}

/* A key that left the ring, and had very many secrets which ended with their grace: the console
 * asks every few seconds whether one of them still needs it. */
Test(plans, whether_a_key_that_left_is_still_needed_is_seen_by_one_secret)
{
	struct ctl_result ran;
	char token[TOKEN_MAX];
	world_ctl(&w, &ran, "token", "mint", "--operator", "--subject", "ops", "--output", "text");
	snprintf(token, sizeof token, "%.*s", (int)strcspn(ran.out, "\n"), ran.out);
	have_many_clients();
	sql_exec(world_db(&w),
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_at, expires_at)"
		 " select client_id, v, 'gone', sha256('s'), sha256('v'), 'abcd', now() - interval '1 day', now() - v * interval '1 second'"
		 " from m2m.client, generate_series(2, 5) v where client_id like 'm2m_00%%'");
	sql_exec(world_db(&w), "analyze m2m.client_secret");
	operate("GET", "/admin/health", token, NULL, 200);
	cr_expect(strstr(r.body, "gone") == NULL, "%s", r.body);
	int64_t asked = looked_up_by_key(), read = secrets_read();
	for (int tries = 0; tries < 200 && looked_up_by_key() < asked + 4; tries++) {
		operate("GET", "/admin/health", token, NULL, 200);
		usleep(100000);
	}
	cr_assert_geq(looked_up_by_key(), asked + 4);
	cr_expect_lt(secrets_read() - read, 5000, "%lld rows are read", (long long)(secrets_read() - read));
	cr_expect_eq(plans_of("with recursive used", "Seq Scan on [^\n]*client_secret"), 0);
	/* one that is live, neither the first nor the last by its client */
	sql_exec(world_db(&w), "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, expires_at)"
			       " select client_id, 6, 'gone', sha256('s'), sha256('v'), 'abcd', now() + interval '1 day'"
			       " from m2m.client where client_id like 'm2m_00%%' order by client_id offset 2500 limit 1");
	operate("GET", "/admin/health", token, NULL, 200);
	cr_expect(strstr(r.body, "gone") != NULL, "%s", r.body);
}

/* ---- many of everything ---- */

#define MANY "50000"

/* Clients with a secret and a key each, and what was shown once, as many as there are in use where
 * nobody looks at the plans any more (tests/bench/plans has ten million). */
static void have_very_many(void)
{
	PGconn *db = world_db(&w);
	sql_exec(db, "set session_replication_role = replica"); /* no look-up of a foreign key for each */
	sql_exec(db, "insert into m2m.client (client_id, organization_id, audiences, secret_version, auth_methods)"
		     " select 'm2m_' || lpad(n::text, 22, '0'), gen_random_uuid(), '{public-api}', 1, '{secret,key}'"
		     " from generate_series(1, " MANY ") n");
	sql_exec(db, "insert into m2m.organization (organization_id, slug, name) select organization_id, right(client_id, 22), 'o' from "
		     "m2m.client"
		     " where client_id like 'm2m_00%%'");
	sql_exec(db, "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint)"
		     " select client_id, 1, 'k1', sha256('s'), sha256('v'), 'abcd' from m2m.client where client_id like 'm2m_00%%'");
	sql_exec(db, "insert into m2m.client_credential (client_id, credential_id, kind, public_jwk)"
		     " select client_id, md5(client_id), 'key', '{}' from m2m.client where client_id like 'm2m_00%%'");
	sql_exec(db, "insert into m2m.used_once select mod(h, 32)::int2, decode(md5(n::text), 'hex'), to_timestamp(h * 3600 + 3599)"
		     " from generate_series(1, " MANY ") n cross join lateral"
		     " (select floor(extract(epoch from clock_timestamp()) / 3600)::bigint + n %% 2 as h) t");
	sql_exec(db, "reset session_replication_role");
	sql_exec(db, "analyze m2m.client, m2m.client_secret, m2m.organization, m2m.client_credential, m2m.used_once");
}

/* All four texts of the issuing statement: a secret's, a bearer's, a key's, and a bearer's with a
 * key. */
Test(plans, of_very_many_clients_and_assertions_each_text_reads_its_own)
{
	char token[TOKEN_MAX], assertion[TOKEN_MAX], body[TOKEN_MAX + 512];
	struct client_key_pair key;
	client_key_make(&key, JWT_ES256);
	client_key_add(&w, &acme, &key);
	have_very_many();
	client_token(&w, &acme, token);
	expect_status(m2m_token(&w, token, acme.client_id, acme.secret, &r), 200);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_status(assertion_token(w.gateway.http, assertion, "", &r), 200);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	snprintf(body, sizeof body,
		 "{\"grant_type\":\"client_credentials\",\"client_assertion_type\":\"urn:ietf:params:oauth:client-assertion-type:jwt-"
		 "bearer\","
		 "\"client_assertion\":\"%s\"}",
		 assertion);
	operate("POST", "/m2m/token", token, body, 200);
	wait_for_plans(4);
	cr_expect_eq(issuing_plans(BY("client_by_id", "client_id = " ELEMENT(2))), 4);
	cr_expect_eq(issuing_plans(BY("client_secret_pkey", "\\(client_id = " ELEMENT(28) "\\) AND \\(version = " ELEMENT(29) "\\)")), 2);
	cr_expect_eq(issuing_plans(" client_credential_(present|all|by_id) on [^\n]*\n\\s*Index Cond: \\(\\(?client_id = " ELEMENT(2)), 2);
	cr_expect_eq(issuing_plans("Insert on used_once"), 2);
	cr_expect_eq(issuing_plans("Scan [^\n]*used_once_[0-9]"), 0, "what was shown is found by the insert's own index alone");
	nothing_is_read_whole("with req as");
	signing_key_free(key.key);
}

/* What operators search in a million clients. */
Test(plans, so_is_what_operators_search)
{
	char platform[TOKEN_MAX];
	static const char *const paths[] = {
		"/admin/organizations?search=acme",
		"/admin/organizations?search=acme&state=enabled",
		"/admin/organizations",
		"/admin/clients?search=m2m_1",
		"/admin/clients",
		"/admin/organizations/acme/clients?search=billing",
		"/admin/portal-sessions",
	};
	static const char *const statements[] = {"with found as", "with place as", "select .granted.,\\s*s.session_id"};
	mint_platform(&w, "backend", platform);
	sql_exec(world_db(&w), "set session_replication_role = replica"); /* no look-up of a foreign key for each */
	sql_exec(world_db(&w), "insert into m2m.organization (organization_id, slug, name)"
			       " select md5('o' || i)::uuid, 'org-' || i, 'Works ' || i from generate_series(1, 1000) i");
	sql_exec(world_db(&w), "insert into m2m.client (client_id, organization_id, name, audiences, secret_version)"
			       " select 'm2m_' || lpad(i::text, 22, '0'), case i %% 20 when 0 then organization_id else md5('o' || i %% "
			       "1000 + 1)::uuid end,"
			       " 'Billing ' || i, '{a}', 1 from m2m.organization, generate_series(1, " MANY ") i where slug = 'acme'");
	sql_exec(world_db(&w),
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint)"
		 " select client_id, 1, 'k1', sha256('s'), sha256('v'), 'abcd' from m2m.client where client_id like 'm2m_00%%'");
	sql_exec(world_db(&w), "insert into m2m.portal_session (session_id, token_hash, link_id, organization_id, actor, may, expires_at)"
			       " select gen_random_uuid(), sha256(i::text::bytea), gen_random_uuid(), organization_id, 'a', '{read}',"
			       " now() + i * interval '1 second' from m2m.organization, generate_series(1, 5000) i where slug = 'acme'");
	sql_exec(world_db(&w), "reset session_replication_role");
	sql_exec(world_db(&w), "analyze m2m.client, m2m.client_secret, m2m.organization, m2m.portal_session");
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
		expect_status(get(&w, paths[i], platform, &r), 200);
	for (int tries = 0; tries < 100 && plans_of("select .granted.,\\s*s.session_id", ".") < 1; tries++)
		usleep(100000);
	cr_expect_eq(plans_of("with found as", "organization_by_slug"), 3);
	cr_expect_eq(plans_of("with found as", "organization_words"), 3);
	cr_expect_eq(plans_of("with place as", "client_by_name "), 2);
	cr_expect_eq(plans_of("with place as", BY("client_by_name_within", "\\(organization_id = [^\n]*")), 1);
	cr_expect_eq(plans_of("with place as", BY("client_(by|in)_organization", "[^\n]*organization_id, client_id[^\n]*")), 1);
	cr_expect_eq(plans_of("select .granted.,\\s*s.session_id", "Presorted Key: s.expires_at.*portal_session_expiry"), 1);
	cr_expect_eq(plans_of("with place as", "Presorted Key: [^\n]*organization_id\n"), 0, "that would sort the organization whole");
	for (size_t i = 0; i < sizeof statements / sizeof *statements; i++) {
		cr_expect_gt(plans_of(statements[i], "."), 0, "%s", statements[i]);
		nothing_is_read_whole(statements[i]);
	}
}
