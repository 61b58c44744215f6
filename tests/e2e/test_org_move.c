/* `m2mctl org move`: an organization moves from one installation, with its own database and
 * gateway, to another one. At the end a history: clients that issue tokens all through the move, as
 * its errors tell them to, which a mutation of tests/mutations makes fail. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/client_key.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define TARGET_URL "https://m2m-2.test"

static struct world source, target;
static char url_file[TMP_PATH];
static struct org acme;
static struct http_reply r;
static struct ctl_result ran;

static void open_worlds(void)
{
	char url[PG_URL];
	world_open(&source);
	world_prepare(&target, false);
	/* both are copies of one database */
	sql_exec(world_db(&target), "update m2m.installation set installation_id = gen_random_uuid()");
	sql_exec(world_db(&target), "alter database %s set timezone = 'Asia/Tokyo'", target.database);
	sql_exec(world_db(&target), "alter database %s set datestyle = 'German'", target.database);
	gateway_start(&target.gateway, &target.gateway_env);
	pg_url(&target.pg, "m2m_owner", target.database, url);
	tmp_path(url_file, "target", ".url");
	FILE *f = fopen(url_file, "w");
	require(f != NULL && fprintf(f, "%s\n", url) >= 0 && fclose(f) == 0, "%s can't be written", url_file);
	org_create(&source, "acme", &acme);
}

static void close_worlds(void)
{
	world_close(&source);
	world_close(&target);
}

TestSuite(org_move, .init = open_worlds, .fini = close_worlds, .timeout = 240);

/* Somebody waits for the test's lock, in this database. */
#define HELD                                                                                                                               \
	"exists (select from pg_locks l join pg_database d on d.oid = l.database where d.datname = current_database()"                     \
	" and l.locktype = 'advisory' and l.objid = 4242 and not l.granted)"

static int org_move(const char *slug)
{
	return ctl(&source.ctl_env, &ran, "org", "move", slug, "--to-database", url_file, "--url", TARGET_URL);
}

static int back_out(const char *slug)
{
	return ctl(&source.ctl_env, &ran, "org", "move", slug, "--to-database", url_file, "--back-out");
}

#define expect_ctl(call, want) cr_assert_eq((call), want, "%s ended with %d, not %d: %s%s", #call, ran.exit_code, want, ran.out, ran.err)

static int token_at(const struct world *w, const struct org *o)
{
	return oauth_token(w->gateway.http, o->client_id, o->secret, &r);
}

static void freeze(struct world *w, const char *slug)
{
	sql_exec(world_db(w),
		 "begin; set local role m2m_owner; set local m2m.org_move = 'on';"
		 " update m2m.organization set moving = 'frozen' where slug = '%s'; commit",
		 slug);
}

static int admin_call(const struct world *w, const char *method, const char *path, const char *bearer, const char *body)
{
	return http_call(
		w->gateway.http,
		&(struct http_request){
			.method = method, .path = path, .bearer = bearer, .type = body == NULL ? NULL : "application/json", .body = body},
		&r);
}

static void expect_moving(int status)
{
	char after[16];
	cr_assert_eq(status, 503, "%d: %s", status, r.body);
	cr_assert_str_eq(http_header(&r, "Retry-After", after, sizeof after), "1");
}

/* ---- frozen ---- */

Test(org_move, what_a_frozen_organization_asks_is_for_later_and_its_tokens_stay_good)
{
	static char admin[TOKEN_MAX], token[TOKEN_MAX], server[TOKEN_MAX], body[TOKEN_MAX + 64];
	struct org other;
	org_create(&source, "other", &other);
	mint(&source, "acme", "admin", admin);
	mint_platform(&source, "backend", server);
	client_token(&source, &acme, token);
	freeze(&source, "acme");
	expect_moving(token_at(&source, &acme));
	cr_assert(is_oauth_error(&r, "temporarily_unavailable"), "%s", r.body);
	expect_moving(m2m_token(&source, admin, acme.client_id, acme.secret, &r));
	expect_moving(rotate(&source, admin, 0, &r));
	cr_assert(is_problem(&r, "organization_moving"), "%s", r.body);
	expect_moving(get(&source, "/m2m/client-secret", admin, &r));
	expect_moving(get(&source, "/m2m/client-id", token, &r));
	snprintf(body, sizeof body, "token=%s", token);
	expect_status(post_form(&source, "/oauth2/introspect", server, body, &r), 200);
	cr_assert(strstr(r.body, "\"active\":true") != NULL, "%s", r.body);
	expect_status(token_at(&source, &other), 200);
	struct grpc_reply g;
	cr_expect_eq(grpc_token(&source, admin, acme.client_id, acme.secret, "", &g), 14);
}

