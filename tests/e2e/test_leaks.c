/* After a whole session, no secret, no token and no master key stands anywhere but in the hands of those who asked: not in the database, not in
 * PostgreSQL's log although it logs every statement with every parameter, not in any log of ours. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER(
	"log_statement = all\nlog_parameter_max_length = -1\nlog_parameter_max_length_on_error = -1\nlog_min_duration_statement = 0\n"
	"log_connections = on\nlog_error_verbosity = verbose\nlog_min_messages = debug1");

#define NEEDLES_MAX 64

struct needle {
	char what[64];
	size_t n;
	char bytes[TOKEN_MAX];
};

static struct world w;
static struct org acme;
static char admin[TOKEN_MAX];
static struct http_reply r;
static struct needle *needles;
static unsigned needles_n;

static void open_world(void)
{
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_LOG_LEVEL=debug");
	gateway_start(&w.gateway, &w.gateway_env);
	needles = calloc(NEEDLES_MAX, sizeof *needles);
}

static void close_world(void)
{
	free(needles);
	world_close(&w);
}

TestSuite(leaks, .init = open_world, .fini = close_world, .timeout = 120);

/* ---- what must not be found ---- */

static void hide(const char *what, const void *bytes, size_t n)
{
	cr_assert_lt(needles_n, NEEDLES_MAX);
	cr_assert(n > 0 && n <= sizeof needles[0].bytes, "%s of %zu bytes", what, n);
	struct needle *needle = &needles[needles_n++];
	snprintf(needle->what, sizeof needle->what, "%s", what);
	memcpy(needle->bytes, bytes, n);
	needle->n = n;
}

static void hide_hex(const char *what, const char *bytes, size_t n)
{
	char hex[2 * TOKEN_MAX];
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)bytes[i]);
	hide(what, hex, 2 * n);
}

/* The random part stands for the whole, in text and as bytea is shown. */
static void hide_secret(const char *secret)
{
	cr_assert_eq(strlen(secret), 55);
	hide("a secret", secret + 5, 43);
	hide_hex("a secret's bytea", secret + 5, 43);
}

static void hide_token(const char *token)
{
	const char *signature = strrchr(token, '.');
	cr_assert_not_null(signature);
	hide("a token's signature", signature + 1, strlen(signature + 1));
	hide_hex("a token's bytea", signature + 1, 43);
}

static void hide_master_key(void)
{
	char raw[64];
	size_t n;
	char *text = tmp_read(shared_master_keys(), NULL);
	const char *encoded = strchr(text, ' ') + 1;
	struct str base64 = str_from(encoded, strcspn(encoded, "\n"));
	cr_assert_eq(base64_decode(base64, raw, sizeof raw, &n), ERR_OK);
	cr_assert_eq(n, 32);
	hide("the master key in base64", base64.p, base64.n);
	hide("the master key", raw, n);
	hide_hex("the master key in hexadecimal", raw, n);
	free(text);
}

/* ---- the session ---- */

static void take_secret(void)
{
	char secret[SECRET_MAX];
	body_text(&r, "client_secret", secret, sizeof secret);
	hide_secret(secret);
}

static void take_token(char token[TOKEN_MAX])
{
	body_text(&r, "access_token", token, TOKEN_MAX);
	hide_token(token);
}

static void run_session(void)
{
	char token[TOKEN_MAX], secret[SECRET_MAX], basic[128];
	static struct ctl_result ran;
	org_create(&w, "acme", &acme);
	hide_secret(acme.secret);
	mint(&w, "acme", "admin", admin);
	hide_token(admin);

	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	take_token(token);
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 200);
	take_token(token);
	snprintf(basic, sizeof basic, "%s:%s", acme.client_id, acme.secret);
	struct http_request q = {.path = "/oauth2/token",
				 .basic = basic,
				 .type = "application/x-www-form-urlencoded",
				 .body = "grant_type=client_credentials"};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	take_token(token);
	expect_status(get(&w, "/m2m/client-secret", token, &r), 200);

	q = (struct http_request){.path = "/m2m/rotate",
				  .bearer = token,
				  .type = "application/json",
				  .body = "{\"grace_seconds\":60}",
				  .headers = "Idempotency-Key: a-key\r\n"};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	take_secret();
	expect_status(http_call(w.gateway.http, &q, &r), 200);
	expect_status(rotate(&w, admin, 0, &r), 200);
	take_secret();
	world_ctl(&w, &ran, "client", "rotate", "--org", "acme", "--output", "env");
	ctl_value(&ran, "M2M_CLIENT_SECRET", secret, sizeof secret);
	hide_secret(secret);
	world_ctl(&w, &ran, "client", "secret", "--org", "acme", "--output", "env");

	/* Refused attempts carry real credentials, too. */
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	expect_status(get(&w, "/m2m/client-id", token, &r), 401);
	expect_status(post_form(&w, "/oauth2/token", NULL, secret, &r), 400);
	wrong_secret(secret);
	expect_status(oauth_token(w.gateway.http, acme.client_id, secret, &r), 401);
	char path[128];
	snprintf(path, sizeof path, "/oauth2/token?client_secret=%s", acme.secret);
	post_form(&w, path, NULL, "grant_type=client_credentials", &r);
	snprintf(path, sizeof path, "/%s", acme.secret);
	expect_status(get(&w, path, NULL, &r), 404);
	q = (struct http_request){.path = "/m2m/client-id", .bearer = admin, .headers = "X-Request-Id: fine\r\nUser-Agent: plain\r\n"};
	expect_status(http_call(w.gateway.http, &q, &r), 200);
}

