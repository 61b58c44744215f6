/* What `m2mctl config check` asks a database about itself and about the login that asks. Nothing here writes. */
#ifndef M2M_OPERATOR_CTL_CHECK_H
#define M2M_OPERATOR_CTL_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/master_ring.h"
#include "operator/ctl_db.h"

struct ctl_facts {
	struct str login;
	struct str place;              /* the same for two connections to the same database of the same server */
	int32_t version_num;           /* 150000 is PostgreSQL 15 */
	bool fsync;                    /* off: a crash of the server's machine loses what was committed */
	struct str synchronous_commit; /* as a session of this login begins */
	bool superuser;
	bool owner, gateway; /* may act as m2m_owner, has the rights of m2m_gateway; false too when there is no such role */
	bool owner_member;   /* may grant itself m2m_owner's rights at least */
	int64_t clock;       /* the server's, microseconds since 1970 */
	int64_t skew;        /* how far this machine's is ahead of it, microseconds, as far as the round trip tells */
};

/* Of any login, also before the first migration. */
MUST_CHECK enum err ctl_facts_read(struct ctl_db *db, struct ctl_facts *ret);

/* The names of master keys that the ring lacks though live secrets were made with them, joined with spaces; "" for none. */
MUST_CHECK enum err ctl_missing_keys(struct ctl_db *db, const struct master_ring *ring, struct str *ret);

#endif