Test(org_move, nothing_of_a_frozen_organization_is_changed)
{
	static char platform[TOKEN_MAX];
	static const char *const changes[][6] = {
		{"client", "rotate", "--org", "acme"},
		{"client", "create", "--org", "acme"},
		{"client", "set", "--org", "acme", "--name", "x"},
		{"client", "delete", "SECOND", "--yes"},
		{"client", "revoke-tokens", "ID", "--all"},
		{"org", "set", "acme", "--name", "x"},
		{"org", "delete", "acme", "--yes"},
		{"org", "revoke-tokens", "acme"},
		{"token", "mint", "--org", "acme"},
	};
	const char *before = "select md5(string_agg(c::text || s::text, '' order by c.client_id, s.version)) from m2m.client c"
			     " join m2m.client_secret s using (client_id)";
	char was[64], second[64];
	mint_platform(&source, "backend", platform);
	world_ctl(&source, &ran, "client", "create", "--org", "acme", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", second, sizeof second);
	snprintf(was, sizeof was, "%s", sql_text(world_db(&source), "%s", before));
	freeze(&source, "acme");
	for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
		const char *args[8] = {NULL};
		for (size_t n = 0; n < 6 && changes[i][n] != NULL; n++)
			args[n] = strcmp(changes[i][n], "ID") == 0       ? acme.client_id
				  : strcmp(changes[i][n], "SECOND") == 0 ? second
									 : changes[i][n];
		int code = ctl_run(&source.ctl_env, &ran, args);
		cr_expect(code != 0 && strstr(ran.err, "moving") != NULL, "%s %s ended with %d: %s", args[0], args[1], code, ran.err);
	}
	expect_moving(post_json(&source, "/admin/organizations/acme/clients", platform, "{\"name\":\"x\"}", &r));
	expect_moving(admin_call(&source, "PATCH", "/admin/organizations/acme", platform, "{\"disabled\":true}"));
	char path[192];
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s", second);
	expect_moving(admin_call(&source, "PATCH", path, platform, "{\"name\":\"x\"}"));
	expect_moving(admin_call(&source, "DELETE", path, platform, NULL));
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/credentials", second);
	expect_moving(admin_call(&source, "POST", path, platform,
				 "{\"kind\":\"workload\",\"issuer\":\"https://ci.example.com\",\"subject\":\"a\"}"));
	snprintf(path, sizeof path, "/admin/organizations/acme/clients/%s/rotate", second);
	expect_moving(admin_call(&source, "POST", path, platform, "{}"));
	/* each refusal is recorded, once, whoever refused it */
	cr_expect_str_eq(
		sql_text(world_db(&source),
			 "select string_agg(a.action || ' ' || (a.organization_id = o.organization_id) || ' ' || (coalesce(a.client_id, "
			 "'') = '%s'),"
			 " ', ' order by a.action) from m2m.admin_audit a, m2m.organization o where a.outcome = 'organization_moving'"
			 " and a.transport = 'r'",
			 second),
		"add_workload true true, create_client true false, delete_client true true, disable_organization true false,"
		" rotate_secret true true, set_client true true");
	cr_assert_str_eq(sql_text(world_db(&source), "%s", before), was);
	cr_expect_eq(sql_int(world_db(&source), "select count(*) from m2m.tokens_ended"), 0);
}

