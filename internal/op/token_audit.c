/* The organization's own record of tokens: authenticate -> check what was asked -> one
 * statement, which says whether the caller may -> rows, copied into the op. */
#include "op/credential_form.h"
#include "op/op_steps.h"
#include "op/page_place.h"
#include "sql/auth_method.h"

static enum op_verdict refuse(struct op *op, const char *sentence)
{
	return op_fail(op, ERR_INVALID_REQUEST, sentence);
}

static enum op_verdict read_filter(struct op *op)
{
	struct op_input *in = &op->in;
	struct token_filter *f = &op->listed;
	*f = (struct token_filter){.client_id = in->client_id,
				   .secret_version = in->secret_version,
				   .remote_addr = in->remote_addr,
				   .auth_method = in->auth_method,
				   .credential = in->credential,
				   .since = in->issued_after,
				   .until = in->issued_before};
	if (!op_read_page_size(op))
		return refuse(op, "page_size must be an integer from 1 to 100.");
	if (in->client_id.p != NULL && !op_may_be_client_id(op, in->client_id))
		return refuse(op, "client_id must be a client id.");
	if (in->jti.p != NULL && uuid_parse(in->jti, &op->listed_jti) != ERR_OK)
		return refuse(op, "jti must be a UUID.");
	f->jti = in->jti.p != NULL ? &op->listed_jti : NULL;
	if (in->secret_version < 0)
		return refuse(op, "secret_version must be a positive integer.");
	if (in->remote_addr.p != NULL && !str_is_network(in->remote_addr))
		return refuse(op, "remote_addr must be an IP address, or a network in CIDR form.");
	if (in->auth_method.p != NULL && !auth_method_is_known(in->auth_method))
		return refuse(op, "auth_method must be one of " AUTH_METHODS_TEXT ".");
	if (in->issued_after < 0 || in->issued_before < 0)
		return refuse(op, "issued_after and issued_before must be times of RFC 3339, such as 2026-11-24T08:00:00Z.");
	return OP_MORE;
}

static struct str list_of(struct op *op)
{
	const struct op_input *in = &op->in;
	struct sbuf text = sbuf_in(op->arena, 512);
	sbuf_printf(&text, "%.*s|%.*s|%.*s|%d|%.*s|%lld|%lld|%.*s|%.*s", STR_ARG(in->organization), STR_ARG(in->client_id),
		    STR_ARG(in->jti), in->secret_version, STR_ARG(in->remote_addr), (long long)in->issued_after,
		    (long long)in->issued_before, STR_ARG(in->auth_method), STR_ARG(in->credential));
	return sbuf_str(&text);
}

const char *op_transport_name(char transport)
{
	return transport == 'r' ? "rest" : transport == 'g' ? "grpc" : "m2mctl";
}

static void copy_token(struct arena *a, const struct listed_token *from, struct listed_token *to)
{
	*to = *from;
	to->client_id = arena_copy(a, from->client_id);
	to->kid = arena_copy(a, from->kid);
	to->caller = arena_copy(a, from->caller);
	to->scope = arena_copy(a, from->scope);
	to->audience = arena_copy(a, from->audience);
	to->remote_addr = arena_copy(a, from->remote_addr);
	to->user_agent = arena_copy(a, from->user_agent);
	to->auth_method = arena_copy(a, from->auth_method);
	to->credential = arena_copy(a, from->credential);
	to->bound_to = arena_copy(a, from->bound_to);
	to->slug = arena_copy(a, from->slug);
	to->organization_name = arena_copy(a, from->organization_name);
}

static void take_page(void *arg, enum err err, const struct token_page *page)
{
	struct op *op = arg;
	struct listed_token *rows = err == ERR_OK ? arena_alloc(op->arena, page->n * sizeof *rows) : NULL;
	for (size_t i = 0; rows != NULL && i < page->n; i++)
		copy_token(op->arena, &page->rows[i], &rows[i]);
	if (rows != NULL) {
		op->out.tokens = rows;
		op->out.rows = page->n;
		if (page->more)
			err = op_put_place(op, list_of(op), (struct page_place){page->next.issued_at, page->next.jti});
	}
	if (err == ERR_OK && arena_overflowed(op->arena))
		err = ERR_NO_MEMORY;
	op_resume(op, err);
}

static enum op_verdict list_tokens(struct op *op)
{
	struct page_place place = {.at = 0};
	enum op_verdict verdict = read_filter(op);
	if (verdict == OP_MORE && op->in.page_token.p != NULL)
		verdict = op_read_place(op, list_of(op), &place);
	if (verdict != OP_MORE)
		return verdict;
	const struct token_place before = {place.at, place.id};
	const struct token_place *from = op->in.page_token.p != NULL ? &before : NULL;
	enum err err = op->operates ? token_list_all(op->env->store, &op->by, op->in.organization, &op->listed, from, op->in.page_size,
						     take_page, op)
				    : token_list(op->env->store, &op->caller, &op->listed, from, op->in.page_size, take_page, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

op_step *const op_list_token_audit_steps[] = {op_authenticate, list_tokens, NULL};
op_step *const op_list_all_token_audit_steps[] = {op_authenticate, op_require_operator, list_tokens, NULL};
