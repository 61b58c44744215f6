/* Whoever reads everything there is to read (every table, with the superuser's rights; what
 * auditors export and list; the log; the metrics) can't act as a client with it, nor as an
 * admin. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "harness/expect.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static struct http_reply r;
static struct grpc_reply g;
static struct ctl_result out;

static void open_world(void)
{
	world_open(&w);
	org_create(&w, "acme", &acme);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(reader, .init = open_world, .fini = close_world, .timeout = 120);

#define SECRETS_MAX 64

/* What nobody may find: as it is, and as the hexadecimal that a dump makes of bytes. */
static struct {
	char *text[SECRETS_MAX];
	const char *what[SECRETS_MAX];
	unsigned n;
} hidden;

static void hide(const char *what, const char *text)
{
	size_t n = strlen(text);
	cr_assert(n >= 20 && hidden.n + 2 <= SECRETS_MAX, "%s: %s", what, text);
	char *hex = malloc(2 * n + 1);
	for (size_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", (unsigned char)text[i]);
	hidden.what[hidden.n] = hidden.what[hidden.n + 1] = what;
	hidden.text[hidden.n++] = strdup(text);
	hidden.text[hidden.n++] = hex;
}

/* The body of a secret without its checksum, which alone would be as good. */
static void hide_secret(const char *secret)
{
	char body[SECRET_MAX];
	snprintf(body, sizeof body, "%.*s", 43, secret + 5);
	hide("a client secret", body);
}

/* A signature is what makes a token one: header and claims can be put together from the audit. */
static void hide_token(const char *token)
{
	hide("a token's signature", strrchr(token, '.') + 1);
}

static void expect_nothing_in(const char *where, const char *text, size_t n)
{
	cr_assert_gt(n, 0, "%s is empty", where);
	for (unsigned i = 0; i < hidden.n; i++)
		cr_expect_null(memmem(text, n, hidden.text[i], strlen(hidden.text[i])), "%s is in %s", hidden.what[i], where);
	static const char *const private_keys[] = {"PRIVATE KEY", "\"d\":", "\"k\":"};
	for (size_t i = 0; i < sizeof private_keys / sizeof private_keys[0]; i++)
		cr_expect_null(memmem(text, n, private_keys[i], strlen(private_keys[i])), "%s is in %s", private_keys[i], where);
}

static void expect_nothing_in_file(const char *where, const char *path)
{
	size_t n = 0;
	char *text = tmp_read(path, &n);
	cr_assert_not_null(text, "%s", path);
	expect_nothing_in(where, text, n);
	free(text);
}

/* Everything that a secret or a token goes through, and each way to fail with one. */
static void live_a_day(char admin[TOKEN_MAX])
{
	char token[TOKEN_MAX], secret[SECRET_MAX], body[512];
	mint(&w, "acme", "admin", admin);
	hide_token(admin);
	hide_secret(acme.secret);
	client_token(&w, &acme, token);
	hide_token(token);
	expect_status(m2m_token(&w, admin, acme.client_id, acme.secret, &r), 200);
	body_text(&r, "access_token", token, sizeof token);
	hide_token(token);
	cr_assert_eq(grpc_token(&w, admin, acme.client_id, acme.secret, NULL, &g), 0);
	expect_status(get(&w, "/m2m/client-secret", admin, &r), 200);
	cr_assert_eq(grpc_get_secret(&w, admin, NULL, &g), 0);
	for (int i = 0; i < 2; i++) {
		expect_status(http_call(w.gateway.http,
					&(struct http_request){.method = "POST",
							       .path = "/m2m/rotate",
							       .bearer = admin,
							       .type = "application/json",
							       .body = i == 0 ? "{\"grace_seconds\":3600}" : "{}",
							       .headers = i == 0 ? "Idempotency-Key: monthly\r\n" : NULL},
					&r),
			      200);
		body_text(&r, "client_secret", secret, sizeof secret);
		hide_secret(secret);
	}
	/* an ended one, a wrong one, one in the wrong place, a bearer that isn't one */
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 401);
	snprintf(body, sizeof body, "grant_type=client_credentials&client_id=%s&client_secret=%s", secret, acme.client_id);
	expect_status(post_form(&w, "/oauth2/token", NULL, body, &r), 401);
	snprintf(body, sizeof body, "/oauth2/token?client_secret=%s", secret);
	post_form(&w, body, NULL, "grant_type=client_credentials", &r);
	get(&w, "/m2m/client-id", secret, &r);
	get(&w, secret, admin, &r);
	expect_status(oauth_token(w.gateway.http, acme.client_id, secret, &r), 200);
	body_text(&r, "access_token", token, sizeof token);
	hide_token(token);
	mint_platform(&w, "backend", token);
	hide_token(token);
	world_ctl(&w, &out, "client", "rotate", "--org", "acme", "--output", "env");
	ctl_value(&out, "M2M_CLIENT_SECRET", secret, sizeof secret);
	hide_secret(secret);
}

Test(reader, nothing_that_can_be_read_lets_anybody_act_as_a_client)
{
	char admin[TOKEN_MAX], path[TMP_PATH], seals[TMP_PATH + 8], bin[TMP_PATH], command[1024], partition[64];
	live_a_day(admin);

	expect_status(get(&w, "/m2m/audit/tokens", admin, &r), 200);
	expect_nothing_in("the organization's list of tokens", r.body, r.body_n);
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	expect_nothing_in("the metrics", r.body, r.body_n);
	gateway_stop(&w.gateway, 15000);
	expect_nothing_in_file("the log", w.gateway.log);

	static const char *const commands[][3] = {{"audit", "tokens", NULL},
						  {"audit", "head", NULL},
						  {"audit", "report", "secrets_read_or_rotated"},
						  {"audit", "report", "failed_attempts_by_client"},
						  {"key", "list", NULL},
						  {"client", "show", "--org=acme"}};
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
		const char *args[6] = {commands[i][0], commands[i][1], "--output=json", commands[i][2], NULL};
		cr_assert_eq(ctl_run(&w.ctl_env, &out, args), 0, "%s", out.err);
		expect_nothing_in(args[1], out.out, strlen(out.out));
	}

	snprintf(partition, sizeof partition, "token_audit_p%s",
		 sql_text(world_db(&w), "select to_char(date_trunc('week', now() at time zone 'UTC'), 'YYYYMMDD')"));
	sql_exec(world_db(&w),
		 "begin; set local role m2m_owner; update m2m.token_usage_until set until = now() + interval '8 days'; commit");
	tmp_path(path, "week", ".copy");
	world_ctl(&w, &out, "audit", "export", partition, "--to", path);
	expect_nothing_in_file("an exported week", path);
	snprintf(seals, sizeof seals, "%s.seals", path);
	expect_nothing_in_file("its seals", seals);

	tmp_path(path, "dump", ".sql");
	snprintf(command, sizeof command, "%s -h 127.0.0.1 -p %u -U postgres -f '%s' %s", pg_program("pg_dump", bin), w.pg.port, path,
		 w.database);
	cr_assert_eq(system(command), 0, "%s", command);
	expect_nothing_in_file("a dump of the whole database", path);

	/* the search finds what there is to find */
	size_t n;
	char *dump = tmp_read(path, &n);
	cr_expect_not_null(memmem(dump, n, acme.client_id, strlen(acme.client_id)));
	free(dump);
}
