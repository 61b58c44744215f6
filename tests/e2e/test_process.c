/* The daemon as a process among others: descriptors, threads, signals, standard streams. */
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define IDLE_HTTP 300
#define IDLE_GRPC 100

static struct world w;
static struct http_reply r;
static struct http_conn idle[IDLE_HTTP + IDLE_GRPC];

static void prepare(void)
{
	world_prepare(&w, false);
	/* this process holds the other end of all of them */
	struct rlimit files;
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &files), 0);
	files.rlim_cur = files.rlim_max;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &files), 0);
}

static void close_world(void)
{
	world_close(&w);
}

TestSuite(process, .init = prepare, .fini = close_world, .timeout = 120);

static void start_by(const char *line)
{
	gateway_launch_by(&w.gateway, &w.gateway_env, line);
	cr_assert(gateway_wait_listening(&w.gateway, 20000), "see %s", w.gateway.log);
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 200, 20000), "see %s", w.gateway.log);
}

static unsigned logged(const char *text)
{
	return gateway_log_count(&w.gateway, text, NULL, 0);
}

static off_t log_bytes(void)
{
	struct stat st;
	cr_assert_eq(stat(w.gateway.log, &st), 0);
	return st.st_size;
}

/* CPU time of the process so far, in milliseconds. */
static long cpu_ms(void)
{
	char path[64];
	unsigned long user = 0, system = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)w.gateway.pid);
	char *text = tmp_read(path, NULL);
	cr_assert(text != NULL && sscanf(strrchr(text, ')'), ") %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system) == 2);
	free(text);
	return (long)(user + system) * 1000 / sysconf(_SC_CLK_TCK);
}

/* It waits, rather than going round and round. */
static void expect_rest(void)
{
	long before = cpu_ms();
	sleep_ms(1000);
	cr_assert_lt(cpu_ms() - before, 700);
}

/* ---- descriptors ---- */

static void open_idle(void)
{
	for (int i = 0; i < IDLE_HTTP + IDLE_GRPC; i++)
		cr_assert(http_open(&idle[i], i < IDLE_HTTP ? w.gateway.http : w.gateway.grpc));
}

static void close_idle(void)
{
	for (int i = 0; i < IDLE_HTTP + IDLE_GRPC; i++)
		http_close(&idle[i]);
}

static void lose_database(void)
{
	unsigned before = logged("database_connected");
	sql_exec(world_db(&w),
		 "select pg_terminate_backend(pid) from pg_stat_activity where datname = '%s' and application_name like 'm2m-gateway%%'",
		 w.database);
	for (int tries = 0; logged("database_connected") < before + 4 && tries < 500; tries++)
		sleep_ms(20);
	cr_assert_eq(logged("database_connected"), before + 4, "see %s", w.gateway.log);
}

Test(process, idle_connections_leave_descriptors_to_operators_and_to_the_database)
{
	start_by("ulimit -Sn 220; ulimit -Hn 256; exec \"$0\"");
	cr_assert_eq(logged("descriptors_scarce"), 1);
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	cr_assert_not_null(strstr(r.body, "process_max_fds 256\n"));

	open_idle();
	expect_rest();
	cr_assert_eq(gateway_ops_status(&w.gateway, "/livez"), 200);
	lose_database();
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 200, 10000));
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	expect_status(get(&w, "/.well-known/jwks.json", NULL, &r), 503);
	cr_assert(is_problem(&r, "overloaded"), "%s", r.body);
	cr_assert_lt(log_bytes(), 400 * (IDLE_HTTP + IDLE_GRPC));

	close_idle();
	int64_t until_us = clock_mono_us() + 10000000;
	while (get(&w, "/.well-known/jwks.json", NULL, &r) != 200)
		cr_assert_lt(clock_mono_us(), until_us);
	cr_assert_eq(logged("accept() call"), 0);
}

/* What is open stays, and nothing more can be opened. */
static void allow_descriptors(rlim_t n)
{
	struct rlimit files;
	cr_assert_eq(prlimit(w.gateway.pid, RLIMIT_NOFILE, NULL, &files), 0);
	files.rlim_cur = n;
	cr_assert_eq(prlimit(w.gateway.pid, RLIMIT_NOFILE, &files, NULL), 0);
}

Test(process, listeners_pause_while_the_kernel_has_no_descriptor)
{
	static struct http_conn waiting[9];
	gateway_start(&w.gateway, &w.gateway_env);
	const uint16_t ports[] = {w.gateway.http, w.gateway.grpc, w.gateway.ops};
	struct rlimit files;
	cr_assert_eq(prlimit(w.gateway.pid, RLIMIT_NOFILE, NULL, &files), 0);
	off_t before = log_bytes();
	allow_descriptors(3);
	for (unsigned i = 0; i < 9; i++)
		cr_assert(http_open(&waiting[i], ports[i % 3]));
	expect_rest();
	cr_assert_eq(logged("accept_paused"), 1, "see %s", w.gateway.log);
	cr_assert_lt(log_bytes() - before, 4096, "see %s", w.gateway.log);

	allow_descriptors(files.rlim_cur);
	cr_assert_eq(gateway_ops_status(&w.gateway, "/livez"), 200);
	expect_status(get(&w, "/.well-known/jwks.json", NULL, &r), 200);
	struct grpc_reply g;
	cr_assert_eq(grpc_get_id(&w, NULL, NULL, &g), 16); /* UNAUTHENTICATED is an answer */
	for (unsigned i = 0; i < 9; i++)
		http_close(&waiting[i]);
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	cr_assert_not_null(strstr(r.body, "\nm2m_accept_failures_total "));
	cr_assert_null(strstr(r.body, "\nm2m_accept_failures_total 0\n"));
}

