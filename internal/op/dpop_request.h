/* The DPoP field of a request: in.dpop -> rules for this request -> what the proof proves. Private
 * to op/. */
#ifndef M2M_OP_DPOP_REQUEST_H
#define M2M_OP_DPOP_REQUEST_H

#include "op/dpop_proof.h"
#include "op/op.h"

/* OP_MORE: *ret is right for this request and for `access_token`, which may be absent, and
 * *ret_once is what the store has to spend. OP_DONE: refused. Sets op->dpop_nonce where nonces
 * are wanted. */
enum op_verdict op_check_proof(struct op *op, struct str access_token, struct dpop_proof *ret, struct issue_once *ret_once);

/* Of op_verify_proof, while the signature waits for others to be verified with, and after that. */
struct shown_proof {
	struct jwt jwt;
	struct dpop_proof proof;
	struct signature_question question;
	enum err err; /* what that answered */
};

/* A step of the token endpoint: the key that the token is to be bound to, into op->held. The
 * issuing statement spends the proof, so that one that gets no token is good for another try. */
op_step op_verify_proof;

#endif
