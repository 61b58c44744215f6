#include "harness/pg.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "harness/proc.h"
#include "harness/require.h"
#include "harness/sql.h"

#define CHILDREN_MAX 512

uint16_t free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool ok = fd >= 0 && bind(fd, (struct sockaddr *)&address, n) == 0 && getsockname(fd, (struct sockaddr *)&address, &n) == 0;
	close(fd);
	require(ok, "no free port");
	return ntohs(address.sin_port);
}

const char *pg_program(const char *name, char out[TMP_PATH])
{
	const char *bin = getenv("PG_BIN");
	snprintf(out, TMP_PATH, "%s/%s", bin == NULL ? DEFAULT_PG_BIN : bin, name);
	return out;
}

void pg_url(const struct pg *pg, const char *user, const char *database, char out[PG_URL])
{
	snprintf(out, PG_URL, "postgresql://%s@127.0.0.1:%u/%s", user, pg->port, database);
}

/* A folder that PostgreSQL's user may write to, since the one around it may be root's. */
static void make_dir(struct pg *pg)
{
	if (pg->dir[0] == '\0')
		tmp_path(pg->dir, "pg", "");
	require(mkdir(pg->dir, 0700) == 0, "can't make %s", pg->dir);
	const struct passwd *user = getuid() == 0 ? getpwnam("postgres") : NULL;
	require(user == NULL || chown(pg->dir, user->pw_uid, user->pw_gid) == 0, "can't give %s away", pg->dir);
}

static void append_settings(const struct pg *pg)
{
	char path[TMP_PATH + 20];
	snprintf(path, sizeof path, "%s/postgresql.conf", pg->dir);
	FILE *file = fopen(path, "ae");
	require(file != NULL, "can't write %s", path);
	fprintf(file, "listen_addresses = '127.0.0.1'\nunix_socket_directories = ''\nmax_connections = 200\n%s\n", pg->extra);
	require(fclose(file) == 0, "can't write %s", path);
}

void pg_create(struct pg *pg)
{
	char program[TMP_PATH], url[PG_URL];
	make_dir(pg);
	proc_run_as_postgres((const char *const[]){pg_program("initdb", program), "-D", pg->dir, "-A", "trust", "-U", "postgres", "-E",
						   "UTF8", "--locale=C.UTF-8", "--no-sync", NULL});
	append_settings(pg);
	pg_start(pg);
	pg_url(pg, "postgres", "postgres", url);
	PGconn *db = sql_open(url);
	sql_exec(db, "create role m2m_owner login");
	sql_exec(db, "create role m2m_gateway login password 'not-a-real-one'");
	sql_exec(db, "alter role m2m_gateway set synchronous_commit = on");
	sql_exec(db, "create role m2m_auditor nologin");
	sql_exec(db, "create role m2m_organization_auditor nologin");
	PQfinish(db);
	pg_stop(pg);
}

void pg_copy(struct pg *pg, const char *from_dir)
{
	char from[TMP_PATH + 4];
	make_dir(pg);
	snprintf(from, sizeof from, "%s/.", from_dir);
	proc_run_as_postgres((const char *const[]){"cp", "-a", from, pg->dir, NULL});
	append_settings(pg);
}

static bool accepts(const struct pg *pg)
{
	char url[PG_URL];
	pg_url(pg, "postgres", "postgres", url);
	PGconn *db = sql_try_open(url);
	if (db == NULL)
		return false;
	PQfinish(db);
	return true;
}

void pg_start(struct pg *pg)
{
	char program[TMP_PATH], log[TMP_PATH], port[8];
	/* The same port after a restart, so that a daemon finds it again. */
	if (pg->port == 0)
		pg->port = free_port();
	snprintf(port, sizeof port, "%u", pg->port);
	tmp_path(log, "postgres", ".log");
	pg->pid = proc_start(
		&(struct proc_spec){.argv = (const char *const[]){pg_program("postgres", program), "-D", pg->dir, "-p", port, NULL},
				    .err_path = log,
				    .as_postgres = true});
	int64_t deadline = clock_mono_us() + 60 * 1000000;
	while (!accepts(pg)) {
		require(proc_wait(pg->pid, 20) == PROC_RUNNING, "PostgreSQL ended; see %s", log);
		require(clock_mono_us() < deadline, "PostgreSQL doesn't accept connections; see %s", log);
	}
}

static void stop_by(struct pg *pg, int by_signal)
{
	if (pg->pid == 0)
		return;
	pid_t pid = pg->pid;
	pg_resume(pg);
	kill(pid, by_signal);
	pg->pid = 0;
	if (proc_wait(pid, 60000) != PROC_RUNNING)
		return;
	proc_kill(pid);
	require(false, "PostgreSQL did not stop in 60 s");
}

void pg_stop(struct pg *pg)
{
	stop_by(pg, SIGINT);
}

void pg_discard(struct pg *pg)
{
	stop_by(pg, SIGQUIT);
}

/* Stops the postmaster first, so that it starts no further child while the list is read. */
static unsigned hold(const struct pg *pg, pid_t children[CHILDREN_MAX])
{
	kill(pg->pid, SIGSTOP);
	return proc_children(pg->pid, children, CHILDREN_MAX);
}

void pg_crash(struct pg *pg)
{
	pid_t children[CHILDREN_MAX];
	unsigned n = hold(pg, children);
	kill(pg->pid, SIGKILL);
	for (unsigned i = 0; i < n; i++)
		kill(children[i], SIGKILL);
	proc_wait(pg->pid, 5000);
	pg->pid = 0;
	/* A new postmaster refuses to start beside a child of the old one. */
	for (unsigned i = 0; i < n; i++) {
		for (int tries = 0; kill(children[i], 0) == 0 && tries < 500; tries++)
			sleep_ms(10);
	}
}

void pg_pause(const struct pg *pg)
{
	pid_t children[CHILDREN_MAX];
	unsigned n = hold(pg, children);
	for (unsigned i = 0; i < n; i++)
		kill(children[i], SIGSTOP);
}

void pg_resume(const struct pg *pg)
{
	pid_t children[CHILDREN_MAX];
	if (pg->pid == 0)
		return;
	unsigned n = proc_children(pg->pid, children, CHILDREN_MAX);
	for (unsigned i = 0; i < n; i++)
		kill(children[i], SIGCONT);
	kill(pg->pid, SIGCONT);
}
