/* A row of m2m.token_audit in the bytes that its seal's tree hashes (crypto/audit_tree.h): as
 * `copy ... (format binary)` writes it.
 *
 * A seal of version 2 is of all 19 fields. One of version 1 is of the first 16: the others came
 * later (migrations/0012), and are null in what a writer of that time wrote. */
#ifndef M2M_SQL_AUDIT_ROW_H
#define M2M_SQL_AUDIT_ROW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sbuf.h"
#include "base/uuid.h"

/* The columns in the order of the hashed bytes, which is that of the table. */
#define AUDIT_ROW_COLUMNS                                                                                                                  \
	"issued_at, expires_at, jti, organization_id, request_id, batch_id, secret_version, transport, client_id, kid, caller, scope,"     \
	" audience, remote_addr, user_agent, traceparent, auth_method, credential, bound_to"

struct audit_row {
	int64_t issued_at, expires_at; /* microseconds since 1970 */
	struct uuid jti, request_id, batch_id;
	const struct uuid *organization_id; /* NULL: none */
	int32_t secret_version;             /* 0: none */
	char transport;
	char auth_method; /* '\0': none */
	struct str client_id, kid, caller, scope, audience, remote_addr, user_agent, traceparent, credential, bound_to;
};

/* Appends the tuple, of 19 fields. False when it doesn't fit, or the address is none. */
MUST_CHECK bool audit_row_write(const struct audit_row *row, struct sbuf *out);

/* Where a tuple of 16 or 19 fields has its issued_at, jti and batch_id. ERR_MALFORMED when they
 * aren't there. */
MUST_CHECK enum err audit_row_read(struct str tuple, int64_t *ret_issued_at, struct uuid *ret_jti, struct uuid *ret_batch_id);

/* What a seal of this version hashes of such a tuple, in two parts. Fields that the version
 * doesn't know and that aren't null stay, so that the row isn't the one that was sealed. */
void audit_row_sealed(struct str tuple, int version, struct str ret[2]);

#endif
