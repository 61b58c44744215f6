#include "harness/shared.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness/base64.h"
#include "harness/ctl.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "harness/sql.h"

static struct pg cluster;

static void make_master_keys(const char *path)
{
	unsigned char key[32];
	char encoded[64], text[96];
	require(getrandom(key, sizeof key, 0) == sizeof key, "no random bytes");
	snprintf(text, sizeof text, "k1: %s\n", base64_text(encoded, sizeof encoded, key, sizeof key));
	tmp_write(path, text);
	setenv("HARNESS_MASTER_KEYS", path, 1);
}

/* Of its own: a test may change it. */
static void copy_master_keys(const char *from)
{
	char path[TMP_PATH];
	snprintf(path, sizeof path, "%s/master.keys", tmp_dir());
	char *text = tmp_read(from, NULL);
	require(text != NULL, "can't read %s", from);
	tmp_write(path, text);
	free(text);
	setenv("HARNESS_MASTER_KEYS", path, 1);
}

const char *shared_master_keys(void)
{
	return getenv("HARNESS_MASTER_KEYS");
}

void shared_ctl_env(const struct pg *pg, const char *database, struct env *ret)
{
	char url[PG_URL];
	env_init(ret);
	pg_url(pg, "m2m_owner", database, url);
	env_set(ret, "M2M_ADMIN_DATABASE_URL=%s", url);
	env_set(ret, "M2M_MASTER_KEYS_FILE=%s", shared_master_keys());
	env_set(ret, "M2M_ISSUER=https://issuer.test");
}

static void make_template(const struct pg *pg)
{
	struct env env;
	static struct ctl_result r;
	char url[PG_URL];
	pg_url(pg, "postgres", "postgres", url);
	PGconn *db = sql_open(url);
	sql_exec(db, "create database " TEMPLATE_DATABASE " owner m2m_owner");
	PQfinish(db);
	shared_ctl_env(pg, TEMPLATE_DATABASE, &env);
	require(ctl(&env, &r, "migrate", "up") == 0, "m2mctl migrate up ended with %d:\n%s%s", r.exit_code, r.out, r.err);
}

/* Its name says that it is complete. */
static void make_first(const char *dir, const char *keys)
{
	struct pg first = {0};
	int n = snprintf(first.dir, sizeof first.dir, "%s.%d", dir, (int)getpid());
	require(n < TMP_PATH, "%s is too long a name", dir);
	make_master_keys(keys);
	pg_create(&first);
	pg_start(&first);
	make_template(&first);
	pg_stop(&first);
	require(rename(first.dir, dir) == 0, "can't rename %s", first.dir);
}

/* Where the cluster lies that others are copied from: a folder that programs share, or else one of
 * this program's. */
static void first_folder(char out[TMP_PATH])
{
	const char *shared = getenv("M2M_TEST_CLUSTER");
	if (shared != NULL)
		snprintf(out, TMP_PATH, "%s", shared);
	else
		tmp_path(out, "first", "");
	require((mkdir(out, 0755) == 0 && chmod(out, 0755) == 0) || errno == EEXIST, "can't make %s", out);
}

static void copy_first(void)
{
	char folder[TMP_PATH], dir[TMP_PATH + 4], keys[TMP_PATH + 16];
	first_folder(folder);
	snprintf(dir, sizeof dir, "%s/pg", folder);
	snprintf(keys, sizeof keys, "%s/master.keys", folder);
	int lock = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	require(lock >= 0 && flock(lock, LOCK_EX) == 0, "can't lock %s", folder);
	if (access(dir, F_OK) != 0)
		make_first(dir, keys);
	close(lock);
	copy_master_keys(keys);
	pg_copy(&cluster, dir);
	if (getenv("M2M_TEST_CLUSTER") == NULL)
		proc_run((const char *const[]){"rm", "-rf", folder, NULL});
}

/* Whether this program tries what m2mctl does, or options of it that no other does. */
static bool tries_m2mctl(void)
{
	static const char *const among_e2e[] = {"e2e_certificates", "e2e_console",   "e2e_ends_of_secrets", "e2e_foreign_ids",
						"e2e_keys",         "e2e_org_move",  "e2e_portal",          "e2e_revocation",
						"e2e_seals",        "e2e_workloads", "e2e_workload_tokens"};
	bool found = strncmp(program_invocation_short_name, "e2e_", 4) != 0;
	for (size_t i = 0; i < sizeof among_e2e / sizeof *among_e2e; i++)
		found = found || strcmp(program_invocation_short_name, among_e2e[i]) == 0;
	return found;
}

/* A sanitizer makes each start of m2mctl take 20 ms more, of 50 with PostgreSQL's part. Decided in
 * the runner: a test's own process has another name. */
static void choose_ctl(void)
{
	if (tries_m2mctl())
		unsetenv("M2M_TEST_CTL");
}

void shared_prepare(const struct cluster_choice *choice, void (*fill)(void))
{
	char port[8];
	require_in_runner();
	choose_ctl();
	tmp_prepare();
	snprintf(cluster.extra, sizeof cluster.extra, "%s", choice->settings);
	copy_first();
	if (choice->keep_running || fill != NULL)
		pg_start(&cluster);
	snprintf(port, sizeof port, "%u", cluster.port);
	setenv("HARNESS_PG_PORT", port, 1);
	setenv("HARNESS_PG_DIR", cluster.dir, 1);
	if (fill != NULL)
		fill();
	if (!choice->keep_running)
		pg_stop(&cluster);
}

void shared_finish(bool keep_files)
{
	pg_discard(&cluster);
	proc_run((const char *const[]){"rm", "-rf", cluster.dir, NULL});
	tmp_finish(keep_files);
}

void shared_cluster(struct pg *ret)
{
	const char *port = getenv("HARNESS_PG_PORT");
	require(port != NULL, "this program's runner has made no cluster");
	*ret = (struct pg){.port = (uint16_t)strtoul(port, NULL, 10)};
	snprintf(ret->dir, sizeof ret->dir, "%s", shared_cluster_dir());
}

const char *shared_cluster_dir(void)
{
	return getenv("HARNESS_PG_DIR");
}
