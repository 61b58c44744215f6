/* The steps of each operation and what they share. Private to op/. */
#ifndef M2M_OP_OP_STEPS_H
#define M2M_OP_OP_STEPS_H

#include "op/op.h"

extern op_step *const op_get_client_id_steps[];
extern op_step *const op_get_client_secret_steps[];
extern op_step *const op_issue_token_steps[];
extern op_step *const op_oauth_token_steps[];
extern op_step *const op_rotate_secret_steps[];
extern op_step *const op_jwks_steps[];
extern op_step *const op_metadata_steps[];
extern op_step *const op_openapi_yaml_steps[];
extern op_step *const op_openapi_json_steps[];

/* Who is calling: verifies the bearer's signature, issuer and times, and sets `caller`. Whether it still has any right is for SQL to say. */
op_step op_authenticate;

/* Derives the secret of `params` with the ring's key `key_id` and holds it against `verifier` (absent: not compared). op->secret holds it, and op->arena is marked for wiping. */
MUST_CHECK enum err op_derive_secret(struct op *op, struct str key_id, const struct secret_params *params, struct str verifier);

#endif