/* Whoever asks again and again doesn't fill the record, nor take another organization's room. */
Test(org_move, of_the_refusals_of_what_moves_the_first_ten_are_recorded)
{
	static char platform[TOKEN_MAX];
	static const char count[] =
		"select count(*) from m2m.admin_audit where outcome = 'organization_moving' and action = 'set_organization'"
		" and organization_id = '%s'";
	struct org other;
	org_create(&source, "other", &other);
	mint_platform(&source, "backend", platform);
	freeze(&source, "acme");
	freeze(&source, "other");
	for (int i = 0; i < 60; i++)
		expect_moving(admin_call(&source, "PATCH", "/admin/organizations/acme", platform, "{\"name\":\"x\"}"));
	int64_t rows = sql_int(world_db(&source), count, acme.id);
	/* by each of two workers, and the next minute may have begun */
	cr_expect(rows >= 10 && rows <= 40, "%lld rows", (long long)rows);
	expect_moving(admin_call(&source, "PATCH", "/admin/organizations/other", platform, "{\"name\":\"x\"}"));
	cr_expect_eq(sql_int(world_db(&source), count, other.id), 1);
}

/* ---- moved ---- */

Test(org_move, an_organization_moves_with_what_it_has)
{
	static char admin[TOKEN_MAX], token[TOKEN_MAX], body[TOKEN_MAX + 128];
	struct org old;
	char new_secret[SECRET_MAX];
	world_ctl(&source, &ran, "org", "set", "acme", "--allow-network", "127.0.0.0/8", "--secret-max-age", "90d");
	world_ctl(&source, &ran, "client", "create", "--org", "acme", "--name", "second");
	client_token(&source, &acme, token);
	snprintf(body, sizeof body, "token=%s&client_id=%s&client_secret=%s", token, acme.client_id, acme.secret);
	expect_status(post_form(&source, "/oauth2/revoke", NULL, body, &r), 200);
	mint(&source, "acme", "admin", admin);
	expect_status(post_json(&source, "/m2m/rotate", admin, "{\"until_unused_seconds\":3600,\"at_most_seconds\":86400}", &r), 200);
	body_text(&r, "client_secret", new_secret, sizeof new_secret);
	expect_status(token_at(&source, &acme), 200);

	expect_ctl(org_move("acme"), 0);
	cr_assert(strstr(ran.out, "pause_ms") != NULL, "%s", ran.out);
	old = acme;
	expect_status(token_at(&target, &old), 200);
	expect_status(oauth_token(target.gateway.http, acme.client_id, new_secret, &r), 200);
	expect_status(token_at(&source, &old), 421);
	cr_assert(strstr(r.body, "The organization has moved to " TARGET_URL ".") != NULL, "%s", r.body);
	expect_status(rotate(&source, admin, 0, &r), 421);
	cr_assert(is_problem(&r, "organization_moved"), "%s", r.body);
	struct grpc_reply g;
	cr_expect_eq(grpc_token(&source, admin, acme.client_id, acme.secret, "", &g), 9);

	static char digest[80];
	snprintf(digest, sizeof digest, "%s",
		 sql_text(world_db(&source), "select detail->>'digest' from m2m.admin_audit where action = 'move_organization'"));
	cr_expect_str_eq(sql_text(world_db(&target), "select detail->>'digest' from m2m.admin_audit where action = 'receive_organization'"),
			 digest);
	cr_expect_eq(strlen(digest), 64);
	cr_expect_eq(sql_int(world_db(&target), "select count(*) from m2m.revoked_token"), 1);
	cr_expect_eq(sql_int(world_db(&target), "select count(*) from m2m.client"), 2);
	cr_expect_str_eq(sql_text(world_db(&target), "select allowed_networks::text || secret_max_age from m2m.organization"),
			 "{127.0.0.0/8}7776000");
	cr_expect_str_eq(sql_text(world_db(&target), "select isfinite(look_at) and used_at is not null from m2m.secret_unused_look"), "t",
			 "the last use before the move is known to who ends unused versions");
	cr_expect_eq(sql_int(world_db(&target),
			     "select count(*) from m2m.credential_last_use where last_used_at is not null and credential_id in ('1', '2')"),
		     2);
	cr_expect_str_eq(sql_text(world_db(&source), "select look_at from m2m.secret_unused_look"), "infinity");
	expect_ctl(ctl(&source.ctl_env, &ran, "audit", "verify"), 0);
	expect_ctl(ctl(&target.ctl_env, &ran, "audit", "verify"), 0);
	/* made at the target, and by no act of either end */
	sql_exec(world_db(&target), "update m2m.client_secret set created_at = now() + interval '2 minutes' where version = 2");
	expect_ctl(ctl(&target.ctl_env, &ran, "audit", "verify", "--only", "contradictions"), 6);
}

