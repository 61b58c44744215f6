#include "sql/promises.h"

#include "sql/pg_value.h"

static const struct promise promises[PROMISES_N] = {
	{"database_fsync_off",
	 "fsync is off: what was committed, and so audited, is lost when the server's machine crashes; switch it on in postgresql.conf"},
	{"database_full_page_writes_off", "full_page_writes is off: pages that a crash of the server's machine tears can't be mended, and "
					  "the audit with them; switch it on in"
					  " postgresql.conf"},
	{"database_encoding",
	 "the database's encoding is not UTF8, in which all texts are; create it with: encoding 'UTF8' template template0"},
	{"database_login_superuser",
	 "the gateway's login is a superuser, which could change the audit; give it one with the rights of m2m_gateway and no more"},
	{"database_login_owner", "the gateway's login has the rights of m2m_owner, and could change the audit; give it one with the rights "
				 "of m2m_gateway and no more"},
};

const struct promise *promise_broken(const PGresult *r, int first, int i)
{
	return pg_bool(r, 0, first + i) ? &promises[i] : NULL;
}
