/* Pages of the list of revocations. A token tells the entry that the next page begins behind. */
#ifndef M2M_OP_REVOCATION_PAGE_H
#define M2M_OP_REVOCATION_PAGE_H

#include "op/op.h"
#include "store/token_state.h"

/* in.page_size and in.page_token. The place lives as long as the op. OP_DONE: the op has failed. */
enum op_verdict op_read_revocation_page(struct op *op, struct revocation_place *ret_after, int32_t *ret_limit);
/* The token of the page behind `last`. Absent: out of memory. */
struct str op_revocation_page_token(struct arena *a, const struct revocation_place *last);

#endif
