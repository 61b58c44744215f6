/* The databases' URLs: what is in one is nowhere to be read, whatever is wrong with it, and a
 * password that was changed is found again without a restart. */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "harness/proc.h"
#include "harness/world.h"

STOPPED_CLUSTER;

#define SETTINGS_EXIT 3

static struct world w;
static struct ctl_result r;

/* ---- what is refused before anything is tried ---- */

static void no_cluster(void)
{
	env_init(&w.ctl_env);
	env_init(&w.gateway_env);
	env_set(&w.gateway_env, "M2M_MASTER_KEYS_FILE=%s", shared_master_keys());
	env_set(&w.gateway_env, "M2M_HTTP_LISTEN=127.0.0.1:0");
	env_set(&w.gateway_env, "M2M_GRPC_LISTEN=127.0.0.1:0");
	env_set(&w.gateway_env, "M2M_OPS_LISTEN=127.0.0.1:0");
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=500");
}

TestSuite(refused, .init = no_cluster, .timeout = 120);

/* All that the gateway writes until it ends, or has listened for a moment; *ret_exit is -1 then. */
static char *gateway_says(int *ret_exit)
{
	gateway_launch(&w.gateway, &w.gateway_env);
	int status = proc_wait(w.gateway.pid, 200);
	for (int tries = 0; status == PROC_RUNNING && tries < 100; tries++) {
		bool tried = gateway_log_count(&w.gateway, "database_connect_failed", NULL, 0) > 0;
		status = tried ? PROC_RUNNING : proc_wait(w.gateway.pid, 100);
		if (tried)
			break;
	}
	*ret_exit = status == PROC_RUNNING ? -1 : WEXITSTATUS(status);
	if (status != PROC_RUNNING)
		w.gateway.pid = 0;
	gateway_kill(&w.gateway);
	char *log = tmp_read(w.gateway.log, NULL);
	cr_assert_not_null(log);
	return log;
}

static void expect_hidden(const char *said, const char *const secrets[3], const char *of)
{
	for (unsigned i = 0; i < 3 && secrets[i] != NULL; i++)
		cr_expect_null(strstr(said, secrets[i]), "%s of %s in: %s", secrets[i], of, said);
}

static const struct {
	const char *url;
	const char *secrets[3];
} malformed[] = {
	{"postgresql://u:50%off@h/d", {"50%off", "off"}},
	{"postgresql://u:100%@h/d", {"100"}},
	{"postgresql://u:p@ssw0rd@h.invalid", {"ssw0rd", "p@s"}},
	{"postgresql://u:p@ssw0rd@h.invalid/d?sslmode=disable", {"ssw0rd"}},
	{"postgresql://u:ab/cdef@h", {"ab/", "cdef"}},
	{"postgresql://u:12/cdef@h/d", {"12/", "cdef"}},
	{"postgresql://u:p@ss/w0rd@h/d", {"ss/", "w0rd"}},
	{"postgresql://u:p@ss?w0rd@h/d", {"ss?", "w0rd"}},
	{"postgresql://u:ab?cd/ef@h/d", {"ab?", "cd/"}},
	{"postgresql://u:s3cr3t%40h/d", {"s3cr3t"}},
	{"postgresql://u:s3cr3t%00@h/d", {"s3cr3t"}},
	{"postgresql://u:s3cr3t@[::1/d", {"s3cr3t"}},
	{"postgresql://u:s3cr3t@h:54x32/d", {"s3cr3t", "54x32"}},
	{"postgresql://u:s3cr3t@h:70000/d", {"s3cr3t", "70000"}},
	{"postgresql://u:s3cr3t@h1:5432,h2:x/d", {"s3cr3t"}},
	{"postgresql://h/d?password=a%zzbc", {"zzbc", "a%"}},
	{"postgresql://h/d?user=u&password=ab&cd", {"ab&", "&cd"}},
	{"postgresql://h/d?user=u&password=ab=cd", {"ab=", "=cd"}},
	{"postgresql://h/d?pass=s3cr3t", {"s3cr3t"}},
	{"postgresql://h/d?s3cr3t", {"s3cr3t"}},
	{"host=h user=u password='s3 cr3t", {"s3 ", "cr3t"}},
	{"postgresql://u:s3 cr3t@h/d", {"s3 ", "cr3t"}},
	{"h.invalid:5432:d:u:s3cr3t", {"s3cr3t", "h.invalid"}},
	{"mysql://u:s3cr3t@h/d", {"s3cr3t"}},
	{"s3cr3t", {"s3cr3t"}},
};