Test(org_move, what_was_shown_once_is_not_taken_again_at_the_target)
{
	struct client_key_pair key;
	static char assertion[TOKEN_MAX];
	client_key_make(&key, JWT_ES256);
	client_key_add(&source, &acme, &key);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_status(assertion_token(source.gateway.http, assertion, "", &r), 200);
	expect_ctl(org_move("acme"), 0);
	expect_status(assertion_token(target.gateway.http, assertion, "", &r), 401);
	client_assertion_new(acme.client_id, &key, 60, assertion);
	expect_status(assertion_token(source.gateway.http, assertion, "", &r), 421);
	expect_status(assertion_token(target.gateway.http, assertion, "", &r), 200);
	signing_key_free(key.key);
}

static char held_assertion[TOKEN_MAX];

static void *show_assertion(void *arg)
{
	static struct http_reply reply;
	(void)arg;
	assertion_token(source.gateway.http, held_assertion, "", &reply);
	return NULL;
}

static void wait_for(PGconn *db, const char *condition)
{
	for (int i = 0; i < 6000; i++) {
		if (sql_text(db, "select %s", condition)[0] == 't')
			return;
		sleep_ms(10);
	}
	cr_assert(false, "never: %s", condition);
}

/* With m2mctl held at most so long, a move that doesn't wait has ended by then. */
#define LONGER_THAN_A_MOVE_MS 500

Test(org_move, what_is_being_written_when_it_is_frozen_is_waited_for_and_comes_along)
{
	struct client_key_pair key;
	struct ctl_job job;
	pthread_t showing;
	PGconn *db = world_db(&source);
	client_key_make(&key, JWT_ES256);
	client_key_add(&source, &acme, &key);
	client_assertion_new(acme.client_id, &key, 60, held_assertion);
	sql_exec(db, "create function m2m.hold() returns trigger language plpgsql as"
		     " $$ begin perform pg_advisory_xact_lock(4242); return new; end $$");
	sql_exec(db, "create trigger a_hold before insert on m2m.used_once for each row execute function m2m.hold()");
	sql_exec(db, "select pg_advisory_lock(4242)");
	cr_assert_eq(pthread_create(&showing, NULL, show_assertion, NULL), 0);
	wait_for(db, HELD);
	ctl_start(&source.ctl_env, &job, &ran,
		  (const char *const[]){"org", "move", "acme", "--to-database", url_file, "--url", TARGET_URL, NULL});
	wait_for(db, "exists (select from m2m.organization where moving is not null)");
	sleep_ms(LONGER_THAN_A_MOVE_MS);
	sql_exec(db, "select pg_advisory_unlock(4242)");
	pthread_join(showing, NULL);
	expect_ctl(ctl_finish(&job, &ran), 0);
	cr_assert_eq(sql_int(db, "select count(*) from m2m.used_once"), 1);
	cr_assert_eq(assertion_token(target.gateway.http, held_assertion, "", &r), 401,
		     "what was being shown at the freeze was taken again: %s", r.body);
	signing_key_free(key.key);
}

Test(org_move, an_organization_comes_back)
{
	char url[PG_URL];
	expect_ctl(org_move("acme"), 0);
	mint(&target, "acme", "admin", (char[TOKEN_MAX]){0});
	sql_exec(world_db(&target), "update m2m.client set name = 'renamed there'");
	pg_url(&source.pg, "m2m_owner", source.database, url);
	FILE *f = fopen(url_file, "w");
	require(f != NULL && fprintf(f, "%s\n", url) >= 0 && fclose(f) == 0, "%s can't be written", url_file);
	expect_ctl(ctl(&target.ctl_env, &ran, "org", "move", "acme", "--to-database", url_file, "--url", "https://m2m-1.test"), 0);
	expect_status(token_at(&source, &acme), 200);
	expect_status(token_at(&target, &acme), 421);
	cr_expect_str_eq(sql_text(world_db(&source), "select name from m2m.client"), "renamed there");
}

/* ---- refused before anything is frozen ---- */

