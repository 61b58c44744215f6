/* Portal links and sessions: how a customer's admin, whom the platform has sent, comes to the
 * pages and acts in them.
 *
 *   the platform's backend -> a link, good once and for minutes -> the person's browser shows its
 *   code -> a session -> op_authenticate_session stands in op_authenticate's place
 *
 * A session acts as an admin of its organization, but for the rights that its link didn't give.
 * Nothing of it is remembered: each request asks PostgreSQL for it. */
#ifndef M2M_OP_PORTAL_H
#define M2M_OP_PORTAL_H

#include "op/op.h"
#include "store/portal.h"

/* Of an op that has to do with the portal. Strings are in the op's arena. */
struct op_portal {
	struct str code;  /* that is shown */
	struct str token; /* of the session that asks; absent: it isn't one */
	struct portal_link_spec link;
	struct str session_id; /* the path's */
	struct uuid session_uuid;

	struct uuid made_id;
	struct portal_secret made; /* the code or the token that is given away */
	struct str url;
	int64_t expires_at;
	const struct portal_session *sessions; /* one, or a list of out.rows; NULL: none is known */
};

/* op->portal, made when it is asked for the first time. NULL: out of memory, and the op has
 * failed. The op's memory is wiped at its end. */
struct op_portal *op_portal_of(struct op *op);

/* The answer's sessions into the op. */
void op_portal_keep(struct op *op, const struct portal_answer *answer);

/* The right that a session must have for the operation; 0: none opens it. */
unsigned op_portal_right(enum op_id id);

/* The caller is the session of portal->token. */
op_step op_authenticate_session;

/* A session has authenticated, for this organization and with the right that is needed. */
static inline bool op_is_session(const struct op *op)
{
	return op->caller_known && op->portal != NULL && op->portal->token.p != NULL;
}

#endif
