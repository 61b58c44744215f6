/* Clients' public keys through m2mctl: what is registered, listed and removed, what is refused,
 * and what the audit says of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/client_key.h"
#include "harness/expect_ctl.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define KEYS_MAX 8

static struct world w;
static struct org acme, other;
static struct ctl_result r;
static struct client_key_pair key;
static char file[TMP_PATH];

static void put_file(const struct client_key_pair *k)
{
	tmp_path(file, "key", ".jwk");
	tmp_write(file, k->jwk);
}

static void make_people(struct world *all)
{
	org_create(all, "acme", &acme);
	org_create(all, "other", &other);
}

WORLD_FILLED(make_people, KEPT(acme), KEPT(other));

static void open_world(void)
{
	world_prepare_filled(&w, false);
	client_key_make(&key, JWT_ES256);
	put_file(&key);
}

static void close_world(void)
{
	signing_key_free(key.key);
	world_close(&w);
}

TestSuite(client_keys, .init = open_world, .fini = close_world, .timeout = 120);

static int64_t acts(const char *action, const char *outcome)
{
	return sql_int(world_db(&w),
		       "select count(*) from m2m.admin_audit where action = '%s' and outcome = '%s' and actor like 'operator:%%'"
		       " and transport = 'c' and detail->>'credential' = '%s' and organization_id = '%s'",
		       action, outcome, key.id, acme.id);
}

static int64_t keys_of(const struct org *o)
{
	return sql_int(world_db(&w), "select count(*) from m2m.client_credential where client_id = '%s' and ended_at is null",
		       o->client_id);
}

static const char *methods(void)
{
	return sql_text(world_db(&w), "select auth_methods::text from m2m.client where client_id = '%s'", acme.client_id);
}

/* An id may begin with a hyphen. */
#define REMOVE(id) "client", "key", "remove", "--org", "acme", "--", id

Test(client_keys, a_key_is_registered_listed_and_removed)
{
	char id[64];
	expect_exit(0, "client", "key", "add", "--org", "acme", "--key", file, "--name", "Build server", "--output", "env");
	ctl_value(&r, "M2M_CREDENTIAL_ID", id, sizeof id);
	cr_expect_str_eq(id, key.id);
	cr_expect_eq(acts("add_key", "granted"), 1);
	cr_expect_str_eq(methods(), "{secret,key}");
	expect_exit(0, "client", "key", "list", "--client", acme.client_id);
	cr_expect(says(r.out, key.id) && says(r.out, "Build server") && says(r.out, "EC"), "%s", r.out);
	expect_exit(0, REMOVE(id));
	cr_expect_eq(acts("remove_key", "granted"), 1);
	expect_exit(0, "client", "key", "list", "--org", "acme", "--output", "json");
	cr_expect_str_eq(r.out, "[]\n");
	expect_refusal(4, "has no key", REMOVE(id));
	cr_expect_eq(acts("remove_key", "credential_not_found"), 1);
	expect_exit(0, "client", "key", "add", "--org", "acme", "--key", file); /* it may come back */
	cr_expect_eq(keys_of(&acme), 1);
}

Test(client_keys, a_key_has_the_end_that_it_is_given)
{
	expect_exit(0, "client", "key", "add", "--org", "acme", "--key", file, "--expires-in", "3600");
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.client_credential where expires_at - created_at between '59 minutes' and '1 hour'"),
		     1);
	expect_exit(0, REMOVE(key.id));
	expect_exit(0, "client", "key", "add", "--org", "acme", "--key", file, "--expires-at", "2999-01-31T00:00:00Z", "--output", "json");
	cr_expect(says(r.out, "\"expires_at\":\"2999-01-31T00:00:00.000000Z\"") && says(r.out, "\"public_key\":{"), "%s", r.out);
	expect_refusal(2, "a time to come", "client", "key", "add", "--org", "other", "--key", file, "--expires-at",
		       "2001-01-31T00:00:00Z");
	expect_refusal(2, "a time to come", "client", "key", "add", "--org", "other", "--key", file, "--expires-at", "tomorrow");
	expect_refusal(2, "give one", "client", "key", "add", "--org", "other", "--key", file, "--expires-at", "2999-01-31T00:00:00Z",
		       "--expires-in", "60");
	expect_refusal(2, "expected a time", "client", "key", "add", "--org", "other", "--key", file, "--expires-in", "0");
}

