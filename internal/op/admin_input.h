/* What the platform may write about organizations and clients, checked for every transport in
 * the same words. Private to op/. */
#ifndef M2M_OP_ADMIN_INPUT_H
#define M2M_OP_ADMIN_INPUT_H

#include "op/op.h"

/* Each: OP_MORE, or the op failed with INVALID_REQUEST and a sentence that names the member. */
enum op_verdict admin_check_new_org(struct op *op);
enum op_verdict admin_check_org_change(struct op *op);
/* in.client; of a change, what isn't given is not looked at */
enum op_verdict admin_check_client(struct op *op, bool is_new);

/* What wasn't given of a new client takes its default (op_default_client's, but no role). */
void admin_complete_client(struct op *op, bool is_default);

/* in.page_token -> where a page begins (absent: from the first); a page that isn't the last ->
 * out.next_page_token. Opaque to clients. */
enum op_verdict admin_read_page(struct op *op, struct str *ret_after);
void admin_put_next_page(struct op *op, struct str last);

#endif
