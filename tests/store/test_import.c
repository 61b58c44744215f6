/* Clients that are brought along: what becomes of a line, of a file that comes twice, of one that
 * is cut off, and of each product's export (tests/exports). */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/digest.h"
#include "crypto/foreign_secret.h"
#include "crypto/secret.h"
#include "harness/client_key.h"
#include "harness/pki.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define SECRET "some-secret-1"
#define BCRYPT "$2a$04$0.uj/uxFbwkmVej0EyE6JOwF0/6KsZDvZ18nzdY.cDjZ3lbHH/qPi"

static struct world w;
static struct ctl_result r;
static struct master_ring ring;

static void open_import(void)
{
	char text[1024] = "";
	world_prepare(&w, false);
	env_set(&w.ctl_env, "M2M_DEFAULT_AUDIENCE=https://api.example.com");
	env_set(&w.ctl_env, "M2M_DEFAULT_SCOPE=all");
	FILE *keys = fopen(shared_master_keys(), "r");
	cr_assert_not_null(keys);
	cr_assert_gt(fread(text, 1, sizeof text - 1, keys), 0);
	fclose(keys);
	cr_assert_eq(crypto_init(), ERR_OK);
	cr_assert_eq(master_ring_parse(str_of(text), &ring, NULL), ERR_OK);
}

static void close_import(void)
{
	crypto_fini();
	world_close(&w);
}

TestSuite(import, .init = open_import, .fini = close_import, .timeout = 240);

