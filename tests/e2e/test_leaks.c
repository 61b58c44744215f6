/* Nothing that was ever handed out, and no master key, is found anywhere but where it was handed
 * to. A session uses every way to make, read, rotate and misuse credentials; then the dump of
 * the whole cluster, PostgreSQL's own log with every statement and parameter in it, and what
 * both programs wrote are searched for each secret, token and key in each spelling. The search
 * itself is proven with values that were planted in each place. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/base64.h"
#include "crypto/secret.h"
#include "harness/base64.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "harness/world.h"

STOPPED_CLUSTER;

static struct world w;
static struct org acme, other;
static char admin[TOKEN_MAX];
static struct http_reply r;
static struct ctl_result ran;

/* ---- what is searched for ---- */

struct needle {
	const char *what;
	size_t n;
	unsigned char bytes[600];
};

static struct needle needles[400];
static unsigned needles_n;

static void add(const char *what, const void *bytes, size_t n)
{
	require(needles_n < sizeof needles / sizeof needles[0] && n <= sizeof needles[0].bytes && n >= 12, "can't search for %s", what);
	for (unsigned i = 0; i < needles_n; i++)
		if (needles[i].n == n && memcmp(needles[i].bytes, bytes, n) == 0)
			return;
	struct needle *one = &needles[needles_n++];
	one->what = what;
	one->n = n;
	memcpy(one->bytes, bytes, n);
}

/* Bytes as they are, in hexadecimal as a bytea is shown, and in base64. */
static void add_spellings(const char *what, const void *bytes, size_t n)
{
	char hex[600], text[600];
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, sizeof hex - 2 * i, "%02x", ((const unsigned char *)bytes)[i]);
	base64_text(text, sizeof text, bytes, n);
	add(what, bytes, n);
	add(what, hex, 2 * n);
	for (size_t i = 0; i < 2 * n; i++)
		hex[i] = hex[i] >= 'a' ? (char)(hex[i] - 32) : hex[i];
	add(what, hex, 2 * n);
	add(what, text, strcspn(text, "="));
}

/* A part of it is enough: the text may have been cut. What stands before and behind is no secret
 * (prefix, hint, checksum). */
static void add_secret(const char *secret)
{
	cr_assert(secret_well_formed(str_of(secret)), "%s", secret);
	add("a secret", secret + 8, 20);
	add_spellings("a secret", secret + 8, 20);
	add_spellings("a secret", secret, SECRET_LEN);
}

/* The credentials of HTTP Basic, as the header has them. */
static void add_basic(const char *client_id, const char *secret)
{
	char both[128], text[256];
	int n = snprintf(both, sizeof both, "%s:%s", client_id, secret);
	base64_text(text, sizeof text, both, (size_t)n);
	add("HTTP Basic", text + 44, 40); /* where the secret's own characters are */
}

/* Without its signature a token opens nothing, so a part of that is what must not be found. */
static void add_token(const char *token)
{
	const char *signature = strrchr(token, '.');
	char raw[1024];
	size_t n = 0;
	cr_assert_not_null(signature, "no token: %s", token);
	cr_assert_eq(base64url_decode(str_of(signature + 1), raw, sizeof raw, &n), 0);
	add("a token's signature", signature + 1, 32);
	add_spellings("a token's signature", raw, 32);
}

static void add_master_keys(void)
{
	struct master_ring ring;
	char *text = tmp_read(shared_master_keys(), NULL);
	cr_assert_eq(crypto_init(), 0);
	cr_assert_eq(master_ring_parse(str_of(text), &ring, NULL), 0);
	free(text);
	for (unsigned i = 0; i < ring.n; i++) {
		add_spellings("a master key", ring.keys[i].master, sizeof ring.keys[i].master);
		add_spellings("a verifier key", ring.keys[i].verifier_key, sizeof ring.keys[i].verifier_key);
		add_spellings("a wrapping key", ring.keys[i].wrap_key, sizeof ring.keys[i].wrap_key);
	}
	master_ring_wipe(&ring);
	crypto_fini();
}

/* ---- where it is searched ---- */

struct place {
	const char *what, *prefix, *suffix;
	char *text;
	size_t n;
};

/* Every file of this test in the one folder that it writes to. */
static struct place places[] = {
	{"the dump of the cluster", "dump", ".sql", NULL, 0},
	{"PostgreSQL's log", "postgres", ".log", NULL, 0},
	{"what the gateways wrote", "gateway", ".log", NULL, 0},
	{"what m2mctl said on stderr", "ctl", ".log", NULL, 0},
};
enum { DUMP, POSTGRES, GATEWAY, CTL, PLACES };