Test(refused, a_url_that_is_none_is_a_settings_error_of_both_programs_that_does_not_show_it)
{
	for (unsigned i = 0; i < sizeof malformed / sizeof *malformed; i++) {
		const char *url = malformed[i].url;
		int code = -1;
		env_set(&w.gateway_env, "M2M_DATABASE_URL=%s", url);
		char *log = gateway_says(&code);
		cr_expect_eq(code, SETTINGS_EXIT, "%s: the gateway ended with %d: %s", url, code, log);
		cr_expect_not_null(strstr(log, "M2M_DATABASE_URL: "), "%s: %s", url, log);
		expect_hidden(log, malformed[i].secrets, url);
		free(log);
		env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL=%s", url);
		code = i % 2 == 0 ? ctl(&w.ctl_env, &r, "org", "list") : ctl(&w.ctl_env, &r, "config", "check");
		cr_expect_eq(code, SETTINGS_EXIT, "%s: m2mctl ended with %d: %s", url, code, r.err);
		cr_expect_not_null(strstr(r.err, "M2M_ADMIN_DATABASE_URL: "), "%s: %s", url, r.err);
		expect_hidden(r.err, malformed[i].secrets, url);
		expect_hidden(r.out, malformed[i].secrets, url);
	}
}

#define KEY_LINE "k1: AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="

static const struct {
	const char *setting;
	const char *secrets[3];
} misplaced[] = {
	{"M2M_OTLP_ENDPOINT=http://u:s3cr3t@collector:4318", {"s3cr3t"}},
	{"M2M_OTLP_ENDPOINT=https://collector/s3cr3t/", {"s3cr3t"}},
	{"M2M_ISSUER=https://u:s3cr3t@issuer.example", {"s3cr3t"}},
	{"M2M_ISSUER=https://issuer.example?key=s3cr3t", {"s3cr3t"}},
	{"M2M_WORKERS=postgresql://u:s3cr3t@h/d", {"s3cr3t"}},
	{"M2M_HTTP_LISTEN=host=h password=s3cr3t", {"s3cr3t"}},
	{"M2M_DEFAULT_SCOPE=" KEY_LINE, {"AAECAwQF"}},
	{"M2M_ISSUER_FILE=postgresql://u:s3cr3t@h/d", {"s3cr3t"}},
	{"M2M_DATABASE_URL_FILE=postgresql://u:s3cr3t@h/d", {"s3cr3t"}},
	{"M2M_TLS_KEY_FILE=-----BEGIN PRIVATE KEY-----\nAAECAwQF", {"AAECAwQF"}},
	{"M2M_TRUSTED_ISSUERS=[{\"jwks_url\":\"https://u:s3cr3t@idp/jwks\"}]", {"s3cr3t"}},
};

Test(refused, a_setting_does_not_show_what_may_be_a_secret_that_got_there_by_mistake)
{
	char path[TMP_PATH], setting[TMP_PATH + 32];
	const char *const no_key[3] = {"AAECAwQF"};
	env_set(&w.gateway_env, "M2M_DATABASE_URL=postgresql://nobody@127.0.0.1:1/none");
	for (unsigned i = 0; i < sizeof misplaced / sizeof *misplaced; i++) {
		struct env before = w.gateway_env;
		int code = -1;
		env_set(&w.gateway_env, "%s", misplaced[i].setting);
		char *log = gateway_says(&code);
		cr_expect_eq(code, SETTINGS_EXIT, "%s: %d: %s", misplaced[i].setting, code, log);
		expect_hidden(log, misplaced[i].secrets, misplaced[i].setting);
		free(log);
		w.gateway_env = before;
	}
	tmp_path(path, "misplaced", ".keys");
	tmp_write(path, KEY_LINE "\n");
	snprintf(setting, sizeof setting, "M2M_ISSUER_FILE=%s", path);
	env_set(&w.ctl_env, "%s", setting);
	cr_expect_eq(ctl(&w.ctl_env, &r, "org", "list"), SETTINGS_EXIT);
	cr_expect_not_null(strstr(r.err, "M2M_ISSUER_FILE: "), "%s", r.err);
	expect_hidden(r.err, no_key, setting);
}

/* ---- what PostgreSQL refuses ---- */

#define LOGIN "locked"

