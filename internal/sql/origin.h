/* What the audit says about a request besides its outcome, as parameters of a statement. */
#ifndef M2M_SQL_ORIGIN_H
#define M2M_SQL_ORIGIN_H

#include "base/uuid.h"
#include "sql/pg_value.h"

/* Strings are borrowed until the statement has answered. */
struct origin {
	struct str actor;
	struct uuid request_id;
	char transport;         /* r REST, g gRPC, c m2mctl */
	struct str remote_addr; /* numeric address or absent */
	struct str user_agent;
	struct str traceparent;
};

/* Six parameters: actor text, request_id uuid, transport "char", remote_addr text, user_agent text,
 * traceparent text. An absent one is null. */
void origin_put(struct pg_params *p, const struct origin *o);

#endif