static bool belongs(const char *name, const struct place *place)
{
	char start[64];
	int n = snprintf(start, sizeof start, "%s-%d-", place->prefix, (int)getpid());
	size_t length = strlen(name), suffix = strlen(place->suffix);
	return strncmp(name, start, (size_t)n) == 0 && length > suffix && strcmp(name + length - suffix, place->suffix) == 0;
}

static void append_file(struct place *place, const char *name)
{
	char path[TMP_PATH + 260];
	size_t n = 0;
	snprintf(path, sizeof path, "%s/%s", tmp_dir(), name);
	char *text = tmp_read(path, &n);
	cr_assert_not_null(text, "%s", path);
	place->text = realloc(place->text, place->n + n + 1);
	memcpy(place->text + place->n, text, n);
	place->n += n;
	free(text);
}

static void collect(void)
{
	DIR *dir = opendir(tmp_dir());
	cr_assert_not_null(dir);
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;)
		for (unsigned i = 0; i < PLACES; i++)
			if (belongs(entry->d_name, &places[i]))
				append_file(&places[i], entry->d_name);
	closedir(dir);
}

static bool found_in(unsigned place, const void *bytes, size_t n)
{
	return memmem(places[place].text, places[place].n, bytes, n) != NULL;
}

static void dump_cluster(void)
{
	char program[TMP_PATH], path[TMP_PATH], url[PG_URL];
	tmp_path(path, "dump", ".sql");
	pg_url(&w.pg, "postgres", "postgres", url);
	pid_t pid = proc_start(
		&(struct proc_spec){.argv = (const char *const[]){pg_program("pg_dumpall", program), "-d", url, NULL}, .out_path = path});
	cr_assert_eq(proc_wait(pid, 60000), 0, "pg_dumpall failed");
}

/* ---- the session ---- */

static void log_everything(void)
{
	PGconn *db = world_db(&w);
	sql_exec(db, "alter system set log_statement = 'all'");
	sql_exec(db, "alter system set log_parameter_max_length = -1");
	sql_exec(db, "alter system set log_parameter_max_length_on_error = -1");
	sql_exec(db, "alter system set log_min_duration_statement = 0");
	sql_exec(db, "alter system set log_error_verbosity = 'verbose'");
	sql_exec(db, "alter system set log_min_messages = 'debug1'");
	sql_exec(db, "alter system set log_connections = on");
	sql_exec(db, "select pg_reload_conf()");
	PQfinish(w.db);
	w.db = NULL;
	for (int tries = 0; strcmp(sql_text(world_db(&w), "show log_statement"), "all") != 0; tries++) {
		cr_assert_lt(tries, 100);
		PQfinish(w.db);
		w.db = NULL;
		sleep_ms(50);
	}
}

static void take_secret(char secret[SECRET_MAX])
{
	body_text(&r, "client_secret", secret, SECRET_MAX);
	add_secret(secret);
}

static void take_token(void)
{
	char token[TOKEN_MAX];
	add_token(body_text(&r, "access_token", token, sizeof token));
}

static void take_ctl_secret(char secret[SECRET_MAX])
{
	ctl_value(&ran, "M2M_CLIENT_SECRET", secret, SECRET_MAX);
	add_secret(secret);
}

static int oauth_basic(const char *client_id, const char *secret)
{
	char both[128];
	snprintf(both, sizeof both, "%s:%s", client_id, secret);
	add_basic(client_id, secret);
	return http_call(w.gateway.http,
			 &(struct http_request){.path = "/oauth2/token",
						.basic = both,
						.type = "application/x-www-form-urlencoded",
						.body = "grant_type=client_credentials"},
			 &r);
}

static int with_header(const char *path, const char *name, const char *value)
{
	char line[256];
	snprintf(line, sizeof line, "%s: %s\r\n", name, value);
	return http_call(w.gateway.http, &(struct http_request){.path = path, .bearer = admin, .headers = line}, &r);
}

static void issue_by_every_route(const char *client_id, const char *secret)
{
	expect_status(oauth_token(w.gateway.http, client_id, secret, &r), 200);
	take_token();
	expect_status(oauth_basic(client_id, secret), 200);
	take_token();
	expect_status(m2m_token(&w, admin, client_id, secret, &r), 200);
	take_token();
	char body[256];
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", client_id, secret);
	expect_status(post_form(&w, "/m2m/token", admin, body, &r), 200);
	take_token();
}

