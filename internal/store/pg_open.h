/* Opening one PostgreSQL connection, blocking but bounded: name resolution, TLS, a host that
 * swallows packets and a paused server all may block, so the gateway never does this on an event
 * loop (pg_conn.c runs it on a thread of its own). Private to store/. */
#ifndef M2M_STORE_PG_OPEN_H
#define M2M_STORE_PG_OPEN_H

#include <libpq-fe.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/sbuf.h"
#include "crypto/master_ring.h"

struct pg_statement {
	const char *name;
	const char *sql;
};

/* Everything is borrowed and must outlive the connection's owner. */
struct pg_open_spec {
	const char *url;
	/* of the file that `url` was read from; NULL: of none. See database_url_now */
	const char *url_path;
	const char *application_name;
	const struct pg_statement *statements; /* that may be sent; see pg_conn.h */
	size_t statement_count;
	/* Until it is true, PostgreSQL has to take each statement at once, which makes it true:
	 * what was changed by hand is noticed before anybody asks. NULL: they aren't tried. */
	_Atomic bool *tried;
	/* name, value, name, value, ..., NULL: set for the session */
	const char *const *settings;
	const struct master_ring *ring; /* checked against m2m.key_check; NULL: not checked */
	/* NULL, or takes how many the server leaves to this login */
	int *connections;
	int timeout_ms; /* for each step */
	/* Asked when it is connected, which may take as long as a resolver does, before anything
	 * that is borrowed is looked at again. False: it ends, unreachable. NULL: nobody is
	 * asked. */
	bool (*connected)(void *arg);
	void *arg;
};

enum pg_open_outcome {
	PG_OPEN_OK,
	PG_OPEN_UNREACHABLE, /* may pass: not reached, starting up, in recovery, read-only */
	/* won't pass without a person: schema unknown, key mismatch, login or right missing */
	PG_OPEN_REFUSED,
};

/* On success *ret is in pipeline mode, non-blocking, and the caller finishes it. Otherwise `why`
 * gets one sentence without secrets, and
 * *ret_reason one word for readiness, in static storage. */
enum pg_open_outcome pg_open(const struct pg_open_spec *spec, PGconn **ret, struct sbuf *why, const char **ret_reason);

#endif