Test(org_move, nothing_of_a_target_that_is_no_url_is_repeated)
{
	static const char *const texts[] = {"postgresql://owner:50%off-hunter2@127.0.0.1:1/m2m",
					    "postgresql://owner:hunter2@quux@127.0.0.1/m2m",
					    "k1: hunter2AAAABBBBCCCCDDDDEEEEFFFFGGGGHHHHIIII=",
					    "host=127.0.0.1 password=hunter2",
					    "hunter2",
					    ""};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		tmp_write(url_file, texts[i]);
		expect_ctl(org_move("acme"), 3);
		cr_expect(strstr(ran.err, "--to-database: ") != NULL && strstr(ran.err, "its value is not shown") != NULL, "%s", ran.err);
		cr_expect(strstr(ran.err, "hunter2") == NULL && strstr(ran.err, "quux") == NULL, "%s", ran.err);
	}
	cr_expect_eq(sql_int(world_db(&source), "select count(*) from m2m.admin_audit where action = 'freeze_organization'"), 0);
}

Test(org_move, a_target_without_the_master_key_is_refused_and_nothing_is_frozen)
{
	sql_exec(world_db(&target), "delete from m2m.key_check");
	expect_ctl(org_move("acme"), 6);
	cr_assert(strstr(ran.err, "the target lacks the master key \"k1\"") != NULL, "%s", ran.err);
	sql_exec(world_db(&target), "insert into m2m.key_check values ('k1', sha256('other'))");
	expect_ctl(org_move("acme"), 6);
	cr_assert(strstr(ran.err, "another master key as \"k1\"") != NULL, "%s", ran.err);
	expect_status(token_at(&source, &acme), 200);
	cr_expect_eq(sql_int(world_db(&target), "select count(*) from m2m.organization"), 0);
}

Test(org_move, a_name_that_is_taken_at_the_target_is_refused_and_nothing_is_frozen)
{
	struct org other;
	org_create(&target, "acme", &other);
	expect_ctl(org_move("acme"), 1);
	expect_status(token_at(&source, &acme), 200);
	expect_status(token_at(&target, &other), 200);
	expect_ctl(ctl(&source.ctl_env, &ran, "org", "move", "acme", "--to-database", url_file, "--url", "acme.test"), 2);
	expect_ctl(ctl(&target.ctl_env, &ran, "org", "move", "acme", "--to-database", url_file, "--url", TARGET_URL), 6);
	cr_assert(strstr(ran.err, "one installation") != NULL, "%s", ran.err);
}

/* ---- ended half-way ---- */

/* Where m2mctl is held: it has come to this write and not past it. */
struct point {
	const char *name, *table, *condition;
	bool at_target;
};

static const struct point points[] = {
	{"before anything", "organization_move", "new.state = 'copying'", false},
	{"before the target's row", "organization_move", "new.state = 'arriving'", true},
	{"while clients are copied", "client", "true", true},
	{"before the freeze", "organization_move", "new.state = 'frozen'", false},
	{"before it has left", "organization_move", "new.state = 'moved'", false},
	{"before it is opened", "organization_move", "new.state = 'open'", true},
};

static struct world *end_of(const struct point *p)
{
	return p->at_target ? &target : &source;
}

static void hold(const struct point *p)
{
	PGconn *db = world_db(end_of(p));
	sql_exec(db, "create or replace function m2m.hold() returns trigger language plpgsql as"
		     " $$ begin perform pg_advisory_xact_lock(4242); return new; end $$");
	sql_exec(db,
		 "create trigger a_hold before insert or update on m2m.%s for each row when (%s)"
		 " execute function m2m.hold()",
		 p->table, p->condition);
	sql_exec(db, "select pg_advisory_lock(4242)");
}

#define NO_M2MCTL "not exists (select from pg_stat_activity where application_name = 'm2mctl' and datname = current_database())"

static void let_go(const struct point *p)
{
	PGconn *db = world_db(end_of(p));
	sql_exec(db, "select pg_advisory_unlock(4242)");
	wait_for(world_db(&source), NO_M2MCTL);
	wait_for(world_db(&target), NO_M2MCTL);
	sql_exec(db, "drop trigger a_hold on m2m.%s", p->table);
}

static void kill_at(const struct point *p, const char *slug)
{
	struct ctl_job job;
	hold(p);
	ctl_start(&source.ctl_env, &job, &ran,
		  (const char *const[]){"org", "move", slug, "--to-database", url_file, "--url", TARGET_URL, NULL});
	wait_for(world_db(end_of(p)), HELD);
	proc_kill(job.pid);
	unlink(job.out_path);
	let_go(p);
}

