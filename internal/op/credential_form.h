/* What can be a client's id, or its secret, by its form: ours, or, where clients were brought
 * along, any that is taken of other products. Nobody's look otherwise, so there is no need to ask
 * the database. Private to op/. */
#ifndef M2M_OP_CREDENTIAL_FORM_H
#define M2M_OP_CREDENTIAL_FORM_H

#include "op/op.h"

bool op_may_be_client_id(const struct op *op, struct str id);
bool op_may_be_secret(const struct op *op, struct str secret);

#endif
