/* What an operator meets in m2mctl besides organizations and migrations: keys, config check, what is printed for shells, clusters and readers. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

static struct world w;
static struct org acme;
static struct ctl_result r;

static void open_world(void)
{
	world_prepare(&w, false);
	env_set(&w.ctl_env, "M2M_JWKS_MAX_AGE=60");
	org_create(&w, "acme", &acme);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(ctl, .init = open_world, .fini = close_world, .timeout = 120);

static bool says(const char *text, const char *what)
{
	return strstr(text, what) != NULL;
}

#define expect_exit(want, ...)                                                                                                             \
	do {                                                                                                                               \
		int got_ = ctl(&w.ctl_env, &r, __VA_ARGS__);                                                                               \
		cr_assert_eq(got_, want, "%s ended with %d: %s%s", #__VA_ARGS__, got_, r.out, r.err);                                      \
	} while (0)

static int64_t acts(const char *action)
{
	return sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = '%s'", action);
}

/* ---- signing keys ---- */

static void current(char out[64])
{
	snprintf(out, 64, "%s", sql_text(world_db(&w), "select kid from m2m.signing_key_current"));
}

static void made(char out[64])
{
	ctl_value(&r, "M2M_KEY_ID", out, 64);
}

static const char *state_of(const char *kid)
{
	return sql_text(world_db(&w), "select state || ' ' || current from m2m.signing_keys where kid = '%s'", kid);
}

Test(ctl, a_rotated_key_is_published_before_it_signs_and_after_it_has)
{
	char first[64], second[64];
	current(first);
	expect_exit(0, "key", "rotate", "--alg", "ES256", "--margin", "100", "--output", "env");
	made(second);
	cr_expect_str_eq(state_of(second), "next false");
	cr_expect_eq(sql_int(world_db(&w),
			     "select round(extract(epoch from active_from - created_at)) from m2m.signing_key where kid = '%s'", second),
		     165, "5 s of polling, 60 s of caching, 100 s of margin");
	expect_exit(1, "key", "rotate");
	cr_expect(says(r.err, second), "%s", r.err);
	sql_exec(world_db(&w), "update m2m.signing_key set active_from = statement_timestamp() where kid = '%s'", second);
	cr_expect_str_eq(state_of(second), "active true");
	cr_expect_str_eq(state_of(first), "retired false");
	cr_expect_str_eq(sql_text(world_db(&w), "select published_until - retired_at from m2m.signing_keys where kid = '%s'", first),
			 "30 days", "the longest lifetime of a token");
	cr_expect_eq(acts("rotate_signing_key"), 1);
}

Test(ctl, a_rotation_is_called_off_by_retiring_the_key_that_was_to_come)
{
	char first[64], second[64];
	current(first);
	expect_exit(0, "key", "rotate", "--output", "env");
	made(second);
	expect_exit(0, "key", "retire", second);
	cr_expect_str_eq(state_of(second), "retired false");
	sql_exec(world_db(&w), "update m2m.signing_key set active_from = statement_timestamp() where kid = '%s'", second);
	cr_expect_str_eq(state_of(first), "active true");
	expect_exit(1, "key", "retire", second);
	expect_exit(0, "key", "rotate");
	expect_exit(4, "key", "retire", "nothing");
	expect_exit(4, "key", "retire", "--", "-nothing");
	expect_exit(2, "key", "retire", "-nothing");
	expect_exit(2, "key", "retire");
	expect_exit(2, "key", "rotate", "--alg", "HS256");
}

Test(ctl, the_signing_key_leaves_only_for_one_that_verifiers_know)
{
	char first[64], second[64];
	current(first);
	expect_exit(1, "key", "revoke", first);
	cr_expect(says(r.err, "--standby"), "%s", r.err);
	expect_exit(0, "key", "rotate", "--standby", "--output", "env");
	made(second);
	expect_exit(1, "key", "retire", first);
	cr_expect_str_eq(state_of(first), "active true");
	sql_exec(world_db(&w), "update m2m.signing_key set created_at = statement_timestamp() - interval '66 seconds' where kid = '%s'",
		 second);
	expect_exit(0, "key", "revoke", first);
	cr_expect_str_eq(state_of(first), "revoked false");
	cr_expect_str_eq(state_of(second), "active true");
	expect_exit(1, "key", "revoke", first);
	cr_expect_eq(sql_int(world_db(&w),
			     "select count(*) from m2m.admin_audit where action = 'revoke_signing_key' and detail->>'successor' = '%s'",
			     second),
		     1);

	/* with --now there is always one: a new key */
	expect_exit(0, "key", "revoke", second, "--now");
	cr_expect(says(r.err, "signs now") && says(r.err, "don't know it"), "%s", r.err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key_current"), 1);
}

Test(ctl, two_that_revoke_at_once_leave_one_key_that_signs)
{
	enum { JOBS = 4 };
	static struct ctl_job jobs[JOBS];
	static struct ctl_result results[JOBS];
	char first[64];
	unsigned done = 0;
	current(first);
	for (int i = 0; i < JOBS; i++)
		ctl_start(&w.ctl_env, &jobs[i], &results[i], (const char *const[]){"key", "revoke", first, "--now", NULL});
	for (int i = 0; i < JOBS; i++)
		done += ctl_finish(&jobs[i], &results[i]) == 0;
	cr_expect_eq(done, 1);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key"), 2);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.signing_key_current"), 1);
}

