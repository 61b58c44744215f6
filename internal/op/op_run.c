/* The driver: runs the steps of an op and ends it once. op.h tells the life. */
#include <assert.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/starved.h"
#include "crypto/secret.h"
#include "op/act_refused.h"
#include "op/op.h"
#include "op/op_steps.h"
#include "store/denied.h"

/* ---- the end of every op ---- */

static bool is_denied(enum err err)
{
	return err == ERR_INVALID_CLIENT || err == ERR_INVALID_GRANT || err == ERR_ASSERTION_REPLAYED ||
	       err == ERR_AUTH_METHOD_NOT_ALLOWED || err == ERR_PROOF_REPLAYED || err == ERR_INVALID_TOKEN ||
	       err == ERR_NETWORK_NOT_ALLOWED || err == ERR_FORBIDDEN;
}

/* Under the client whose credentials were refused: those of the grant, or the bearer's. */
static void count_denied(struct op *op)
{
	struct str client_id = STR_NONE;
	if (!is_denied(op->err))
		return;
	bool grant = op->err == ERR_INVALID_CLIENT || op->err == ERR_INVALID_GRANT || op->err == ERR_ASSERTION_REPLAYED ||
		     op->err == ERR_AUTH_METHOD_NOT_ALLOWED || (op->err == ERR_PROOF_REPLAYED && !op->caller_known) ||
		     (op->err == ERR_NETWORK_NOT_ALLOWED && op->client_known) ||
		     (op->err == ERR_FORBIDDEN && !op->caller_known && op->client_known);
	if (grant && op->client_known)
		client_id = op->in.client_id;
	else if (!grant && op->caller_known)
		client_id = op->caller.client_id;
	denied_count(op->env->store, client_id, op->origin.remote_addr, err_info(op->err)->code);
}

/* Whatever a stranger wrote into client_id may be anything, even a secret in the wrong field. So
 * of what isn't an id by our own form the log has what the database knows. */
static struct str client_id_of(const struct op *op)
{
	struct str given = op->in.client_id;
	bool found = op->err == ERR_OK && op->spec != NULL && op->spec->who == OP_BY_PLATFORM;
	if (given.p == NULL)
		return op->out.client_id;
	return client_id_well_formed(given) || op->client_known || found ? given : STR_NONE;
}

static unsigned row_of(const struct op *op)
{
	return op->spec != NULL ? op->spec->id : op->pages ? OP_ROW_PAGES : OP_ROW_UNKNOWN;
}

static void write_access_line(const struct op *op)
{
	const struct err_info *info = err_info(op->err);
	struct log_line line;
	log_begin(&line, op->err == ERR_INTERNAL ? LOG_ERROR : LOG_INFO, "access");
	log_str(&line, "request_id", op->request_id);
	log_str(&line, "operation", str_of(op_row_name(row_of(op))));
	log_str(&line, "transport", str_of(op->origin.transport == 'g' ? "grpc" : "rest"));
	static const struct uuid nil;
	if (memcmp(&op->organization_id, &nil, sizeof nil) != 0) {
		char text[UUID_TEXT_LEN];
		uuid_format(op->organization_id, text);
		log_str(&line, "organization_id", str_from(text, sizeof text));
	}
	log_str(&line, "client_id", client_id_of(op));
	if (op->caller_known)
		log_str(&line, "caller", op->origin.actor);
	log_str(&line, "remote_addr", op->origin.remote_addr);
	log_str(&line, "traceparent", op->origin.traceparent);
	log_str(&line, "outcome", str_of(op->err == ERR_OK ? "granted" : info->code));
	/* it completed, and nobody got the answer */
	if (op->abandoned != ERR_OK && op->abandoned != op->err)
		log_str(&line, "abandoned", str_of(err_info(op->abandoned)->code));
	log_int(&line, "status", op->env->status(op));
	log_int(&line, "duration_us", clock_mono_us() - op->started_us);
	log_end(&line);
}

static uint8_t copy_text(char *to, size_t cap, struct str from)
{
	size_t n = from.n < cap ? from.n : cap;
	if (n > 0)
		memcpy(to, from.p, n);
	return (uint8_t)n;
}

