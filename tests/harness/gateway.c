#include "harness/gateway.h"

#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/http.h"
#include "harness/proc.h"
#include "harness/require.h"

const char *program_path(const char *name, char out[TMP_PATH])
{
	const char *bin = getenv("M2M_TEST_BIN");
	snprintf(out, TMP_PATH, "%s/%s", bin == NULL ? M2M_BIN_DIR : bin, name);
	return out;
}

void require_no_sanitizer_report(const char *log)
{
	static const char *const marks[] = {"AddressSanitizer", "LeakSanitizer", "ThreadSanitizer", "runtime error:"};
	char *text = tmp_read(log, NULL);
	const char *found = NULL;
	for (unsigned i = 0; text != NULL && i < sizeof marks / sizeof marks[0] && found == NULL; i++)
		found = strstr(text, marks[i]);
	char excerpt[1500] = "";
	if (found != NULL)
		snprintf(excerpt, sizeof excerpt, "%s", found);
	free(text);
	require(excerpt[0] == '\0', "a sanitizer's report in %s:\n%s", log, excerpt);
}

static void launch(struct gateway *g, const struct env *env, const char *const *argv)
{
	g->http = g->grpc = g->ops = 0;
	tmp_path(g->log, "gateway", ".log");
	g->pid = proc_start(&(struct proc_spec){
		.argv = argv, .env = env->list, .out_path = g->log, .err_path = g->err_path == NULL ? g->log : g->err_path});
}

void gateway_launch(struct gateway *g, const struct env *env)
{
	char program[TMP_PATH];
	launch(g, env, (const char *const[]){program_path("m2m-gateway", program), NULL});
}

void gateway_launch_by(struct gateway *g, const struct env *env, const char *line)
{
	char program[TMP_PATH];
	launch(g, env, (const char *const[]){"/bin/sh", "-c", line, program_path("m2m-gateway", program), NULL});
}

/* The port in the log's line that says where `what` listens, 0 as long as there is none. */
static uint16_t listening_port(const struct gateway *g, const char *what)
{
	char line[2048], field[32];
	snprintf(field, sizeof field, "\"what\":\"%s\"", what);
	char *text = tmp_read(g->log, NULL);
	unsigned port = 0;
	for (char *at = text; at != NULL && (at = strstr(at, "\"event\":\"listening\"")) != NULL; at++) {
		snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
		const char *address = strstr(line, "\"address\":\"");
		if (strstr(line, field) != NULL && address != NULL && sscanf(address, "\"address\":\"[%*[^]]]:%u\"", &port) != 1)
			sscanf(address, "\"address\":\"%*[^:]:%u\"", &port);
	}
	free(text);
	return (uint16_t)port;
}

bool gateway_wait_listening(struct gateway *g, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	while (g->http == 0 || g->ops == 0) {
		if (clock_mono_us() > deadline)
			return false;
		if (proc_wait(g->pid, 20) != PROC_RUNNING) {
			g->pid = 0;
			return false;
		}
		/* the log's last one first: where it stands, the others stand too */
		g->ops = listening_port(g, "ops");
		g->grpc = listening_port(g, "grpc");
		g->http = listening_port(g, "http");
	}
	return true;
}

/* "no IFMA" and "not built in" begin alike; else it is a version. */
bool gateway_has_crypto_mb(const struct gateway *g)
{
	char line[1024];
	require(gateway_log_wait(g, "\"event\":\"signatures\"", 1, line, sizeof line) == 1, "the log doesn't tell of signatures");
	return strstr(line, "\"libcrypto_mb\":\"n") == NULL;
}

int gateway_ops_status(const struct gateway *g, const char *path)
{
	struct http_reply r;
	return http_call(g->ops, &(struct http_request){.path = path}, &r);
}

bool gateway_wait_ops(const struct gateway *g, const char *path, int status, int timeout_ms)
{
	int64_t deadline = clock_mono_us() + (int64_t)timeout_ms * 1000;
	while (gateway_ops_status(g, path) != status) {
		if (clock_mono_us() > deadline)
			return false;
		sleep_ms(20);
	}
	return true;
}

/* Asked for any free port, the daemon finds one, lets it go and binds it for each worker: in
 * between, a connection of a run beside this one may get the same number. */
static bool lost_its_port(const struct gateway *g)
{
	char *text = tmp_read(g->log, NULL);
	bool lost = g->pid == 0 && text != NULL && strstr(text, "the port is in use") != NULL;
	free(text);
	return lost;
}

void gateway_start(struct gateway *g, const struct env *env)
{
	gateway_launch(g, env);
	bool listening = gateway_wait_listening(g, 20000);
	for (int tries = 0; tries < 5 && !listening && lost_its_port(g); tries++) {
		gateway_launch(g, env);
		listening = gateway_wait_listening(g, 20000);
	}
	require(listening, "the gateway did not start; see %s", g->log);
	require(gateway_wait_ops(g, "/readyz", 200, 20000), "the gateway did not become ready; see %s", g->log);
}

void gateway_stop(struct gateway *g, int timeout_ms)
{
	pid_t pid = g->pid;
	if (pid == 0)
		return;
	kill(pid, SIGTERM);
	int status = proc_wait(pid, timeout_ms);
	g->pid = 0;
	if (status == PROC_RUNNING)
		proc_kill(pid);
	require_no_sanitizer_report(g->log);
	require(status != PROC_RUNNING, "the gateway did not end within %d ms of SIGTERM; see %s", timeout_ms, g->log);
	require(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the gateway ended with status %#x; see %s", (unsigned)status, g->log);
}

void gateway_kill(struct gateway *g)
{
	proc_kill(g->pid);
	g->pid = 0;
}

unsigned gateway_open_files(const struct gateway *g)
{
	char path[64];
	unsigned n = 0;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)g->pid);
	DIR *folder = opendir(path);
	require(folder != NULL, "can't read %s", path);
	while (readdir(folder) != NULL)
		n++;
	closedir(folder);
	return n;
}

size_t gateway_resident(const struct gateway *g)
{
	char path[64];
	unsigned long pages = 0;
	snprintf(path, sizeof path, "/proc/%d/statm", (int)g->pid);
	FILE *file = fopen(path, "re");
	require(file != NULL && fscanf(file, "%*u %lu", &pages) == 1, "can't read %s", path);
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

unsigned gateway_log_count(const struct gateway *g, const char *text, char *line, size_t cap)
{
	char *log = tmp_read(g->log, NULL);
	unsigned count = 0;
	char *rest = log;
	for (char *one; rest != NULL && (one = strsep(&rest, "\n")) != NULL;) {
		if (strstr(one, text) == NULL)
			continue;
		count++;
		if (line != NULL)
			snprintf(line, cap, "%s", one);
	}
	free(log);
	return count;
}

unsigned gateway_log_wait(const struct gateway *g, const char *text, unsigned n, char *line, size_t cap)
{
	int64_t begin = clock_mono_us();
	unsigned count = gateway_log_count(g, text, line, cap);
	while (count < n && clock_mono_us() - begin < 10000000) {
		sleep_ms(20);
		count = gateway_log_count(g, text, line, cap);
	}
	return count;
}
