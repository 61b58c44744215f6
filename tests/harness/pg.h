/* A private PostgreSQL cluster: its own folder, its own port, durable as PostgreSQL is by
 * default, and ended with the process that started it. Logins: the superuser postgres, and
 * m2m_owner and m2m_gateway, all trusted on 127.0.0.1. */
#ifndef M2M_TESTS_HARNESS_PG_H
#define M2M_TESTS_HARNESS_PG_H

#include <stdint.h>
#include <sys/types.h>

#include "harness/tmp.h"

#define PG_URL 256

struct pg {
	char dir[TMP_PATH];
	uint16_t port;
	pid_t pid; /* of the postmaster, 0: not running */
	/* more lines of settings, appended to postgresql.conf at pg_create and pg_copy */
	char extra[512];
};

/* initdb, and the roles' logins once it runs for the first time. Leaves it stopped. pg->dir (a
 * folder that isn't there) and pg->extra may be set before. */
void pg_create(struct pg *pg);
/* The same from the folder of a cluster that is stopped, with its databases. */
void pg_copy(struct pg *pg, const char *from_dir);

void pg_start(struct pg *pg); /* returns when it accepts connections */
void pg_stop(struct pg *pg);  /* fast shutdown; harmless when it isn't running */
/* The same without the last checkpoint, which takes long on a slow disk: for files that nobody
 * reads again. */
void pg_discard(struct pg *pg);
/* kill -9 of the postmaster and every child, as a power cut of the server's processes. */
void pg_crash(struct pg *pg);
/* SIGSTOP and SIGCONT to all of them: a server that is there and doesn't answer. */
void pg_pause(const struct pg *pg);
void pg_resume(const struct pg *pg);

void pg_url(const struct pg *pg, const char *user, const char *database, char out[PG_URL]);

/* A TCP port of 127.0.0.1 that is free now. */
uint16_t free_port(void);

/* A program of PostgreSQL's: $PG_BIN/<name>, else what deploy/pg_bin said when this was
 * configured. */
const char *pg_program(const char *name, char out[TMP_PATH]);

#endif
