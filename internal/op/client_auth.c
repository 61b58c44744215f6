#include "op/client_auth.h"

#include "op/credential_form.h"
#include "op/private_key_jwt.h"
#include "op/tls_client_auth.h"

/* Without its credentials a client hasn't authenticated (RFC 6749 section 5.2); with a bearer it
 * is the bearer's owner who left a parameter out. */
static enum op_verdict refuse_missing(struct op *op, const char *client, const char *other)
{
	return op->spec->who == OP_BY_ADMIN ? op_fail(op, ERR_INVALID_REQUEST, other) : op_fail(op, ERR_INVALID_CLIENT, client);
}

static enum op_verdict take_secret(struct op *op)
{
	const struct op_input *in = &op->in;
	if (in->client_id.p == NULL)
		return refuse_missing(op, "The client must authenticate, with HTTP Basic or in the body: client_id is missing.",
				      "The parameter client_id is missing.");
	if (in->client_secret.p == NULL)
		return refuse_missing(op, "The client must authenticate, with HTTP Basic or in the body: client_secret is missing.",
				      "The parameter client_secret is missing.");
	return op_may_be_client_id(op, in->client_id) && op_may_be_secret(op, in->client_secret) ? OP_MORE
												 : op_fail(op, ERR_INVALID_CLIENT, NULL);
}

enum op_verdict op_take_client(struct op *op)
{
	const struct op_input *in = &op->in;
	bool asserts = in->client_assertion.p != NULL || in->client_assertion_type.p != NULL;
	/* RFC 6749 section 2.3 */
	if (asserts && in->client_secret.p != NULL)
		return op_fail(op, ERR_INVALID_REQUEST, "The client must not authenticate in more than one way.");
	if (asserts)
		return op_take_assertion(op);
	if (!op_shows_certificate(op))
		return take_secret(op);
	return op_may_be_client_id(op, in->client_id) ? op_take_certificate(op) : op_fail(op, ERR_INVALID_CLIENT, NULL);
}

enum err op_client_verifiers(struct op *op, struct str *ret)
{
	size_t length = (size_t)op->env->config->ring.n * SHA256_LEN;
	*ret = STR_NONE;
	if (op->shown.auth_method != '\0')
		return ERR_OK;
	uint8_t *verifiers = arena_alloc(op->arena, length);
	if (verifiers == NULL)
		return ERR_NO_MEMORY;
	*ret = str_from(verifiers, length);
	return verifier_ring_make(op->env->verifiers, op->in.client_id, op->in.client_secret, verifiers);
}

enum err op_profile_fault(struct op *op, enum err err)
{
	if (err != ERR_PROFILE_VIOLATED || op->fapi2_fault == NULL)
		return err;
	op->err_detail = op->fapi2_fault;
	return op->fapi2_err;
}