#define expect_exit(want, ...)                                                                                                             \
	do {                                                                                                                               \
		int got_ = ctl(&w.ctl_env, &r, __VA_ARGS__);                                                                               \
		cr_assert_eq(got_, want, "%s ended with %d: %s%s", #__VA_ARGS__, got_, r.out, r.err);                                      \
	} while (0)

static bool says(const char *text, const char *what)
{
	return strstr(text, what) != NULL;
}

static const char *file_of(const char *text)
{
	static char path[TMP_PATH];
	tmp_path(path, "clients", ".jsonl");
	tmp_write(path, text);
	return path;
}

static const char *export_of(const char *name)
{
	static char path[4096];
	snprintf(path, sizeof path, "%s/tests/exports/%s", M2M_SOURCE_DIR, name);
	return path;
}

static void expect_counts(int made, int present, int left_out, int refused)
{
	char want[128];
	snprintf(want, sizeof want, "\"there_already\":%d,\"left_out\":%d,\"refused\":%d", present, left_out, refused);
	cr_expect(says(r.out, want), "%s in %s%s", want, r.out, r.err);
	snprintf(want, sizeof want, "\"made\":%d,", made);
	cr_expect(says(r.out, want), "%s in %s%s", want, r.out, r.err);
}

/* What all tables that an import writes hold. */
static const char *state(void)
{
	return sql_text(world_db(&w), "select md5(concat((select string_agg(c::text, '|' order by client_id) from m2m.client c),"
				      " (select string_agg(s::text, '|' order by client_id, version) from m2m.client_secret s),"
				      " (select string_agg(o::text, '|' order by slug) from m2m.organization o),"
				      " (select count(*) from m2m.client_import), (select count(*) from m2m.admin_audit)))");
}

static void keep_state(char out[64])
{
	snprintf(out, 64, "%s", state());
}

static const char *client_of(const char *client_id)
{
	return sql_text(
		world_db(&w),
		"select concat_ws(' ', o.slug, c.name, c.is_default, c.scopes, c.audiences, c.token_lifetime, c.secret_version,"
		" c.disabled_at is not null) from m2m.client c join m2m.organization o using (organization_id) where client_id = '%s'",
		client_id);
}

/* The stored verifier of a version is the one that a gateway makes of the secret. */
static void opens(const char *client_id, int version, const char *secret)
{
	uint8_t verifier[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	cr_assert_eq(secret_verifier(&ring.keys[0], str_of(client_id), str_of(secret), verifier), ERR_OK);
	for (size_t i = 0; i < sizeof verifier; i++)
		snprintf(hex + 2 * i, 3, "%02x", verifier[i]);
	cr_expect_str_eq(sql_text(world_db(&w),
				  "select encode(verifier, 'hex') from m2m.client_secret where client_id = '%s' and version = %d"
				  " and foreign_hash is null and salt is null and hint is null",
				  client_id, version),
			 hex, "%s version %d", client_id, version);
}

/* The stored hash is one of the secret, and nothing of ours is there yet. */
static void hashes(const char *client_id, int version, const char *secret)
{
	const char *hash = sql_text(world_db(&w),
				    "select foreign_hash from m2m.client_secret where client_id = '%s' and version = %d"
				    " and verifier is null and key_id is null",
				    client_id, version);
	cr_expect_eq(foreign_hash_verify(str_of(hash), str_of(secret)), ERR_OK, "%s version %d: %s", client_id, version, hash);
}

#define LINE(org, id, more) "{\"organization\":\"" org "\",\"client_id\":\"" id "\"," more "}\n"

static const char two_lines[] =
	LINE("acme", "acme-export", "\"name\":\"Nightly\",\"scopes\":[\"orders:read\"],\"token_lifetime\":900,\"secret\":\"" SECRET "\"")
		LINE("acme", "acme:50%/import", "\"secret_hash\":\"" BCRYPT "\",\"disabled\":true");

Test(import, lines_become_clients_with_their_ids_and_secrets)
{
	expect_exit(0, "client", "import", file_of(two_lines), "--output", "json");
	expect_counts(2, 0, 0, 0);
	cr_expect(says(r.out, "\"organizations_made\":1"), "%s", r.out);
	cr_expect_str_eq(client_of("acme-export"), "acme Nightly t {orders:read} {https://api.example.com} 900 1 f");
	cr_expect_str_eq(client_of("acme:50%/import"), "acme  f {all} {https://api.example.com} 86400 1 t");
	opens("acme-export", 1, SECRET);
	hashes("acme:50%/import", 1, SECRET);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_import where actor like 'operator:%%'"), 1);
	cr_expect_str_eq(
		sql_text(world_db(&w),
			 "select string_agg(action || ' ' || coalesce(client_id, detail ->> 'slug'), ', ' order by action, client_id)"
			 " from m2m.admin_audit where detail ->> 'import' = (select import_id::text from m2m.client_import)"),
		"create_client acme-export, create_client acme:50%/import, create_organization acme");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where detail::text like '%%" SECRET "%%'"), 0);
}

Test(import, the_same_file_twice_changes_nothing)
{
	char before[64];
	expect_exit(0, "client", "import", file_of(two_lines), "--output", "json");
	keep_state(before);
	expect_exit(0, "client", "import", file_of(two_lines), "--output", "json");
	expect_counts(0, 2, 0, 0);
	cr_expect_str_eq(state(), before);
}

Test(import, a_dry_run_says_the_same_and_writes_nothing)
{
	char before[64];
	keep_state(before);
	expect_exit(0, "client", "import", file_of(two_lines), "--dry-run", "--output", "json");
	expect_counts(2, 0, 0, 0);
	cr_expect(says(r.out, "\"organizations_made\":1") && says(r.out, "\"dry_run\":true,\"import_id\":null"), "%s", r.out);
	cr_expect_str_eq(state(), before);
}

Test(import, a_damaged_line_is_named_by_its_number_and_the_rest_goes_on)
{
	expect_exit(7, "client", "import",
		    file_of(LINE("acme", "acme-export",
				 "\"secret\":\"" SECRET
				 "\"") "{\"organization\":\"acme\",\"client_\n"
				       "\n" LINE("acme", "short-1", "\"secret\":\"short\"") LINE(
					       "acme", "twice-01", "\"secret\":\"" SECRET "\",\"secret_hash\":\"x\"")
					       LINE("acme", "unknown1", "\"secrets_hash\":\"x\"") LINE(
						       "acme", "costly-1",
						       "\"secret_hash\":\"$2b$15$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW\"")
						       LINE("acme", "formless", "\"secret_hash\":\"{MD5}x\"")
							       LINE("Acme Inc", "badslug1", "\"secret\":\"" SECRET "\"")
								       LINE("acme", "acme-import", "\"secret\":\"" SECRET "\"")),
		    "--output", "json");
	expect_counts(2, 0, 0, 7);
	cr_expect(says(r.err, "line 2: it breaks off."), "%s", r.err);
	cr_expect(says(r.err, "line 4: short-1: a client id is 8 to 128 visible ASCII characters."), "%s", r.err);
	cr_expect(says(r.err, "line 5: twice-01: a client has one of secret, secret_hash and secrets."), "%s", r.err);
	cr_expect(says(r.err, "line 6: there is no member \"secrets_hash\"."), "%s", r.err);
	cr_expect(says(r.err, "line 7: costly-1: its hash costs more than a second or 128 MiB to check"), "%s", r.err);
	cr_expect(says(r.err, "line 8: formless: its hash is of no form that is known here."), "%s", r.err);
	cr_expect(says(r.err, "line 9: badslug1: slug must be"), "%s", r.err);
	opens("acme-import", 1, SECRET);
}

Test(import, an_id_of_another_organization_or_a_deleted_one_is_refused)
{
	expect_exit(0, "client", "import", file_of(two_lines));
	expect_exit(0, "client", "delete", "acme:50%/import", "--yes");
	expect_exit(7, "client", "import",
		    file_of(LINE("globex", "acme-export", "\"secret\":\"" SECRET "\"")
				    LINE("acme", "acme:50%/import", "\"secret\":\"" SECRET "\"")),
		    "--output", "json");
	expect_counts(0, 0, 0, 2);
	cr_expect(says(r.err, "line 1: acme-export: there is a client of this id, of another organization."), "%s", r.err);
	cr_expect(says(r.err, "line 2: acme:50%/import: there was a client of this id, and ids are never used again."), "%s", r.err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.organization where slug = 'globex'"), 0);
}

Test(import, an_id_that_stands_twice_in_a_file_is_made_once)
{
	expect_exit(7, "client", "import",
		    file_of(LINE("acme", "acme-export", "\"secret\":\"" SECRET "\"") LINE("acme", "acme-export", "\"secret\":\"another-1\"")
				    LINE("globex", "acme-export", "\"secret\":\"" SECRET "\"")),
		    "--output", "json");
	expect_counts(1, 1, 0, 1);
	opens("acme-export", 1, SECRET);
}

Test(import, an_organization_without_a_default_client_gets_the_first_that_doesnt_say_no)
{
	struct org acme;
	org_create(&w, "acme", &acme);
	expect_exit(0, "client", "import",
		    file_of(LINE("globex", "client-1", "\"secret\":\"" SECRET "\",\"default\":false")
				    LINE("globex", "client-2", "\"secret\":\"" SECRET "\"")
					    LINE("globex", "client-3", "\"secret\":\"" SECRET "\",\"default\":true")
						    LINE("acme", "client-4", "\"secret\":\"" SECRET "\",\"default\":true")));
	cr_expect_str_eq(sql_text(world_db(&w), "select string_agg(client_id, ',' order by client_id) from m2m.client"
						" where is_default and client_id like 'client%%'"),
			 "client-3");
}

Test(import, several_versions_live_until_their_ends)
{
	expect_exit(0, "client", "import",
		    file_of(LINE("acme", "acme-export",
				 "\"secrets\":[{\"version\":2,\"secret\":\"" SECRET "\",\"expires_at\":\"2099-01-01T00:00:00Z\"},"
				 "{\"version\":5,\"hash\":\"" BCRYPT "\",\"created_at\":\"2020-01-01T00:00:00Z\"}]")));
	opens("acme-export", 2, SECRET);
	hashes("acme-export", 5, SECRET);
	cr_expect_str_eq(client_of("acme-export"), "acme  t {all} {https://api.example.com} 86400 5 f");
	cr_expect_str_eq(
		sql_text(world_db(&w),
			 "select string_agg(version || ' ' || (ended_at is null) || ' ' || coalesce(extract(year from"
			 " expires_at at time zone 'UTC')::text, '-') || ' ' || extract(year from created_at at time zone 'UTC'),"
			 " ', ' order by version) from m2m.client_secret where version < 5 or created_at < '2021-01-01'"),
		sql_text(world_db(&w), "select '2 false 2099 ' || extract(year from now() at time zone 'UTC') || ', 5 true - 2020'"));
	expect_exit(0, "audit", "verify", "--only", "contradictions");
	/* one that no act made, beside those that the import did */
	for (int version = 3; version <= 6; version += 3) {
		sql_exec(world_db(&w),
			 "insert into m2m.client_secret (client_id, version, key_id, salt, verifier, hint, created_at, expires_at)"
			 " select client_id, %d, key_id, salt, verifier, hint, now() + interval '2 minutes', 'infinity' from "
			 "m2m.client_secret"
			 " where client_id = 'acme-export' and version = 2",
			 version);
		expect_exit(6, "audit", "verify", "--only", "contradictions");
		sql_exec(world_db(&w), "delete from m2m.client_secret where client_id = 'acme-export' and version = %d", version);
	}
}

/* One that is too old already has a week left. */
Test(import, the_longest_age_of_its_organization_bounds_a_secret)
{
	struct org acme;
	org_create(&w, "acme", &acme);
	expect_exit(0, "org", "set", "acme", "--secret-max-age", "30d");
	expect_exit(0, "client", "import",
		    file_of(LINE("acme", "client-1", "\"secret\":\"" SECRET "\"") LINE(
			    "acme", "client-2", "\"secrets\":[{\"hash\":\"" BCRYPT "\",\"created_at\":\"2020-01-01T00:00:00Z\"}]")
				    LINE("acme", "client-3", "\"secret\":\"" SECRET "\",\"secret_expires_at\":\"2099-01-01T00:00:00Z\"")
					    LINE("acme", "client-4",
						 "\"secret\":\"" SECRET "\",\"secret_expires_at\":\"2021-01-01T00:00:00Z\"")));
	cr_expect_str_eq(
		sql_text(world_db(&w),
			 "select string_agg(round(extract(epoch from s.expires_at - i.started_at) / 86400)::text, ',' order by client_id)"
			 " from m2m.client_secret s, m2m.client_import i where client_id in ('client-1', 'client-2', 'client-3')"),
		"30,7,30");
	cr_expect_eq(sql_int(world_db(&w), "select extract(year from expires_at)::int from m2m.client_secret where client_id = 'client-4'"),
		     2021);
}

/* ---- cut off ---- */

static void put_lines(FILE *f, int from, int to)
{
	for (int i = from; i < to; i++)
		fprintf(f, "{\"organization\":\"org-%d\",\"client_id\":\"client-%06d\",\"secret\":\"" SECRET "\"}\n", i / 10, i);
	cr_assert_eq(fflush(f), 0);
}

static void many_lines(int n, char out[TMP_PATH])
{
	tmp_path(out, "many", ".jsonl");
	FILE *f = fopen(out, "w");
	cr_assert_not_null(f);
	put_lines(f, 0, n);
	fclose(f);
}

#define BATCH 1000

/* An import of what the test writes, so that it stands still where the test wants it. */
struct slow_import {
	struct ctl_job job;
	FILE *pipe;
	char path[TMP_PATH];
	int written;
};

static void slow_begin(struct slow_import *slow)
{
	*slow = (struct slow_import){.written = 0};
	tmp_path(slow->path, "slow", ".jsonl");
	cr_assert_eq(mkfifo(slow->path, 0600), 0);
	ctl_start(&w.ctl_env, &slow->job, &r, (const char *const[]){"client", "import", slow->path, NULL});
	slow->pipe = fopen(slow->path, "w");
	cr_assert_not_null(slow->pipe);
}

/* One line more than the batch: it tells the reader that the batch's last line has ended. */
static void slow_batch(struct slow_import *slow)
{
	int to = (slow->written / BATCH + 1) * BATCH + 1;
	put_lines(slow->pipe, slow->written, to);
	slow->written = to;
}

static void wait_for_clients(int n)
{
	while (sql_int(world_db(&w), "select count(*) from m2m.client") < n)
		usleep(10000);
}

Test(import, a_run_that_was_killed_is_taken_up)
{
	enum { LINES = 6000 };
	struct ctl_job job;
	char path[TMP_PATH];
	many_lines(LINES, path);
	ctl_start(&w.ctl_env, &job, &r, (const char *const[]){"client", "import", path, NULL});
	while (sql_int(world_db(&w), "select count(*) from m2m.client_import") == 0)
		usleep(1000);
	kill(job.pid, SIGKILL);
	(void)ctl_finish(&job, &r);
	int64_t made = sql_int(world_db(&w), "select count(*) from m2m.client");
	cr_expect_eq(made % 1000, 0, "whole batches: %lld", (long long)made);
	expect_exit(0, "client", "import", path, "--output", "json");
	expect_counts((int)(LINES - made), (int)made, 0, 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client"), LINES);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where verifier is not null"), LINES);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.organization"), LINES / 10);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'create_client'"), LINES);
}

