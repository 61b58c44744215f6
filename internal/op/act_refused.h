/* Administrative acts that are refused before their own statement is sent, by the rights of whoever
 * asks. An act's statement records what it refuses itself; what PostgreSQL refuses in its place
 * (an organization that moves), the store records (store/ask.c). Private to op/. */
#ifndef M2M_OP_ACT_REFUSED_H
#define M2M_OP_ACT_REFUSED_H

#include "op/op.h"

/* op->act, and with it origin.act: what the operation is called in admin_audit, if it is an act. */
void op_name_act(struct op *op);

/* The op ends with a refusal that nothing has recorded: then it is recorded now, and `done` called
 * once it is. False: there is nothing to record, or no more of it, or it can't be, and op->err says
 * so. */
bool op_record_refusal(struct op *op, act_recorded *done);

#endif
