/* Whoever reads the log stalls, goes away, or has no room: the gateway serves on, ends when it is
 * told to, and says afterwards what is missing. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/expect.h"
#include "harness/proc.h"
#include "harness/world.h"

SHARED_CLUSTER("");

#define PIPELINED   100
#define ROUNDS_MAX  400
#define CONNECTIONS 4

static struct world w;
static struct org acme;
static struct http_reply r;
static struct http_conn conns[CONNECTIONS];

/* ---- a reader of the log that can be told to stall: from the fifo into the gateway's log ---- */

static struct {
	pthread_t thread;
	int from, to;
	_Atomic bool stalls, ends;
	char path[TMP_PATH];
} reader;

static void *read_log(void *arg)
{
	(void)arg;
	char bytes[4096];
	while (!atomic_load(&reader.ends)) {
		ssize_t n = atomic_load(&reader.stalls) ? 0 : read(reader.from, bytes, sizeof bytes);
		if (n <= 0)
			sleep_ms(2);
		else if (write(reader.to, bytes, (size_t)n) != n)
			abort();
	}
	return NULL;
}

static void end_reader(void)
{
	atomic_store(&reader.ends, true);
	pthread_join(reader.thread, NULL);
	close(reader.from);
	close(reader.to);
}

static void begin(void)
{
	world_prepare(&w, false);
	env_set(&w.gateway_env, "M2M_WORKERS=2");
}

