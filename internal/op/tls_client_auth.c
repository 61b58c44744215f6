#include "op/tls_client_auth.h"

#include "op/certificate_memo.h"
#include "op/op_steps.h"

/* Names are asked for by those alone who may authenticate with one. */
static bool may_authenticate(const struct op *op)
{
	return op->spec->who == OP_BY_CLIENT || op->spec->who == OP_BY_RESOURCE_SERVER || op->spec->id == OP_ISSUE_TOKEN;
}

static void note(struct op *op, struct client_certificate *certificate)
{
	int64_t now = store_now_us(op->env->store) / 1000000;
	struct client_certificate_worth worth = client_certificate_judge(certificate, op->env->authorities, now);
	op->certificate.shown = true;
	op->held.x5t = arena_copy(op->arena, worth.x5t);
	if (may_authenticate(op))
		op->certificate.names = arena_copy(op->arena, worth.names);
	if (arena_overflowed(op->arena) && op->err == ERR_OK)
		op_fail(op, ERR_NO_MEMORY, NULL);
}

/* RFC 9440 section 2.2: one certificate, in one field. */
static void note_field(struct op *op, const struct forwarded *caller)
{
	struct client_certificate *certificate = NULL;
	enum err err = ERR_MALFORMED;
	if (caller->certificates == 1 && caller->chains <= FORWARDED_CHAIN_MAX)
		err = certificate_memo_read(op->env->certificates, caller->certificate, caller->chain, caller->chains, &certificate);
	if (err == ERR_OK)
		note(op, certificate);
	else if (err == ERR_MALFORMED)
		op_fail(op, ERR_INVALID_REQUEST,
			caller->certificates == 1 ? "The proxy's fields with the client's certificate are not as RFC 9440 has them."
						  : "The proxy's field with the client's certificate stands there more than once.");
	else
		op_fail(op, err, NULL);
}

void op_note_certificate(struct op *op, const struct forwarded *caller, struct client_certificate *of_connection)
{
	bool by_field = forwarded_by_field(caller);
	if (by_field ? caller->certificates == 0 : of_connection == NULL)
		return;
	if (op->spec == NULL || op->err != ERR_OK || op->spec->who == OP_BY_ANYONE)
		return;
	if (by_field)
		note_field(op, caller);
	else
		note(op, of_connection);
}

bool op_shows_certificate(const struct op *op)
{
	const struct op_input *in = &op->in;
	return op->certificate.shown && in->client_id.p != NULL && !in->basic && in->client_secret.p == NULL &&
	       in->client_assertion.p == NULL && in->client_assertion_type.p == NULL;
}

enum op_verdict op_take_certificate(struct op *op)
{
	struct str names = op->certificate.names;
	if (op->held.x5t.p == NULL)
		return op_fail(op, ERR_INVALID_CLIENT, "The client certificate's time hasn't come, or is over.");
	op->shown.auth_method = names.p != NULL ? 't' : 's';
	op->shown.credentials =
		names.p == NULL ? op->held.x5t : arena_printf(op->arena, "%.*s\n%.*s", STR_ARG(op->held.x5t), STR_ARG(names));
	return op->shown.credentials.p != NULL ? OP_MORE : op_fail(op, ERR_NO_MEMORY, NULL);
}
