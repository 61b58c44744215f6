/* A client that shows an assertion which it has signed, in place of its secret (private_key_jwt;
 * RFC 7523 section 2.2, OpenID Connect Core section 9). Private to op/.
 *
 *   op_take_assertion -> the client's limits -> op_verify_assertion (its keys from the memo, else
 *   from the database; signature; claims) -> op->shown -> the issuing statement, which
 *   decides
 *
 * All of a client that isn't there, of a key that it hasn't, and of a wrong signature have the
 * same answer. */
#ifndef M2M_OP_PRIVATE_KEY_JWT_H
#define M2M_OP_PRIVATE_KEY_JWT_H

#include "op/client_assertion.h"
#include "op/op.h"

struct key_proof {
	struct jwt jwt; /* in the op's arena, as all of it */
	struct client_assertion claims;
	struct str credential_id; /* of the key that has signed it; absent: not known yet */
	/* while the signature waits for others to be verified with; credential_id is then of the
	 * key that may have made it */
	struct signature_question question;
	bool verified; /* it doesn't any more, and credential_id says it */
};

/* From in.client_assertion to in.client_id and op->proof. OP_DONE: refused. */
enum op_verdict op_take_assertion(struct op *op);

/* A step: OP_MORE where there is no assertion, or it is right and op->shown says it. */
enum op_verdict op_verify_assertion(struct op *op);

#endif
