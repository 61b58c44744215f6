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

/* in.search and in.state of a list of organizations. */
enum op_verdict admin_read_org_search(struct op *op, struct org_search *ret);
/* in.search and in.page_token of a search for clients; a page that isn't the last ->
 * out.next_page_token. */
enum op_verdict admin_read_client_search(struct op *op, struct client_search *ret);
void admin_put_next_client(struct op *op, char place, struct str last);

/* A list's place by time and id, as its next page's token, and back. `kind` tells lists apart. */
void admin_put_place(struct op *op, char kind, int64_t at, struct uuid id, uint32_t number);
enum op_verdict admin_read_place(struct op *op, char kind, int64_t *ret_at, struct uuid *ret_id, uint32_t *ret_number);

#endif