/* ---- the search ---- */

static unsigned found_in(const char *where, const char *text, size_t n, bool tell)
{
	unsigned found = 0;
	for (unsigned i = 0; i < needles_n; i++) {
		if (memmem(text, n, needles[i].bytes, needles[i].n) == NULL)
			continue;
		found++;
		if (tell)
			cr_log_error("%s stands in %s", needles[i].what, where);
	}
	return found;
}

static unsigned found_in_file(const char *path, bool tell)
{
	size_t n;
	char *text = tmp_read(path, &n);
	cr_assert_not_null(text, "can't read %s", path);
	unsigned found = found_in(path, text, n, tell);
	free(text);
	return found;
}

static void dump(char path[TMP_PATH])
{
	char program[TMP_PATH], url[PG_URL];
	tmp_path(path, "dump", ".sql");
	pg_url(&w.pg, "postgres", "postgres", url);
	pid_t pid = proc_start(
		&(struct proc_spec){.argv = (const char *const[]){pg_program("pg_dumpall", program), "-d", url, NULL}, .out_path = path});
	cr_assert_eq(proc_wait(pid, 60000), 0, "pg_dumpall failed");
}

/* Everything that was written to the folder: the logs of daemons, of m2mctl and of PostgreSQL, and the dump. */
static unsigned search_all(bool tell, unsigned *ret_files)
{
	DIR *dir = opendir(tmp_dir());
	unsigned found = 0;
	*ret_files = 0;
	for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
		const char *dot = strrchr(entry->d_name, '.');
		char path[TMP_PATH + 256];
		if (dot == NULL || (strcmp(dot, ".log") != 0 && strcmp(dot, ".sql") != 0))
			continue;
		snprintf(path, sizeof path, "%s/%s", tmp_dir(), entry->d_name);
		found += found_in_file(path, tell);
		++*ret_files;
	}
	closedir(dir);
	return found;
}

Test(leaks, no_secret_token_or_key_stands_in_a_dump_or_in_any_log)
{
	char path[TMP_PATH], line[512];
	unsigned files;
	run_session();
	hide_master_key();
	gateway_stop(&w.gateway, 15000); /* the refused attempts are written now */
	dump(path);
	cr_assert_eq(search_all(true, &files), 0);
	cr_assert_geq(files, 6, "only %u files", files); /* PostgreSQL's, the gateway's, m2mctl's, the dump */
	cr_assert_gt(gateway_log_count(&w.gateway, "\"event\":\"access\"", line, sizeof line), 5);
}

#define PLANTED "PLANTEDplantedPLANTEDplantedPLANTEDplantedP"

Test(leaks, the_search_finds_what_is_there)
{
	char path[TMP_PATH];
	unsigned files;
	PGconn *db = world_db(&w);
	hide_secret("m2ms_" PLANTED "_000000");
	cr_assert_eq(search_all(false, &files), 0);

	/* As a binary parameter, in PostgreSQL's log. */
	const char *const values[] = {PLANTED};
	PGresult *answer =
		PQexecParams(db, "select length($1::bytea)", 1, (const Oid[]){17}, values, (const int[]){43}, (const int[]){1}, 0);
	cr_assert_eq(PQresultStatus(answer), PGRES_TUPLES_OK);
	PQclear(answer);
	sleep_ms(100);
	cr_assert_eq(search_all(false, &files), 1);

	/* As text and as bytea, in a dump. */
	sql_exec(db, "create table planted as select '" PLANTED "'::text as a, convert_to('" PLANTED "', 'UTF8') as b");
	dump(path);
	cr_assert_eq(found_in_file(path, false), 2);
}