Test(client_keys, what_is_no_public_key_is_refused_in_a_sentence)
{
	char bad[TMP_PATH];
	tmp_path(bad, "bad", ".jwk");
	tmp_write(bad, "{\"kty\":\"oct\",\"k\":\"AAAA\"}");
	expect_refusal(2, "symmetric", "client", "key", "add", "--org", "acme", "--key", bad);
	tmp_write(bad, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	expect_refusal(2, "private key", "client", "key", "add", "--org", "acme", "--key", bad);
	expect_refusal(1, "No such file", "client", "key", "add", "--org", "acme", "--key", "/nowhere");
	expect_refusal(2, "which key", "client", "key", "add", "--org", "acme");
	expect_refusal(2, "whose key", "client", "key", "add", "--key", file);
	expect_refusal(4, "", "client", "key", "add", "--org", "nobody", "--key", file);
	cr_expect_eq(keys_of(&acme), 0);
	cr_expect_str_eq(methods(), "", "a client that never had a key is as it was");
}

Test(client_keys, a_key_is_registered_once_for_a_client_and_is_no_other_s)
{
	expect_exit(0, "client", "key", "add", "--org", "acme", "--key", file);
	expect_refusal(1, "has this key already", "client", "key", "add", "--org", "acme", "--key", file);
	cr_expect_eq(acts("add_key", "already_exists"), 1);
	expect_refusal(4, "has no key", "client", "key", "remove", "--org", "other", "--", key.id);
	expect_refusal(4, "no client", "client", "key", "remove", "--org", "other", "--client", acme.client_id, "--", key.id);
	cr_expect_eq(keys_of(&acme), 1);
	expect_exit(0, "client", "key", "add", "--org", "other", "--key", file);
	cr_expect_eq(keys_of(&other), 1);
}

/* Up to `n` keys, put there as they are. */
static void have_keys(int n)
{
	sql_exec(world_db(&w),
		 "insert into m2m.client_credential (client_id, credential_id, kind, public_jwk)"
		 " select '%s', 'k' || n, 'key', '{}' from generate_series(1, %d) n",
		 acme.client_id, n);
}

Test(client_keys, a_client_has_eight_at_most_and_an_ended_one_counts_no_more)
{
	have_keys(KEYS_MAX);
	expect_refusal(1, "8 credentials of this kind", "client", "key", "add", "--org", "acme", "--key", file);
	cr_expect_eq(acts("add_key", "too_many_credentials"), 1);
	cr_expect_str_eq(methods(), "", "what was refused changes nothing");
	expect_exit(0, "client", "key", "remove", "k3", "--org", "acme");
	expect_exit(0, "client", "key", "add", "--org", "acme", "--key", file);
	cr_expect_eq(keys_of(&acme), KEYS_MAX);
}

/* The statement of each began before the others' committed: they all wait for the client's row. */
Test(client_keys, of_those_that_are_added_at_once_no_more_than_eight_stay)
{
	enum { JOBS = 4 };
	static struct ctl_job jobs[JOBS];
	static struct ctl_result results[JOBS];
	struct client_key_pair pairs[JOBS];
	unsigned done = 0;
	have_keys(KEYS_MAX - 1);
	sql_exec(world_db(&w), "begin");
	sql_exec(world_db(&w), "select from m2m.client where client_id = '%s' for no key update", acme.client_id);
	for (int i = 0; i < JOBS; i++) {
		client_key_make(&pairs[i], JWT_ES256);
		put_file(&pairs[i]);
		ctl_start(&w.ctl_env, &jobs[i], &results[i],
			  (const char *const[]){"client", "key", "add", "--org", "acme", "--key", file, NULL});
	}
	for (int tries = 0; tries < 200 && sql_int(world_db(&w), "select count(*) from pg_stat_activity where wait_event_type = 'Lock'"
								 " and datname = current_database()") < JOBS;
	     tries++)
		sql_exec(world_db(&w), "select pg_sleep(0.05), pg_stat_clear_snapshot()");
	sql_exec(world_db(&w), "commit");
	for (int i = 0; i < JOBS; i++) {
		done += ctl_finish(&jobs[i], &results[i]) == 0;
		signing_key_free(pairs[i].key);
	}
	cr_expect_eq(done, 1);
	cr_expect_eq(keys_of(&acme), KEYS_MAX);
}

Test(client_keys, of_two_that_add_the_same_key_at_once_one_does)
{
	enum { JOBS = 2 };
	static struct ctl_job jobs[JOBS];
	static struct ctl_result results[JOBS];
	unsigned done = 0;
	for (int i = 0; i < JOBS; i++)
		ctl_start(&w.ctl_env, &jobs[i], &results[i],
			  (const char *const[]){"client", "key", "add", "--org", "acme", "--key", file, NULL});
	for (int i = 0; i < JOBS; i++)
		done += ctl_finish(&jobs[i], &results[i]) == 0;
	cr_expect_eq(done, 1);
	cr_expect_eq(acts("add_key", "already_exists"), 1);
}

/* ---- generating ---- */

static char made[TMP_PATH];

#define GENERATE(...) "client", "key", "generate", "--org", "acme", "--private", __VA_ARGS__

/* The id under which openssl's public half of the file's key is registered. */
static void id_of_file(char id[64])
{
	char public[TMP_PATH], command[2 * TMP_PATH + 64];
	tmp_path(public, "public", ".pem");
	snprintf(command, sizeof command, "openssl pkey -in '%s' -pubout -out '%s'", made, public);
	cr_assert_eq(system(command), 0);
	expect_exit(0, "client", "key", "add", "--org", "other", "--key", public, "--output", "env");
	ctl_value(&r, "M2M_CREDENTIAL_ID", id, 64);
}

Test(client_keys, a_generated_key_is_its_owner_s_alone_and_registered)
{
	static const char *const algs[][2] = {{"ES256", "EC"}, {"PS256", "RSA"}, {"EdDSA", "OKP"}};
	for (size_t i = 0; i < sizeof algs / sizeof *algs; i++) {
		char id[64], want[64];
		struct stat info;
		tmp_path(made, "made", ".key");
		expect_exit(0, GENERATE(made, "--alg", algs[i][0], "--name", "Build server", "--expires-in", "3600", "--output", "json"));
		cr_expect(says(r.out, algs[i][0]) && says(r.out, algs[i][1]) && says(r.out, "\"name\":\"Build server\""), "%s", r.out);
		cr_expect(!says(r.out, "\"d\"") && !says(r.out, "PRIVATE"), "%s", r.out);
		snprintf(id, sizeof id, "%s",
			 sql_text(world_db(&w),
				  "select credential_id from m2m.client_credential where client_id = '%s' and expires_at is not null"
				  " and public_jwk::jsonb->>'alg' = '%s'",
				  acme.client_id, algs[i][0]));
		cr_assert(stat(made, &info) == 0 && (info.st_mode & 07777) == 0600);
		id_of_file(want);
		cr_expect_str_eq(id, want);
	}
	tmp_path(made, "made", ".key");
	expect_exit(0, GENERATE(made));
	cr_expect(says(r.out, "ES256"), "it is the default: %s", r.out);
}

Test(client_keys, a_private_key_may_go_to_stdout_and_be_a_jwk)
{
	expect_exit(0, GENERATE("-"));
	cr_expect(strncmp(r.out, "-----BEGIN PRIVATE KEY-----\n", 28) == 0 && says(r.err, "registered as "), "%s%s", r.out, r.err);
	expect_exit(0, GENERATE("-", "--format", "jwk", "--output", "json"));
	cr_expect(r.out[0] == '{' && says(r.out, "\"d\":\"") && says(r.out, "\"alg\":\"ES256\""), "%s", r.out);
	cr_expect_eq(keys_of(&acme), 2);
}

static void expect_file(const char *text)
{
	char *now = tmp_read(made, NULL);
	cr_assert_not_null(now);
	cr_expect_str_eq(now, text);
	free(now);
}

Test(client_keys, a_file_that_is_there_stays_as_it_is_and_nothing_is_registered)
{
	char link[TMP_PATH];
	tmp_path(made, "made", ".key");
	tmp_write(made, "precious");
	expect_refusal(1, "is there already", GENERATE(made));
	tmp_path(link, "link", ".key");
	cr_assert_eq(symlink(made, link), 0);
	expect_refusal(1, "is there already", GENERATE(link));
	expect_file("precious");
	expect_refusal(1, "No such file", GENERATE("/nowhere/key"));
	cr_expect_eq(keys_of(&acme), 0);
}

Test(client_keys, a_key_that_can_not_be_registered_leaves_no_file)
{
	tmp_path(made, "made", ".key");
	have_keys(KEYS_MAX);
	expect_refusal(1, "8 credentials of this kind", GENERATE(made));
	cr_expect_neq(access(made, F_OK), 0);
	expect_refusal(1, "8 credentials of this kind", GENERATE("-"));
	expect_refusal(2, "a time to come", GENERATE(made, "--expires-at", "2001-01-01T00:00:00Z"));
	expect_refusal(2, "--alg", GENERATE(made, "--alg", "HS256"));
	expect_refusal(2, "--format", GENERATE(made, "--format", "der"));
	expect_refusal(2, "where to", "client", "key", "generate", "--org", "acme");
	expect_refusal(2, "whose key", "client", "key", "generate", "--private", made);
	expect_refusal(4, "", "client", "key", "generate", "--org", "nobody", "--private", made);
	cr_expect_neq(access(made, F_OK), 0);
}

Test(client_keys, the_list_tells_when_a_key_was_used_last)
{
	expect_exit(0, "client", "key", "add", "--org", "acme", "--key", file);
	sql_exec(
		world_db(&w),
		"insert into m2m.token_audit (issued_at, expires_at, jti, organization_id, request_id, batch_id, transport, client_id, kid,"
		" caller, scope, audience, remote_addr, auth_method, credential) select now(), now(),"
		" gen_random_uuid(), '%s', gen_random_uuid(), gen_random_uuid(), 'r', '%s', 'k', 'c', 'api', 'a', '192.0.2.9', 'k', '%s'",
		acme.id, acme.client_id, key.id);
	expect_exit(0, "client", "key", "list", "--org", "acme", "--output", "json");
	cr_expect(says(r.out, "\"last_used_at\":\"20") && says(r.out, "\"last_used_from\":\"192.0.2.9\""), "%s", r.out);
}

Test(client_keys, a_deleted_client_has_none_and_gets_none)
{
	char id[32];
	expect_exit(0, "client", "create", "--org", "acme", "--output", "env");
	ctl_value(&r, "M2M_CLIENT_ID", id, sizeof id);
	expect_exit(0, "client", "key", "add", "--client", id, "--key", file);
	expect_exit(0, "client", "delete", id, "--yes");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential where ended_at is null"), 0);
	expect_refusal(4, "no client", "client", "key", "add", "--client", id, "--key", file);
	expect_refusal(4, "no client", "client", "key", "list", "--client", id);
	expect_refusal(4, "no client", "client", "key", "remove", "--client", id, "--", key.id);
}

Test(client_keys, a_deleted_organization_leaves_none)
{
	expect_exit(0, "client", "key", "add", "--org", "acme", "--key", file);
	expect_exit(0, "org", "delete", "acme", "--yes");
	cr_expect_eq(keys_of(&acme), 0);
}

Test(client_keys, how_a_client_authenticates_is_set_and_shown)
{
	expect_exit(0, "client", "show", "--org", "acme", "--output", "json");
	cr_expect(says(r.out, "\"auth_methods\":[\"secret\"]"), "%s", r.out);
	expect_exit(0, "client", "set", "--org", "acme", "--auth-method", "key");
	cr_expect_str_eq(methods(), "{key}");
	cr_expect_eq(
		sql_int(world_db(&w),
			"select count(*) from m2m.admin_audit where action = 'set_client' and detail = '{\"auth_methods\": [\"key\"]}'"),
		1);
	expect_exit(0, "client", "key", "add", "--org", "acme", "--key", file);
	cr_expect_str_eq(methods(), "{key}");
	expect_exit(0, "client", "set", "--org", "acme", "--auth-method", "secret", "--auth-method", "key");
	expect_exit(0, "client", "list", "--org", "acme");
	cr_expect(says(r.out, "AUTH METHODS") && says(r.out, "secret key"), "%s", r.out);
	expect_refusal(2, "expected secret, key, certificate or workload", "client", "set", "--org", "acme", "--auth-method", "password");
	expect_refusal(2, "one at least", "client", "set", "--org", "acme", "--auth-method", "key", "--auth-method", "key");
	expect_exit(0, "client", "create", "--org", "acme", "--auth-method", "key", "--output", "json");
	cr_expect(says(r.out, "\"auth_methods\":[\"key\"]"), "%s", r.out);
	expect_exit(0, "org", "create", "beta", "--auth-method", "key", "--auth-method", "secret");
	expect_exit(0, "client", "show", "--org", "beta", "--output", "json");
	cr_expect(says(r.out, "\"auth_methods\":[\"key\",\"secret\"]"), "%s", r.out);
}

Test(client_keys, a_group_in_a_group_has_its_help)
{
	expect_exit(0, "client", "--help");
	cr_expect(says(r.out, "m2mctl client show") && says(r.out, "m2mctl client key remove"), "%s", r.out);
	expect_exit(0, "client", "key", "--help");
	cr_expect(says(r.out, "client key add") && !says(r.out, "client show"), "%s", r.out);
	expect_refusal(2, "client key add", "client", "key");
	expect_refusal(2, "no command client key mint", "client", "key", "mint");
	expect_refusal(2, "no command client key", "client key", "add");
	expect_exit(0, "client", "key", "add", "--help");
	cr_expect(says(r.out, "usage: m2mctl client key add ") && says(r.out, "--expires-at TIME"), "%s", r.out);
	expect_exit(0, "man");
	cr_expect(says(r.out, ".SS \"client key add ") && says(r.out, ".B \"\\-\\-expires\\-at TIME"), "%s", r.out);
}

/* ---- workloads ---- */

Test(client_keys, a_workload_s_token_names_the_gateway_unless_something_else_is_agreed)
{
	expect_exit(0, "client", "workload", "add", "--org", "acme", "--github", "acme/web:prod", "--output", "json");
	cr_expect(says(r.out, "\"audience\":\"http"), "%s", r.out);
	cr_expect(says(r.out, "\"claims\":{\"repository\":\"acme/web\",\"environment\":\"prod\"}") ||
			  says(r.out, "\"claims\":{\"environment\":\"prod\",\"repository\":\"acme/web\"}") ||
			  says(r.out, "\"repository\": \"acme/web\""),
		  "%s", r.out);
	expect_exit(0, "client", "workload", "add", "--org", "acme", "--spiffe", "spiffe://example.org/web", "--audience", "x", "--output",
		    "json");
	cr_expect(says(r.out, "\"audience\":\"x\"") && says(r.out, "\"issuer\":\"example.org\"") && says(r.out, "\"may_replay\":true"),
		  "%s", r.out);
	expect_exit(0, "client", "workload", "list", "--org", "acme");
	cr_expect(says(r.out, "spiffe://example.org/web"), "%s", r.out);
	expect_refusal(2, "which cluster", "client", "workload", "add", "--org", "acme", "--kubernetes", "prod/web");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'add_workload' and outcome = 'granted'"),
		     2);
}