static void expect_no_start(int code, const char *sentence)
{
	int status = proc_wait(w.gateway.pid, 20000);
	w.gateway.pid = status == PROC_RUNNING ? w.gateway.pid : 0;
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == code, "status %#x, see %s", (unsigned)status, w.gateway.log);
	cr_assert_eq(logged(sentence), 1, "see %s", w.gateway.log);
}

Test(process, too_few_descriptors_are_an_error_at_the_start)
{
	gateway_launch_by(&w.gateway, &w.gateway_env, "ulimit -n 100; exec \"$0\"");
	expect_no_start(1, "RLIMIT_NOFILE (ulimit -n) is 100; with M2M_WORKERS=2 at least 232 are needed");
}

/* The fewest, since our own questions come and go. */
static unsigned descriptors_of(unsigned workers)
{
	unsigned fewest = UINT_MAX;
	env_set(&w.gateway_env, "M2M_WORKERS=%u", workers);
	gateway_start(&w.gateway, &w.gateway_env);
	for (int i = 0; i < 20; i++) {
		unsigned now = gateway_open_files(&w.gateway);
		fewest = now < fewest ? now : fewest;
		sleep_ms(20);
	}
	gateway_stop(&w.gateway, 20000);
	return fewest;
}

/* What limits.c keeps for each worker, but for the two that dialing takes. */
Test(process, a_worker_has_the_descriptors_that_are_kept_for_it)
{
	unsigned one = descriptors_of(1);
	cr_assert_eq(descriptors_of(3) - one, 2 * (18 - 2));
}

/* ---- threads ---- */

/* Nobody counts root's threads, so it becomes someone else, who must be able to read what it
 * needs. */
Test(process, a_thread_that_can_not_be_started_is_an_error_at_the_start)
{
	const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
	char keys[TMP_PATH], program[TMP_PATH], copy[TMP_PATH], line[4 * TMP_PATH];
	char *text = tmp_read(shared_master_keys(), NULL);
	tmp_path(keys, "master", ".keys");
	tmp_path(copy, "m2m-gateway", "");
	tmp_write(keys, text);
	free(text);
	proc_run((const char *const[]){"cp", program_path("m2m-gateway", program), copy, NULL});
	cr_assert(user == NULL || chown(keys, user->pw_uid, user->pw_gid) == 0);
	env_set(&w.gateway_env, "M2M_MASTER_KEYS_FILE=%s", keys);
	/* the leak checker needs a thread */
	env_set(&w.gateway_env, "ASAN_OPTIONS=detect_leaks=0:exitcode=99:verify_asan_link_order=0");
	snprintf(line, sizeof line, "%s prlimit --nproc=1 %s",
		 user == NULL ? "exec" : "exec setpriv --reuid postgres --regid postgres --clear-groups", copy);
	gateway_launch_by(&w.gateway, &w.gateway_env, line);
	expect_no_start(1, "a thread can't be started: Resource temporarily unavailable; see RLIMIT_NPROC");
	unlink(copy);
}

/* ---- signals ---- */

Test(process, signals_without_a_meaning_do_nothing)
{
	const int signals[] = {SIGUSR1, SIGUSR2, SIGALRM,   SIGVTALRM, SIGPROF, SIGIO,    SIGPWR,   SIGPIPE, SIGXFSZ,
			       SIGTTIN, SIGTTOU, SIGSTKFLT, SIGCHLD,   SIGURG,  SIGWINCH, SIGRTMIN, SIGRTMAX};
	gateway_start(&w.gateway, &w.gateway_env);
	for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
		cr_assert_eq(kill(w.gateway.pid, signals[i]), 0);
		cr_assert_eq(gateway_ops_status(&w.gateway, "/readyz"), 200, "signal %d", signals[i]);
	}
}

Test(process, sighup_has_the_files_reread_and_says_so)
{
	char path[TMP_PATH];
	tmp_path(path, "issuers", ".json");
	tmp_write(path, "[]");
	env_set(&w.gateway_env, "M2M_TRUSTED_ISSUERS_FILE=%s", path);
	gateway_start(&w.gateway, &w.gateway_env);
	for (unsigned n = 1; n <= 2; n++) {
		cr_assert_eq(kill(w.gateway.pid, SIGHUP), 0);
		for (int tries = 0; logged("\"event\":\"reread\"") < n && tries < 500; tries++)
			sleep_ms(20);
		cr_assert_eq(logged("got SIGHUP; looked at: the trusted issuers"), n);
	}
	cr_assert_eq(gateway_ops_status(&w.gateway, "/readyz"), 200);
}