static void rotate_in_every_way(void)
{
	char secret[SECRET_MAX], again[SECRET_MAX];
	static const char key[] = "Idempotency-Key: leak-test\r\n";
	const struct http_request repeat = {
		.path = "/m2m/rotate", .bearer = admin, .type = "application/json", .body = "{\"grace_seconds\":0}", .headers = key};
	expect_status(rotate(&w, admin, 60, &r), 200);
	take_secret(secret);
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	take_token();
	issue_by_every_route(acme.client_id, secret);
	expect_status(rotate(&w, admin, 0, &r), 200);
	take_secret(secret);
	expect_status(http_call(w.gateway.http, &repeat, &r), 200);
	take_secret(secret);
	expect_status(http_call(w.gateway.http, &repeat, &r), 200);
	cr_assert_str_eq(body_text(&r, "client_secret", again, sizeof again), secret);
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme", "--grace", "5", "--output", "env");
	take_ctl_secret(secret);
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme", "--output", "env");
	take_ctl_secret(secret);
	world_ctl(&w, &ran, "client", "secret", "--org", "acme", "--output", "env");
	take_ctl_secret(again);
	cr_assert_str_eq(again, secret);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	take_secret(again);
	issue_by_every_route(acme.client_id, secret);
}

static void be_refused(void)
{
	char wrong[SECRET_MAX], path[256], body[512];
	random_secret(wrong);
	add_secret(wrong);
	expect_status(oauth_token(w.gateway.http, acme.client_id, wrong, &r), 401);
	expect_status(oauth_basic(acme.client_id, wrong), 401);
	expect_status(m2m_token(&w, admin, acme.client_id, wrong, &r), 401);
	/* ended */
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	/* another organization's */
	expect_status(m2m_token(&w, admin, other.client_id, other.secret, &r), 401);
	expect_status(oauth_token(w.gateway.http, "m2m_0000000000000000000000", other.secret, &r), 401);
	wrong[20] ^= 1; /* no longer well formed */
	expect_status(oauth_token(w.gateway.http, acme.client_id, wrong, &r), 401);
	/* Errors of every kind, with a right secret in the request. */
	snprintf(body, sizeof body, "grant_type=password&client_id=%s&client_secret=%s", other.client_id, other.secret);
	expect_status(post_form(&w, "/oauth2/token", NULL, body, &r), 400);
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s&scope=never", other.client_id,
		 other.secret);
	expect_status(post_form(&w, "/oauth2/token", NULL, body, &r), 400);
	snprintf(body, sizeof body, "{\"grant_type\":\"client_credentials\",\"client_id\":\"%s\",\"client_secret\":\"%s\"", other.client_id,
		 other.secret);
	expect_status(post_json(&w, "/m2m/token", admin, body, &r), 400);
	cr_expect_null(strstr(r.body, other.secret));
	/* A secret in a place that isn't meant for it. */
	expect_status(oauth_token(w.gateway.http, other.secret, other.secret, &r), 401);
	cr_expect_null(strstr(r.body, other.secret));
	expect_status(oauth_basic(other.secret, other.secret), 401);
	snprintf(body, sizeof body, "grant_type=%s&client_id=%s&client_secret=%s", other.secret, other.client_id, other.secret);
	expect_status(post_form(&w, "/oauth2/token", NULL, body, &r), 400);
	expect_status(post_form(&w, "/oauth2/token", NULL, other.secret, &r), 400);
	expect_status(get(&w, "/m2m/client-id", other.secret, &r), 401);
	snprintf(path, sizeof path, "/%s", other.secret);
	expect_status(get(&w, path, admin, &r), 404);
	snprintf(path, sizeof path, "/m2m/client-id?client_secret=%s", other.secret);
	get(&w, path, admin, &r);
	with_header("/m2m/client-id", "X-Request-Id", other.secret);
	with_header("/m2m/client-id", "traceparent", other.secret);
	with_header("/m2m/client-id", "X-Forwarded-For", other.secret);
	ctl(&w.ctl_env, &ran, "token", "inspect", other.secret);
}