/* ---- config check ---- */

static void expect_fault(int code, const char *what)
{
	int got = ctl(&w.ctl_env, &r, "config", "check");
	cr_expect(got == code && says(r.out, "FAULT") && says(r.out, what), "ended with %d, without '%s': %s%s", got, what, r.out, r.err);
}

Test(ctl, config_check_finds_nothing_wrong_with_what_is_right)
{
	env_set(&w.ctl_env, "M2M_DATABASE_URL=postgresql://m2m_gateway@127.0.0.1:%u/%s", w.pg.port, w.database);
	cr_assert_eq(chmod(shared_master_keys(), 0600), 0);
	expect_exit(0, "config", "check");
	cr_expect_not(says(r.out, "FAULT") || says(r.out, "WARNING"), "%s", r.out);
}

Test(ctl, config_check_explains_each_fault)
{
	char path[TMP_PATH];
	env_set(&w.ctl_env, "M2M_DATABASE_URL=postgresql://m2m_owner@127.0.0.1:%u/%s", w.pg.port, w.database);
	expect_fault(3, "could change the audit");
	env_set(&w.ctl_env, "M2M_DATABASE_URL=postgresql://m2m_gateway@127.0.0.1:%u/postgres", w.pg.port);
	expect_fault(3, "different databases");
	env_set(&w.ctl_env, "M2M_DATABASE_URL");

	tmp_path(path, "issuers", ".json");
	tmp_write(path, "[{\"issuer\":\"https://a.test\",\"audience\":\"x\",\"jwks_url\":\"http://a.test/"
			"k\",\"organization_claim\":\"o\",\"colour\":1}]");
	env_set(&w.ctl_env, "M2M_TRUSTED_ISSUERS_FILE=%s", path);
	expect_fault(3, "issuer 1: jwks_url: expected an https:// URL");
	cr_expect(says(r.out, "colour: there is no such member"), "%s", r.out);
	env_set(&w.ctl_env, "M2M_TRUSTED_ISSUERS_FILE");

	sql_exec(world_db(&w), "update m2m.client_secret set key_id = 'k7'");
	expect_fault(6, "derived from k7");
	sql_exec(world_db(&w), "update m2m.client_secret set key_id = 'k1'");
	sql_exec(world_db(&w), "update m2m.signing_key set seal_key_id = 'k7'");
	expect_fault(6, "sealed with the master key \"k7\"");
	sql_exec(world_db(&w), "update m2m.signing_key set state = 'revoked', revoked_at = now()");
	expect_fault(1, "none is active");
	sql_exec(world_db(&w), "update m2m.key_check set check_value = sha256('x')");
	expect_fault(6, "is not the one that this database knows");
	sql_exec(world_db(&w), "update m2m.schema_migration set checksum = sha256('x') where version = 2");
	expect_fault(6, "schema");
	env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL=postgresql://m2m_gateway@127.0.0.1:%u/%s", w.pg.port, w.database);
	expect_fault(3, "may not act as m2m_owner");
	env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL=postgresql://nobody@127.0.0.1:%u/%s", w.pg.port, w.database);
	cr_expect_neq(ctl(&w.ctl_env, &r, "config", "check"), 0);
	cr_expect(says(r.out, "nobody"), "%s", r.out);
	env_set(&w.ctl_env, "M2M_NO_SUCH_THING=1");
	env_set(&w.ctl_env, "M2M_WORKERS=many");
	expect_exit(3, "config", "check");
	cr_expect(says(r.err, "M2M_NO_SUCH_THING") && says(r.err, "M2M_WORKERS"), "all of them at once: %s", r.err);
}