static void begin_behind_a_fifo(void)
{
	begin();
	tmp_path(reader.path, "log", ".fifo");
	cr_assert_eq(mkfifo(reader.path, 0600), 0);
	reader.from = open(reader.path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	cr_assert_geq(reader.from, 0);
	w.gateway.err_path = reader.path;
	gateway_launch(&w.gateway, &w.gateway_env);
	reader.to = open(w.gateway.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	cr_assert_geq(reader.to, 0);
	cr_assert_eq(pthread_create(&reader.thread, NULL, read_log, NULL), 0);
	cr_assert(gateway_wait_listening(&w.gateway, 20000), "%s", w.gateway.log);
	cr_assert(gateway_wait_ops(&w.gateway, "/readyz", 200, 20000));
	org_create(&w, "acme", &acme);
}

static void end(void)
{
	world_close(&w);
}

TestSuite(log, .fini = end, .timeout = 120);

/* ---- requests ---- */

static void open_connections(void)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		cr_assert(http_open(&conns[i], w.gateway.http));
}

static void close_connections(void)
{
	for (unsigned i = 0; i < CONNECTIONS; i++)
		http_close(&conns[i]);
}

/* Every one of them is answered. */
static void ask_many(void)
{
	static const char one[] = "GET /.well-known/jwks.json HTTP/1.1\r\nHost: x\r\n\r\n";
	char all[PIPELINED * sizeof one] = "";
	for (unsigned i = 0; i < PIPELINED; i++)
		memcpy(all + i * (sizeof one - 1), one, sizeof one);
	for (unsigned i = 0; i < CONNECTIONS; i++)
		cr_assert(http_send_text(&conns[i], all));
	for (unsigned i = 0; i < CONNECTIONS; i++)
		for (unsigned j = 0; j < PIPELINED; j++)
			cr_assert_eq(http_read(&conns[i], &r, HTTP_TIMEOUT_MS, false), 200);
}

static int grpc_health(void)
{
	static struct grpc_reply g;
	struct grpc_request q = {.path = "/grpc.health.v1.Health/Check"};
	int status = grpc_call(w.gateway.grpc, &q, &g);
	return status;
}

static void expect_service(void)
{
	expect_status(oauth_token(w.gateway.http, acme.client_id, acme.secret, &r), 200);
	cr_assert_eq(gateway_ops_status(&w.gateway, "/livez"), 200);
	cr_assert_eq(gateway_ops_status(&w.gateway, "/readyz"), 200);
	cr_assert_eq(grpc_health(), 0);
}

static long lines_dropped(void)
{
	static const char name[] = "\nm2m_log_lines_dropped_total ";
	expect_status(http_call(w.gateway.ops, &(struct http_request){.path = "/metrics"}, &r), 200);
	const char *at = strstr(r.body, name);
	cr_assert_not_null(at);
	return strtol(at + sizeof name - 1, NULL, 10);
}

static void stall_the_reader(void)
{
	atomic_store(&reader.stalls, true);
	open_connections();
	for (unsigned i = 0; lines_dropped() == 0; i++) {
		cr_assert_lt(i, ROUNDS_MAX, "nothing is dropped");
		ask_many();
	}
	ask_many();
	close_connections();
}

/* ---- what the log says ---- */

/* The sum of what the lines tell, -1 if a line is torn. */
static long told(unsigned *ret_lines)
{
	static const char said[] = "\"event\":\"log_lines_dropped\",\"n\":";
	char *log = tmp_read(w.gateway.log, NULL), *rest = log;
	long sum = 0;
	*ret_lines = 0;
	for (char *line; (line = strsep(&rest, "\n")) != NULL && sum >= 0;) {
		const char *at = strstr(line, said);
		size_t n = strlen(line);
		*ret_lines += at != NULL;
		sum += at == NULL ? 0 : strtol(at + sizeof said - 1, NULL, 10);
		if (n > 0 && rest != NULL && (strncmp(line, "{\"time\"", 7) != 0 || line[n - 1] != '}'))
			sum = -1;
	}
	free(log);
	return sum;
}

Test(log, a_reader_that_stalls_stops_nothing_and_hears_what_it_has_missed, .init = begin_behind_a_fifo)
{
	unsigned lines = 0;
	stall_the_reader();
	expect_service();
	long dropped = lines_dropped();
	atomic_store(&reader.stalls, false);
	/* each worker's gap by itself where they end at different moments */
	for (int64_t since = clock_mono_us(); told(&lines) < dropped;) {
		cr_assert_lt(clock_mono_us() - since, 20000000, "%ld of %ld are told", told(&lines), dropped);
		sleep_ms(20);
	}
	cr_assert_eq(told(&lines), dropped);
	cr_assert(lines >= 1 && lines <= 4, "%u", lines);
	cr_assert_eq(lines_dropped(), dropped);
	expect_service();
	gateway_stop(&w.gateway, 15000);
	end_reader();
	cr_assert_eq(gateway_log_wait(&w.gateway, "every request was answered", 1, NULL, 0), 1);
}

Test(log, a_reader_that_stalls_does_not_hold_up_the_end, .init = begin_behind_a_fifo)
{
	stall_the_reader();
	gateway_stop(&w.gateway, 15000);
	end_reader();
}

Test(log, a_reader_that_goes_away_ends_nothing, .init = begin_behind_a_fifo)
{
	end_reader();
	expect_service();
	gateway_stop(&w.gateway, 15000);
}

/* Its log doesn't say where it listens. False: a port that was free has been taken meanwhile. */
static bool start_on_free_ports(void)
{
	uint16_t http = free_port(), grpc = free_port(), ops = free_port();
	env_set(&w.gateway_env, "M2M_HTTP_LISTEN=127.0.0.1:%u", http);
	env_set(&w.gateway_env, "M2M_GRPC_LISTEN=127.0.0.1:%u", grpc);
	env_set(&w.gateway_env, "M2M_OPS_LISTEN=127.0.0.1:%u", ops);
	gateway_launch(&w.gateway, &w.gateway_env);
	w.gateway.http = http;
	w.gateway.grpc = grpc;
	w.gateway.ops = ops;
	bool ready = gateway_wait_ops(&w.gateway, "/readyz", 200, 10000);
	if (!ready)
		gateway_kill(&w.gateway);
	return ready;
}

Test(log, a_full_disk_stops_nothing, .init = begin)
{
	w.gateway.err_path = "/dev/full";
	org_create(&w, "acme", &acme);
	bool ready = false;
	for (unsigned tries = 0; tries < 5 && !ready; tries++)
		ready = start_on_free_ports();
	cr_assert(ready);
	open_connections();
	ask_many();
	close_connections();
	expect_service();
	gateway_stop(&w.gateway, 15000);
}