/* A token that is used as a bearer, also after its end, and one with a broken signature. */
static void use_tokens(void)
{
	char token[TOKEN_MAX];
	client_token(&w, &other, token);
	add_token(token);
	expect_status(get(&w, "/m2m/client-id", token, &r), 200);
	world_ctl(&w, &ran, "token", "inspect", token);
	world_ctl(&w, &ran, "org", "disable", "other");
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	world_ctl(&w, &ran, "org", "enable", "other");
	token[strlen(token) - 5] = token[strlen(token) - 5] == 'A' ? 'B' : 'A';
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	ctl(&w.ctl_env, &ran, "token", "inspect", token);
}

/* A batch that the database refuses, so that both logs tell about it. */
static void fail_at_the_database(void)
{
	sql_exec(world_db(&w), "alter table m2m.token_audit add constraint never check (jti is null) not valid");
	cr_assert_geq(oauth_token(w.gateway.http, other.client_id, other.secret, &r), 500);
	sql_exec(world_db(&w), "alter table m2m.token_audit drop constraint never");
}

static char planted[40];

/* One value that is found in each place, put there on purpose. */
static void plant(void)
{
	snprintf(planted, sizeof planted, "planted-%d-needle", (int)getpid());
	PGconn *db = world_db(&w);
	const char *const values[] = {planted};
	sql_exec(db, "insert into m2m.admin_audit (action, outcome, actor, transport, detail) values ('plant', 'granted', '%s', 'r', null)",
		 planted);
	sql_exec(db, "create table planted as select convert_to('%s', 'UTF8') as bytes", planted);
	PQclear(PQexecParams(db, "select $1::text", 1, NULL, values, NULL, NULL, 0));
	PQclear(PQexecParams(db, "select $1::bytea", 1, NULL, values, (const int[]){(int)strlen(planted)}, (const int[]){1}, 0));
	cr_assert_eq(ctl(&w.ctl_env, &ran, "org", "show", planted), 4);
	with_header("/m2m/client-id", "X-Request-Id", planted);
}

static void expect_planted(void)
{
	char hex[2 * sizeof planted + 1], parameter[64];
	for (size_t i = 0; planted[i] != '\0'; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)planted[i]);
	for (unsigned i = 0; i < PLACES; i++)
		cr_expect(found_in(i, planted, strlen(planted)), "nothing is found in %s, %zu bytes", places[i].what, places[i].n);
	cr_expect(found_in(DUMP, hex, strlen(hex)), "a bytea isn't found in the dump");
	cr_expect(found_in(POSTGRES, hex, strlen(hex)), "a binary parameter isn't found in PostgreSQL's log");
	snprintf(parameter, sizeof parameter, "$1 = '%s'", planted);
	cr_expect(found_in(POSTGRES, parameter, strlen(parameter)), "parameters aren't logged");
	/* The statements of the session are there too, and so is what may be there. */
	cr_expect(found_in(POSTGRES, "unnest(", 7) && found_in(POSTGRES, acme.client_id, CLIENT_ID_LEN));
	cr_expect(found_in(DUMP, acme.client_id, CLIENT_ID_LEN));
	cr_expect(found_in(GATEWAY, acme.client_id, CLIENT_ID_LEN));
}

static void prepare(void)
{
	world_prepare(&w, true);
	log_everything();
	env_set(&w.gateway_env, "M2M_LOG_LEVEL=debug");
	gateway_start(&w.gateway, &w.gateway_env);
}

static void finish(void)
{
	world_close(&w);
	for (unsigned i = 0; i < PLACES; i++)
		free(places[i].text);
}

TestSuite(leaks, .init = prepare, .fini = finish, .timeout = 240);

Test(leaks, no_secret_token_or_key_is_found_where_it_was_not_handed_to)
{
	add_master_keys();
	org_create(&w, "acme", &acme);
	add_secret(acme.secret);
	org_create(&w, "other", &other);
	add_secret(other.secret);
	mint(&w, "acme", "admin", admin);
	add_token(admin);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	issue_by_every_route(acme.client_id, acme.secret);
	rotate_in_every_way();
	be_refused();
	use_tokens();
	fail_at_the_database();
	plant();
	gateway_stop(&w.gateway, 15000);
	dump_cluster();
	collect();
	expect_planted();

	for (unsigned place = 0; place < PLACES; place++)
		for (unsigned i = 0; i < needles_n; i++)
			cr_expect(!found_in(place, needles[i].bytes, needles[i].n), "%s is in %s (needle %u, %zu bytes): %.80s",
				  needles[i].what, places[place].what, i, needles[i].n, (const char *)needles[i].bytes);
	cr_log_info("%u needles", needles_n);
}
