/* A token that somebody shows us to be told of, or to end: not to be let in by. Private to op/. */
#ifndef M2M_OP_OWN_TOKEN_H
#define M2M_OP_OWN_TOKEN_H

#include "op/op.h"

struct own_token {
	struct str kid; /* absent: it isn't a token of ours that could be good */
	/* its signature is good; else its key isn't in the snapshot, which may be the older one */
	bool verified;
	struct bearer_facts facts;
	/* as it will be told, with active left open and without bound_to; in the op's arena */
	struct introspected said;
};

/* What can be told without the database: whatever isn't ours, or damaged, is ERR_OK without a
 * kid. That it has expired is left to the database's clock. ERR_STORE_UNAVAILABLE: there are no
 * keys yet; ERR_CRYPTO. */
MUST_CHECK enum err op_read_own_token(struct op *op, struct str token, struct own_token *ret);

#endif
