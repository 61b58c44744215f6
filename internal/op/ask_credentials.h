/* The client's keys and workloads out of the database, for who checks what it shows. Private to
 * op/. */
#ifndef M2M_OP_ASK_CREDENTIALS_H
#define M2M_OP_ASK_CREDENTIALS_H

#include "op/op.h"

/* They are read into the memo; the present step is then taken once more, with
 * op->asked_credentials. OP_WAIT, or OP_DONE. */
enum op_verdict op_ask_for_credentials(struct op *op);

#endif
