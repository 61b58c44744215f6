/* What was done to an organization and its clients: authenticate -> check what was asked -> one
 * statement, which says whether the caller may -> rows, copied into the op. For an organization's
 * admins, and over all organizations for the platform. */
#include "op/credential_form.h"
#include "op/op_steps.h"
#include "op/page_place.h"

#define WORD_MAX 256 /* of what an act may be searched by */

static struct str list_of(struct op *op)
{
	const struct op_input *in = &op->in;
	struct sbuf text = sbuf_in(op->arena, 2048);
	sbuf_printf(&text, "%s|%.*s|%.*s|%.*s|%.*s|%.*s|%lld|%lld", op->spec->name, STR_ARG(in->organization), STR_ARG(in->client_id),
		    STR_ARG(in->action), STR_ARG(in->actor), STR_ARG(in->outcome), (long long)in->issued_after,
		    (long long)in->issued_before);
	return sbuf_str(&text);
}

static enum op_verdict refuse(struct op *op, const char *sentence)
{
	return op_fail(op, ERR_INVALID_REQUEST, sentence);
}

static enum op_verdict check(struct op *op)
{
	const struct op_input *in = &op->in;
	if (!op_read_page_size(op))
		return refuse(op, "page_size must be an integer from 1 to 100.");
	if (in->client_id.p != NULL && !op_may_be_client_id(op, in->client_id))
		return refuse(op, "client_id must be a client id.");
	if (in->action.n > WORD_MAX || in->actor.n > WORD_MAX || in->outcome.n > WORD_MAX || in->organization.n > WORD_MAX)
		return refuse(op, "organization, action, actor and outcome have 256 bytes at most.");
	if (in->issued_after < 0 || in->issued_before < 0)
		return refuse(op, "done_after and done_before must be times of RFC 3339, such as 2026-11-24T08:00:00Z.");
	return OP_MORE;
}

static void copy_act(struct arena *a, const struct listed_act *from, struct listed_act *to)
{
	*to = *from;
	struct str *texts[] = {&to->action,      &to->outcome,    &to->actor, &to->client_id, &to->detail,
			       &to->remote_addr, &to->user_agent, &to->slug,  &to->name};
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		*texts[i] = arena_copy(a, *texts[i]);
}

static void take_page(void *arg, enum err err, const struct act_page *page)
{
	struct op *op = arg;
	struct listed_act *rows = err == ERR_OK ? arena_alloc(op->arena, (page->n + 1) * sizeof *rows) : NULL;
	for (size_t i = 0; rows != NULL && i < page->n; i++)
		copy_act(op->arena, &page->rows[i], &rows[i]);
	if (rows != NULL) {
		op->out.acts = rows;
		op->out.rows = page->n;
		if (page->more)
			err = op_put_place(op, list_of(op), (struct page_place){page->next.done_at, page->next.act_id});
	}
	if (err == ERR_OK && arena_overflowed(op->arena))
		err = ERR_NO_MEMORY;
	op_resume(op, err);
}

static enum op_verdict list_acts(struct op *op)
{
	struct page_place place = {.at = 0};
	bool pages = op->in.page_token.p != NULL;
	enum op_verdict verdict = check(op);
	if (verdict == OP_MORE && pages)
		verdict = op_read_place(op, list_of(op), &place);
	if (verdict != OP_MORE)
		return verdict;
	const struct act_place before = {place.at, place.id};
	const struct act_filter filter = {.client_id = op->in.client_id,
					  .action = op->in.action,
					  .actor = op->in.actor,
					  .outcome = op->in.outcome,
					  .since = op->in.issued_after,
					  .until = op->in.issued_before};
	enum err err = act_list(op->env->store, &op->caller, op->spec->id == OP_LIST_ALL_ACTS, op->in.organization, &filter,
				pages ? &before : NULL, op->in.page_size, take_page, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

op_step *const op_list_acts_steps[] = {op_authenticate, list_acts, NULL};
op_step *const op_list_all_acts_steps[] = {op_authenticate, op_require_platform, list_acts, NULL};