Test(ctl, config_check_warns_of_a_key_file_that_others_may_read)
{
	char path[TMP_PATH];
	char *keys = tmp_read(shared_master_keys(), NULL);
	tmp_path(path, "open", ".keys");
	tmp_write(path, keys);
	cr_assert_eq(chmod(path, 0644), 0);
	env_set(&w.ctl_env, "M2M_MASTER_KEYS_FILE=%s", path);
	expect_exit(0, "config", "check");
	cr_expect(says(r.out, "WARNING") && says(r.out, "0644"), "%s", r.out);
	free(keys);
}

/* ---- what is printed ---- */

Test(ctl, a_kubernetes_secret_holds_the_credentials)
{
	expect_exit(0, "client", "secret", "--org", "acme", "--output", "k8s-secret", "--secret-name", "acme.m2m", "--namespace", "shop");
	char id[64], secret[128];
	snprintf(id, sizeof id, "M2M_CLIENT_ID: \"%s\"", acme.client_id);
	snprintf(secret, sizeof secret, "M2M_CLIENT_SECRET: \"%s\"", acme.secret);
	cr_expect(says(r.out, "apiVersion: v1\nkind: Secret\n") && says(r.out, "name: \"acme.m2m\"") &&
			  says(r.out, "namespace: \"shop\"") && says(r.out, id) && says(r.out, secret),
		  "%s", r.out);
	expect_exit(2, "client", "secret", "--org", "acme", "--output", "k8s-secret", "--secret-name", "Acme");
	expect_exit(2, "client", "secret", "--org", "acme", "--output", "k8s-secret", "--namespace", "a.b");
	expect_exit(2, "client", "show", "--org", "acme", "--output", "k8s-secret");
}

/* What bash offers after these words, as its own completion asks for it. */
static void complete(const char *words, unsigned at, char out[4096])
{
	static struct ctl_result script;
	char path[TMP_PATH], answer[TMP_PATH], text[512];
	cr_assert_eq(ctl(&w.ctl_env, &script, "completion", "bash"), 0);
	tmp_path(path, "completion", ".bash");
	tmp_path(answer, "answer", "");
	tmp_write(path, script.out);
	snprintf(
		text, sizeof text,
		". '%s'; COMP_WORDS=(%s); COMP_CWORD=%u; $(complete -p m2mctl | sed 's/.*-F //; s/ .*//'); echo \"${COMPREPLY[*]}\" > '%s'",
		path, words, at, answer);
	proc_run((const char *const[]){"bash", "-c", text, NULL});
	char *got = tmp_read(answer, NULL);
	snprintf(out, 4096, " %s", got);
	free(got);
}

Test(ctl, bash_completes_groups_commands_options_and_values)
{
	char got[4096];
	complete("m2mctl ''", 1, got);
	cr_expect(says(got, " key") && says(got, " org") && says(got, " config"), "%s", got);
	complete("m2mctl key re", 2, got);
	cr_expect(says(got, " retire") && says(got, " revoke") && says(got, " reseal") && !says(got, " rotate"), "%s", got);
	complete("m2mctl key rotate --", 3, got);
	cr_expect(says(got, "--alg") && says(got, "--standby") && says(got, "--output"), "%s", got);
	complete("m2mctl key rotate --alg E", 4, got);
	cr_expect(says(got, " ES256") && says(got, " EdDSA") && !says(got, "RS256"), "%s", got);
	expect_exit(0, "completion", "zsh");
	cr_expect(says(r.out, "#compdef m2mctl"));
	expect_exit(0, "completion", "fish");
	cr_expect(says(r.out, "complete -c m2mctl"));
}

Test(ctl, the_manual_has_every_command_setting_and_exit_code)
{
	static char man[sizeof r.out];
	expect_exit(0, "man");
	cr_expect_eq(strncmp(r.out, ".\\\" ", 4), 0);
	cr_expect(says(r.out, ".TH M2MCTL 1"));
	snprintf(man, sizeof man, "%s", r.out);
	static const char *const held[] = {
		".SS \"migrate up\"",  ".SS \"org delete SLUG|ID", ".SS \"client default", ".SS \"key revoke KID",   ".SS \"config check\"",
		"M2M_TRUSTED_ISSUERS", "M2M_ACCESS_TOKEN_TYPE",    ".SH EXIT STATUS",      "M2M_ADMIN_DATABASE_URL", "another master key"};
	for (size_t i = 0; i < sizeof held / sizeof *held; i++)
		cr_expect(says(man, held[i]), "%s", held[i]);
}