/* The login needs a password; the others are trusted as before. */
static void lock_login(void)
{
	char path[TMP_PATH + 16];
	snprintf(path, sizeof path, "%s/pg_hba.conf", w.pg.dir);
	tmp_write(path, "host all " LOGIN " 127.0.0.1/32 scram-sha-256\nhost all all 127.0.0.1/32 trust\n");
	sql_exec(world_db(&w), "create role " LOGIN " login password 'first-s3cr3t'");
	sql_exec(world_db(&w), "grant m2m_gateway to " LOGIN);
	sql_exec(world_db(&w), "select pg_reload_conf()");
}

static void open_world(void)
{
	world_prepare(&w, true);
	lock_login();
	env_set(&w.gateway_env, "M2M_REQUEST_TIMEOUT_MS=2000");
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(password, .init = open_world, .fini = close_world, .timeout = 120);

static void write_private(char path[TMP_PATH], const char *name, const char *format, ...) __attribute__((format(printf, 3, 4)));
static void write_private(char path[TMP_PATH], const char *name, const char *format, ...)
{
	char text[512];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (path[0] == '\0')
		tmp_path(path, name, ".txt");
	tmp_write(path, text);
	chmod(path, 0600);
}

static const struct {
	const char *url; /* <port>, <db> and <passfile> stand for this world's */
	const char *secrets[3];
} wrong[] = {
	{"postgresql://" LOGIN ":wr0ng-s3cr3t@127.0.0.1:<port>/<db>", {"wr0ng"}},
	{"postgresql://" LOGIN ":wr0ng%40%2f%3a@127.0.0.1:<port>/<db>", {"wr0ng"}},
	{"postgresql://127.0.0.1:<port>/<db>?user=" LOGIN "&password=wr0ng-s3cr3t", {"wr0ng"}},
	{"postgresql://" LOGIN ":wr0ng-s3cr3t@127.0.0.1:1,127.0.0.1:<port>/<db>", {"wr0ng"}},
	{"postgresql://" LOGIN "@127.0.0.1:<port>/<db>?passfile=<passfile>", {"in-the-file"}},
	{"postgresql://" LOGIN "@127.0.0.1:<port>/<db>?service=locked-one", {"in-the-service"}},
	{"postgresql://" LOGIN ":wr0ng-s3cr3t@127.0.0.1:1/<db>", {"wr0ng"}},
	{"postgresql://" LOGIN ":wr0ng-s3cr3t@h.invalid/<db>", {"wr0ng"}},
	{"postgresql://" LOGIN ":wr0ng-s3cr3t@127.0.0.1:<port>/<db>?sslmode=sometimes", {"wr0ng"}},
	{"postgresql://" LOGIN ":wr0ng-s3cr3t@127.0.0.1:<port>/none?sslmode=require&sslpassword=wr0ng-too", {"wr0ng"}},
	{"postgresql://" LOGIN ":first-s3cr3t@127.0.0.1:<port>/none", {"first-s3cr3t"}},
};

static void fill(char *out, size_t cap, const char *form, const char *passfile)
{
	char port[8];
	snprintf(port, sizeof port, "%u", w.pg.port);
	const struct {
		const char *name, *value;
	} words[] = {{"<port>", port}, {"<db>", w.database}, {"<passfile>", passfile}};
	size_t n = 0;
	while (*form != '\0' && n + 1 < cap) {
		size_t i = 0;
		while (i < 3 && strncmp(form, words[i].name, strlen(words[i].name)) != 0)
			i++;
		if (i < 3)
			n += (size_t)snprintf(out + n, cap - n, "%s", words[i].value);
		else
			out[n++] = *form;
		form += i < 3 ? strlen(words[i].name) : 1;
	}
	out[n] = '\0';
}

Test(password, a_url_that_postgresql_does_not_take_shows_nothing_secret)
{
	char passfile[TMP_PATH] = "", services[TMP_PATH] = "", url[512];
	write_private(passfile, "passfile", "127.0.0.1:%u:*:" LOGIN ":in-the-file\n", w.pg.port);
	write_private(services, "services", "[locked-one]\npassword=in-the-service\n");
	env_set(&w.gateway_env, "PGSERVICEFILE=%s", services);
	env_set(&w.ctl_env, "PGSERVICEFILE=%s", services);
	for (unsigned i = 0; i < sizeof wrong / sizeof *wrong; i++) {
		int code = 0;
		fill(url, sizeof url, wrong[i].url, passfile);
		env_set(&w.gateway_env, "M2M_DATABASE_URL=%s", url);
		char *log = gateway_says(&code);
		cr_expect_eq(code, -1, "%s: the gateway ended with %d: %s", url, code, log);
		cr_expect_not_null(strstr(log, "database_not_ready"), "%s: %s", url, log);
		expect_hidden(log, wrong[i].secrets, url);
		free(log);
		env_set(&w.ctl_env, "M2M_ADMIN_DATABASE_URL=%s", url);
		env_set(&w.ctl_env, "M2M_DATABASE_URL=%s", url);
		code = i % 2 == 0 ? ctl(&w.ctl_env, &r, "org", "list") : ctl(&w.ctl_env, &r, "config", "check");
		cr_expect(code == 3 || code == 5, "%s: m2mctl ended with %d: %s", url, code, r.err);
		expect_hidden(r.err, wrong[i].secrets, url);
		expect_hidden(r.out, wrong[i].secrets, url);
	}
}

/* And waits until they are gone: nothing counts them afterwards. */
static void end_connections(void)
{
	sql_exec(world_db(&w), "select pg_terminate_backend(pid, 10000) from pg_stat_activity where application_name like 'm2m-gateway%%'"
			       " and datname = current_database()");
}

/* Two connections of each worker. */
static bool connected_as(const char *user)
{
	return sql_int(world_db(&w),
		       "select count(*) from pg_stat_activity where application_name like 'm2m-gateway%%'"
		       " and datname = current_database() and usename = '%s'",
		       user) == 4;
}

/* Serves again with new connections, and whatever user they are of. */
static void expect_recovery(const char *user)
{
	end_connections();
	bool all = false;
	for (int tries = 0; !all && tries < 1000; tries++) {
		all = connected_as(user);
		sleep_ms(all ? 0 : 20);
	}
	cr_expect(all, "two connections of each worker as %s; see %s", user, w.gateway.log);
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 200, 20000), "not ready again; see %s", w.gateway.log);
}

