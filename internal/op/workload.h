/* A client that shows its platform's token in place of a secret: a Kubernetes service account, a
 * SPIFFE JWT-SVID, a CI job, a cloud's identity (RFC 7523). It stands as client_assertion (section
 * 2.2) or as the jwt-bearer grant's assertion (section 2.1); the parameter client_id says which
 * client it is. Private to op/.
 *
 *   op_shows_workload -> the client's limits -> op_verify_workload (the client's workloads from the
 *   memo, else from the database; the issuer's key; ages; terms) -> op->shown -> the issuing
 *   statement, which decides -> (refused with what the memo knew: the workloads are read, and all
 *   of it is tried once more)
 *
 * All of a client that isn't there, of a workload that isn't its, and of a wrong signature have
 * the same answer. A token of an issuer that isn't trusted costs neither a key nor a question. */
#ifndef M2M_OP_WORKLOAD_H
#define M2M_OP_WORKLOAD_H

#include "op/op.h"
#include "op/workload_token.h"

#define WORKLOAD_GRANT "urn:ietf:params:oauth:grant-type:jwt-bearer"

struct workload_proof {
	struct jwt jwt;    /* in the op's arena, as all of it */
	char auth_method;  /* 'w' or 'j' */
	struct str issuer; /* as its terms have it: `iss`, or a SPIFFE trust domain's name */
	struct workload_token claims;
	bool verified; /* its issuer has signed it, and its ages are right */
	bool again;    /* the statement refused what the memo knew */
};

/* Whether there is an issuer whose workloads are taken, at this operation. */
bool op_takes_workloads(const struct op *op);

/* Whether the token says that it is of such an issuer; it is then in op->workload. */
bool op_shows_workload(struct op *op, struct str token, char auth_method);

/* After that: the rest of the request. OP_MORE, or OP_DONE. */
enum op_verdict op_take_workload(struct op *op);

/* The same of in.assertion, where the grant is WORKLOAD_GRANT. */
enum op_verdict op_take_grant_assertion(struct op *op);

/* A step: OP_MORE where there is no workload, or it is right and op->shown says it. */
op_step op_verify_workload;

/* The statement answered ERR_INVALID_CLIENT. True: that may be for what the memo knew, and the op
 * goes on from op_verify_workload. */
bool op_workload_again(struct op *op);

/* What the statement's `err` is to who sent the grant's assertion (RFC 7521 section 4.1.1, RFC 7523
 * section 3.1). */
enum err op_tell_workload_fault(struct op *op, enum err err);

#endif
