/* Page tokens of lists that are in the order of time and id, the youngest first: the place that a
 * page begins below, and what it is a page of, so that none can be taken for another list's. */
#ifndef M2M_OP_PAGE_PLACE_H
#define M2M_OP_PAGE_PLACE_H

#include "op/op.h"

/* Below it the next page begins: microseconds since 1970. */
struct page_place {
	int64_t at;
	struct uuid id;
};

/* in.page_token. `list` says in words what the list is of; absent: out of memory. OP_DONE: the op
 * has failed. */
enum op_verdict op_read_place(struct op *op, struct str list, struct page_place *ret);
/* out.next_page_token. */
MUST_CHECK enum err op_put_place(struct op *op, struct str list, struct page_place place);
/* in.page_size as it is given, or what it is then; false: it can't be one. */
bool op_read_page_size(struct op *op);

#endif