static void change_password(const char *login, const char *password)
{
	sql_exec(world_db(&w), "alter role %s password '%s'", login, password);
}

Test(password, one_that_was_changed_is_found_in_the_urls_file_without_a_restart)
{
	char path[TMP_PATH] = "";
	write_private(path, "url", "postgresql://" LOGIN ":first-s3cr3t@127.0.0.1:%u/%s\n", w.pg.port, w.database);
	env_set(&w.gateway_env, "M2M_DATABASE_URL");
	env_set(&w.gateway_env, "M2M_DATABASE_URL_FILE=%s", path);
	gateway_start(&w.gateway, &w.gateway_env);

	change_password(LOGIN, "second-s3cr3t");
	end_connections();
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 503, 20000), "the first password isn't good any more");
	write_private(path, "url", "postgresql://" LOGIN ":second-s3cr3t@127.0.0.1:%u/%s\n", w.pg.port, w.database);
	expect_recovery(LOGIN);

	/* another login, as with two that take turns */
	write_private(path, "url", "postgresql://m2m_gateway@127.0.0.1:%u/%s", w.pg.port, w.database);
	expect_recovery("m2m_gateway");

	/* what isn't a change of credentials isn't followed */
	write_private(path, "url", "postgresql://m2m_gateway@127.0.0.1:%u/postgres\n", w.pg.port);
	change_password(LOGIN, "first-s3cr3t");
	expect_recovery(LOGIN);
	write_private(path, "url", "postgresql://" LOGIN ":50%%off@127.0.0.1:%u/%s\n", w.pg.port, w.database);
	expect_recovery(LOGIN);
	cr_expect_eq(gateway_log_count(&w.gateway, "s3cr3t", NULL, 0), 0);
	cr_expect_eq(gateway_log_count(&w.gateway, "50%off", NULL, 0), 0);
}

Test(password, one_that_was_changed_is_found_in_the_password_file_without_a_restart)
{
	char path[TMP_PATH] = "";
	write_private(path, "pgpass", "127.0.0.1:*:*:" LOGIN ":first-s3cr3t\n");
	env_set(&w.gateway_env, "PGPASSFILE=%s", path);
	env_set(&w.gateway_env, "M2M_DATABASE_URL=postgresql://" LOGIN "@127.0.0.1:%u/%s", w.pg.port, w.database);
	gateway_start(&w.gateway, &w.gateway_env);
	change_password(LOGIN, "second-s3cr3t");
	end_connections();
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 503, 20000));
	write_private(path, "pgpass", "127.0.0.1:*:*:" LOGIN ":second-s3cr3t\n");
	expect_recovery(LOGIN);
	cr_expect_eq(gateway_log_count(&w.gateway, "s3cr3t", NULL, 0), 0);
}