static void expect_open_once_at_most(const struct point *p, const struct org *o)
{
	int at_source = token_at(&source, o);
	int at_target = token_at(&target, o);
	cr_assert(at_source == 200 || at_source == 503 || at_source == 421, "%s: the source answered %d", p->name, at_source);
	cr_assert(at_target == 401 || at_target == 503, "%s: the target answered %d", p->name, at_target);
}

Test(org_move, a_move_that_was_killed_anywhere_is_finished_by_running_it_again)
{
	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		struct org o;
		char slug[16];
		snprintf(slug, sizeof slug, "killed-%zu", i);
		org_create(&source, slug, &o);
		kill_at(&points[i], slug);
		expect_open_once_at_most(&points[i], &o);
		cr_assert_eq(org_move(slug), 0, "%s: %s", points[i].name, ran.err);
		cr_assert_eq(token_at(&target, &o), 200, "%s: %s", points[i].name, r.body);
		cr_assert_eq(token_at(&source, &o), 421, "%s: %s", points[i].name, r.body);
		cr_assert_eq(org_move(slug), 0, "%s: again: %s", points[i].name, ran.err);
		cr_assert_eq(back_out(slug), 1, "%s: %s", points[i].name, ran.err);
		cr_assert_eq(token_at(&target, &o), 200, "%s: %s", points[i].name, r.body);
	}
}

Test(org_move, a_move_that_was_killed_before_it_opened_is_backed_out)
{
	for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
		struct org o;
		char slug[16];
		snprintf(slug, sizeof slug, "back-%zu", i);
		org_create(&source, slug, &o);
		kill_at(&points[i], slug);
		int code = back_out(slug);
		cr_assert_eq(code, i == 0 ? 4 : 0, "%s: %d %s", points[i].name, code, ran.err);
		cr_assert_eq(token_at(&source, &o), 200, "%s: %s", points[i].name, r.body);
		cr_assert_eq(token_at(&target, &o), 401, "%s: %s", points[i].name, r.body);
		cr_assert_eq(sql_int(world_db(&target), "select count(*) from m2m.organization"), 0, "%s", points[i].name);
		cr_assert_eq(org_move(slug), 0, "%s: %s", points[i].name, ran.err);
		cr_assert_eq(token_at(&target, &o), 200, "%s: %s", points[i].name, r.body);
		sql_exec(world_db(&target), "begin; set local role m2m_owner; delete from m2m.client_secret; delete from m2m.client;"
					    " delete from m2m.organization; commit");
	}
}

#define WAITS_FOR_A_COMMIT                                                                                                                 \
	"exists (select from pg_locks l join pg_stat_activity a using (pid) where a.application_name = 'm2mctl'"                           \
	" and a.datname = current_database() and l.locktype = 'transactionid' and not l.granted)"

/* What m2mctl had asked for may commit behind its end: who backs out waits for that, and then finds
 * the organization open at the target. */
Test(org_move, a_back_out_beside_the_commit_that_opens_leaves_it_open_at_one_end)
{
	struct ctl_job job;
	PGconn *db = world_db(&target);
	sql_exec(db, "create function m2m.hold() returns trigger language plpgsql as"
		     " $$ begin perform pg_advisory_xact_lock(4242); return new; end $$");
	sql_exec(db, "create constraint trigger a_hold after update on m2m.organization_move deferrable initially deferred"
		     " for each row when (new.state = 'open') execute function m2m.hold()");
	sql_exec(db, "select pg_advisory_lock(4242)");
	ctl_start(&source.ctl_env, &job, &ran,
		  (const char *const[]){"org", "move", "acme", "--to-database", url_file, "--url", TARGET_URL, NULL});
	wait_for(db, HELD);
	proc_kill(job.pid);
	unlink(job.out_path);
	wait_for(world_db(&source), NO_M2MCTL);
	ctl_start(&source.ctl_env, &job, &ran, (const char *const[]){"org", "move", "acme", "--to-database", url_file, "--back-out", NULL});
	wait_for(db, WAITS_FOR_A_COMMIT);
	sql_exec(db, "select pg_advisory_unlock(4242)");
	expect_ctl(ctl_finish(&job, &ran), 1);
	cr_assert(strstr(ran.err, "open at the target") != NULL, "%s", ran.err);
	expect_status(token_at(&target, &acme), 200);
	expect_status(token_at(&source, &acme), 421);
	expect_ctl(org_move("acme"), 0);
	expect_status(token_at(&source, &acme), 421);
}

