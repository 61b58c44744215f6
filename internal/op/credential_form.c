#include "op/credential_form.h"

bool op_may_be_client_id(const struct op *op, struct str id)
{
	return client_id_well_formed(id) || (store_has_foreign(op->env->store) && foreign_well_formed(id));
}

bool op_may_be_secret(const struct op *op, struct str secret)
{
	return secret_well_formed(secret) || (store_has_foreign(op->env->store) && foreign_well_formed(secret));
}