/* "line N: made M, there already P, ..." of its log, the last one there. */
static bool progress_of(const struct ctl_result *of, int *ret_line, int *ret_made, int *ret_present)
{
	bool found = false;
	char *text = tmp_read(of->log, NULL);
	for (const char *at = text; at != NULL && (at = strstr(at, "line ")) != NULL; at++)
		found = sscanf(at, "line %d: made %d, there already %d, left out 0, refused 0", ret_line, ret_made, ret_present) == 3 ||
			found;
	free(text);
	return found;
}

/* Batch by batch, until it has said how far it is. */
static void wait_for_progress(struct slow_import *slow, int *ret_line, int *ret_made, int *ret_present)
{
	while (!progress_of(&r, ret_line, ret_made, ret_present)) {
		slow_batch(slow);
		wait_for_clients(slow->written - 1);
		usleep(200000);
	}
}

Test(import, tells_how_far_it_is_and_is_taken_up_where_it_was_cut_off)
{
	struct slow_import slow;
	int line = 0, made = 0, present = 0;
	slow_begin(&slow);
	wait_for_progress(&slow, &line, &made, &present);
	cr_expect(line == made && made % BATCH == 0 && made > 0 && present == 0, "line %d: made %d, %d", line, made, present);
	kill(slow.job.pid, SIGKILL);
	(void)ctl_finish(&slow.job, &r);
	fclose(slow.pipe);
	int before = slow.written - 1;
	cr_assert_eq(sql_int(world_db(&w), "select count(*) from m2m.client"), before, "whole batches");

	char path[TMP_PATH];
	many_lines(before + 500, path);
	expect_exit(0, "client", "import", path, "--output", "json");
	expect_counts(500, before, 0, 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_import"), 2);

	/* again from the start: now it tells what is there */
	slow_begin(&slow);
	wait_for_progress(&slow, &line, &made, &present);
	cr_expect(line == made + present && line % BATCH == 0 && present > 0, "line %d: made %d, %d", line, made, present);
	fclose(slow.pipe);
	cr_expect_eq(ctl_finish(&slow.job, &r), 0, "%s", r.err);
}

Test(import, a_lost_database_is_said_with_the_line_from_which_it_goes_on)
{
	struct slow_import slow;
	slow_begin(&slow);
	slow_batch(&slow);
	wait_for_clients(BATCH);
	sql_exec(world_db(&w), "select pg_terminate_backend(pid) from pg_stat_activity where application_name like 'm2mctl%%'"
			       " and datname = current_database()");
	slow_batch(&slow);
	fclose(slow.pipe);
	cr_expect_neq(ctl_finish(&slow.job, &r), 0);
	cr_expect(says(r.err, "what stands before line 1001 is done; the same command goes on from there"), "%s", r.err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client"), BATCH);

	char path[TMP_PATH];
	many_lines(2 * BATCH, path);
	expect_exit(0, "client", "import", path, "--output", "json");
	expect_counts(BATCH, BATCH, 0, 0);
}

Test(import, two_imports_of_one_file_at_once_make_each_client_once)
{
	enum { LINES = 3000 };
	static struct ctl_result other;
	struct ctl_job job;
	char path[TMP_PATH];
	many_lines(LINES, path);
	ctl_start(&w.ctl_env, &job, &other, (const char *const[]){"client", "import", path, NULL});
	int mine = ctl(&w.ctl_env, &r, "client", "import", path);
	int theirs = ctl_finish(&job, &other);
	cr_expect((mine == 0 || mine == 7) && (theirs == 0 || theirs == 7), "%d %s, %d %s", mine, r.err, theirs, other.err);
	expect_exit(0, "client", "import", path, "--output", "json");
	expect_counts(0, LINES, 0, 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'create_client'"), LINES);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client where is_default"), LINES / 10);
}

/* ---- the products ---- */

Test(import, keycloaks_export)
{
	expect_exit(7, "client", "import", export_of("keycloak.json"), "--from", "keycloak", "--org-from", "attributes.customer",
		    "--output", "json");
	expect_counts(1, 0, 1, 1);
	cr_expect(says(r.err, "line 7: admin-cli is left out: it may not use the grant client_credentials"), "%s", r.err);
	cr_expect(says(r.err, "masked-client: the export hides its secret"), "%s", r.err);
	cr_expect_str_eq(client_of("acme-export"), "acme Nightly export t {orders:read,orders:write} {https://api.example.com} 900 2 f");
	opens("acme-export", 1, "oldV3mUw9qZC0yZ1m5r7Jt1eJd1oQx8w");
	opens("acme-export", 2, "Vk3mUw9qZC0yZ1m5r7Jt1eJd1oQx8w2T");
	cr_expect_eq(sql_int(world_db(&w), "select extract(epoch from expires_at)::int8 from m2m.client_secret where version = 1"),
		     4102444800);
}

#define HYDRA_1 "7b8f0e6a-5a5e-4a37-9d6e-0f6c6f6a9c01"
#define HYDRA_2 "7b8f0e6a-5a5e-4a37-9d6e-0f6c6f6a9c02"

Test(import, hydras_rows)
{
	expect_exit(0, "client", "import", export_of("hydra.jsonl"), "--from", "hydra", "--org-from", "metadata.tenant", "--output",
		    "json");
	expect_counts(2, 0, 1, 0);
	cr_expect_str_eq(client_of(HYDRA_1), "globex Billing t {orders:read,orders:write} {https://api.example.com} 1800 1 f");
	cr_expect_str_eq(client_of(HYDRA_2), "globex Old f {offline,orders:read} {https://api.example.com} 86400 1 f");
	hashes(HYDRA_1, 1, SECRET);
	hashes(HYDRA_2, 1, SECRET);
}

Test(import, hydras_list_with_its_hashes_beside_it)
{
	char hashes_path[4096];
	snprintf(hashes_path, sizeof hashes_path, "%s", export_of("hydra-hashes.csv"));
	expect_exit(7, "client", "import", export_of("hydra-list.json"), "--from", "hydra", "--org", "globex");
	cr_expect(says(r.err, "it has no secret, neither plain nor hashed."), "%s", r.err);
	expect_exit(0, "client", "import", export_of("hydra-list.json"), "--from", "hydra", "--org", "globex", "--hashes", hashes_path);
	cr_expect_str_eq(client_of(HYDRA_1), "globex Billing t {orders:read,orders:write} {https://api.example.com} 1800 1 f");
	hashes(HYDRA_1, 1, SECRET);
}

Test(import, auth0s_clients)
{
	expect_exit(0, "client", "import", export_of("auth0.json"), "--from", "auth0", "--org-from", "client_metadata.customer", "--output",
		    "json");
	expect_counts(1, 0, 1, 0);
	cr_expect_str_eq(client_of("q8fij2iug0CmgPLfTfG1tZGdTQyGaTUA"), "initech Inventory t {all} {https://api.example.com} 36000 1 f");
	opens("q8fij2iug0CmgPLfTfG1tZGdTQyGaTUA", 1, "Zq3rT8mJk2LwVb5nXs9dYc4hGf7pRe1uQa0iOo6tWvKyMxNzBjDlSgHfPkUeCrEa");
}

Test(import, springs_rows)
{
	expect_exit(0, "client", "import", export_of("spring.jsonl"), "--from", "spring", "--org-from", "client_id", "--output", "json");
	expect_counts(2, 0, 1, 0);
	cr_expect_str_eq(client_of("messaging-client"),
			 "messaging-client Messaging t {message.read,message.write} {https://api.example.com} 600 1 f");
	hashes("messaging-client", 1, SECRET);
	opens("plain-client", 1, SECRET);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_secret where extract(year from expires_at) = 2099"), 1);
}

Test(import, duendes_clients_with_all_their_secrets)
{
	expect_exit(0, "client", "import", export_of("duende.json"), "--from", "duende", "--org", "acme", "--output", "json");
	expect_counts(1, 0, 1, 0);
	cr_expect_str_eq(client_of("worker.service"), "acme Worker t {catalog.read,catalog.write} {https://api.example.com} 3600 2 f");
	hashes("worker.service", 1, "secret");
	hashes("worker.service", 2, SECRET);
}

Test(import, djangos_applications)
{
	expect_exit(0, "client", "import", export_of("django.json"), "--from", "django", "--org-from", "fields.user", "--output", "json");
	expect_counts(1, 0, 1, 0);
	cr_expect_str_eq(client_of("JmUpzYXYHdRwyDvNv4uYDyAbVVhqDPAvBHxGr5tM"), "1 Reports t {all} {https://api.example.com} 86400 1 f");
	hashes("JmUpzYXYHdRwyDvNv4uYDyAbVVhqDPAvBHxGr5tM", 1, "l\xc3\xa8tmein");
}

Test(import, zitadels_rows)
{
	expect_exit(0, "client", "import", export_of("zitadel.jsonl"), "--from", "zitadel", "--org-from", "resource_owner", "--output",
		    "json");
	expect_counts(2, 0, 1, 0);
	cr_expect_str_eq(client_of("night-batch"), "301234567890123456 Night batch f {all} {https://api.example.com} 86400 1 f");
	hashes("312345678901234567", 1, SECRET);
	hashes("night-batch", 1, SECRET);
}

Test(import, logtos_applications)
{
	expect_exit(0, "client", "import", export_of("logto.json"), "--from", "logto", "--org-from", "customData.customer", "--output",
		    "json");
	expect_counts(1, 0, 1, 0);
	opens("m8u0y1kq3v5x7z9b2d4f6", 1, "h3k5m7p9r1t3v5x7z9b1d3f5h7j9l1n3");
}

Test(import, authentiks_providers)
{
	expect_exit(0, "client", "import", export_of("authentik.json"), "--from", "authentik", "--org", "acme", "--output", "json");
	expect_counts(1, 0, 1, 0);
	cr_expect_str_eq(client_of("6mYk3v0q8Zt1s5Wn2Rb7Xc4Ld9Hf0Jg3Pa6Ue1Io"), "acme Backups t {all} {https://api.example.com} 3900 1 f");
	opens("6mYk3v0q8Zt1s5Wn2Rb7Xc4Ld9Hf0Jg3Pa6Ue1Io", 1,
	      "ab:c%d9Hf0Jg3Pa6Ue1IoKpQrStUvWxYz0123456789AbCdEfGhIjKlMnOpQrStUvWxYz0123456789AbCdEfGhIjKlMn");
}

Test(import, names_that_are_no_slugs_stay_apart)
{
	expect_exit(0, "client", "import",
		    file_of("{\"client_id\":\"client-1\",\"client_secret\":\"" BCRYPT "\",\"name\":\"Acme Inc\"}\n"
			    "{\"client_id\":\"client-2\",\"client_secret\":\"" BCRYPT "\",\"name\":\"ACME inc\"}\n"),
		    "--from", "zitadel", "--org-from", "name");
	cr_expect_str_eq(sql_text(world_db(&w), "select string_agg(name, ',' order by name collate \"C\") from m2m.organization"),
			 "ACME inc,Acme Inc");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.organization where slug ~ '^acme-inc-[0-9a-f]{8}$'"), 2);
}

/* ---- from one installation to another ---- */

Test(import, an_export_moves_clients_to_another_installation)
{
	struct world first = w;
	struct org acme;
	static char exported[65536];
	char secret[SECRET_MAX], path[TMP_PATH];
	org_create(&w, "acme", &acme);
	expect_exit(0, "client", "rotate", "--org", "acme", "--grace", "3600");
	expect_exit(0, "client", "import", file_of(two_lines));
	expect_exit(0, "org", "set", "acme", "--secret-max-age", "90d");
	expect_exit(0, "client", "secret", "--org", "acme", "--output", "env");
	ctl_value(&r, "M2M_CLIENT_SECRET", secret, sizeof secret);
	expect_exit(0, "client", "export");
	snprintf(exported, sizeof exported, "%s", r.out);
	cr_expect(!says(exported, secret) && !says(exported, SECRET));
	cr_expect(says(exported, "\"organization_secret_max_age\":7776000"), "%s", exported);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.admin_audit where action = 'export_clients'"), 1);
	snprintf(path, sizeof path, "%s", file_of(exported));
	first = w;

	world_prepare(&w, false);
	expect_exit(0, "client", "import", path, "--output", "json");
	expect_counts(3, 0, 0, 0);
	expect_exit(0, "client", "export");
	cr_expect_str_eq(r.out, exported);
	expect_exit(0, "client", "secret", "--org", "acme", "--output", "env");
	char moved[SECRET_MAX];
	ctl_value(&r, "M2M_CLIENT_SECRET", moved, sizeof moved);
	cr_expect_str_eq(moved, secret);
	world_close(&w);
	w = first;
}

/* Two keys, one of them with an end, a name and a pinned certificate, two workloads, and everything
 * else that a client and an organization may have. */
static void fill_first_installation(struct client_key_pair *key)
{
	struct identity pinned;
	char jwk[TMP_PATH];
	expect_exit(0, "org", "create", "globex", "--name", "Globex", "--allow-network", "192.0.2.0/24");
	expect_exit(0, "client", "import",
		    file_of(LINE("globex", "globex:50%/all",
				 "\"name\":\"All\",\"secret\":\"" SECRET "\",\"roles\":[\"resource_server\"],\"token_type\":\"at+jwt\","
				 "\"allowed_networks\":[\"198.51.100.0/24\",\"2001:db8::/32\"],\"token_binding\":\"any\"")));
	client_key_make(key, JWT_ES256);
	tmp_path(jwk, "key", ".jwk");
	tmp_write(jwk, key->jwk);
	expect_exit(0, "client", "key", "add", "--client", "globex:50%/all", "--key", jwk, "--name", "laptop", "--expires-at",
		    "2099-01-01T00:00:00Z");
	pki_self_signed(&pinned, "/CN=globex");
	expect_exit(0, "client", "certificate", "add", "--client", "globex:50%/all", "--file", pinned.crt);
	expect_exit(0, "client", "certificate", "add", "--client", "globex:50%/all", "--subject-dn", "CN=Billing,O=Acme");
	expect_exit(0, "client", "certificate", "add", "--client", "globex:50%/all", "--san-uri", "spiffe://example.org/a%2Fb:c");
	expect_exit(0, "client", "workload", "add", "--client", "globex:50%/all", "--github", "acme/shop:production", "--name", "deploys");
	expect_exit(0, "client", "workload", "add", "--client", "globex:50%/all", "--spiffe", "spiffe://example.org/billing");
	expect_exit(0, "client", "set", "globex:50%/all", "--auth-method", "secret", "--auth-method", "workload");
	expect_exit(0, "org", "disable", "globex");
}

Test(import, an_export_moves_keys_certificates_workloads_and_settings)
{
	struct world first;
	struct client_key_pair key;
	static char exported[65536], views[65536];
	char path[TMP_PATH];
	static const char all[] =
		"select string_agg(concat_ws(' ', kind, credential_id, name, issuer, subject, audience, claims, may_replay,"
		" created_at, expires_at, live), '|' order by credential_id) from m2m.client_credentials";
	fill_first_installation(&key);
	expect_exit(0, "client", "export");
	snprintf(exported, sizeof exported, "%s", r.out);
	snprintf(views, sizeof views, "%s", sql_text(world_db(&w), all));
	snprintf(path, sizeof path, "%s", file_of(exported));
	cr_expect(says(exported, key.id) && says(exported, "\"claims\":{") && says(exported, "\"organization_disabled\":true"), "%s",
		  exported);
	first = w;

	world_prepare(&w, false);
	expect_exit(0, "client", "import", path, "--dry-run");
	expect_exit(0, "client", "import", path, "--output", "json");
	expect_counts(2, 0, 0, 0);
	expect_exit(0, "client", "export");
	cr_expect_str_eq(r.out, exported);
	cr_expect_str_eq(sql_text(world_db(&w), all), views);
	cr_expect_str_eq(sql_text(world_db(&w),
				  "select string_agg(action || ' ' || n, ', ' order by action) from (select action, count(*) as n"
				  " from m2m.admin_audit where detail ? 'credential' and outcome = 'granted' group by 1) x"),
			 "add_certificate 3, add_key 1, add_workload 2");
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.organization where disabled_at is not null"), 1);
	expect_exit(0, "client", "import", path, "--output", "json");
	expect_counts(0, 2, 0, 0);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential"), 6);
	world_close(&w);
	w = first;
	signing_key_free(key.key);
}

Test(import, an_old_version_that_waits_until_it_is_unused_goes_on_waiting_there)
{
	struct world first;
	struct org acme;
	static char exported[65536];
	char path[TMP_PATH];
	org_create(&w, "acme", &acme);
	expect_exit(0, "client", "rotate", "--org", "acme", "--until-unused", "1h", "--at-most", "30d");
	expect_exit(0, "client", "export");
	snprintf(exported, sizeof exported, "%s", r.out);
	cr_expect(says(exported, "\"unused_for\":3600"), "%s", exported);
	snprintf(path, sizeof path, "%s", file_of(exported));
	first = w;

	world_prepare(&w, false);
	expect_exit(0, "client", "import", path);
	expect_exit(0, "client", "export");
	cr_expect_str_eq(r.out, exported);
	cr_expect_eq(sql_int(world_db(&w), "select extract(epoch from look_at - (select started_at from m2m.client_import))::int8"
					   " from m2m.secret_unused_look where version = 1"),
		     3600, "all its time is before it");
	sql_exec(world_db(&w), "update m2m.secret_unused_look set look_at = clock_timestamp() - interval '1 second'");
	expect_exit(0, "client", "end-unused");
	cr_expect(!says(r.out, acme.client_id), "it hasn't been there for so long: %s", r.out);
	world_close(&w);
	w = first;
}

#define GITHUB     "\"kind\":\"workload\",\"issuer\":\"https://token.example\",\"audience\":\"https://m2m.example\""
#define DNS        "{\"kind\":\"certificate\",\"credential_id\":\"tls_client_auth_san_dns:host.example\"}"
#define WITH(list) "\"secret\":\"" SECRET "\",\"credentials\":[" list "]"

Test(import, a_line_that_brings_credentials_may_use_them)
{
	expect_exit(0, "client", "import",
		    file_of(LINE("acme", "client-1", WITH(DNS ",{" GITHUB ",\"claims\":{\"repository\":\"acme/shop\",\"run\":7}}"))));
	cr_expect_str_eq(sql_text(world_db(&w), "select auth_methods from m2m.client where client_id = 'client-1'"),
			 "{secret,certificate,workload}");
	expect_exit(0, "client", "workload", "list", "--client", "client-1");
	cr_expect(says(r.out, "https://token.example"), "%s", r.out);
}

Test(import, a_credential_that_is_not_what_it_says_is_refused)
{
	expect_exit(7, "client", "import",
		    file_of(LINE("acme", "client-1", WITH("{" GITHUB ",\"subject\":\"x\",\"credential_id\":\"another-one\"}"))
				    LINE("acme", "client-2", WITH(DNS "," DNS)) LINE("acme", "client-3", WITH("{" GITHUB "}"))
					    LINE("acme", "client-4", WITH("{\"kind\":\"key\"}"))
						    LINE("acme", "client-5",
							 WITH("{\"kind\":\"certificate\",\"credential_id\":\"x5t#S256:short\"}"))
							    LINE("acme", "client-6", WITH("{\"kind\":\"secret\"}"))
								    LINE("acme", "client-7", WITH("{\"kind\":\"key\",\"key\":\"x\"}"))
									    LINE("acme", "client-8", WITH("\"x\""))
										    LINE("acme", "client-9", "\"secret\":\"" SECRET "\"")),
		    "--output", "json");
	expect_counts(1, 0, 0, 8);
	cr_expect(says(r.err, "line 1: client-1: a credential_id isn't that of what stands beside it."), "%s", r.err);
	cr_expect(says(r.err, "line 2: client-2: a credential stands there twice."), "%s", r.err);
	cr_expect(says(r.err, "line 3: client-3: A workload needs a subject, or claims"), "%s", r.err);
	cr_expect(says(r.err, "line 4: client-4: a key has its public_key."), "%s", r.err);
	cr_expect(says(r.err, "line 5: client-5: a certificate's credential_id is x5t#S256:"), "%s", r.err);
	cr_expect(says(r.err, "line 6: client-6: a credential's kind is key, certificate or workload."), "%s", r.err);
	cr_expect(says(r.err, "line 7: client-7: there is no member \"key\"."), "%s", r.err);
	cr_expect(says(r.err, "line 8: client-8: credentials must be a list of objects."), "%s", r.err);
	cr_expect_eq(sql_int(world_db(&w), "select count(*) from m2m.client_credential"), 0);
}

Test(import, a_client_has_at_most_eight_credentials_of_a_kind)
{
	char lines[4096] = "{\"organization\":\"acme\",\"client_id\":\"client-1\",\"secret\":\"" SECRET "\",\"credentials\":[";
	for (int i = 0; i < 9; i++)
		snprintf(lines + strlen(lines), sizeof lines - strlen(lines),
			 "%s{\"kind\":\"certificate\",\"credential_id\":\"tls_client_auth_san_dns:host-%d.example\"}", i == 0 ? "" : ",",
			 i);
	snprintf(lines + strlen(lines), sizeof lines - strlen(lines), "]}\n");
	expect_exit(7, "client", "import", file_of(lines));
	cr_expect(says(r.err, "line 1: client-1: a client has at most 8 keys, 8 certificates and 8 workloads."), "%s", r.err);
}

Test(import, an_exported_line_that_was_changed_is_refused)
{
	struct org acme;
	static char exported[65536];
	org_create(&w, "acme", &acme);
	expect_exit(0, "client", "export");
	snprintf(exported, sizeof exported, "%s", r.out);
	char *version = strstr(exported, "\"version\":1");
	cr_assert_not_null(version);
	version[strlen("\"version\":")] = '2';
	expect_exit(7, "client", "import", file_of(exported), "--dry-run");
	cr_expect(says(r.err, "its verifier isn't what the master key gives"), "%s", r.err);
}
