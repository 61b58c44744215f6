/* What PostgreSQL and the gateway's login must be like for what the gateway promises. The daemon
 * asks for it on each new connection, `m2mctl config check` once; both say the same sentences. */
#ifndef M2M_SQL_PROMISES_H
#define M2M_SQL_PROMISES_H

#include <libpq-fe.h>

struct promise {
	const char *reason;   /* one word, for readiness */
	const char *sentence; /* what is wrong, and what to do about it */
};

#define PROMISES_N 5

/* PROMISES_N booleans, in the order of the table in promises.c: true is a fault. */
#define SQL_PROMISES                                                                                                                       \
	"not current_setting('fsync')::bool, not current_setting('full_page_writes')::bool,"                                               \
	" current_setting('server_encoding') <> 'UTF8',"                                                                                   \
	" exists (select from pg_roles where rolsuper and rolname in (session_user, current_user)),"                                       \
	" exists (select from pg_roles where rolname = 'm2m_owner' and (pg_has_role(session_user, oid, 'member')"                          \
	" or pg_has_role(current_user, oid, 'member')))"

/* How many connections the server leaves to this login, of all its databases' and gateways'. */
#define SQL_CONNECTIONS                                                                                                                    \
	"(select least(current_setting('max_connections')::int4"                                                                           \
	" - current_setting('superuser_reserved_connections')::int4"                                                                       \
	" - coalesce(current_setting('reserved_connections', true)::int4, 0),"                                                             \
	" nullif(r.rolconnlimit, -1), nullif(d.datconnlimit, -1))"                                                                         \
	" from pg_roles r, pg_database d where r.rolname = session_user and d.datname = current_database())"

/* The i-th promise, if the i-th column from `first` on says that it is broken; else NULL. */
const struct promise *promise_broken(const PGresult *r, int first, int i);

#endif
