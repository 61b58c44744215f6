/* What a client shows in place of its secret, once a worker has found it right: the statement that
 * does what it asks for decides whether it may (sql/parts.sql). */
#ifndef M2M_STORE_CLIENT_SHOWN_H
#define M2M_STORE_CLIENT_SHOWN_H

#include "base/str.h"

/* What may be used once (m2m.used_once), and wasn't before. */
struct issue_once {
	struct str hash;     /* USED_ONCE_LEN bytes; absent: nothing of the kind */
	int64_t until;       /* the second (since 1970) from which on it is refused for its age */
	uint64_t wire_until; /* the queue's own */
};

struct client_shown {
	/* as m2m.auth_method_name has it; 0: it showed its secret */
	char auth_method;
	/* the ids that would do, one in a line (client_credential.credential_id) */
	struct str credentials;
	/* recorded in place of the credential's id: of a workload "issuer subject"; may be
	 * absent */
	struct str presented;
	struct issue_once assertion; /* may be absent */
};

#endif
