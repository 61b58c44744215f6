/* A client shows a secret that was brought along, for the first time: the issuing statement has
 * answered SECRET_NOT_ADOPTED, since of the client's live versions one is known by another
 * product's hash alone.
 *
 *   the client's hashes (a look into the database) -> is the secret the one that was hashed
 *   (hashing/hash_pool.h) -> our verifier in the hash's place, by compare-and-set -> the
 *   statement that answered so, once more, which alone decides
 *
 * A wrong secret is refused as any, and costs hashes: hash_failures.h bounds them, behind the
 * limits that settings give. Private to op/. */
#ifndef M2M_OP_ADOPTION_H
#define M2M_OP_ADOPTION_H

#include "op/op.h"

op_step op_read_hashes, op_verify_hashes, op_adopt_secret;
/* What `again` begins with; behind them stands the step that asked. */
#define OP_ADOPTION_STEPS op_read_hashes, op_verify_hashes, op_adopt_secret

/* Of a statement's answer: SECRET_NOT_ADOPTED becomes ERR_OK, and the op's next steps are `again`
 * (static); the second time it is INVALID_CLIENT. Any other answer stays. */
enum err op_adopt_first(struct op *op, enum err err, op_step *const *again);

#endif