/* The keys are compared before anything is copied; a rotation may use another one meanwhile. */
Test(org_move, a_rotation_to_a_key_that_the_target_lacks_is_noticed_before_it_opens)
{
	const struct point copying = {"while clients are copied", "client", "true", true};
	struct ctl_job job;
	PGconn *db = world_db(&source);
	hold(&copying);
	ctl_start(&source.ctl_env, &job, &ran,
		  (const char *const[]){"org", "move", "acme", "--to-database", url_file, "--url", TARGET_URL, NULL});
	wait_for(world_db(&target), HELD);
	sql_exec(db,
		 "insert into m2m.key_check values ('k2', sha256('k2'));"
		 "update m2m.client_secret set ended_at = now(), expires_at = now() + interval '1 hour' where client_id = '%s';"
		 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint)"
		 " values ('%s', 2, 'k2', sha256('s'), sha256('v'), 'abcd');"
		 "update m2m.client set secret_version = 2 where client_id = '%s'",
		 acme.client_id, acme.client_id, acme.client_id);
	sql_exec(world_db(&target), "select pg_advisory_unlock(4242)");
	expect_ctl(ctl_finish(&job, &ran), 6);
	cr_assert(strstr(ran.err, "lacks the master key \"k2\"") != NULL && strstr(ran.err, "--back-out") != NULL, "%s", ran.err);
	expect_moving(token_at(&source, &acme));
	expect_status(token_at(&target, &acme), 503);
	cr_assert_eq(sql_int(world_db(&target), "select count(*) from m2m.organization where moving = 'arriving'"), 1);
	/* nor is it opened later, as long as the key isn't there */
	expect_ctl(org_move("acme"), 6);
	expect_ctl(back_out("acme"), 0);
	expect_status(token_at(&source, &acme), 200);
	expect_status(token_at(&target, &acme), 401);
}

/* ---- all through it ---- */

#define CLIENTS 4
#define TOKENS  20000

/* A client behind a platform's router, which goes where a 421 sends it. */
struct caller {
	pthread_t id;
	char (*jti)[37];
	unsigned issued, at_target, paused, wrong;
	int wrong_status;
	char said[256];
};

static atomic_bool over;
static atomic_uint arrived;
static struct org theirs; /* a client of acme's, whose secret stays */

static void called(struct caller *c, const struct http_reply *reply, const struct world **at)
{
	char token[TOKEN_MAX], after[16];
	if (reply->status == 200) {
		body_text(reply, "access_token", token, sizeof token);
		claim_text(token, "jti", c->jti[c->issued++], sizeof c->jti[0]);
		c->at_target += *at == &target;
		if (*at == &target && c->at_target == 50)
			atomic_fetch_add(&arrived, 1);
	} else if (reply->status == 503 && http_header(reply, "Retry-After", after, sizeof after)[0] == '1') {
		c->paused++;
		sleep_ms(5);
	} else if (reply->status == 421 && *at == &source) {
		*at = &target;
	} else if (c->wrong++ == 0) {
		c->wrong_status = reply->status;
		snprintf(c->said, sizeof c->said, "%s", reply->body);
	}
}

static void *calls(void *arg)
{
	struct caller *c = arg;
	const struct world *at = &source;
	struct http_reply *reply = malloc(sizeof *reply);
	while (!atomic_load(&over) && c->issued < TOKENS && reply != NULL) {
		oauth_token(at->gateway.http, theirs.client_id, theirs.secret, reply);
		called(c, reply, &at);
	}
	free(reply);
	return NULL;
}

static int64_t recorded_once(const struct caller *c, struct world *w)
{
	PGconn *db = world_db(w);
	sql_exec(db, "create temporary table if not exists issued (jti uuid)");
	sql_exec(db, "truncate issued");
	PQclear(PQexec(db, "copy issued from stdin"));
	for (unsigned i = 0; i < c->issued; i++) {
		char line[40];
		int n = snprintf(line, sizeof line, "%s\n", c->jti[i]);
		PQputCopyData(db, line, n);
	}
	PQputCopyEnd(db, NULL);
	for (PGresult *end; (end = PQgetResult(db)) != NULL;)
		PQclear(end);
	return sql_int(db, "select count(*) from issued i where (select count(*) from m2m.token_audit t where t.jti = i.jti) = 1");
}

