#include "harness/shared.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include "harness/base64.h"
#include "harness/ctl.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "harness/sql.h"

static struct pg cluster;

static void make_master_keys(void)
{
	unsigned char key[32];
	char path[TMP_PATH], encoded[64], text[96];
	require(getrandom(key, sizeof key, 0) == sizeof key, "no random bytes");
	snprintf(text, sizeof text, "k1: %s\n", base64_text(encoded, sizeof encoded, key, sizeof key));
	snprintf(path, sizeof path, "%s/master.keys", tmp_dir());
	tmp_write(path, text);
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

static void make_template(void)
{
	struct env env;
	static struct ctl_result r;
	char url[PG_URL];
	pg_url(&cluster, "postgres", "postgres", url);
	PGconn *db = sql_open(url);
	sql_exec(db, "create database " TEMPLATE_DATABASE " owner m2m_owner");
	PQfinish(db);
	shared_ctl_env(&cluster, TEMPLATE_DATABASE, &env);
	require(ctl(&env, &r, "migrate", "up") == 0, "m2mctl migrate up ended with %d:\n%s%s", r.exit_code, r.out, r.err);
}

void shared_prepare(bool keep_running, const char *settings)
{
	char port[8];
	require_in_runner();
	tmp_prepare();
	make_master_keys();
	snprintf(cluster.extra, sizeof cluster.extra, "%s", settings);
	pg_create(&cluster);
	pg_start(&cluster);
	make_template();
	if (!keep_running)
		pg_stop(&cluster);
	snprintf(port, sizeof port, "%u", cluster.port);
	setenv("HARNESS_PG_PORT", port, 1);
	setenv("HARNESS_PG_DIR", cluster.dir, 1);
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
