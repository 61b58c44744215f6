/* What `m2mctl config check` asks a database about itself and about the login that asks. Nothing
 * here writes. */
#ifndef M2M_OPERATOR_CHECK_H
#define M2M_OPERATOR_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/master_ring.h"
#include "operator/db.h"

enum { OPERATOR_SERVER_FAULTS = 3, OPERATOR_LOGIN_FAULTS = 2 };

struct operator_facts {
	struct str login;
	/* the same for two connections to the same database of the same server */
	struct str place;
	int32_t version_num; /* 150000 is PostgreSQL 15 */
	/* Sentences about what breaks a promise: of the server and its database, then of a
	 * gateway's login. NULL: nothing */
	const char *server_faults[OPERATOR_SERVER_FAULTS], *login_faults[OPERATOR_LOGIN_FAULTS];
	int connections;               /* that the server leaves to this login */
	struct str synchronous_commit; /* as a session of this login begins */
	/* may act as m2m_owner, has the rights of m2m_gateway; false too when there is no such
	 * role */
	bool owner, gateway;
	int64_t clock; /* the server's, microseconds since 1970 */
	/* how far this machine's is ahead of it, microseconds, as far as the round trip tells */
	int64_t skew;
};

/* Of any login, also before the first migration. */
MUST_CHECK enum err operator_facts_read(struct operator_db *db, struct operator_facts *ret);

/* The names of master keys that the ring lacks though live secrets were made with them, joined
 * with spaces; "" for none. */
MUST_CHECK enum err operator_missing_keys(struct operator_db *db, const struct master_ring *ring, struct str *ret);

#endif