static unsigned check_caller(const struct caller *c)
{
	cr_assert_eq(c->wrong, 0, "a client was refused %u times; first with %d: %s", c->wrong, c->wrong_status, c->said);
	int64_t here = recorded_once(c, &source);
	int64_t there = recorded_once(c, &target);
	cr_assert_eq(here + there, c->issued, "of %u tokens the source recorded %lld and the target %lld", c->issued, (long long)here,
		     (long long)there);
	return c->issued;
}

/* Rotates the default client's secret all the time with a grace, as an admin does: what was
 * answered has to be at the target. */
struct rotations {
	pthread_t id;
	const char *bearer;
	char secret[SECRET_MAX];
	unsigned done, paused;
};

static void *rotates(void *arg)
{
	struct rotations *s = arg;
	struct http_reply *reply = malloc(sizeof *reply);
	while (!atomic_load(&over) && reply != NULL) {
		int status = rotate(&source, s->bearer, 3600, reply);
		if (status == 200) {
			body_text(reply, "client_secret", s->secret, sizeof s->secret);
			s->done++;
		} else if (status == 503) {
			s->paused++;
		} else if (status == 421) {
			break;
		}
		sleep_ms(5);
	}
	free(reply);
	return NULL;
}

Test(org_move, clients_that_try_again_are_served_all_through_a_move)
{
	static struct caller callers[CLIENTS];
	static char admin[TOKEN_MAX];
	struct rotations rotations = {.bearer = admin};
	mint(&source, "acme", "admin", admin);
	world_ctl(&source, &ran, "client", "create", "--org", "acme", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_ID", theirs.client_id, sizeof theirs.client_id);
	ctl_value(&ran, "M2M_CLIENT_SECRET", theirs.secret, sizeof theirs.secret);
	atomic_store(&over, false);
	for (unsigned i = 0; i < CLIENTS; i++) {
		callers[i] = (struct caller){.jti = calloc(TOKENS, sizeof callers[i].jti[0])};
		cr_assert(callers[i].jti != NULL && pthread_create(&callers[i].id, NULL, calls, &callers[i]) == 0);
	}
	cr_assert_eq(pthread_create(&rotations.id, NULL, rotates, &rotations), 0);
	sleep_ms(300);
	expect_ctl(org_move("acme"), 0);
	for (int i = 0; i < 6000 && atomic_load(&arrived) < CLIENTS; i++)
		sleep_ms(10);
	atomic_store(&over, true);
	unsigned issued = 0;
	for (unsigned i = 0; i < CLIENTS; i++)
		pthread_join(callers[i].id, NULL);
	pthread_join(rotations.id, NULL);
	for (unsigned i = 0; i < CLIENTS; i++)
		issued += check_caller(&callers[i]);
	cr_expect_geq(atomic_load(&arrived), CLIENTS, "not every client came to the target");
	cr_expect_eq(sql_int(world_db(&source), "select count(*) from m2m.token_audit where client_id is not null") +
			     sql_int(world_db(&target), "select count(*) from m2m.token_audit where client_id is not null"),
		     issued, "a row is of a token that nobody got");
	static char moved_at[64];
	snprintf(moved_at, sizeof moved_at, "%s", sql_text(world_db(&source), "select ended_at from m2m.organization_move"));
	cr_expect_eq(sql_int(world_db(&source), "select count(*) from m2m.token_audit where issued_at > '%s'", moved_at), 0,
		     "the source issued a token after it had been left");
	cr_expect_eq(sql_int(world_db(&target), "select count(*) from m2m.token_audit where issued_at < '%s'", moved_at), 0,
		     "the target issued a token before the source had been left");
	cr_assert_gt(rotations.done, 0);
	cr_expect_eq(sql_int(world_db(&target), "select secret_version from m2m.client where is_default"), rotations.done + 1);
	expect_status(oauth_token(target.gateway.http, acme.client_id, rotations.secret, &r), 200);
	for (unsigned i = 0; i < CLIENTS; i++)
		free(callers[i].jti);
}