static void trace(const struct op *op)
{
	struct trace_span span = {.has_parent = false};
	const struct err_info *info = err_info(op->err);
	if (!trace_begin(op->env->traces, op->origin.traceparent, &span))
		return;
	span.end_us = clock_wall_us();
	span.start_us = span.end_us - (clock_mono_us() - op->started_us);
	span.operation = op_row_name(row_of(op));
	span.outcome = op->err == ERR_OK ? "granted" : info->code;
	if (op->origin.transport == 'g')
		span.rpc = op->spec == NULL || op->spec->grpc == NULL ? "unknown" : op->spec->grpc;
	span.method = op->spec == NULL ? NULL : op->spec->method;
	span.route = op->spec == NULL ? NULL : op->spec->path;
	span.http_status = op->env->status(op);
	span.grpc_status = op->err == ERR_OK ? 0 : info->grpc;
	span.request_id_n = copy_text(span.request_id, sizeof span.request_id, op->request_id);
	span.client_address_n = copy_text(span.client_address, sizeof span.client_address, op->origin.remote_addr);
	trace_note(op->env->traces, &span);
}

static const char *retry_after(const struct op *op)
{
	if (op->err == ERR_INTERNAL)
		return NULL;
	if (op->err == ERR_RATE_LIMITED && op->retry_after != NULL)
		return op->retry_after; /* the one refusal that knows */
	return err_fault(op->err) == FAULT_PASSING ? "1" : NULL;
}

/* What there was no memory for looks absent, malformed or wrong, so no refusal that says so can be
 * believed. It may have been another op's memory: "try again" is true then too. */
static void doubt(struct op *op)
{
	if (op->starved == starved_count() || op->err == ERR_OK || op->err == ERR_CANCELLED || op->err == ERR_DEADLINE_EXCEEDED ||
	    err_fault(op->err) == FAULT_PASSING)
		return;
	op->err = ERR_OVERLOADED;
	op->err_detail = NULL;
}

static void op_finish(struct op *op)
{
	assert(!op->finished);
	op->finished = true;
	if (op->err == ERR_OK && arena_overflowed(op->arena))
		op->err = ERR_INTERNAL;
	if (op->err == ERR_NO_MEMORY)
		op->err = ERR_OVERLOADED;
	doubt(op);
	if (err_fault(op->err) == FAULT_OURS)
		op->err = ERR_INTERNAL;
	if (op->err == ERR_OK && op->compose != NULL && !op->compose(op, op->transport))
		op->err = ERR_INTERNAL;
	op->retry_after = retry_after(op);
	if (op->env->limits != NULL)
		op_settle(op);
	unsigned row = row_of(op);
	struct op_counters *counters = op->env->counters;
	atomic_fetch_add_explicit(&counters->outcomes[op->origin.transport == 'g'][row][op->err], 1, memory_order_relaxed);
	histogram_note(&counters->durations[row], &histogram_microseconds, (uint64_t)(clock_mono_us() - op->started_us));
	count_denied(op);
	write_access_line(op);
	trace(op);
	op->reply(op, op->transport);
}

static void refusal_recorded(void *arg, enum err err)
{
	struct op *op = arg;
	if (err != ERR_OK)
		op->err = err;
	op_finish(op);
}

/* An act that is refused is answered once that is recorded. */
static void end(struct op *op)
{
	if (!op_record_refusal(op, refusal_recorded))
		op_finish(op);
}

static void run_steps(struct op *op)
{
	while (*op->step != NULL) {
		/* what was under way has completed; what would follow is for nobody */
		if (op->abandoned != ERR_OK) {
			op_fail(op, op->abandoned, NULL);
			break;
		}
		op_step *step = *op->step++;
		switch (step(op)) {
		case OP_MORE:
			continue;
		case OP_WAIT:
			return;
		case OP_DONE:
			end(op);
			return;
		}
	}
	op_finish(op);
}

void op_run(struct op *op)
{
	op_name_act(op);
	if (op->env->limits != NULL)
		op_admit(op);
	/* what was asked for isn't all there, and less of it may be more; doubt() tells why */
	if (op->err == ERR_OK && arena_overflowed(op->arena))
		op_fail(op, ERR_INTERNAL, NULL);
	if (op->err != ERR_OK || op->spec == NULL)
		op_finish(op);
	else
		run_steps(op);
}

void op_resume(struct op *op, enum err err)
{
	bool unfinished = *op->step != NULL && !op->completed;
	if (err == ERR_OK && unfinished && clock_mono_us() >= op_until_us(op))
		err = ERR_STORE_UNAVAILABLE;
	if (err != ERR_OK) {
		op->err = err;
		end(op);
		return;
	}
	run_steps(op);
}

void op_abandon(struct op *op, enum err why)
{
	if (op->finished || op->abandoned != ERR_OK)
		return;
	op->abandoned = why;
	bool submitted = op->issue.done != NULL;
	if (submitted && issue_withdraw(op->env->store, &op->issue))
		op_resume(op, why);
}
