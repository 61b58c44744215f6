/* What the audit says about a request besides its outcome, as parameters of a statement. */
#ifndef M2M_SQL_ORIGIN_H
#define M2M_SQL_ORIGIN_H

#include "base/uuid.h"
#include "crypto/digest.h"
#include "sql/pg_value.h"

/* What an operator comes with: a console session, or a token that m2mctl minted. */
struct operator_proof {
	bool is_session;
	uint8_t token_hash[SHA256_LEN]; /* of the session's token */
	struct uuid jti;                /* of the token that isn't a session's */
};

struct bearer;

/* What an act is, for when it is refused and its own statement doesn't record that. What is pointed
 * to is read then. */
struct named_act {
	const char *action;                 /* as admin_audit has it */
	const struct str *organization;     /* slug or id that was asked for; absent: none */
	const struct uuid *organization_id; /* of the caller; zero: none */
	const struct str *client_id;        /* recorded if it is one of the organization's */
	const char *about;                  /* a member of the detail; NULL: none */
	const struct str *what;             /* its value; absent: none */
	bool asked;                         /* the act's own statement was sent */
	/* the bearer of whoever is neither the platform nor an operator, and has nothing to do with
	 * another organization: what was asked for is told in the detail alone, and nothing is
	 * recorded unless it is live; NULL: a session's or an operator's, found live, or the
	 * platform's, whose token lasts until it expires */
	const struct bearer *below;
};

/* Strings are borrowed until the statement has answered. */
struct origin {
	struct str actor;
	struct uuid request_id;
	char transport;         /* r REST, g gRPC, c m2mctl */
	struct str remote_addr; /* numeric address or absent */
	struct str user_agent;
	struct str traceparent;
	/* an operator acts, whose session or token must be live until the act has committed; NULL:
	 * none does. The gateway's store sees to it. */
	const struct operator_proof *by;
	struct named_act *act; /* NULL: nothing that is recorded so */
};

/* Six parameters: actor text, request_id uuid, transport "char", remote_addr text, user_agent
 * text, traceparent text. An absent one is null. `by` becomes the parameters' `by`, and `o`, where
 * it has an act, their `of`. */
void origin_put(struct pg_params *p, const struct origin *o);

#endif