Test(process, sigquit_ends_it_as_sigint_does)
{
	env_set(&w.gateway_env, "M2M_SHUTDOWN_DELAY_MS=60000");
	gateway_start(&w.gateway, &w.gateway_env);
	cr_assert_eq(kill(w.gateway.pid, SIGQUIT), 0);
	int status = proc_wait(w.gateway.pid, 15000);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
	w.gateway.pid = 0;
	cr_assert_eq(logged("got SIGQUIT"), 1);
	cr_assert_eq(logged("every request was answered"), 1);
}

/* ---- standard streams ---- */

/* The exit code of a line of shell in which "$0" is the program. */
static int run_line(const char *program, const struct env *env, const char *line)
{
	char path[TMP_PATH], log[TMP_PATH];
	tmp_path(log, "line", ".log");
	pid_t pid = proc_start(&(struct proc_spec){.argv = (const char *const[]){"/bin/sh", "-c", line, program_path(program, path), NULL},
						   .env = env->list,
						   .out_path = log,
						   .err_path = log});
	int status = proc_wait(pid, 60000);
	cr_assert(WIFEXITED(status), "%s: status %#x", line, (unsigned)status);
	require_no_sanitizer_report(log);
	return WEXITSTATUS(status);
}

Test(process, what_can_not_be_printed_is_a_failure)
{
	static const char *const commands[] = {
		"--help",   "--version",     "man",      "completion bash",          "org --help",   "org create --help",
		"org list", "org show acme", "key list", "client secret --org acme", "config check", "token mint --org acme"};
	static const char *const sinks[] = {">/dev/full", ">&-"};
	struct org acme;
	org_create(&w, "acme", &acme);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		for (size_t s = 0; s < sizeof sinks / sizeof *sinks; s++) {
			char line[256];
			snprintf(line, sizeof line, "exec \"$0\" %s %s", commands[i], sinks[s]);
			cr_expect_eq(run_line("m2mctl", &w.ctl_env, line), 1, "m2mctl %s", line);
		}
	}
	cr_expect_eq(run_line("m2m-gateway", &w.gateway_env, "exec \"$0\" --help >/dev/full"), 1);
	cr_expect_eq(run_line("m2m-gateway", &w.gateway_env, "exec \"$0\" --version >/dev/full"), 1);
	cr_expect_eq(run_line("m2mctl", &w.ctl_env, "exec \"$0\" org list <&-"), 0);
	cr_expect_eq(run_line("m2mctl", &w.ctl_env, "exec \"$0\" org list 2>&-"), 0);
}

Test(process, without_standard_streams_nothing_is_taken_for_them)
{
	char path[64], target[64] = "";
	uint16_t port = free_port();
	env_set(&w.gateway_env, "M2M_OPS_LISTEN=127.0.0.1:%u", port);
	gateway_launch_by(&w.gateway, &w.gateway_env, "exec \"$0\" <&- >&- 2>&-");
	w.gateway.ops = port;
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 200, 20000));
	for (int fd = 0; fd <= 2; fd++) {
		snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)w.gateway.pid, fd);
		memset(target, 0, sizeof target);
		cr_assert_gt(readlink(path, target, sizeof target - 1), 0);
		cr_assert_str_eq(target, "/dev/null");
	}
}

/* ---- files with secrets ---- */

static void copy_keys(char path[TMP_PATH], mode_t mode)
{
	char *text = tmp_read(shared_master_keys(), NULL);
	tmp_path(path, "master", ".keys");
	tmp_write(path, text);
	free(text);
	cr_assert_eq(chmod(path, mode), 0);
	env_set(&w.gateway_env, "M2M_MASTER_KEYS_FILE=%s", path);
}

Test(process, a_key_file_that_others_may_read_is_an_error_at_the_start)
{
	char path[TMP_PATH];
	copy_keys(path, 0604);
	gateway_launch(&w.gateway, &w.gateway_env);
	expect_no_start(3, "others may read it; chmod 600 it");
	copy_keys(path, 0400);
	gateway_start(&w.gateway, &w.gateway_env);
}

/* As a container engine mounts a secret, with the mode that it has outside. */
Test(process, a_key_file_that_is_mounted_by_itself_may_be_used)
{
	char path[TMP_PATH], line[4 * TMP_PATH];
	if (run_line("m2mctl", &w.ctl_env, "exec unshare --mount true") != 0)
		cr_skip_test("nothing may be mounted here");
	copy_keys(path, 0444);
	snprintf(line, sizeof line, "exec unshare --mount --propagation private sh -c 'mount --bind %s %s && exec \"$0\"' \"$0\"", path,
		 path);
	start_by(line);
}
