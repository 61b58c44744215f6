/* How many tokens an organization was given: authenticate -> check what was asked -> one statement,
 * which says whether the caller may, and counts -> its rows, copied into the op. */
#include "op/credential_form.h"
#include "op/op_steps.h"

#define SECOND_US INT64_C(1000000)
#define DAY_US    (INT64_C(86400) * SECOND_US)
#define SPAN_DAYS 30
#define ZONE_MAX  64
/* Days by a clock, one of which may have an hour more. */
#define SPAN_MAX_US (92 * DAY_US + 3600 * SECOND_US)

static enum op_verdict refuse(struct op *op, const char *sentence)
{
	return op_fail(op, ERR_INVALID_REQUEST, sentence);
}

static bool is_kind(struct str by)
{
	static const char *const kinds[] = {"hour", "day", "client", "address", "version"};
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (str_eq(by, str_of(kinds[i])))
			return true;
	return false;
}

/* The last thirty days, unless it is told. */
static enum op_verdict read_span(struct op *op)
{
	struct op_input *in = &op->in;
	if (in->issued_after < 0 || in->issued_before < 0)
		return refuse(op, "issued_after and issued_before must be times of RFC 3339, such as 2026-11-24T08:00:00Z.");
	if (in->issued_before == 0)
		in->issued_before = store_now_us(op->env->store);
	if (in->issued_after == 0)
		in->issued_after = in->issued_before - SPAN_DAYS * DAY_US;
	if (in->issued_after >= in->issued_before || in->issued_before - in->issued_after > SPAN_MAX_US)
		return refuse(op, "issued_before must be later than issued_after, by 92 days at most.");
	return OP_MORE;
}

static enum op_verdict check(struct op *op)
{
	struct op_input *in = &op->in;
	if (!is_kind(in->by))
		return refuse(op, "by must be hour, day, client, address or version.");
	if (in->client_id.p != NULL && !op_may_be_client_id(op, in->client_id))
		return refuse(op, "client_id must be a client id.");
	if (in->time_zone.p == NULL)
		in->time_zone = STR("UTC");
	if (in->time_zone.n == 0 || in->time_zone.n > ZONE_MAX || !str_is_word(in->time_zone, "/_+-"))
		return refuse(op, "time_zone must be a name of the time zone database, such as Europe/Berlin.");
	return read_span(op);
}

static void take_sums(void *arg, enum err err, const struct token_sums *sums)
{
	struct op *op = arg;
	if (err == ERR_INVALID_REQUEST)
		op->err_detail = "time_zone must be a name of the time zone database, such as Europe/Berlin.";
	if (err == ERR_OK && sums->overdue) {
		op->err_detail = "There are too many tokens to count in time. Ask for a shorter span, or for one client.";
		err = ERR_STORE_UNAVAILABLE;
	}
	struct token_sum *rows = err == ERR_OK ? arena_alloc(op->arena, (sums->n + 1) * sizeof *rows) : NULL;
	for (size_t i = 0; rows != NULL && i < sums->n; i++) {
		rows[i] = sums->rows[i];
		rows[i].name = arena_copy(op->arena, rows[i].name);
	}
	if (rows != NULL) {
		op->out.sums = rows;
		op->out.rows = sums->n;
		op->out.others = sums->others;
	}
	if (err == ERR_OK && arena_overflowed(op->arena))
		err = ERR_NO_MEMORY;
	op_resume(op, err);
}

static enum op_verdict sum_tokens(struct op *op)
{
	enum op_verdict verdict = check(op);
	if (verdict != OP_MORE)
		return verdict;
	const struct token_sum_query query = {.by = op->in.by,
					      .client_id = op->in.client_id,
					      .time_zone = op->in.time_zone,
					      .since = op->in.issued_after,
					      .until = op->in.issued_before};
	enum err err = token_sums(op->env->store, &op->caller, &query, take_sums, op);
	return err == ERR_OK ? OP_WAIT : op_fail(op, err, NULL);
}

op_step *const op_sum_tokens_steps[] = {op_authenticate, sum_tokens, NULL};
